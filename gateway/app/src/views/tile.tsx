// SPDX-License-Identifier: Apache-2.0
// One plot: three numbers to read at arm's length, each with a word and an arrow, and their age.
import { Component } from 'preact';
import { lang, t, word } from '../i18n';
import { band, type Band } from '../model/bands';
import { shallowest } from '../model/channel';
import { grade, soilMetric } from '../model/order';
import { age, day, when } from '../model/format';
import { state } from '../model/state';
import { keyOf, type Cell, type Tile } from '../model/tiles';
import { kindOf, metricName, metricValue, unit } from './metric';
import { dayOf, fallenToday, sumsOf } from './today';

const HEADLINE = ['air_temperature', 'air_humidity'];
const SOIL = ['soil_moisture', 'soil_wetness', 'soil_temperature'];
const FALLBACK = ['canopy_temperature', 'illuminance', 'rainfall', 'wind_speed', 'soil_conductivity'];

/** Temperature, humidity and soil; a plot without one of them shows what it has instead. */
export function headline(tile: Tile): string[] {
  const soil = SOIL.find((m) => tile.cells[m]) ?? shallowest('soil_moisture', Object.keys(tile.cells)) ?? (tile.isDevice ? undefined : 'soil_moisture');
  const wanted = [...HEADLINE, soil].filter((m): m is string => m !== undefined);
  if (!tile.isDevice || Object.keys(tile.cells).length === 0) return wanted;
  const has = [...wanted, ...SOIL, ...FALLBACK, ...Object.keys(tile.cells)].filter((m) => tile.cells[m]);
  return [...new Set(has)].slice(0, 3);
}

const doubtful = (cell: Cell | undefined): boolean => cell !== undefined && cell.flag !== null && cell.flag !== 'stale';

/** By the farm's own limits. */
function fitting(tile: Tile, metric: string, now: number | null): Band | null {
  const { site } = state;
  const value = tile.cells[metric]?.value ?? null;
  if (!site || value === null || now === null) return null;
  return band(site.limits, metric, value, tile, Number(day(now, site.timezone).slice(5, 7)), [...state.alerts.values()]);
}

/** The word beside a value: what is doubtful about it, else how old it is, else how it is for tea. */
interface MarkProps {
  tile: Tile;
  metric: string;
  cell: Cell;
  now: number | null;
  when: string;
  narrow?: boolean;
}

export function Mark({ tile, metric, cell, now, when: at, narrow = false }: MarkProps) {
  const live = cell.fresh === 'live';
  if (doubtful(cell)) return <span class="mark flag">{narrow ? t('flag.look') : word('flag', cell.flag ?? '')}</span>;
  if (!live) return <span class="mark old">{at}</span>;
  const fits = fitting(tile, metric, now);
  return fits ? <span class={`mark band-${fits}`}>{word('band', fits)}</span> : <span class="mark" />;
}

interface ReadingProps {
  tile: Tile;
  metric: string;
  now: number | null;
  /** The time that stands above for all of them. */
  saidTs?: number | null;
  /** What is doubtful is said below, where a sentence has room. */
  narrow?: boolean;
}

/** An increment says little: of what adds up the day's sum stands there. */
export function Reading({ tile, metric, now, saidTs = null, narrow = false }: ReadingProps) {
  const cell = tile.cells[metric];
  const sums = kindOf(metric) === 'sum';
  const shown = sums ? fallenToday(tile, metric) : (cell?.value ?? null);
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  return (
    <span class={`reading ${cell?.fresh === 'live' ? 'live' : 'old'}`} data-metric={metric}>
      <span class="name">{sums ? t('tile.today', metricName(metric)) : metricName(metric)}</span>
      {cell && shown !== null ? (
        <span class="value">
          {metricValue(metric, shown)}
          <small>{unit(metric)}</small>
        </span>
      ) : (
        <span class="value none">——</span>
      )}
      {cell ? <Mark tile={tile} metric={metric} cell={cell} now={now} narrow={narrow} when={cell.ts === saidTs ? '' : when(cell.ts, now, zone)} /> : <span class="mark" />}
    </span>
  );
}

/** "3 h ago (08:12)"; without a trusted clock only the date. */
function oldText(ts: number, now: number | null, zone: string): string {
  // "Just now" is no word for what is missed.
  if (now !== null && now >= ts && now - ts < 90_000) return when(ts, now, zone);
  return now === null ? when(ts, now, zone) : t('tile.asof', age(now - ts), when(ts, now, zone));
}

interface TileProps {
  tile: Tile;
  now: number | null;
  /** One line of many. */
  row?: boolean;
}

export function ageText({ tile, now }: TileProps): string {
  if (tile.ts === null) return t('tile.none');
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  return tile.fresh === 'stale' ? t('tile.old', oldText(tile.ts, now, zone)) : age((now ?? tile.ts) - tile.ts);
}

