// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest';
import { chooseLang, said, setLang, t, metricWord } from '../../../gateway/app/src/i18n';
import { en } from '../../../gateway/app/src/i18n/en';
import { zh } from '../../../gateway/app/src/i18n/zh';
import { age, clockTime, day, fullDate, midnight, monthDay, validZone, value, when } from '../../../gateway/app/src/model/format';
import { metricValue } from '../../../gateway/app/src/views/metric';

const zone = 'Asia/Shanghai';
const T = Date.UTC(2026, 10, 21, 22, 30); // 06:30 on the 22nd in the garden

beforeAll(() => {
  (globalThis as { document?: unknown }).document = { documentElement: { lang: '' } };
  setLang('zh');
});

describe('numbers', () => {
  it('have the digits of their metric and a minus that is seen', () => {
    expect(metricValue('air_temperature', -3.456)).toBe('−3.5');
    expect(metricValue('air_humidity', 83.4)).toBe('83');
    expect(value(-0.04, 1)).toBe('0.0');
    expect(value(12345.6, 1)).toBe('12346');
    expect(value(1e12, 1)).toBe('99999+');
  });
});

describe('ages', () => {
  it('are in the largest unit that still says something', () => {
    expect([0, 89e3, 91e3, 3600e3, 5399e3, 5400e3, 36 * 3600e3].map(age)).toEqual(
      ['刚刚', '刚刚', '2 分钟前', '60 分钟前', '90 分钟前', '2 小时前', '2 天前']);
    expect(age(-5e3)).toBe('刚刚');
    expect(age(-120e3)).toBe('时间有误');
  });
});

describe('dates', () => {
  it('are those of the garden, not of the phone', () => {
    expect(when(T, T, zone)).toBe('06:30');
    expect(when(T - 86400e3, T, zone)).toBe('11月21日 06:30');
    expect(when(T - 365 * 86400e3, T, zone)).toContain('2025');
    expect(day(T, zone)).toBe('2026-11-22');
    expect(day(midnight(T, zone), zone)).toBe('2026-11-22');
    expect(day(midnight(T, zone) - 1, zone)).toBe('2026-11-21');
    // The same moment whenever it is asked, to the millisecond and below.
    expect(new Set([0, 0.3, 0.7, 1, 3600e3 + 0.9].map((x) => midnight(T + x, zone)))).toEqual(new Set([Date.UTC(2026, 10, 21, 16)]));
  });
  it('are right where clocks are put on and back', () => {
    const berlin = 'Europe/Berlin';
    expect(when(Date.UTC(2026, 2, 29, 0, 59), null, berlin)).toBe('2026年3月29日 01:59');
    expect(clockTime(Date.UTC(2026, 2, 29, 1, 0), berlin)).toBe('03:00');
    expect(midnight(Date.UTC(2026, 2, 29, 20), berlin)).toBe(Date.UTC(2026, 2, 28, 23));
    expect(midnight(Date.UTC(2026, 9, 25, 20), berlin)).toBe(Date.UTC(2026, 9, 24, 22));
    expect([validZone('Europe/Berlin'), validZone('Mars/Olympus'), validZone('')]).toEqual([true, false, false]);
  });
  it('are written as people of each language do', () => {
    expect([monthDay(T, zone), fullDate(T, zone)]).toEqual(['11月22日', '2026年11月22日']);
    setLang('en');
    expect([monthDay(T, zone), fullDate(T, zone)]).toEqual(['22 Nov', '22 Nov 2026']);
    setLang('zh');
  });
});

describe('words', () => {
  it('are all there in both languages, with the same places for numbers', () => {
    for (const key of Object.keys(zh) as (keyof typeof zh)[]) {
      const places = (s: string) => [...new Set(s.match(/\{\d\}/g) ?? [])].sort();
      expect(places(en[key]), key).toEqual(places(zh[key]));
      expect(en[key].length, key).toBeGreaterThan(0);
    }
  });
  it('are Chinese unless somebody chose or uses another language', () => {
    expect(chooseLang(null, ['zh-TW'])).toBe('zh');
    expect(chooseLang(null, [])).toBe('zh');
    expect(chooseLang(null, ['de-DE', 'zh'])).toBe('en');
    expect(chooseLang('zh', ['en'])).toBe('zh');
  });
  it('replace the names of metrics in the gateway’s sentences, nothing else', () => {
    expect(said('frost: air_temperature 1.2, limit 2, not_a_metric')).toBe('frost: 气温 1.2, limit 2, not_a_metric');
  });
  it('never come from what is sent', () => {
    expect(metricWord('constructor', 'x')).toBe('x');
    expect(metricWord('air_temperature')).toBe('气温');
    expect(t('dev.every', '{0}<b>')).toBe('每 {0}<b> 一次');
  });
});
