// SPDX-License-Identifier: Apache-2.0
// uPlot with what a phone needs: band from lowest to highest, holes striped, doubtful readings as
// rings, one finger moves, two fingers zoom, tap reads a point.
import uPlot from 'uplot';
import { ahead, clockTime, fullDate, midnight, monthDay } from '../model/format';
import { nights } from '../model/sun';
import { columns, daily, hasRange, holes, middleMs, type Kind, type Series } from '../model/series';
import { PROBE, typeScale, watchSize } from './type';

/** Where an alert begins. */
export interface Mark {
  value: number;
  label: string;
  side: 'above' | 'below';
}

export interface Line {
  label: string;
  series: Series;
  everyS: number;
}

export interface ChartOptions {
  root: HTMLElement;
  zone: string;
  unit: string;
  decimals: number;
  kind: Kind;
  marks: Mark[];
  /** Where the garden is; null: nobody said, no night is shaded. */
  at: { lat: number; lon: number } | null;
  /** The last moment that could have data, in ms. */
  until: () => number;
  onRange: (from: number, to: number, done: boolean) => void;
  onPoint: (at: number | null) => void;
}

const RINGS_MAX = 120;
const AXIS = { x: 38, y: 52 }; // pixels that its texts take
const DIGIT = 9; // as wide as one of them
const INKS = ['--leaf', '--cold', '--soft']; // of the first line and those it is compared with
const DASHES = [[], [8, 5], [2, 4]];
const NIGHTS_MOST_MS = 9 * 86400e3; // beyond they are stripes
const SPAN_MIN_S = 1800;
const SPAN_MAX_S = 400 * 86400;

