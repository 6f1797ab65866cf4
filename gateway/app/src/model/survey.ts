// SPDX-License-Identifier: Apache-2.0
// What rpc survey found on a line, and what is to become of it; what rpc place says of one. Proven like
// every payload. Addresses and names are the gateway's plan, the same for `baiye commission`.
import { serialText } from './label';
import { isName, text } from './payload';

export const KINDS = ['known', 'node', 'probe', 'perhaps', 'unknown', 'garbled'] as const;
export const SURE = ['sure', 'likely', 'perhaps', 'unknown'] as const;

export interface Found {
  unit: number;
  baud: number;
  parity: string;
  /** garbled: several at one place, nobody can be meant; perhaps: several profiles fit. */
  kind: (typeof KINDS)[number];
  sure: (typeof SURE)[number];
  /** Its address to be; 0: none is free. */
  to: number;
  /** As the plan names it; of a known one its own. */
  name: string;
  /** Of our own nodes; null: a bought device. */
  serial: number | null;
  /** As on its label. */
  serialText: string;
  /** Profiles that fit, the best first, and what they are of. */
  profiles: { name: string; label: string }[];
}

export interface Survey {
  baud: number;
  parity: string;
  found: Found[];
  /** Of the configuration: they do not answer. */
  silent: string[];
  /** Something was heard that is nobody's answer. */
  noise: boolean;
}

/** Where one is that was brought up, or why not. */
export interface Placed {
  placed: boolean;
  /** Its supply has to be switched before it is. */
  power: boolean;
  why: string;
  unit: number;
  baud: number;
  parity: string;
  /** Addresses at which it could not be heard. */
  givenUp: number[];
  /** As it is to stand in the configuration. */
  item: Record<string, unknown> & { name: string };
}

const FOUND_MAX = 250;

const whole = (x: unknown, most: number): number => (Number.isInteger(x) && Number(x) >= 0 && Number(x) <= most ? Number(x) : 0);
const parity = (x: unknown): string => (x === 'E' || x === 'O' ? x : 'N');

const among = <T extends string>(list: readonly T[], x: unknown, otherwise: T): T => list.find((one) => one === x) ?? otherwise;
const units = (x: unknown): number[] => (Array.isArray(x) ? x.map((unit) => whole(unit, 255)) : []);

function one(x: unknown): Found {
  const raw = (typeof x === 'object' && x !== null ? x : {}) as Record<string, unknown>;
  const serial = whole(raw.serial, 0xffffffff) || null;
  const names = [raw.profile, ...(Array.isArray(raw.or) ? raw.or : [])];
  const labels: unknown[] = Array.isArray(raw.labels) ? raw.labels : [];
  return {
    unit: whole(raw.unit, 255),
    baud: whole(raw.baud, 1e6),
    parity: parity(raw.parity),
    kind: among(KINDS, raw.kind, 'unknown'),
    sure: among(SURE, raw.sure, 'unknown'),
    to: whole(raw.to, 247),
    name: isName(raw.name) ? raw.name : '',
    serial,
    serialText: serialText(serial ?? 0),
    profiles: names.flatMap((name, i) => (isName(name) ? [{ name, label: text(labels[i], 80) || name }] : [])),
  };
}

export function parseSurvey(raw: Record<string, unknown> | undefined): Survey {
  return {
    baud: whole(raw?.baud, 1e6),
    parity: parity(raw?.parity),
    found: Array.isArray(raw?.found) ? raw.found.slice(0, FOUND_MAX).map(one) : [],
    silent: Array.isArray(raw?.silent) ? raw.silent.filter(isName) : [],
    noise: whole(raw?.garbled, 1e9) > 0,
  };
}

export function parsePlaced(raw: Record<string, unknown> | undefined): Placed {
  const item = (typeof raw?.item === 'object' ? raw.item : null) as Record<string, unknown> | null;
  return {
    placed: raw?.placed === true && isName(item?.name),
    power: raw?.end === 'power',
    why: text(raw?.text, 300),
    unit: whole(raw?.unit, 255),
    baud: whole(raw?.baud, 1e6),
    parity: parity(raw?.parity),
    givenUp: units(raw?.given_up),
    item: { ...item, name: isName(item?.name) ? item.name : '' },
  };
}

/** New, and somebody that can be brought up when it is said what it is. */
export const isFresh = (found: Found): boolean => found.kind === 'node' || found.kind === 'probe' || found.kind === 'perhaps';
