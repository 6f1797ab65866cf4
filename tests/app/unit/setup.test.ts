// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { later } from '../../../gateway/app/src/i18n/later';
import { freeName, moveEdits, parseShown, removeEdits, ruleEdits, type Judged, type Rule } from '../../../gateway/app/src/model/shown';
import { parseUsers } from '../../../gateway/app/src/model/users';
import { serialOfCode, serialText } from '../../../gateway/app/src/model/label';
import { isFresh, parsePlaced, parseSurvey } from '../../../gateway/app/src/model/survey';

const shown = parseShown({
  sha256: 'a'.repeat(64), label: '', plots: [{ name: 'upper', label: '上坡', devices: ['soil-1'] }],
  buses: [{ name: 'east', serial: true, devices: [{ name: 'soil-1', label: 'x', address: 1 }, { name: 'node-1', label: 'y', address: 2 }] }],
  rules: [{ name: 'frost', label: '霜冻', label_en: 'Frost', metric: 'air_temperature', above: false, limit: 2, clear: 3.1, change: false,
    per_s: 0, for_s: 600, level: 'watch', hours: '18:00-09:00' }],
  shipped: [],
})!;

const frost = shown.rules[0]!;
const next = (rule: Rule, more: Partial<Judged>): Judged => ({ limit: rule.limit, forS: rule.forS, level: rule.level, hours: rule.hours, ...more });
const keys = (rule: Rule, more: Partial<Judged>) => ruleEdits(shown, rule, next(rule, more)).map((e) => `${e.path[2]} ${'set' in e ? String(e.set) : 'gone'}`);

describe('what a technician changes', () => {
  it('changes of a rule what is another, and nothing else', () => {
    expect(keys(frost, {})).toEqual([]);
    expect(keys(frost, { forS: 300, level: 'alarm' })).toEqual(['for 300s', 'level alarm']);
    expect(keys(frost, { hours: '' })).toEqual(['hours gone']);
  });
  it('writes a change with its sign and its time, and lets it end on its own side', () => {
    const fall: Rule = { ...frost, above: false, limit: -3, clear: -2, perS: 3600 };
    expect(keys(fall, { limit: -2.5 })).toEqual(['change -2.5 per 3600s', 'clear -1.5']);
    expect(keys(fall, { limit: -0.5 })).toEqual(['change -0.5 per 3600s', 'clear 0']);
    expect(keys(fall, { limit: 4 })).toEqual(['change 4 per 3600s', 'clear 4']);
  });
  it('moves a device out of its plot into another one, or into none', () => {
    const two = { ...shown, plots: [...shown.plots, { name: 'plot-1', label: '新', devices: [] }] };
    expect(moveEdits(two, 'soil-1', 'plot-1')).toEqual([
      { path: ['plots', 'upper', 'devices', 'soil-1'], remove: true }, { path: ['plots', 'plot-1', 'devices'], add: 'soil-1' }]);
    expect(moveEdits(two, 'node-1', '')).toEqual([]);
    expect(moveEdits(two, 'soil-1', 'upper')).toEqual([]);
    expect(freeName(two, 'plot')).toBe('plot-2');
  });
  it('keeps the distance at which an alert ends', () => {
    expect(ruleEdits(shown, frost, next(frost, { limit: 1.5 }))).toEqual([
      { path: ['alerts', 'frost', 'below'], set: 1.5 }, { path: ['alerts', 'frost', 'clear'], set: 2.6 }]);
  });
  it('puts the rules that come with Baiye into the file, all of them', () => {
    const both = { ...shown, shipped: [{ name: 'frost', below: 2, clear: 3.1 }, { name: 'heat', above: 38 }] };
    expect(ruleEdits(both, frost, next(frost, { limit: 0 }))).toEqual([
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

it('believes of users what is one', () => {
  expect(parseUsers({ users: [{ name: 'li', role: 'farmer' }, { name: 'li', role: 'king' }, null, { name: '<b>', role: 'farmer' }, 7] })).toEqual([{ name: 'li', role: 'farmer' }]);
  for (const raw of [undefined, {}, { users: 'x' }]) expect(parseUsers(raw)).toEqual([]);
});

describe('a device that was found', () => {
  it('is what the gateway says, and what it is called stands on its label', () => {
    const { found, silent, noise } = parseSurvey({
      baud: 9600, parity: 'N', garbled: 2, silent: ['old', 7], found: [
        { unit: 247, baud: 9600, parity: 'N', serial: 1247, kind: 'node', sure: 'sure', to: 2, name: 'node-2', profile: 'baiye-node', or: [], labels: ['Baiye node'] },
        { unit: 5, baud: 4800, parity: 'E', kind: 'perhaps', sure: 'perhaps', to: 5, name: 'a-5', profile: 'a', or: ['b', '<i>'], labels: ['A, soil', 'B, soil'] },
        { unit: 9, kind: 'known', name: 'old' }, { kind: 'king', sure: 'always', to: 900, profile: null }, null,
      ],
    });
    expect(found.map((f) => f.kind)).toEqual(['node', 'perhaps', 'known', 'unknown', 'unknown']);
    expect(found.filter(isFresh)).toHaveLength(2);
    expect(found[0]!.serialText).toBe('0000-04DF-A');
    expect(found[1]!.profiles).toEqual([{ name: 'a', label: 'A, soil' }, { name: 'b', label: 'B, soil' }]);
    expect(found[3]).toMatchObject({ sure: 'unknown', to: 0, profiles: [] });
    expect([silent, noise]).toEqual([['old'], true]);
  });
  it('is placed only where the gateway says where', () => {
    expect(parsePlaced({ placed: true, item: { name: 'node-2', address: 2 }, unit: 2, given_up: [1] })).toMatchObject({ placed: true, unit: 2, givenUp: [1], item: { name: 'node-2', address: 2 } });
    for (const raw of [undefined, {}, { placed: true }, { placed: true, item: null }, { placed: true, item: { name: '../x' } }, { placed: 'yes', item: { name: 'a' } }]) {
      expect(parsePlaced(raw as Record<string, unknown> | undefined).placed).toBe(false);
    }
    expect(parsePlaced({ end: 'power', placed: false, item: null }).power).toBe(true);
  });
});

it('says everything in both languages', () => {
  expect(Object.keys(later.en)).toEqual(Object.keys(later.zh));
  for (const key of Object.keys(later.zh) as (keyof typeof later.zh)[]) {
    expect(later.en[key].match(/\{\d\}/g)).toEqual(later.zh[key].match(/\{\d\}/g));
  }
});

describe('the label of a node', () => {
  it('has its serial number as the gateway prints it', () => {
    for (const [serial, printed] of [[1, '0000-0001-2'], [0x3e8, '0000-03E8-5'], [0xffffffff, 'FFFF-FFFF-E']] as const)
      expect(serialText(serial)).toBe(printed);
    expect(parseSurvey({ found: [{ serial: 1000, unit: 247 }] }).found[0]!.serialText).toBe('0000-03E8-5');
  });
  it('is told by its code from other codes', () => {
    expect(serialOfCode('baiye:000003E8:stm32f103-rs485:0123')).toBe(1000);
    for (const other of ['', 'https://tea.example/#/join/li/x', 'baiye:3E8:x:y', 'baiye:00000000:x:y', 'baiye:000003E8x', 'xbaiye:000003E8:'])
      expect(serialOfCode(other)).toBeNull();
  });
});
