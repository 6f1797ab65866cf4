// SPDX-License-Identifier: Apache-2.0
// One plot: its present values and its past as a chart, beside another plot's if wanted.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import '../style/plot.css';
import { current } from '../garden';
import { lang, t, word } from '../i18n';
import { tl } from '../i18n/later';
import { clockTime, day, midnight, when } from '../model/format';
import { inSeason, limitsOf } from '../model/bands';
import { addLive, csv, emptySeries, hasRange, nearest, shifted, stats, stepFor, total, type Series } from '../model/series';
import type { Live } from '../model/payload';
import { clock, state } from '../model/state';
import { keyOf, tiles, whatOf, type Tile } from '../model/tiles';
import { ordered } from '../model/order';
import { RANGES, rangeUpTo, SPAN_MS, yearsBack, type Range } from '../model/range';
import { loadHistory } from '../mqtt/history';
import { Chart, type Line, type Mark as Limit } from './chart';
import { useFull } from './full';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { problem } from './problem';
import { pictureOf, save } from './share';
import { decimals, kindOf, metricName, metricValue, unit } from './metric';
import { ageText, Mark, Reading } from './tile';
import { onTheme, theme } from './theme';
import { useToday } from './today';
import { Waits } from './waits';

/** What is looked at: it stays when another metric or a second plot is chosen. */
interface Window {
  range: Range;
  view: [number, number] | null;
  asked: [number, number] | null;
}

/** A line's key is that of its tile, and of an earlier year how many years back: p:upper@1. */
const baseOf = (key: string): string => key.split('@')[0] ?? key;
const yearsOf = (key: string): number => Number(key.split('@')[1] ?? 0);

function devicesOf(key: string): string[] {
  const name = key.slice(2);
  return key.startsWith('d:') ? [name] : (state.site?.plots.find((p) => p.name === name)?.devices ?? []);
}

function everyOf(line: string): number {
  const all = devicesOf(baseOf(line)).map((d) => state.live.get(d)?.everyS ?? 60);
  return all.length > 0 ? Math.max(...all) : 60;
}

interface Loaded {
  lines: Line[];
  busy: boolean;
  failed: string;
}

/** Loads what a chart shows: of a year days, hours when it is zoomed in. */
function useHistory(keys: string[], metric: string, from: number, to: number): [Loaded, () => void] {
  const [loaded, setLoaded] = useState<Loaded>({ lines: [], busy: true, failed: '' });
  const [again, setAgain] = useState(0);
  const up = state.link === 'up' && state.site !== null;
  const id = `${keys.join('|')}|${metric}|${from}|${to}|${up}|${again}`;
  useEffect(() => {
    let gone = false;
    const session = current();
    if (!session || !up) {
      setLoaded((l) => ({ ...l, busy: false, failed: l.lines.length > 0 ? '' : t('plot.offline') }));
      return undefined;
    }
    const kind = kindOf(metric);
    const step = stepFor(to - from, kind);
    const parts: Series[] = keys.map(() => emptySeries(step, kind));
    const show = (busy: boolean, failed = '') => {
      if (gone) return;
      const lines = keys.map((key, i) => ({ label: key, series: parts[i] ?? emptySeries(step, kind), everyS: everyOf(key) }));
      setLoaded({ lines, busy, failed });
    };
    const run = async () => {
      await Promise.all(keys.map((key, i) => {
        const by = yearsBack(to, yearsOf(key));
        const take = (series: Series) => { parts[i] = shifted(series, by); };
        return loadHistory(session, { what: whatOf(baseOf(key)), metric, kind, from: from - by, to: to - by, step },
          (series) => {
            take(series);
            show(true);
          },
          () => gone,
        ).then(take);
      }));
      show(false);
    };
    setLoaded((l) => ({ ...l, busy: true, failed: '' }));
    run().catch((e: unknown) => show(false, t('plot.failed', problem(e))));
    return () => {
      gone = true;
    };
  }, [id]);
  return [loaded, () => setAgain((n) => n + 1)];
}

const HEARD_MAX = 600; // of each line: the range is asked for anew long before

/** All that arrived of each line since the page shows it, oldest first: what is loaded knows nothing of it yet. */
function useHeard(keys: string[]): Live[][] {
  const heard = useRef(new Map<string, Live[]>());
  return keys.map((key) => {
    if (yearsOf(key) > 0) return [];
    const live = key.startsWith('d:') ? state.live.get(key.slice(2)) : state.plotLive.get(key.slice(2));
    const rows = heard.current.get(key) ?? [];
    heard.current.set(key, rows);
    if (live && !rows.some((row) => row.ts === live.ts)) rows.push(live);
    if (rows.length > HEARD_MAX) rows.shift();
    return rows;
  });
}

