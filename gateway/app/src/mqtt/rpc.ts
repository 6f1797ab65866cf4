// SPDX-License-Identifier: Apache-2.0
// Questions to the gateway through the broker: published on rpc/<user>/<method> with a response
// topic of our own and a name of its own as correlation data; answers are matched by that only.
import { decode } from '../model/payload';
import type { Publish } from 'u8-mqtt/esm/basic-v5.js';
import type { Link } from './link';

export class RpcError extends Error {
  constructor(
    /** The gateway's code, or timeout, offline, forbidden, nobody. */
    readonly code: string,
    message: string,
    readonly hint = '',
  ) {
    super(message);
  }
}

interface Waiting {
  resolve: (answer: Record<string, unknown>) => void;
  reject: (error: RpcError) => void;
  timer: ReturnType<typeof setTimeout>;
}

const ANSWER_MS = 15_000;

export class Rpc {
  private waiting = new Map<string, Waiting>();
  private count = 0;

  constructor(
    private readonly link: Link,
    private readonly user: string,
    readonly client: string,
  ) {}

  answerTopic(root: string): string {
    return `${root}/answer/${this.user}/${this.client}`;
  }

  call(root: string, method: string, params: object, ms = ANSWER_MS): Promise<Record<string, unknown>> {
    if (!this.link.isUp()) return Promise.reject(new RpcError('offline', 'not connected'));
    // Unlike that of any other page: the gateway takes a command with known correlation data for a
    // second delivery and stays silent.
    const id = `${this.client}-${(this.count += 1)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.end(id, new RpcError('timeout', 'no answer')), ms);
      this.waiting.set(id, { resolve, reject, timer });
      this.link
        .publish(`${root}/rpc/${this.user}/${method}`, JSON.stringify(params), this.answerTopic(root),
          new TextEncoder().encode(id))
        .then(
          (reason) => {
            if (reason === 0x10) this.end(id, new RpcError('nobody', 'no gateway listens'));
            else if (reason >= 0x80) this.end(id, new RpcError('forbidden', 'the broker refused'));
          },
          () => this.end(id, new RpcError('offline', 'not connected')),
        );
    });
  }

  /** True when the packet was an answer. */
  take(packet: Publish): boolean {
    if (!packet.topic.includes('/answer/')) return false;
    const raw = packet.props?.correlation_data;
    const id = raw instanceof Uint8Array ? new TextDecoder().decode(raw) : '';
    const waiting = this.waiting.get(id);
    if (!waiting) return true; // late, or never asked
    const answer = decode(packet.payload) as Record<string, unknown> | null;
    const error = answer?.error as Record<string, unknown> | undefined;
    if (!answer || typeof answer !== 'object') this.end(id, new RpcError('garbled', 'not an answer'));
    else if (typeof error === 'object' && error !== null) {
      this.end(id, new RpcError(String(error.code), String(error.message), String(error.hint ?? '')));
    } else {
      this.waiting.delete(id);
      clearTimeout(waiting.timer);
      waiting.resolve(answer);
    }
    return true;
  }

  /** The link went: nobody will answer any more. */
  cut(): void {
    for (const id of [...this.waiting.keys()]) this.end(id, new RpcError('offline', 'link lost'));
  }

  private end(id: string, error: RpcError): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.reject(error);
  }
}
