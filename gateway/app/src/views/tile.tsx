// SPDX-License-Identifier: Apache-2.0
// One plot: three numbers to read at arm's length, each with a word and an arrow, and their age.
import { Component } from 'preact';
import { lang, t, word } from '../i18n';
import { band } from '../model/bands';
import { age, metricValue, unit, when } from '../model/format';
import { state } from '../model/state';
import type { Cell, Tile } from '../model/tiles';

const HEADLINE = ['air_temperature', 'air_humidity'];
const SOIL = ['soil_moisture', 'soil_wetness', 'soil_temperature'];
const FALLBACK = ['canopy_temperature', 'illuminance', 'rainfall', 'wind_speed', 'soil_conductivity'];

/** Temperature, humidity and soil; a plot without one of them shows what it has instead. */
export function headline(tile: Tile): string[] {
  const soil = SOIL.find((m) => tile.cells[m]) ?? (tile.isDevice ? undefined : 'soil_moisture');
  const wanted = [...HEADLINE, soil].filter((m): m is string => m !== undefined);
  if (!tile.isDevice || Object.keys(tile.cells).length === 0) return wanted;
  const has = [...wanted, ...SOIL, ...FALLBACK, ...Object.keys(tile.cells)].filter((m) => tile.cells[m]);
  return [...new Set(has)].slice(0, 3);
}

export function Reading({ metric, cell, now }: { metric: string; cell: Cell | undefined; now: number | null }) {
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const name = word('metric', metric, metric);
  const live = cell?.fresh === 'live';
  const mark = cell && live && cell.value !== null && !cell.flag ? band(metric, cell.value) : null;
  const site = state.site?.metrics;
  const u = unit(metric, site && Object.hasOwn(site, metric) ? site[metric]?.unit : undefined);
  return (
    <div class={`reading ${live ? 'live' : 'old'}`} data-metric={metric}>
      <span class="name">{name}</span>
      {cell && cell.value !== null ? (
        <span class="value">
          {metricValue(metric, cell.value)}
          <small>{u}</small>
        </span>
      ) : (
        <span class="value none">——</span>
      )}
      {cell?.flag && cell.flag !== 'stale' ? (
        <span class="mark flag">{word('flag', cell.flag)}</span>
      ) : cell && !live ? (
        <span class="mark old">{when(cell.ts, now, zone)}</span>
      ) : mark ? (
        <span class={`mark band-${mark}`}>{word('band', mark)}</span>
      ) : (
        <span class="mark" />
      )}
    </div>
  );
}

/** "3 h ago (08:12)"; without a trusted clock only the date. */
function oldText(ts: number, now: number | null, zone: string): string {
  return now === null ? when(ts, now, zone) : t('tile.asof', age(now - ts), when(ts, now, zone));
}

interface TileProps {
  tile: Tile;
  now: number | null;
}

function ageText({ tile, now }: TileProps): string {
  if (tile.ts === null) return t('tile.none');
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  return tile.fresh === 'stale' ? t('tile.old', oldText(tile.ts, now, zone)) : age((now ?? tile.ts) - tile.ts);
}

/** All that a tile's drawing depends on. */
function looks(props: TileProps): string {
  const { tile, now } = props;
  const cells = headline(tile).map((m) => {
    const c = tile.cells[m];
    return c ? [m, c.value, c.flag, c.fresh, c.fresh === 'stale' ? c.ts : 0] : [m];
  });
  return JSON.stringify([lang(), tile.label, tile.fresh, now === null, ageText(props), cells]);
}

/** Drawn again only when it would look different: with 60 plots most messages are about others. */
export class PlotTile extends Component<TileProps> {
  private drawn = '';

  override shouldComponentUpdate(next: TileProps): boolean {
    return looks(next) !== this.drawn;
  }

  override render(props: TileProps) {
    const { tile, now } = props;
    this.drawn = looks(props);
    const address = `#/plot/${encodeURIComponent(`${tile.isDevice ? 'd' : 'p'}:${tile.name}`)}`;
    return (
      <a class={`tile ${tile.fresh === 'stale' ? 'old' : 'live'}`} href={address}>
        <div class="top">
          <h2>{tile.label}</h2>
          <span class="age">{ageText(props)}</span>
        </div>
        <div class="readings">
          {headline(tile).map((metric) => (
            <Reading key={metric} metric={metric} cell={tile.cells[metric]} now={now} />
          ))}
        </div>
      </a>
    );
  }
}