/** The farm's limits of what is shown, that count in this month. */
function marksOf(tile: Tile, metric: string, now: number | null, zone: string): Limit[] {
  if (now === null || !state.site) return [];
  const month = Number(day(now, zone).slice(5, 7));
  return limitsOf(state.site.limits, metric, tile).filter((l) => inSeason(l, month))
    .map((l) => ({ value: l.limit, side: l.side, label: `${lang() === 'zh' ? l.label : l.labelEn} ${metricValue(metric, l.limit)}` }));
}

interface ChartProps {
  tile: Tile;
  metric: string;
  keys: string[];
  labels: string[];
  window: Window;
  setWindow: (change: (w: Window) => Window) => void;
  /** Earlier years are drawn, too. */
  past: boolean;
  setPast: (past: boolean) => void;
  children: ComponentChildren; // what is chosen below the chart
}

function ChartBox({ tile, metric, keys, labels, window: { range, view, asked }, setWindow, past, setPast, children }: ChartProps) {
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const now = clock.now();
  const [point, setPoint] = useState<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const [full, setFull] = useFull(() => chart.current?.fit());

  const days = stepFor(SPAN_MS[range], kindOf(metric)) === 'day';
  const base: [number, number] = now === null ? [0, 1] : rangeUpTo(now, range, days, zone);
  const shown = view ?? base;
  const [from, to] = asked ?? base;
  const heard = useHeard(keys);
  const [loaded, again] = useHistory(now === null ? [] : keys, metric, from, to);
  const lines = loaded.lines.length === keys.length ? loaded.lines : [];
  const withLive = lines.map((line, i) => ({
    ...line, series: (heard[i] ?? []).filter((live) => live.ts >= from && live.ts < to).reduce((s, live) => addLive(s, live, metric), line.series),
  }));
  const empty = !loaded.busy && !loaded.failed && withLive.every((l) => l.series.t.length === 0);

  const marks = marksOf(tile, metric, now, zone);

  useEffect(() => {
    if (!box.current) return undefined;
    const made = new Chart({
      root: box.current, zone, unit: unit(metric), decimals: decimals(metric), kind: kindOf(metric),
      until: () => clock.now() ?? Infinity,
      marks, at: state.site?.at ?? null,
      onRange: (a, b, done) => {
        setWindow((w) => ({ ...w, view: [a, b], ...(done ? { asked: [Math.floor(a / 300e3) * 300e3, Math.ceil(b / 300e3) * 300e3] } : {}) }));
      },
      onPoint: setPoint,
    });
    chart.current = made;
    const leave = onTheme(() => made.rebuild());
    return () => {
      leave();
      made.destroy();
      chart.current = null;
    };
  }, [metric, zone, lang(), theme(), keys.length, JSON.stringify(marks)]);

  const stamp = withLive.map((l) => `${l.series.t.length}:${l.series.t[l.series.t.length - 1] ?? 0}:${l.series.step}`).join();
  useEffect(() => {
    chart.current?.setRange(...shown);
  }, [shown[0], shown[1]]);
  useEffect(() => {
    chart.current?.setRange(...shown);
    if (withLive.length > 0) chart.current?.show(withLive);
  }, [stamp, metric, lang(), theme(), keys.length, JSON.stringify(marks)]);

  const choose = (next: Range) => setWindow(() => ({ range: next, view: null, asked: null }));
  const pan = (direction: number) => {
    const [a, b] = shown;
    const move = direction * (b - a);
    const moved: [number, number] = [a + move, b + move];
    setWindow((w) => ({ ...w, view: moved, asked: moved }));
  };
  const title = t('plot.chart', labels.join(' / '), metricName(metric));
  const fileName = `${labels.join('-')}-${metricName(metric)}-${day(shown[1], zone)}`;
  const local = (ms: number) => `${day(ms, zone)} ${clockTime(ms, zone)}`;
  // Files and tables tell the time at which it was.
  const asItWas = withLive.map((l, i) => ({ ...l, series: shifted(l.series, -yearsBack(to, yearsOf(keys[i] ?? ''))) }));
  const download = () => {
    const names = [t('pick.plot'), 'UTC', t('plot.time'), 'n', ...columnNames(metric), 'flag'];
    const text = csv(names, asItWas.map((l, i) => ({ label: labels[i] ?? '', series: l.series })), local);
    save(new Blob([text], { type: 'text/csv;charset=utf-8' }), `${fileName}.csv`);
  };
  const share = async () => {
    const canvas = chart.current?.canvas();
    if (!canvas || !box.current) return;
    const blob = await pictureOf(canvas, box.current, {
      title, sub: `${local(shown[0])} – ${local(shown[1])}`, labels,
      foot: `${state.site?.label ?? ''} · ${t('app.name')}`,
    });
    if (blob) await shareOrSave(blob, `${fileName}.png`, title);
  };

  const doubtful = withLive.some((l) => l.series.flags.size > 0);
  return (
    <section class="chartbox" aria-label={title}>
      <div class={full ? 'card chartcard full' : 'card chartcard'}>
        {full && <button class="leave" aria-label={tl('chart.close')} onClick={() => setFull(false)}>✕</button>}
        {point !== null
          ? <PointText lines={chart.current?.drawn() ?? withLive} labels={labels} metric={metric} at={point} zone={zone} />
          : <Hero tile={tile} metric={metric} now={now} sums={withLive.map((l) => total(l.series, ...shown))} labels={labels} />}
        <div class="chart" ref={box} role="img" aria-label={title} aria-busy={loaded.busy} />
        <Shown lines={withLive} labels={labels} metric={metric} from={shown[0]} to={shown[1]} />
        {labels.length > 1 && !hasRange(kindOf(metric)) && (
          <p class="legend">{labels.map((l, i) => <span key={i} class={`key key-${i}`}>{l}</span>)}</p>
        )}
        {empty && <p class="strong">{t('plot.empty')}</p>}
        {loaded.failed && (
          <p class="wrong" role="alert">
            ✗ {loaded.failed} <button onClick={again}>{t('plot.retry')}</button>
          </p>
        )}
        <p class="quiet notes">
          <span>{loaded.busy ? t('plot.loading') : t('plot.hint')}</span>
          <span><span class="swatch" /> {t('plot.gaps')}</span>
          {doubtful && <span><span class="ring" /> {t('plot.flags')}</span>}
        </p>
      </div>
      <div class="segments" role="group" aria-label={t('plot.range')}>
        {RANGES.map((r) => (
          <button key={r} aria-pressed={range === r} onClick={() => choose(r)}>{t(`plot.${r}`)}</button>
        ))}
      </div>
      <button class="wide past" aria-pressed={past} onClick={() => setPast(!past)}>{t('plot.years')}</button>
      <div class="buttons">
        <button onClick={() => pan(-1)}>‹ {t('plot.earlier')}</button>
        <button onClick={() => choose(range)} disabled={view === null}>{t('plot.latest')}</button>
        <button onClick={() => pan(1)} disabled={now === null || shown[1] >= now}>{t('plot.later')} ›</button>
      </div>
      {children}
      <div class="buttons">
        <button onClick={() => setFull(true)}>{tl('chart.full')}</button>
        <button onClick={() => void share()}><Icon name="share" /> {t('plot.share')}</button>
        <button onClick={download} disabled={withLive.length === 0}><Icon name="table" /> {t('plot.csv')}</button>
      </div>
      <Numbers lines={asItWas} labels={labels} metric={metric} local={local} />
      <span class="hidden" data-points={withLive.reduce((n, l) => n + l.series.t.length, 0)} data-step={withLive[0]?.series.step} data-tile={tile.name} />
    </section>
  );
}

