// SPDX-License-Identifier: Apache-2.0
// Everything the pages show, in one place. Messages change it; pages are told at most once a frame.
import { Clock } from './clock';
import type { Gateway } from './fresh';
import type { Series } from './series';
import type { Ledger } from './ledger';
import type { Alert, Forecast, Health, Live, Site } from './payload';

export type LinkState = 'idle' | 'connecting' | 'up' | 'down' | 'refused';

/** Why there is no link: the phone has no network, the gateway does not answer, it answers but the
 *  broker behind it does not, or nobody knows. */
export type Obstacle = 'network' | 'gateway' | 'broker' | 'unknown';

export interface Today {
  day: string;
  /** null: not known */
  sum: number | null;
  askedAt: number;
}

export interface State {
  link: LinkState;
  /** The last try to connect was in vain; null while none was. */
  obstacle: Obstacle | null;
  /** All that the broker keeps for this page has come: what is missing now was never sent. */
  whole: boolean;
  gateway: Gateway;
  user: string;
  site: Site | null;
  live: Map<string, Live>;
  plotLive: Map<string, Live>;
  /** What a device has ever given a value for: a channel without a sensor is no fault, one that lost
   *  its sensor is. */
  had: Map<string, Set<string>>;
  health: Map<string, Health>;
  /** Since midnight, of increments such as rain: by tile and metric. */
  today: Map<string, Today>;
  /** Hours of the day and the night before it: by tile. */
  hours: Map<string, { series: Series; askedAt: number }>;
  forecast: Forecast | null;
  alerts: Map<string, Alert>;
  ledPng: Uint8Array | null;
  /** What everybody noted of picking; null: not asked yet, or not heard. */
  ledger: Ledger | null;
  queuedPicks: number;
  /** How often the picks kept on the phone have changed: who shows them reads them again. */
  keptPicks: number;
  /** Shown from an earlier visit; nothing was heard from the gateway since. */
  remembered: boolean;
  /** The gateway was not asked for its time yet, or has not answered: nothing can be called old. */
  timePending: boolean;
}

export const clock = new Clock();

export const state: State = {
  link: 'idle',
  obstacle: null,
  whole: false,
  gateway: 'unknown',
  user: '',
  site: null,
  live: new Map(),
  plotLive: new Map(),
  had: new Map(),
  health: new Map(),
  today: new Map(),
  hours: new Map(),
  forecast: null,
  alerts: new Map(),
  ledPng: null,
  ledger: null,
  queuedPicks: 0,
  keptPicks: 0,
  remembered: false,
  timePending: true,
};

export function forget(): void {
  state.gateway = 'unknown';
  state.obstacle = null;
  state.whole = false;
  state.site = null;
  state.forecast = null;
  state.ledPng = null;
  state.ledger = null;
  state.remembered = false;
  state.timePending = true;
  for (const map of [state.live, state.plotLive, state.had, state.health, state.alerts, state.today, state.hours]) map.clear();
}

type Listener = () => void;
const listeners = new Set<Listener>();
/** At most ten drawings a second: hundreds of messages may arrive at once. At the start fewer, since
 *  nothing of it can be called live before the gateway's time is known. */
const TELL_EVERY_MS = 100;
const TELL_AT_START_MS = 500;
let scheduled = false;
let lastTold = -Infinity;

export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(): void {
  scheduled = false;
  lastTold = performance.now();
  for (const listener of [...listeners]) listener();
}

export function changed(): void {
  if (scheduled) return;
  scheduled = true;
  const every = state.link === 'up' && state.timePending ? TELL_AT_START_MS : TELL_EVERY_MS;
  setTimeout(tell, Math.max(0, lastTold + every - performance.now()));
}

/** What is worth a drawing of its own: the moment from which values are live. */
export function changedNow(): void {
  lastTold = -Infinity;
  tell();
}

/** Keeps a device's values; `had` grows with them. */
export function keepLive(name: string, live: Live): void {
  state.live.set(name, live);
  const had = state.had.get(name) ?? new Set<string>();
  for (const metric of Object.keys(live.values)) had.add(metric);
  state.had.set(name, had);
}
