// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { addLive, columns, csv, csvCell, daily, emptySeries, holes, join, shifted, stats, stepFor, total, type Series } from '../../../gateway/app/src/model/series';
import type { Flag, Live } from '../../../gateway/app/src/model/payload';

const M = 60_000;
const series = (times: number[], step: Series['step'] = 'raw'): Series => ({
  step, kind: 'mean', t: times, n: times.map(() => 1), min: times.map((t) => t / M), mean: times.map((t) => t / M),
  max: times.map((t) => t / M), flags: new Map(),
});

describe('history', () => {
  it('joins pages in order, the later answer replacing the same time', () => {
    const b = series([3 * M, 2 * M].sort());
    b.mean = [99, 3];
    const joined = join(series([M, 2 * M, 4 * M]), b);
    expect(joined.t).toEqual([M, 2 * M, 3 * M, 4 * M]);
    expect(joined.mean).toEqual([1, 99, 3, 4]);
  });

  it('takes in live values, late ones at their place, none twice', () => {
    const live = (ts: number, v: number): Live => ({ ts, everyS: 60, boot: 1, seq: 1, values: { x: v }, flags: {} });
    let s = series([M, 3 * M]);
    s = addLive(s, live(4 * M, 4), 'x');
    s = addLive(s, live(2 * M, 2), 'x');
    s = addLive(s, live(4 * M, 4), 'x');
    s = addLive(s, live(5 * M, 5), 'other');
    expect(s.t).toEqual([M, 2 * M, 3 * M, 4 * M]);
    expect(addLive(series([M], 'hour'), live(2 * M, 2), 'x').t).toEqual([M]);
  });

  it('keeps a doubtful reading without a value as a mark', () => {
    const s = addLive(emptySeries('raw'), { ts: M, everyS: 60, boot: 1, seq: 1, values: {}, flags: { x: 'absent' } }, 'x');
    expect(s.mean).toEqual([null]);
    expect(s.flags.get(M)).toBe('absent');
  });

  it('shows holes at the start, inside and at the end', () => {
    const s = series([10, 11, 12, 20, 21].map((x) => x * M));
    expect(holes(s, 60, 0, 30 * M)).toEqual([
      { from: 0, to: 10 * M }, { from: 12 * M, to: 20 * M }, { from: 21 * M, to: 30 * M },
    ]);
    expect(holes(s, 600, 10 * M, 22 * M)).toEqual([]);
  });

  it('breaks the line at a hole and nowhere else', () => {
    const [t, , mean] = columns(series([1, 2, 3, 30, 31].map((x) => x * M)), 60);
    expect(mean).toEqual([1, 2, 3, null, 30, 31]);
    expect([...t].sort((a, b) => a - b)).toEqual(t);
  });

  it('keeps what is doubtful through pages, live values and days', () => {
    const page = (t: number, flags: Record<number, Flag>, bad: number) =>
      ({ t: [t], n: [1], min: [t], mean: [t], max: [t], flags, bad: [bad], next: null });
    const raw = join(join(emptySeries('raw'), page(M, { [M]: 'stuck' }, 0)), page(2 * M, {}, 0));
    expect([...raw.flags]).toEqual([[M, 'stuck']]);
    const hours = join(join(emptySeries('hour'), page(M, {}, 3)), page(2 * M, {}, 0));
    expect([...hours.flags]).toEqual([[M, 3]]);
  });

  it('puts hours together to days: lowest, highest, the mean by count, the doubtful counted', () => {
    const H = 3600e3;
    const hours: Series = { step: 'hour', t: [0, H, 24 * H, 25 * H, 48 * H], n: [60, 30, 60, 0, 0],
      min: [1, 4, 7, null, null], mean: [2, 5, 8, null, null], max: [3, 6, 9, null, null], flags: new Map([[H, 2], [0, 1], [48 * H, 60]]) };
    expect(daily(hours, (t) => Math.floor(t / 24 / H) * 24 * H)).toEqual({ step: 'day', kind: 'mean', t: [0, 24 * H, 48 * H], n: [90, 60, 0],
      min: [1, 7, null], mean: [3, 8, null], max: [6, 9, null], flags: new Map([[0, 3], [48 * H, 60]]) });
  });

  it('asks for what the span needs', () => {
    expect([86400e3, 7 * 86400e3, 366 * 86400e3].map(stepFor)).toEqual(['raw', 'hour', 'day']);
  });
});

