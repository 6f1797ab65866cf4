// SPDX-License-Identifier: Apache-2.0
// One's own password: changed at the gateway by the present one.
import { useState } from 'preact/hooks';
import { changePassword, currentLogin } from '../garden';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { state } from '../model/state';
import { RpcError } from '../mqtt/rpc';
import { useGarden } from './hooks';
import { problem } from './problem';

function why(e: unknown): string {
  if (e instanceof RpcError) {
    if (e.code === 'wrong-password') return tl('pass.wrong');
    if (e.code === 'unfit') return tl('pass.unfit');
    // Sent, and no answer: it may have been done.
    if (e.code === 'timeout' || (e.code === 'offline' && e.message === 'link lost')) return tl('pass.unknown');
  }
  return problem(e);
}

function Field({ name, label, value, shown, set }: {
  name: string; label: string; value: string; shown: boolean; set: (next: string) => void;
}) {
  return (
    <label>
      <span>{label}</span>
      {shown ? (
        <input name={name} type="text" value={value} required autocomplete="off" autocapitalize="none"
          maxLength={128} onInput={(e) => set(e.currentTarget.value)} />
      ) : (
        <input name={name} type="password" value={value} required maxLength={128}
          autocomplete={name === 'old' ? 'current-password' : 'new-password'}
          onInput={(e) => set(e.currentTarget.value)} />
      )}
    </label>
  );
}

export function Password() {
  useGarden();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const [done, setDone] = useState(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    setDone(false);
    if (fresh !== again) return setFailed(tl('pass.differ'));
    if ([...fresh].length < 8) return setFailed(tl('pass.unfit'));
    setFailed('');
    setBusy(true);
    try {
      await changePassword(old, fresh);
      setDone(true);
      for (const clear of [setOld, setFresh, setAgain]) clear('');
    } catch (e) {
      setFailed(why(e));
    }
    setBusy(false);
  };

  return (
    <div class="login password">
      <div class="pagehead"><h1>{tl('pass.title')}</h1></div>
      <form class="card" onSubmit={(e) => void submit(e)}>
        <p>{t('more.user', currentLogin()?.user ?? '')}</p>
        <Field name="old" label={tl('pass.old')} value={old} shown={shown} set={setOld} />
        <Field name="new" label={tl('pass.new')} value={fresh} shown={shown} set={setFresh} />
        <Field name="again" label={tl('pass.again')} value={again} shown={shown} set={setAgain} />
        <label class="check">
          <input type="checkbox" checked={shown} onChange={(e) => setShown(e.currentTarget.checked)} />
          <span>{t('login.show')}</span>
        </label>
        <p class="quiet">{tl('pass.rules')}</p>
        {failed && <p class="wrong" role="alert">✗ {failed}</p>}
        {done && <p class="strong" role="status">{tl('pass.done')}</p>}
        <button class="primary" type="submit" disabled={busy || state.link !== 'up'}>{tl('pass.go')}</button>
      </form>
    </div>
  );
}
