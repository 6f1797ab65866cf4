// SPDX-License-Identifier: Apache-2.0
// What the notes of picking on this phone say: who was booked, what was picked last.
import type { Pick } from '../keep/db';
import type { PlotForecast } from './payload';

export const PICKERS_MAX = 500;

export const bookedFor = (picks: Pick[], plot: string, day: string): Pick | undefined =>
  picks.find((p) => p.booking && p.plot === plot && p.day === day);

/** How many probably come: as many as last time, else as many as there is work for. */
export function likelyPickers(picks: Pick[], plot: string, forecast: PlotForecast | undefined): number {
  const last = picks.find((p) => p.plot === plot && p.pickers > 0);
  return Math.min(PICKERS_MAX, last?.pickers ?? forecast?.pickers ?? 2);
}

export interface PickedDay {
  day: string;
  kg: number;
  pickers: number;
}

/** The last day before `today` on which picks were noted, all plots together. */
export function lastPicked(picks: Pick[], today: string | null): PickedDay | null {
  const before = picks.filter((p) => !p.booking && today !== null && p.day < today);
  const newest = before.map((p) => p.day).sort().pop();
  if (newest === undefined) return null;
  const rows = before.filter((p) => p.day === newest);
  return { day: newest, kg: rows.reduce((n, p) => n + p.kg, 0), pickers: rows.reduce((n, p) => n + p.pickers, 0) };
}

export interface Booked {
  pickers: number;
  plots: number;
  /** The worst of them. */
  fate: 'sent' | 'waits' | 'refused';
}

/** All that was booked for that day on these plots; null when nothing was. */
export function bookedInAll(picks: Pick[], plots: string[], day: string): Booked | null {
  const rows = plots.flatMap((plot) => bookedFor(picks, plot, day) ?? []);
  if (rows.length === 0) return null;
  const taken = rows.filter((p) => !p.error); // what was refused is not booked
  return {
    pickers: taken.reduce((n, p) => n + p.pickers, 0),
    plots: taken.length,
    fate: taken.length < rows.length ? 'refused' : taken.every((p) => p.sent) ? 'sent' : 'waits',
  };
}
