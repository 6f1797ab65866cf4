// SPDX-License-Identifier: Apache-2.0
// The built app on a file host that knows nothing of gardens, and a broker of somebody else's behind
// TLS: two origins, as when the app lives on any web space and the broker in a cloud.
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { extname, join, normalize } from 'node:path';
import { createHash, X509Certificate } from 'node:crypto';
import { appFolder, WebSocketServer } from './deps.mjs';

export const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json' };

/** What Chromium needs to be told to take this server's key without its authority being installed. */
export function pin(certFile) {
  const key = new X509Certificate(readFileSync(certFile)).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
}

const listen = (server) => new Promise((r) => server.listen(0, '127.0.0.1', () => r(server.address().port)));

/** Files only: what is not there is not there. */
export async function fileHost(cert, key) {
  const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname).replace(/\/$/, '/index.html');
    const name = join(appFolder, 'dist', path);
    if (!existsSync(name) || !statSync(name).isFile()) return response.writeHead(404, { 'content-type': 'text/plain' }).end('no');
    response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' });
    return createReadStream(name).pipe(response);
  });
  const port = await listen(server);
  return { url: `https://localhost:${port}/`, stop: () => { server.closeAllConnections(); server.close(); } };
}

/** wss before a broker that knows only TCP. */
export async function wssBroker(cert, key, brokerPort) {
  const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  const sockets = new WebSocketServer({ server, path: '/mqtt', handleProtocols: () => 'mqtt' });
  sockets.on('connection', (ws) => {
    const tcp = net.connect(brokerPort, '127.0.0.1');
    const end = () => { ws.terminate(); tcp.destroy(); };
    ws.on('message', (data) => tcp.write(data));
    tcp.on('data', (data) => ws.send(data));
    for (const side of [ws, tcp]) { side.on('close', end); side.on('error', end); }
  });
  const port = await listen(server);
  return { url: `wss://localhost:${port}/mqtt`, stop: () => { server.closeAllConnections(); server.close(); } };
}
