// SPDX-License-Identifier: Apache-2.0
// One connection to the broker that comes back by itself. Every attempt gets a fresh u8-mqtt client
// and socket: nothing of a broken session survives into the next one. Half-open links, usual on
// mobile networks, are found by an own ping with a deadline, since the browser never says.
import { MQTTClient, type Publish, type Topic, type Topics } from 'u8-mqtt/esm/basic-v5.js';
import { PACKET_MAX, packets } from './framer';
import type { LinkState } from '../model/state';

const CONNECT_MS = 10_000;
const PING_EVERY_MS = 20_000;
const PING_ANSWER_MS = 8_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000];
const REFUSED = new Set([0x86, 0x87, 0x8a, 0x85]);

export interface Filter {
  topic: string;
  qos: 0 | 1;
}

export interface LinkOptions {
  url: string;
  user: string;
  password: string;
  clientId: string;
  /** User and password worked before: ask for everything in the same breath as the greeting. */
  known: boolean;
  onMessage: (packet: Publish) => void;
  onState: (state: LinkState) => void;
  /** Everything that the broker keeps for our topics has arrived. */
  onKept: () => void;
}

export function deadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

declare global {
  interface Window {
    baiyeSocket?: { url: string; socket: WebSocket } | null;
  }
}

/** The socket that early.js opened, once, when it leads where it should and is still good. */
function takeEarly(url: string): WebSocket | null {
  const early = window.baiyeSocket;
  window.baiyeSocket = null;
  if (early?.url === url && early.socket.readyState <= WebSocket.OPEN) return early.socket;
  early?.socket.close();
  return null;
}

export class Link {
  private filters = new Map<string, 0 | 1>();
  private asked = new Set<string>();
  private client: MQTTClient | null = null;
  private socket: WebSocket | null = null;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pinger: ReturnType<typeof setInterval> | undefined;
  private stopped = true;
  private up = false;

