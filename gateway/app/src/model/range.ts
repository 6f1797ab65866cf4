// SPDX-License-Identifier: Apache-2.0
// The spans of time that a chart offers.
import { midnight } from './format';

export type Range = 'day' | 'week' | 'month' | 'year';
export const SPAN_MS: Record<Range, number> = {
  day: 86400e3, week: 7 * 86400e3, month: 31 * 86400e3, year: 366 * 86400e3,
};
export const RANGES = Object.keys(SPAN_MS) as Range[];

/** By how much the same dates of `years` ago lie back. */
export function yearsBack(at: number, years: number): number {
  const then = new Date(at);
  then.setUTCFullYear(then.getUTCFullYear() - years);
  return at - then.getTime();
}

/** Up to now and no further: an hour after midnight a week is seven days, not six and an empty strip.
 *  Rounded, so that the same range is asked for the same answer; from a midnight where days are drawn. */
export function rangeUpTo(now: number, range: Range, days: boolean, zone: string): [number, number] {
  const grid = range === 'day' ? 300e3 : 3600e3;
  const end = Math.ceil(now / grid) * grid;
  const from = end - SPAN_MS[range];
  return [days ? midnight(from, zone) : from, end];
}
