// SPDX-License-Identifier: Apache-2.0
// The season beside the last one: warmth and what it makes ready, the first pick, kilograms by day and
// plot, rain and frost nights, and the table for the co-operative.
import { useEffect, useState } from 'preact/hooks';
import '../style/growth.css';
import '../style/plot.css';
import { current } from '../garden';
import { t } from '../i18n';
import type { Pick } from '../keep/db';
import { day, monthDay, value } from '../model/format';
import { coldNights, firstPick, last, ledgerCsv, seasonBegins, shares, sums, warmth, type Curve } from '../model/growing';
import { parseLedger } from '../model/ledger';
import { has } from '../model/own';
import { judged, parseSaid, type Said } from '../model/said';
import { emptySeries, total, type Kind, type Series } from '../model/series';
import { clock, state } from '../model/state';
import { unitName, weighed } from '../model/weight';
import { loadHistory } from '../mqtt/history';
import { CountCard } from './counting';
import { Frame } from './frame';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { metricName, metricValue, unit } from './metric';
import { problem } from './problem';
import { SaidCard } from './said';
import { save } from './share';

const DAY_MS = 86400e3;
const PAGES_MAX = 40;

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';
const south = () => (state.site?.at?.lat ?? 0) < 0;

interface Year {
  begins: number;
  ends: number;
  warm: Series;
  rain: Series;
  picks: Pick[];
  said: Said[];
}

/** Everybody's notes between two days, page by page. */
async function notes(from: string, to: string): Promise<Pick[]> {
  const all: Pick[] = [];
  let skip: number | null = 0;
  for (let page = 0; page < PAGES_MAX && skip !== null; page += 1) {
    const found: ReturnType<typeof parseLedger> = parseLedger((await current()?.call('picks', { from, to, skip })) ?? {});
    all.push(...(found?.entries ?? []));
    skip = found?.next ?? null;
  }
  return all;
}

async function load(plot: string, now: number, gone: () => boolean): Promise<Year[]> {
  const session = current();
  if (!session) return [];
  return Promise.all([0, 1].map(async (back): Promise<Year> => {
    const begins = seasonBegins(now, back, zone(), south());
    const ends = back === 0 ? now : seasonBegins(now, back - 1, zone(), south()) - 1; // to the last leaf of autumn
    const days = (metric: string, kind: Kind) =>
      loadHistory(session, { what: { plot }, metric, kind, from: begins, to: ends, step: 'day' }, () => undefined, gone)
        .catch(() => emptySeries('day', kind)); // no such sensor there
    const [first, last] = [day(begins, zone()), day(ends, zone())];
    const told = session.call('said', { plot, from: first, to: last }).then(parseSaid, () => []); // an older gateway keeps none
    const [warm, rain, picks, said] = await Promise.all([days('air_temperature', 'mean'), days('rainfall', 'sum'), notes(first, last), told]);
    return { begins, ends, warm, rain, picks, said };
  }));
}

interface CurvesProps {
  title: string;
  curves: Curve[];
  years: string[];
  text: (v: number) => string;
  begins: number;
  most?: number;
}

