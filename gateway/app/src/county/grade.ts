// SPDX-License-Identifier: Apache-2.0
// Which garden is to be looked at first. Pure.
import type { Garden } from './api';

export type Grade = 'silent' | 'alarm' | 'look' | 'fine';

export const GRADES: readonly Grade[] = ['silent', 'alarm', 'look', 'fine'];

const BACKLOG_MUCH = 5000; // records: four hours of 20 devices

export function gradeOf(g: Garden, now: number, silentS: number): Grade {
  if (now - g.seen > silentS * 1000) return 'silent';
  if (g.alarms > 0) return 'alarm';
  if (g.watches > 0 || g.holes > 0 || g.aside > 0 || (g.backlog ?? 0) > BACKLOG_MUCH) return 'look';
  return 'fine';
}

export const nameOf = (g: { label: string | null; site: string }): string => g.label || g.site;

/** Worst first: by grade, then the longest silence, the most alerts, the most that is missing. */
export function worstFirst(gardens: readonly Garden[], now: number, silentS: number): Garden[] {
  const rank = (g: Garden) => GRADES.indexOf(gradeOf(g, now, silentS));
  return [...gardens].sort((a, b) => {
    const [ra, rb] = [rank(a), rank(b)];
    if (ra !== rb) return ra - rb;
    if (ra === 0) return a.seen - b.seen;
    return b.alarms - a.alarms || b.watches - a.watches || b.holes - a.holes || nameOf(a).localeCompare(nameOf(b));
  });
}
