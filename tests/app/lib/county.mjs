// SPDX-License-Identifier: Apache-2.0
// baiye-county as its page sees it: the built files under the policy that the program sends, and answers
// that a test gives. What the program itself answers is held against PostgreSQL in tests/county.
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';
import { root } from './deps.mjs';

const folder = join(root, 'gateway/app/dist-county');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const [, lines] = /#define POLICY\s+\\\n((?:.*\\\n)*.*)\n/.exec(readFileSync(join(root, 'gateway/county/page.c'), 'utf8'));
export const policy = [...lines.matchAll(/"([^"]*)"/g)].map((m) => m[1]).join('');

export const NOW = Date.UTC(2027, 3, 2, 1, 30); // 2 April, 9:30 in China
const HOUR = 3600e3;

export const garden = (site, more = {}) => ({ site, region: '北乡', label: null, lat: null, lon: null, seen: NOW - 4 * 60e3,
  version: '0.1.0', month_bytes: 5_250_000, backlog: 12, holes: 0, gone: 0, aside: 0, alarms: 0, watches: 0, seen_by: null, operator: true, ...more });

export const detail = (g, more = {}) => ({ ...g, now: NOW, timezone: 'Asia/Shanghai', gw: '01234567-89ab-cdef-0123-456789abcdef',
  devices: [{ name: 'plot-1', label: '上坡' }], alerts: [], firmware: [{ version: '0.2.0', state: 'done' }], measured: [['plot-1', 'air_temperature'], ['plot-1', 'rainfall']], ...more });

export function hours(count = 168) {
  const t = Array.from({ length: count }, (_, i) => NOW - (NOW % HOUR) - (count - 1 - i) * HOUR).filter((_, i) => i < 60 || i > 70);
  const mean = t.map((at) => 12 + 6 * Math.sin((at / 86400e3) * 2 * Math.PI));
  return { unit: '°C', kind: 'mean', t, n: t.map(() => 60), mean, min: mean.map((x) => x - 1), max: mean.map((x) => x + 1) };
}

/** `answers`: by path behind /county/, a value or a function of the URL; a number is a status. */
export class CountyHost {
  constructor(answers) {
    this.answers = answers;
    this.asked = [];
  }

  async start() {
    this.server = http.createServer((request, response) => this.serve(request, response));
    const port = await new Promise((r) => this.server.listen(0, '127.0.0.1', () => r(this.server.address().port)));
    this.url = `http://127.0.0.1:${port}/`;
    return this;
  }

  serve(request, response) {
    const url = new URL(request.url, 'http://x');
    const head = { 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff' };
    if (url.pathname.startsWith('/county/')) {
      const name = url.pathname.slice(8);
      this.asked.push(`${request.method} ${name}${url.search}`);
      const found = this.answers[name];
      const answer = typeof found === 'function' ? found(url) : found;
      if (answer === undefined || typeof answer === 'number') return response.writeHead(answer ?? 404, { ...head, 'Retry-After': '7' }).end('{}');
      return response.writeHead(200, { ...head, 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    }
    const name = join(folder, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
    if (!existsSync(name)) return response.writeHead(404, head).end('no');
    return response.writeHead(200, { ...head, 'Content-Type': types[extname(name)] ?? 'application/octet-stream' }).end(readFileSync(name));
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
