// SPDX-License-Identifier: Apache-2.0
// History as a chart needs it: pages joined, late and live values merged in by time, holes found.
import type { Flag, History, Live } from './payload';

export type Step = 'raw' | 'hour' | 'day';

/** How several values of a time make one: see protocols/metric/metrics.def. */
export type Kind = 'mean' | 'sum' | 'angle' | 'last';

export interface Series {
  step: Step;
  kind: Kind;
  t: number[]; // ms, rising
  n: number[];
  min: (number | null)[];
  /** What stands for the bucket: the mean; of increments their sum, of directions their vector's. */
  mean: (number | null)[];
  max: (number | null)[];
  /** Readings that are not good, by time: raw ones with their flag, buckets with how many. */
  flags: Map<number, Flag | number>;
}

const HOUR_MS = 3600e3;

export const emptySeries = (step: Step, kind: Kind = 'mean'): Series => ({
  step, kind, t: [], n: [], min: [], mean: [], max: [], flags: new Map(),
});

function doubts(x: History | Series): [number, Flag | number][] {
  if (x.flags instanceof Map) return [...x.flags];
  const { t, bad } = x as History;
  return [
    ...t.flatMap((at, i): [number, number][] => (bad[i] ? [[at, bad[i]]] : [])),
    ...Object.entries(x.flags).map(([at, flag]): [number, Flag] => [Number(at), flag as Flag]),
  ];
}

/** Both in order of time; where both have a time the later answer is right. */
export function join(a: Series, b: History | Series): Series {
  const out = emptySeries(a.step, a.kind);
  out.flags = new Map([...a.flags, ...doubts(b)]);
  let [i, j] = [0, 0];
  const take = (from: History | Series, k: number) => {
    out.t.push(from.t[k] ?? 0);
    out.n.push(from.n[k] ?? 0);
    const mean = (a.kind === 'sum' && 'sum' in from ? from.sum?.[k] : from.mean[k]) ?? null;
    // Neither a sum nor a direction lies between a lowest and a highest one.
    const [min, max] = a.kind === 'sum' || a.kind === 'angle' ? [mean, mean] : [from.min[k] ?? null, from.max[k] ?? null];
    out.min.push(min);
    out.mean.push(mean);
    out.max.push(max);
  };
  while (i < a.t.length || j < b.t.length) {
    const [ta, tb] = [a.t[i] ?? Infinity, b.t[j] ?? Infinity];
    if (ta === tb) i += 1;
    if (tb <= ta) take(b, j++);
    else take(a, i++);
  }
  return out;
}

/** A reading that arrived while the chart is open; late ones find their place too. */
export function addLive(a: Series, live: Live, metric: string): Series {
  const value = live.values[metric];
  const flag = live.flags[metric];
  if (a.step !== 'raw' || (value === undefined && !flag)) return a;
  const v = value ?? null;
  return join(a, {
    t: [live.ts], n: [v === null ? 0 : 1], min: [v], mean: [v], max: [v],
    flags: flag ? { [live.ts]: flag } : {}, bad: [0], next: null,
  });
}

/** How far apart two neighbours may be before the time between them counts as a hole. */
export function holeMs(series: Series, everyS: number): number {
  if (series.step === 'hour') return 1.5 * HOUR_MS;
  if (series.step === 'day') return 36 * HOUR_MS;
  // A plot's raw values come from several devices: the typical distance, or the period, whichever
  // is longer.
  const gaps = series.t.slice(1).map((t, i) => t - (series.t[i] ?? t)).sort((x, y) => x - y);
  const median = gaps[gaps.length >> 1] ?? 0;
  return 2.5 * Math.max(everyS * 1000, median);
}

export interface Hole {
  from: number;
  to: number;
}

