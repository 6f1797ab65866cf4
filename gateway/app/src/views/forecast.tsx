// SPDX-License-Identifier: Apache-2.0
// Tomorrow's pick, frost and disease: what the gateway's forecast says, with its doubts.
import { useState } from 'preact/hooks';
import { ours, t, word } from '../i18n';
import { day, dayAfter, monthDay, value, when } from '../model/format';
import { estimated, unitName, weighed } from '../model/weight';
import type { Pick } from '../keep/db';
import type { Forecast, PlotForecast, Triple, Why } from '../model/payload';
import { has } from '../model/own';
import { bookedInAll, lastPicked, type PickedDay } from '../model/picks';
import { clock, state } from '../model/state';
import type { Bookings } from './booking';
import { usePicks } from './hooks';
import { Icon } from './icon';

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';

/** The plots' triples added up. Percentiles add exactly only when all plots err together, as they do
 *  with the weather; otherwise this range is too wide, which is the safe side. */
export function total(triples: Triple[]): Triple | null {
  if (triples.length === 0) return null;
  return triples.reduce<Triple>((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]], [0, 0, 0]);
}

function confidence(plots: PlotForecast[]): string | null {
  const scores = plots.map((p) => p.score).filter((s) => s.days !== null);
  if (scores.length === 0) return null;
  const days = Math.min(...scores.map((s) => s.days ?? 0));
  if (days < 7) return t('conf.learning', days);
  const skills = scores.map((s) => s.skill).filter((x): x is number => x !== null);
  if (skills.length === 0) return null;
  const skill = Math.min(...skills);
  return t(skill >= 0.2 ? 'conf.good' : skill > 0 ? 'conf.fair' : 'conf.poor');
}

/** What people would say of tomorrow without a gateway, where that has been no worse this season. */
function byRule(plots: PlotForecast[]): number | null {
  const worse = (p: PlotForecast) => p.ruleKg !== null && p.score.skill !== null && p.score.skill <= 0;
  return plots.some(worse) ? plots.reduce((sum, p) => sum + ((worse(p) ? p.ruleKg : p.pickKg?.[1]) ?? 0), 0) : null;
}

const reason = (of: Why & { zh: Why | null }): string => ours<Why>(of).why;

function label(name: string): string {
  return state.site?.plots.find((p) => p.name === name)?.label ?? name;
}

function today(): string | null {
  const now = clock.now();
  return now === null ? null : day(now, zone());
}

function LastPicked({ last }: { last: PickedDay | null }) {
  return last && <p class="strong">{t('tomorrow.picked', last.day.slice(5), weighed(last.kg), last.pickers, unitName())}</p>;
}

/** Who comes tomorrow: what was said, and behind it the plots to say it for. Asked where there is, or
 *  could be, something to pick. */
function WhoComes({ forecast, picks }: { forecast: Forecast; picks: Pick[] }) {
  const [open, setOpen] = useState(false);
  const [Rows, setRows] = useState<{ rows: typeof Bookings } | 'failed' | null>(null);
  const plots = (state.site?.plots ?? []).map((p) => p.name).filter((name) => has(forecast.plots, name));
  const on = dayAfter(clock.now() ?? Date.now(), zone());
  const booked = bookedInAll(picks, plots, on, forecast, zone());
  const grows = plots.some((name) => forecast.plots[name]?.readyKg || forecast.plots[name]?.pickKg);
  if (!booked && !grows) return null;
  const some = booked !== null && booked.plots > 0;
  const toggle = () => {
    setOpen(!open);
    if (Rows === null || Rows === 'failed') import('./booking').then((m) => setRows({ rows: m.Bookings }), () => setRows('failed'));
  };
  return (
    <>
      <button class="ask" aria-expanded={open} onClick={toggle}>
        <Icon name="people" />
        <span>
          {some ? t('book.all', booked.pickers) : t('book.ask')}
          <span class="line">
            <span class="quiet">
              {monthDay(on.begins, zone())}
              {some && booked.plots < plots.length && ` · ${t('book.plots', booked.plots, plots.length)}`}
            </span>
            {booked && <Fate of={booked.fate} />}
          </span>
        </span>
      </button>
      {open && Rows !== null && (Rows === 'failed'
        ? <p class="wrong" role="alert">✗ {t(navigator.onLine ? 'err.page' : 'err.offline')}</p>
        : <Rows.rows plots={plots} picks={picks} forecast={forecast} />)}
    </>
  );
}

function Fate({ of }: { of: 'sent' | 'waits' | 'refused' }) {
  const [kind, key] = ({ sent: ['fine', 'pick.sent'], waits: ['old', 'pick.unsent'], refused: ['bad', 'pick.not'] } as const)[of];
  return <span class={`pill ${kind}`}>{t(key)}</span>;
}

