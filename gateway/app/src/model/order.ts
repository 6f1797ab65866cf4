// SPDX-License-Identifier: Apache-2.0
// In which order plots stand: as the farm's file has them, or what is worst, coldest or driest first.
import type { Band } from './bands';
import { shallowest } from './channel';
import type { Cell, Tile } from './tiles';

export type Order = 'worst' | 'coldest' | 'driest' | 'name';
export const ORDERS: readonly Order[] = ['worst', 'coldest', 'driest', 'name'];

const live = (cell: Cell | undefined): number | null => (cell?.fresh === 'live' ? cell.value : null);

export const temperature = (tile: Tile): number | null => live(tile.cells.air_temperature);

export function soilMetric(tile: Tile): string | undefined {
  const names = Object.keys(tile.cells);
  return names.includes('soil_moisture') ? 'soil_moisture' : (shallowest('soil_moisture', names) ?? (names.includes('soil_wetness') ? 'soil_wetness' : undefined));
}

function moisture(tile: Tile): number | null {
  const metric = soilMetric(tile);
  return metric === undefined ? null : live(tile.cells[metric]);
}

/** The less, the worse; of a plot whose values are all as they should be 4. */
export function grade(tile: Tile, bands: (Band | null)[], doubtful: boolean): number {
  if (bands.some((b) => b === 'danger-low' || b === 'danger-high')) return 0;
  if (tile.fresh === 'stale') return 1;
  if (doubtful) return 2;
  return bands.some((b) => b === 'low' || b === 'high') ? 3 : 4;
}

/** What is not known comes last; equals stay as they were. */
export function ordered(tiles: Tile[], order: Order, graded: (tile: Tile) => number, language: string): Tile[] {
  const by = (key: (tile: Tile) => number | null) => (a: Tile, b: Tile) => {
    const [x, y] = [key(a) ?? Infinity, key(b) ?? Infinity];
    return x < y ? -1 : x > y ? 1 : 0;
  };
  const rules = {
    worst: by(graded), coldest: by(temperature), driest: by(moisture),
    name: (a: Tile, b: Tile) => a.label.localeCompare(b.label, language, { numeric: true }),
  };
  return [...tiles].sort(rules[order]);
}

/** The plot with the least of something; null: nobody knows of two. */
export function lowest(tiles: Tile[], key: (tile: Tile) => number | null): { tile: Tile; value: number } | null {
  let best: { tile: Tile; value: number } | null = null;
  let known = 0;
  for (const tile of tiles) {
    const value = key(tile);
    if (value === null) continue;
    known += 1;
    if (!best || value < best.value) best = { tile, value };
  }
  return known > 1 ? best : null;
}
