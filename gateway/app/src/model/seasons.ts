// SPDX-License-Identifier: Apache-2.0
// The seasons as a grower counts them: spring begins with March, in the south with September.
import { ahead, day } from './format';

export interface Season {
  name: 'spring' | 'summer' | 'autumn' | 'winter';
  /** The year in which it begins. */
  year: number;
  from: number;
  to: number;
}

const NAMES = ['spring', 'summer', 'autumn', 'winter'] as const;

function monthBegins(year: number, month: number, zone: string): number {
  const at = Date.UTC(year, month - 1, 1);
  return at - ahead(at - ahead(at, zone), zone);
}

/** The present one first, then those before it. */
export function seasons(now: number, zone: string, south: boolean, count: number): Season[] {
  const [y = 1970, m = 1] = day(now, zone).split('-').map(Number);
  const quarter = Math.floor((y * 12 + (m - 1) - 2) / 3); // counted from March of the year 0
  return Array.from({ length: count }, (_, i): Season => {
    const first = (quarter - i) * 3 + 2; // months since January of the year 0
    const begins = (k: number) => monthBegins(Math.floor(k / 12), (k % 12) + 1, zone);
    const name = NAMES[(((quarter - i) % 4) + (south ? 2 : 0)) % 4] ?? 'spring';
    return { name, year: Math.floor(first / 12), from: begins(first), to: begins(first + 3) };
  });
}
