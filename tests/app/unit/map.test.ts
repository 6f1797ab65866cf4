// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { layout, type Spot } from '../../../gateway/app/src/model/map';
import { parseSite } from '../../../gateway/app/src/model/payload';

const spot = (key: string, lat: number, lon: number, ...words: number[]): Spot => ({ key, lat, lon, words: words.length > 0 ? words : [80] });
const WIDTH = 328;

describe('a garden’s map', () => {
  it('has north up, east right, and is to scale in both', () => {
    const { spots, bar } = layout([spot('a', 26.5, 107.9), spot('north', 26.502, 107.9), spot('east', 26.5, 107.902)], WIDTH);
    const [a, north, east] = spots;
    if (!a || !north || !east) throw new Error('not placed');
    expect(north.x).toBeCloseTo(a.x);
    expect(north.y).toBeLessThan(a.y);
    expect(east.x).toBeGreaterThan(a.x);
    // A degree of longitude is shorter by the cosine of the latitude.
    expect((east.x - a.x) / (a.y - north.y)).toBeCloseTo(Math.cos((26.5 * Math.PI) / 180), 3);
    // 0.002° of a great circle are 222.4 m.
    expect(((a.y - north.y) / bar.pixels) * bar.metres).toBeCloseTo(222.4, 0);
  });
  it('keeps every dot inside, whatever the garden’s shape', () => {
    for (const [dLat, dLon] of [[0, 0.03], [0.03, 0], [0, 0], [1e-6, 1e-6], [0.02, 0.02]] as const) {
      const all = Array.from({ length: 9 }, (_, i) => spot(`p${i}`, 26.5 + (i % 3) * dLat, 107.9 + Math.floor(i / 3) * dLon));
      const map = layout(all, WIDTH);
      expect(map.height).toBeGreaterThan(100);
      expect(map.height).toBeLessThanOrEqual(WIDTH * 1.25 + 1);
      for (const s of map.spots) {
        expect(s.x).toBeGreaterThanOrEqual(0);
        expect(s.x).toBeLessThanOrEqual(WIDTH);
        expect(s.y).toBeGreaterThanOrEqual(0);
        expect(s.y).toBeLessThanOrEqual(map.height);
      }
    }
  });
  it('gives larger type more room, and none where there is none', () => {
    const all = [spot('a', 26.5, 107.9, 140, 40), spot('b', 26.502, 107.902, 90)];
    for (const type of [1, 1.3, 2]) {
      for (const s of layout(all, WIDTH, type).spots) {
        const width = (s.key === 'a' ? [140, 40] : [90])[s.words?.which ?? 0] ?? 0;
        const half = 11 * type + 3;
        if (s.words?.side === 'right') expect(s.x + half + width * type).toBeLessThanOrEqual(WIDTH);
        if (s.words?.side === 'left') expect(s.x - half - width * type).toBeGreaterThanOrEqual(0);
      }
    }
    expect(layout(all, WIDTH, 2).spots[0]?.words?.which).toBe(1);
    expect(layout([spot('a', 26.5, 107.9, 300), spot('b', 26.502, 107.902, 90)], WIDTH, 2).spots[0]?.words).toBeNull();
  });
  it('gives no words a place where others or dots stand: those of the earlier first', () => {
    const all = Array.from({ length: 60 }, (_, i) => spot(`p${i}`, 26.5 + (i % 8) * 1e-4 + (i % 3) * 4e-5, 107.9 + Math.floor(i / 8) * 1e-4 + (i % 5) * 3e-5, 96, 40));
    const { spots } = layout(all, WIDTH);
    const boxes = spots.flatMap((s) => {
      const w = s.words?.which === 0 ? 96 : 40;
      const side = s.words?.side;
      if (side === 'right') return [[s.x + 14, s.x + 14 + w, s.y - 12, s.y + 12]];
      if (side === 'left') return [[s.x - 14 - w, s.x - 14, s.y - 12, s.y + 12]];
      if (side === 'below') return [[s.x - w / 2, s.x + w / 2, s.y + 14, s.y + 38]];
      return side === 'above' ? [[s.x - w / 2, s.x + w / 2, s.y - 38, s.y - 14]] : [];
    }) as [number, number, number, number][];
    expect(boxes.length).toBeGreaterThan(0);
    expect(boxes.length).toBeLessThan(60);
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
      expect(a[0] < b[1] && b[0] < a[1] && a[2] < b[3] && b[2] < a[3]).toBe(false);
    }));
    expect(layout([all[0], ...all.slice(1)] as Spot[], WIDTH).spots[0]?.words).not.toBeNull();
  });
  it('is one garden on the date line, too', () => {
    const [a, b] = layout([spot('a', -17, 179.999), spot('b', -17, -179.999)], WIDTH).spots;
    expect((b?.x ?? 0) - (a?.x ?? 0)).toBeGreaterThan(200);
  });
  it('has a bar of a round length that is no longer than a third', () => {
    for (const d of [1e-5, 3e-4, 2e-3, 0.04, 0.7]) {
      const { bar } = layout([spot('a', 26.5, 107.9), spot('b', 26.5, 107.9 + d)], WIDTH);
      expect([1, 2, 5]).toContain(Number(String(bar.metres)[0]));
      expect(bar.pixels).toBeLessThanOrEqual(WIDTH / 3);
      expect(bar.pixels).toBeGreaterThan(WIDTH / 10);
    }
  });
  it('is nothing without spots or before there is a screen', () => {
    expect(layout([], WIDTH).spots).toEqual([]);
    expect(layout([spot('a', 1, 1)], 0).spots).toEqual([]);
  });
  it('takes positions of the site’s document that are some, and no others', () => {
    const at = (x: unknown) => parseSite({ plots: [{ name: 'p', devices: [], at: x }], devices: [] }, 's')?.plots[0]?.at;
    expect(at({ lat: 26.5, lon: 107.9 })).toEqual({ lat: 26.5, lon: 107.9 });
    for (const bad of [undefined, null, {}, { lat: '26', lon: 1 }, { lat: 91, lon: 1 }, { lat: 1, lon: 181 }, [1, 2]]) expect(at(bad)).toBeNull();
  });
});
