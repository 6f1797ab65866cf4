// SPDX-License-Identifier: Apache-2.0
// Outputs that are due, and are left to the rain that is forecast: of the gateway's list of outputs.
import { number, object, text } from './payload';

export interface Wait {
  label: string;
  rainMm: number;
  /** Whose values it goes by; none: by the time of the day. */
  devices: string[];
}

const OUTPUTS_MAX = 200;

function wait(x: unknown): Wait | null {
  const o = object(object(x)?.waits);
  const rainMm = number(o?.rain_mm);
  if (!o || rainMm === null) return null;
  const devices = Array.isArray(o.devices) ? o.devices.slice(0, OUTPUTS_MAX).map((d) => text(d, 32)) : [];
  return { label: text(o.label, 64), rainMm, devices };
}

/** Those that belong to these devices, or to all. */
export function parseWaits(x: unknown, devices: string[]): Wait[] {
  const list = object(x)?.outputs;
  const all = Array.isArray(list) ? list.slice(0, OUTPUTS_MAX).map(wait).filter((w): w is Wait => w !== null) : [];
  return all.filter((w) => w.devices.length === 0 || w.devices.some((d) => devices.includes(d)));
}