  constructor(private readonly options: LinkOptions) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.connect();
  }

  /** For the next connection; this one goes on. */
  renew(password: string): void {
    this.options.password = password;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    if (this.up) void this.client?.disconnect().catch(() => undefined);
    this.drop();
    this.options.onState('idle');
  }

  /** Something hints that now is a better moment than the next retry: the network came, the page
   *  was opened again. A link that is up is only asked whether it still is. */
  nudge(): void {
    if (this.stopped) return;
    if (this.up) {
      void this.ping();
    } else if (!this.socket) {
      this.attempt = 0;
      clearTimeout(this.retry);
      this.connect();
    }
  }

  isUp(): boolean {
    return this.up;
  }

  /** Kept over reconnects until released. */
  subscribe(filters: Filter[]): void {
    for (const f of filters) this.filters.set(f.topic, f.qos);
    if (this.up) void this.ask();
  }

  unsubscribe(topics: string[]): void {
    for (const topic of topics) this.filters.delete(topic);
    const known = topics.filter((topic) => this.asked.delete(topic));
    if (this.up && known.length > 0) {
      void this.client?.unsubscribe({ topics: known }).catch(() => undefined);
    }
  }

  /** Resolves with the broker's reason code: 0 taken, 0x10 nobody listens, 0x87 not allowed. */
  async publish(topic: string, payload: string, answer: string, id: Uint8Array): Promise<number> {
    if (!this.up || !this.client) throw new Error('not connected');
    const [ack] = await this.client.pub({
      topic,
      payload,
      qos: 1,
      props: { response_topic: answer, correlation_data: id },
    });
    return Number(ack?.reason ?? 0);
  }

  private connect(): void {
    if (this.stopped) return;
    this.options.onState('connecting');
    let socket: WebSocket;
    try {
      socket = takeEarly(this.options.url) ?? new WebSocket(this.options.url, ['mqtt']);
    } catch {
      this.options.onState('down');
      this.again();
      return;
    }
    this.socket = socket;
    const client = new MQTTClient({
      keep_alive: 0, // its own pings have no deadline
      sess_stg: null,
      on_mqtt_type: {
        mqtt_publish: (packet) => {
          if (this.client !== client) return;
          if (packet.qos === 1) void client.puback(packet).catch(() => undefined);
          this.options.onMessage(packet);
        },
        mqtt_disconnect: () => socket.close(),
      },
    });
    const nothing = () => undefined;
    client.with({ log_conn: nothing, on_error: nothing, on_disconnect: nothing, on_live: nothing });
    this.client = client;
    socket.addEventListener('close', () => this.lost(socket));
    socket.addEventListener('error', () => this.lost(socket));
    client.with_websock(packets(socket));
    const greeted = this.greet(client);
    // MQTT lets a client go on without waiting for the greeting's answer: a round trip saved. Not
    // with a password that may be wrong: a broker that hangs up on more than it has read can lose
    // its own "no" on the way, so after the first try in vain it is waited for.
    this.asked.clear();
    const early = this.options.known && this.attempt === 0 ? client._send0('subscribe', ...this.unasked()) : null;
    early?.catch(() => undefined);
    deadline(greeted, CONNECT_MS, 'no answer').then(
      () => this.ready(client, early),
      (error: unknown) => this.failed(socket, error),
    );
  }

  /** What this connection has not subscribed yet. */
  private unasked(): [packet: Topics, key: Topics] {
    const fresh = [...this.filters].filter(([topic]) => !this.asked.has(topic));
    for (const [topic] of fresh) this.asked.add(topic);
    const packet = { topics: fresh.map(([topic, qos]): Topic => [topic, { qos }]) };
    return [packet, packet];
  }

  private greet(client: MQTTClient): Promise<unknown> {
    const { user, password, clientId } = this.options;
    return client.connect({
      client_id: clientId,
      username: user,
      password,
      keep_alive: Math.round((PING_EVERY_MS * 2) / 1000),
      flags: { clean_start: true },
      props: { maximum_packet_size: PACKET_MAX },
    });
  }

  private ready(client: MQTTClient, early: Promise<unknown> | null): void {
    if (this.client !== client) return;
    this.up = true;
    this.attempt = 0;
    this.options.known = true;
    this.pinger = setInterval(() => void this.ping(), PING_EVERY_MS);
    void Promise.all([this.subscribed(early), this.ask()])
      // Retained messages go out before the answer to a ping that follows the subscription.
      .then(() => this.ping())
      .then(() => {
        if (this.client === client) this.options.onKept();
      });
    this.options.onState('up');
  }

  private failed(socket: WebSocket, error: unknown): void {
    if (this.socket !== socket) return;
    const reason = Number((error as { reason?: number } | null)?.reason ?? 0);
    if (REFUSED.has(reason)) {
      this.stopped = true;
      this.drop();
      this.options.onState('refused');
    } else {
      this.lost(socket);
    }
  }

  private ask(): Promise<void> {
    const [packet] = this.unasked();
    return this.subscribed(packet.topics.length > 0 ? this.client?.subscribe(packet) : null);
  }

  private async subscribed(answer: Promise<unknown> | null | undefined): Promise<void> {
    const socket = this.socket;
    if (!answer || !socket) return;
    try {
      await deadline(answer, CONNECT_MS, 'no answer');
    } catch {
      this.lost(socket);
    }
  }

  private async ping(): Promise<void> {
    const socket = this.socket;
    if (!this.client || !socket) return;
    try {
      await deadline(this.client.ping(), PING_ANSWER_MS, 'no answer');
    } catch {
      this.lost(socket);
    }
  }

  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.drop();
    if (this.stopped) return;
    this.options.onState('down');
    this.again();
  }

  private drop(): void {
    clearInterval(this.pinger);
    this.up = false;
    const socket = this.socket;
    this.socket = null;
    this.client = null;
    socket?.close();
  }

  private again(): void {
    const base = BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)] ?? 30_000;
    this.attempt += 1;
    this.retry = setTimeout(() => this.connect(), base * (0.8 + 0.4 * Math.random()));
  }
}
