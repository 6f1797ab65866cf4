// SPDX-License-Identifier: Apache-2.0
// The places the app lives in: served by the gateway over HTTPS with a certificate of `baiye cert`,
// installed and opened without network; and as files on any web space before somebody else's broker.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { users } from './lib/broker.mjs';
import { Garden, built } from './lib/garden.mjs';
import { fileHost, pin, wssBroker } from './lib/host.mjs';
import { axe, copied, launch, login, phone, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';
import { PATIENCE_MS } from './lib/wait.mjs';

const limit = { timeout: 3 * PATIENCE_MS };
let garden;
let browser;
before(async () => {
  assert.ok(built(), 'baiyed and baiye-field are not built; BAIYE_BUILD says where they are');
  const lines = [{ name: 'net', type: 'tcp', units: [{ kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 }] }];
  garden = await new Garden(lines, [{ name: 'upper', label: '上坡', devices: ['soil-1'] }], {}, true).start();
  browser = await launch([pin(join(garden.certs, 'server.pem'))]);
}, limit);
after(async () => {
  await browser?.close();
  await garden?.stop();
});

/** As a phone that took in the site's authority asks: chain and name are verified. */
const get = (path, headers = {}) => new Promise((resolve, reject) => {
  https.get(`${garden.url}${path}`, { ca: readFileSync(join(garden.certs, 'ca.pem')), headers }, (answer) => {
    let size = 0;
    answer.on('data', (d) => { size += d.length; });
    answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, size }));
  }).on('error', reject);
});

