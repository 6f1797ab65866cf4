// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { decode, parseAlert, parseForecast, parseHistory, parseLive, parseSite, text } from '../../../gateway/app/src/model/payload';

const bytes = (s: string) => new TextEncoder().encode(s);

describe('a payload', () => {
  it('that is no JSON, no UTF-8, empty or huge is nothing', () => {
    for (const s of ['', '{', 'online', '{"a":1}x']) expect(decode(bytes(s))).toBeNull();
    expect(decode(new Uint8Array([0x22, 0xff, 0xfe, 0x22]))).toBeNull();
    expect(decode(bytes(`"${'x'.repeat(600 * 1024)}"`))).toBeNull();
  });

  it('of live values keeps finite numbers only', () => {
    const live = parseLive(JSON.parse(
      '{"ts":1795293274123,"every_s":60,"boot":7,"seq":4711,"values":{"air_temperature":18.21,"air_humidity":"83","soil_moisture":null,"a<b":1,"__proto__":5},"flags":{"soil_moisture":"absent","air_temperature":"good","soil_ph":"new-flag"}}',
    ));
    expect(live?.values).toEqual({ air_temperature: 18.21 });
    expect(live?.flags).toEqual({ soil_moisture: 'absent', soil_ph: 'fault' });
  });

  it('of live values without a time, or with a silly one, is refused', () => {
    for (const ts of [undefined, null, '1795293274123', -5, 12, 9e15, NaN]) {
      expect(parseLive({ ts, every_s: 60, values: {}, flags: {} })).toBeNull();
    }
    for (const x of [null, 3, 'x', [], [{}]]) expect(parseLive(x)).toBeNull();
  });

  it('with a silly period counts as one a minute', () => {
    for (const every_s of [0, -1, 'x', 1e9]) expect(parseLive({ ts: 1795293274123, every_s })?.everyS).toBe(60);
  });

  it('of the site takes lists and maps, drops bad names, bounds labels', () => {
    const site = parseSite({
      timezone: 'Mars/Base',
      plots: [{ name: 'upper', label: '上坡', devices: ['a', '<b>', 5] }, { name: 'x y' }, null, 'z'],
      devices: { a: { label: 'x'.repeat(1000) } },
      metrics: { air_temperature: { unit: '°C', decimals: 99 } },
    }, 'baiye-1');
    for (const x of [{}, { plots: [] }, { plots: 5, devices: [] }]) expect(parseSite(x, 'a')).toBeNull();
    expect(site?.timezone).toBe('Asia/Shanghai');
    expect(site?.plots.map((p) => [p.name, p.devices])).toEqual([['upper', ['a']]]);
    expect(site?.devices[0]?.label.length).toBeLessThanOrEqual(120);
    expect(site?.metrics.air_temperature?.decimals).toBe(3);
  });

  it('of a forecast keeps rising triples only and says why there is none', () => {
    const f = parseForecast({ ts: 1795293274123, plots: {
      good: { pick_kg: [6, 9, 12] }, upside: { pick_kg: [12, 9, 6] }, minus: { pick_kg: [-1, 0, 1] },
      none: { pick_kg: null, why: '数据不足' }, short: { pick_kg: [1, 2] },
    } });
    expect(Object.entries(f?.plots ?? {}).map(([k, p]) => [k, p.pickKg])).toEqual([
      ['good', [6, 9, 12]], ['upside', null], ['minus', null], ['none', null], ['short', null],
    ]);
    expect(f?.plots.none?.why).toBe('数据不足');
    expect(f?.plots.none?.zh).toBe(null);
    const both = parseForecast({ ts: 1795293274123, plots: { a: { why: 'too little', why_zh: '数据不足' } } });
    expect(both?.plots.a?.zh).toEqual({ why: '数据不足' });
  });

  it('of an alert needs words', () => {
    expect(parseAlert({ level: 'alarm' }, 'a')).toBeNull();
    expect(parseAlert({ level: 'nonsense', what: 'x' }, 'a')?.level).toBe('watch');
  });

  it('of an alert says where in the words of the gateway', () => {
    const words = { what: 'x', place: 'Upper', zh: { what: '某', place: '上坡' } };
    expect(parseAlert(words, 'a')).toMatchObject({ place: 'Upper', zh: { what: '某', place: '上坡' } });
    expect(parseAlert({ what: 'x', place: 'Upper', zh: { what: '某' } }, 'a')?.zh?.place).toBe('Upper');
  });

  it('of an alert says who has seen it, and when', () => {
    const seen = parseAlert({ what: 'x', acked_by: '阿姨', acked_ts: 1795293274123 }, 'a');
    expect([seen?.acked, seen?.ackedBy, seen?.ackedAt]).toEqual([true, '阿姨', 1795293274123]);
    for (const not of [{}, { acked_by: '' }, { acked_by: null, acked_ts: 0 }, { acked_by: {} }]) {
      expect(parseAlert({ what: 'x', ...not }, 'a')?.acked).toBe(false);
    }
  });

  it('of a forecast with a word for frost that nobody knows is no all-clear', () => {
    const frost = (level: unknown) => parseForecast({ ts: 1795293274123, frost: { level, why: '' } })?.frost?.level;
    expect([frost('none'), frost('severe'), frost('apocalypse'), frost(7)]).toEqual(['none', 'severe', 'watch', 'watch']);
  });

  it('of history carries flags of readings and how many of a bucket are bad', () => {
    const t = [1795293100000, 1795293200000, 1795293300000, 1795293400000];
    const raw = parseHistory({ t, n: [1, 0, 1, 1], mean: [2, null, 3, 4], flags: [null, 'absent', 'brand-new', 'good'], next: null });
    expect(raw?.flags).toEqual({ 1795293200000: 'absent', 1795293300000: 'fault' });
    const hours = parseHistory({ t, n: [60, 60, 58, 0], mean: [2, 2, 3, null], bad: [0, -1, 2, 60], next: null });
    expect(hours?.bad).toEqual([0, 0, 2, 60]);
  });

  it('of history is sorted into rising columns of one length', () => {
    const h = parseHistory({ t: [1795293200000, 1795293100000, 1795293300000, 'x'], n: [1, 1, 0], min: [1, 2, null],
      mean: [2, 3, null], max: [3, 4], next: null });
    expect(h).toEqual({ t: [1795293200000, 1795293300000], n: [1, 0], min: [1, null], mean: [2, null], max: [3, null],
      flags: {}, bad: [0, 0], next: null });
    expect(parseHistory({ t: 'x' })).toBeNull();
  });
});

describe('text from outside', () => {
  it('loses control characters and those that turn the writing around', () => {
    expect(text('a\u202eb\u0000c\u2066d\ufeff')).toBe('a b c d');
  });
  it('is cut at whole characters', () => {
    expect(text('茶'.repeat(500), 10)).toBe(`${'茶'.repeat(9)}…`);
    expect([...text('🍃'.repeat(50), 10)].length).toBe(10);
  });
  it('that is no text is empty', () => {
    for (const x of [null, {}, [], true, Infinity]) expect(text(x)).toBe('');
  });
});
