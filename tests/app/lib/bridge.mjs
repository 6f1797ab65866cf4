// SPDX-License-Identifier: Apache-2.0
// What the gateway does for the app, in few lines, for pages that need no gateway: the built files
// over HTTP and MQTT over WebSocket passed through to the broker. cut() drops every connection.
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { extname, join, normalize } from 'node:path';
import { createGzip } from 'node:zlib';
import { appFolder, WebSocketServer } from './deps.mjs';

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json',
};

/** `renewed`: a newer version of the app was installed at the gateway. */
function file(request, response, renewed) {
  if (request.url === '/alive') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('alive\n');
    return;
  }
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
  let name = join(appFolder, 'dist', path);
  if (path.endsWith('/')) name = join(name, 'index.html');
  if (!name.startsWith(join(appFolder, 'dist')) || !existsSync(name) || !statSync(name).isFile()) {
    response.writeHead(404).end();
    return;
  }
  const hashed = path.startsWith('/assets/');
  response.writeHead(200, {
    'content-type': types[extname(name)] ?? 'application/octet-stream',
    'content-encoding': 'gzip',
    'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  const packed = createGzip({ level: 9 });
  packed.pipe(response);
  if (renewed && path === '/sw.js') packed.end(`${readFileSync(name, 'utf8')}\n// newer\n`);
  else createReadStream(name).pipe(packed);
}

export class Bridge {
  /** `delayMs`, one way, and `bytesPerMs` to the phone: for what comes through the WebSocket, which
   *  the browser's own throttling leaves out. */
  constructor(brokerPort, delayMs = 0, bytesPerMs = Infinity) {
    this.brokerPort = brokerPort;
    this.delayMs = delayMs;
    this.bytesPerMs = bytesPerMs;
    this.pairs = new Set();
    this.open = true;
    this.renewed = false;
  }

  async start(port = 0) {
    this.open = true;
    this.server = http.createServer((request, response) => file(request, response, this.renewed));
    const sockets = new WebSocketServer({
      server: this.server, path: '/mqtt', handleProtocols: () => 'mqtt',
      verifyClient: () => this.open,
    });
    sockets.on('connection', (ws) => {
      const tcp = net.connect(this.brokerPort, '127.0.0.1');
      const pair = { ws, tcp };
      this.pairs.add(pair);
      const end = () => { this.pairs.delete(pair); ws.terminate(); tcp.destroy(); };
      const later = (ms, act) => (ms > 0 ? setTimeout(act, ms) : act());
      let free = 0; // when the link down is free again
      ws.on('message', (data) => later(this.delayMs, () => {
        tcp.write(data);
        if (!this.lastWord?.(data)) return;
        // The broker gets what was said; its answer finds nobody.
        this.pairs.delete(pair);
        ws.terminate();
        tcp.removeAllListeners('data');
        tcp.resume();
        tcp.end();
      }));
      tcp.on('data', (data) => {
        const now = performance.now();
        free = Math.max(free, now) + data.length / this.bytesPerMs;
        later(free - now + this.delayMs, () => ws.send(data));
      });
      for (const side of [ws, tcp]) { side.on('close', end); side.on('error', end); }
    });
    await new Promise((r) => this.server.listen(port, '127.0.0.1', r));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  cut(open) {
    this.open = open;
    for (const { ws, tcp } of this.pairs) { ws.terminate(); tcp.destroy(); }
  }

  async stop() {
    if (!this.server?.listening) return;
    this.cut(false);
    this.server.closeAllConnections();
    await new Promise((r) => this.server.close(r));
  }
}
