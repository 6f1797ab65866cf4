// SPDX-License-Identifier: Apache-2.0
// Small things kept on the phone: settings always; login and last values only for somebody who asked
// to be remembered. Storage may be missing, full or forbidden: then the app just keeps less.
import { has } from '../model/own';
import { get, set } from './setting';
import { parseAlert, parseForecast, parseLive, parseSite, type Forecast } from '../model/payload';
import { clock, keepLive, state } from '../model/state';
import type { Login } from '../mqtt/session';

const LOGIN = 'baiye.login';
const SNAPSHOT = 'baiye.snapshot';
const GROWTH = 'baiye.growth';
const SNAPSHOT_MAX = 1_000_000; // characters; 60 devices take about 30,000

export function savedLogin(): Login | null {
  try {
    const x = JSON.parse(get(LOGIN) ?? 'null') as Partial<Login> | null;
    if (x && typeof x.url === 'string' && typeof x.user === 'string' && typeof x.password === 'string') {
      return { url: x.url, user: x.user, password: x.password };
    }
  } catch {
    // Not ours.
  }
  return null;
}

export function saveLogin(login: Login): void {
  set(LOGIN, JSON.stringify(login));
}

export function forgetAll(): void {
  for (const key of [LOGIN, SNAPSHOT, GROWTH]) set(key, null);
}

const wire = (live: { everyS: number }) => ({ ...live, every_s: live.everyS });

/** Written in the same shapes as the broker's payloads, and read back through the same checks. */
export function saveSnapshot(login: Login): void {
  const { site, forecast } = state;
  if (!site || state.remembered) return;
  const text = JSON.stringify({
    v: 1,
    user: login.user,
    url: login.url,
    offset: clock.offset(),
    name: site.name,
    site: { ...site, location: site.at, batch_s: site.batchS,
      plots: site.plots.map((p) => ({ ...p, area_m2: p.areaM2 })),
      devices: site.devices.map((d) => ({ ...d, every_s: d.everyS })),
      limits: site.limits.map((l) => ({ ...l, label_en: l.labelEn })) },
    live: [...state.live].map(([name, live]) => [name, wire(live)]),
    plots: [...state.plotLive].map(([name, live]) => [name, wire(live)]),
    alerts: [...state.alerts].map(([id, a]) => [id, { ...a, acked_by: a.ackedBy, acked_ts: a.ackedAt }]),
    forecast: forecast && {
      ts: forecast.ts,
      plots: Object.fromEntries(Object.entries(forecast.plots).map(([name, p]) => [name, {
        thermal_time: p.thermalTime, share_ready: p.shareReady, share_spread: p.shareSpread, ready_kg: p.readyKg,
        pick_kg: p.pickKg, pickers: p.pickers, why: p.why, why_zh: p.zh?.why,
        score: { days: p.score.days, mae_kg: p.score.maeKg, skill: p.score.skill, coverage: p.score.coverage },
      }])),
      frost: forecast.frost && { ...forecast.frost, min_c: forecast.frost.minC, why_zh: forecast.frost.zh?.why },
      disease: forecast.disease.map((d) => ({ ...d, why_zh: d.zh?.why })),
      water: forecast.water.map((w) => ({ ...w, why_zh: w.zh?.why })),
    },
  });
  if (text.length <= SNAPSHOT_MAX) set(SNAPSHOT, text);
}

export function loadSnapshot(login: Login): void {
  try {
    const x = JSON.parse(get(SNAPSHOT) ?? 'null') as Record<string, unknown> | null;
    if (!x || x.user !== login.user || x.url !== login.url || typeof x.name !== 'string') return;
    const site = parseSite(x.site, x.name);
    if (!site) return;
    state.site = site;
    state.remembered = true;
    for (const [from, to] of [[x.live, state.live], [x.plots, state.plotLive]] as const) {
      for (const [name, body] of (Array.isArray(from) ? from : []) as [string, unknown][]) {
        const live = parseLive(body);
        if (!live) continue;
        if (to === state.live) keepLive(name, live);
        else to.set(name, live);
      }
    }
    for (const [id, body] of (Array.isArray(x.alerts) ? x.alerts : []) as [string, unknown][]) {
      const alert = parseAlert(body, id);
      if (alert) state.alerts.set(id, alert);
    }
    state.forecast = parseForecast(x.forecast);
    if (typeof x.offset === 'number' && Number.isFinite(x.offset)) clock.remember(x.offset);
  } catch {
    set(SNAPSHOT, null);
  }
}

// The gateway keeps no history of the thermal time that comes with the forecast, so the phone notes
// the last one of each day.
const GROWTH_DAYS = 40;

type Noted = Record<string, [day: string, thermalTime: number][]>;

function notedGrowth(garden: string): Noted {
  try {
    const x = JSON.parse(get(GROWTH) ?? 'null') as { garden?: unknown; plots?: unknown } | null;
    if (x?.garden === garden && typeof x.plots === 'object' && x.plots !== null) return x.plots as Noted;
  } catch {
    // Not ours.
  }
  return {};
}

export function noteGrowth(garden: string, day: string, forecast: Forecast): void {
  const plots = notedGrowth(garden);
  for (const [plot, { thermalTime }] of Object.entries(forecast.plots)) {
    if (thermalTime === null) continue;
    const rows = Array.isArray(plots[plot]) ? plots[plot].filter((row) => row[0] !== day) : [];
    plots[plot] = [...rows, [day, thermalTime] as [string, number]].slice(-GROWTH_DAYS);
  }
  set(GROWTH, JSON.stringify({ garden, plots }));
}

/** What each day gave, from one noted day to the next; a day after a gap gives nothing. */
export function dailyGrowth(garden: string, plot: string): { day: string; gain: number }[] {
  const noted = notedGrowth(garden);
  const rows = has(noted, plot) && Array.isArray(noted[plot]) ? noted[plot] : [];
  return rows.flatMap(([day, sum], i) => {
    const before = rows[i - 1];
    if (!before || Date.parse(day) - Date.parse(before[0]) !== 86400e3 || !(sum >= before[1])) return [];
    return [{ day, gain: sum - before[1] }];
  });
}
