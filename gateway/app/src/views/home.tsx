// SPDX-License-Identifier: Apache-2.0
// The first screen: how it is going in one sentence, what can be picked tomorrow, frost, the plots.
import { useEffect, useRef, useState } from 'preact/hooks';
import { lang, t } from '../i18n';
import { get, set } from '../keep/setting';
import { age, when } from '../model/format';
import { freshness } from '../model/fresh';
import { clock, state } from '../model/state';
import { lowest, ordered, ORDERS, temperature, type Order } from '../model/order';
import { keyOf, places, summary, tile, type Tile } from '../model/tiles';
import { coming, FrostCard, NightsCard, NoTomorrowCard, RiskCard, TomorrowCard } from './forecast';
import { metricValue } from './metric';
import { gradeOf, PlotTile } from './tile';
import { dayOf, useToday } from './today';

type Mood = 'ok' | 'warn' | 'bad' | 'wait';

interface Sentence {
  mood: Mood;
  text: string;
  /** How old the newest data is: apart from the text, so that a screen reader does not say it again
   *  with every minute. */
  last?: string | undefined;
  /** What to do, or which devices it is about. */
  note?: string | undefined;
  /** The page that says more. */
  link?: string | undefined;
}

const NAMES_MOST = 3;

/** "soil-7, soil-8, soil-9 and 4 more". */
function naming(names: string[]): string {
  const labels = new Map((state.site?.devices ?? []).map((d) => [d.name, d.label]));
  const shown = names.slice(0, NAMES_MOST).map((n) => labels.get(n) ?? n).join(t('state.and'));
  return names.length > NAMES_MOST ? t('state.more', shown, names.length - NAMES_MOST) : shown;
}

function cutOff(newest: string | null): Sentence {
  const last = newest === null ? undefined : t('state.shown', newest);
  const { obstacle } = state;
  // Trying once more is no news: until it succeeds the sentence stays as it is.
  if (state.link !== 'up' && obstacle === null) return { mood: 'wait', text: t('state.connecting'), last };
  const cause = obstacle ?? 'unknown';
  return { mood: 'bad', text: t(`down.${cause}`), last, note: t(`state.help.${cause}`) };
}

export function sentence(): Sentence {
  const now = clock.now();
  const s = summary(state, now);
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const newest = s.newest === null ? null : when(s.newest, now, zone);
  if (state.link !== 'up') return cutOff(newest);
  if (state.gateway === 'offline') {
    return { mood: 'bad', text: t('state.offline'), last: newest === null ? undefined : t('state.last', newest),
      note: t('state.help.offline') };
  }
  if (!state.site || state.gateway === 'unknown' || (now === null && state.timePending)) {
    const late = state.whole && !state.site;
    return { mood: 'wait', text: t('state.nosite'), note: late ? t('state.help.nosite') : undefined };
  }
  if (s.total === 0) return { mood: 'warn', text: t('state.none') };
  if (s.newest === null || now === null) return { mood: 'warn', text: t('state.nodata', s.total) };
  const last = t('state.last', age(now - s.newest));
  const many = s.silent.length === s.total;
  if (s.silent.length > 0) {
    return { mood: 'warn', text: t('state.silent', s.silent.length, s.total), last,
      note: many ? t('state.help.allsilent') : naming(s.silent), link: 'devices' };
  }
  if (s.flagged.length > 0) {
    return { mood: 'warn', text: t('state.flagged', s.flagged.length, s.total), last, note: naming(s.flagged),
      link: 'devices' };
  }
  return { mood: 'ok', text: t('state.fine', s.total), last };
}

function clockNote(): string | null {
  const offset = clock.offset();
  if (clock.trust !== 'told' || offset === null || Math.abs(offset) < 120_000) return null;
  const minutes = Math.abs(offset) / 60000;
  const [key, n] = minutes < 90 ? (['dev.mins', minutes] as const) : (['dev.hours', minutes / 60] as const);
  return t('state.clock', t(key, Math.round(n)));
}

/** What fits on a screen is drawn first, the rest when there is nothing better to do. */
let drawnOnce = false;

function useMost(ready: boolean): number {
  const [most, setMost] = useState(drawnOnce ? Infinity : 4);
  useEffect(() => {
    if (!ready) return undefined;
    const all = () => {
      drawnOnce = true;
      setMost(Infinity);
    };
    if (typeof requestIdleCallback !== 'function') {
      const timer = setTimeout(all, 300);
      return () => clearTimeout(timer);
    }
    const idle = requestIdleCallback(all, { timeout: 2000 });
    return () => cancelIdleCallback(idle);
  }, [ready]);
  return most;
}

const ROWS_FROM = 8; // as many plots get one line each
const ORDER = 'baiye.order';
const ORDER_STAYS_MS = 60_000; // a list that jumps under the thumb is no list

