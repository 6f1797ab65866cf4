// SPDX-License-Identifier: Apache-2.0
// Every byte that comes from the broker passes here first. A payload is hostile until its shape is
// proven: wrong types become "nothing", strings are cut and stripped of control and bidirectional
// characters, lists and maps have bounds. What leaves this file is plain data of the types below.

import { validZone } from './format';

export type Flag = 'stale' | 'range' | 'stuck' | 'absent' | 'uncalibrated' | 'fault' | 'clock';
export type Triple = [low: number, mid: number, high: number];

export interface Live {
  ts: number;
  everyS: number;
  boot: number;
  seq: number;
  values: Record<string, number>;
  flags: Record<string, Flag>;
}

export interface Metric {
  unit: string;
  decimals: number;
  label: string;
  min: number | null;
  max: number | null;
}

export interface Plot {
  name: string;
  label: string;
  devices: string[];
  areaM2: number | null;
  cultivar: string;
  standard: string;
  /** Where it lies, in degrees; null: the farm's file does not say. */
  at: Site['at'];
}

export interface Device {
  name: string;
  label: string;
  everyS: number | null;
  profile: string;
  bus: string;
}

/** Where an alert of the farm's begins. */
export interface Limit {
  rule: string;
  label: string;
  labelEn: string;
  metric: string;
  side: 'above' | 'below';
  limit: number;
  /** Beyond it on the other side the alert ends. */
  clear: number;
  level: Level;
  /** 1 … 12; null: all year. */
  months: number[] | null;
  /** null: all that measure it. */
  devices: string[] | null;
}

export interface Site {
  name: string;
  label: string;
  timezone: string;
  /** In degrees; null: nobody said. South of the equator spring is in September. */
  at: { lat: number; lon: number } | null;
  batchS: number;
  plots: Plot[];
  devices: Device[];
  metrics: Record<string, Metric>;
  limits: Limit[];
}

/** A reason; under `zh` in the gateway's own Chinese. */
export interface Why {
  why: string;
}

export interface PlotForecast {
  thermalTime: number | null;
  shareReady: number | null;
  /** How many °C d its curve takes: 5 % to 95 % are 5.9 of it. */
  shareSpread: number | null;
  readyKg: Triple | null;
  pickKg: Triple | null;
  pickers: number | null;
  /** For the day after the forecast's; null: nobody said. */
  booked: number | null;
  why: string;
  zh: Why | null;
  /** What the best rule of the season, which needs no gateway, says of tomorrow. */
  ruleKg: number | null;
  score: Score;
}

/** How good what was shown has been this season. */
export interface Score {
  days: number | null;
  maeKg: number | null;
  /** Against that rule; 0 and below: it was no worse. */
  skill: number | null;
  coverage: number | null;
  /** On so many of the days it was off by no more than that. */
  nearDays: number | null;
  nearKg: number | null;
  rule: string;
  ruleMaeKg: number | null;
}

export type Level = 'none' | 'low' | 'medium' | 'high' | 'watch' | 'alarm' | 'severe' | 'info';

export interface Forecast {
  ts: number;
  plots: Record<string, PlotForecast>;
  frost: { level: Level; minC: number | null; at: number | null; why: string; zh: Why | null } | null;
  disease: { name: string; level: Level; why: string; zh: Why | null }[];
  water: { plot: string; level: Level; why: string; zh: Why | null }[];
  /** A weather forecast for the site, and when it came: the nights after tonight. */
  ahead: { made: number; nights: { at: number; minC: number }[] } | null;
}

export interface Alert {
  id: string;
  /** The farm's own rule; '': the gateway's own. */
  rule: string;
  level: Level;
  what: string;
  where: string;
  /** Where it is, in the gateway's words; '': it has none. */
  place: string;
  since: number | null;
  todo: string;
  /** The worst since it began, and its unit. */
  extreme: number | null;
  unit: string;
  /** Of one that is over: since when. */
  ended: number | null;
  /** How long it held, where a device's log knows it better than its beginning and end. */
  heldMs: number | null;
  /** The gateway's own words in Chinese, where it has them. */
  zh: { what: string; place: string; todo: string } | null;
  acked: boolean;
  ackedBy: string;
  ackedAt: number | null;
}

export interface Health {
  online: boolean | null;
  lastSeen: number | null;
  counts: Record<string, number>;
  battery: number | null;
  firmware: string;
  /** What to look at, in both languages. */
  hint: { en: string; zh: string };
  turnaroundMs: number | null;
}

