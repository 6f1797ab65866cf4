// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Pick } from '../../../gateway/app/src/keep/db';
import { coldNights, firstPick, ledgerCsv, seasonBegins, shares, sums, warmth } from '../../../gateway/app/src/model/growing';
import { emptySeries, type Series } from '../../../gateway/app/src/model/series';

const zone = 'Asia/Shanghai';
const DAY = 86400e3;
const begins = Date.UTC(2025, 11, 31, 16);
const days = (means: [day: number, mean: number, min?: number][]): Series => ({ ...emptySeries('day'), t: means.map(([d]) => begins + d * DAY),
  n: means.map(() => 1440), min: means.map(([, m, low]) => low ?? m - 5), mean: means.map(([, m]) => m), max: means.map(([, m]) => m + 5) });
const pick = (day: string, plot: string, kg: number, more = {}): Pick => ({ id: `${day}${plot}${kg}`, user: 'aunt', url: '', plot, day, kg, pickers: 2, made: 1, sent: true,
  error: '', by: '=aunt', ...more });

describe('a season', () => {
  it('begins in January, south of the equator in July, of this year or one before', () => {
    const at = Date.UTC(2026, 3, 10);
    expect([0, 1].map((back) => seasonBegins(at, back, zone, false))).toEqual([begins, Date.UTC(2024, 11, 31, 16)]);
    expect(seasonBegins(at, 0, zone, true)).toBe(Date.UTC(2025, 5, 30, 16));
    expect(seasonBegins(Date.UTC(2025, 11, 31, 15, 59), 0, zone, false)).toBe(Date.UTC(2024, 11, 31, 16));
    expect(seasonBegins(begins, 0, zone, false)).toBe(begins);
  });
  it('sums the warmth above 10 °C of daily means up to 30, and leaves a hole where a day is missing', () => {
    expect(warmth(days([[0, 8], [1, 14.5], [3, 35], [4, 11]]), begins).days).toEqual([0, 4.5, null, 24.5, 25.5]);
    expect(warmth(days([[-1, 20], [200, 20]]), begins).days).toEqual([]);
  });
  it('makes ready what the gateway’s curve says, today exactly its share', () => {
    const curve = warmth(days([[0, 20], [1, 20], [2, 20]]), begins);
    const ready = shares(curve, 30, 0.2, 5).days;
    expect(ready[2]).toBeCloseTo(0.2);
    expect(ready[1]).toBeCloseTo(1 / (1 + Math.exp(-(20 - (30 - 5 * Math.log(0.25))) / 5)));
    expect(shares(curve, 30, 0, 5).days).toEqual([]);
  });
  it('has its first pick, its kilograms and its frost nights; bookings and what was deleted count nothing', () => {
    const all = [pick('2026-03-20', 'upper', 4), pick('2026-03-18', 'creek', 2), pick('2026-03-10', 'upper', 0, { booking: 1 }), pick('2026-03-11', 'upper', 9, { gone: true }),
      pick('2026-03-20', 'upper', 1.5)];
    expect(firstPick(all)).toBe('2026-03-18');
    expect([...sums(all, (p) => p.day)]).toEqual([['2026-03-20', 5.5], ['2026-03-18', 2]]);
    expect(firstPick([])).toBeNull();
    expect(coldNights(days([[0, 8, 1.9], [1, 8, 2], [2, 8, -3]]), 2)).toBe(2);
  });
  it('is a table for the co-operative: days in order, names as people know them, nothing a formula', () => {
    const text = ledgerCsv(['day', 'plot', 'kg', 'people', 'by'], [pick('2026-03-20', 'upper', 4.25), pick('2026-03-18', 'creek', 2)], (p) => `@${p}`);
    expect(text).toBe("\ufeffday,plot,kg,people,by\r\n2026-03-18,'@creek,2,2,'=aunt\r\n2026-03-20,'@upper,4.25,2,'=aunt\r\n");
  });
});
