// SPDX-License-Identifier: Apache-2.0
// What fell since midnight, of every tile with a rain gauge or another quantity that adds up: asked one
// after the other when the first values stand there, and again every few minutes.
import { useEffect } from 'preact/hooks';
import { current } from '../garden';
import { day, midnight } from '../model/format';
import { emptySeries, join, total } from '../model/series';
import { changed, clock, state, type Today } from '../model/state';
import { keyOf, whatOf, type Tile } from '../model/tiles';
import { parseHistory } from '../model/payload';
import { kindOf } from './metric';

const AGAIN_MS = 5 * 60_000;

let busy = false;

const name = (tile: Tile, metric: string): string => `${keyOf(tile)} ${metric}`;

/** null: not known. */
export function fallenToday(tile: Tile, metric: string): number | null {
  const now = clock.now();
  const known = state.today.get(name(tile, metric));
  return known && now !== null && known.day === day(now, state.site?.timezone ?? 'Asia/Shanghai') ? known.sum : null;
}

export const sumsOf = (tile: Tile): string[] => Object.keys(tile.cells).filter((metric) => kindOf(metric) === 'sum');

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

/** Keeps what the given tiles need known while they are shown. */
export function useToday(tiles: Tile[]): void {
  const now = clock.now();
  useEffect(() => {
    if (busy || now === null || state.link !== 'up' || !state.site) return;
    busy = true;
    void ask(tiles, now, state.site.timezone).finally(() => { busy = false; });
  });
}