/** How badly it is off: the less the worse. */
export function gradeOf(tile: Tile, now: number | null): number {
  const shown = headline(tile);
  return grade(tile, shown.map((m) => (tile.cells[m]?.fresh === 'live' ? fitting(tile, m, now) : null)), shown.some((m) => doubtful(tile.cells[m])));
}

const SPARK = { width: 96, height: 26 };

/** The last 24 hours; where nothing is known the line breaks. */
function Spark({ hours }: { hours: (number | null)[] }) {
  const known = hours.filter((h): h is number => h !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (v: number) => (SPARK.height - 3 - ((v - low) / Math.max(1, high - low)) * (SPARK.height - 6)).toFixed(1);
  const x = (i: number) => ((i / (hours.length - 1)) * SPARK.width).toFixed(1);
  const path = hours.map((v, i) => (v === null ? '' : `${hours[i - 1] == null ? 'M' : 'L'}${x(i)} ${y(v)}`)).join('');
  return <svg class="spark" viewBox={`0 0 ${SPARK.width} ${SPARK.height}`} aria-hidden="true"><path d={path} /></svg>;
}

function DayLine({ tile }: { tile: Tile }) {
  const shape = dayOf(tile);
  if (!shape) return null;
  const text = (v: number) => metricValue('air_temperature', v);
  return (
    <div class="dayline">
      <Spark hours={shape.hours} />
      <span>
        {shape.low !== null && shape.high !== null && <span class="part">{t('tile.lowhigh', text(shape.low), text(shape.high))}</span>}
        {shape.night !== null && <span class="part">{t('tile.night', text(shape.night))}</span>}
      </span>
    </div>
  );
}

/** All that a tile's drawing depends on. */
function looks(props: TileProps): string {
  const { tile, now } = props;
  const cells = headline(tile).map((m) => {
    const c = tile.cells[m];
    return c ? [m, c.value, c.flag, c.fresh, fitting(tile, m, now), c.fresh === 'stale' ? c.ts : 0] : [m];
  });
  const sums = sumsOf(tile).map((m) => fallenToday(tile, m));
  return JSON.stringify([lang(), props.row, dayOf(tile), tile.label, tile.fresh, now === null, ageText(props), cells, sums]);
}

const WORST: (Band | null)[] = ['danger-low', 'danger-high', 'low', 'high', 'fine'];

/** A plot in one line: its name, how warm and how moist, and what is worst about it. */
function Row({ tile, now, address }: { tile: Tile; now: number | null; address: string }) {
  const shown = headline(tile);
  const soil = soilMetric(tile);
  const metrics = ['air_temperature', soil].filter((m): m is string => m !== undefined && tile.cells[m] !== undefined);
  const bands = shown.map((m) => (tile.cells[m]?.fresh === 'live' && !doubtful(tile.cells[m]) ? fitting(tile, m, now) : null));
  const worst = WORST.find((b) => b !== null && bands.includes(b));
  const doubts = shown.some((m) => doubtful(tile.cells[m]));
  const old = tile.fresh === 'stale';
  return (
    <a class={`tile line1 ${old ? 'old' : 'live'}`} href={address}>
      <h2>{tile.label}</h2>
      {metrics.map((m) => {
        const cell = tile.cells[m];
        return (
          <span key={m} class={`value ${cell?.fresh === 'live' ? '' : 'stale'}`} data-metric={m}>
            {cell?.value == null ? '——' : metricValue(m, cell.value)}<small>{unit(m)}</small>
          </span>
        );
      })}
      {old ? <span class="mark age">{ageText({ tile, now })}</span>
        : doubts ? <span class="mark flag">{t('flag.look')}</span>
          : worst ? <span class={`mark band-${worst}`}>{word('band', worst)}</span> : <span class="mark" />}
    </a>
  );
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
    const address = `#/plot/${encodeURIComponent(keyOf(tile))}`;
    if (props.row) return <Row tile={tile} now={now} address={address} />;
    return (
      <a class={`tile ${tile.fresh === 'stale' ? 'old' : 'live'}`} href={address}>
        <div class="top">
          <h2>{tile.label}</h2>
          <span class="age">{ageText(props)}</span>
        </div>
        <div class="readings">
          {headline(tile).map((metric) => (
            <Reading key={metric} tile={tile} metric={metric} now={now} narrow
              saidTs={tile.fresh === 'stale' ? tile.ts : null} />
          ))}
        </div>
        <DayLine tile={tile} />
        {headline(tile).filter((m) => doubtful(tile.cells[m])).map((m) => (
          <p class="doubt" key={m}>{metricName(m)}{t('tile.colon')}{word('flag', tile.cells[m]?.flag ?? '')}</p>
        ))}
        {sumsOf(tile).filter((m) => !headline(tile).includes(m) && (fallenToday(tile, m) ?? 0) > 0).map((m) => (
          <p class="fallen" key={m}>{t('tile.today', metricName(m))} <b>{metricValue(m, fallenToday(tile, m) ?? 0)}</b> {unit(m)}</p>
        ))}
      </a>
    );
  }
}
