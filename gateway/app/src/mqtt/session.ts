// SPDX-License-Identifier: Apache-2.0
// One logged-in user: connects, subscribes, sorts messages into the state, keeps the site's time.
// The site's name is learnt from the first …/site message, so that the address is all one needs.
import type { Publish } from 'u8-mqtt/esm/basic-v5.js';
import { newer } from '../model/fresh';
import { decode, isName, parseAlert, parseForecast, parseHealth, parseLive, parseSite, type Live } from '../model/payload';
import { changed, changedNow, clock, keepLive, state, type LinkState } from '../model/state';
import { obstacle } from './obstacle';
import { Link, type Filter } from './link';
import { Rpc, RpcError } from './rpc';

export interface Login {
  url: string;
  user: string;
  password: string;
}

const PLACES_MAX = 512; // devices, plots, alerts kept
const TIME_AGAIN_MS = 15 * 60_000;

const always: Filter[] = [
  // The broker sends what it keeps in this order: the site first, because with its name the time
  // can be asked for while the rest is still on its way.
  { topic: 'baiye/+/site', qos: 1 },
  { topic: 'baiye/+/gateway/status', qos: 1 },
  { topic: 'baiye/+/alert/+', qos: 1 },
  { topic: 'baiye/+/forecast', qos: 1 },
  // Retained and repeated: QoS 0 spares the round trips of the acknowledgement window at start.
  { topic: 'baiye/+/dev/+/live', qos: 0 },
];
/** Mostly the same values once more, so they come when the first ones stand there. */
const second: Filter[] = [{ topic: 'baiye/+/plot/+/live', qos: 0 }];

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

type Hook = (event: 'up' | 'alert' | 'forecast' | 'refused', id?: string) => void;

export class Session {
  private readonly link: Link;
  private readonly rpc: Rpc;
  private siteName = '';
  private timer: ReturnType<typeof setInterval> | undefined;
  private alertsSeen = new Set<string>();
  private wanted = new Map<string, number>();

  constructor(
    readonly login: Login,
    known: boolean,
    private readonly hook: Hook,
  ) {
    const client = randomId();
    this.link = new Link({
      url: login.url,
      user: login.user,
      password: login.password,
      clientId: `app-${client}`,
      known,
      onMessage: (packet) => this.message(packet),
      onState: (link) => this.linkState(link),
      onKept: () => this.kept(),
    });
    this.rpc = new Rpc(this.link, login.user, client);
    this.link.subscribe([{ topic: this.rpc.answerTopic('baiye/+'), qos: 1 }, ...always]);
  }

