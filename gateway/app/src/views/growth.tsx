// SPDX-License-Identifier: Apache-2.0
// Picking and growth of one plot: what was picked today, how far the shoots are, photos.
import { useEffect, useState } from 'preact/hooks';
import '../style/growth.css';
import { askLedger, current, currentLogin, gardenName, sendWaiting } from '../garden';
import { ours, t } from '../i18n';
import { tl, type LaterKey } from '../i18n/later';
import type { Photo, Pick } from '../keep/db';
import { dailyGrowth } from '../keep/local';
import { dropPhoto, keepPhoto, NotAPhoto, photosOf } from '../keep/photos';
import { confirm, DOUBTFUL, drop, find, note } from '../keep/outbox';
import { day, fullDate, midnight, value } from '../model/format';
import { has } from '../model/own';
import type { PlotForecast, Score, Why } from '../model/payload';
import { bookedFor, doubt, PICKERS_MAX, type Doubt } from '../model/picks';
import { clock, state } from '../model/state';
import { estimated, fromUnit, toUnit, unitName, weighed } from '../model/weight';
import { RpcError } from '../mqtt/rpc';
import { randomId } from '../mqtt/session';
import { BookingCard, Refused, Sent } from './booking';
import { useGarden, usePicks } from './hooks';
import { Icon } from './icon';
import { metricName } from './metric';
import { problem } from './problem';
import { Stepper } from './stepper';

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';
const siteNow = () => Math.ceil(clock.now() ?? Date.now());
const KG_MAX = 5000;
const LEDGER_AGAIN_MS = 60_000; // somebody else may have noted something

function toTop(): void {
  const page = document.querySelector('.scroll');
  if (page) page.scrollTop = 0;
}

interface FormProps {
  plot: string;
  picks: Pick[];
  forecast: PlotForecast | undefined;
  /** What is corrected; none: something new is noted. */
  entry: Pick | undefined;
  done: (note: string) => void;
}

const PLOTS_AS_BUTTONS = 6;

