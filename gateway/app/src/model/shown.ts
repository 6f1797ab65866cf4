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
  /** How fast it changes is judged, not the value. */
  change: boolean;
}

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
      change: rule.change === true,
    })),
    shipped: named(raw.shipped),
  };
}

/** The distance at which it ends stays. Rules that come with Baiye are put into the file with it: the
 *  file's own take the place of them all. */
export function limitEdits(shown: Shown, rule: Rule, limit: number): Edit[] {
  const clear = Math.round((limit + rule.clear - rule.limit) * 1000) / 1000;
  const side = rule.above ? 'above' : 'below';
  if (shown.shipped.length > 0) {
    return shown.shipped.map((one) => ({
      path: ['alerts'], add: one.name === rule.name ? { ...one, [side]: limit, clear } : one,
    }));
  }

  return [{ path: ['alerts', rule.name, side], set: limit }, { path: ['alerts', rule.name, 'clear'], set: clear }];
}

export function removeEdits(shown: Shown, line: string, device: string): Edit[] {
  const plots = shown.plots.filter((p) => p.devices.includes(device));
  return [
    ...plots.map((p): Edit => ({ path: ['plots', p.name, 'devices', device], remove: true })),
    { path: ['buses', line, 'devices', device], remove: true },
  ];
}

/** node-1, node-2 …: the first that nobody has. */
export function freeName(shown: Shown, base: string): string {
  const taken = new Set(shown.lines.flatMap((l) => l.devices.map((d) => d.name)));
  for (let n = 1; ; n += 1) if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
}
