// SPDX-License-Identifier: Apache-2.0
// For the technician: every device with its last answer, error counts, battery and firmware.
import { useEffect, useState } from 'preact/hooks';
import { current } from '../garden';
import { lang, t } from '../i18n';
import { age, value, when } from '../model/format';
import { freshness } from '../model/fresh';
import type { Health } from '../model/payload';
import { clock, state } from '../model/state';
import { parseTraffic, type Traffic } from '../model/traffic';
import { useGarden } from './hooks';
import { Icon } from './icon';

interface Row {
  name: string;
  label: string;
  everyS: number | null;
  condition: 'fine' | 'old' | 'bad';
  seen: number | null;
  battery: number | null;
  health: Health | undefined;
}

const TRAFFIC = new Set(['polls', 'good', 'seen', 'last_seen', 'ts', 'turnaround_p50_us', 'turnaround_p99_us', 'silence_us',
  'battery', 'battery_voltage', 'turnaround_ms', 'online', 'boot', 'seq', 'every_s', 'uptime_s', 'retries']);

const PATIENCE_MS = 4000; // retained messages are there sooner
const WORST: Row['condition'][] = ['bad', 'old', 'fine'];

function rows(now: number | null): Row[] {
  const names = new Map((state.site?.devices ?? []).map((d) => [d.name, d]));
  const all = new Set([...names.keys(), ...(state.site ? [] : state.live.keys())]);
  const list = [...all].map((name): Row => {
    const device = names.get(name);
    const live = state.live.get(name);
    const health = state.health.get(name);
    const fresh = live && freshness(live.ts, live.everyS, state.site?.batchS ?? 0, now, state.gateway) === 'live';
    return {
      name,
      label: device?.label ?? name,
      everyS: device?.everyS ?? live?.everyS ?? null,
      condition: health?.online === false ? 'bad' : fresh ? 'fine' : live ? 'old' : 'bad',
      seen: health?.lastSeen ?? live?.ts ?? null,
      battery: health?.battery ?? live?.values.battery_voltage ?? null,
      health,
    };
  });
  return list.sort((a, b) => WORST.indexOf(a.condition) - WORST.indexOf(b.condition));
}

function errors(health: Health): number {
  return Object.entries(health.counts).reduce((n, [key, v]) => n + (TRAFFIC.has(key) ? 0 : v), 0);
}

/** "Just now" is no word for who is missed. */
function seen(row: Row, at: number, now: number): string {
  const missed = row.condition !== 'fine' && now - at < 90_000;
  return missed ? when(at, now, state.site?.timezone ?? 'Asia/Shanghai') : age(now - at);
}

function Facts({ row, now }: { row: Row; now: number | null }) {
  const { health } = row;
  const polls = health?.counts.polls;
  const every = row.everyS;
  return (
    <p class="facts quiet">
      <span>{row.seen === null ? t('dev.never') : now === null ? '—' : t('dev.seen', seen(row, row.seen, now))}</span>
      {every !== null && (
        <span>{t('dev.every', every < 120 ? t('dev.sec', value(every, every % 1 ? 1 : 0)) : t('dev.mins', Math.round(every / 60)))}</span>
      )}
      {row.battery !== null && <span>{t('dev.battery', value(row.battery, 2))}</span>}
      {health && polls !== undefined && polls > 0 && (
        <span>{t('dev.errors', `${value((errors(health) / polls) * 100, 1)} %`)}</span>
      )}
      {health?.turnaroundMs != null && <span>{t('dev.turnaround', value(health.turnaroundMs, 0))}</span>}
      {health?.firmware && <span>{t('dev.firmware', health.firmware)}</span>}
    </p>
  );
}

/** For whom the gateway tells it: a technician. */
function Data({ site }: { site: string | undefined }) {
  const [brokers, setBrokers] = useState<Traffic[]>([]);
  useEffect(() => {
    let here = true;
    if (site) current()?.call('stats', {}).then((answer) => here && setBrokers(parseTraffic(answer)), () => undefined);
    return () => { here = false; };
  }, [site]);
  if (brokers.length === 0) return null;
  return (
    <section class="card data" aria-labelledby="data">
      <h2 id="data">{t('dev.data')}</h2>
      {brokers.map((b) => <p key={b.name}>{t(b.up ? 'dev.data.of' : 'dev.data.down', b.name, value(b.mb, 1))}</p>)}
    </section>
  );
}

export function Devices() {
  useGarden();
  const [only, setOnly] = useState(false);
  const [waited, setWaited] = useState(false);
  const session = current();
  useEffect(() => session?.follow('dev/+/health', 0), [session]);
  useEffect(() => {
    const timer = setTimeout(() => setWaited(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  const now = clock.now();
  const all = rows(now);
  const shown = only ? all.filter((r) => r.condition !== 'fine' || (r.health && r.health.hint.en !== '')) : all;
  return (
    <div class="devices">
      <div class="pagehead">
        <a href="#/more" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{t('dev.title')}</h1>
      </div>
      {all.length > 0 && (
        <label class="check">
          <input type="checkbox" checked={only} onChange={(e) => setOnly(e.currentTarget.checked)} />
          <span>{t('dev.filter')}</span>
        </label>
      )}
      {waited && all.length > 0 && all.every((r) => !r.health) && <p class="quiet">{t('dev.nohealth')}</p>}
      {shown.length === 0 && (
        <p class="empty"><Icon name="chip" /> {all.length === 0 ? t('dev.none') : t('dev.allfine')}</p>
      )}
      <ul class="plainlist">
        {shown.map((row) => (
          <li class="card" key={row.name}>
            <p class="line">
              <b class="clip">{row.label}</b>
              <span class={`pill ${row.condition}`}>
                {t(row.condition === 'fine' ? 'dev.online' : row.condition === 'old' ? 'dev.old' : 'dev.silent')}
              </span>
            </p>
            <Facts row={row} now={now} />
            {row.health?.hint.en && <p class="strong">{row.health.hint[lang()]}</p>}
            {row.health && Object.keys(row.health.counts).length > 0 && (
              <details>
                <summary>{t('dev.counts')}</summary>
                <dl>
                  {Object.entries(row.health.counts).map(([key, v]) => (
                    <div key={key}>
                      <dt>{key}</dt>
                      <dd>{value(v, v % 1 ? 1 : 0)}</dd>
                    </div>
                  ))}
                </dl>
              </details>
            )}
          </li>
        ))}
      </ul>
      <Data site={state.site?.name} />
    </div>
  );
}
