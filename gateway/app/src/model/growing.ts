// SPDX-License-Identifier: Apache-2.0
// A season from the days of a plot: warmth as the gateway sums it, which share of the shoots that makes
// ready, picks by day and plot.
import type { Pick } from '../keep/db';
import { midnight } from './format';
import { csvCell, type Series } from './series';

const DAY_MS = 86400e3;
const SEASON_DAYS = 200; // in which warmth makes spring's shoots ready

/** Where buds begin to count warmth: the 1st of January, south of the equator of July. */
export function seasonBegins(now: number, years: number, zone: string, south: boolean): number {
  const [year = 1970, month = 1] = new Date(midnight(now, zone) + DAY_MS / 2).toISOString().split('-').map(Number);
  const first = south && month < 7 ? year - 1 : year;
  return midnight(Date.UTC(first - years, south ? 6 : 0, 1, 12), zone);
}

export interface Curve {
  /** By day of the season, up to the last that is known; null: that day is not known. */
  days: (number | null)[];
}

/** °C d above 10 °C, of daily means, as gateway/forecast/growth.h; a day that is missing adds nothing. */
export function warmth(days: Series, begins: number): Curve {
  const out: (number | null)[] = [];
  let sum = 0;
  days.t.forEach((t, i) => {
    const day = Math.round((t - begins) / DAY_MS);
    const mean = days.mean[i];
    if (day < 0 || day >= SEASON_DAYS || mean == null) return;
    while (out.length < day) out.push(null);
    sum += Math.max(0, Math.min(mean, 30) - 10);
    out.push(sum);
  });
  return { days: out };
}

export const last = (curve: Curve): number | null => curve.days[curve.days.length - 1] ?? null;

/** The share that each sum makes ready: the gateway's curve, laid through the share that it gives today. */
export function shares(of: Curve, today: number, share: number, spread: number): Curve {
  if (!(share > 0 && share < 1 && spread > 0)) return { days: [] };
  const middle = today - spread * Math.log(share / (1 - share));
  return { days: of.days.map((sum) => (sum === null ? null : 1 / (1 + Math.exp(-(sum - middle) / spread)))) };
}

export const picked = (picks: Pick[]): Pick[] => picks.filter((p) => p.booking === undefined && !p.gone && p.kg > 0);

export function firstPick(picks: Pick[]): string | null {
  return picked(picks).reduce<string | null>((first, p) => (first === null || p.day < first ? p.day : first), null);
}

/** Kilograms by a key, such as the day or the plot. */
export function sums(picks: Pick[], key: (pick: Pick) => string): Map<string, number> {
  const out = new Map<string, number>();
  for (const p of picked(picks)) out.set(key(p), (out.get(key(p)) ?? 0) + p.kg);
  return out;
}

/** The lowest of a day below `limit`: how often. */
export const coldNights = (days: Series, limit: number): number => days.min.filter((v) => v !== null && v < limit).length;

/** For the co-operative: the site's days, names as people know them, kilograms. */
export function ledgerCsv(titles: string[], picks: Pick[], label: (plot: string) => string): string {
  const rows = picked(picks).sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : a.plot < b.plot ? -1 : 1))
    .map((p) => [p.day, label(p.plot), Math.round(p.kg * 1000) / 1000, p.pickers, p.by ?? p.user]);
  return `\ufeff${[titles, ...rows].map((r) => r.map(csvCell).join(',')).join('\r\n')}\r\n`;
}