/** This season's line over the last one's, by day. */
function Curves({ title, curves, years, text, begins, most }: CurvesProps) {
  const known = curves.flatMap((c) => c.days.filter((v): v is number => v !== null));
  if (known.length === 0) return null;
  const days = Math.max(30, ...curves.map((c) => c.days.length));
  const top = most ?? Math.max(1, ...known);
  const x = (i: number) => (i / (days - 1)) * 100;
  const y = (v: number) => 100 - (v / top) * 100;
  const path = (c: Curve) => c.days.map((v, i) => (v === null ? '' : `${c.days[i - 1] == null ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).join('');
  const dates = [0, 0.5, 1].map((f) => monthDay(begins + Math.round(f * (days - 1)) * DAY_MS, zone()));
  const ends = curves.map((c, k) => { const v = last(c); return v === null ? '' : `${years[k]} ${text(v)}`; }).filter((s) => s !== '').join(t('state.and'));
  return (
    <figure class="curves">
      <figcaption>{title}</figcaption>
      <Frame label={`${title}: ${ends}`} top={top} text={text} dates={dates}>
        {[...curves].reverse().map((c, k) => <path key={k} class={k === curves.length - 1 ? 'this' : 'before'} d={path(c)} />)}
      </Frame>
      <p class="quiet">{ends}</p>
    </figure>
  );
}

interface Fact {
  name: string;
  text: (year: Year) => string;
}

function frostLimit(): number {
  const limit = state.site?.limits.find((l) => l.metric === 'air_temperature' && l.side === 'below' && l.level === 'alarm');
  return limit?.limit ?? 0;
}

function Facts({ years, names, plot }: { years: Year[]; names: string[]; plot: string }) {
  const own = (y: Year) => y.picks.filter((p) => p.plot === plot);
  const kilos = (y: Year) => [...sums(own(y), () => '').values()][0] ?? 0;
  const facts: Fact[] = [
    { name: t('season.first'), text: (y) => { const first = firstPick(own(y)); return first === null ? '—' : monthDay(Date.parse(`${first}T00:00:00Z`), 'UTC'); } },
    { name: t('season.kg', unitName()), text: (y) => weighed(kilos(y)) },
    { name: `${metricName('rainfall')} (${unit('rainfall')})`, text: (y) => { const sum = total(y.rain, y.begins, y.ends); return sum === null ? '—' : metricValue('rainfall', sum); } },
    { name: t('season.frost', metricValue('air_temperature', frostLimit())), text: (y) => (y.warm.t.length === 0 ? '—' : String(coldNights(y.warm, frostLimit()))) },
  ];
  return (
    <div class="tablebox" tabIndex={0} role="region" aria-label={t('season.title')}>
      <table>
        <thead><tr><th scope="col">{t('season.title')}</th>{names.map((n) => <th scope="col" key={n}>{n}</th>)}</tr></thead>
        <tbody>{facts.map((f) => <tr key={f.name}><th scope="row">{f.name}</th>{years.map((y, k) => <td key={k}>{f.text(y)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

/** Kilograms by day and plot: a row a day, what all plots gave, and each. */
function ByDay({ picks }: { picks: Pick[] }) {
  const plots = (state.site?.plots ?? []).filter((p) => picks.some((x) => x.plot === p.name));
  const days = [...sums(picks, (p) => p.day).entries()].sort(([a], [b]) => (a < b ? 1 : -1));
  if (days.length === 0) return <p class="quiet">{t('season.nopicks')}</p>;
  const cell = sums(picks, (p) => `${p.day} ${p.plot}`);
  const whole = sums(picks, (p) => p.plot);
  const text = (kg: number | undefined) => (kg === undefined ? '' : weighed(kg));
  return (
    <div class="tablebox" tabIndex={0} role="region" aria-label={t('season.byday')}>
      <table>
        <caption>{t('season.byday')} ({unitName()})</caption>
        <thead><tr><th scope="col">{t('pick.day')}</th><th scope="col">{t('plot.sum')}</th>{plots.map((p) => <th scope="col" key={p.name}>{p.label}</th>)}</tr></thead>
        <tbody>
          <tr><th scope="row">{t('plot.sum')}</th><td>{text([...whole.values()].reduce((a, b) => a + b, 0))}</td>{plots.map((p) => <td key={p.name}>{text(whole.get(p.name))}</td>)}</tr>
          {days.map(([d, kg]) => (
            <tr key={d}><th scope="row">{d.slice(5)}</th><td>{text(kg)}</td>{plots.map((p) => <td key={p.name}>{text(cell.get(`${d} ${p.name}`))}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function SeasonPage({ arg }: { arg: string }) {
  useGarden();
  const plots = state.site?.plots ?? [];
  const [chosen, setChosen] = useState(arg);
  const [years, setYears] = useState<Year[] | null>(null);
  const [failed, setFailed] = useState('');
  const plot = plots.find((p) => p.name === chosen) ?? plots[0];
  const now = clock.now();
  const up = state.link === 'up' && now !== null;
  useEffect(() => {
    if (!plot || !up || now === null) return undefined;
    let gone = false;
    setYears(null);
    setFailed('');
    load(plot.name, now, () => gone).then(
      (found) => { if (!gone) setYears(found); },
      (e: unknown) => { if (!gone) setFailed(t('plot.failed', problem(e))); },
    );
    return () => {
      gone = true;
    };
  }, [plot?.name, up]);
  const names = (years ?? []).map((y) => day(y.begins, zone()).slice(0, 4));
  const warm = (years ?? []).map((y) => warmth(y.warm, y.begins));
  const forecast = plot && state.forecast && has(state.forecast.plots, plot.name) ? state.forecast.plots[plot.name] : undefined;
  const today = warm[0] ? last(warm[0]) : null;
  const ready = forecast?.shareReady != null && forecast.shareSpread !== null && today !== null
    ? warm.map((c) => shares(c, today, forecast.shareReady ?? 0, forecast.shareSpread ?? 0)) : [];
  const download = () => {
    const titles = [t('pick.day'), t('pick.plot'), t('pick.weight', t('weight.kg')), t('pick.pickers'), t('season.by')];
    const label = (name: string) => plots.find((p) => p.name === name)?.label ?? name;
    save(new Blob([ledgerCsv(titles, years?.[0]?.picks ?? [], label)], { type: 'text/csv;charset=utf-8' }),
      `${state.site?.label ?? ''}-${names[0] ?? ''}.csv`);
  };
  return (
    <div class="seasonpage">
      <div class="pagehead">
        <a href="#/pick" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{t('season.title')}</h1>
      </div>
      {!plot && <p class="empty">{state.site ? t('pick.noplot') : t('state.connecting')}</p>}
      {plot && plots.length > 1 && (
        <label class="plotpick">
          <span>{t('pick.plot')}</span>
          <select value={plot.name} onChange={(e) => setChosen(e.currentTarget.value)}>
            {plots.map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
          </select>
        </label>
      )}
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {plot && !years && !failed && <p class="quiet pad">{t(up ? 'plot.loading' : 'plot.offline')}</p>}
      {plot && years && (
        <>
          <section class="card yearfacts"><Facts years={years} names={names} plot={plot.name} /></section>
          <section class="card">
            <Curves title={`${metricName('thermal_time')} (°C·d)`} curves={warm} years={names} text={(v) => value(v, 0)} begins={years[0]?.begins ?? 0} />
            <Curves title={t('grow.share')} curves={ready} years={names} text={(v) => `${Math.round(v * 100)} %`} begins={years[0]?.begins ?? 0} most={1} />
            {warm.every((c) => c.days.length === 0) && <p class="quiet">{t('plot.empty')}</p>}
          </section>
        </>
      )}
      {plot && forecast?.shareReady != null && <CountCard plot={plot.name} due={forecast.readyKg === null} />}
      {plot && years && (
        <>
          <SaidCard years={years.map((y, k) => ({ year: names[k] ?? '', days: judged(y.said, y.picks.filter((p) => p.plot === plot.name)) }))} />
          <section class="card"><ByDay picks={years[0]?.picks ?? []} /></section>
          <div class="buttons"><button onClick={download}><Icon name="table" /> {t('season.csv')}</button></div>
        </>
      )}
    </div>
  );
}