export function TomorrowCard({ forecast, fresh }: { forecast: Forecast; fresh: boolean }) {
  const picks = usePicks();
  const last = lastPicked(picks, today());
  const rows = Object.entries(forecast.plots);
  if (rows.length === 0) return null;
  const plots = rows.map(([, p]) => p);
  const pick = total(plots.flatMap((p) => (p.pickKg ? [p.pickKg] : [])));
  const ready = total(plots.flatMap((p) => (p.readyKg ? [p.readyKg] : [])));
  const pickers = plots.reduce((n, p) => n + (p.pickers ?? 0), 0);
  const sure = confidence(plots);
  const rule = byRule(plots);
  return (
    <section class={`card tomorrow ${fresh ? '' : 'old'}`} aria-labelledby="tomorrow">
      <div class="line">
        <h2 id="tomorrow">{t('tomorrow.title')}</h2>
        {pick && sure && <span class="quiet">{sure}</span>}
      </div>
      {!fresh && <p class="note">{t('tomorrow.old', when(forecast.ts, clock.now(), zone()))}</p>}
      {pick ? (
        <>
          <div class="line">
            <p class="big">
              {estimated(pick[0])}–{estimated(pick[2])}
              <small>{unitName()}</small>
            </p>
            {pickers > 0 && (
              <p class="pickers"><Icon name="people" /> {t('tomorrow.pickers', pickers)}</p>
            )}
          </div>
          <p class="quiet">
            {t('tomorrow.about', estimated(pick[1]), unitName())}
            {rule !== null && ` · ${t('tomorrow.rule', estimated(rule), unitName())}`}
            {ready && ` · ${t('tomorrow.ready', estimated(ready[0]), estimated(ready[2]), unitName())}`}
          </p>
        </>
      ) : (
        <>
          <p>{t('tomorrow.none')}{plots[0]?.why ? ` · ${reason(plots[0])}` : ''}</p>
          <LastPicked last={last} />
        </>
      )}
      <WhoComes forecast={forecast} picks={picks} />
      {rows.length > 1 && (
        <details>
          <summary>{t('tomorrow.details')}</summary>
          <ul class="rows">
            {rows.map(([name, p]) => (
              <li key={name}>
                <a href={`#/pick/${encodeURIComponent(name)}`}>
                  <span class="clip">{label(name)}</span>
                  <span>{p.pickKg ? t('tomorrow.range', estimated(p.pickKg[0]), estimated(p.pickKg[2]), unitName()) : reason(p) || t('tomorrow.none')}</span>
                </a>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

/** Where tomorrow's pick will stand once somebody estimates it: what is missing, and what there is. */
export function NoTomorrowCard() {
  const last = lastPicked(usePicks(), today());
  return (
    <section class="card tomorrow" aria-labelledby="tomorrow">
      <div class="line">
        <h2 id="tomorrow">{t('tomorrow.title')}</h2>
        <span class="quiet">{t('tomorrow.none')}</span>
      </div>
      <LastPicked last={last} />
      <p class="quiet">{t(last ? 'tomorrow.goby' : 'tomorrow.why')}</p>
      <p><a class="go" href="#/pick">{t('tomorrow.note')} ›</a></p>
    </section>
  );
}

/** Last night's frost is not tonight's. */
export const coming = (at: number | null, now: number | null): boolean =>
  at === null || now === null || at > now - 3 * 3600e3;

export function FrostCard({ frost, fresh, ts }: { frost: NonNullable<Forecast['frost']>; fresh: boolean; ts: number }) {
  const calm = frost.level === 'none' || frost.level === 'low' || frost.level === 'info';
  return (
    <section class={`card frost ${fresh ? `level-${frost.level}` : 'old'}`} aria-labelledby="frost">
      <div class="line">
        <h2 id="frost"><Icon name="frost" /> {t('frost.title')}</h2>
        <p class={calm ? 'word' : 'word loud'}>{word('frost', frost.level)}</p>
      </div>
      {(frost.minC !== null || frost.at !== null || !fresh) && (
        <p class="facts">
          {frost.minC !== null && <span class="strong">{t('frost.min', value(frost.minC, 1))}</span>}
          {frost.at !== null && <span>{t('frost.at', when(frost.at, clock.now(), zone()))}</span>}
          {!fresh && <span>{t('tile.old', when(ts, clock.now(), zone()))}</span>}
        </p>
      )}
      {frost.why && <p class="quiet">{reason(frost)}</p>}
    </section>
  );
}

/** The nights after tonight, by a weather forecast whose age stands there. */
export function NightsCard({ ahead }: { ahead: NonNullable<Forecast['ahead']> }) {
  if (ahead.nights.length === 0) return null;
  return (
    <section class="card nights" aria-labelledby="nights">
      <h2 id="nights">{t('nights.title')}</h2>
      <ul class="rows">
        {ahead.nights.map((n) => (
          <li key={n.at}>
            <div>
              <span>{monthDay(n.at, zone())}</span>
              <span class={n.minC <= 4 ? 'strong' : ''}>{t('frost.min', value(n.minC, 1))}{n.minC <= 4 && ' ↓'}</span>
            </div>
          </li>
        ))}
      </ul>
      <p class="quiet">{t('nights.by', when(ahead.made, clock.now(), zone()))}</p>
    </section>
  );
}

export function RiskCard({ forecast }: { forecast: Forecast }) {
  const lacking = forecast.water.filter((w) => w.level !== 'none'); // of forty plots
  const rows = [
    ...forecast.disease.map((d) => ({ name: word('disease', d.name), level: d.level, why: reason(d) })),
    ...lacking.map((w) => ({ name: w.plot ? `${t('water.title')} · ${label(w.plot)}` : t('water.title'), level: w.level, why: reason(w) })),
  ];
  if (rows.length === 0) return null;
  return (
    <section class="card risk" aria-labelledby="risk">
      <h2 id="risk">{t('risk.title')}</h2>
      <ul class="rows">
        {rows.map((r, i) => (
          <li key={i}>
            <div>
              <span>{r.name}</span>
              <span class={`pill level-${r.level}`}>{word('level', r.level)}</span>
            </div>
            {r.why && <p class="quiet">{r.why}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}
