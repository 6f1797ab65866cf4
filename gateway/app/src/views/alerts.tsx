// SPDX-License-Identifier: Apache-2.0
// Open alerts, worst and newest first: what, where, since when, what to do. "Got it" tells everybody
// that somebody knows; the alert itself ends when its cause does.
import { useState } from 'preact/hooks';
import { current, setSound, soundOn } from '../garden';
import { ours, said, t, word } from '../i18n';
import { worstFirst } from '../model/alerts';
import { age, when } from '../model/format';
import type { Alert } from '../model/payload';
import { clock, state } from '../model/state';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { place } from './place';
import { problem } from './problem';
import { beep } from './sound';

function Item({ alert }: { alert: Alert }) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const now = clock.now();
  const zone = state.site?.timezone ?? 'Asia/Shanghai';
  const acknowledge = async () => {
    setBusy(true);
    setFailed('');
    try {
      await current()?.call('ack', { id: alert.id });
      // The gateway tells every phone, this one too; until then it is shown here.
      const now = state.alerts.get(alert.id);
      if (now && !now.acked) state.alerts.set(alert.id, { ...now, acked: true, ackedBy: state.user, ackedAt: clock.now() });
    } catch (e) {
      setFailed(t('alert.ackfail', problem(e)));
    }
    setBusy(false);
  };
  return (
    <li class={`card alert level-${alert.level} ${alert.acked ? 'done' : ''}`}>
      <p class="line">
        <b class="clip">{place(alert)}</b>
        <span class={`pill level-${alert.level}`}>{word('level', alert.level)}</span>
      </p>
      <h2>{said(ours(alert).what)}</h2>
      {alert.since !== null && (
        <p class="quiet">
          {t('alert.since', when(alert.since, now, zone), now === null ? '—' : age(now - alert.since))}
        </p>
      )}
      {ours(alert).todo && (
        <p>
          <b>{t('alert.todo')}</b> {ours(alert).todo}
        </p>
      )}
      {alert.acked ? (
        <p class="strong">
          {t('alert.ackedby', alert.ackedBy)}
          {alert.ackedAt !== null && <span class="quiet"> {when(alert.ackedAt, now, zone)}</span>}
        </p>
      ) : (
        <button class="wide" onClick={() => void acknowledge()} disabled={busy || state.link !== 'up'}>
          {t('alert.ack')}
        </button>
      )}
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
    </li>
  );
}

export function Alerts() {
  useGarden();
  const all = worstFirst(state.alerts.values());
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
      <ul class="plainlist">
        {all.map((a) => (
          <Item key={a.id} alert={a} />
        ))}
      </ul>
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
