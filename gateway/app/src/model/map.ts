// SPDX-License-Identifier: Apache-2.0
// Where the plots of a garden lie on a screen: to scale, north up, and where the words of each find
// room. Pure.
export interface Spot {
  key: string;
  lat: number;
  lon: number;
  /** Pixels that its words need at their written size: the longest first, then what may stand in their place. */
  words: number[];
}

export type Side = 'right' | 'left' | 'below' | 'above';

export interface Placed {
  key: string;
  x: number;
  y: number;
  /** Which of its words, and where; null: none finds room, the dot alone is shown. */
  words: { which: number; side: Side } | null;
}

export interface GardenMap {
  height: number;
  spots: Placed[];
  /** A round distance and its length on the screen. */
  bar: { metres: number; pixels: number };
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const EARTH_M = 6_371_008.8; // mean radius (IUGG)
const EDGE = 30; // pixels around the outermost dots
const DOT = 11; // half of one
const AIR = 3; // around it
const LINE = 24; // height of the words
const LEAST_M = 60; // plots side by side do not fill the screen
const TALLEST = 1.25; // of the width

const overlap = (a: Box, b: Box): boolean => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function wordsBox(x: number, y: number, words: number, side: Side, type: number): Box {
  const [dot, line] = [DOT * type + AIR, LINE * type];
  if (side === 'right') return { left: x + dot, right: x + dot + words, top: y - line / 2, bottom: y + line / 2 };
  if (side === 'left') return { left: x - dot - words, right: x - dot, top: y - line / 2, bottom: y + line / 2 };
  const top = side === 'below' ? y + dot : y - dot - line;
  return { left: x - words / 2, right: x + words / 2, top, bottom: top + line };
}

/** The largest of 1, 2, 5 × 10ⁿ m that is no longer than `most` pixels. */
function scaleBar(pixelsPerM: number, most: number): { metres: number; pixels: number } {
  const wanted = most / pixelsPerM;
  const ten = 10 ** Math.floor(Math.log10(wanted));
  const metres = (wanted >= 5 * ten ? 5 : wanted >= 2 * ten ? 2 : 1) * ten;
  return { metres, pixels: metres * pixelsPerM };
}

/** Longitudes around the first one, so that a garden on the date line stays one. */
const around = (lon: number, first: number): number => first + ((((lon - first + 540) % 360) + 360) % 360) - 180;

/** Spots that come earlier get room for their words first. `type`: how much larger than written text is. */
export function layout(spots: Spot[], width: number, type = 1): GardenMap {
  const first = spots[0];
  if (!first || width <= 2 * EDGE) return { height: 0, spots: [], bar: { metres: 0, pixels: 0 } };
  const middle = (spots.reduce((sum, s) => sum + s.lat, 0) / spots.length) * (Math.PI / 180);
  const perDegree = (EARTH_M * Math.PI) / 180;
  const metres = spots.map((s) => ({ east: around(s.lon, first.lon) * perDegree * Math.cos(middle), north: s.lat * perDegree }));
  const [west, east] = [Math.min(...metres.map((m) => m.east)), Math.max(...metres.map((m) => m.east))];
  const [south, north] = [Math.min(...metres.map((m) => m.north)), Math.max(...metres.map((m) => m.north))];
  const scale = Math.min((width - 2 * EDGE) / Math.max(LEAST_M, east - west), (width * TALLEST - 2 * EDGE) / Math.max(LEAST_M, north - south));
  const height = Math.round(Math.max(width * 0.5, (north - south) * scale + 2 * EDGE));
  const at = metres.map((m) => ({ x: width / 2 + (m.east - (west + east) / 2) * scale, y: height / 2 - (m.north - (south + north) / 2) * scale }));
  const half = DOT * type + AIR;
  const taken: Box[] = at.map(({ x, y }) => ({ left: x - half, right: x + half, top: y - half, bottom: y + half }));
  const sides: Side[] = ['right', 'left', 'below', 'above'];
  const placed = spots.map((s, i): Placed => {
    const { x, y } = at[i] ?? { x: 0, y: 0 };
    for (const [which, words] of s.words.entries()) {
      for (const side of sides) {
        const box = wordsBox(x, y, words * type, side, type);
        if (box.left < 0 || box.right > width || box.top < 0 || box.bottom > height || taken.some((t) => overlap(t, box))) continue;
        taken.push(box);
        return { key: s.key, x, y, words: { which, side } };
      }
    }
    return { key: s.key, x, y, words: null };
  });
  return { height, spots: placed, bar: scaleBar(scale, width / 3) };
}
