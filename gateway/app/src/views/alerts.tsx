// SPDX-License-Identifier: Apache-2.0
// Open alerts, one card a cause, worst and newest first: what to do, then what it is, where and since
// when. "Got it" tells everybody that somebody knows; the alert itself ends when its cause does, and
// until then it stays as a grey strip. Below stands what was, by season.
import { useState } from 'preact/hooks';
import { acknowledge, setSound, soundOn } from '../garden';
import { ours, said, t, word } from '../i18n';
import { worstFirst } from '../model/alerts';
import { age, value, when } from '../model/format';
import type { Alert } from '../model/payload';
import { clock, state } from '../model/state';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { place } from './place';
import { problem } from './problem';
import { Seasons } from './seasons';
import { beep } from './sound';

/** A button that tells everybody of all these. */
function Seen({ alerts, label }: { alerts: Alert[]; label: string }) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const tell = async () => {
    setBusy(true);
    setFailed('');
    try {
      await acknowledge(alerts.map((a) => a.id));
    } catch (e) {
      setFailed(t('alert.ackfail', problem(e)));
    }
    setBusy(false);
  };
  return (
    <>
      <button class="wide" onClick={() => void tell()} disabled={busy || state.link !== 'up'}>{label}</button>
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
    </>
  );
}

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';

function Since({ alert }: { alert: Alert }) {
  const now = clock.now();
  if (alert.since === null) return null;
  return <p class="quiet">{t('alert.since', when(alert.since, now, zone()), now === null ? '—' : age(now - alert.since))}</p>;
}

export const extremeOf = ({ extreme, unit }: Alert): string =>
  (extreme === null ? '' : t('alert.worst', `${value(extreme, Number.isInteger(extreme) ? 0 : 1)} ${unit}`));

function Open({ alert }: { alert: Alert }) {
  const { what, todo } = ours(alert);
  return (
    <li class={`card alert level-${alert.level}`}>
      <p class="line">
        <b class="clip">{place(alert)}</b>
        <span class={`pill level-${alert.level}`}>{word('level', alert.level)}</span>
      </p>
      <h2>{todo || said(what)}</h2>
      {todo && <p class="what">{said(what)}</p>}
      {alert.extreme !== null && <p>{extremeOf(alert)}</p>}
      <Since alert={alert} />
      {!alert.acked && <Seen alerts={[alert]} label={t('alert.ack')} />}
    </li>
  );
}

function Held({ alert }: { alert: Alert }) {
  const { what, todo } = ours(alert);
  return (
    <li class="alert done">
      <p><b>{place(alert)}</b> {said(what)}</p>
      {todo && <p>{todo}</p>}
      <p>
        {t('alert.ackedby', alert.ackedBy)}
        {alert.ackedAt !== null && <span class="quiet"> {when(alert.ackedAt, clock.now(), zone())}</span>}
      </p>
      <Since alert={alert} />
    </li>
  );
}

export function Alerts() {
  useGarden();
  const all = worstFirst(state.alerts.values());
  const unseen = all.filter((a) => !a.acked);
  // Nothing heard is not "no alerts".
  const deaf = state.link !== 'up' || state.gateway === 'offline' || !state.whole;
  return (
    <div class="alerts">
      <div class="pagehead">
        <h1>{t('alert.title')}</h1>
      </div>
      {deaf && <p class="card wrong" role="status">✗ {t('alert.deaf')}</p>}
      {all.length === 0 && !deaf && (
        <p class="empty"><Icon name="bell" /> {t('alert.none')}</p>
      )}
      {unseen.length > 1 && <div class="allseen"><Seen alerts={unseen} label={t('alert.ackall')} /></div>}
      <ul class="plainlist">
        {all.map((a) => (a.acked ? <Held key={a.id} alert={a} /> : <Open key={a.id} alert={a} />))}
      </ul>
      <Seasons />
      <div class="card">
        <label class="check">
          <input type="checkbox" checked={soundOn()} onChange={(e) => {
            setSound(e.currentTarget.checked);
            if (e.currentTarget.checked) beep();
          }} />
          <span>{t('alert.sound')}</span>
        </label>
      </div>
    </div>
  );
}
