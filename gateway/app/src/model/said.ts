// SPDX-License-Identifier: Apache-2.0
// What the forecast had said of each day, as the gateway keeps it, beside what was picked.
import type { Pick } from '../keep/db';
import { sums } from './growing';
import { number, object, text, type Triple } from './payload';

export interface Said {
  day: string;
  kg: Triple;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const ROWS_MAX = 400;

function row(x: unknown): Said | null {
  const o = object(x);
  const day = text(o?.day, 10);
  const kg = Array.isArray(o?.kg) ? o.kg.slice(0, 3).map(number) : [];
  const [low, middle, high] = kg;
  if (!DAY.test(day) || low == null || middle == null || high == null || low < 0 || low > middle || middle > high) return null;
  return { day, kg: [low, middle, high] };
}

export function parseSaid(x: unknown): Said[] {
  const list = object(x)?.said;
  return Array.isArray(list) ? list.slice(0, ROWS_MAX).map(row).filter((s): s is Said => s !== null) : [];
}

export interface Judged {
  day: string;
  said: Triple;
  picked: number;
}

/** The days that were said and picked, in order. */
export function judged(said: Said[], picks: Pick[]): Judged[] {
  const picked = sums(picks, (p) => p.day);
  return said.flatMap(({ day, kg }) => {
    const was = picked.get(day);
    return was === undefined ? [] : [{ day, said: kg, picked: was }];
  }).sort((a, b) => (a.day < b.day ? -1 : 1));
}

/** "Right within `kg` on `near` of the days": a quarter of a mean day, as the gateway counts it. */
export function near(days: Judged[]): { kg: number; days: number } {
  const kg = days.reduce((sum, d) => sum + d.picked, 0) / Math.max(1, days.length) / 4;
  return { kg, days: days.filter((d) => Math.abs(d.said[1] - d.picked) <= kg).length };
}
