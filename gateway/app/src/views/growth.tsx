// SPDX-License-Identifier: Apache-2.0
// Picking and growth of one plot: what was picked today, how far the shoots are, photos.
import { useEffect, useState } from 'preact/hooks';
import '../style/growth.css';
import { currentLogin, gardenName, sendWaiting } from '../garden';
import { ours, t } from '../i18n';
import type { Photo, Pick } from '../keep/db';
import { dailyGrowth } from '../keep/local';
import { dropPhoto, keepPhoto, NotAPhoto, photosOf } from '../keep/photos';
import { add, confirm, DOUBTFUL, drop, list } from '../keep/outbox';
import { day, fullDate, value } from '../model/format';
import { has } from '../model/own';
import type { PlotForecast, Why } from '../model/payload';
import { bookedFor, doubt, PICKERS_MAX, type Doubt } from '../model/picks';
import { clock, state } from '../model/state';
import { estimated, fromUnit, toUnit, unitName, weighed } from '../model/weight';
import { randomId } from '../mqtt/session';
import { BookingCard, Refused, Sent } from './booking';
import { useGarden, usePicks } from './hooks';
import { Icon } from './icon';
import { Stepper } from './stepper';

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';
const siteNow = () => clock.now() ?? Date.now();
const KG_MAX = 5000;

/** First tap opens this with the likely numbers, second tap saves. */
function PickForm({ plot, label, picks, forecast, done }: {
  plot: string; label: string; picks: Pick[]; forecast: PlotForecast | undefined; done: (note: string) => void;
}) {
  const today = day(siteNow(), zone());
  const last = picks.find((p) => p.plot === plot && !p.booking);
  const booked = last?.day === today ? undefined : bookedFor(picks, plot, today);
  const [weight, setWeight] = useState(toUnit(last?.kg ?? Math.round(forecast?.pickKg?.[1] ?? 5)));
  const kilos = fromUnit(weight);
  const [people, setPeople] = useState((booked ?? last)?.pickers ?? forecast?.pickers ?? 2);
  const [busy, setBusy] = useState(false); // a second tap would be a second pick
  const [asked, setAsked] = useState<Doubt | null>(null);
  const save = async () => {
    const login = currentLogin();
    if (!login || busy) return;
    const slip = doubt(picks, plot, kilos, people);
    if (slip !== null && asked === null) return setAsked(slip);
    setBusy(true);
    const now = siteNow();
    try {
      await add({ id: randomId(), user: login.user, url: login.url, plot, day: day(now, zone()), kg: kilos,
        pickers: Math.round(people), made: now, sent: false, error: '', ...(asked === null ? {} : { sure: true }) });
    } catch {
      return done(t('pick.failed'));
    }
    await sendWaiting();
    const mine = (await list(login.user, login.url))[0];
    done(mine?.sent ? t('pick.saved') : mine?.error ? '' : t('pick.queued'));
  };
  // The question is about the number that stands there.
  const changing = (set: (n: number) => void) => (n: number) => {
    setAsked(null);
    set(n);
  };
  return (
    <form class="card pickform" onSubmit={(e) => { e.preventDefault(); void save(); }}>
      <h2>{t('pick.today')} · {label}</h2>
      <Stepper name="weight" label={t('pick.weight', unitName())} number={weight} step={weight >= 20 ? 1 : 0.5} max={toUnit(KG_MAX)} set={changing(setWeight)} />
      <Stepper name="pickers" label={t('pick.pickers')} number={people} step={1} max={PICKERS_MAX} set={changing(setPeople)} />
      {asked && <p class="wrong" role="alert">{t(`pick.doubt.${asked}`, weighed(kilos), Math.round(people), unitName())}</p>}
      <button class="primary" type="submit">{asked ? t('pick.sure') : t('pick.save')}</button>
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

function PickLog({ picks }: { picks: Pick[] }) {
  const today = day(siteNow(), zone());
  // A booking of a day that is over says nothing any more, but that it was not taken.
  const rows = picks.filter((p) => !p.booking || !p.sent || p.day >= today);
  if (rows.length === 0) return null;
  const name = (plot: string) => state.site?.plots.find((p) => p.name === plot)?.label ?? plot;
  return (
    <section class="card" aria-labelledby="picklog">
      <h2 id="picklog">{t('pick.log')}</h2>
      <ul class="rows">
        {rows.slice(0, 10).map((p) => (
          <li key={p.id}>
            <div>
              <span>
                <span class="quiet">{p.day.slice(5)}</span>{' '}
                {p.booking ? t('book.summary', name(p.plot), p.pickers) : t('pick.summary', name(p.plot), weighed(p.kg), p.pickers, unitName())}
              </span>
              <Sent pick={p} />
            </div>
            <Refused pick={p} />
          </li>
        ))}
      </ul>
    </section>
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
            <span class="name">{t('grow.thermal')}</span>
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
      {forecast?.why && <p class="quiet">{t('grow.why')}：{ours<Why>(forecast).why}</p>}
      {score?.days != null && score.maeKg !== null && (
        <p class="quiet">{t('grow.score', score.days, estimated(score.maeKg), unitName())}</p>
      )}
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
  const [open, setOpen] = useState(false);
  const [note, setNote] = useState('');
  const picks = usePicks();
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
      <div class="pagehead"><h1>{t('pick.title')}</h1></div>
      {plots.length > 1 && (
        <label class="plotpick">
          <span>{t('pick.plot')}</span>
          <select value={plot.name} onChange={(e) => { setChosen(e.currentTarget.value); setOpen(false); setNote(''); }}>
            {plots.map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
          </select>
        </label>
      )}
      {open ? (
        <PickForm plot={plot.name} label={plot.label} picks={picks} forecast={forecast}
          done={(text) => { setOpen(false); setNote(text); }} />
      ) : (
        <button class="primary pickbutton" onClick={() => { setOpen(true); setNote(''); }}>
          <Icon name="basket" /> {t('pick.today')}
        </button>
      )}
      <p class="picknote strong" role="status">{note || (waiting > 0 ? t('pick.waiting', waiting) : '')}</p>
      {picks.filter((p) => p.error === DOUBTFUL).map((p) => (
        <Doubted key={p.id} pick={p} label={plots.find((x) => x.name === p.plot)?.label ?? p.plot} />
      ))}
      <BookingCard key={plot.name} plot={plot.name} picks={picks} forecast={state.forecast} />
      <GrowthCard plot={plot.name} forecast={forecast} />
      <PhotoCard plot={plot.name} label={plot.label} />
      <PickLog picks={picks} />
    </div>
  );
}
