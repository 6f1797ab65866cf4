// SPDX-License-Identifier: Apache-2.0
// The frame: which page is shown, the menu under the thumb, the banner of open alerts.
import type { ComponentType } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ours, said, t, word, type Key } from '../i18n';
import { isHeld, isOpen, worstFirst } from '../model/alerts';
import { has } from '../model/own';
import { state } from '../model/state';
import { acknowledge, currentLogin } from '../garden';
import { useHash } from './hash';
import { useGarden } from './hooks';
import { Home } from './home';
import { Icon, type IconName } from './icon';
import { Login } from './login';
import { place } from './place';
import { problem } from './problem';

type Page = ComponentType<{ arg: string }>;

// Pages that are not needed for the first values come when they are opened.
const later: Record<string, () => Promise<Page>> = {
  plot: () => import('./plot').then((m) => m.PlotPage),
  pick: () => import('./growth').then((m) => m.Growth),
  alerts: () => import('./alerts').then((m) => m.Alerts),
  devices: () => import('./devices').then((m) => m.Devices),
  season: () => import('./season').then((m) => m.SeasonPage),
  map: () => import('./map').then((m) => m.MapPage),
  led: () => import('./led').then((m) => m.Led),
  password: () => import('./password').then((m) => m.Password),
  second: () => import('./second').then((m) => m.Second),
  setup: () => import('./setup').then((m) => m.Setup),
  found: () => import('./found').then((m) => m.Found),
  users: () => import('./users').then((m) => m.Users),
  more: () => import('./more').then((m) => m.More),
};

const menu: { page: string; icon: IconName; label: Key }[] = [
  { page: '', icon: 'leaf', label: 'nav.home' },
  { page: 'pick', icon: 'basket', label: 'nav.pick' },
  { page: 'alerts', icon: 'bell', label: 'nav.alerts' },
  { page: 'more', icon: 'more', label: 'nav.more' },
];

function Later({ name, arg }: { name: string; arg: string }) {
  const [loaded, setLoaded] = useState<{ name: string; page: Page } | null>(null);
  const [failed, setFailed] = useState(0);
  useEffect(() => {
    let gone = false;
    later[name]?.().then(
      (page) => {
        if (!gone) setLoaded({ name, page });
      },
      () => {
        if (!gone) setFailed((n) => n + 1); // not on the phone, and no network to get it
      },
    );
    return () => {
      gone = true;
    };
  }, [name]);
  if (loaded?.name !== name && failed > 0) {
    return <p class="pad"><span class="wrong">✗ {t(navigator.onLine ? 'err.page' : 'err.offline')}</span> <button onClick={() => location.reload()}>{t('plot.retry')}</button></p>;
  }
  if (loaded?.name !== name) return <p class="quiet pad">{t('plot.loading')}</p>;
  return <loaded.page key={arg} arg={arg} />;
}

const openAlerts = () => worstFirst(state.alerts.values()).filter(isOpen);

/** What somebody has seen and still holds: grey, so that nobody takes it for over. */
function Strip() {
  const held = worstFirst(state.alerts.values()).filter(isHeld);
  const first = held[0];
  if (!first) return null;
  return (
    <aside class="banner seen" aria-label={t('alert.held')}>
      <a href="#/alerts">
        <span class="clip">{place(first)} {said(ours(first).what)} · {t('alert.ackedby', first.ackedBy)}</span>
        {held.length > 1 && <span class="count">{t('alert.banner', held.length)}</span>}
      </a>
    </aside>
  );
}

/** One tap tells everybody that somebody knows, of all that is open. */
function Banner() {
  const open = openAlerts();
  const first = open[0];
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  if (!first) return null;
  const seen = async () => {
    setBusy(true);
    setFailed('');
    try {
      await acknowledge(open.map((a) => a.id));
    } catch (e) {
      setFailed(t('alert.ackfail', problem(e)));
    }
    setBusy(false);
  };
  return (
    <div role="alert" class={`banner level-${first.level}`}>
      <a href="#/alerts">
        <Icon name="bell" />
        <span class="clip">
          <b>{word('level', first.level)}{open.length > 1 && <> · <span class="count">{t('alert.banner', open.length)}</span></>}</b>
          {place(first)} {said(ours(first).what)}
          {failed && <span class="failed">✗ {failed}</span>}
        </span>
      </a>
      <button onClick={() => void seen()} disabled={busy || state.link !== 'up'}>{t(open.length > 1 ? 'alert.ackall' : 'alert.ack')}</button>
    </div>
  );
}

/** A page that changes without being loaded says nothing by itself: its heading becomes the window's
 *  name, and what was tapped is gone, so the new page takes the focus. */
function useTold(page: string) {
  const main = useRef<HTMLElement>(null);
  const before = useRef(page);
  useEffect(() => {
    const heading = main.current?.querySelector('h1')?.textContent;
    document.title = heading ? `${heading} · ${t('app.name')}` : t('app.garden');
  });
  useEffect(() => {
    if (before.current === page) return;
    before.current = page;
    main.current?.focus({ preventScroll: true });
  }, [page]);
  return main;
}

/** Lists that one comes back to where one was; other pages begin at their top. */
const KEEPS_PLACE = new Set(['', 'alerts', 'devices']);
const places = new Map<string, number>();
const SETTLES_MS = 1000; // a page's code comes first, then what it draws

/** `page` null: none is shown yet. */
function usePlaceOnPage(page: string | null) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el || page === null || !KEEPS_PLACE.has(page)) return undefined;
    const wanted = places.get(page) ?? 0;
    const begun = performance.now();
    let frame = 0;
    let over = wanted === 0;
    const stop = () => { over = true; };
    const back = () => {
      if (over) return;
      el.scrollTop = wanted;
      if (Math.abs(el.scrollTop - wanted) < 2 || performance.now() - begun > SETTLES_MS) over = true;
      else frame = requestAnimationFrame(back);
    };
    const note = () => { if (over) places.set(page, el.scrollTop); };
    el.addEventListener('touchstart', stop, { passive: true });
    el.addEventListener('wheel', stop, { passive: true });
    el.addEventListener('scroll', note, { passive: true });
    back();
    return () => {
      cancelAnimationFrame(frame);
      el.removeEventListener('scroll', note);
    };
  }, [page]);
  return box;
}

export function App() {
  useGarden();
  const [page = '', arg = ''] = useHash();
  const inside = has(later, page) ? page : '';
  const main = useTold(`${inside}/${arg}`);
  const outside = !currentLogin() || state.link === 'refused';
  const box = usePlaceOnPage(outside ? null : arg === '' ? inside : `${inside}/${arg}`);
  if (outside) return <div class="scroll"><Login /></div>;
  const tab = /^(devices|led|second|setup|found|users)$/.test(inside) ? 'more' : inside === 'plot' || inside === 'map' ? '' : inside === 'season' ? 'pick' : inside;
  const open = openAlerts().length;
  return (
    <>
      {inside !== 'alerts' && <><Banner /><Strip /></>}
      <div class="scroll" ref={box} key={`${inside}/${arg}`}>
        <main ref={main} tabIndex={-1}>{inside === '' ? <Home /> : <Later name={inside} arg={arg} />}</main>
      </div>
      <nav class="menu" aria-label={t('nav.label')}>
        {menu.map((m) => (
          <a key={m.page} href={`#/${m.page}`} aria-current={tab === m.page ? 'page' : undefined}>
            <span class="glyph"><Icon name={m.icon} />{m.page === 'alerts' && open > 0 && <b class="badge">{open}</b>}</span>
            <span>{t(m.label)}</span>
          </a>
        ))}
      </nav>
    </>
  );
}