async function shareOrSave(blob: Blob, name: string, title: string): Promise<void> {
  const file = new File([blob], name, { type: 'image/png' });
  if (typeof navigator.canShare === 'function' && navigator.canShare({ files: [file] })) {
    try {
      await navigator.share({ files: [file], title });
      return;
    } catch (e) {
      if ((e as Error).name === 'AbortError') return; // the user changed their mind
    }
  }
  save(blob, name);
}

/** What stands above the numbers of a bucket. */
function columnNames(metric: string): string[] {
  const kind = kindOf(metric);
  return hasRange(kind) ? [t('plot.min'), t('plot.mean'), t('plot.max')] : [t(kind === 'sum' ? 'plot.sum' : 'plot.value')];
}

interface HeroProps {
  tile: Tile;
  metric: string;
  now: number | null;
  sums: (number | null)[];
  labels: string[];
}

/** What has come since the first of the month; null: not known yet, or not to be had. */
function useMonth(tile: Tile, metric: string, now: number | null): number | null {
  const [sum, setSum] = useState<number | null>(null);
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const today = now === null ? null : day(now, zone);
  const session = current();
  const key = keyOf(tile);
  useEffect(() => {
    if (!session || now === null || today === null) return undefined;
    let gone = false;
    const noon = midnight(now, zone) + 12 * 3600e3; // a change of the clocks in between takes no day away
    const from = midnight(noon - (Number(today.slice(8)) - 1) * 86400e3, zone);
    loadHistory(session, { what: whatOf(key), metric, kind: 'sum', from, to: now, step: 'day' }, () => undefined, () => gone)
      .then((series) => { if (!gone) setSum(total(series, from, now)); }, () => undefined); // the chart says why
    return () => { gone = true; };
  }, [session, key, metric, today]);
  return sum;
}

