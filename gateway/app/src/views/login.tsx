// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from 'preact/hooks';
import { begin, currentLogin, defaultUrl, isKept } from '../garden';
import { lang, setLang, t } from '../i18n';
import { set } from '../keep/setting';
import { changed, state } from '../model/state';

/** On a file host the address of a broker is asked for; a gateway is its own, and its policy lets the
 *  page talk to nobody else. Only a gateway answers /alive. */
function useFileHost(): boolean {
  const [fileHost, setFileHost] = useState(false);
  useEffect(() => {
    fetch('/alive', { cache: 'no-store' })
      .then((answer) => answer.text())
      .then((words) => setFileHost(!/^(alive|stuck)\s*$/.test(words)))
      .catch(() => undefined); // no network: nothing to choose now
  }, []);
  return fileHost;
}

export function Login() {
  const fileHost = useFileHost();
  const before = currentLogin();
  const [user, setUser] = useState(before?.user ?? '');
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [keep, setKeep] = useState(isKept());
  const [url, setUrl] = useState(before?.url ?? defaultUrl());
  const [wrong, setWrong] = useState(state.link === 'refused' ? t('login.refused') : '');

  const submit = (event: Event) => {
    event.preventDefault();
    if (!user || user.length > 64 || /[/+#\s]/.test(user)) return setWrong(t('login.badname'));
    if (!/^wss?:\/\/\S+$/.test(url)) return setWrong(t('login.badurl'));
    begin({ url, user, password }, keep);
  };

  return (
    <main class="login">
      <img src="icon.svg" alt="" width="72" height="72" />
      <h1>{t('login.title')}</h1>
      <form onSubmit={submit}>
        <label>
          <span>{t('login.user')}</span>
          <input name="user" value={user} autocomplete="username" autocapitalize="none" required
            onInput={(e) => setUser(e.currentTarget.value.trim())} />
        </label>
        <label>
          <span>{t('login.password')}</span>
          {shown ? (
            <input name="password" type="text" value={password} required autocomplete="off"
              autocapitalize="none" onInput={(e) => setPassword(e.currentTarget.value)} />
          ) : (
            <input name="password" type="password" value={password} required
              autocomplete="current-password" onInput={(e) => setPassword(e.currentTarget.value)} />
          )}
        </label>
        <label class="check">
          <input type="checkbox" checked={shown} onChange={(e) => setShown(e.currentTarget.checked)} />
          <span>{t('login.show')}</span>
        </label>
        <label class="check">
          <input name="keep" type="checkbox" checked={keep} onChange={(e) => setKeep(e.currentTarget.checked)} />
          <span>
            {t('login.keep')}
            <small>{t('login.keep.why')}</small>
          </span>
        </label>
        {wrong && <p class="wrong" role="alert">✗ {wrong}</p>}
        <button class="primary" type="submit">{t('login.go')}</button>
        {fileHost && <details open>
          <summary>{t('login.advanced')}</summary>
          <label>
            <span>{t('login.server')}</span>
            <input name="url" value={url} inputMode="url" autocapitalize="none"
              onInput={(e) => setUrl(e.currentTarget.value.trim())} />
          </label>
        </details>}
      </form>
      <button class="plain" lang={lang() === 'zh' ? 'en' : 'zh-CN'}
        onClick={() => {
          const next = lang() === 'zh' ? 'en' : 'zh';
          set('baiye.lang', next);
          setLang(next);
          setWrong('');
          changed();
        }}>
        {lang() === 'zh' ? 'English' : '中文'}
      </button>
    </main>
  );
}
