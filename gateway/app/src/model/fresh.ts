// SPDX-License-Identifier: Apache-2.0
// When a value may be shown as the present one.
import type { Live } from './payload';

export type Gateway = 'online' | 'offline' | 'unknown';
export type Freshness = 'live' | 'stale';

/** 60 s: a value from the future means that a clock is wrong, so it proves nothing about now. */
const FUTURE_MS = 60_000;

export const fromFuture = (ts: number, now: number | null): boolean => now !== null && ts > now + FUTURE_MS;

export function staleAfterMs(everyS: number, batchS: number): number {
  return 2500 * everyS + 1000 * batchS;
}

export function freshness(
  ts: number,
  everyS: number,
  batchS: number,
  now: number | null,
  gateway: Gateway,
): Freshness {
  if (now === null || gateway !== 'online') return 'stale';
  if (ts > now + FUTURE_MS) return 'stale';
  return now > ts + staleAfterMs(everyS, batchS) ? 'stale' : 'live';
}

/** Which of two messages about the same thing is kept. Late ones never replace newer ones; a time
 *  in the future is no newer one, and must not block everything that follows. */
export function newer(known: Live | undefined, incoming: Live, now: number | null): Live {
  if (!known) return incoming;
  if (now !== null) {
    const [ahead, before] = [incoming.ts > now + FUTURE_MS, known.ts > now + FUTURE_MS];
    if (ahead !== before) return ahead ? known : incoming;
  }
  if (incoming.ts !== known.ts) return incoming.ts > known.ts ? incoming : known;
  if (incoming.boot !== known.boot) return incoming.boot > known.boot ? incoming : known;
  return incoming.seq >= known.seq ? incoming : known;
}
