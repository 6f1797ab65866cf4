// SPDX-License-Identifier: Apache-2.0
// What the gateway's configuration holds that a technician's phone can change: rpc config_shown,
// proven like every payload, and the edits that rpc config_edit takes.
import { isName, text } from './payload';

export interface Rule {
  name: string;
  label: string;
  labelEn: string;
  metric: string;
  above: boolean;
  limit: number;
  clear: number;
  /** How fast it changes is judged, not the value: the limit is the change within this time; 0: the value. */
  perS: number;
  forS: number;
  level: Level;
  /** "18:00-09:00": it is looked at only then; "": always. */
  hours: string;
}

export const LEVELS = ['info', 'watch', 'alarm'] as const;
export type Level = (typeof LEVELS)[number];

export interface Line {
  name: string;
  serial: boolean;
  devices: { name: string; label: string; address: number }[];
}

export interface Shown {
  sha256: string;
  label: string;
  plots: { name: string; label: string; devices: string[] }[];
  lines: Line[];
  rules: Rule[];
  /** The rules that come with Baiye, as they would stand in the file; none once the file has rules. */
  shipped: Record<string, unknown>[];
}

export type Edit = { path: string[] } & ({ set: unknown } | { add: unknown } | { remove: true });

type Raw = Record<string, unknown>;

const LIST_MAX = 1000;
const LABEL_MAX = 80;

const object = (x: unknown): Raw => (typeof x === 'object' && x !== null && !Array.isArray(x) ? (x as Raw) : {});
const list = (x: unknown): Raw[] => (Array.isArray(x) ? x.slice(0, LIST_MAX).map(object) : []);
const named = (x: unknown): Raw[] => list(x).filter((one) => isName(one.name));
const number = (x: unknown): number => (typeof x === 'number' && Number.isFinite(x) ? x : 0);
const labelled = (one: Raw) => ({ name: String(one.name), label: text(one.label, LABEL_MAX) || String(one.name) });

export function parseShown(raw: Raw): Shown | null {
  if (typeof raw.sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(raw.sha256)) return null;
  return {
    sha256: raw.sha256,
    label: text(raw.label, LABEL_MAX),
    plots: named(raw.plots).map((plot) => ({
      ...labelled(plot),
      devices: Array.isArray(plot.devices) ? plot.devices.filter(isName) : [],
    })),
    lines: named(raw.buses).map((bus) => ({
      name: String(bus.name),
      serial: bus.serial === true,
      devices: named(bus.devices).map((d) => ({ ...labelled(d), address: number(d.address) })),
    })),
    rules: named(raw.rules).map((rule) => ({
      ...labelled(rule),
      labelEn: text(rule.label_en, LABEL_MAX) || String(rule.name),
      metric: text(rule.metric, LABEL_MAX),
      above: rule.above === true,
      limit: number(rule.limit),
      clear: number(rule.clear),
      perS: number(rule.per_s),
      forS: number(rule.for_s),
      level: LEVELS.find((l) => l === rule.level) ?? 'watch',
      hours: text(rule.hours, LABEL_MAX),
    })),
    shipped: named(raw.shipped),
  };
}

/** What of a rule the phone changes. */
export type Judged = Pick<Rule, 'limit' | 'forS' | 'level' | 'hours'>;

/** Keys of the file's rule and what they become; null: the key goes. A change has its sign for its side,
 *  and the distance at which an alert ends stays. */
function ruleKeys(rule: Rule, next: Judged): Record<string, number | string | null> {
  const keys: Record<string, number | string | null> = {};
  if (next.limit !== rule.limit) {
    const turned = rule.perS > 0 && next.limit > 0 !== rule.above;
    const clear = Math.round((turned ? next.limit : next.limit + rule.clear - rule.limit) * 1000) / 1000;
    // A change that ends on its own side of nothing.
    const kept = rule.perS > 0 && clear * next.limit < 0 ? 0 : clear;
    keys[rule.perS > 0 ? 'change' : rule.above ? 'above' : 'below'] = rule.perS > 0 ? `${next.limit} per ${rule.perS}s` : next.limit;
    keys.clear = kept;
  }
  if (next.forS !== rule.forS) keys.for = `${next.forS}s`;
  if (next.level !== rule.level) keys.level = next.level;
  if (next.hours !== rule.hours) keys.hours = next.hours === '' ? null : next.hours;
  return keys;
}

/** Rules that come with Baiye are put into the file with it: the file's own take the place of them all. */
export function ruleEdits(shown: Shown, rule: Rule, next: Judged): Edit[] {
  const keys = ruleKeys(rule, next);
  if (shown.shipped.length > 0) {
    const fresh = Object.fromEntries(Object.entries(keys).filter(([, x]) => x !== null));
    return shown.shipped.map((one) => ({ path: ['alerts'], add: one.name === rule.name ? { ...one, ...fresh } : one }));
  }
  return Object.entries(keys).map(([key, set]): Edit => (set === null ? { path: ['alerts', rule.name, key], remove: true } : { path: ['alerts', rule.name, key], set }));
}

/** Out of the plots it is in, into this one; "": into none. */
export function moveEdits(shown: Shown, device: string, plot: string): Edit[] {
  const from = shown.plots.filter((p) => p.devices.includes(device) && p.name !== plot);
  const there = shown.plots.some((p) => p.name === plot && p.devices.includes(device));
  return [
    ...from.map((p): Edit => ({ path: ['plots', p.name, 'devices', device], remove: true })),
    ...(plot !== '' && !there ? [{ path: ['plots', plot, 'devices'], add: device }] : []),
  ];
}

export function removeEdits(shown: Shown, line: string, device: string): Edit[] {
  return [
    ...moveEdits(shown, device, ''),
    { path: ['buses', line, 'devices', device], remove: true },
  ];
}

/** node-1, node-2 …: the first that nobody has. */
export function freeName(shown: Shown, base: string): string {
  const taken = new Set([...shown.plots, ...shown.lines.flatMap((l) => l.devices)].map((one) => one.name));
  for (let n = 1; ; n += 1) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}
