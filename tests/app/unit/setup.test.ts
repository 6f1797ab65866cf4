// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { later } from '../../../gateway/app/src/i18n/later';
import { freeName, limitEdits, parseShown, removeEdits } from '../../../gateway/app/src/model/shown';
import { parseSurvey, placeFor, rateOf } from '../../../gateway/app/src/model/survey';

const shown = parseShown({
  sha256: 'a'.repeat(64), label: '', plots: [{ name: 'upper', label: '上坡', devices: ['soil-1'] }],
  buses: [{ name: 'east', serial: true, devices: [{ name: 'soil-1', label: 'x', address: 1 }, { name: 'node-1', label: 'y', address: 2 }] }],
  rules: [{ name: 'frost', label: '霜冻', label_en: 'Frost', metric: 'air_temperature', above: false, limit: 2, clear: 3.1, change: false }],
  shipped: [],
})!;

describe('what a technician changes', () => {
  it('keeps the distance at which an alert ends', () => {
    expect(limitEdits(shown, shown.rules[0]!, 1.5)).toEqual([
      { path: ['alerts', 'frost', 'below'], set: 1.5 }, { path: ['alerts', 'frost', 'clear'], set: 2.6 }]);
  });
  it('puts the rules that come with Baiye into the file, all of them', () => {
    const both = { ...shown, shipped: [{ name: 'frost', below: 2, clear: 3.1 }, { name: 'heat', above: 38 }] };
    expect(limitEdits(both, shown.rules[0]!, 0)).toEqual([
      { path: ['alerts'], add: { name: 'frost', below: 0, clear: 1.1 } }, { path: ['alerts'], add: { name: 'heat', above: 38 } }]);
  });
  it('takes a device out of its plot too, and gives names that nobody has', () => {
    expect(removeEdits(shown, 'east', 'soil-1').map((e) => e.path.join('/'))).toEqual([
      'plots/upper/devices/soil-1', 'buses/east/devices/soil-1']);
    expect(freeName(shown, 'node')).toBe('node-2');
  });
  it('believes no answer of another shape', () => {
    for (const raw of [{}, { sha256: 'x' }, { sha256: 1 }]) expect(parseShown(raw)).toBeNull();
    const odd = parseShown({ sha256: 'b'.repeat(64), plots: 'x', buses: [null, { name: 'A B' }], rules: { a: 1 }, shipped: [1] });
    expect(odd).toMatchObject({ plots: [], lines: [], rules: [], shipped: [] });
  });
});

describe('a device that was found', () => {
  const at = (unit: number, more: object = {}) => ({ unit, baud: 9600, parity: 'N', serial: 1000 + unit, profile: 'baiye-node', or: [], ...more });
  const survey = (...found: object[]) => parseSurvey({ baud: 9600, parity: 'N', taken: [1], found });
  it('gets the first free address when it is new or shares one', () => {
    const s = survey(at(247), at(2), at(3, { serial: undefined }), at(3));
    expect(s.found.map((f) => placeFor(f, s))).toEqual([4, null, 4, 4]);
  });
  it('stays where it is otherwise; a bought one at its own rate', () => {
    const s = survey(at(5, { serial: undefined, baud: 4800, parity: 'E' }), at(6, { baud: 19200 }));
    expect(s.found.map((f) => placeFor(f, s))).toEqual([null, 6]);
    expect(rateOf(s.found[0]!, s)).toEqual({ baud: 4800, parity: 'even' });
  });
  it('is called as on its label', () => {
    expect(survey(at(247)).found[0]!.serialText).toBe('0000-04DF');
  });
});

it('says everything in both languages', () => {
  expect(Object.keys(later.en)).toEqual(Object.keys(later.zh));
  for (const key of Object.keys(later.zh) as (keyof typeof later.zh)[]) {
    expect(later.en[key].match(/\{\d\}/g)).toEqual(later.zh[key].match(/\{\d\}/g));
  }
});
