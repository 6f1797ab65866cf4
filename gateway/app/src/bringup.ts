// SPDX-License-Identifier: Apache-2.0
// Brings up a line from the phone: each device to its address, one after the other, then all of them into
// the configuration, of which those stay that measure. The gateway does each step whole, and undoes a
// configuration that nobody confirms: whenever this page goes, a device is configured and works, or is
// found again as new.
import { answers, askShown, change, type Stop } from './change';
import { current } from './garden';
import { lang } from './i18n';
import { removeEdits, type Edit } from './model/shown';
import { isFresh, parsePlaced, parseSurvey, type Found, type Placed, type Survey } from './model/survey';
import { RpcError } from './mqtt/rpc';

const SURVEY_MS = 400_000; // every rate and parity that a device may be at
const PLACE_MS = 120_000;
const BLINK_MS = 60_000;
const POLLED_MS = 62_000; // each device has had its turn

/** What somebody said of one of the found. */
export interface Wanted {
  label: string;
  plot: string;
  /** Of a bought one; "": nobody said which. */
  profile: string;
  leave: boolean;
}

export type Step = 'waits' | 'moves' | 'power' | 'placed' | 'tried' | 'works' | 'fails' | 'undone';

/** One of the found on its way. */
export interface Turn {
  found: Found;
  wanted: Wanted;
  step: Step;
  why: string;
  placed: Placed | null;
}

const call = (method: string, params: object, ms?: number): Promise<Record<string, unknown>> =>
  current()?.call(method, params, ms) ?? Promise.reject(new RpcError('offline', 'not connected'));

export const look = async (line: string, quick: boolean): Promise<Survey> => parseSurvey(await call('survey', { bus: line, own_rate: quick }, SURVEY_MS));

export const blink = (line: string, found: Found): Promise<unknown> =>
  call('blink', { bus: line, serial: found.serial, on: true, baud: found.baud, parity: found.parity }, BLINK_MS);

export const isWanted = (found: Found, wanted: Wanted): boolean =>
  isFresh(found) && !wanted.leave && found.to > 0 && (found.serial !== null || wanted.profile !== '');

interface At {
  unit: number;
  baud: number;
  parity: string;
  to: number;
  takeBack?: boolean;
}

/** Addresses and names of the others. */
function others(survey: Survey, turns: Turn[], turn: Turn): { avoid: number[]; names: string[] } {
  const rest = turns.filter((one) => one !== turn);
  return {
    avoid: [...survey.found.flatMap((f) => [f.unit, f.to]), ...turns.flatMap((one) => [one.placed?.unit ?? 0, ...(one.placed?.givenUp ?? [])])].filter((unit) => unit > 0),
    names: rest.map((one) => one.placed?.item.name || one.found.name),
  };
}

async function place(line: string, survey: Survey, turns: Turn[], turn: Turn, at: At): Promise<Placed> {
  const { serial } = turn.found;
  const placed = parsePlaced(await call('place', {
    bus: line, unit: at.unit, baud: at.baud, parity: at.parity, to: at.to, lang: lang(), ...others(survey, turns, turn),
    ...(serial !== null ? { serial } : { profile: turn.wanted.profile }), ...(at.takeBack ? { take_back: true } : {}),
  }, PLACE_MS));
  return { ...placed, givenUp: [...(turn.placed?.givenUp ?? []), ...placed.givenUp] };
}

/** Its rate was written and holds once its supply was off; else it keeps its own. */
async function afterPower(line: string, survey: Survey, turns: Turn[], turn: Turn, was: Placed, switched: boolean): Promise<Placed> {
  if (switched) {
    const there = await place(line, survey, turns, turn, { unit: was.unit, baud: survey.baud, parity: survey.parity, to: was.unit });
    if (there.placed) return there;
  }
  return place(line, survey, turns, turn, { ...was, to: was.unit, takeBack: true });
}