export interface History {
  t: number[];
  n: number[];
  min: (number | null)[];
  mean: (number | null)[];
  max: (number | null)[];
  /** Of increments, such as rain: what they add up to. */
  sum?: (number | null)[];
  /** Of raw readings that are not good, by time. */
  flags: Record<number, Flag>;
  /** How many readings of a bucket are not good. */
  bad: number[];
  next: number | null;
}

type Json = Record<string, unknown>;

const TEXT_MAX = 400;
const LIST_MAX = 512;
const BYTES_MAX = 512 * 1024;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const FLAGS: readonly string[] = ['stale', 'range', 'stuck', 'absent', 'uncalibrated', 'fault', 'clock'];
const LEVELS: readonly string[] = ['none', 'low', 'medium', 'high', 'watch', 'alarm', 'severe', 'info'];
// Control characters, line separators and everything that turns the direction of writing around.
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function isName(x: unknown): x is string {
  return typeof x === 'string' && NAME.test(x) && x !== '__proto__';
}

/** The JSON of a payload, or null. */
export function decode(payload: Uint8Array): unknown {
  if (payload.byteLength === 0 || payload.byteLength > BYTES_MAX) return null;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as unknown;
  } catch {
    return null;
  }
}

export function text(x: unknown, max = TEXT_MAX): string {
  if (typeof x === 'number' && Number.isFinite(x)) return String(x);
  if (typeof x !== 'string') return '';
  const clean = x.slice(0, max * 2).replace(UNPRINTABLE, ' ').trim();
  if (clean.length <= max) return clean;
  const points = [...clean];
  return points.length > max ? points.slice(0, max - 1).join('') + '…' : clean;
}

export function object(x: unknown): Json | null {
  return typeof x === 'object' && x !== null && !Array.isArray(x) ? (x as Json) : null;
}

export function number(x: unknown): number | null {
  return typeof x === 'number' && Number.isFinite(x) && Math.abs(x) < 1e15 ? x : null;
}

/** A time in ms UTC between 2001 and 2100; a number, or a date in ISO form. */
function time(x: unknown): number | null {
  const ms = typeof x === 'string' ? Date.parse(x) : number(x);
  return ms !== null && ms > 978e9 && ms < 4102e9 ? Math.round(ms) : null;
}

function level(x: unknown, fallback: Level): Level {
  return typeof x === 'string' && LEVELS.includes(x) ? (x as Level) : fallback;
}

function triple(x: unknown): Triple | null {
  if (!Array.isArray(x) || x.length !== 3) return null;
  const [low, mid, high] = x.map(number);
  if (low == null || mid == null || high == null) return null;
  return low >= 0 && low <= mid && mid <= high ? [low, mid, high] : null;
}

/** The entries of {name: thing} or [{name, …}], names checked, at most LIST_MAX. */
function named(x: unknown): [string, Json][] {
  const out: [string, Json][] = [];
  const rows = Array.isArray(x)
    ? x.map((row): [unknown, unknown] => [object(row)?.name ?? object(row)?.id, row])
    : Object.entries(object(x) ?? {});
  for (const [name, row] of rows.slice(0, LIST_MAX)) {
    const body = object(row);
    if (isName(name) && body) out.push([name, body]);
  }
  return out;
}

export function parseLive(x: unknown): Live | null {
  const o = object(x);
  const ts = time(o?.ts);
  if (!o || ts === null) return null;
  const values: Record<string, number> = {};
  for (const [name, v] of Object.entries(object(o.values) ?? {}).slice(0, 64)) {
    const value = number(v);
    if (isName(name) && value !== null) values[name] = value;
  }
  const flags: Record<string, Flag> = {};
  for (const [name, f] of Object.entries(object(o.flags) ?? {}).slice(0, 64)) {
    if (!isName(name) || f === 'good') continue;
    // A flag that this version does not know still says "not good".
    flags[name] = typeof f === 'string' && FLAGS.includes(f) ? (f as Flag) : 'fault';
  }
  const every = number(o.every_s);
  return {
    ts,
    everyS: every !== null && every > 0 && every <= 86400 * 7 ? every : 60,
    boot: number(o.boot) ?? 0,
    seq: number(o.seq) ?? 0,
    values,
    flags,
  };
}

