// SPDX-License-Identifier: Apache-2.0
// Who comes tomorrow: the number that tomorrow's estimate depends on most, plot by plot.
import { useState } from 'preact/hooks';
import '../style/booking.css';
import { currentLogin, sendWaiting } from '../garden';
import { t } from '../i18n';
import type { Pick } from '../keep/db';
import { add, bookingOf, DOUBTFUL, LATE } from '../keep/outbox';
import { dayAfter, monthDay } from '../model/format';
import type { Forecast } from '../model/payload';
import { likelyPickers, PICKERS_MAX, saidFor } from '../model/picks';
import { clock, state } from '../model/state';
import { Steps } from './stepper';

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';
const siteNow = () => Math.ceil(clock.now() ?? Date.now());
const tomorrow = () => dayAfter(siteNow(), zone());

/** Where a note is: with the gateway, on its way, or refused. */
export function Sent({ pick }: { pick: Pick }) {
  const [kind, text] = pick.sent ? ['fine', t('pick.sent')] : pick.error ? ['bad', t('pick.not')] : ['old', t('pick.unsent')];
  return <span class={`pill ${kind}`}>{text}</span>;
}

export function Refused({ pick }: { pick: Pick }) {
  if (pick.sent || !pick.error || pick.error === DOUBTFUL) return null; // that one is asked about above
  const why = pick.error === LATE ? t('book.late') : pick.error === 'forbidden' ? t('pick.forbidden') : t('pick.refused', pick.error);
  return <p class="wrong">{why}</p>;
}

interface Props {
  plot: string;
  label: string;
  picks: Pick[];
  forecast: Forecast | null;
}

/** The likely number stands there, one tap books it; another number replaces it. */
function Booking({ plot, label, picks, forecast }: Props) {
  const on = tomorrow();
  const said = saidFor(picks, plot, on, forecast, zone());
  const [chosen, setChosen] = useState<number | null>(null);
  const [failed, setFailed] = useState(false);
  const number = chosen ?? said?.pickers ?? likelyPickers(picks, plot, forecast?.plots[plot]);
  const same = said !== null && !said.pick?.error && said.pickers === number;
  const save = async () => {
    const login = currentLogin();
    if (!login) return;
    try {
      await add(bookingOf(login, plot, on, number, siteNow()));
      setFailed(false);
      setChosen(null);
    } catch {
      setFailed(true);
      return;
    }
    await sendWaiting();
  };
  return (
    <form class="booking" onSubmit={(e) => { e.preventDefault(); void save(); }}>
      <div class="line">
        <label for={`step-book-${plot}`}>{label}</label>
        <p role="status">
          {said ? <>{t('book.is', said.pickers)} {said.pick && <Sent pick={said.pick} />}</> : <span class="quiet">{t('book.none')}</span>}
        </p>
      </div>
      <div class="steps">
        <Steps name={`book-${plot}`} label={label} number={number} step={1} max={PICKERS_MAX} set={(n) => setChosen(Math.round(n))} />
        <button class={same ? 'said' : 'primary'} type="submit">
          {same ? t('book.same') : number === 0 ? t('book.nobody') : t('book.go', number)}
        </button>
      </div>
      {said?.pick && <Refused pick={said.pick} />}
      {failed && <p class="wrong" role="alert">✗ {t('pick.failed')}</p>}
    </form>
  );
}

/** Of one plot, on the page where its picks are noted. */
export function BookingCard({ plot, picks, forecast }: Omit<Props, 'label'>) {
  return (
    <section class="card" aria-labelledby="booking">
      <div class="line">
        <h2 id="booking">{t('book.ask')}</h2>
        <span class="quiet">{monthDay(tomorrow().begins, zone())}</span>
      </div>
      <Booking plot={plot} label={t('book.crew')} picks={picks} forecast={forecast} />
    </section>
  );
}

/** Of all plots that an estimate is made for. */
export function Bookings({ plots, picks, forecast }: { plots: string[]; picks: Pick[]; forecast: Forecast }) {
  const label = (plot: string) => state.site?.plots.find((p) => p.name === plot)?.label ?? plot;
  return (
    <ul class="bookings">
      {plots.map((plot) => (
        <li key={plot}><Booking plot={plot} label={label(plot)} picks={picks} forecast={forecast} /></li>
      ))}
    </ul>
  );
}
