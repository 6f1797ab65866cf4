// SPDX-License-Identifier: Apache-2.0
import { render } from 'preact';
import { App } from './views/app';
import { resume } from './garden';
import { chooseLang, setLang } from './i18n';
import { get } from './keep/local';
import { applyTheme } from './views/theme';
import './style/base.css';
import './style/home.css';

setLang(chooseLang(get('baiye.lang'), navigator.languages));
applyTheme();
if (!resume()) window.baiyeSocket = null; // nobody to connect early for
const root = document.getElementById('app');
if (root) render(<App />, root);

// The service worker copies the whole app to the phone; that must not slow the first values down.
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  addEventListener('load', () => {
    setTimeout(() => void navigator.serviceWorker.register('./sw.js').catch(() => undefined), 1500);
  });
}