function parseLimit(x: unknown): Limit | null {
  const o = object(x);
  const [limit, clear] = [number(o?.limit), number(o?.clear)];
  if (!o || limit === null || !isName(o.metric) || (o.side !== 'above' && o.side !== 'below')) return null;
  const months = Array.isArray(o.months) ? o.months.slice(0, 12).map(number).filter((m): m is number => m !== null) : null;
  return {
    rule: text(o.rule, 64), label: text(o.label, 64), labelEn: text(o.label_en, 64), metric: o.metric, side: o.side, limit,
    clear: clear ?? limit, level: level(o.level, 'watch'), months, devices: Array.isArray(o.devices) ? o.devices.slice(0, LIST_MAX).filter(isName) : null,
  };
}

const isList = (x: unknown): boolean => typeof x === 'object' && x !== null;

function location(x: unknown): Site['at'] {
  const [lat, lon] = [number(object(x)?.lat), number(object(x)?.lon)];
  return lat === null || lon === null || Math.abs(lat) > 90 || Math.abs(lon) > 180 || (lat === 0 && lon === 0) ? null : { lat, lon };
}

export function parseSite(x: unknown, name: string): Site | null {
  const o = object(x);
  if (!o || !isList(o.plots) || !isList(o.devices)) return null;
  const metrics: Record<string, Metric> = {};
  for (const [metric, m] of named(o.metrics)) {
    const decimals = number(m.decimals);
    metrics[metric] = {
      unit: text(m.unit, 16),
      decimals: decimals !== null ? Math.max(0, Math.min(3, Math.round(decimals))) : 1,
      label: text(m.label, 64),
      min: number(m.min),
      max: number(m.max),
    };
  }
  const plots = named(o.plots).map(([plot, p]): Plot => ({
    name: plot,
    label: text(p.label, 120) || plot,
    devices: Array.isArray(p.devices) ? p.devices.slice(0, LIST_MAX).filter(isName) : [],
    areaM2: number(p.area_m2),
    cultivar: text(p.cultivar, 64),
    standard: text(p.standard, 64),
    at: location(p.at),
  }));
  const devices = named(o.devices).map(([device, d]): Device => ({
    name: device,
    label: text(d.label, 120) || device,
    everyS: number(d.every_s),
    profile: text(d.profile, 64),
    bus: text(d.bus, 64),
  }));
  const timezone = text(o.timezone, 64) || text(object(o.location)?.timezone, 64);
  return {
    name,
    label: text(o.label, 120) || text(o.site, 64) || name,
    timezone: validZone(timezone) ? timezone : 'Asia/Shanghai',
    at: location(o.location),
    batchS: Math.max(0, Math.min(86400, number(o.batch_s) ?? 0)),
    plots,
    devices,
    metrics,
    limits: (Array.isArray(o.limits) ? o.limits : []).slice(0, LIST_MAX).map(parseLimit).filter((l): l is Limit => l !== null),
  };
}

function whys(o: Json): { why: string; zh: Why | null } {
  const zh = text(o.why_zh);
  return { why: text(o.why), zh: zh ? { why: zh } : null };
}

export function parseForecast(x: unknown): Forecast | null {
  const o = object(x);
  const ts = time(o?.ts);
  if (!o || ts === null) return null;
  const plots: Record<string, PlotForecast> = {};
  for (const [plot, p] of named(o.plots)) {
    const score = object(p.score);
    const people = (x: unknown) => {
      const n = number(x);
      return n !== null && n >= 0 && n < 10000 ? n : null;
    };
    const share = number(p.share_ready);
    plots[plot] = {
      thermalTime: number(p.thermal_time),
      shareReady: share !== null && share >= 0 && share <= 1 ? share : null,
      shareSpread: number(p.share_spread),
      readyKg: triple(p.ready_kg),
      pickKg: triple(p.pick_kg),
      pickers: people(p.pickers),
      booked: people(p.booked),
      ...whys(p),
      ruleKg: number(p.rule_kg),
      score: {
        days: number(score?.days),
        maeKg: number(score?.mae_kg),
        skill: number(score?.skill),
        coverage: number(score?.coverage),
        nearDays: number(score?.near_days),
        nearKg: number(score?.near_kg),
        rule: text(score?.rule, 16),
        ruleMaeKg: number(score?.rule_mae_kg),
      },
    };
  }
  const frost = object(o.frost);
  const made = time(object(o.ahead)?.made);
  const rows = (list: unknown) => (Array.isArray(list) ? list.slice(0, 16).map(object) : []);
  return {
    ts,
    plots,
    frost: frost && {
      level: level(frost.level, 'watch'), // a word of a later version is no all-clear
      minC: number(frost.min_c),
      at: time(frost.at),
      ...whys(frost),
    },
    disease: rows(o.disease).flatMap((d) =>
      d ? [{ name: text(d.name, 64), level: level(d.level, 'low'), ...whys(d) }] : [],
    ),
    water: rows(o.water).flatMap((w) =>
      w ? [{ plot: text(w.plot, 120), level: level(w.level, 'info'), ...whys(w) }] : [],
    ),
    ahead: made === null ? null : {
      made,
      nights: rows(object(o.ahead)?.nights).flatMap((n) => {
        const [at, minC] = [time(n?.at), number(n?.min_c)];
        return at === null || minC === null ? [] : [{ at, minC }];
      }),
    },
  };
}

