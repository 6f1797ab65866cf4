// SPDX-License-Identifier: Apache-2.0
// Two languages, Chinese first. Every text of the app is in i18n/, those that the LED
// screen has, too, in i18n/shared.ts; t() falls back to
// the key, so that a missing text is seen and a hostile one is never looked up.
import { en } from './i18n/en';
import { zh, type Key } from './i18n/zh';
import { METRICS } from 'virtual:metrics';
import { channelOf } from './model/channel';
import { has } from './model/own';

export type Lang = 'zh' | 'en';

let current: Lang = 'zh';

export function chooseLang(saved: string | null, browser: readonly string[]): Lang {
  if (saved === 'zh' || saved === 'en') return saved;
  const first = browser[0]?.toLowerCase() ?? 'zh';
  return first.startsWith('zh') ? 'zh' : 'en';
}

export function setLang(lang: Lang): void {
  current = lang;
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
}

export const lang = (): Lang => current;

/** A text with {0}, {1}… filled in. */
export const fill = (text: string, args: (string | number)[]): string =>
  text.replace(/\{(\d)\}/g, (_, i: string) => String(args[Number(i)] ?? ''));

export const t = (key: Key, ...args: (string | number)[]): string => fill((current === 'zh' ? zh : en)[key], args);

/** A name that came over the wire, when it is one that the app has a word for. */
export function word(group: string, name: string, otherwise = name): string {
  const key = `${group}.${name}`;
  return has(zh, key) ? t(key as Key) : otherwise;
}

/** What people call a metric. */
export function metricWord(name: string, otherwise = name): string {
  const { base, channel } = channelOf(name, METRICS);
  const text = has(METRICS, base) ? METRICS[base]?.[current] : undefined;
  return text === undefined ? otherwise : channel ? `${text} ${channel}` : text;
}

/** Of two wordings the one in the page's language. */
export const ours = <T>(words: T & { zh: T | null }): T => (current === 'zh' && words.zh ? words.zh : words);

/** A sentence of the gateway's with the metrics' names put as people say them. */
export function said(sentence: string): string {
  return sentence.replace(/\b[a-z]+(?:_[a-z0-9]+)+\b/g, (name) => metricWord(name));
}

export type { Key };