test('places: the gateway serves the app over HTTPS, packed, and kept where it never changes', limit, async () => {
  const page = await get('');
  assert.equal(page.status, 200);
  const html = readFileSync(new URL('../../gateway/app/dist/index.html', import.meta.url), 'utf8');
  const names = html.match(/assets\/index-[^"]+\.(js|css)/g);
  assert.equal(names.length, 2);
  let first = 0; // all that the first screen needs; pages that are opened later come later
  for (const name of ['', 'early.js', ...names]) {
    const packed = await get(name, { 'accept-encoding': 'gzip, deflate, br' });
    assert.equal(packed.headers['content-encoding'], 'gzip', name);
    if (name.startsWith('assets/')) assert.match(packed.headers['cache-control'], /immutable/);
    first += packed.size;
  }
  assert.ok(first < 58_000, `${first} bytes`); // 60 kB with the values themselves
  assert.equal((await get('early.js')).headers['cache-control'], 'no-cache');
});

test('places: over HTTPS it is installable, opens without network with the last values and their age', limit, async () => {
  const page = await phone(browser, { worker: true });
  await login(page, garden.url, 'farmer', true);
  await page.locator('.tile.live').waitFor();
  assert.equal(await page.evaluate(() => isSecureContext), true);
  const wrong = await page.context().newCDPSession(page).then((c) => c.send('Page.getInstallabilityErrors'));
  assert.deepEqual(wrong.installabilityErrors.filter((e) => e.errorId !== 'in-incognito'), []);
  await copied(page);
  await page.goto('about:blank'); // leaving the page writes the last values down
  await garden.stopGateway();
  await page.goto(garden.url);
  await page.locator('.tile.old').waitFor();
  assert.equal(await page.locator('.tile.live').count(), 0);
  assert.match(await page.locator('.tile .age').textContent(), /旧数据 · .*\d\d:\d\d/);
  await page.getByText('连不上主机').waitFor();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'places-https-offline');
  await garden.startGateway();
  await page.locator('.tile.live').waitFor();
  await page.goto(`${garden.url}#/more`);
  await page.getByText('没有网络时也能打开').waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('places: a gateway’s login asks for no server', limit, async () => {
  const page = await phone(browser);
  const asked = page.waitForResponse((r) => r.url().endsWith('/alive'));
  await page.goto(garden.url);
  await asked;
  await page.locator('button[type=submit]').waitFor();
  assert.equal(await page.locator('input[name=url]').count(), 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('places: as files on any web space it speaks to a broker of one’s own over wss', limit, async () => {
  const [cert, key] = [join(garden.certs, 'server.pem'), join(garden.certs, 'server.key')];
  const files = await fileHost(cert, key);
  const cloud = await wssBroker(cert, key, garden.broker.port);
  const page = await phone(browser);
  try {
    await page.goto(files.url);
    await page.locator('input[name=url]').fill(cloud.url); // asked for, because this host has none
    await page.locator('input[name=user]').fill('farmer');
    await page.locator('input[name=password]').fill(users.farmer);
    await page.locator('button[type=submit]').click();
    await page.locator('.tile.live').waitFor();
    await page.goto(`${files.url}#/plot/p:upper`);
    await page.locator('.chart[aria-busy=false] canvas').waitFor(); // history through the broker alone
    assert.equal(await page.locator('.wrong').count(), 0);
    await page.goto(`${files.url}?broker=${encodeURIComponent(cloud.url)}`);
    await login(page, page.url(), 'farmer');
    await page.locator('.tile.live').waitFor();
  } finally {
    await page.context().close();
    files.stop();
    cloud.stop();
  }
});

test('places: an alert that one phone acknowledges is acknowledged on the other', limit, async () => {
  const other = await new Garden(
    [{ name: 'net', type: 'tcp', units: [{ kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 }] }],
    [{ name: 'upper', label: '上坡', devices: ['soil-1'] }],
    { alerts: [{ name: 'warm', label: '太热了', metric: 'soil_temperature', above: -60, clear: -70, level: 'alarm' }] },
  ).start();
  const phones = [];
  try {
    for (const user of ['farmer', 'technician']) {
      const page = await phone(browser);
      phones.push(page);
      await login(page, other.url, user);
      await page.locator('.banner').waitFor();
      await page.goto(`${other.url}#/alerts`);
      await page.locator('.alert', { hasText: '太热了' }).waitFor();
    }
    const [farmer, technician] = phones;
    await farmer.locator('.alert', { hasText: '太热了' }).getByRole('button').tap();
    await technician.getByText(/farmer 已确认 ✓ \d\d:\d\d/).waitFor();
    await technician.goto(`${other.url}#/`);
    await technician.locator('.banner.seen').waitFor(); // it still holds: a grey strip, and no alarm
    assert.equal(await technician.locator('[role=alert].banner').count(), 0);
    await technician.reload();
    await login(technician, other.url, 'technician');
    await technician.goto(`${other.url}#/alerts`);
    await technician.getByText('farmer 已确认 ✓').waitFor(); // kept by the broker, not by the phone
  } finally {
    for (const page of phones) await page.context().close();
    await other.stop();
  }
});

test('places: a pick whose answer is lost between the broker and the phone is stored once', limit, async () => {
  const { Bridge } = await import('./lib/bridge.mjs');
  const bridge = await new Bridge(garden.broker.port).start();
  const watcher = new Publisher(garden.broker.port);
  const asked = [];
  watcher.request = (p) => asked.push(JSON.parse(p.utf8()).id);
  const page = await phone(browser);
  try {
    // The gateway's own user hears what is asked, beside the gateway.
    await watcher.start();
    await login(page, bridge.url);
    await page.locator('.tile.live').waitFor();
    let once = true;
    bridge.lastWord = (data) => {
      if (!once || !data.includes('/rpc/farmer/pick') || data.includes('/rpc/farmer/picks')) return false;
      once = false;
      return true;
    };
    await page.goto(`${bridge.url}#/pick`);
    await page.locator('.pickbutton').tap();
    await page.locator('input[name=weight]').fill('15');
    await page.locator('.pickform .primary').tap();
    await page.getByText('有网络时自动发送').waitFor();
    await page.getByText('已送达 ✓').waitFor();
    const ids = asked.filter((id) => typeof id === 'string');
    assert.ok(ids.length >= 2, 'said again, because nobody answered the first time');
    assert.equal(new Set(ids).size, 1, 'with the same id');
    const { audits } = await garden.ask('audits', { limit: 50 });
    assert.ok(audits.filter((a) => a.method === 'pick' && a.result === 'ok').length >= 1);
    await garden.stopGateway(); // it alone may open its file while it runs
    const stored = garden.rows('select kg, pickers from pick');
    assert.deepEqual(stored.map((r) => r.kg), [7.5]);
  } finally {
    await page.context().close();
    await watcher.stop();
    await bridge.stop();
  }
});