/** The holes of a range: no bucket, or a bucket without a value. `until` is now, or the range's end. */
export function holes(series: Series, everyS: number, from: number, until: number): Hole[] {
  const limit = holeMs(series, everyS);
  const width = series.step === 'hour' ? HOUR_MS : series.step === 'day' ? 24 * HOUR_MS : 0;
  const out: Hole[] = [];
  let last = from;
  const seen = (start: number, end: number) => {
    if (start - last > limit) out.push({ from: last, to: start });
    if (end > last) last = end;
  };
  series.t.forEach((t, i) => {
    if (t >= from && t <= until && series.mean[i] !== null) seen(t, Math.min(t + width, until));
  });
  if (until - last > limit) out.push({ from: last, to: until });
  return out;
}

/** Of a sum of vectors; null where they cancel each other out. */
function direction(east: number, north: number, n: number): number | null {
  if (Math.hypot(east, north) < 0.001 * n) return null;
  return Math.round(((Math.atan2(east, north) * 180) / Math.PI + 360) * 10) / 10 % 360;
}

/** What fell between two times; null when nothing is known. */
export function total(series: Series, from: number, to: number): number | null {
  const known = series.mean.filter((v, i): v is number => v != null && (series.t[i] ?? 0) >= from && (series.t[i] ?? 0) < to);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}

export interface Stats {
  min: number;
  mean: number;
  max: number;
}

/** Of what lies between two times, each bucket by how many readings it has; null: nothing is known. */
export function stats(series: Series, from: number, to: number): Stats | null {
  let [min, max, sum, n] = [Infinity, -Infinity, 0, 0];
  series.t.forEach((t, i) => {
    const mean = series.mean[i];
    if (mean == null || t + 2 * middleMs(series.step) <= from || t >= to) return;
    const count = Math.max(1, series.n[i] ?? 1);
    min = Math.min(min, series.min[i] ?? mean);
    max = Math.max(max, series.max[i] ?? mean);
    sum += mean * count;
    n += count;
  });
  return n === 0 ? null : { min, mean: sum / n, max };
}

/** The same at another time: last year's over this one's. */
export function shifted(series: Series, by: number): Series {
  if (by === 0) return series;
  return { ...series, t: series.t.map((t) => t + by), flags: new Map([...series.flags].map(([t, flag]) => [t + by, flag])) };
}

/** Hours put together to the days of the site, for when hours would be a tangle of lines. */
export function daily(series: Series, dayStart: (t: number) => number): Series {
  const out = emptySeries('day', series.kind);
  const east: number[] = []; // of directions: the sums of their vectors
  const north: number[] = [];
  series.t.forEach((at, i) => {
    const start = dayStart(at);
    if (out.t[out.t.length - 1] !== start) {
      out.t.push(start);
      out.n.push(0);
      out.min.push(null);
      out.mean.push(null);
      out.max.push(null);
    }
    const k = out.t.length - 1;
    const doubt = series.flags.get(at);
    const known = out.flags.get(start) ?? 0;
    if (doubt !== undefined) out.flags.set(start, (typeof known === 'number' ? known : 1) + (typeof doubt === 'number' ? doubt : 1));
    const [n, mean] = [series.n[i] ?? 0, series.mean[i]];
    if (mean == null || n <= 0) return;
    const before = out.n[k] ?? 0;
    if (series.kind === 'angle') {
      const x = (east[k] ?? 0) + n * Math.sin((mean * Math.PI) / 180);
      const y = (north[k] ?? 0) + n * Math.cos((mean * Math.PI) / 180);
      [east[k], north[k]] = [x, y];
      out.mean[k] = out.min[k] = out.max[k] = direction(x, y, before + n);
      out.n[k] = before + n;
      return;
    }
    if (series.kind === 'sum') out.mean[k] = (out.mean[k] ?? 0) + mean;
    else if (series.kind === 'last') out.mean[k] = mean;
    else out.mean[k] = ((out.mean[k] ?? 0) * before + mean * n) / (before + n);
    out.n[k] = before + n;
    out.min[k] = Math.min(out.min[k] ?? Infinity, series.min[i] ?? mean);
    out.max[k] = Math.max(out.max[k] ?? -Infinity, series.max[i] ?? mean);
    if (series.kind === 'sum') out.min[k] = out.max[k] = out.mean[k] ?? null;
  });
  return out;
}

