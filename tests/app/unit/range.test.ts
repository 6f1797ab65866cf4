// SPDX-License-Identifier: Apache-2.0
// What a chart shows up to now, at any hour of the day.
import { describe, expect, it } from 'vitest';
import { rangeUpTo, yearsBack } from '../../../gateway/app/src/model/range';

const zone = 'Asia/Shanghai';
const HOUR = 3600e3;
const midnight = Date.UTC(2026, 3, 4, 16); // the 5th of April begins in the garden

describe('the range up to now', () => {
  it('is seven whole days of a week, whatever the hour, and ends with now', () => {
    for (const hour of [0.1, 0.9, 5.5, 12, 23.9]) {
      const now = midnight + hour * HOUR;
      const [from, to] = rangeUpTo(now, 'week', false, zone);
      expect(to - now).toBeGreaterThanOrEqual(0);
      expect(to - now).toBeLessThanOrEqual(HOUR);
      expect(to - from).toBe(7 * 24 * HOUR);
    }
  });
  it('begins with a whole day where days are drawn', () => {
    const [from, to] = rangeUpTo(midnight + 5 * HOUR, 'week', true, zone);
    expect((midnight - from) % (24 * HOUR)).toBe(0);
    expect(to - from).toBeGreaterThanOrEqual(7 * 24 * HOUR);
    expect(to - from).toBeLessThan(8 * 24 * HOUR);
  });
  it('asks for the same for five minutes of a day, and for an hour of the rest', () => {
    expect(rangeUpTo(midnight + 1, 'day', false, zone)).toEqual(rangeUpTo(midnight + 299e3, 'day', false, zone));
    expect(rangeUpTo(midnight + 1, 'month', false, zone)).toEqual(rangeUpTo(midnight + HOUR, 'month', false, zone));
  });
  it('is the same dates of an earlier year, leap or not', () => {
    expect(new Date(Date.UTC(2026, 3, 5) - yearsBack(Date.UTC(2026, 3, 5), 2)).toISOString().slice(0, 10)).toBe('2024-04-05');
    expect(yearsBack(Date.UTC(2025, 1, 10), 1)).toBe(366 * 24 * HOUR);
    expect(yearsBack(midnight, 0)).toBe(0);
  });
});
