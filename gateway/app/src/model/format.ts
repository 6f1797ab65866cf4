// SPDX-License-Identifier: Apache-2.0
// Numbers, ages and dates as people read them, always in the site's time zone.
import { lang, t } from '../i18n';

const DECIMALS: Record<string, number> = {
  air_humidity: 0, soil_conductivity: 0, illuminance: 0, wind_direction: 0, leaf_wetness: 0,
  battery_voltage: 2, vapour_pressure_deficit: 2, signal_strength: 0, soil_wetness: 0,
  thermal_time: 0, carbon_dioxide: 0,
};
const UNITS: Record<string, string> = {
  air_temperature: '°C', air_humidity: '%', soil_moisture: '%', soil_temperature: '°C',
  soil_conductivity: 'µS/cm', soil_ph: '', illuminance: 'lx', rainfall: 'mm', wind_speed: 'm/s',
  wind_direction: '°', leaf_wetness: '%', battery_voltage: 'V', signal_strength: 'dBm',
  vapour_pressure_deficit: 'kPa', dew_point: '°C', thermal_time: '°C·d', soil_wetness: '%',
  canopy_temperature: '°C', air_pressure: 'kPa', solar_radiation: 'W/m²',
};

export function decimals(metric: string): number {
  return DECIMALS[metric] ?? 1;
}

export function unit(metric: string, fromSite?: string): string {
  return UNITS[metric] ?? fromSite ?? '';
}

/** A minus that cannot be mistaken for a gap, no "-0", at most seven characters. */
export function value(x: number, digits: number): string {
  if (Math.abs(x) >= 99999.5) return x < 0 ? '−99999+' : '99999+';
  const s = x.toFixed(Math.abs(x) >= 1000 ? 0 : digits);
  return /^-0(\.0+)?$/.test(s) ? s.slice(1) : s.replace('-', '−');
}

export function metricValue(metric: string, x: number): string {
  return value(x, decimals(metric));
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

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions, locale?: string): Intl.DateTimeFormat {
  const l = locale ?? (lang() === 'zh' ? 'zh-CN' : 'en-GB');
  const key = l + zone + JSON.stringify(options);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat(l, { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, f);
  }
  return f;
}

export const clockTime = (ts: number, zone: string): string =>
  format(zone, { hour: '2-digit', minute: '2-digit' }).format(ts);

export const monthDay = (ts: number, zone: string): string =>
  format(zone, { month: 'short', day: 'numeric' }).format(ts);

export const fullDate = (ts: number, zone: string): string =>
  format(zone, { year: 'numeric', month: 'short', day: 'numeric' }).format(ts);

/** 08:12 for today, "21 Nov 08:12" otherwise, with the year when it is another one. */
export function when(ts: number, now: number | null, zone: string): string {
  const hm = clockTime(ts, zone);
  if (now !== null && day(ts, zone) === day(now, zone)) return hm;
  const sameYear = now !== null && day(ts, zone).slice(0, 4) === day(now, zone).slice(0, 4);
  return `${sameYear ? monthDay(ts, zone) : fullDate(ts, zone)} ${hm}`;
}

/** YYYY-MM-DD in the site's zone. */
export const day = (ts: number, zone: string): string =>
  format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA').format(ts);

export const kg = (x: number): string => value(x, x < 10 && x % 1 !== 0 ? 1 : 0);

/** What stands behind a date picked on the phone: milliseconds of that zone's midnight. */
export function midnight(ts: number, zone: string): number {
  const parts = format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }, 'en-GB')
    .format(ts).split(':').map(Number);
  return ts - (((parts[0] ?? 0) * 60 + (parts[1] ?? 0)) * 60 + (parts[2] ?? 0)) * 1000 - (ts % 1000);
}
