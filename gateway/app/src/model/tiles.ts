// SPDX-License-Identifier: Apache-2.0
// From messages to what a plot's tile shows. Per metric the best of what the plot has: the gateway's
// own figure for the plot, else its devices'; a live one before an old one, a good one before a
// flagged one, then the newest. What is chosen carries its own time.
import { freshness, fromFuture, type Freshness, type Gateway } from './fresh';
import type { Flag, Live, Plot, Site } from './payload';

export interface Cell {
  metric: string;
  value: number | null;
  flag: Flag | null;
  ts: number;
  fresh: Freshness;
}

export interface Tile {
  name: string;
  label: string;
  devices: string[];
  /** A device that belongs to no plot gets a tile of its own. */
  isDevice: boolean;
  cells: Record<string, Cell>;
  ts: number | null;
  fresh: Freshness;
}

/** The name of a tile's page and of what is kept for it. */
export const keyOf = (tile: { name: string; isDevice: boolean }): string => `${tile.isDevice ? 'd' : 'p'}:${tile.name}`;

export const whatOf = (key: string): { device: string } | { plot: string } =>
  (key.startsWith('d:') ? { device: key.slice(2) } : { plot: key.slice(2) });

export interface World {
  site: Site | null;
  live: ReadonlyMap<string, Live>;
  plotLive: ReadonlyMap<string, Live>;
  had: ReadonlyMap<string, ReadonlySet<string>>;
  gateway: Gateway;
}

/** Never had a sensor there: not worth a word. */
function unfitted(world: World, device: string, metric: string, flag: Flag | undefined): boolean {
  return flag === 'absent' && !world.had.get(device)?.has(metric);
}

function cellsOf(live: Live, fresh: Freshness, skip: (metric: string) => boolean): Cell[] {
  const metrics = new Set([...Object.keys(live.values), ...Object.keys(live.flags)]);
  return [...metrics].filter((metric) => live.values[metric] !== undefined || !skip(metric)).map((metric) => ({
    metric,
    value: live.values[metric] ?? null,
    flag: live.flags[metric] ?? null,
    ts: live.ts,
    fresh: live.flags[metric] === 'stale' ? 'stale' : fresh,
  }));
}

function rank(cell: Cell): number {
  return (cell.value !== null ? 4 : 0) + (cell.fresh === 'live' ? 2 : 0) + (cell.flag === null ? 1 : 0);
}

export function tile(plot: Plot, isDevice: boolean, world: World, now: number | null): Tile {
  const batch = world.site?.batchS ?? 0;
  const sources = plot.devices.map((d): [string, Live | undefined] => [d, world.live.get(d)]);
  if (!isDevice) sources.unshift(['', world.plotLive.get(plot.name)]);
  const cells: Record<string, Cell> = {};
  let ts: number | null = null;
  for (const [device, live] of sources) {
    if (!live) continue;
    const fresh = freshness(live.ts, live.everyS, batch, now, world.gateway);
    if (ts === null || fromFuture(ts, now) || (live.ts > ts && !fromFuture(live.ts, now))) ts = live.ts;
    for (const cell of cellsOf(live, fresh, (m) => unfitted(world, device, m, live.flags[m]))) {
      const best = cells[cell.metric];
      const better =
        !best || rank(cell) > rank(best) || (rank(cell) === rank(best) && cell.ts > best.ts);
      if (better) cells[cell.metric] = cell;
    }
  }
  if (!isDevice) markDoubtful(cells, plot.devices.map((d) => world.live.get(d)));
  const fresh = Object.values(cells).some((c) => c.fresh === 'live') ? 'live' : 'stale';
  return { name: plot.name, label: plot.label, devices: plot.devices, isDevice, cells, ts, fresh };
}

/** The gateway's figure for a plot carries no flags; it is as doubtful as all that it is made from. */
function markDoubtful(cells: Record<string, Cell>, devices: (Live | undefined)[]): void {
  for (const cell of Object.values(cells)) {
    const makers = devices.filter((d): d is Live => d?.values[cell.metric] !== undefined);
    const flags = makers.map((d) => d.flags[cell.metric]);
    const first = flags[0];
    if (cell.flag === null && first && flags.every((f) => f !== undefined)) cell.flag = first;
  }
}

export interface Place {
  plot: Plot;
  isDevice: boolean;
}

/** Each plot in the site's order, then each device that is in no plot. */
export function places(world: World): Place[] {
  const plots = world.site?.plots ?? [];
  const placed = new Set(plots.flatMap((p) => p.devices));
  const names = new Map((world.site?.devices ?? []).map((d) => [d.name, d.label]));
  if (!world.site) for (const name of world.live.keys()) names.set(name, name);
  const loose = [...names].filter(([name]) => !placed.has(name));
  return [
    ...plots.map((plot) => ({ plot, isDevice: false })),
    ...loose.map(([name, label]) => ({
      plot: { name, label, devices: [name], areaM2: null, cultivar: '', standard: '', at: null }, isDevice: true,
    })),
  ];
}

export const tiles = (world: World, now: number | null): Tile[] =>
  places(world).map((p) => tile(p.plot, p.isDevice, world, now));

export interface Summary {
  total: number;
  fine: number;
  /** Devices that are old or silent, by name. */
  silent: string[];
  /** Devices that answer, but with something not good. */
  flagged: string[];
  newest: number | null;
}

export function summary(world: World, now: number | null): Summary {
  const names = new Set(world.site ? world.site.devices.map((d) => d.name) : world.live.keys());
  const out: Summary = { total: names.size, fine: 0, silent: [], flagged: [], newest: null };
  const batch = world.site?.batchS ?? 0;
  for (const name of names) {
    const live = world.live.get(name);
    if (live && !fromFuture(live.ts, now) && (out.newest === null || live.ts > out.newest)) out.newest = live.ts;
    if (!live || freshness(live.ts, live.everyS, batch, now, world.gateway) === 'stale') {
      out.silent.push(name);
    } else if (Object.entries(live.flags).some(([metric, flag]) =>
      flag !== 'uncalibrated' && flag !== 'clock' && !unfitted(world, name, metric, flag))) {
      out.flagged.push(name);
    } else {
      out.fine += 1;
    }
  }
  return out;
}