/** A bucket is drawn in its middle, where its mean belongs. */
export const middleMs = (step: Step): number => (step === 'hour' ? HOUR_MS / 2 : step === 'day' ? 12 * HOUR_MS : 0);

/** Columns for uPlot (seconds), with a null where the line must break. */
export function columns(series: Series, everyS: number): [number[], (number | null)[], (number | null)[], (number | null)[]] {
  const limit = holeMs(series, everyS);
  const [t, min, mean, max]: [number[], (number | null)[], (number | null)[], (number | null)[]] = [[], [], [], []];
  const shift = middleMs(series.step);
  const stop = (at: number) => {
    t.push((at + shift) / 1000);
    min.push(null);
    mean.push(null);
    max.push(null);
  };
  // Bars are as wide as the nearest neighbours are apart, so theirs is a whole bucket on, even of one alone.
  const apart = series.kind === 'sum' && shift > 0 ? 2 * shift : 1;
  series.t.forEach((at, i) => {
    const before = series.t[i - 1];
    if (before !== undefined && at - before > limit) stop(before + apart);
    t.push((at + shift) / 1000);
    min.push(series.min[i] ?? null);
    mean.push(series.mean[i] ?? null);
    max.push(series.max[i] ?? null);
  });
  const last = series.t[series.t.length - 1];
  if (series.kind === 'sum' && last !== undefined) stop(last + apart);
  return [t, min, mean, max];
}

/** The finest step whose answers stay small on a mobile link. */
export function stepFor(spanMs: number, kind: Kind = 'mean'): Step {
  const days = spanMs / (24 * HOUR_MS);
  if (kind === 'sum') return days <= 2.1 ? 'hour' : 'day'; // bars that can be told apart
  return days <= 2.1 ? 'raw' : days <= 100 ? 'hour' : 'day';
}

/** Whether a lowest and a highest value say something beside it. */
export const hasRange = (kind: Kind): boolean => kind !== 'sum' && kind !== 'angle';

/** A cell that a spreadsheet will not take for a formula, in its wide form neither. */
export function csvCell(x: string | number | null): string {
  if (x === null) return '';
  if (typeof x === 'number') return String(x);
  const safe = /^[=+\-@\t\r\n＝＋－＠]/.test(x) ? `'${x}` : x;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** Times as ISO 8601 in UTC and in the site's own words; a value that is missing is an empty cell. */
export function csv(columnNames: string[], list: { label: string; series: Series }[], local: (t: number) => string): string {
  const numbers = ({ kind, min, mean, max }: Series, i: number) =>
    (hasRange(kind) ? [min[i] ?? null, mean[i] ?? null, max[i] ?? null] : [mean[i] ?? null]);
  const rows = [columnNames.map(csvCell).join(',')];
  for (const { label, series } of list) {
    series.t.forEach((t, i) => {
      rows.push([label, new Date(t).toISOString(), local(t), series.n[i] ?? 0, ...numbers(series, i),
        series.flags.get(t) ?? ''].map(csvCell).join(','));
    });
  }
  return `\ufeff${rows.join('\r\n')}\r\n`;
}

/** The bucket whose middle is next to that moment; -1: there is none. */
export function nearest(series: Series, at: number): number {
  const width = series.step === 'hour' ? 3600e3 : series.step === 'day' ? 86400e3 : 0;
  let best = -1;
  series.t.forEach((x, i) => {
    if (best < 0 || Math.abs(x + width / 2 - at) < Math.abs((series.t[best] ?? 0) + width / 2 - at)) best = i;
  });
  return best;
}
