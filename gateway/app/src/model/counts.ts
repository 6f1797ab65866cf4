// SPDX-License-Identifier: Apache-2.0
// Counts of ready shoots, as the gateway lists them, and this phone's own over them: the newest day first.
import type { Pick } from '../keep/db';
import { number, object, text } from './payload';

export const FRAMES = 3;
export const SHOOTS_MAX = 500; // of a frame
const COUNTS_MAX = 200;
const DAY = /^\d{4}-\d\d-\d\d$/;

export interface Count {
  id: string;
  plot: string;
  day: string;
  /** Of one frame. */
  shoots: number;
  frames: number;
  by: string;
  /** This phone's own, which the gateway has not taken (yet). */
  mine?: Pick;
}

function count(x: unknown): Count | null {
  const o = object(x);
  const [shoots, frames] = [number(o?.shoots), number(o?.frames)];
  const [id, plot, day] = [text(o?.id, 64), text(o?.plot, 32), text(o?.day, 10)];
  if (id === '' || plot === '' || !DAY.test(day) || shoots === null || frames === null) return null;
  return { id, plot, day, shoots, frames, by: text(o?.by, 64) };
}

export function parseCounts(x: unknown): Count[] {
  const o = object(x);
  return o && Array.isArray(o.counts) ? o.counts.slice(0, COUNTS_MAX).map(count).filter((c): c is Count => c !== null) : [];
}

/** All counts of a plot: this phone's own stand over what the gateway had at `askedAt` (null: it was
 *  not asked) while they wait, or were sent since. */
export function standing(theirs: Count[], own: Pick[], plot: string, askedAt: number | null): Count[] {
  const kept = own.filter((p) => p.plot === plot && p.counted
    && (!p.sent || p.error !== '' || askedAt === null || (p.sentAt ?? p.made) >= askedAt));
  const ids = new Set(kept.map((p) => p.id));
  const shown = kept.filter((p) => !p.gone || p.error !== '').map((p): Count => ({ id: p.id, plot, day: p.day, shoots: p.counted?.shoots ?? 0,
    frames: p.counted?.frames ?? FRAMES, by: '', ...(p.sent ? {} : { mine: p }) }));
  return [...shown, ...theirs.filter((c) => c.plot === plot && !ids.has(c.id))].sort((a, b) => (a.day === b.day ? 0 : a.day < b.day ? 1 : -1));
}
