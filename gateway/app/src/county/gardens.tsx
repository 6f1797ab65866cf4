// SPDX-License-Identifier: Apache-2.0
// All gardens, worst first, and where they lie.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { age, clockTime } from '../model/format';
import { layout } from '../model/map';
import { t } from '../i18n';
import type { Garden, Gardens } from './api';
import { GRADES, gradeOf, nameOf, worstFirst, type Grade } from './grade';
import { w } from './words';

const MORE = 100;
const ON_MAP = 500;
export const MARKS: Record<Grade, string> = { silent: '✗', alarm: '!', look: '?', fine: '✓' };
const MAP_GRADE: Record<Grade, number> = { silent: 0, alarm: 0, look: 2, fine: 4 };

/** "3 h", without "ago". */
export const lasted = (ms: number): string => age(Math.max(ms, 90_000)).replace(/ ?前$| ago$/, '');

export function Badge({ grade }: { grade: Grade }) {
  return <span class={`state is-${grade}`}><span aria-hidden="true">{MARKS[grade]}</span> {w(grade)}</span>;
}

export const megabytes = (bytes: number | null): string => (bytes === null ? '—' : `${(bytes / 1e6).toFixed(1)} MB`);

function Summary({ counts, chosen, choose }: { counts: Record<Grade, number>; chosen: Grade | null; choose: (g: Grade | null) => void }) {
  const all = GRADES.reduce((sum, g) => sum + counts[g], 0);
  return (
    <div class="summary" role="group" aria-label={w('show.only')}>
      {GRADES.map((g) => (
        <button key={g} class={`is-${g}`} aria-pressed={chosen === g} disabled={counts[g] === 0} onClick={() => choose(chosen === g ? null : g)}>
          <b>{counts[g]}</b> {w(g)}
        </button>
      ))}
      <button aria-pressed={chosen === null} onClick={() => choose(null)}><b>{all}</b> {w('of.all')}</button>
    </div>
  );
}

/** What is wrong, in words; nothing where nothing is. */
function wrongs(g: Garden, grade: Grade, now: number): string[] {
  return [
    grade === 'silent' && w('silent.for', lasted(now - g.seen)),
    grade === 'silent' && g.seen_by && w('seen.by', g.seen_by),
    g.alarms > 0 && w('alarms.say', g.alarms),
    g.watches > 0 && w('watches.say', g.watches),
    g.holes > 0 && w('missing.say', g.holes),
    g.gone > 0 && w('gone.say', g.gone),
    g.aside > 0 && w('aside.say', g.aside),
  ].filter((x): x is string => Boolean(x));
}

function Row({ g, now, silentS }: { g: Garden; now: number; silentS: number }) {
  const grade = gradeOf(g, now, silentS);
  const cell = (name: 'heard' | 'waiting' | 'missing' | 'month' | 'version', text: string) => (
    <span class={`cell of-${name}`}><span class="quiet label">{w(name)}</span> {text}</span>
  );
  return (
    <li class={`garden is-${grade}`}>
      <a class="main" href={`#/garden/${encodeURIComponent(g.site)}`}>
        <Badge grade={grade} />
        <span class="names"><b>{nameOf(g)}</b> <span class="quiet">{g.region || w('no.region')}</span></span>
      </a>
      <span class="wrongs">{wrongs(g, grade, now).join(' · ')}</span>
      <span class="cells">
        {cell('heard', age(now - g.seen))}
        {cell('waiting', g.backlog === null ? '—' : String(g.backlog))}
        {cell('missing', String(g.holes))}
        {cell('month', megabytes(g.month_bytes))}
        {cell('version', g.version ?? '—')}
      </span>
    </li>
  );
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(box.current?.clientWidth ?? 0);
    measure();
    addEventListener('resize', measure);
    return () => removeEventListener('resize', measure);
  }, []);
  return [box, width];
}

/** The worst are drawn last, on top, and have room for their names first. A picture: gardens lie closer
 *  than fingers are, so the list has the links, and a pointer may take the dots. */
