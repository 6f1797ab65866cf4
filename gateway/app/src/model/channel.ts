// SPDX-License-Identifier: Apache-2.0
// Several of one metric: "soil_moisture_20cm" is soil moisture 20 cm down, "voltage_l1" the first
// phase's voltage. As protocols/metric/metric.c has it.
import { has } from './own';

export interface Channel {
  base: string;
  channel: string; // as people read it: "20 cm", "L1"; '' of a plain metric
}

const CHANNEL = /^(.+)_(?:(\d{1,4})(cm)?|([a-z])(\d{1,4}))$/;

export function channelOf(metric: string, known: Readonly<Record<string, unknown>>): Channel {
  const parts = has(known, metric) ? null : CHANNEL.exec(metric);
  const [, base, number, cm, letter, place] = parts ?? [];
  if (base === undefined || !has(known, base)) return { base: metric, channel: '' };
  return { base, channel: letter ? `${letter.toUpperCase()}${place}` : cm ? `${number} cm` : `${number}` };
}

/** The shallowest of a metric's channels among these names. */
export function shallowest(base: string, names: readonly string[]): string | undefined {
  const depth = (name: string) => Number(/_(\d{1,4})cm$/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
  return names
    .filter((name) => name.startsWith(`${base}_`) && Number.isFinite(depth(name)))
    .sort((a, b) => depth(a) - depth(b))[0];
}