function css(root: HTMLElement, name: string): string {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

/** Sums are bars, side by side in a comparison. Between two directions there is no line: from 350° to
 *  10° it would cross everything. */
function shape(kind: Kind, ink: string, k: number, count: number): Partial<uPlot.Series> {
  const { bars } = uPlot.paths;
  if (kind === 'sum' && bars) {
    const paths = count === 1 ? bars({ size: [0.75, 60] }) : bars({ size: [0.4, 30], align: k === 0 ? -1 : 1 });
    return { paths, fill: ink, width: 0, points: { show: false } };
  }
  return kind === 'angle' ? { paths: () => null, points: { show: true, size: 5, fill: ink } } : {};
}

function limits(kind: Kind, min: number | null, max: number | null, marks: Mark[]): [number, number] {
  if (kind === 'angle') return [0, 360];
  if (min == null || max == null) return [0, 1];
  if (kind === 'sum') return [0, Math.max(1, max * 1.12)];
  // A limit that is near is in sight, one that is far leaves the line its height.
  const near = Math.max(2, (max - min) / 2);
  const values = marks.map((m) => m.value).filter((v) => v > min - near && v < max + near);
  const [low, high] = uPlot.rangeNum(Math.min(min, ...values), Math.max(max, ...values), 0.12, false);
  return [low ?? min, high ?? max];
}

export class Chart {
  private plot: uPlot | null = null;
  private lines: Line[] = [];
  private days: Line[] | null = null;
  private dense = false;
  private range: [number, number] = [0, 1];
  private frame = 0;
  private fresh = false; // other lines than those that are drawn
  private pulled = false; // a finger moved it
  private ended = false; // and lifted
  private readonly fingers = new Map<number, number>();
  private readonly probe = document.createElement('span');
  private type: number; // how much larger the phone wants its texts
  private readonly unwatch: (() => void)[];

  constructor(private readonly o: ChartOptions) {
    this.probe.className = 'probe';
    this.probe.textContent = PROBE;
    o.root.append(this.probe);
    this.type = typeScale(this.probe);
    this.unwatch = [watchSize(o.root, () => this.fit()), watchSize(this.probe, () => this.retype())];
    const page = o.root.closest<HTMLElement>('.scroll'); // a banner comes and goes above it
    if (page) this.unwatch.push(watchSize(page, () => this.fit()));
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    for (const leave of this.unwatch) leave();
    this.probe.remove();
    this.plot?.destroy();
    this.plot = null;
  }

  /** Theme or language changed: everything is drawn anew, and at once, since paper waits for no frame. */
  rebuild(): void {
    this.plot?.destroy();
    this.plot = null;
    if (this.lines.length > 0) this.draw();
  }

  show(lines: Line[]): void {
    this.lines = lines;
    this.days = null;
    this.fresh = true;
    this.later();
  }

  /** Ignored while a finger holds the chart: the finger says where, and tells by onRange. */
  setRange(from: number, to: number): void {
    if (this.fingers.size > 0 || (from === this.range[0] && to === this.range[1])) return;
    this.range = [from, to];
    this.later();
  }

  /** Fingers and readings come more often than a screen can draw: one drawing a frame, whatever came. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => {
      const [pulled, ended] = [this.pulled, this.ended];
      this.frame = 0;
      this.pulled = false;
      this.ended = false;
      if (this.lines.length > 0) this.draw();
      if (pulled) this.o.onRange(...this.range, ended);
    });
  }

  private draw(): void {
    const [from, to] = this.range;
    if (this.isDense() !== this.dense) {
      this.dense = !this.dense;
      this.fresh = true;
    }
    if (this.plot?.series.length !== 1 + 3 * this.lines.length) {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(this.lines.length), this.data(), this.o.root);
      this.touch(this.plot.over);
    } else if (this.fresh) {
      this.plot.setData(this.data(), false);
    }
    this.fresh = false;
    this.plot.setScale('x', { min: from / 1000, max: to / 1000 });
  }

  /** What stands there: the lines, or their days while hours would be narrower than a pixel. */
  drawn(): Line[] {
    if (!this.dense) return this.lines;
    this.days ??= this.lines.map((line) => ({ ...line,
      series: line.series.step === 'hour' ? daily(line.series, (t) => midnight(t, this.o.zone)) : line.series }));
    return this.days;
  }

  private isDense(): boolean {
    return (this.range[1] - this.range[0]) / 3600e3 > this.o.root.clientWidth;
  }

  canvas(): HTMLCanvasElement | null {
    return this.plot?.ctx.canvas ?? null;
  }

  fit(): void {
    const { width, height } = this.size();
    if (this.plot && (this.plot.width !== width || this.plot.height !== height)) this.plot.setSize({ width, height });
  }

  private retype(): void {
    const type = typeScale(this.probe);
    if (type === this.type) return;
    this.type = type;
    this.rebuild();
  }

  private size(): { width: number; height: number } {
    const width = Math.max(96, Math.floor(this.o.root.clientWidth));
    if (this.o.root.closest('.full')) return { width, height: Math.max(120, this.o.root.clientHeight) }; // as much as is left
    const low = innerHeight <= 500 && innerWidth > innerHeight; // a phone on its side: head, value and chart fit on it
    const dates = AXIS.x * (this.type - 1); // larger ones take nothing from the curve
    const seen = this.o.root.closest('.scroll')?.clientHeight ?? innerHeight; // less a banner
    return { width, height: Math.round(low ? Math.max(170, seen - 136) : Math.min(440, Math.max(230, width * 0.66)) + dates) };
  }

  private data(): uPlot.AlignedData {
    const tables = this.drawn().map((l) => columns(l.series, l.everyS) as unknown as uPlot.AlignedData);
    if (tables.length === 1) return tables[0] as uPlot.AlignedData;
    // Nulls stay breaks in the line; the places that join() adds between are bridged.
    return uPlot.join(tables);
  }

  private options(count: number): uPlot.Options {
    const { root, unit, decimals, kind } = this.o;
    const { type } = this;
    const inks = INKS.map((name) => css(root, name));
    const band = [css(root, '--leaf-band'), css(root, '--cold-band'), 'transparent'];
    const soft = css(root, '--ink');
    const grid = css(root, '--line');
    const font = `${15 * type}px ${getComputedStyle(document.body).fontFamily}`;
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    for (let k = 0; k < count; k += 1) {
      const at = series.length;
      const ink = inks[k] ?? soft;
      const edge: uPlot.Series = { stroke: 'transparent', points: { show: false }, spanGaps: false };
      const dash = k > 0 ? { dash: DASHES[k] ?? [] } : {};
      const line: uPlot.Series = { stroke: ink, width: 2.5, spanGaps: false, points: { size: 4 }, ...dash };
      series.push({ ...edge }, { ...line, ...shape(kind, ink, k, count) }, { ...edge });
      if (hasRange(kind)) bands.push({ series: [at + 2, at], fill: band[k] ?? grid });
    }
    return {
      ...this.size(),
      series,
      bands,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 10 }, y: false },
      scales: {
        x: { time: true },
        y: { range: (_u, min, max) => limits(kind, min, max, this.o.marks) },
      },
      // A date whose own fields are those of the zone, which is how uPlot wants it.
      tzDate: (ts) => {
        const d = new Date(ts * 1e3);
        return new Date(d.getTime() + ahead(d.getTime(), this.o.zone) + d.getTimezoneOffset() * 60e3);
      },
      axes: [
        { stroke: soft, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 88 + 48 * (type - 1), size: AXIS.x * type, gap: 12,
          values: (_u, splits, _axis, _space, step) => splits.map((s) => this.tick(s * 1000, step)) },
        { stroke: soft, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 30 * type, size: (_u, texts) => Math.max(AXIS.y, 16 + DIGIT * type * Math.max(0, ...(texts ?? []).map((x) => x.length))),
          ...(kind === 'angle' ? { splits: () => [0, 90, 180, 270, 360] } : {}),
          values: (_u, splits) => splits.map((s, i) =>
            s.toFixed(Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) < 1 ? Math.max(1, decimals) : 0) + (i === splits.length - 1 && unit.length <= 2 ? unit : '')) },
      ],
      hooks: {
        drawClear: [(u) => { this.nights(u); this.stripes(u); }],
        draw: [(u) => this.marks(u), (u) => this.drawn().forEach((line, k) => this.rings(u, line, k))],
        setCursor: [(u) => {
          const index = u.cursor.idx ?? null;
          const at = index === null ? null : u.data[0][index];
          this.o.onPoint(at == null || (u.cursor.left ?? -1) < 0 ? null : at * 1000);
        }],
      },
    };
  }

  private tick(ms: number, stepS: number): string {
    const { zone } = this.o;
    if (stepS < 86400) {
      const hm = clockTime(ms, zone);
      return hm === '00:00' ? monthDay(ms, zone) : hm;
    }
    return stepS >= 300 * 86400 ? fullDate(ms, zone) : monthDay(ms, zone);
  }

  private nights(u: uPlot): void {
    const [from, to] = this.range;
    const { at, root } = this.o;
    if (!at || to - from > NIGHTS_MOST_MS) return;
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = css(root, '--night');
    for (const [set, rise] of nights(from, to, at.lat, at.lon)) {
      const [x0, x1] = [u.valToPos(set / 1000, 'x', true), u.valToPos(rise / 1000, 'x', true)];
      ctx.fillRect(x0, bbox.top, x1 - x0, bbox.height);
    }
    ctx.restore();
  }

  /** The farm's limits, each with its name on the side on which it is passed. */
  private marks(u: uPlot): void {
    const { ctx, bbox } = u;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css(this.o.root, '--hot');
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash([6 * scale, 4 * scale]);
    ctx.font = `${14 * scale * this.type}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = 'right';
    for (const { value, label, side } of this.o.marks) {
      const y = u.valToPos(value, 'y', true);
      if (!(y > bbox.top && y < bbox.top + bbox.height)) continue;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(label, bbox.left + bbox.width - 4 * scale, y + (side === 'above' ? -5 : 2 + 14 * this.type) * scale);
    }
    ctx.restore();
  }

  /** Time without data is striped, so that nobody takes an empty place for a calm one. */
  private stripes(u: uPlot): void {
    const line = this.drawn()[0];
    if (!line) return;
    const { ctx, bbox } = u;
    const [from, to] = this.range;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = css(this.o.root, '--stripe');
    ctx.lineWidth = 2 * scale;
    for (const hole of holes(line.series, line.everyS, from, Math.min(to, this.o.until()))) {
      const x0 = Math.max(bbox.left, u.valToPos(hole.from / 1000, 'x', true));
      const x1 = Math.min(bbox.left + bbox.width, u.valToPos(hole.to / 1000, 'x', true));
      ctx.save();
      ctx.beginPath();
      ctx.rect(x0, bbox.top, Math.max(1, x1 - x0), bbox.height);
      ctx.clip();
      ctx.beginPath();
      for (let x = x0 - bbox.height; x < x1; x += 9 * scale) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.restore();
  }

  /** Doubtful readings: a ring around each while they can be told apart, and a mark on the floor, one
   * row for each plot. In a comparison both have the plot's own ink inside. */
  private rings(u: uPlot, line: Line, k: number): void {
    if (line.series.flags.size === 0) return;
    const { ctx, bbox } = u;
    const { series } = line;
    const scale = devicePixelRatio;
    const [from, to] = this.range;
    const shift = middleMs(series.step);
    const seen = series.t.flatMap((at, i) => (at + shift >= from && at + shift <= to && series.flags.has(at) ? [i] : []));
    const warn = css(this.o.root, '--warn');
    const ink = this.lines.length > 1 ? css(this.o.root, INKS[k] ?? '--ink') : warn;
    const floor = bbox.top + bbox.height - (k * 12 + 3) * scale;
    const stroke = (x: number, y0: number, y1: number, color: string) => {
      ctx.strokeStyle = color;
      ctx.beginPath();
      ctx.moveTo(x, y0);
      ctx.lineTo(x, y1);
      ctx.stroke();
    };
    let last = -Infinity;
    ctx.save();
    ctx.lineWidth = 2.5 * scale;
    for (const i of seen) {
      const x = u.valToPos(((series.t[i] ?? 0) + shift) / 1000, 'x', true);
      if (x - last >= scale) {
        stroke(x, floor - 5 * scale, floor - scale, warn);
        stroke(x, floor - scale, floor + 3 * scale, ink);
        last = x;
      }
      const v = series.mean[i];
      if (seen.length > RINGS_MAX || v == null) continue;
      const y = u.valToPos(v, 'y', true);
      ctx.strokeStyle = warn;
      ctx.beginPath();
      ctx.arc(x, y, 5 * scale, 0, 2 * Math.PI);
      ctx.stroke();
      if (ink === warn) continue;
      ctx.fillStyle = ink;
      ctx.beginPath();
      ctx.arc(x, y, 2.5 * scale, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }

  /** Pointer events: one finger drags, two pinch around their middle, the wheel zooms. */
  private touch(over: HTMLElement): void {
    over.style.touchAction = 'pan-y';
    const places = () => [...this.fingers.values()].sort((a, b) => a - b);
    const seconds = (x: number) => {
      const box = over.getBoundingClientRect();
      const [from, to] = this.range;
      return from + ((x - box.left) / box.width) * (to - from);
    };
    over.addEventListener('pointerdown', (e) => {
      if (this.fingers.size >= 2) return;
      this.fingers.set(e.pointerId, e.clientX);
      over.setPointerCapture(e.pointerId);
    });
    over.addEventListener('pointermove', (e) => {
      const before = this.fingers.get(e.pointerId);
      if (before === undefined) return;
      const [a0, b0] = places();
      const [ta, tb] = [seconds(a0 ?? 0), seconds(b0 ?? 0)];
      this.fingers.set(e.pointerId, e.clientX);
      const [a1, b1] = places();
      const box = over.getBoundingClientRect();
      const [from, to] = this.range;
      if (b0 === undefined || b1 === undefined) {
        const moved = ((e.clientX - before) / box.width) * (to - from);
        this.move(from - moved, to - moved, false);
      } else if (b1 - (a1 ?? 0) > 20) {
        const span = ((tb - ta) / (b1 - (a1 ?? 0))) * box.width;
        const left = ta - (((a1 ?? 0) - box.left) / box.width) * span;
        this.move(left, left + span, false);
      }
    });
    const lift = (e: PointerEvent) => {
      if (this.fingers.delete(e.pointerId) && this.fingers.size === 0) this.move(...this.range, true);
    };
    over.addEventListener('pointerup', lift);
    over.addEventListener('pointercancel', lift);
    over.addEventListener('wheel', (e) => {
      if (!e.ctrlKey && Math.abs(e.deltaX) < Math.abs(e.deltaY) && !e.shiftKey) return;
      e.preventDefault();
      const [from, to] = this.range;
      const at = seconds(e.clientX);
      const factor = e.deltaY > 0 ? 1.2 : 1 / 1.2;
      this.move(at - (at - from) * factor, at + (to - at) * factor, true);
    }, { passive: false });
  }

  private move(from: number, to: number, done: boolean): void {
    const span = (to - from) / 1000;
    const room = this.o.until() + (to - from) * 0.25;
    if (span < SPAN_MIN_S || span > SPAN_MAX_S) {
      if (done) this.o.onRange(...this.range, true);
      return;
    }
    const shift = Math.min(0, room - to);
    this.range = [from + shift, to + shift];
    this.pulled = true;
    this.ended ||= done;
    this.later();
  }
}