export interface Watch {
  stop: Stop;
  /** Something changed. */
  tell: () => void;
  /** Asks whether its supply was switched off and on. */
  askPower: (turn: Turn) => Promise<boolean>;
}

/** Each to its address, one after the other; who can't be has `why`. */
export async function placeAll(line: string, survey: Survey, turns: Turn[], watch: Watch): Promise<void> {
  for (const turn of turns) {
    if (watch.stop.wanted) throw new RpcError('stopped', '');
    turn.step = 'moves';
    watch.tell();
    const { unit, baud, parity, to } = turn.found;
    turn.placed = await place(line, survey, turns, turn, { unit, baud, parity, to });
    if (turn.placed.power) {
      turn.step = 'power';
      const switched = await watch.askPower(turn);
      turn.step = 'moves';
      watch.tell();
      turn.placed = await afterPower(line, survey, turns, turn, turn.placed, switched);
    }
    turn.step = turn.placed.placed ? 'placed' : 'fails';
    turn.why = turn.placed.placed ? '' : turn.placed.why;
    watch.tell();
  }
}

const nameOf = (turn: Turn): string => turn.placed?.item.name ?? '';

const addEdits = (line: string, turns: Turn[]): Edit[] => turns.flatMap((turn): Edit[] => [
  { path: ['buses', line, 'devices'], add: { name: nameOf(turn), ...(turn.wanted.label ? { label: turn.wanted.label } : {}), ...turn.placed?.item } },
  ...(turn.wanted.plot ? [{ path: ['plots', turn.wanted.plot, 'devices'], add: nameOf(turn) }] : []),
]);

/** Its turn has not come in a minute, or one frame was lost; and it answers, be it with a refusal. */
async function isThere(name: string): Promise<boolean> {
  const { polls, exceptions } = await call('stats', { device: name });
  if (typeof polls !== 'number' || polls > 1 || exceptions !== 0) return false;
  return call('read', { device: name, register: 0 }).then(() => true, (e: unknown) => e instanceof RpcError && e.code === 'exception');
}

/** Looks once at each that was not seen yet; true: all of them measure. */
async function lookAgain(turns: Turn[], since: number, tell: () => void): Promise<boolean> {
  const late = performance.now() - since > POLLED_MS;
  for (const turn of turns.filter((one) => one.step === 'tried')) {
    const good = (await answers(nameOf(turn))) || (late && (await isThere(nameOf(turn))));
    if (good) turn.step = 'works';
    if (good) tell();
  }
  return turns.every((turn) => turn.step === 'works');
}

async function tryOut(line: string, turns: Turn[], watch: Watch): Promise<void> {
  for (const turn of turns) turn.step = 'tried';
  watch.tell();
  const shown = await askShown();
  let since = 0;
  await change(shown, addEdits(line, turns), watch.stop, () => lookAgain(turns, since ||= performance.now(), watch.tell));
}

/** Into the configuration with all that are placed; those that do not measure are left out again. */
export async function configure(line: string, turns: Turn[], watch: Watch): Promise<void> {
  const placed = turns.filter((turn) => turn.step === 'placed');
  if (placed.length === 0) return;
  try {
    await tryOut(line, placed, watch);
  } catch (e) {
    const good = placed.filter((turn) => turn.step === 'works');
    const silent = placed.filter((turn) => turn.step === 'tried');
    for (const turn of placed) turn.step = 'fails';
    if (!(e instanceof RpcError) || e.code !== 'gone' || silent.length === 0) throw e;
    if (good.length === 0) return;
    try {
      await tryOut(line, good, watch);
    } catch (again) {
      for (const turn of good) turn.step = 'fails';
      throw again;
    }
  }
}

/** Takes them out again; their addresses stay, and they are found as new. */
export async function takeOut(line: string, turns: Turn[], stop: Stop): Promise<void> {
  const shown = await askShown();
  await change(shown, turns.flatMap((turn) => removeEdits(shown, line, nameOf(turn))), stop);
}
