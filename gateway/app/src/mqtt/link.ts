// SPDX-License-Identifier: Apache-2.0
// One connection to the broker that comes back by itself. Every attempt gets a fresh u8-mqtt client
// and socket: nothing of a broken session survives into the next one. Half-open links, usual on
// mobile networks, are found by an own ping with a deadline, since the browser never says.
import { MQTTClient, type Publish } from 'u8-mqtt/esm/basic-v5.js';
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

export class Link {
  private filters = new Map<string, 0 | 1>();
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
    const fresh = filters.filter((f) => !this.filters.has(f.topic));
    for (const f of fresh) this.filters.set(f.topic, f.qos);
    if (this.up && fresh.length > 0) void this.send(fresh.map((f) => [f.topic, { qos: f.qos }]));
  }

  unsubscribe(topics: string[]): void {
    const known = topics.filter((topic) => this.filters.delete(topic));
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
      socket = new WebSocket(this.options.url, ['mqtt']);
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
    deadline(this.greet(client), CONNECT_MS, 'no answer').then(
      () => this.ready(client),
      (error: unknown) => this.failed(socket, error),
    );
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

  private ready(client: MQTTClient): void {
    if (this.client !== client) return;
    this.up = true;
    this.attempt = 0;
    this.pinger = setInterval(() => void this.ping(), PING_EVERY_MS);
    void this.send([...this.filters].map(([topic, qos]) => [topic, { qos }]))
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

  private async send(topics: [string, { qos: 0 | 1 }][]): Promise<void> {
    const socket = this.socket;
    if (topics.length === 0 || !this.client || !socket) return;
    try {
      await deadline(this.client.subscribe({ topics }), CONNECT_MS, 'no answer');
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
