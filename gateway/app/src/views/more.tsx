// SPDX-License-Identifier: Apache-2.0
import { useState } from 'preact/hooks';
import { currentLogin, end } from '../garden';
import { lang, setLang, t, type Lang } from '../i18n';
import { tl } from '../i18n/later';
import { set } from '../keep/setting';
import { changed, state } from '../model/state';
import { setWeightUnit, weightUnit } from '../model/weight';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { applyTheme, theme, type Theme } from './theme';

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

let install: InstallPrompt | null = null;
addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  install = event as InstallPrompt;
  changed();
});

export function More() {
  useGarden();
  const [sure, setSure] = useState(false);
  const login = currentLogin();
  const chooseLang = (next: Lang) => {
    set('baiye.lang', next);
    setLang(next);
    changed();
  };
  const chooseTheme = (next: Theme) => {
    applyTheme(next);
    changed();
  };
  return (
    <div class="more">
      <div class="pagehead"><h1>{t('more.title')}</h1></div>
      <ul class="rows card">
        <li><a href="#/devices"><span><Icon name="chip" /> {t('dev.title')}</span><span aria-hidden="true">›</span></a></li>
        <li><a href="#/setup"><span><Icon name="more" /> {tl('setup.title')}</span><span aria-hidden="true">›</span></a></li>
        <li><a href="#/led"><span><Icon name="screen" /> {t('led.title')}</span><span aria-hidden="true">›</span></a></li>
      </ul>
      <section class="card" aria-labelledby="lang">
        <h2 id="lang">{t('more.lang')}</h2>
        <div class="segments">
          <button aria-pressed={lang() === 'zh'} onClick={() => chooseLang('zh')} lang="zh-CN">中文</button>
          <button aria-pressed={lang() === 'en'} onClick={() => chooseLang('en')} lang="en">English</button>
        </div>
      </section>
      <section class="card" aria-labelledby="theme">
        <h2 id="theme">{t('more.theme')}</h2>
        <div class="segments">
          {(['auto', 'light', 'dark'] as const).map((x) => (
            <button key={x} aria-pressed={theme() === x} onClick={() => chooseTheme(x)}>{t(`more.theme.${x}`)}</button>
          ))}
        </div>
      </section>
      <section class="card" aria-labelledby="weight">
        <h2 id="weight">{t('weight.title')}</h2>
        <div class="segments">
          {(['jin', 'kg'] as const).map((unit) => (
            <button key={unit} aria-pressed={weightUnit() === unit} onClick={() => { setWeightUnit(unit); changed(); }}>{t(`weight.${unit}`)}</button>
          ))}
        </div>
      </section>
      <section class="card" aria-labelledby="install">
        <h2 id="install">{t('more.install')}</h2>
        {isSecureContext ? (
          <>
            <p>{t('more.secure')}</p>
            {install && <button onClick={() => void install?.prompt()}>{t('more.install.go')}</button>}
            <p class="quiet">{t('more.install.how')}</p>
          </>
        ) : (
          <p class="insecure">{t('more.insecure')}</p>
        )}
      </section>
      <section class="card">
        <p>{t('more.user', login?.user ?? '')}</p>
        <p class="quiet">{t('more.server', login?.url ?? '')} · {t('more.version', __VERSION__)}</p>
        {sure && <p class="strong">{t('more.sure')}</p>}
        {sure && state.queuedPicks > 0 && <p class="wrong">{t('more.unsent', state.queuedPicks)}</p>}
        <p><a href="#/second">{tl('second.title')} ›</a></p>
        <p><a href="#/password">{tl('pass.title')} ›</a></p>
        <button class="wide" onClick={() => (sure ? end() : setSure(true))}>{t('more.logout')}</button>
      </section>
    </div>
  );
}
