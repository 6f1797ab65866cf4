// SPDX-License-Identifier: Apache-2.0
// What fell since midnight, of every tile with a rain gauge or another quantity that adds up, and how
// warm its hours were: asked one after the other when the first values stand there, and again later.
import { useEffect } from 'preact/hooks';
import { current } from '../garden';
import { NIGHT_AFTER_MS, NIGHT_BEFORE_MS, shapeOf, type DayShape } from '../model/day';
import { day, midnight } from '../model/format';
import { emptySeries, join, total } from '../model/series';
import { changed, clock, state, type Today } from '../model/state';
import { keyOf, whatOf, type Tile } from '../model/tiles';
import { parseHistory } from '../model/payload';
import { kindOf } from './metric';

const AGAIN_MS = 5 * 60_000;
const HOURS_AGAIN_MS = 30 * 60_000; // between them the live values say what is lower or higher
const WARMTH = 'air_temperature';

let busy = false;

const name = (tile: Tile, metric: string): string => `${keyOf(tile)} ${metric}`;

/** null: not known. */
export function fallenToday(tile: Tile, metric: string): number | null {
  const now = clock.now();
  const known = state.today.get(name(tile, metric));
  return known && now !== null && known.day === day(now, state.site?.timezone ?? 'Asia/Shanghai') ? known.sum : null;
}

export const sumsOf = (tile: Tile): string[] => Object.keys(tile.cells).filter((metric) => kindOf(metric) === 'sum');

/** null: it has no thermometer, or nothing is known yet. */
export function dayOf(tile: Tile): DayShape | null {
  const now = clock.now();
  const known = state.hours.get(keyOf(tile));
  const cell = tile.cells[WARMTH];
  if (!known || now === null) return null;
  return shapeOf(known.series, midnight(now, state.site?.timezone ?? 'Asia/Shanghai'), now, cell?.fresh === 'live' ? cell.value : null);
}

/** Of many plots the night alone: mobile data is bought. */
async function askHours(tiles: Tile[], now: number, zone: string, nightOnly: boolean): Promise<void> {
  const session = current();
  const today = midnight(now, zone);
  for (const tile of tiles) {
    const known = state.hours.get(keyOf(tile));
    if (!session || !tile.cells[WARMTH] || (known && now - known.askedAt < HOURS_AGAIN_MS && known.askedAt >= today)) continue;
    const from = nightOnly ? today - NIGHT_BEFORE_MS : Math.min(now - 24 * 3600e3, today - NIGHT_BEFORE_MS);
    const to = nightOnly ? Math.min(now, today + NIGHT_AFTER_MS) : now;
    try {
      const answer = parseHistory(await session.call('history',
        { ...whatOf(keyOf(tile)), metric: WARMTH, from: Math.floor(from / 3600e3) * 3600e3, to: Math.ceil(to), step: 'hour' }));
      if (current() !== session) return;
      if (answer) state.hours.set(keyOf(tile), { series: join(emptySeries('hour'), answer), askedAt: now });
      changed();
    } catch {
      return; // asked again; this user may not, or nobody answered
    }
  }
}

async function ask(tiles: Tile[], now: number, zone: string): Promise<void> {
  const session = current();
  const today = day(now, zone);
  const due = (known: Today | undefined) => !known || known.day !== today || now - known.askedAt >= AGAIN_MS;
  const wanted = tiles.flatMap((tile) => sumsOf(tile).map((metric) => ({ tile, metric }))
    .filter((w) => due(state.today.get(name(w.tile, w.metric)))));
  if (!session || wanted.length === 0) return;
  for (const { tile, metric } of wanted) {
    const from = midnight(now, zone);
    let sum: number | null = null;
    try {
      const answer = parseHistory(await session.call('history', { ...whatOf(keyOf(tile)), metric, from, to: Math.ceil(now), step: 'hour' }));
      if (answer) sum = total(join(emptySeries('hour', 'sum'), answer), from, now);
    } catch {
      // Asked again; this user may not, or nobody answered.
    }
    if (current() !== session) return;
    state.today.set(name(tile, metric), { day: today, sum, askedAt: now });
    changed();
  }
}

/** Keeps what the given tiles need known while they are shown. `warmth`: their hours, too. */
export function useToday(tiles: Tile[], warmth: 'none' | 'day' | 'night' = 'none'): void {
  const now = clock.now();
  useEffect(() => {
    if (busy || now === null || state.link !== 'up' || !state.site) return;
    busy = true;
    const zone = state.site.timezone;
    void ask(tiles, now, zone)
      .then(() => (warmth === 'none' ? undefined : askHours(tiles, now, zone, warmth === 'night')))
      .finally(() => { busy = false; });
  });
}