describe('the CSV file', () => {
  it('has no formulas, quotes what needs it, leaves missing values empty', () => {
    expect(csvCell('=HYPERLINK("x")')).toBe('"\'=HYPERLINK(""x"")"');
    for (const begin of ['=', '+', '-', '@', '\t', '＝', '＋', '－', '＠']) expect(csvCell(`${begin}x`)).toBe(`'${begin}x`);
    for (const begin of ['\r', '\n']) expect(csvCell(`${begin}=x`)).toBe(`"'${begin}=x"`);
    expect(csvCell('a,b')).toBe('"a,b"');
    expect(csvCell(-3.5)).toBe('-3.5');
    const s = series([M, 2 * M]);
    s.mean[1] = null;
    const text = csv(['a'], [{ label: '上坡', series: s }], () => 'local');
    expect(text.split('\r\n')[2]).toBe('上坡,1970-01-01T00:02:00.000Z,local,1,2,,2,');
    expect(text.startsWith('\ufeff')).toBe(true); // or Excel takes Chinese for something else
  });
});

describe('quantities that add up, and directions', () => {
  const H = 3600e3;
  const answer = (mean: number[], sum?: number[]) => ({ t: mean.map((_, i) => i * H), n: mean.map(() => 12), min: mean.map(() => 0), mean,
    max: mean.map(() => 360), bad: mean.map(() => 0), flags: {}, next: null, ...(sum ? { sum } : {}) });
  const day = (t: number) => Math.floor(t / (24 * H)) * 24 * H;

  it('rain is the sum of its increments, of a bucket and of a day', () => {
    const hours = join(emptySeries('hour', 'sum'), answer([0, 0.8, 0.1], [0, 13.6, 1.2]));
    expect(hours.mean).toEqual([0, 13.6, 1.2]);
    expect(hours.max).toEqual([0, 13.6, 1.2]);
    expect(daily(hours, day).mean[0]).toBeCloseTo(14.8);
    expect(total(hours, H, 3 * H)).toBeCloseTo(14.8);
    expect(total(hours, 0, H)).toBe(0);
    expect(total(hours, 5 * H, 9 * H)).toBe(null);
  });

  it('350° and 10° are north, not south; opposite ones are none', () => {
    expect(daily(join(emptySeries('hour', 'angle'), answer([350, 10])), day).mean).toEqual([0]);
    expect(daily(join(emptySeries('hour', 'angle'), answer([170, 190])), day).mean).toEqual([180]);
    expect(daily(join(emptySeries('hour', 'angle'), answer([90, 270])), day).mean).toEqual([null]);
    const band = join(emptySeries('hour', 'angle'), answer([350, 10]));
    expect([band.min, band.max]).toEqual([[350, 10], [350, 10]]);
  });

  it('the newest of a day stands for what has only a present', () => {
    expect(daily(join(emptySeries('hour', 'last'), answer([5, 7, 6])), day).mean).toEqual([6]);
  });

  it('are asked for in bars that can be told apart', () => {
    expect([1, 2, 7, 31, 366].map((d) => stepFor(d * 24 * H, 'sum'))).toEqual(['hour', 'hour', 'day', 'day', 'day']);
  });

  it('stand a bucket apart, also beside a hole and alone, so that no bar is a hair', () => {
    const alone = join(emptySeries('hour', 'sum'), answer([1], [5]));
    const holed = join(alone, { ...answer([1, 1], [2, 3]), t: [9 * H, 10 * H] });
    for (const s of [alone, holed]) {
      const [t] = columns(s, 60);
      expect(Math.min(...t.slice(1).map((x, i) => x - (t[i] ?? 0)))).toBe(3600);
    }
  });

  it('have one number in a file, not three', () => {
    const text = csv(['a'], [{ label: 'x', series: join(emptySeries('hour', 'sum'), answer([0.8], [13.6])) }], () => 'then');
    expect(text.split('\r\n')[1]).toBe('x,1970-01-01T00:00:00.000Z,then,12,13.6,');
  });
});

describe('what is in sight', () => {
  const hours: Series = { step: 'hour', kind: 'mean', t: [0, 3600e3, 7200e3, 10800e3], n: [60, 20, 0, 60], min: [1, 2, null, -9], mean: [2, 6, null, 0],
    max: [3, 9, null, 40], flags: new Map([[3600e3, 'stuck']]) };
  it('has its lowest, its mean by how many readings each hour has, and its highest', () => {
    expect(stats(hours, 0, 10800e3)).toEqual({ min: 1, mean: 3, max: 9 });
    expect(stats(hours, 3600e3 + 1, 7200e3)).toEqual({ min: 2, mean: 6, max: 9 });
    expect(stats(hours, 7200e3, 10800e3)).toBeNull();
  });
  it('of an earlier year is the same at other times, and comes back', () => {
    const later = shifted(hours, 365 * 86400e3);
    expect([later.t[1], [...later.flags.keys()][0]]).toEqual([3600e3 + 365 * 86400e3, 3600e3 + 365 * 86400e3]);
    expect(shifted(later, -365 * 86400e3)).toEqual(hours);
  });
});
