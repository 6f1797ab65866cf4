// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Pick } from '../../../gateway/app/src/keep/db';
import { message } from '../../../gateway/app/src/keep/outbox';
import { parseCounts, standing, type Count } from '../../../gateway/app/src/model/counts';
import { parseWaits } from '../../../gateway/app/src/model/waits';

const theirs = (id: string, day: string, shoots: number): Count => ({ id, plot: 'upper', day, shoots, frames: 3, by: 'aunt' });
const own = (id: string, day: string, shoots: number, more: Partial<Pick> = {}): Pick =>
  ({ id, user: 'li', url: 'wss://a/mqtt', plot: 'upper', day, kg: 0, pickers: 0, counted: { shoots, frames: 3 }, made: 100, sent: false, error: '', ...more });
const shown = (counts: Count[]) => counts.map((c) => [c.id, c.shoots, c.mine !== undefined]);

describe('a count of shoots', () => {
  it('is sent as a count, and deleted as one', () => {
    expect(message(own('a', '2026-04-10', 14))).toEqual({ id: 'a', plot: 'upper', day: '2026-04-10', shoots: 14, frames: 3, made: 100 });
    expect(message(own('a', '2026-04-10', 14, { gone: true }))).toEqual({ id: 'a' });
  });
  it('stands over the gateway’s while it waits, and while the gateway was not asked since it was sent', () => {
    const list = [theirs('a', '2026-04-10', 9), theirs('b', '2026-04-03', 5)];
    expect(shown(standing(list, [own('a', '2026-04-10', 14)], 'upper', 200))).toEqual([['a', 14, true], ['b', 5, false]]);
    expect(shown(standing(list, [own('a', '2026-04-10', 14, { sent: true, sentAt: 250 })], 'upper', 200))).toEqual([['a', 14, false], ['b', 5, false]]);
    expect(shown(standing(list, [own('a', '2026-04-10', 14, { sent: true, sentAt: 150 })], 'upper', 200))).toEqual([['a', 9, false], ['b', 5, false]]);
    expect(shown(standing([], [own('a', '2026-04-10', 14, { sent: true, sentAt: 150 })], 'upper', 200)), 'somebody has deleted it').toEqual([]);
    expect(shown(standing([], [own('a', '2026-04-10', 14, { sent: true, sentAt: 150 })], 'upper', null))).toEqual([['a', 14, false]]);
  });
  it('is of its own plot, and what is to be deleted is gone at once', () => {
    expect(standing([theirs('a', '2026-04-10', 9)], [own('c', '2026-04-11', 3, { plot: 'creek' })], 'upper', 1)).toHaveLength(1);
    expect(standing([theirs('a', '2026-04-10', 9)], [own('a', '2026-04-10', 9, { gone: true })], 'upper', 1)).toEqual([]);
  });
  it('is proven when it comes over the wire', () => {
    expect(parseCounts({ counts: [{ id: 'a', plot: 'p', day: 'soon', shoots: 1, frames: 3 }, null, { id: 'a', plot: 'p', day: '2026-04-10', shoots: 'x', frames: 3 }] })).toEqual([]);
  });
});

describe('what waits for rain', () => {
  const out = (waits: unknown) => ({ device: 'relay', waits });
  it('belongs to the plots of its devices, or to all', () => {
    const answer = { outputs: [out({ label: '浇水', rain_mm: 6, devices: ['soil-1'] }), out({ label: '早上', rain_mm: 5, devices: [] }), { device: 'x' }, 7] };
    expect(parseWaits(answer, ['soil-1']).map((w) => w.label)).toEqual(['浇水', '早上']);
    expect(parseWaits(answer, ['soil-2']).map((w) => w.label)).toEqual(['早上']);
  });
  it('is left out when it is not whole', () => {
    expect(parseWaits({ outputs: [out({ label: 'x', rain_mm: 'much' }), out(null)] }, [])).toEqual([]);
    expect(parseWaits(null, [])).toEqual([]);
  });
});
