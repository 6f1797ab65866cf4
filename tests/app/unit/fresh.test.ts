// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Clock } from '../../../gateway/app/src/model/clock';
import { freshness, newer, staleAfterMs } from '../../../gateway/app/src/model/fresh';
import type { Live, Site } from '../../../gateway/app/src/model/payload';
import { summary, tiles } from '../../../gateway/app/src/model/tiles';

const T = 1795293274123;
const live = (ts: number, more: Partial<Live> = {}): Live => ({
  ts, everyS: 60, boot: 7, seq: 1, values: { air_temperature: 18 }, flags: {}, ...more,
});

describe('a value is live', () => {
  it('until two and a half periods and the batch are over', () => {
    expect(staleAfterMs(60, 0)).toBe(150_000);
    expect(freshness(T, 60, 0, T + 150_000, 'online')).toBe('live');
    expect(freshness(T, 60, 0, T + 150_001, 'online')).toBe('stale');
    expect(freshness(T, 60, 600, T + 750_000, 'online')).toBe('live');
  });
  it('never while the gateway is offline or unheard of, or the time is unknown', () => {
    expect(freshness(T, 60, 0, T, 'offline')).toBe('stale');
    expect(freshness(T, 60, 0, T, 'unknown')).toBe('stale');
    expect(freshness(T, 60, 0, null, 'online')).toBe('stale');
  });
  it('never when it comes from the future', () => {
    expect(freshness(T + 61_000, 60, 0, T, 'online')).toBe('stale');
    expect(freshness(T + 5_000, 60, 0, T, 'online')).toBe('live');
  });
});

describe('of two values', () => {
  it('the newer time wins, whatever arrives last', () => {
    expect(newer(live(T), live(T - 1), T).ts).toBe(T);
    expect(newer(live(T - 1), live(T), T).ts).toBe(T);
  });
  it('of one time the later sample wins', () => {
    expect(newer(live(T, { seq: 5 }), live(T, { seq: 4 }), T).seq).toBe(5);
    expect(newer(live(T, { boot: 7, seq: 5 }), live(T, { boot: 8, seq: 1 }), T).boot).toBe(8);
  });
  it('one from the future does not block the true ones', () => {
    expect(newer(live(T + 1e9), live(T), T).ts).toBe(T);
    expect(newer(live(T), live(T + 1e9), T).ts).toBe(T);
  });
});

describe('the site’s time', () => {
  const phone = () => {
    const p = { s: 1000, w: 5e11, steady: () => p.s, wall: () => p.w };
    return p;
  };
  it('is unknown until told, and then runs with the phone’s steady clock', () => {
    const p = phone();
    const c = new Clock(p);
    expect(c.now()).toBeNull();
    c.told(T, 800, 1000); // the answer took 200 ms
    expect(c.now()).toBe(T + 100);
    p.s += 5000;
    p.w += 5000;
    expect(c.now()).toBe(T + 5100);
  });
  it('does not follow a phone whose clock is set', () => {
    const p = phone();
    const c = new Clock(p);
    c.told(T, 1000, 1000);
    p.w -= 3600e3;
    expect(c.now()).toBe(T);
    p.w += 400 * 86400e3;
    expect(c.now()).toBe(T);
    expect(c.slipped()).toBe(true);
  });
  it('knows that a phone slept although its steady clock stood still', () => {
    const p = phone();
    const c = new Clock(p);
    c.told(T, 1000, 1000);
    p.w += 7 * 3600e3;
    expect(c.now()).toBe(T + 7 * 3600e3);
  });
  it('is at least that of a value that arrives live, and of an earlier visit before that', () => {
    const p = phone();
    const c = new Clock(p);
    c.remember(T - p.w);
    expect(c.now()).toBe(T);
    c.heard(T + 60_000);
    expect(c.now()).toBe(T + 60_000);
    c.heard(T); // late: proves nothing
    expect(c.now()).toBe(T + 60_000);
    c.told(T + 1000, 1000, 1000);
    c.heard(T + 9e9);
    expect(c.now()).toBe(T + 1000);
  });
});

describe('a tile', () => {
  const site: Site = {
    name: 'baiye-1', label: '', timezone: 'Asia/Shanghai', batchS: 0, metrics: {},
    plots: [{ name: 'upper', label: '上坡', devices: ['a', 'b'], areaM2: null, cultivar: '', standard: '' }],
    devices: ['a', 'b', 'c'].map((name) => ({ name, label: name, everyS: 60, profile: '', bus: '' })),
  };
  const world = (entries: [string, Live][]) => ({
    site, live: new Map(entries), plotLive: new Map<string, Live>(),
    had: new Map([['b', new Set(['soil_moisture'])]]), gateway: 'online' as const,
  });
  it('takes the live and good value before the newer but doubtful one', () => {
    const [upper] = tiles(world([
      ['a', live(T - 30_000, { values: { air_temperature: 17 } })],
      ['b', live(T, { values: { air_temperature: 55 }, flags: { air_temperature: 'range' } })],
    ]), T);
    expect(upper?.cells.air_temperature?.value).toBe(17);
  });
  it('dates each value by its own device', () => {
    const [upper] = tiles(world([
      ['a', live(T, { values: { air_temperature: 17 } })],
      ['b', live(T - 3600e3, { values: { soil_moisture: 20 } })],
    ]), T);
    expect(upper?.cells.air_temperature?.fresh).toBe('live');
    expect(upper?.cells.soil_moisture?.fresh).toBe('stale');
    expect(upper?.cells.soil_moisture?.ts).toBe(T - 3600e3);
  });
  it('is made for a device that is in no plot', () => {
    expect(tiles(world([]), T).map((x) => [x.name, x.isDevice])).toEqual([['upper', false], ['c', true]]);
  });
  it('is silent about a channel that never had a sensor, not about one that lost it', () => {
    const flags = { soil_moisture: 'absent', illuminance: 'absent' } as const;
    const w = world([['a', live(T, { flags })], ['b', live(T, { flags })], ['c', live(T)]]);
    expect(summary(w, T)).toMatchObject({ fine: 2, flagged: ['b'] });
    expect(Object.keys(tiles(w, T)[0]?.cells ?? {}).sort()).toEqual(['air_temperature', 'soil_moisture']);
  });
  it('counts in the sentence: silent, flagged, fine', () => {
    const s = summary(world([['a', live(T)], ['b', live(T, { flags: { soil_moisture: 'fault' } })]]), T);
    expect(s).toMatchObject({ total: 3, fine: 1, silent: ['c'], flagged: ['b'], newest: T });
  });
});