function GardenMap({ gardens, now, silentS }: { gardens: Garden[]; now: number; silentS: number }) {
  const [box, width] = useWidth();
  const placed = gardens.filter((g) => g.lat !== null && g.lon !== null && Math.abs(g.lat) <= 90 && Math.abs(g.lon) <= 180);
  const shown = placed.slice(0, ON_MAP);
  const grades = new Map(shown.map((g) => [g.site, gradeOf(g, now, silentS)]));
  const map = layout(shown.map((g) => ({ key: g.site, lat: g.lat ?? 0, lon: g.lon ?? 0,
    words: grades.get(g.site) === 'fine' ? [] : [12 + [...nameOf(g)].slice(0, 12).length * 16] })), width);
  const byKey = new Map(shown.map((g) => [g.site, g]));
  return (
    <section class="countymap" aria-label={w('map')}>
      <h2>{w('map')}</h2>
      <div class="ground" ref={box} role="img" aria-label={w('map.say')} style={{ height: `${map.height}px` }}>
        {[...map.spots].reverse().map((spot) => {
          const g = byKey.get(spot.key);
          const grade = grades.get(spot.key);
          return g && grade && (
            <span key={spot.key} class={`spot grade-${MAP_GRADE[grade]}${grade === 'fine' ? ' small' : ''}`} style={{ left: `${spot.x}px`, top: `${spot.y}px` }}
              title={nameOf(g)} onClick={() => { location.hash = `#/garden/${encodeURIComponent(g.site)}`; }}>
              <span class="dot">{grade !== 'fine' && MARKS[grade]}</span>
              {spot.words && <span class={`words ${spot.words.side}`}>{[...nameOf(g)].slice(0, 12).join('')}</span>}
            </span>
          );
        })}
      </div>
      {map.bar.metres > 0 && (
        <p class="compass">
          <span class="bar" style={{ width: `${map.bar.pixels}px` }}>{map.bar.metres >= 1000 ? `${map.bar.metres / 1000} km` : t('map.metres', map.bar.metres)}</span>
          <span aria-hidden="true">↑ {t('map.north')}</span>
        </p>
      )}
      {gardens.length > placed.length && <p class="quiet">{w('without', gardens.length - placed.length)}</p>}
    </section>
  );
}

export function GardensPage({ all, stale }: { all: Gardens; stale: number | null }) {
  const [grade, setGrade] = useState<Grade | null>(null);
  const [region, setRegion] = useState('');
  const [search, setSearch] = useState('');
  const [most, setMost] = useState(MORE);
  const { now, silent_s: silentS } = all;
  const regions = [...new Set(all.gardens.map((g) => g.region))].sort();
  const wanted = search.trim().toLowerCase();
  const here = all.gardens.filter((g) => (!region || g.region === region)
    && (!wanted || nameOf(g).toLowerCase().includes(wanted) || g.site.includes(wanted)));
  const counts = { silent: 0, alarm: 0, look: 0, fine: 0 };
  for (const g of here) counts[gradeOf(g, now, silentS)] += 1;
  const shown = worstFirst(here.filter((g) => !grade || gradeOf(g, now, silentS) === grade), now, silentS);
  if (all.gardens.length === 0) return <main><div class="empty"><h1>{w('none')}</h1><p>{w('none.why')}</p></div></main>;
  return (
    <main class="county">
      <h1 class="hidden-title">{w('title')}</h1>
      {stale !== null && <p class="wrong" role="alert">{w('old', clockTime(stale, 'Asia/Shanghai'))}</p>}
      <Summary counts={counts} chosen={grade} choose={setGrade} />
      <div class="finders">
        <label><span>{w('search')}</span><input type="search" value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label>
        {regions.length > 1 && (
          <label><span>{w('region')}</span>
            <select value={region} onChange={(e) => setRegion(e.currentTarget.value)}>
              <option value="">{w('regions')}</option>
              {regions.filter((r) => r).map((r) => <option key={r} value={r}>{r}</option>)}
            </select></label>
        )}
        <a class="button" href="county/gardens.csv" download="gardens.csv">{w('csv')}</a>
      </div>
      <div class="halves">
        <section aria-label={w('gardens')}>
          <ul class="gardens">{shown.slice(0, most).map((g) => <Row key={g.site} g={g} now={now} silentS={silentS} />)}</ul>
          {shown.length > most && <button class="wide" onClick={() => setMost(most + MORE)}>{w('more', Math.min(MORE, shown.length - most))}</button>}
        </section>
        <GardenMap gardens={shown} now={now} silentS={silentS} />
      </div>
    </main>
  );
}
