// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest';
import { dailyGrowth, noteGrowth } from '../../../gateway/app/src/keep/local';
import { parseForecast, type Forecast } from '../../../gateway/app/src/model/payload';

const forecast = (upper: number | null): Forecast =>
  parseForecast({ ts: 1795293274123, plots: { upper: { thermal_time: upper }, creek: { thermal_time: 5 } } }) as Forecast;

beforeAll(() => {
  const kept = new Map<string, string>();
  (globalThis as { localStorage?: unknown }).localStorage = {
    getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v), removeItem: (k: string) => kept.delete(k),
  };
});

describe('thermal time by day', () => {
  it('is what one noted day has more than the day before, the last word of a day counting', () => {
    for (const [day, sum] of [['2026-03-30', 140], ['2026-03-31', 141], ['2026-03-31', 146.5], ['2026-04-01', 154]] as const) {
      noteGrowth('g', day, forecast(sum));
    }
    expect(dailyGrowth('g', 'upper')).toEqual([{ day: '2026-03-31', gain: 6.5 }, { day: '2026-04-01', gain: 7.5 }]);
    expect(dailyGrowth('g', 'creek')).toEqual([{ day: '2026-03-31', gain: 0 }, { day: '2026-04-01', gain: 0 }]);
  });
  it('says nothing about a day after a gap, of a new season, or of another garden', () => {
    noteGrowth('g', '2026-04-03', forecast(170));
    noteGrowth('g', '2026-04-04', forecast(0.5));
    noteGrowth('g', '2026-04-05', forecast(null));
    expect(dailyGrowth('g', 'upper').map((d) => d.day)).toEqual(['2026-03-31', '2026-04-01']);
    expect(dailyGrowth('other', 'upper')).toEqual([]);
    expect(dailyGrowth('g', 'constructor')).toEqual([]);
  });
});
