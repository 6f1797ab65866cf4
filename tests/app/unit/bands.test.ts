// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { band } from '../../../gateway/app/src/model/bands';
import { parseAlert, parseSite, type Alert, type Limit } from '../../../gateway/app/src/model/payload';

const rule = (over: object) => ({ rule: 'frost', label: '霜冻', label_en: 'Frost', metric: 'air_temperature', side: 'below', limit: 2, clear: 3,
  level: 'alarm', ...over });
const limits = (...list: object[]): Limit[] => parseSite({ plots: [], devices: [], limits: list }, 's')?.limits ?? [];
const frost = limits(rule({ rule: 'frost-watch', limit: 4, clear: 5, level: 'watch' }), rule({}), rule({ rule: 'heat', side: 'above', limit: 38, clear: 36, level: 'watch' }));
const upper = { name: 'upper', devices: ['node-1'] };
const alert = (ruleName: string, where: string): Alert => {
  const a = parseAlert({ rule: ruleName, where, what: 'x', level: 'alarm' }, 'a');
  if (!a) throw new Error('no alert');
  return a;
};
const words = (values: number[], all = frost, alerts: Alert[] = [], spot = upper, month = 4) =>
  values.map((x) => band(all, 'air_temperature', x, spot, month, alerts));

describe('the word beside a value', () => {
  it('is what the farm’s own limits say', () => {
    expect(words([1.9, 2, 3.9, 4, 20, 38, 38.1])).toEqual(['danger-low', 'low', 'low', 'fine', 'fine', 'fine', 'high']);
  });
  it('is none where the farm has no limit', () => {
    expect(band(frost, 'air_humidity', 20, upper, 4, [])).toBeNull();
    expect(words([1], [])).toEqual([null]);
  });
  it('never says fine while an alert about it stands, which ends only beyond its own end', () => {
    expect(words([2.5, 3, 3.5], limits(rule({})), [alert('frost', 'garden')])).toEqual(['danger-low', 'fine', 'fine']);
    expect(words([2.5], limits(rule({})), [alert('frost', 'node-1')])).toEqual(['danger-low']);
    expect(words([2.5], limits(rule({})), [alert('frost', 'creek')])).toEqual(['fine']);
  });
  it('neither warns of a limit of another season, nor calls it fine beyond that', () => {
    const spring = limits(rule({ months: [2, 3, 4, 5] }), rule({ rule: 'heat', side: 'above', limit: 38, clear: 36 }));
    expect(words([1, 20], spring, [], upper, 12)).toEqual([null, 'fine']);
    expect(words([20], limits(rule({ months: [2, 3] })), [], upper, 12)).toEqual([null]);
  });
  it('is about the devices that the rule names', () => {
    const one = limits(rule({ devices: ['node-1'] }));
    expect(words([1], one)).toEqual(['danger-low']);
    expect(words([1], one, [], { name: 'creek', devices: ['node-2'] })).toEqual([null]);
    expect(words([1], one, [], { name: 'node-1', devices: ['node-1'] })).toEqual(['danger-low']);
  });
  it('comes from nothing hostile', () => {
    expect(limits({ ...rule({}), limit: '2' }, rule({ side: 'left' }), rule({ metric: '<b>' }), 7 as never)).toEqual([]);
  });
});
