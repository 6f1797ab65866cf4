// SPDX-License-Identifier: Apache-2.0
// Cuts the byte stream of a WebSocket into whole MQTT packets. Frames are no packet borders: the
// gateway's bridge and every proxy cut where they like. u8-mqtt 0.6.7 does reassemble, but keeps the
// length of a packet that came in pieces as the least it waits for ever after, so that smaller ones
// behind it stay unread (its mqtt_raw_dispatch never resets len_tip). Given whole packets it is fine.

export const PACKET_MAX = 1 << 20;

export class Framer {
  private pieces: Uint8Array[] = [];
  private have = 0;

  /** The packets that are whole now; throws when the stream can't be MQTT. */
  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.byteLength > 0) {
      this.pieces.push(chunk);
      this.have += chunk.byteLength;
    }
    const out: Uint8Array[] = [];
    for (;;) {
      const size = this.size();
      if (size === null || this.have < size) return out;
      const all = this.whole();
      out.push(all.slice(0, size));
      this.pieces = size < all.byteLength ? [all.subarray(size)] : [];
      this.have = all.byteLength - size;
    }
  }

  /** Of the packet in front: fixed header, remaining length (1 to 4 bytes of 7 bits), the rest. */
  private size(): number | null {
    let length = 0;
    for (let i = 1; i <= 4; i += 1) {
      const byte = this.at(i);
      if (byte === null) return null;
      length += (byte & 0x7f) * 128 ** (i - 1);
      if (byte < 0x80) {
        if (length + i + 1 > PACKET_MAX) throw new Error('packet too large');
        return length + i + 1;
      }
    }
    throw new Error('malformed length');
  }

  private at(index: number): number | null {
    let left = index;
    for (const piece of this.pieces) {
      if (left < piece.byteLength) return piece[left] ?? null;
      left -= piece.byteLength;
    }
    return null;
  }

  private whole(): Uint8Array {
    const first = this.pieces[0];
    if (this.pieces.length === 1 && first) return first;
    const all = new Uint8Array(this.have);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.byteLength;
    }
    this.pieces = [all];
    return all;
  }
}

/** A stand-in for the socket, in the form that u8-mqtt takes, that delivers whole packets. */
export interface PacketSocket {
  binaryType: string;
  readonly readyState: number;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: { data: Uint8Array }) => void) | null;
  onerror: ((event: Event) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
}

const SLICE_MS = 12;

/** Lets everything else run: input, drawing, answers that wait to be sent. */
const breathe = (): Promise<void> => new Promise((go) => { setTimeout(go, 0); });

export function packets(socket: WebSocket): PacketSocket {
  const framer = new Framer();
  const face: PacketSocket = {
    binaryType: '',
    readyState: socket.readyState,
    send: (bytes) => socket.send(bytes),
    onopen: null, onmessage: null, onerror: null, onclose: null,
  };
  const queue: Uint8Array[] = [];
  let running = false;
  // At the start hundreds of packets come at once. One by one: what the first of them asks for goes
  // out before the last is read, and the page stays awake.
  const run = async () => {
    running = true;
    let start = performance.now();
    for (let data = queue.shift(); data; data = queue.shift()) {
      face.onmessage?.({ data });
      await null;
      if (performance.now() - start < SLICE_MS) continue;
      await breathe();
      start = performance.now();
    }
    running = false;
  };
  socket.binaryType = 'arraybuffer';
  socket.onopen = (event) => face.onopen?.(event);
  socket.onerror = (event) => face.onerror?.(event);
  socket.onclose = (event) => face.onclose?.(event);
  socket.onmessage = (event: MessageEvent<ArrayBuffer>) => {
    try {
      queue.push(...framer.push(new Uint8Array(event.data)));
      if (!running) void run().catch(() => socket.close());
    } catch {
      socket.close(); // not MQTT, or a packet that nothing here can use
    }
  };
  return face;
}
