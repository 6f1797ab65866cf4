// SPDX-License-Identifier: Apache-2.0
// What a plot's day was like: the last 24 hours as a line, today's lowest and highest, the night's lowest.
import type { Series } from './series';

const HOUR_MS = 3600e3;

export interface DayShape {
  /** The means of the last 24 hours, the oldest first; null: nothing known. */
  hours: (number | null)[];
  low: number | null;
  high: number | null;
  /** Between six in the evening and eight in the morning. */
  night: number | null;
}

export const NIGHT_BEFORE_MS = 6 * HOUR_MS; // before midnight
export const NIGHT_AFTER_MS = 8 * HOUR_MS;

const least = (list: number[]): number | null => (list.length === 0 ? null : Math.min(...list));

/** `hours` are hour buckets; `midnight` is the one before `now`; `value`: what it is now, if that is known. */
export function shapeOf(hours: Series, midnight: number, now: number, value: number | null): DayShape {
  const between = (list: (number | null)[], from: number, to: number): number[] =>
    list.filter((v, i): v is number => v !== null && (hours.t[i] ?? 0) >= from && (hours.t[i] ?? 0) < to);
  const present = value === null ? [] : [value];
  const first = Math.floor(now / HOUR_MS) * HOUR_MS - 23 * HOUR_MS;
  const night = between(hours.min, midnight - NIGHT_BEFORE_MS, midnight + NIGHT_AFTER_MS);
  const high = [...between(hours.max, midnight, now), ...present];
  return {
    hours: Array.from({ length: 24 }, (_, k) => between(hours.mean, first + k * HOUR_MS, first + (k + 1) * HOUR_MS)[0] ?? null),
    low: least([...between(hours.min, midnight, now), ...present]),
    high: high.length === 0 ? null : Math.max(...high),
    night: least(now < midnight + NIGHT_AFTER_MS ? [...night, ...present] : night),
  };
}
