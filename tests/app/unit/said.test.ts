// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Pick } from '../../../gateway/app/src/keep/db';
import { parseForecast } from '../../../gateway/app/src/model/payload';
import { judged, near, parseSaid } from '../../../gateway/app/src/model/said';

const pick = (day: string, kg: number): Pick => ({ id: `${day}${kg}`, user: 'aunt', url: '', plot: 'upper', day, kg, pickers: 2, made: 1, sent: true, error: '' });

describe('what the forecast had said', () => {
  it('is taken day by day; what is no range is left out', () => {
    const good = { day: '2026-03-21', at: 1, program: '1', kg: [6, 9.5, 12], booked: null };
    expect(parseSaid({ said: [good, { ...good, day: 'today' }, { ...good, kg: [9, 6, 12] }, { ...good, kg: [1, 2] }, { ...good, kg: ['<b>', 2, 3] }, 7, null], next: null }))
      .toEqual([{ day: '2026-03-21', kg: [6, 9.5, 12] }]);
    expect(parseSaid({ said: 'none' })).toEqual([]);
    expect(parseSaid(null)).toEqual([]);
  });
  it('is judged by what was picked that day, in order, within a quarter of a mean day', () => {
    const said = parseSaid({ said: [{ day: '2026-03-22', kg: [6, 10, 14] }, { day: '2026-03-21', kg: [6, 9, 12] }, { day: '2026-03-23', kg: [1, 2, 3] }] });
    const days = judged(said, [pick('2026-03-21', 5), pick('2026-03-21', 1), pick('2026-03-22', 10), pick('2026-03-24', 9)]);
    expect(days).toEqual([{ day: '2026-03-21', said: [6, 9, 12], picked: 6 }, { day: '2026-03-22', said: [6, 10, 14], picked: 10 }]);
    expect(near(days)).toEqual({ kg: 2, days: 1 });
    expect(near([])).toEqual({ kg: 0, days: 0 });
  });
  it('comes with its score and the best rule’s number', () => {
    const plot = parseForecast({ ts: 1790000000000, plots: { upper: { rule_kg: 8.3, score: { days: 12, mae_kg: 1.4, skill: -0.1, coverage: 0.8, kept_days: 9, near_kg: 2.1, near_days: 9, rule: 'picker', rule_mae_kg: 1.3 } } } })?.plots.upper;
    expect(plot?.ruleKg).toBe(8.3);
    expect(plot?.score).toEqual({ days: 12, maeKg: 1.4, skill: -0.1, coverage: 0.8, nearDays: 9, nearKg: 2.1, rule: 'picker', ruleMaeKg: 1.3 });
    expect(parseForecast({ ts: 1790000000000, plots: { upper: {} } })?.plots.upper?.score).toEqual(
      { days: null, maeKg: null, skill: null, coverage: null, nearDays: null, nearKg: null, rule: '', ruleMaeKg: null });
  });
});
