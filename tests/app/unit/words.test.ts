// SPDX-License-Identifier: Apache-2.0
// The Chinese words that growers know, where a word for word translation misled them.
import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
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
    const old = /网关|已达标的新梢|树上可采|各地块|霜冻消息|^不动$|手机上打开/;
    expect([...Object.values(zh), ...Object.values(later.zh)].filter((text) => old.test(text))).toEqual([]);
    expect(text('gateway/app/src/county/words.ts')).not.toMatch(old);
  });
});

describe('the words of the LED screen', () => {
  const led = text('gateway/led/strings.c');
  const of = (name: string): string => new RegExp(`(?:"|WORD_|METRIC_)${name}"?(?:,|\\] =) *\\{\\{"([^"]*)"`, 'i').exec(led)?.[1] ?? `none for ${name}`;
  it('are the app’s, or the part of them for which a screen has room', () => {
    for (const name of ['blister_blight', 'white_star', 'anthracnose'] as const) expect(of(name)).toBe(zh[`disease.${name}`]);
    for (const name of ['none', 'low', 'medium', 'high', 'info', 'watch'] as const) expect(of(name)).toBe(zh[`level.${name}`].replace(/ .*/, ''));
    for (const name of ['stale', 'range', 'stuck', 'uncalibrated', 'fault', 'clock'] as const) expect(zh[`flag.${name}`]).toContain(of(name));
    expect([zh['grow.ready'], zh['grow.share'], zh['pick.pickers']].map((long, i) => long.includes(of(['ready_kg', 'share_ready', 'pickers'][i] ?? '')))).toEqual([true, true, true]);
    expect(of('gateway_offline')).toBe(zh['state.offline']);
  });
});
