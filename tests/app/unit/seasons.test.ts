// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { seasons } from '../../../gateway/app/src/model/seasons';

const zone = 'Asia/Shanghai';
const named = (now: number, south = false) => seasons(now, zone, south, 5).map((s) => `${s.name} ${s.year}`);

describe('seasons', () => {
  it('begin with March, June, September and December of the site', () => {
    expect(named(Date.UTC(2026, 3, 10))).toEqual(['spring 2026', 'winter 2025', 'autumn 2025', 'summer 2025', 'spring 2025']);
    expect(named(Date.UTC(2026, 1, 28, 15, 59))[0]).toBe('winter 2025');
    expect(named(Date.UTC(2026, 1, 28, 16))[0]).toBe('spring 2026'); // 1 March in the garden
    expect(named(Date.UTC(2026, 11, 1))[0]).toBe('winter 2026');
  });
  it('are the other way round in the south', () => {
    expect(named(Date.UTC(2026, 3, 10), true)[0]).toBe('autumn 2026');
  });
  it('leave no moment between them', () => {
    const all = seasons(Date.UTC(2026, 3, 10), zone, false, 5);
    all.slice(1).forEach((s, i) => expect(s.to).toBe(all[i]?.from));
    expect(all[0]?.from).toBe(Date.UTC(2026, 1, 28, 16));
  });
});
