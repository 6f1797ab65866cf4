// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest';
import type { Publish } from 'u8-mqtt/esm/basic-v5.js';
import { MQTTClient } from '../../../gateway/app/node_modules/u8-mqtt/esm/basic-v5.js';
import { Framer, packets, PACKET_MAX } from '../../../gateway/app/src/mqtt/framer';

const packet = (n: number, fill: number) => {
  const head = [0x30];
  for (let left = n; ; left = left >> 7) {
    head.push((left & 0x7f) | (left > 127 ? 0x80 : 0));
    if (left < 128) break;
  }
  return new Uint8Array([...head, ...new Array<number>(n).fill(fill)]);
};

describe('the framer', () => {
  it('gives whole packets however the stream is cut', () => {
    const all = [packet(0, 1), packet(5, 2), packet(127, 3), packet(128, 4), packet(17000, 5), packet(3, 6)];
    const stream = new Uint8Array(all.flatMap((p) => [...p]));
    for (const cut of [1, 2, 3, 7, 129, 4096, 17003, stream.length]) {
      const framer = new Framer();
      const got: Uint8Array[] = [];
      for (let i = 0; i < stream.length; i += cut) got.push(...framer.push(stream.subarray(i, i + cut)));
      expect(got).toEqual(all);
    }
  });

  it('refuses what is too long or no length at all', () => {
    const tooLong = packet(0, 0).slice(0, 1);
    expect(() => new Framer().push(new Uint8Array([...tooLong, 0xff, 0xff, 0xff, 0x7f]))).toThrow();
    expect(() => new Framer().push(new Uint8Array([0x30, 0x80, 0x80, 0x80, 0x80]))).toThrow();
    expect(new Framer().push(packet(10, 1).slice(0, 5))).toEqual([]);
    expect(PACKET_MAX).toBeGreaterThan(2 * 64 * 1024); // an answer of the gateway, twice over
  });
});

describe('the client behind it', () => {
  it('still reads a small packet after a large one that came in pieces', async () => {
    // Without the framer u8-mqtt waits here until another 40 kB have arrived.
    const socket = { readyState: 1, send() {}, close() {} } as unknown as WebSocket;
    const seen: number[] = [];
    const client = new MQTTClient({
      keep_alive: 0, sess_stg: null,
      on_mqtt_type: { mqtt_publish: (p: Publish) => { seen.push(p.payload.byteLength); } },
    });
    const nothing = () => undefined;
    client.with({ log_conn: nothing, on_error: nothing, on_disconnect: nothing, on_live: nothing });
    client.with_websock(packets(socket));
    await Promise.resolve();
    const publish = (size: number) => {
      const p = packet(size + 4, 0x61);
      const at = p.length - size - 4;
      p.set([0, 1, 0x74, 0], at); // topic "t", no properties
      return p;
    };
    const deliver = (bytes: Uint8Array) =>
      socket.onmessage?.call(socket, { data: bytes.slice().buffer } as MessageEvent<ArrayBuffer>);
    const big = publish(40000);
    await new Promise((r) => setTimeout(r, 0)); // the client takes its message handler now
    deliver(big.subarray(0, 30000));
    deliver(big.subarray(30000));
    deliver(publish(10));
    await vi.waitFor(() => expect(seen).toEqual([40000, 10]));
  });
});