/** Chosen by the user; of many the worst first, of few as the farm's file has them. */
function useOrder(many: boolean): [Order | null, (next: Order) => void] {
  const saved = get(ORDER);
  const [order, setOrder] = useState<Order | null>(ORDERS.find((o) => o === saved) ?? null);
  return [order ?? (many ? 'worst' : null), (next) => { set(ORDER, next); setOrder(next); }];
}

/** The same order for a while, and anew when another one is asked for or not all has come yet. */
function useOrdered(tiles: Tile[], order: Order | null, now: number | null): Tile[] {
  const kept = useRef<{ order: Order; keys: string[]; at: number } | null>(null);
  if (order === null) return tiles;
  const known = kept.current;
  const at = performance.now();
  if (known === null || known.order !== order || known.keys.length !== tiles.length || !state.whole || at - known.at > ORDER_STAYS_MS) {
    kept.current = { order, at, keys: ordered(tiles, order, (x) => gradeOf(x, now), lang()).map(keyOf) };
  }
  const byKey = new Map(tiles.map((x) => [keyOf(x), x]));
  const sorted = (kept.current?.keys ?? []).flatMap((key) => byKey.get(key) ?? []);
  return sorted.length === tiles.length ? sorted : tiles;
}

/** Which plot is the coldest, and which was in the night: the question of every spring morning. */
function Coldest({ tiles }: { tiles: Tile[] }) {
  const present = lowest(tiles, temperature);
  const night = lowest(tiles, (x) => dayOf(x)?.night ?? null);
  if (!present && !night) return null;
  const text = (v: number) => metricValue('air_temperature', v);
  return (
    <p class="coldest">
      {present && <span>{t('home.coldest', present.tile.label)} <b>{text(present.value)}</b>{'\u00a0'}°C</span>}
      {night && <span>{t('home.night', night.tile.label)} <b>{text(night.value)}</b>{'\u00a0'}°C</span>}
    </p>
  );
}

export function Home() {
  const now = clock.now();
  const { mood, text, last, note: help, link } = sentence();
  const note = clockNote();
  // For a moment values are here and the time is not: they would look old and a second later live.
  const waiting = now === null && state.timePending && state.gateway !== 'offline';
  const found = waiting ? [] : places(state);
  const many = found.length >= ROWS_FROM;
  const [order, setOrder] = useOrder(many);
  const most = useMost(!waiting) * (many ? 3 : 1);
  const wanted = order === null ? found.slice(0, most) : found;
  const all = useOrdered(wanted.map(({ plot, isDevice }) => tile(plot, isDevice, state, now)), order, now);
  const shown = all.slice(0, most);
  useToday(most === Infinity ? shown : [], many ? 'night' : 'day');
  const forecast = state.forecast;
  // An estimate of the day before yesterday is not about tomorrow.
  const fresh = forecast !== null && freshness(forecast.ts, 12 * 3600, 0, now, 'online') === 'live';
  return (
    <div class="home">
      <header class="head">
        <h1>{state.site && state.site.label !== state.site.name ? state.site.label : t('app.garden')}</h1>
        <div class={`state mood-${mood}`}>
          <p role="status"><span class="mood">{t(`mood.${mood}`)}</span> {text}</p>
          {last && <p class="last">{last}</p>}
        </div>
        {help && <p class="help">{link ? <a href={`#/${link}`}>{help} ›</a> : help}</p>}
        {note && <p class="note">{note}</p>}
      </header>
      {!forecast && !waiting && state.site && state.site.plots.length > 0 && (state.whole || state.link !== 'up') && (
        <div class="cards"><NoTomorrowCard /></div>
      )}
      {forecast && (
        <div class="cards">
          <TomorrowCard forecast={forecast} fresh={fresh} />
          {forecast.frost && <FrostCard frost={forecast.frost} fresh={fresh && coming(forecast.frost.at, now)} ts={forecast.ts} />}
          {fresh && forecast.ahead && <NightsCard ahead={forecast.ahead} />}
          {fresh && <RiskCard forecast={forecast} />}
        </div>
      )}
      {found.length > 1 && <Coldest tiles={shown} />}
      {found.filter(({ plot }) => plot.at).length > 1 && <a class="go tomap" href="#/map">{t('map.title')} ›</a>}
      {found.length > 3 && (
        <div class="segments order" role="group" aria-label={t('home.order')}>
          {ORDERS.map((o) => <button key={o} aria-pressed={order === o} onClick={() => setOrder(o)}>{t(`order.${o}`)}</button>)}
        </div>
      )}
      <div class={many ? 'tiles rows1' : 'tiles'}>
        {waiting && [1, 2, 3].map((i) => <div key={i} class="ghost" />)}
        {shown.map((x) => <PlotTile key={keyOf(x)} tile={x} now={now} row={many} />)}
      </div>
    </div>
  );
}