  start(): void {
    document.addEventListener('visibilitychange', this.look);
    addEventListener('online', this.look);
    this.timer = setInterval(() => void this.askTime(), TIME_AGAIN_MS);
    this.link.start();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.look);
    removeEventListener('online', this.look);
    clearInterval(this.timer);
    this.link.stop();
    this.rpc.cut();
  }

  /** The gateway has taken it; the broker will cut whoever came in by the one before. */
  renew(password: string): void {
    this.login.password = password;
    this.link.renew(password);
  }

  call(method: string, params: object, ms?: number): Promise<Record<string, unknown>> {
    if (!this.siteName) return Promise.reject(new RpcError('offline', 'site not known'));
    return this.rpc.call(`baiye/${this.siteName}`, method, params, ms);
  }

  /** Topics that only some pages need, below the site; returns the release. */
  follow(topic: string, qos: 0 | 1): () => void {
    const filter = `baiye/+/${topic}`;
    const users = this.wanted.get(filter) ?? 0;
    this.wanted.set(filter, users + 1);
    if (users === 0) this.link.subscribe([{ topic: filter, qos }]);
    return () => {
      const left = (this.wanted.get(filter) ?? 1) - 1;
      this.wanted.set(filter, left);
      if (left === 0) this.link.unsubscribe([filter]);
    };
  }

  private readonly look = (): void => {
    if (document.visibilityState !== 'visible') return;
    this.link.nudge();
    if (clock.slipped()) void this.askTime();
    changed();
  };

  private linkState(link: LinkState): void {
    state.link = link;
    if (link === 'connecting') this.alertsSeen.clear();
    if (link === 'up') {
      state.obstacle = null;
      if (this.siteName) void this.askTime();
      this.hook('up');
    } else if (link !== 'connecting') {
      this.rpc.cut();
      state.timePending = false; // nobody will say it now: what is known is shown with its date
    }
    if (link === 'refused') this.hook('refused');
    if (link === 'down') void this.lookWhy();
    changed();
  }

  /** The browser says only that a connection failed. */
  private async lookWhy(): Promise<void> {
    state.obstacle ??= navigator.onLine ? 'unknown' : 'network';
    const why = await obstacle(this.login.url);
    if (state.link === 'up' || state.link === 'idle') return;
    state.obstacle = why;
    changed();
  }

  /** Alerts that ended while nobody was connected are no longer kept by the broker. */
  private kept(): void {
    for (const id of [...state.alerts.keys()]) {
      if (!this.alertsSeen.has(id)) state.alerts.delete(id);
    }
    this.link.subscribe(second);
    state.whole = true;
    changed();
  }

  private async askTime(): Promise<void> {
    if (!this.link.isUp()) return;
    const asked = clock.steady();
    try {
      const answer = await this.call('time', {}, 8000);
      const { ts } = answer;
      if (typeof ts === 'number' && ts > 978e9 && ts < 4102e9) clock.told(ts, asked, clock.steady());
    } catch {
      // Asked again on the next link or quarter of an hour; until then what was heard counts.
    }
    const first = state.timePending;
    state.timePending = false;
    if (first) changedNow();
    else changed();
  }

  private message(packet: Publish): void {
    if (this.rpc.take(packet)) return;
    // A county's broker leaves its mount point before it.
    const levels = packet.topic.split('/');
    const [root, site, kind, a, b] = levels.slice(Math.max(0, levels.indexOf('baiye')));
    if (root !== 'baiye' || !isName(site) || !kind) return;
    if (this.siteName && site !== this.siteName) return;
    if (kind === 'site') this.site(packet, site);
    else if (kind === 'gateway' && a === 'status') this.gateway(packet);
    else if (kind === 'dev' && isName(a)) this.device(packet, a, b);
    else if (kind === 'plot' && isName(a) && b === 'live') this.live(state.plotLive, a, packet);
    else if (kind === 'forecast') this.forecast(packet);
    else if (kind === 'alert' && isName(a)) this.alert(packet, a);
    else if (kind === 'led' && a === 'preview') state.ledPng = packet.payload.slice();
    changed();
  }

  private site(packet: Publish, name: string): void {
    const site = parseSite(decode(packet.payload), name);
    if (!site) return;
    state.site = site;
    if (this.siteName) return;
    this.siteName = name;
    void this.askTime();
    this.hook('up');
  }

  private gateway(packet: Publish): void {
    const word = new TextDecoder().decode(packet.payload.subarray(0, 16));
    const before = state.gateway;
    state.gateway = word === 'online' ? 'online' : 'offline';
    if (before !== 'offline' || state.gateway !== 'online') return;
    void this.askTime();
    this.hook('up'); // what waits on the phone was waiting for the gateway
  }

  private device(packet: Publish, device: string, leaf: string | undefined): void {
    if (leaf === 'live') {
      this.live(state.live, device, packet);
    } else if (leaf === 'health') {
      const health = parseHealth(decode(packet.payload));
      if (health && (state.health.has(device) || state.health.size < PLACES_MAX)) {
        state.health.set(device, health);
      }
    }
  }

  private forecast(packet: Publish): void {
    state.forecast = parseForecast(decode(packet.payload));
    if (state.forecast) this.hook('forecast');
  }

  private live(map: Map<string, Live>, name: string, packet: Publish): void {
    if (packet.payload.byteLength === 0) {
      map.delete(name);
      return;
    }
    const live = parseLive(decode(packet.payload));
    if (!live || (!map.has(name) && map.size >= PLACES_MAX)) return;
    if (!packet.retain) clock.heard(live.ts);
    const kept = newer(map.get(name), live, clock.now());
    if (map === state.live) keepLive(name, kept);
    else map.set(name, kept);
    if (state.remembered) state.remembered = false;
  }

  private alert(packet: Publish, id: string): void {
    const alert = packet.payload.byteLength > 0 ? parseAlert(decode(packet.payload), id) : null;
    if (!alert) {
      state.alerts.delete(id);
      return;
    }
    if (!state.alerts.has(id) && state.alerts.size >= PLACES_MAX) return;
    this.alertsSeen.add(id);
    const isNew = !state.alerts.has(id);
    state.alerts.set(id, alert);
    if (isNew && !alert.acked) this.hook('alert', id);
  }
}