function PlotChoice({ plot, set }: { plot: string; set: (plot: string) => void }) {
  const plots = state.site?.plots ?? [];
  if (plots.length < 2) return null;
  if (plots.length > PLOTS_AS_BUTTONS) {
    return (
      <label class="plotpick">
        <span>{t('pick.plot')}</span>
        <select name="plot" value={plot} onChange={(e) => set(e.currentTarget.value)}>
          {plots.map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
        </select>
      </label>
    );
  }
  return (
    <div class="chips" role="group" aria-label={t('pick.plot')}>
      {plots.map((p) => <button type="button" key={p.name} aria-pressed={p.name === plot} onClick={() => set(p.name)}>{p.label}</button>)}
    </div>
  );
}

/** Today and yesterday are one tap; any other day is the phone's own calendar. */
function DayChoice({ on, set }: { on: string; set: (day: string) => void }) {
  const now = siteNow();
  const today = day(now, zone());
  const yesterday = day(midnight(now, zone()) - 1, zone());
  const other = on !== today && on !== yesterday;
  const [open, setOpen] = useState(other);
  const choose = (next: string) => {
    setOpen(false);
    set(next);
  };
  return (
    <div>
      <div class="segments" role="group" aria-label={t('pick.day')}>
        <button type="button" aria-pressed={on === today && !open} onClick={() => choose(today)}>{t('pick.day.today')}</button>
        <button type="button" aria-pressed={on === yesterday && !open} onClick={() => choose(yesterday)}>{t('pick.day.yesterday')}</button>
        <button type="button" aria-pressed={other || open} onClick={() => setOpen(true)}>{t('pick.day.other')}</button>
      </div>
      {open && (
        <input class="wide" type="date" name="day" aria-label={t('pick.day')} max={today} value={on}
          onChange={(e) => e.currentTarget.value !== '' && e.currentTarget.value <= today && set(e.currentTarget.value)} />
      )}
    </div>
  );
}

/** First tap opens this with the likely numbers, second tap saves. */
function PickForm({ plot: first, picks, forecast, entry, done }: FormProps) {
  const today = day(siteNow(), zone());
  const last = picks.find((p) => p.plot === first && !p.booking);
  const booked = last?.day === today ? undefined : bookedFor(picks, first, today);
  const likely = entry ?? { kg: last?.kg ?? Math.round(forecast?.pickKg?.[1] ?? 5), pickers: (booked ?? last)?.pickers ?? forecast?.pickers ?? 2 };
  const [plot, setPlot] = useState(first);
  const [on, setDay] = useState(entry?.day ?? today);
  const [weight, setWeight] = useState(toUnit(likely.kg));
  const [people, setPeople] = useState(likely.pickers);
  const [busy, setBusy] = useState(false); // a second tap would be a second pick
  const [asked, setAsked] = useState<Doubt | 'gateway' | null>(null);
  const kilos = fromUnit(weight);
  const keep = async (pick: Pick) => {
    setBusy(true);
    try {
      await note(pick, current());
    } catch (e) {
      setBusy(false);
      if (e instanceof RpcError && e.code === DOUBTFUL) return setAsked('gateway');
      return done(e instanceof RpcError ? t('pick.refused', problem(e)) : t('pick.failed'));
    }
    await sendWaiting();
    void askLedger();
    const mine = await find(pick.id);
    done(mine === undefined || mine.sent ? t(pick.gone ? 'pick.deleted' : 'pick.saved') : mine.error ? '' : t('pick.queued'));
  };
  const save = () => {
    const login = currentLogin();
    if (!login || busy) return;
    const slip = doubt(picks.filter((p) => p.id !== entry?.id), plot, kilos, people);
    if (slip !== null && asked === null) return setAsked(slip);
    const old = entry ?? { id: randomId(), made: 0 };
    void keep({ ...old, user: login.user, url: login.url, plot, day: on, kg: kilos, pickers: Math.round(people),
      made: Math.max(siteNow(), old.made + 1), sent: false, error: '', ...(asked === null ? {} : { sure: true }) });
  };
  const remove = () => {
    const login = currentLogin();
    if (!login || !entry || busy) return;
    void keep({ ...entry, user: login.user, url: login.url, gone: true, made: Math.max(siteNow(), entry.made + 1), sent: false, error: '' });
  };
  // The question is about what stands there.
  const changing = <T,>(set: (x: T) => void) => (x: T) => {
    setAsked(null);
    set(x);
  };
  return (
    <form class="card pickform" onSubmit={(e) => { e.preventDefault(); save(); }}>
      <h2>{t(entry ? 'pick.correct' : 'pick.today')}</h2>
      <PlotChoice plot={plot} set={changing(setPlot)} />
      <DayChoice on={on} set={changing(setDay)} />
      <Stepper name="weight" label={t('pick.weight', unitName())} number={weight} step={weight >= 20 ? 1 : 0.5} max={toUnit(KG_MAX)} set={changing(setWeight)} />
      <Stepper name="pickers" label={t('pick.pickers')} number={people} step={1} max={PICKERS_MAX} set={changing(setPeople)} />
      {asked && <p class="wrong" role="alert">{t(`pick.doubt.${asked}`, weighed(kilos), Math.round(people), unitName())}</p>}
      <button class="primary" type="submit" disabled={busy}>{asked ? t('pick.sure') : t('pick.save')}</button>
      {entry && <button class="danger" type="button" disabled={busy} onClick={remove}>{t('pick.delete')}</button>}
      <button class="plain" type="button" onClick={() => done('')}>{t('pick.cancel')}</button>
    </form>
  );
}

/** The gateway takes it for a slip: whoever noted it says whether it is one. */
function Doubted({ pick, label }: { pick: Pick; label: string }) {
  return (
    <section class="card doubted" role="alert">
      <p><span class="quiet">{pick.day.slice(5)}</span> {t('pick.summary', label, weighed(pick.kg), pick.pickers, unitName())}</p>
      <p class="wrong">{t('pick.doubt.gateway')}</p>
      <div>
        <button onClick={() => void confirm(pick).then(sendWaiting)}>{t('pick.sure')}</button>
        <button onClick={() => void drop(pick)}>{t('pick.drop')}</button>
      </div>
    </section>
  );
}

const LOG_ROWS = 10;

/** Everybody's entries; one tap on a row corrects it. */
function PickLog({ picks, open }: { picks: Pick[]; open: (pick: Pick) => void }) {
  const [most, setMost] = useState(LOG_ROWS);
  const today = day(siteNow(), zone());
  // A booking of a day that is over says nothing any more, but that it was not taken.
  const rows = picks.filter((p) => !p.booking || !p.sent || p.day >= today);
  if (rows.length === 0) return null;
  const name = (plot: string) => state.site?.plots.find((p) => p.name === plot)?.label ?? plot;
  const earlier = rows.length > most || state.ledger?.next != null;
  const more = () => {
    setMost(most + 3 * LOG_ROWS);
    if (rows.length <= most + 3 * LOG_ROWS && state.ledger?.next != null) void askLedger(true);
  };
  const line = (p: Pick) => (
    <>
      <span>
        <span class="quiet">{p.day.slice(5)}</span>{' '}
        {p.booking ? t('book.summary', name(p.plot), p.pickers) : t('pick.summary', name(p.plot), weighed(p.kg), p.pickers, unitName())}
        {p.by && <span class="quiet by">{t('pick.by', p.by)}{p.changedBy && t('pick.changedby', p.changedBy)}</span>}
      </span>
      {p.by === undefined || p.by === state.user ? <Sent pick={p} /> : <span aria-hidden="true">›</span>}
    </>
  );
  return (
    <section class="card" aria-labelledby="picklog">
      <h2 id="picklog">{t('pick.log')}</h2>
      <ul class="rows">
        {rows.slice(0, most).map((p) => (
          <li key={p.id}>
            {p.booking ? <div>{line(p)}</div> : <button class="row" onClick={() => open(p)}>{line(p)}</button>}
            <Refused pick={p} />
          </li>
        ))}
      </ul>
      {earlier && <button class="plain wide" onClick={more}>{t('pick.earlier')}</button>}
    </section>
  );
}

const NORM_KG = 1.65; // a picker's day, as in gateway/forecast
const RULES: Record<string, LaterKey> = { last: 'rule.last', mean: 'rule.mean', picker: 'rule.picker', norm: 'rule.norm' };

/** How right it has been, the best rule of thumb beside it, and that one's number while it is no worse. */
function ScoreLines({ score, ruleKg }: { score: Score; ruleKg: number | null }) {
  if (!score.days || score.maeKg === null) return null;
  const rule = has(RULES, score.rule) ? RULES[score.rule] : undefined;
  return (
    <div class="quiet score">
      {score.nearKg !== null && score.nearDays !== null && (
        <p>{tl('score.near', estimated(score.nearKg), unitName(), score.nearDays, score.days)}</p>
      )}
      {rule && score.ruleMaeKg !== null && (
        <p>{tl('score.mae', estimated(score.maeKg), unitName(), tl(rule, weighed(NORM_KG), unitName()), estimated(score.ruleMaeKg))}</p>
      )}
      {rule && ruleKg !== null && score.skill !== null && score.skill <= 0 && (
        <p class="strong">{tl('score.rule', estimated(ruleKg), unitName())}</p>
      )}
    </div>
  );
}

function GrowthCard({ plot, forecast }: { plot: string; forecast: PlotForecast | undefined }) {
  const days = dailyGrowth(gardenName(), plot).slice(-14);
  const top = Math.max(1, ...days.map((d) => d.gain));
  if (!forecast && days.length === 0) {
    return <section class="card"><h2>{t('grow.title')}</h2><p class="quiet">{t('grow.nodata')}</p></section>;
  }
  const share = forecast?.shareReady ?? null;
  const score = forecast?.score;
  return (
    <section class="card growth" aria-labelledby="grow">
      <h2 id="grow">{t('grow.title')}</h2>
      <div class="readings">
        {forecast?.thermalTime != null && (
          <div class="reading live">
            <span class="name">{metricName('thermal_time')}</span>
            <span class="value">{value(forecast.thermalTime, 0)}<small>°C·d</small></span>
          </div>
        )}
        {forecast?.readyKg && (
          <div class="reading live">
            <span class="name">{t('grow.ready')}</span>
            <span class="value">{estimated(forecast.readyKg[1])}<small>{unitName()}</small></span>
          </div>
        )}
      </div>
      {share !== null && (
        <>
          <p>{t('grow.share')} <b>{Math.round(share * 100)} %</b></p>
          <progress max="1" value={share} aria-label={t('grow.share')} />
        </>
      )}
      {share !== null && !forecast?.readyKg && <p class="quiet"><a href={`#/season/${plot}`}>{tl('count.ask')}</a></p>}
      {forecast?.why && <p class="quiet">{t('grow.why')}{t('tile.colon')}{ours<Why>(forecast).why}</p>}
      {score && <ScoreLines score={score} ruleKg={forecast?.ruleKg ?? null} />}
      {days.length > 0 && (
        <>
          <h3>{t('grow.perday')}</h3>
          <ul class="bars">
            {days.map((d) => (
              <li key={d.day}>
                <span>{value(d.gain, d.gain < 10 ? 1 : 0)}</span>
                <i style={{ height: `${Math.max(2, (d.gain / top) * 72)}px` }} />
                <small>{Number(d.day.slice(8))}</small>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function PhotoCard({ plot, label }: { plot: string; label: string }) {
  const garden = gardenName();
  const [photos, setPhotos] = useState<{ photo: Photo; url: string }[]>([]);
  const [failed, setFailed] = useState('');
  const [sure, setSure] = useState('');
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let urls: string[] = [];
    let gone = false;
    photosOf(garden, plot).then((all) => {
      if (gone) return;
      const rows = all.map((photo) => ({ photo, url: URL.createObjectURL(photo.blob) }));
      urls = rows.map((r) => r.url);
      setPhotos(rows);
    }, () => undefined);
    return () => {
      gone = true;
      urls.forEach((url) => URL.revokeObjectURL(url));
    };
  }, [garden, plot, again]);
  const take = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    input.value = '';
    if (!file) return;
    setFailed('');
    const now = siteNow();
    try {
      await keepPhoto(garden, plot, day(now, zone()), now, file);
    } catch (e) {
      setFailed(t(e instanceof NotAPhoto ? 'photo.bad' : 'photo.full'));
    }
    setAgain((n) => n + 1);
  };
  const remove = async (id: string) => {
    if (sure !== id) return setSure(id);
    await dropPhoto(id);
    setAgain((n) => n + 1);
  };
  return (
    <section class="card photos" aria-labelledby="photos">
      <div class="line">
        <h2 id="photos">{t('photo.title')}</h2>
        <label class="button">
          <Icon name="camera" /> {t('photo.add')}
          <input class="unseen" type="file" accept="image/*" capture="environment"
            onChange={(e) => void take(e.currentTarget)} />
        </label>
      </div>
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {photos.length === 0 && <p class="quiet">{t('photo.none')}</p>}
      <ul class="gallery">
        {photos.map(({ photo, url }) => (
          <li key={photo.id}>
            <img src={url} alt={t('photo.of', label, photo.day)} loading="lazy" />
            <div>
              <span>{fullDate(photo.made, zone())}</span>
              <button onClick={() => void remove(photo.id)} aria-label={`${t('photo.delete')} ${photo.day}`}>
                {sure === photo.id ? t('photo.sure') : '✕'}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Growth({ arg }: { arg: string }) {
  useGarden();
  const plots = state.site?.plots ?? [];
  const [chosen, setChosen] = useState(arg);
  const [open, setOpen] = useState<Pick | 'new' | null>(null);
  const [said, setSaid] = useState('');
  const picks = usePicks();
  const up = state.link === 'up' && clock.now() !== null;
  useEffect(() => {
    if (!up) return undefined;
    void askLedger();
    const timer = setInterval(() => void askLedger(), LEDGER_AGAIN_MS);
    return () => clearInterval(timer);
  }, [up]);
  const plot = plots.find((p) => p.name === chosen) ?? plots[0];
  const waiting = picks.filter((p) => !p.sent && !p.error).length;
  if (!plot) {
    return (
      <div>
        <div class="pagehead"><h1>{t('pick.title')}</h1></div>
        <p class="empty"><Icon name="basket" /> {state.site ? t('pick.noplot') : t('state.connecting')}</p>
      </div>
    );
  }
  const forecast = state.forecast && has(state.forecast.plots, plot.name) ? state.forecast.plots[plot.name] : undefined;
  return (
    <div class="growthpage">
      <div class="pagehead picking"><h1>{t('pick.title')}</h1><a class="toseason" href={`#/season/${plot.name}`}>{t('season.title')} ›</a></div>
      {open === null && plots.length > 1 && (
        <label class="plotpick">
          <span>{t('pick.plot')}</span>
          <select value={plot.name} onChange={(e) => { setChosen(e.currentTarget.value); setSaid(''); }}>
            {plots.map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
          </select>
        </label>
      )}
      {open !== null ? (
        <PickForm key={open === 'new' ? '' : open.id} plot={open === 'new' ? plot.name : open.plot} picks={picks} forecast={forecast}
          entry={open === 'new' ? undefined : open} done={(text) => { setOpen(null); setSaid(text); }} />
      ) : (
        <button class="primary pickbutton" onClick={() => { setOpen('new'); setSaid(''); }}>
          <Icon name="basket" /> {t('pick.today')}
        </button>
      )}
      <p class="picknote strong" role="status">{said || (waiting > 0 ? t('pick.waiting', waiting) : '')}</p>
      {picks.filter((p) => p.error === DOUBTFUL).map((p) => (
        <Doubted key={p.id} pick={p} label={plots.find((x) => x.name === p.plot)?.label ?? p.plot} />
      ))}
      <BookingCard key={plot.name} plot={plot.name} picks={picks} forecast={state.forecast} />
      <GrowthCard plot={plot.name} forecast={forecast} />
      <PhotoCard plot={plot.name} label={plot.label} />
      <PickLog picks={picks} open={(pick) => { setOpen(pick); setSaid(''); toTop(); }} />
    </div>
  );
}
