// SPDX-License-Identifier: Apache-2.0
// The alerts of a season, as the gateway keeps them: when, what, how long, how bad, who saw it.
import { useEffect, useState } from 'preact/hooks';
import { current } from '../garden';
import { ours, said, t, word } from '../i18n';
import { fullDate } from '../model/format';
import { isName, object, parseAlert, type Alert } from '../model/payload';
import { seasons, type Season } from '../model/seasons';
import { clock, state } from '../model/state';
import { extremeOf } from './alerts';
import { place } from './place';
import { problem } from './problem';

const SEASONS = 4;
const PAGES_MAX = 20;

function parsed(answer: Record<string, unknown>): Alert[] {
  const rows = Array.isArray(answer.alerts) ? answer.alerts.slice(0, 512) : [];
  return rows.flatMap((row): Alert[] => {
    const id = object(row)?.id;
    const alert = isName(id) ? parseAlert(row, id) : null;
    return alert ? [alert] : [];
  });
}

/** The gateway answers with the newest; what is before them is asked for until nothing new comes. */
async function load(season: Season): Promise<Alert[]> {
  const found = new Map<string, Alert>();
  let to = Math.round(season.to);
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const rows = parsed((await current()?.call('alerts', { from: Math.round(season.from), to })) ?? {});
    const before = found.size;
    for (const a of rows) if ((a.since ?? 0) >= season.from && (a.since ?? 0) < season.to) found.set(`${a.id} ${a.since}`, a);
    const oldest = Math.min(...rows.filter((a) => a.ended !== null).map((a) => a.since ?? Infinity));
    if (found.size === before || !Number.isFinite(oldest) || oldest <= season.from) break;
    to = oldest;
  }
  return [...found.values()].sort((a, b) => (b.since ?? 0) - (a.since ?? 0));
}

function lasted(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60e3));
  return minutes < 90 ? t('dev.mins', minutes) : t('dev.hours', Math.round(minutes / 60));
}

function Row({ alert }: { alert: Alert }) {
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const facts = [
    alert.ended !== null && alert.since !== null ? lasted(alert.heldMs ?? alert.ended - alert.since) : t('alert.still'),
    extremeOf(alert),
    alert.ackedBy && t('alert.ackedby', alert.ackedBy),
  ].filter((x) => x !== '');
  return (
    <li>
      <div>
        <span>
          <span class="quiet">{alert.since === null ? '' : fullDate(alert.since, zone)}</span> <b>{place(alert)}</b> {said(ours(alert).what)}
          <span class="quiet by">{facts.join(' · ')}</span>
        </span>
      </div>
    </li>
  );
}

export function Seasons() {
  const [chosen, setChosen] = useState(0);
  const [open, setOpen] = useState(false);
  const [rows, setRows] = useState<Alert[] | null>(null);
  const [failed, setFailed] = useState('');
  const now = clock.now();
  const { site, link } = state;
  const all = now === null || !site ? [] : seasons(now, site.timezone, (site.at?.lat ?? 0) < 0, SEASONS);
  const season = all[chosen];
  const up = link === 'up';
  useEffect(() => {
    if (!open || !season || !up) return undefined;
    let gone = false;
    setRows(null);
    setFailed('');
    load(season).then(
      (found) => { if (!gone) setRows(found); },
      (e: unknown) => { if (!gone) setFailed(t('plot.failed', problem(e))); },
    );
    return () => {
      gone = true;
    };
  }, [open, season?.from, up]);
  return (
    <details class="card seasons" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{t('alert.history')}</summary>
      <div class="chips" role="group" aria-label={t('alert.history')}>
        {all.map((s, i) => (
          <button key={s.from} aria-pressed={i === chosen} onClick={() => setChosen(i)}>{t('alert.season', word('season', s.name), s.year)}</button>
        ))}
      </div>
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {!failed && rows === null && <p class="quiet">{t(up ? 'plot.loading' : 'plot.offline')}</p>}
      {rows?.length === 0 && <p class="quiet">{t('alert.quiet')}</p>}
      <ul class="rows">{rows?.map((a) => <Row key={`${a.id} ${a.since}`} alert={a} />)}</ul>
    </details>
  );
}