/** What fell in the time that is shown, and this month. */
function Sum({ tile, metric, sums, labels, now }: HeroProps) {
  const month = useMonth(tile, metric, now);
  const text = (sum: number | null) => (sum === null ? '——' : <>{metricValue(metric, sum)}<small>{unit(metric)}</small></>);
  return (
    <p class="hero live">
      <span class="name">{metricName(metric)} · {t('plot.sum')}</span>
      {sums.map((sum, k) => (
        <span key={k} class={k > 0 ? 'second' : 'first'}>
          {sums.length > 1 && `${labels[k]} `}
          <span class={k > 0 ? 'strong' : 'value'}>{text(sum)}</span>
        </span>
      ))}
      {month !== null && sums.length === 1 && <span class="second">{t('plot.month.sum')} <span class="strong">{text(month)}</span></span>}
    </p>
  );
}

/** Lowest, mean and highest of what is in sight. */
function Shown({ lines, labels, metric, from, to }: { lines: Line[]; labels: string[]; metric: string; from: number; to: number }) {
  if (!hasRange(kindOf(metric))) return null;
  return (
    <>
      {lines.map((line, k) => {
        const found = stats(line.series, from, to);
        return found && (
          <p class="shown" key={k}>
            {lines.length > 1 && <span class={`key key-${k}`}>{labels[k]}</span>}
            {(['min', 'mean', 'max'] as const).map((what) => (
              <span key={what} class="part">{t(`plot.${what}`)} <b>{metricValue(metric, found[what])}</b></span>
            ))}
          </p>
        );
      })}
    </>
  );
}

function Hero(props: HeroProps) {
  const { tile, metric, now } = props;
  if (kindOf(metric) === 'sum') return <Sum {...props} />;
  const cell = tile.cells[metric];
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const live = cell?.fresh === 'live';
  return (
    <p class={`hero ${live ? 'live' : 'old'}`}>
      <span class="name">{metricName(metric)} · {t('plot.now')}</span>
      <span class="value">{cell?.value != null ? <>{metricValue(metric, cell.value)}<small>{unit(metric)}</small></> : '——'}</span>
      {cell && <Mark tile={tile} metric={metric} cell={cell} now={now} when={when(cell.ts, now, zone)} />}
    </p>
  );
}

interface PointProps {
  lines: Line[];
  labels: string[];
  metric: string;
  at: number;
  zone: string;
}

function PointText({ lines, labels, metric, at, zone }: PointProps) {
  return (
    <p class="hero" aria-live="off">
      <span class="name">{metricName(metric)} · {when(at, clock.now(), zone)}</span>
      {lines.map((line, k) => {
        const i = nearest(line.series, at);
        const [min, mean, max] = [line.series.min[i], line.series.mean[i], line.series.max[i]];
        const flag = line.series.flags.get(line.series.t[i] ?? 0);
        return (
          <span key={k} class={k > 0 ? 'second' : 'first'}>
            {lines.length > 1 && `${labels[k]} `}
            <span class={k > 0 ? 'strong' : 'value'}>{mean == null ? '——' : metricValue(metric, mean)}<small>{unit(metric)}</small></span>
            {min != null && max != null && line.series.step !== 'raw' && hasRange(line.series.kind) && ` ${metricValue(metric, min)} … ${metricValue(metric, max)}`}
            {flag !== undefined && <span class="mark flag">{typeof flag === 'number' ? t('plot.bad', flag) : word('flag', flag)}</span>}
          </span>
        );
      })}
    </p>
  );
}

