// SPDX-License-Identifier: Apache-2.0
// Counts of ready shoots, as the gateway lists them: the newest day first.
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
