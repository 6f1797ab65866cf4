// SPDX-License-Identifier: Apache-2.0
// The county's page: a login, then gardens worst first, one garden, and picking by day.
import { useEffect, useState } from 'preact/hooks';
import { lang, setLang } from '../i18n';
import { set } from '../keep/setting';
import { useHash } from '../views/hash';
import { Refused, get, post, type Gardens } from './api';
import { DaysPage } from './days';
import { GardenPage } from './garden';
import { GardensPage } from './gardens';
import { w } from './words';

const EVERY_MS = 60_000;

export interface Shown<T> {
  data: T | null;
  /** The last answer's status; 0: no answer; null: none yet. */
  status: number | null;
  /** When the data came, by this machine's clock. */
  at: number;
}

/** Asked at once and each minute, as long as it is on screen. */
export function useData<T>(path: string | null): Shown<T> & { again: () => void } {
  const [shown, setShown] = useState<Shown<T>>({ data: null, status: null, at: 0 });
  const [round, again] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    let gone = false;
    const ask = () => get<T>(path).then(
      (data) => { if (!gone) setShown({ data, status: 200, at: Date.now() }); },
      (e: unknown) => { if (!gone) setShown((was) => ({ ...was, status: e instanceof Refused ? e.status : 0 })); });
    void ask();
    const timer = setInterval(() => { if (!document.hidden) void ask(); }, EVERY_MS);
    return () => { gone = true; clearInterval(timer); };
  }, [path, round]);
  return { ...shown, again: () => again((n) => n + 1) };
}

function useTitle(): void {
  useEffect(() => { document.title = `白叶 Baiye · ${w('title')}`; });
}

function Languages({ changed }: { changed: () => void }) {
  return (
    <button class="plain" lang={lang() === 'zh' ? 'en' : 'zh-CN'} onClick={() => {
      const next = lang() === 'zh' ? 'en' : 'zh';
      set('baiye.lang', next);
      setLang(next);
      changed();
    }}>{lang() === 'zh' ? 'English' : '中文'}</button>
  );
}

function Login({ done, changed }: { done: () => void; changed: () => void }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    post('login', { user, password }).then(done, (e: unknown) => {
      const { status = 0, waitS = 0 } = e instanceof Refused ? e : {};
      setWrong(status === 401 || status === 400 ? w('wrong') : status === 429 ? w('later', waitS) : w('away'));
    });
  };
  return (
    <main class="login">
      <h1>{w('title')}</h1>
      <form onSubmit={submit}>
        <label><span>{w('user')}</span>
          <input name="user" value={user} autocomplete="username" autocapitalize="none" required onInput={(e) => setUser(e.currentTarget.value.trim())} /></label>
        <label><span>{w('password')}</span>
          <input name="password" type="password" value={password} autocomplete="current-password" required onInput={(e) => setPassword(e.currentTarget.value)} /></label>
        {wrong && <p class="wrong" role="alert">✗ {wrong}</p>}
        <button class="primary" type="submit">{w('login')}</button>
      </form>
      <Languages changed={changed} />
    </main>
  );
}

function Head({ user, page, changed, left }: { user: string; page: string; changed: () => void; left: () => void }) {
  const link = (to: string, name: 'gardens' | 'days') => (
    <a href={to} aria-current={page === name ? 'page' : undefined}>{w(name)}</a>
  );
  return (
    <header class="countyhead">
      <p class="brand">白叶 · {w('title')}</p>
      <nav aria-label={w('menu')}>{link('#/', 'gardens')}{link('#/days', 'days')}</nav>
      <span class="who">
        <span class="quiet clip">{user}</span>
        <Languages changed={changed} />
        <button class="plain" onClick={() => void post('logout', {}).then(left, left)}>{w('logout')}</button>
      </span>
    </header>
  );
}

export function County() {
  const [, redraw] = useState(0);
  const changed = () => redraw((n) => n + 1);
  const [what = '', site = ''] = useHash();
  const all = useData<Gardens>('gardens');
  const [out, setOut] = useState(false);
  useTitle();
  const leave = () => { setOut(true); location.hash = '#/'; };
  if (out || all.status === 401) return <div class="scroll"><Login changed={changed} done={() => { setOut(false); all.again(); }} /></div>;
  if (!all.data) return <div class="scroll"><main>{all.status !== null && <p class="empty" role="alert">{w('away')}</p>}</main></div>;
  return (
    <>
      <Head user={all.data.user} page={what === 'days' ? 'days' : 'gardens'} changed={changed} left={leave} />
      <div class="scroll" key={`${what}/${site}`}>
        {what === 'days' ? <DaysPage />
          : what === 'garden' ? <GardenPage site={site} silentS={all.data.silent_s} acted={all.again} />
          : <GardensPage all={all.data} stale={all.status === 200 ? null : all.at} />}
      </div>
    </>
  );
}