export function parseAlert(x: unknown, id: string): Alert | null {
  const o = object(x);
  if (!o) return null;
  const what = text(o.what);
  if (!what) return null;
  const ackedBy = text(o.acked_by, 64);
  const ackedAt = time(o.acked_ts);
  const zh = object(o.zh);
  const [heldFrom, heldTo] = [time(o.held_from), time(o.held_to)];
  const held = heldFrom !== null && heldTo !== null ? heldTo - heldFrom : null;
  return {
    id,
    rule: text(o.rule, 64),
    level: level(o.level, 'watch'),
    what,
    where: text(o.where, 120),
    place: text(o.place, 160),
    since: time(o.since),
    todo: text(o.todo),
    extreme: number(o.extreme),
    unit: text(o.unit, 16),
    ended: time(o.ended),
    heldMs: held !== null && held > 0 ? held : null,
    zh: zh && { what: text(zh.what) || what, place: text(zh.place, 160) || text(o.place, 160), todo: text(zh.todo) },
    acked: ackedBy !== '' || ackedAt !== null,
    ackedBy,
    ackedAt,
  };
}

const NO_COUNTS = new Set(['last_seen', 'ts', 'battery', 'battery_voltage']);

export function parseHealth(x: unknown): Health | null {
  const o = object(x);
  if (!o) return null;
  const counts: Record<string, number> = {};
  for (const source of [o, object(o.counts), object(o.errors)]) {
    for (const [key, v] of Object.entries(source ?? {}).slice(0, 64)) {
      const value = number(v);
      if (value !== null && isName(key) && !NO_COUNTS.has(key)) counts[key] = value;
    }
  }
  const online = o.online;
  const p50 = number(o.turnaround_p50_us);
  return {
    online: typeof online === 'boolean' ? online : null,
    lastSeen: time(o.last_seen),
    counts,
    battery: number(o.battery_voltage ?? o.battery),
    firmware: text(o.firmware, 64),
    hint: { en: text(o.hint), zh: text(o.hint_zh) || text(o.hint) },
    turnaroundMs: p50 !== null ? p50 / 1000 : number(o.turnaround_ms),
  };
}

export function parseHistory(x: unknown): History | null {
  const o = object(x);
  if (!o || !Array.isArray(o.t) || o.t.length > 20000) return null;
  const t = o.t.map(time);
  const column = (c: unknown): (number | null)[] =>
    t.map((_, i) => (Array.isArray(c) ? number(c[i]) : null));
  const mean = column(o.mean);
  const n = column(o.n).map((v, i) => v ?? (mean[i] === null ? 0 : 1));
  const min = Array.isArray(o.min) ? column(o.min) : mean;
  const max = Array.isArray(o.max) ? column(o.max) : mean;
  const flags: Record<number, Flag> = {};
  if (Array.isArray(o.flags)) {
    o.flags.slice(0, t.length).forEach((f: unknown, i) => {
      const at = t[i];
      if (at == null || typeof f !== 'string' || f === '' || f === 'good') return;
      flags[at] = FLAGS.includes(f) ? (f as Flag) : 'fault';
    });
  }
  const bad = column(o.bad);
  const sum = Array.isArray(o.sum) ? column(o.sum) : null;
  const out: History = { t: [], n: [], min: [], mean: [], max: [], flags, bad: [], next: time(o.next) };
  if (sum) out.sum = [];
  let last = 0;
  t.forEach((at, i) => {
    if (at === null || at <= last) return; // uPlot needs rising times
    last = at;
    out.t.push(at);
    out.n.push(n[i] ?? 0);
    out.min.push(min[i] ?? null);
    out.mean.push(mean[i] ?? null);
    out.max.push(max[i] ?? null);
    out.bad.push(Math.max(0, bad[i] ?? 0));
    if (sum) out.sum?.push(sum[i] ?? null);
  });
  return out;
}
