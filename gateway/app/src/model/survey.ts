// SPDX-License-Identifier: Apache-2.0
// What rpc survey found on a line, and where a new device is to go. Proven like every payload.
import { serialText } from './label';
import { isName, text } from './payload';

export interface Found {
  unit: number;
  baud: number;
  parity: string;
  /** Several at one place: nobody can be meant. */
  garbled: boolean;
  /** Of our own nodes; null: a bought device. */
  serial: number | null;
  /** As on its label. */
  serialText: string;
  profile: string | null;
  /** Profiles that fit as well. */
  others: string[];
  /** Its name, when the configuration has it. */
  device: string | null;
}

export interface Survey {
  baud: number;
  parity: string;
  found: Found[];
  /** Addresses of the configuration. */
  taken: number[];
}

const FACTORY = 247; // where our nodes are when they are new
const FOUND_MAX = 250;

const whole = (x: unknown, most: number): number => (Number.isInteger(x) && Number(x) >= 0 && Number(x) <= most ? Number(x) : 0);
const parity = (x: unknown): string => (x === 'E' || x === 'O' ? x : 'N');

function one(x: unknown): Found {
  const raw = (typeof x === 'object' && x !== null ? x : {}) as Record<string, unknown>;
  const serial = whole(raw.serial, 0xffffffff) || null;
  return {
    unit: whole(raw.unit, 255),
    baud: whole(raw.baud, 1e6),
    parity: parity(raw.parity),
    garbled: raw.garbled === true,
    serial,
    serialText: serialText(serial ?? 0),
    profile: isName(raw.profile) ? raw.profile : null,
    others: Array.isArray(raw.or) ? raw.or.filter(isName) : [],
    device: raw.device === undefined ? null : text(raw.device, 40),
  };
}

export function parseSurvey(raw: Record<string, unknown> | undefined): Survey {
  return {
    baud: whole(raw?.baud, 1e6),
    parity: parity(raw?.parity),
    found: Array.isArray(raw?.found) ? raw.found.slice(0, FOUND_MAX).map(one) : [],
    taken: Array.isArray(raw?.taken) ? raw.taken.map((x) => whole(x, 255)) : [],
  };
}

/** The address that it needs; null: it can stay. New nodes share one, and nobody may share. */
export function placeFor(found: Found, survey: Survey): number | null {
  const shared = survey.found.filter((f) => f.unit === found.unit).length > 1 || survey.taken.includes(found.unit);
  const ours = found.serial !== null;
  if (!shared && !(ours && (found.unit === FACTORY || found.baud !== survey.baud || found.parity !== survey.parity))) return null;
  if (!shared && found.unit !== FACTORY) return found.unit; // the line's rate only
  const used = new Set([...survey.taken, ...survey.found.map((f) => f.unit)]);
  for (let unit = 1; unit < FACTORY; unit += 1) if (!used.has(unit)) return unit;
  return null;
}

const PARITIES: Record<string, string> = { N: 'none', E: 'even', O: 'odd' };

/** The keys of its own rate, where that is not the line's. */
export function rateOf(found: Found, survey: Survey): Record<string, unknown> {
  return {
    ...(found.baud !== survey.baud ? { baud: found.baud } : {}),
    ...(found.parity !== survey.parity ? { parity: PARITIES[found.parity] } : {}),
  };
}
