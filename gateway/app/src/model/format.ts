// SPDX-License-Identifier: Apache-2.0
// Numbers, ages and dates as people read them, always in the site's time zone.
import { lang, t } from '../i18n';
import { has } from './own';

/** A minus that cannot be mistaken for a gap, no "-0", at most seven characters. */
export function value(x: number, digits: number): string {
  if (Math.abs(x) >= 99999.5) return x < 0 ? '−99999+' : '99999+';
  const s = x.toFixed(Math.abs(x) >= 1000 ? 0 : digits);
  return /^-0(\.0+)?$/.test(s) ? s.slice(1) : s.replace('-', '−');
}

/** "just now", "12 min", "3 h", "5 d": how old something is. A future time is "?". */
export function age(ms: number): string {
  if (ms < -60_000) return t('age.future');
  const s = Math.max(0, ms) / 1000;
  if (s < 90) return t('age.now');
  if (s < 5400) return t('age.min', Math.round(s / 60));
  if (s < 129600) return t('age.hour', Math.round(s / 3600));
  return t('age.day', Math.round(s / 86400));
}

// Zones without daylight saving need no Intl, whose first use costs a slow phone 100 ms.
const FIXED_HOURS: Record<string, number> = { 'Asia/Shanghai': 8, 'Asia/Urumqi': 6, UTC: 0 };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const zones = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's clocks are ahead of UTC at that moment, in ms. */
export function ahead(ts: number, zone: string): number {
  if (has(FIXED_HOURS, zone)) return (FIXED_HOURS[zone] ?? 0) * 3600e3;
  let f = zones.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric',
      day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    zones.set(zone, f);
  }
  const at = Object.fromEntries(f.formatToParts(ts).map((p) => [p.type, Number(p.value)]));
  const { year = 0, month = 1, day: date = 1, hour = 0, minute = 0, second = 0 } = at;
  return Date.UTC(year, month - 1, date, hour, minute, second) - Math.floor(ts / 1000) * 1000;
}

export function validZone(zone: string): boolean {
  try {
    return zone !== '' && Number.isFinite(ahead(0, zone));
  } catch {
    return false;
  }
}

/** The zone's date and time in the fields that are called UTC. */
const local = (ts: number, zone: string): Date => new Date(ts + ahead(ts, zone));
const two = (n: number): string => String(n).padStart(2, '0');

export function clockTime(ts: number, zone: string): string {
  const d = local(ts, zone);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
}

export function monthDay(ts: number, zone: string): string {
  const d = local(ts, zone);
  return lang() === 'zh' ? `${d.getUTCMonth() + 1}月${d.getUTCDate()}日` : `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
}

export function fullDate(ts: number, zone: string): string {
  const year = local(ts, zone).getUTCFullYear();
  return lang() === 'zh' ? `${year}年${monthDay(ts, zone)}` : `${monthDay(ts, zone)} ${year}`;
}

/** 08:12 for today, "21 Nov 08:12" otherwise, with the year when it is another one. */
export function when(ts: number, now: number | null, zone: string): string {
  const hm = clockTime(ts, zone);
  if (now !== null && day(ts, zone) === day(now, zone)) return hm;
  const sameYear = now !== null && day(ts, zone).slice(0, 4) === day(now, zone).slice(0, 4);
  return `${sameYear ? monthDay(ts, zone) : fullDate(ts, zone)} ${hm}`;
}

/** YYYY-MM-DD in the site's zone. */
export const day = (ts: number, zone: string): string => local(ts, zone).toISOString().slice(0, 10);

export interface Day {
  day: string; // YYYY-MM-DD
  begins: number; // ms
}

/** The day after that of `ts`, whatever the clocks do in between. */
export function dayAfter(ts: number, zone: string): Day {
  const noon = midnight(ts, zone) + 36 * 3600e3;
  return { day: day(noon, zone), begins: midnight(noon, zone) };
}

/** The last midnight of that zone, in ms. */
export function midnight(ts: number, zone: string): number {
  const day0 = Math.floor((ts + ahead(ts, zone)) / 86400e3) * 86400e3; // in the zone's own time
  const at = day0 - ahead(ts, zone);
  return day0 - ahead(at, zone); // the clocks may have been put on in between
}
