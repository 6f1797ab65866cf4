// SPDX-License-Identifier: Apache-2.0
// What the notes of picking on this phone say: who was booked, what was picked last.
import type { Pick } from '../keep/db';
import { type Day, dayAfter } from './format';
import type { Forecast, PlotForecast } from './payload';

export const PICKERS_MAX = 500;

export const bookedFor = (picks: Pick[], plot: string, day: string): Pick | undefined =>
  picks.find((p) => p.booking && p.plot === plot && p.day === day);

export interface Said {
  pickers: number;
  /** This phone's own word; none: another phone's. */
  pick?: Pick;
}

/** Who comes on the day after today: what was said here, until the gateway tells what it knows since. */
export function saidFor(picks: Pick[], plot: string, on: Day, forecast: Forecast | null, zone: string): Said | null {
  const pick = bookedFor(picks, plot, on.day);
  const told = forecast && dayAfter(forecast.ts, zone).day === on.day ? forecast : null;
  const known = told?.plots[plot]?.booked ?? null;
  if (told === null || known === null || (pick && (!pick.sent || pick.made >= told.ts))) return pick ? { pickers: pick.pickers, pick } : null;
  return pick?.pickers === known ? { pickers: known, pick } : { pickers: known };
}

/** How many probably come: as many as last time, else as many as there is work for. */
export function likelyPickers(picks: Pick[], plot: string, forecast: PlotForecast | undefined): number {
  const last = picks.find((p) => p.plot === plot && p.pickers > 0);
  return Math.min(PICKERS_MAX, last?.pickers ?? forecast?.pickers ?? 2);
}

export type Doubt = 'nothing' | 'much' | 'little';

const USUAL_OF = 5; // picks
const FACTOR = 10; // times the usual
const PICKER_MOST_KG = 30; // in a day, by hand
const PLOT_MOST_KG = 500; // when nobody said how many picked

/** What to ask about before a pick is stored, because it looks like a slip of the finger. */
export function doubt(picks: Pick[], plot: string, kg: number, pickers: number): Doubt | null {
  if (kg === 0) return 'nothing';
  const known = picks.filter((p) => p.plot === plot && !p.booking && p.kg > 0 && p.error === '').slice(0, USUAL_OF);
  const usual = known.map((p) => p.kg).sort((a, b) => a - b)[known.length >> 1];
  if (usual !== undefined && kg >= FACTOR * usual) return 'much';
  if (usual !== undefined && kg * FACTOR <= usual) return 'little';
  return kg > (pickers > 0 ? pickers * PICKER_MOST_KG : PLOT_MOST_KG) ? 'much' : null;
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

/** All that was booked on these plots; null when nothing was. */
export function bookedInAll(picks: Pick[], plots: string[], on: Day, forecast: Forecast, zone: string): Booked | null {
  const rows = plots.flatMap((plot) => saidFor(picks, plot, on, forecast, zone) ?? []);
  if (rows.length === 0) return null;
  const taken = rows.filter((said) => !said.pick?.error); // what was refused is not booked
  return {
    pickers: taken.reduce((n, said) => n + said.pickers, 0),
    plots: taken.length,
    fate: taken.length < rows.length ? 'refused' : taken.every((said) => said.pick?.sent ?? true) ? 'sent' : 'waits',
  };
}
