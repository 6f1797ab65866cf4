// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';

/** The most that anything here is waited for: what a quiet machine does in a second or ten, one that is
 *  ten times slower and has five other tests to run does within this. It costs nothing where all is well. */
export const PATIENCE_MS = 180_000;

/** Waits for a condition, never for time to pass: the last try decides. */
export async function until(what, condition, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((r) => setTimeout(r, 25));
  }
}

/** A server that has this port; null when somebody else does. */
function bound(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

// As integration/garden.py: below the ports that the kernel gives to clients, of a block whose first port
// this process holds as long as it lives. So nobody takes one before it is bound.
const [FIRST, END, EACH] = [11000, 32768, 256];
let [block, given] = [null, 0];

async function takeBlock() {
  for (let first = FIRST; first + EACH <= END; first += EACH) {
    const claim = await bound(first);
    if (!claim) continue;
    claim.unref();
    return first;
  }
  throw new Error('every block of ports is taken');
}

export async function freePort() {
  const first = await (block ??= takeBlock());
  for (let tries = 1; tries < EACH; tries += 1) {
    given = (given % (EACH - 1)) + 1;
    const port = first + given;
    const server = await bound(port);
    if (!server) continue;
    await new Promise((r) => server.close(r));
    return port;
  }
  throw new Error('no port is free');
}

export function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
