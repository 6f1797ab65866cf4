// SPDX-License-Identifier: Apache-2.0
// A change of the gateway's configuration: tried there, and confirmed from here when the gateway has
// come up by it and this phone has reached it again. Else the gateway undoes it by itself.
import { current } from './garden';
import { lang } from './i18n';
import { tl } from './i18n/later';
import type { Edit, Shown } from './model/shown';
import { parseShown } from './model/shown';
import { text } from './model/payload';
import { RpcError } from './mqtt/rpc';
import { problem } from './views/problem';

const CONFIRM_S = 90;
const PATIENCE_MS = 75_000;
const LOOK_MS = 1000;
const ASK_MS = 5000;
const UNDO_MS = 60_000;

const ask = (method: string, params: object, ms?: number): Promise<Record<string, unknown>> => {
  const session = current();
  return session ? session.call(method, params, ms) : Promise.reject(new RpcError('offline', 'not connected'));
};

export async function askShown(): Promise<Shown> {
  const shown = parseShown(await ask('config_shown', {}));
  if (!shown) throw new RpcError('garbled', 'not an answer');
  return shown;
}

/** Set by whoever waits: it is called off. */
export interface Stop {
  wanted: boolean;
}

const pause = () => new Promise((r) => { setTimeout(r, LOOK_MS); });

/** The gateway starts anew and is away meanwhile: until `look` says yes. False: it did not in time. */
async function until(look: () => Promise<boolean>, patience_ms = PATIENCE_MS, stop?: Stop): Promise<boolean> {
  for (const end = performance.now() + patience_ms; performance.now() < end; await pause()) {
    if (stop?.wanted) throw new RpcError('stopped', '');
    try {
      if (await look()) return true;
    } catch (e) {
      if (e instanceof RpcError && e.code === 'undone') throw e;
    }
  }
  return false;
}

async function isTried(sha256: unknown): Promise<boolean> {
  const now = await ask('config_state', {}, ASK_MS);
  const [trial, undone] = [now.trial, now.undone] as (Record<string, unknown> | null)[];
  if (undone?.sha256 === sha256) throw new RpcError('undone', text(undone?.why, 160));
  return trial?.sha256 === sha256;
}

/** Says so to the gateway, which else waits for its time to be up, until it is up again and knows of no
 *  such trial. False: it was not reached. */
function callOff(sha256: unknown): Promise<boolean> {
  return until(async () => {
    try {
      await ask('config_undo', { sha256 }, ASK_MS);
    } catch (e) {
      return e instanceof RpcError && e.code === 'unknown';
    }
    return false;
  }, UNDO_MS);
}

async function see(sha256: unknown, works: (() => Promise<boolean>) | undefined, stop: Stop): Promise<void> {
  if (!(await until(() => isTried(sha256), PATIENCE_MS, stop))) throw new RpcError('undone', tl('setup.lost'));
  if (works && !(await until(works, PATIENCE_MS, stop))) throw new RpcError('undone', tl('setup.silent'));
  try {
    await ask('config_confirm', { sha256 });
  } catch (e) {
    throw new RpcError('undone', problem(e));
  }
}

/** `works`: what must be seen of it before it is confirmed. Throws an RpcError; then it was not done. */
export async function change(shown: Shown, edits: Edit[], stop: Stop, works?: () => Promise<boolean>): Promise<void> {
  const { sha256 } = await ask('config_edit', { sha256_old: shown.sha256, edits, confirm_s: CONFIRM_S, lang: lang() });
  try {
    await see(sha256, works, stop);
  } catch (e) {
    const off = await callOff(sha256);
    if (!(e instanceof RpcError) || !off) throw e;
    throw new RpcError(stop.wanted ? 'stopped' : 'gone', e.message);
  }
}

/** Has it been asked, and did it answer? */
export async function answers(device: string): Promise<boolean> {
  const { good } = await ask('stats', { device }, ASK_MS);
  return typeof good === 'number' && good > 0;
}

export function whyNot(e: unknown): string {
  if (!(e instanceof RpcError)) return problem(e);
  switch (e.code) {
    case 'changed': return tl('setup.again');
    case 'busy': return tl('setup.busy');
    case 'unavailable': return tl('setup.readonly');
    case 'undone': return tl('setup.undone', e.message, CONFIRM_S);
    case 'gone': return tl('setup.gone', e.message);
    case 'stopped': return tl('setup.stopped');
    case 'forbidden': return tl('setup.technician');
    // Without the file's name, which says nothing to who holds a phone.
    case 'refused': return tl('setup.refused', text(e.message, 300).replace(/^\/\S+:\d+: /, ''));
    default: return tl('setup.refused', problem(e));
  }
}
