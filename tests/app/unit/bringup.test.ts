// SPDX-License-Identifier: Apache-2.0
// Bringing up a line against a gateway that is played: one after the other, and of those in the
// configuration only those stay that measure.
import { beforeEach, expect, it, vi } from 'vitest';

const asked: { method: string; params: Record<string, unknown> }[] = [];
let answer: (method: string, params: Record<string, unknown>) => Record<string, unknown> = () => ({});
const tried: string[][] = [];
const silent = new Set<string>();

vi.mock('../../../gateway/app/src/garden', () => ({
  current: () => ({
    call: (method: string, params: Record<string, unknown>) => {
      asked.push({ method, params });
      return Promise.resolve(answer(method, params));
    },
  }),
}));
vi.mock('../../../gateway/app/src/change', async () => {
  const { RpcError } = await import('../../../gateway/app/src/mqtt/rpc');
  return {
    askShown: () => Promise.resolve({ plots: [], lines: [], rules: [], shipped: [], sha256: '', label: '' }),
    answers: (device: string) => Promise.resolve(!silent.has(device)),
    change: async (_shown: unknown, edits: { add: { name: string } | string }[], _stop: unknown, works?: () => Promise<boolean>) => {
      tried.push(edits.flatMap((e) => (typeof e.add === 'object' ? [e.add.name] : [])));
      if (works && !(await works())) throw new RpcError('gone', 'silent');
    },
  };
});

const { configure, placeAll } = await import('../../../gateway/app/src/bringup');
type Turn = import('../../../gateway/app/src/bringup').Turn;

const turn = (unit: number): Turn => ({
  found: { unit, baud: 4800, parity: 'N', kind: 'probe', sure: 'sure', to: unit, name: `p-${unit}`, serial: null, serialText: '', profiles: [{ name: 'p', label: 'P' }] },
  wanted: { label: '', plot: '', profile: 'p', leave: false }, step: 'waits', why: '', placed: null,
});
const at = (unit: number, more: object = {}) => ({ placed: true, end: 'ok', text: '', unit, baud: 9600, parity: 'N', given_up: [], item: { name: `p-${unit}`, profile: 'p', address: unit }, ...more });
const watch = () => ({ stop: { wanted: false }, tell: () => undefined, askPower: vi.fn(() => Promise.resolve(false)) });
const survey = { baud: 9600, parity: 'N', found: [turn(1).found, turn(2).found], silent: [], noise: false };

beforeEach(() => {
  asked.length = tried.length = 0;
  silent.clear();
});

it('keeps those that measure, and leaves out the others', async () => {
  const turns = [turn(1), turn(2)];
  answer = (_, params) => at(Number(params.to));
  await placeAll('east', survey, turns, watch());
  silent.add('p-2');
  await configure('east', turns, watch());
  expect(tried).toEqual([['p-1', 'p-2'], ['p-1']]);
  expect(turns.map((one) => one.step)).toEqual(['works', 'fails']);
});

it('keeps nothing when none measures, and asks for no change when none has a place', async () => {
  const turns = [turn(1)];
  answer = () => at(1);
  await placeAll('east', survey, turns, watch());
  silent.add('p-1');
  await configure('east', turns, watch());
  expect([tried, turns[0]!.step]).toEqual([[['p-1']], 'fails']);
  tried.length = 0;
  answer = () => at(1, { placed: false, end: 'lost', text: 'gone', item: null });
  const lost = [turn(1)];
  await placeAll('east', survey, lost, watch());
  await configure('east', lost, watch());
  expect([tried, lost[0]!.step, lost[0]!.why]).toEqual([[], 'fails', 'gone']);
});

it('tells the gateway whose addresses and names are to be left alone', async () => {
  const turns = [turn(1), turn(2)];
  answer = (_, params) => at(Number(params.to) + 5, { given_up: [Number(params.to)] });
  await placeAll('east', survey, turns, watch());
  expect(asked.map((one) => one.params.names)).toEqual([['p-2'], ['p-6']]);
  expect(asked[1]!.params.avoid).toEqual(expect.arrayContaining([1, 2, 6]));
});

it('asks for the supply, and takes the rate back where it was not switched', async () => {
  for (const switched of [true, false]) {
    asked.length = 0;
    const turns = [turn(1)];
    answer = (_, params) => (asked.length === 1 ? at(1, { placed: false, end: 'power', baud: 4800, item: null }) : at(1, { baud: params.baud }));
    const asks = { ...watch(), askPower: vi.fn(() => Promise.resolve(switched)) };
    await placeAll('east', survey, turns, asks);
    expect(asks.askPower).toHaveBeenCalledTimes(1);
    expect(asked[1]!.params).toMatchObject(switched ? { unit: 1, to: 1, baud: 9600 } : { unit: 1, to: 1, baud: 4800, take_back: true });
    expect(turns[0]!.step).toBe('placed');
  }
});

it('goes no further when it is called off', async () => {
  const turns = [turn(1), turn(2)];
  const called = watch();
  answer = () => {
    called.stop.wanted = true;
    return at(1);
  };
  await expect(placeAll('east', survey, turns, called)).rejects.toMatchObject({ code: 'stopped' });
  expect(asked).toHaveLength(1);
});