/** The same as numbers, for those who cannot see the chart; the latest 100 of each. */
function Numbers({ lines, labels, metric, local }: { lines: Line[]; labels: string[]; metric: string; local: (t: number) => string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{t('plot.table')}</summary>
      {open && lines.map((line, k) => (
        <div class="tablebox" key={k} tabIndex={0} role="region" aria-label={`${t('plot.table')} ${labels[k] ?? ''}`}>
          <table>
            <caption>{labels[k]} · {t('plot.count', line.series.t.length)}</caption>
            <thead>
              <tr><th scope="col">{t('plot.time')}</th>{columnNames(metric).map((n) => <th scope="col" key={n}>{n}</th>)}</tr>
            </thead>
            <tbody>
              {line.series.t.slice(-100).map((at, i0) => {
                const i = Math.max(0, line.series.t.length - 100) + i0;
                const cell = (x: number | null | undefined) => (x == null ? '—' : metricValue(metric, x));
                return (
                  <tr key={at}>
                    <th scope="row">{local(at)}</th>
                    {hasRange(line.series.kind) && <td>{cell(line.series.min[i])}</td>}
                    <td>{cell(line.series.mean[i])}</td>
                    {hasRange(line.series.kind) && <td>{cell(line.series.max[i])}</td>}
                  </tr>
                );
              }).reverse()}
            </tbody>
          </table>
        </div>
      ))}
    </details>
  );
}

const YEARS_MOST = 2;

const CHIPS_MAX = 6; // as many as are seen at once; more scroll by themselves, by name

/** One tap chooses, another one lets go, of however many there are. */
function Compare({ others, chosen, choose }: { others: Tile[]; chosen: string; choose: (key: string) => void }) {
  const many = others.length > CHIPS_MAX;
  const names = useMemo(() => (many ? ordered(others, 'name', () => 0, lang()) : others).map(keyOf), [others.map((x) => x.label).join()]);
  if (others.length === 0) return null;
  const isChosen = (x: Tile) => keyOf(x) === chosen;
  const sorted = names.flatMap((key) => others.find((x) => keyOf(x) === key) ?? []);
  const shown = many ? [...sorted.filter(isChosen), ...sorted.filter((x) => !isChosen(x))] : sorted; // the chosen one is in sight
  return (
    <div class="compare" role="group" aria-label={t('plot.compare')}>
      <span>{t('plot.compare')}</span>
      <div class={many ? 'chips many' : 'chips'}>
        {shown.map((x) => (
          <button key={keyOf(x)} aria-pressed={isChosen(x)} onClick={() => choose(isChosen(x) ? '' : keyOf(x))}>{x.label}</button>
        ))}
      </div>
    </div>
  );
}

export function PlotPage({ arg }: { arg: string }) {
  useGarden();
  const now = clock.now();
  const all = tiles(state, now);
  const tile = all.find((x) => keyOf(x) === arg);
  const [chosen, setChosen] = useState('');
  const [other, setOther] = useState('');
  const [past, setPast] = useState(false);
  const [shown, setShown] = useState<Window>({ range: 'day', view: null, asked: null });
  useToday(tile ? [tile] : []);
  if (!tile) return <p class="pad">{state.site ? t('plot.missing') : t('state.connecting')}</p>;
  const metrics = Object.keys(tile.cells);
  const metric = metrics.includes(chosen) ? chosen : metrics.includes('air_temperature') ? 'air_temperature' : (metrics[0] ?? 'air_temperature');
  const second = all.find((x) => keyOf(x) === other);
  const years = past ? Array.from({ length: kindOf(metric) === 'sum' ? 1 : YEARS_MOST }, (_, i) => i + 1) : [];
  const year = now === null ? 0 : Number(day(now, state.site?.timezone ?? 'Asia/Shanghai').slice(0, 4));
  const keys = second ? [arg, other] : [arg, ...years.map((n) => `${arg}@${n}`)];
  const labels = second ? [tile.label, second.label] : [tile.label, ...years.map((n) => `${tile.label} ${t('plot.ofyear', year - n)}`)];
  const choose = (m: string) => {
    setChosen(m);
    const page = document.querySelector('.scroll');
    if (page) page.scrollTop = 0; // where its curve is
  };
  return (
    <div class="plotpage">
      <div class="pagehead">
        <a href="#/" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tile.label}</h1>
        <span class="age">{ageText({ tile, now })}</span>
      </div>
      <Waits devices={devicesOf(arg)} />
      <ChartBox key={`${metric}|${keys.join()}`} tile={tile} metric={metric} keys={keys} labels={labels} window={shown} setWindow={setShown}
        past={past} setPast={(on) => { setPast(on); setOther(''); }}>
        <h2>{t('plot.metric')}</h2>
        <div class="choices">
          {metrics.map((m) => (
            <button key={m} aria-pressed={m === metric} onClick={() => choose(m)}>
              <Reading tile={tile} metric={m} now={now} />
            </button>
          ))}
          {metrics.length === 0 && <p>{t('tile.none')}</p>}
        </div>
        <Compare others={all.filter((x) => x !== tile)} chosen={other} choose={(next) => { setOther(next); setPast(false); }} />
      </ChartBox>
    </div>
  );
}
