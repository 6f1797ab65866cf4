// SPDX-License-Identifier: Apache-2.0
// The word and the arrow beside a value come from the farm's own limits, which its alerts come from
// too: what is called fine here is nothing that an alert is about.
import type { Alert, Limit } from './payload';

export type Band = 'danger-low' | 'low' | 'fine' | 'high' | 'danger-high';

/** Where a value was measured. */
export interface Spot {
  /** A plot's or a device's name. */
  name: string;
  devices: readonly string[];
}

const SIDES = { above: ['high', 'danger-high'], below: ['low', 'danger-low'] } as const;

const beyond = ({ side }: Limit, value: number, limit: number): boolean => (side === 'above' ? value > limit : value < limit);

function stands({ rule }: Limit, { name, devices }: Spot, alerts: Iterable<Alert>): boolean {
  for (const alert of alerts) {
    if (alert.rule === rule && (alert.where === 'garden' || alert.where === name || devices.includes(alert.where))) return true;
  }
  return false;
}

export const limitsOf = (limits: readonly Limit[], metric: string, spot: Spot): Limit[] =>
  limits.filter((l) => l.metric === metric && (l.devices === null || l.devices.some((d) => d === spot.name || spot.devices.includes(d))));

export const inSeason = (limit: Limit, month: number): boolean => limit.months === null || limit.months.includes(month);

/** `month` 1 … 12. null: the farm has no limit for it, or only one of another season is passed. */
export function band(limits: readonly Limit[], metric: string, value: number, spot: Spot, month: number, alerts: readonly Alert[]): Band | null {
  const all = limitsOf(limits, metric, spot);
  const now = all.filter((l) => inSeason(l, month));
  // As the alert itself: once it stands, the value has to come back beyond where it ends.
  const held = now.filter((l) => beyond(l, value, l.limit) || (beyond(l, value, l.clear) && stands(l, spot, alerts)));
  const worst = held.find((l) => l.level === 'alarm') ?? held[0];
  if (worst) return SIDES[worst.side][worst.level === 'alarm' ? 1 : 0];
  return now.length === 0 || all.some((l) => beyond(l, value, l.limit)) ? null : 'fine';
}
