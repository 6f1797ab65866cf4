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

export async function freePort() {
  const server = net.createServer();
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const { port } = server.address();
  await new Promise((r) => server.close(r));
  return port;
}

export function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
