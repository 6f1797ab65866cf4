// SPDX-License-Identifier: Apache-2.0
// The first screen: how it is going in one sentence, what can be picked tomorrow, frost, the plots.
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n';
import { age, when } from '../model/format';
import { freshness } from '../model/fresh';
import { clock, state } from '../model/state';
import { places, summary, tile } from '../model/tiles';
import { FrostCard, RiskCard, TomorrowCard } from './forecast';
import { PlotTile } from './tile';

type Mood = 'ok' | 'warn' | 'bad' | 'wait';

export function sentence(): { mood: Mood; text: string } {
  const now = clock.now();
  const s = summary(state, now);
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const last = s.newest === null ? null : when(s.newest, now, zone);
  if (state.link !== 'up') {
    if (state.link !== 'down' && !state.site) return { mood: 'wait', text: t('state.connecting') };
    if (last) return { mood: 'bad', text: t('state.down.data', last) };
    return state.link === 'down'
      ? { mood: 'bad', text: t('state.down') }
      : { mood: 'wait', text: t('state.connecting') };
  }
  if (state.gateway === 'offline') {
    return { mood: 'bad', text: last ? t('state.offline', last) : t('state.offline.never') };
  }
  if (!state.site || state.gateway === 'unknown' || (now === null && state.timePending)) {
    return { mood: 'wait', text: t('state.nosite') };
  }
  if (s.total === 0) return { mood: 'warn', text: t('state.none') };
  if (s.newest === null || now === null) return { mood: 'warn', text: t('state.nodata', s.total) };
  const old = age(now - s.newest);
  if (s.silent.length > 0) return { mood: 'warn', text: t('state.silent', s.silent.length, s.total, old) };
  if (s.flagged.length > 0) return { mood: 'warn', text: t('state.flagged', s.flagged.length, s.total, old) };
  return { mood: 'ok', text: t('state.fine', s.total, old) };
}

function clockNote(): string | null {
  const offset = clock.offset();
  if (clock.trust !== 'told' || offset === null || Math.abs(offset) < 120_000) return null;
  const minutes = Math.abs(offset) / 60000;
  const text = minutes < 90 ? t('dev.mins', Math.round(minutes)) : `${Math.round(minutes / 60)} h`;
  return t('state.clock', text);
}

/** What fits on a screen is drawn first, the rest when there is nothing better to do. */
function useMost(ready: boolean): number {
  const [most, setMost] = useState(4);
  useEffect(() => {
    if (!ready) return undefined;
    const all = () => setMost(Infinity);
    if (typeof requestIdleCallback !== 'function') {
      const timer = setTimeout(all, 300);
      return () => clearTimeout(timer);
    }
    const idle = requestIdleCallback(all, { timeout: 2000 });
    return () => cancelIdleCallback(idle);
  }, [ready]);
  return most;
}

export function Home() {
  const now = clock.now();
  const { mood, text } = sentence();
  const note = clockNote();
  // For a moment values are here and the time is not: they would look old and a second later live.
  const waiting = now === null && state.timePending && state.gateway !== 'offline';
  const all = waiting ? [] : places(state);
  const most = useMost(!waiting);
  const forecast = state.forecast;
  // An estimate of the day before yesterday is not about tomorrow.
  const fresh = forecast !== null && freshness(forecast.ts, 12 * 3600, 0, now, 'online') === 'live';
  return (
    <div class="home">
      <header class="head">
        <h1 class="clip">{state.site && state.site.label !== state.site.name ? state.site.label : t('app.garden')}</h1>
        <p class={`state mood-${mood}`} role="status">
          <span class="mood">{t(`state.word.${mood}`)}</span>
          <span>{text}</span>
        </p>
        {note && <p class="note">{note}</p>}
      </header>
      {forecast && (
        <div class="cards">
          <TomorrowCard forecast={forecast} fresh={fresh} />
          {forecast.frost && <FrostCard frost={forecast.frost} fresh={fresh} ts={forecast.ts} />}
          {fresh && <RiskCard forecast={forecast} />}
        </div>
      )}
      <div class="tiles">
        {waiting && [1, 2, 3].map((i) => <div key={i} class="ghost" />)}
        {all.slice(0, most).map(({ plot, isDevice }) => (
          <PlotTile key={`${isDevice ? 'd' : 'p'}-${plot.name}`} tile={tile(plot, isDevice, state, now)} now={now} />
        ))}
      </div>
    </div>
  );
}
