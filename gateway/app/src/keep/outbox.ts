// SPDX-License-Identifier: Apache-2.0
// "I picked today" never gets lost and never counts twice: it is written to the phone first, with
// a random id, and sent from there until the gateway answered. The gateway takes an id only once, so
// sending again after a lost answer, or from two tabs, does no harm. "So many come tomorrow" and counts
// of ready shoots go the same way.
import type { Day } from '../model/format';
import { ledgerId } from '../model/ledger';
import { RpcError } from '../mqtt/rpc';
import { changed, clock, state } from '../model/state';
import type { Login, Session } from '../mqtt/session';
import { db, type Pick } from './db';

const EXPIRES_BEFORE_MS = 1000; // it must be stored, too, before the day begins
const KEEP_SENT = 60; // picks that stay for the list of the latest ones, and as many bookings
const TRY_AGAIN = new Set(['timeout', 'offline', 'nobody', 'garbled', 'busy', 'unavailable']);

/** The gateway's word for a booking that came when its day had begun: it will never be taken. */
export const LATE = 'expired';

let flushing: Promise<boolean> | null = null;

/** The gateway's word for a number that looks like a slip: it is taken when somebody says that it is none. */
export const DOUBTFUL = 'doubtful';

const FINAL = new Set([LATE, DOUBTFUL]);
const OWN_WORDS = new Set(['forbidden', LATE, DOUBTFUL]);

const waits = (p: Pick): boolean => !p.sent && !FINAL.has(p.error);

export async function add(pick: Pick): Promise<void> {
  await (await db()).put('picks', pick);
  await noted();
}

/** It is no slip: sent once more, and taken as it is. */
export async function confirm(pick: Pick): Promise<void> {
  await add({ ...pick, sure: true, error: '' });
}

/** Written to the phone, or when it has no room and the gateway is there, sent at once. Throws when
 *  neither can be done, or the gateway refuses. */
export async function note(pick: Pick, session: Session | null): Promise<void> {
  try {
    await add(pick);
  } catch (full) {
    if (!session || state.link !== 'up') throw full;
    await session.call(method(pick), message(pick));
  }
}

/** It was a slip, and the gateway has not taken it. */
export async function drop(pick: Pick): Promise<void> {
  await (await db()).delete('picks', pick.id);
  await noted();
}

/** As it is kept now; undefined: it is not. */
export async function find(id: string): Promise<Pick | undefined> {
  try {
    return await (await db()).get('picks', id);
  } catch {
    return undefined;
  }
}

async function kept(user: string, url: string): Promise<Pick[]> {
  const all = await (await db()).getAll('picks');
  return all.filter((p) => p.user === user && p.url === url).sort((a, b) => b.made - a.made);
}

/** Picks and bookings, the newest first. */
export async function list(user: string, url: string): Promise<Pick[]> {
  return (await kept(user, url)).filter((p) => !p.counted);
}

/** Counts of ready shoots, the newest first. */
export async function listCounts(user: string, url: string): Promise<Pick[]> {
  return (await kept(user, url)).filter((p) => p.counted);
}

/** Who comes on a day is one note of its plot: who says it again replaces what was said before. */
export function bookingOf(login: Login, plot: string, on: Day, pickers: number, made: number): Pick {
  const { user, url } = login;
  return { id: ['book', url, user, plot, on.day].join(' '), user, url, plot, day: on.day, kg: 0, pickers,
    booking: on.begins, made, sent: false, error: '' };
}

/** As the gateway wants it. A booking's id is the same from every phone, so that those of two phones
 *  do not add up; here it has its garden's and user's name in it. One that comes when its day has
 *  begun would be a note that nobody picked: by then it has expired. */
export function message(pick: Pick): object {
  const { plot, day, kg, pickers, booking, counted, sure, gone } = pick;
  const id = ledgerId(pick);
  const made = Math.floor(pick.made);
  if (gone) return { id };
  if (counted) return { id, plot, day, ...counted, made };
  if (booking === undefined) return { id, plot, day, kg, pickers, made, ...(sure ? { sure } : {}) };
  return { id, plot, day, kg, pickers, made, expires: booking - EXPIRES_BEFORE_MS };
}

const method = (pick: Pick): string => `${pick.counted ? 'count' : 'pick'}${pick.gone ? '_delete' : ''}`;

async function noted(): Promise<void> {
  const all = await (await db()).getAll('picks');
  state.queuedPicks = all.filter((p) => waits(p) && p.user === state.user).length;
  state.keptPicks += 1;
  changed();
}

/** What became of it, unless it was replaced while the answer was on its way. */
async function settle(pick: Pick, error: string): Promise<void> {
  const turn = (await db()).transaction('picks', 'readwrite');
  const now = await turn.store.get(pick.id);
  if (now?.made === pick.made) await turn.store.put({ ...pick, sent: error === '', sentAt: clock.now() ?? pick.made, error, gone: pick.gone === true && error === '' });
  await turn.done;
  await noted();
}

async function forgetOld(user: string, url: string): Promise<void> {
  const all = (await kept(user, url)).filter((p) => !waits(p));
  const kind = (p: Pick) => (p.counted ? 2 : p.booking ? 1 : 0);
  const old = [0, 1, 2].flatMap((k) => all.filter((p) => kind(p) === k).slice(KEEP_SENT));
  for (const { id } of old) await (await db()).delete('picks', id);
}

/** False when something waits on, because nobody answered. */
export function flush(session: Session, user: string): Promise<boolean> {
  flushing ??= run(session, user).finally(() => {
    flushing = null;
  });
  return flushing;
}

/** Oldest first. Looks again after each one: something may have been added or replaced meanwhile. */
async function run(session: Session, user: string): Promise<boolean> {
  const { url } = session.login;
  const tried = new Set<string>();
  const name = (p: Pick) => `${p.id} ${p.made}`;
  await forgetOld(user, url);
  await noted();
  for (;;) {
    const next = (await kept(user, url)).reverse().find((p) => waits(p) && !tried.has(name(p)));
    if (!next) return true;
    tried.add(name(next));
    try {
      await session.call(method(next), message(next));
      await settle(next, '');
    } catch (e) {
      const error = e instanceof RpcError ? e : new RpcError('offline', String(e));
      if (TRY_AGAIN.has(error.code)) return false; // the order is kept
      const never = next.gone && error.code === 'unknown'; // it never got there
      await settle(next, never ? '' : OWN_WORDS.has(error.code) ? error.code : error.message);
    }
  }
}
