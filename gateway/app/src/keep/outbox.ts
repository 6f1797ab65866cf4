// SPDX-License-Identifier: Apache-2.0
// "I picked today" never gets lost and never counts twice: it is written to the phone first, with
// a random id, and sent from there until the gateway answered. The gateway takes an id only once, so
// sending again after a lost answer, or from two tabs, does no harm.
import { RpcError } from '../mqtt/rpc';
import { changed, state } from '../model/state';
import type { Session } from '../mqtt/session';
import { db, type Pick } from './db';

const KEEP_SENT = 60; // entries that stay for the list of the latest ones
const TRY_AGAIN = new Set(['timeout', 'offline', 'nobody', 'garbled', 'busy', 'unavailable']);

let flushing: Promise<void> | null = null;

export async function add(pick: Pick): Promise<void> {
  await (await db()).put('picks', pick);
  await count();
}

export async function list(user: string, url: string): Promise<Pick[]> {
  const all = await (await db()).getAll('picks');
  return all.filter((p) => p.user === user && p.url === url).sort((a, b) => b.made - a.made);
}

async function count(): Promise<void> {
  const all = await (await db()).getAll('picks');
  state.queuedPicks = all.filter((p) => !p.sent && p.user === state.user).length;
  changed();
}

export function flush(session: Session, user: string): Promise<void> {
  flushing ??= run(session, user).finally(() => {
    flushing = null;
  });
  return flushing;
}

async function run(session: Session, user: string): Promise<void> {
  const all = (await list(user, session.login.url)).reverse();
  for (const pick of all.filter((p) => !p.sent)) {
    const { id, plot, day, kg, pickers } = pick;
    try {
      await session.call('pick', { id, plot, day, kg, pickers });
      await (await db()).put('picks', { ...pick, sent: true, error: '' });
    } catch (e) {
      const error = e instanceof RpcError ? e : new RpcError('offline', String(e));
      if (TRY_AGAIN.has(error.code)) break; // the order is kept; the next link tries again
      await (await db()).put('picks', { ...pick, error: error.code === 'forbidden' ? 'forbidden' : error.message });
    }
  }
  for (const old of all.filter((p) => p.sent).slice(0, -KEEP_SENT)) {
    await (await db()).delete('picks', old.id);
  }
  await count();
}
