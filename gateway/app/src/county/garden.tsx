// SPDX-License-Identifier: Apache-2.0
// One garden: how it stands, its alerts, and its hours as curves.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { lang } from '../i18n';
import { validZone, when } from '../model/format';
import { emptySeries, hasRange, join, nearest, type Series } from '../model/series';
import { Chart } from '../views/chart';
import { Icon } from '../views/icon';
import { decimals, kindOf, metricName, metricValue, unit } from '../views/metric';
import { onTheme } from '../views/theme';
import { post, query, type Detail, type Hours } from './api';
import { gradeOf, nameOf } from './grade';
import { Badge, lasted, megabytes } from './gardens';
import { useData } from './page';
import { w, type Word } from './words';

const DAY_MS = 86400e3;
const SPANS: [Word, number][] = [['week', 7], ['months', 30], ['year', 366]];

const text = (x: unknown): string => (typeof x === 'string' ? x : '');
const object = (x: unknown): Record<string, unknown> => (typeof x === 'object' && x !== null ? (x as Record<string, unknown>) : {});

/** What people call the devices. */
function labels(devices: unknown): Map<string, string> {
  const rows = Array.isArray(devices) ? devices.map(object) : [];
  return new Map(rows.map((d) => [text(d.name), text(d.label) || text(d.name)]));
}

/** Of a roll-out's many states those that say something to who looks at the page. */
function firmwareWord(state: string): Word {
  if (state === 'done' || state === 'waiting' || state === 'soaking')
    return `fw.${state}`;
  return state === 'failed' || state === 'refused' ? 'fw.failed' : 'fw.under-way';
}

function Alert({ body, now, zone }: { body: unknown; now: number; zone: string }) {
  const o = object(body);
  const words = lang() === 'zh' && text(object(o.zh).what) ? object(o.zh) : o;
  const level = text(o.level) === 'alarm' ? 'alarm' : 'look';
  const since = typeof o.since === 'number' ? o.since : null;
  return (
    <li class={`garden is-${level}`}>
      <span class="main"><Badge grade={level} /><b>{text(words.what)}</b></span>
      <span class="wrongs">{[text(words.place) || text(o.place), since !== null && when(since, now, zone), text(words.todo)].filter(Boolean).join(' · ')}</span>
    </li>
  );
}

function Curve({ hours, metric, zone, days, now, at }: { hours: Hours; metric: string; zone: string; days: number; now: number; at: { lat: number; lon: number } | null }) {
  const box = useRef<HTMLDivElement>(null);
  const [point, setPoint] = useState<number | null>(null);
  const kind = kindOf(metric);
  const series: Series = useMemo(() => join(emptySeries('hour', kind), { t: hours.t, n: hours.n, min: hours.min,
    mean: hours.mean, max: hours.max, sum: hours.mean, flags: {}, bad: [], next: null }), [hours, kind]);
  useEffect(() => {
    if (!box.current) return undefined;
    const chart = new Chart({ root: box.current, zone, unit: unit(metric), decimals: decimals(metric), kind, marks: [], at,
      until: () => now, onRange: () => undefined, onPoint: setPoint });
    chart.show([{ label: metric, series, everyS: 3600 }]);
    chart.setRange(now - days * DAY_MS, now);
    const leave = onTheme(() => chart.rebuild());
    return () => { leave(); chart.destroy(); };
  }, [series, metric, zone, days]);
  const i = point === null ? series.t.length - 1 : nearest(series, point);
  const value = series.mean[i];
  return (
    <>
      <p class="hero live"><span class="name">{metricName(metric)} · {series.t[i] === undefined ? w('no.data') : when(series.t[i], now, zone)}</span>
        <span class="value">{value == null ? '——' : <>{metricValue(metric, value)}<small>{unit(metric)}</small></>}</span>
        {value != null && hasRange(kind) && <span class="second">{metricValue(metric, series.min[i] ?? value)} … {metricValue(metric, series.max[i] ?? value)}</span>}
      </p>
      <div class="chart" ref={box} />
      <Numbers series={series} metric={metric} zone={zone} now={now} />
    </>
  );
}

