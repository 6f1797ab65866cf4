// SPDX-License-Identifier: Apache-2.0
// The one session of the page and what happens around it: login kept or not, last values written to
// the phone, alarm sound, waiting picks.
import { forgetAll, loadSnapshot, noteGrowth, savedLogin, saveLogin, saveSnapshot } from './keep/local';
import { forgetFresh, freshOf, setFresh, type Invite } from './keep/invite';
import { get, set } from './keep/setting';
import { day } from './model/format';
import { parseLedger } from './model/ledger';
import { changed, clock, forget, state } from './model/state';
import { RpcError } from './mqtt/rpc';
import { randomId, Session, type Login } from './mqtt/session';

const SNAPSHOT_EVERY_MS = 10_000;
const SEND_AFTER_MS = 1000; // the values come first
const PASSWORD_MS = 25_000; // the gateway waits 15 s for who can change it
const SEND_AGAIN_MS = 30_000; // connected, and yet nobody answered

let session: Session | null = null;
let login: Login | null = null;
let kept = false;
let again: ReturnType<typeof setTimeout> | undefined;

export const current = (): Session | null => session;
export const currentLogin = (): Login | null => login;
export const isKept = (): boolean => kept;

/** Where the page came from also serves MQTT, unless it is on a file host: then ?broker= says. */
export function defaultUrl(): string {
  const asked = new URLSearchParams(location.search).get('broker');
  if (asked && /^wss?:\/\/[^\s]+$/.test(asked)) return asked;
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`;
}

/** `known`: the broker took this user and password before. */
export function begin(next: Login, keep: boolean, known = false): void {
  session?.stop();
  forget();
  login = next;
  kept = keep;
  state.user = next.user;
  if (keep) loadSnapshot(next);
  session = new Session(next, known, (event, id) => {
    if (event === 'up') {
      if (kept) saveLogin(next);
      setTimeout(() => void sendWaiting(), SEND_AFTER_MS);
      if (state.site) void makeOwn();
    } else if (event === 'alert' && id) {
      void ring(id);
    } else if (event === 'forecast') {
      note();
      if (state.ledger !== null) void askLedger(); // it is made anew when somebody noted a pick
    } else if (event === 'refused') {
      // The answer to the own password may have been lost on its way: then that one holds.
      const wanted = freshOf(next.user);
      if (wanted?.fresh && next.password === wanted.once) return begin({ ...next, password: wanted.fresh }, true);
      kept = false;
    }
  });
  if (state.remembered) afterPaint(session);
  else session.start();
  changed();
}

/** The last values first: connecting keeps a slow phone busy, and they are there already. */
function afterPaint(mine: Session): void {
  const start = () => {
    if (session === mine) mine.start();
  };
  const timer = setTimeout(start, 300); // no frame is drawn for a page that nobody sees
  requestAnimationFrame(() => {
    clearTimeout(timer);
    setTimeout(start, 0);
  });
}

/** Somebody scanned their way in. */
export function accept(invite: Invite): void {
  begin({ url: defaultUrl(), user: invite.user, password: invite.password }, true);
}

let making = false;

/** Of a password that is good once the phone makes its own, until that is done. */
async function makeOwn(): Promise<void> {
  const mine = session;
  const wanted = mine && freshOf(mine.login.user);
  if (!mine || !wanted || making) return;
  if (mine.login.password === wanted.fresh) return forgetFresh();
  if (mine.login.password !== wanted.once) return;
  making = true;
  const fresh = wanted.fresh ?? randomId();
  setFresh(mine.login.user, wanted.once, fresh);
  try {
    await changePassword(wanted.once, fresh);
    forgetFresh();
  } catch {
    // Tried again with the next connection; until then the phone goes on with the one it has.
  }
  making = false;
}

export function resume(): boolean {
  const saved = savedLogin();
  if (!saved) return false;
  begin(saved, true, true);
  return true;
}

/** One's own, at the gateway; then this phone's. Throws an RpcError. */
export async function changePassword(old: string, fresh: string): Promise<void> {
  const mine = session;
  if (!mine) throw new RpcError('offline', 'not connected');
  await mine.call('passwd', { old, new: fresh }, PASSWORD_MS);
  mine.renew(fresh);
  if (kept && session === mine) saveLogin(mine.login);
}

export function end(): void {
  session?.stop();
  session = null;
  login = null;
  kept = false;
  forgetAll();
  forget();
  state.link = 'idle';
  state.user = '';
  changed();
}

/** Picks and bookings that the gateway has not answered yet. */
export async function sendWaiting(): Promise<void> {
  if (!session || !login || state.link !== 'up') return;
  const mine = session;
  clearTimeout(again);
  try {
    const { flush } = await import('./keep/outbox');
    const waited = state.queuedPicks > 0;
    const all = await flush(mine, login.user);
    if (session === mine && (waited || state.ledger === null)) void askLedger();
    if (all || session !== mine) return;
    again = setTimeout(() => void sendWaiting(), SEND_AGAIN_MS);
  } catch {
    // This browser keeps nothing.
  }
}

/** Tells everybody that somebody knows of these. Throws the first RpcError after all were tried. */
export async function acknowledge(ids: string[]): Promise<void> {
  let failed: unknown = null;
  for (const id of ids) {
    try {
      await session?.call('ack', { id });
      // The gateway tells every phone, this one too; until then it is shown here.
      const known = state.alerts.get(id);
      if (known && !known.acked) state.alerts.set(id, { ...known, acked: true, ackedBy: state.user, ackedAt: clock.now() });
    } catch (e) {
      failed ??= e;
    }
  }
  changed();
  if (failed !== null) throw failed;
}

const LEDGER_DAYS = 31;

let asking = false;
let askAgain = false;

/** What everybody noted of picking, the latest first; `earlier`: the page before those that are here. */
export async function askLedger(earlier = false): Promise<void> {
  const mine = session;
  const askedAt = clock.now();
  if (!mine || !state.site || state.link !== 'up' || askedAt === null) return;
  askAgain = asking;
  if (asking) return;
  asking = true;
  const known = state.ledger;
  const skip = earlier ? (known?.next ?? 0) : 0;
  const since = earlier && known ? known.from : day(askedAt - LEDGER_DAYS * 86400e3, state.site.timezone);
  try {
    const found = parseLedger(await mine.call('picks', { from: since, skip }));
    if (found && session === mine) {
      const entries = [...(earlier && known ? known.entries : []), ...found.entries];
      const oldest = found.entries[found.entries.length - 1]?.day;
      state.ledger = { entries, from: found.next === null ? since : (oldest ?? since), askedAt, next: found.next };
      changed();
    }
  } catch {
    // An older gateway, or nobody answered: this phone's own notes are shown.
  }
  asking = false;
  if (askAgain) void askLedger();
}

async function ring(id: string): Promise<void> {
  const alert = state.alerts.get(id);
  if (!alert || get('baiye.sound') !== 'on') return;
  if (alert.level === 'info' || alert.level === 'low' || alert.level === 'none') return;
  try {
    const { beep } = await import('./views/sound');
    beep();
  } catch {
    // No network to get the sound with; the banner is there all the same.
  }
}

export const gardenName = (): string => `${login?.url ?? ''} ${state.site?.name ?? ''}`;

function note(): void {
  const { forecast, site } = state;
  if (kept && forecast && site) noteGrowth(gardenName(), day(forecast.ts, site.timezone), forecast);
}

export function soundOn(): boolean {
  return get('baiye.sound') === 'on';
}

export function setSound(on: boolean): void {
  set('baiye.sound', on ? 'on' : null);
  changed();
}

function save(): void {
  if (kept && login && state.link !== 'refused') saveSnapshot(login);
}

setInterval(save, SNAPSHOT_EVERY_MS);
addEventListener('pagehide', save);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') save();
});
