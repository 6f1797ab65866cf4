// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { nights } from '../../../gateway/app/src/model/sun';

const HOUR = 3600e3;
/** Hours of the garden's clock (UTC+8). */
const clock = (ms: number) => (((ms / HOUR + 8) % 24) + 24) % 24;

describe('nights', () => {
  it('are from sunset to sunrise, to a few minutes, at Anji in June and in December', () => {
    for (const [month, set, rise] of [[5, 19 + 5 / 60, 5], [11, 17 + 2 / 60, 6 + 53 / 60]] as const) {
      const noon = Date.UTC(2026, month, 21, 4);
      const [night] = nights(noon, noon + 24 * HOUR, 30.6, 119.7);
      expect(Math.abs(clock(night?.[0] ?? 0) - set)).toBeLessThan(0.12);
      expect(Math.abs(clock(night?.[1] ?? 0) - rise)).toBeLessThan(0.12);
    }
  });
  it('are long in June south of the equator, and none where the sun does not set', () => {
    const from = Date.UTC(2026, 5, 21);
    const long = nights(from, from + 7 * 24 * HOUR, -33, 151).map(([a, b]) => b - a);
    expect(Math.max(...long)).toBeGreaterThan(13.5 * HOUR);
    expect(nights(from, from + 7 * 24 * HOUR, 78, 15).every(([a, b]) => b - a < HOUR)).toBe(true);
  });
  it('end where the range does', () => {
    const from = Date.UTC(2026, 2, 1, 14); // ten in the evening
    expect(nights(from, from + 2 * HOUR, 30.6, 119.7)).toEqual([[from, from + 2 * HOUR]]);
  });
});
