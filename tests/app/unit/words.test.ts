// SPDX-License-Identifier: Apache-2.0
// The Chinese words that growers know, where a word for word translation misled them.
import { describe, expect, it } from 'vitest';
import { readdirSync, readFileSync } from 'node:fs';
import { METRICS } from 'virtual:metrics';
import { en } from '../../../gateway/app/src/i18n/en';
import { later } from '../../../gateway/app/src/i18n/later';
import { zh } from '../../../gateway/app/src/i18n/zh';

const text = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('the words in Chinese', () => {
  it('calls the lowest level a hint, not a message', () => {
    expect(zh['level.info']).toBe('提示');
    expect(zh['frost.info']).toBe('霜冻提示');
  });
  it('says of a value that stands still what to do', () => {
    expect(zh['flag.stuck']).toBe('数值不变，请检查');
  });
  it('calls the box in the shed the main machine', () => {
    expect(zh['state.offline']).toBe('主机离线');
  });
  it('names plots, buds and the ready harvest as growers do', () => {
    expect(zh['tomorrow.details']).toBe('分地块');
    expect(zh['grow.share']).toBe('可采的芽');
    expect(zh['grow.ready']).toBe('现在能采');
    expect(zh['tomorrow.ready']).toMatch(/^现在能采 /);
  });
  it('asks to tick a box, not to open it', () => {
    expect(zh['login.keep.why']).toMatch(/^只在自己的手机上勾选。/);
  });
  it('keeps none of the words that misled', () => {
    const old = /(?<!Modbus )网关|已达标的新梢|树上(有多少)?可采|各地块|霜冻消息|^不动$|手机上打开|最近几小时没有土壤水分|能忍|墒情/;
    expect([...Object.values(zh), ...Object.values(later.zh)].filter((text) => old.test(text))).toEqual([]);
    for (const file of ['gateway/app/src/county/words.ts', 'README.zh-CN.md', 'docs/TECHNICIAN.zh-CN.md', 'docs/family.zh-CN.html', 'docs/po/zh_CN.po',
      'docs/po/messages/zh_CN.po', 'gateway/forecast/water.c', 'gateway/daemon/alerts/text.c', 'protocols/metric/words.def', 'protocols/metric/metrics.def']) {
      expect(text(file).match(old), file).toBeNull();
    }
  });
});

/** Rows of protocols/metric/words.def, and of metrics.def as far as they are words. */
const row = /^WORD\((\w+), (\w+), "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)"\)$/;
const words = text('protocols/metric/words.def').split('\n').flatMap((line) => {
  const [, group = '', name = '', en = '', zh = '', ledEn = '', ledZh = ''] = row.exec(line) ?? [];
  return group ? [{ key: `${group}.${name}`, en, zh, ledEn, ledZh }] : [];
});
const metrics = text('protocols/metric/metrics.def').split('\n').flatMap((line) => {
  const [, key = '', en = '', zh = '', ledEn = '', ledZh = ''] = /^METRIC\((\w+),.*"([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)"\)$/.exec(line) ?? [];
  return key ? [{ key, en, zh, ledEn, ledZh }] : [];
});
const parts = (s: string): string[] => s.toLowerCase().split(/[^\p{L}\p{N}.,’]+/u).map((w) => w.replace(/[.,]+$/, '')).filter((w) => w !== '');
/** Each word of the short text begins one of the long one, in the same order. */
const cutShort = (short: string, long: string): boolean => {
  let rest = parts(long);
  return parts(short).every((w) => {
    const at = rest.findIndex((l) => l.startsWith(w));
    rest = rest.slice(at + 1);
    return at >= 0;
  });
};
/** The short text's characters are the long one's, in the same order. */
const leftOut = (short: string, long: string): boolean => {
  let at = -1;
  return [...short].every((c) => (at = long.indexOf(c, at + 1)) >= 0);
};

describe('the words of app and LED screen', () => {
  it('are read from both tables', () => {
    expect(words.length).toBe(text('protocols/metric/words.def').match(/^WORD\(\w+, /gm)?.length);
    expect(metrics.map((m) => m.key)).toEqual(Object.keys(METRICS));
  });
  it('are the same, cut short on the screen', () => {
    const others = [...words, ...metrics].filter((w) => w.ledEn === '' || w.ledZh === '' || !cutShort(w.ledEn, w.en) || !leftOut(w.ledZh, w.zh));
    expect(others).toEqual([]);
  });
  it('are the tables’ in the app, which has none of its own for them', () => {
    for (const w of words) expect([(zh as Record<string, string>)[w.key], (en as Record<string, string>)[w.key]]).toEqual([w.zh, w.en]);
    const own = Object.entries({ ...zh, ...later.zh }).filter(([key]) => !words.some((w) => w.key === key));
    const asked = new Set(['flag.look', 'frost.title', 'frost.at', 'weight.title']); // no flag, level or unit
    expect(own.filter(([key]) => /^(flag|level|frost|disease|weight)\./.test(key) && !asked.has(key))).toEqual([]);
    expect(own.filter(([, said]) => metrics.some((m) => m.zh === said))).toEqual([]);
  });
  it('are the tables’ on the screen, which has none of its own but dates', () => {
    const folder = new URL('../../../gateway/led/', import.meta.url);
    const said = readdirSync(folder).filter((f) => f.endsWith('.c')).flatMap((f) =>
      text(`gateway/led/${f}`).match(/"[^"\n]*[\u4e00-\u9fff][^"\n]*"/g) ?? []);
    expect(said.filter((s) => !/^"(周[日一二三四五六]|%d月%d日)"$/.test(s))).toEqual([]);
  });
  it('are those of the command in Chinese, too', () => {
    const said = text('docs/po/messages/zh_CN.po');
    for (const name of ['stale', 'range', 'stuck', 'absent', 'uncalibrated', 'fault', 'clock']) {
      const command = new RegExp(`^msgid "${name}"\nmsgstr "([^"]*)"`, 'm').exec(said)?.[1] ?? '';
      expect(zh[`flag.${name as 'stale'}`]).toContain(command || name);
    }
    for (const name of ['info', 'watch', 'alarm']) expect(said).toContain(`msgid "${name}"\nmsgstr "${zh[`level.${name as 'info'}`]}"`);
  });
  it('weigh in jin on the pages that come with the screen', () => {
    for (const pages of ['pages.yaml', 'pages-demo.yaml']) expect(text(`gateway/led/${pages}`)).toMatch(/pick_jin/);
  });
});