/** The same for those who can't see the curve; the newest hundred. */
function Numbers({ series, metric, zone, now }: { series: Series; metric: string; zone: string; now: number }) {
  const [open, setOpen] = useState(false);
  const range = hasRange(series.kind);
  const cell = (x: number | null | undefined) => (x == null ? '—' : metricValue(metric, x));
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{w('numbers')}</summary>
      {open && (
        <div class="tablebox" tabIndex={0} role="region" aria-label={w('numbers')}>
          <table>
            <thead><tr><th scope="col">{w('time')}</th>{range && <th scope="col">{w('min')}</th>}
              <th scope="col">{w(series.kind === 'sum' ? 'sum' : 'mean')}</th>{range && <th scope="col">{w('max')}</th>}</tr></thead>
            <tbody>{series.t.map((at, i) => (
              <tr key={at}><th scope="row">{when(at, now, zone)}</th>{range && <td>{cell(series.min[i])}</td>}
                <td>{cell(series.mean[i])}</td>{range && <td>{cell(series.max[i])}</td>}</tr>
            )).slice(-100).reverse()}</tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function Charts({ garden, zone }: { garden: Detail; zone: string }) {
  const names = labels(garden.devices);
  const [chosen, setChosen] = useState(0);
  const [days, setDays] = useState(7);
  const { measured, now } = garden;
  const [device = '', metric = ''] = measured[chosen] ?? [];
  const to = Math.ceil(now / 3600e3) * 3600e3;
  const path = query('hours', { site: garden.site, device, metric, from: to - days * DAY_MS, to });
  const { data, status } = useData<Hours>(device ? path : null);
  const at = garden.lat !== null && garden.lon !== null ? { lat: garden.lat, lon: garden.lon } : null;
  return (
    <section class="card chartcard">
      <h2>{w('charts')}</h2>
      {measured.length === 0 ? <p class="quiet">{w('no.data')}</p> : (
        <>
          <div class="finders">
            <label><span>{w('what')}</span>
              <select value={chosen} onChange={(e) => setChosen(Number(e.currentTarget.value))}>
                {measured.map(([d, m], i) => <option key={`${d}/${m}`} value={i}>{names.get(d) || d} · {metricName(m)}</option>)}
              </select></label>
            <div class="segments" role="group" aria-label={w('span')}>
              {SPANS.map(([name, n]) => <button key={n} aria-pressed={days === n} onClick={() => setDays(n)}>{w(name)}</button>)}
            </div>
            <a class="button" href={`county/${path.replace('hours?', 'hours.csv?')}`} download={`${garden.site}-${device}-${metric}.csv`}>{w('csv')}</a>
          </div>
          {data ? <Curve hours={data} metric={metric} zone={zone} days={days} now={now} at={at} />
            : status !== null && <p class="wrong" role="alert">{w('away')}</p>}
        </>
      )}
    </section>
  );
}

/** For operators: given up for good, so the site's name is typed first. */
function Retire({ site, gone }: { site: string; gone: () => void }) {
  const [typed, setTyped] = useState('');
  const [failed, setFailed] = useState(false);
  const retire = (data: 'keep' | 'remove') => void post('retire', { site, data }).then(gone, () => setFailed(true));
  const sure = typed.trim() === site;
  return (
    <details class="card">
      <summary>{w('retire')}</summary>
      <p class="quiet">{w('retire.why')}</p>
      <div class="finders">
        <label><span>{w('retire.type', site)}</span>
          <input value={typed} autocomplete="off" autocapitalize="off" onInput={(e) => setTyped(e.currentTarget.value)} /></label>
        <button disabled={!sure} onClick={() => retire('keep')}>{w('retire.keep')}</button>
        <button disabled={!sure} onClick={() => retire('remove')}>{w('retire.remove')}</button>
      </div>
      {failed && <p class="wrong" role="alert">{w('away')}</p>}
    </details>
  );
}

export function GardenPage({ site, silentS, acted }: { site: string; silentS: number; acted: () => void }) {
  const { data: g, status, again } = useData<Detail>(query('garden', { site }));
  if (!g) return <main>{status !== null && <div class="empty"><p role="alert">{w(status === 404 || status === 400 ? 'not.found' : 'away')}</p><a class="button" href="#/">{w('back')}</a></div>}</main>;
  const alerts = g.alerts.filter((a) => text(object(a).what));
  const counted = { ...g, alarms: g.alerts.filter((a) => object(a).level === 'alarm').length, watches: g.alerts.filter((a) => object(a).level === 'watch').length };
  const grade = gradeOf(counted, g.now, silentS);
  const zone = g.timezone !== null && validZone(g.timezone) ? g.timezone : 'Asia/Shanghai';
  const seen = () => void post('seen', { site }).then(() => { again(); acted(); }, again);
  const fact = (name: Word, value: string) => <div><dt>{w(name)}</dt><dd>{value}</dd></div>;
  return (
    <main class="county">
      <div class="pagehead"><a href="#/" aria-label={w('back')}><Icon name="back" /></a><h1>{nameOf(g)}</h1><Badge grade={grade} /></div>
      {grade === 'silent' && (
        <p class="wrong silence">✗ {w('silent.for', lasted(g.now - g.seen))}
          {g.seen_by ? <> · {w('seen.by', g.seen_by)}</> : g.operator && <button onClick={seen}>{w('seen.button')}</button>}</p>
      )}
      <div class="halves">
        <section class="card">
          <dl class="facts2">
            {fact('heard', when(g.seen, g.now, zone))}
            {fact('region', g.region || w('no.region'))}
            {fact('waiting', g.backlog === null ? '—' : w('waiting.say', g.backlog))}
            {fact('missing', String(g.holes))}
            {fact('gone', String(g.gone))}
            {g.aside > 0 && fact('aside', w('aside.say', g.aside))}
            {fact('month', megabytes(g.month_bytes))}
            {fact('version', g.version ?? '—')}
            {g.firmware.length > 0 && fact('firmware', g.firmware.map((f) => `${f.version} ${w(firmwareWord(f.state))}`).join(', '))}
            {fact('where.gateway', g.site)}
          </dl>
        </section>
        <section class="card">
          <h2>{w('alerts')}</h2>
          {alerts.length === 0 ? <p class="quiet">{w('no.alerts')}</p>
            : <ul class="gardens">{alerts.map((a, i) => <Alert key={i} body={a} now={g.now} zone={zone} />)}</ul>}
        </section>
      </div>
      <Charts garden={g} zone={zone} />
      {g.operator && <Retire site={site} gone={() => { acted(); location.hash = '#/'; }} />}
    </main>
  );
}
