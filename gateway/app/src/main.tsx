// SPDX-License-Identifier: Apache-2.0
import { render } from 'preact';
import { App } from './views/app';
import { accept, isKept, resume } from './garden';
import { chooseLang, setLang } from './i18n';
import { takeInvite } from './keep/invite';
import { get } from './keep/setting';
import { applyTheme } from './views/theme';
import './style/base.css';
import './style/home.css';

setLang(chooseLang(get('baiye.lang'), navigator.languages));
applyTheme();
const invite = takeInvite();
if (invite) {
  window.baiyeSocket = null; // opened for whoever was here before
  accept(invite);
} else if (!resume()) {
  window.baiyeSocket = null; // nobody to connect early for
}
const root = document.getElementById('app');
if (root) render(<App />, root);

// The service worker copies the whole app to the phone; that must not slow the first values down.
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  const { serviceWorker } = navigator;
  addEventListener('load', () => {
    setTimeout(() => void serviceWorker.register('./sw.js').catch(() => undefined), 1500);
  });
  // An app on a home screen is never loaded anew by itself, so it asks for a newer version when it is
  // opened, and takes it between two pages. Who is not remembered would have to log in again: not for that.
  let asked = performance.now();
  let renewed = false;
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || performance.now() - asked < 3600e3) return;
    asked = performance.now();
    void serviceWorker.getRegistration().then((r) => r?.update()).catch(() => undefined);
  });
  if (serviceWorker.controller) serviceWorker.addEventListener('controllerchange', () => { renewed = true; });
  addEventListener('hashchange', () => {
    if (renewed && isKept()) location.reload();
  });
}
