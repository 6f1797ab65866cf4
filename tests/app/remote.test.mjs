// SPDX-License-Identifier: Apache-2.0
// The app away from the farm: two brokers and no bridge. `baiye remote` writes the entry and the server's
// files; mosquitto runs with its configuration, accounts and access list, and a server of a few lines does
// what caddy does there: files, TLS, and /mqtt passed on.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { extname, join } from 'node:path';
import { before, test } from 'node:test';
import { running } from './lib/broker.mjs';
import { Garden, built, program } from './lib/garden.mjs';
import { pin, types } from './lib/host.mjs';
import { launch, phone, shot } from './lib/phone.mjs';
import { PATIENCE_MS, answers, freePort, until } from './lib/wait.mjs';

const limit = { timeout: 3 * PATIENCE_MS };
const lines = [{ name: 'net', type: 'tcp', units: [{ kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 }] }];
const plots = [{ name: 'upper', label: '上坡', devices: ['soil-1'] }];

/** caddy's work, by the folder that `baiye remote` wrote. */
function front(folder, certs, port, brokerPort) {
  const server = https.createServer({ cert: readFileSync(join(certs, 'server.pem')), key: readFileSync(join(certs, 'server.key')) },
    (request, response) => {
      const path = new URL(request.url, 'http://x').pathname;
      const name = join(folder, 'app', path.endsWith('/') ? `${path}index.html` : path);
      if (!existsSync(name) || !statSync(name).isFile()) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' });
      return createReadStream(name).pipe(response);
    });
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/mqtt') return socket.destroy();
    const broker = net.connect(brokerPort, '127.0.0.1');
    const heads = request.rawHeaders.reduce((all, part, i) => all + part + (i % 2 ? '\r\n' : ': '), '');
    broker.write(`${request.method} ${request.url} HTTP/1.1\r\n${heads}\r\n`);
    broker.write(head);
    socket.pipe(broker).pipe(socket);
    for (const side of [socket, broker]) side.on('error', () => { socket.destroy(); broker.destroy(); });
    return undefined;
  });
  return new Promise((r) => server.listen(port, '127.0.0.1', () => r(server)));
}

/** A farm, its server far away, and what `baiye remote` printed. Whatever fails, nothing stays. */
async function farm(requests, look) {
  const garden = new Garden(lines, plots, {}, true);
  let [broker, server] = [null, null];
  try {
    await garden.start();
    const [port, brokerPort] = [await freePort(), await freePort()];
    const argv = ['remote', `localhost:${port}`, '--requests', requests, '--ca', join(garden.certs, 'ca.pem'),
      '--config', join(garden.dir, 'baiyed.yaml'), '--socket', join(garden.dir, 'control.sock')];
    const run = (...more) => execFileSync(program('baiye'), [...argv, ...more], { encoding: 'utf8' });
    const told = run();
    const folder = join(garden.dir, 'remote');
    const conf = readFileSync(join(folder, 'mosquitto.conf'), 'utf8')
      .replace('listener 1883 ', `listener ${await freePort()} `).replace('listener 9001 ', `listener ${brokerPort} `)
      .replaceAll('/etc/mosquitto/', `${folder}/`);
    writeFileSync(join(garden.dir, 'far.conf'), `${conf}user root\n`);
    broker = spawn('mosquitto', ['-c', join(garden.dir, 'far.conf')], { stdio: 'ignore' });
    running.add(broker);
    await until('the far broker listens', () => answers(brokerPort));
    server = await front(folder, garden.certs, port, brokerPort);
    await look({ garden, folder, told, run, url: `https://localhost:${port}/` });
  } finally {
    server?.closeAllConnections();
    server?.close();
    broker?.kill('SIGTERM');
    running.delete(broker);
    await garden.stop();
  }
}

before(() => assert.ok(built(), 'baiyed and baiye-field are not built; BAIYE_BUILD says where they are'));

const away = (requests, look) => farm(requests, async (far) => {
  const browser = await launch([pin(join(far.garden.certs, 'server.pem'))]);
  try {
    const page = await phone(browser);
    const [code] = far.told.match(/https:\S+#\/same\/farmer\/\S+/);
    assert.ok(code.startsWith(far.url));
    await page.goto(code); // what the phone scanned
    await page.locator('.tile.live').waitFor();
    await look(page, far);
  } finally {
    await browser.close();
  }
});

const pick = async (page, far) => {
  await page.goto(`${far.url}#/pick`);
  await page.locator('.pickbutton').tap();
  await page.locator('input[name=weight]').fill('20');
  await page.locator('.pickform .primary').tap();
};

test('remote: one scan shows the farm from away, with charts; nothing can be changed from there', limit, () =>
  away('county', async (page, far) => {
    await shot(page, 'remote-home');
    await page.goto(`${far.url}#/plot/p:upper`);
    await page.locator('.chart[aria-busy=false] canvas').waitFor();
    await pick(page, far);
    await page.getByText('不能记录采摘').waitFor();
    await shot(page, 'remote-no-pick');
    const { audits } = await far.garden.ask('audits', { limit: 50 });
    assert.ok(!audits.some((a) => a.method === 'pick' && a.result === 'ok'));
    assert.deepEqual(page.problems, []);
  }));

test('remote: with the rights of the farm a pick is noted from away', limit, () =>
  away('farm', async (page, far) => {
    await pick(page, far);
    await page.getByText('已送达 ✓').waitFor();
    const { audits } = await far.garden.ask('audits', { limit: 50 });
    assert.ok(audits.some((a) => a.user === 'farmer' && a.method === 'pick' && a.result === 'ok'));
  }));

test('remote: again keeps the entry, passwords and the farm’s own; who left has no account', limit, () => farm('county', (far) => {
  const file = (name) => readFileSync(join(far.garden.dir, name), 'utf8');
  const [entry, passwords] = [file('baiyed.yaml'), file('remote/baiye.passwd')];
  assert.equal(entry.match(/name: remote/g).length, 1);
  assert.match(entry, /requests: county/);
  assert.doesNotMatch(far.run(), /#\/same\//);
  assert.equal(file('baiyed.yaml'), entry);
  assert.equal(file('remote/baiye.passwd'), passwords);
  assert.match(far.run('--new-password', 'farmer'), /#\/same\/farmer\//);
  const of = (text, name) => text.split('\n').find((l) => l.startsWith(`${name}:`));
  assert.notEqual(of(file('remote/baiye.passwd'), 'farmer'), of(passwords, 'farmer'));
  assert.equal(of(file('remote/baiye.passwd'), 'farm.gateway'), of(passwords, 'farm.gateway'));
  writeFileSync(join(far.garden.dir, 'users'), 'technician technician\nwall screen\n');
  far.run();
  assert.deepEqual(file('remote/baiye.passwd').trim().split('\n').map((l) => l.split(':')[0]).sort(), ['farm.gateway', 'technician']);
  assert.doesNotMatch(file('remote/baiye.acl'), /farmer|wall/);
  assert.match(file('remote/Caddyfile'), /reverse_proxy \/mqtt 127\.0\.0\.1:9001/);
  execFileSync('sh', ['-n', join(far.folder, 'install.sh')]);
}));
