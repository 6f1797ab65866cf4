// SPDX-License-Identifier: Apache-2.0
// Nothing old looks live: clocks that are wrong, links that break, gateways that go, messages that
// come late. The publisher speaks for the gateway.
import assert from 'node:assert/strict';
import { copied, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

/** The phone's clock is wrong by so much. */
function lie(page, ms) {
  return page.addInitScript((off) => {
    const Real = Date;
    window.Date = class extends Real {
      constructor(...args) {
        if (args.length > 0) super(...args);
        else super(Real.now() + off + (window.leap ?? 0));
      }
      static now() { return Real.now() + off + (window.leap ?? 0); }
    };
  }, ms);
}

const tile = (page, label) => page.locator('.tile', { hasText: label });

for (const [name, ms] of [['three years fast', 3 * 365 * 86400e3], ['three years slow', -3 * 365 * 86400e3], ['two hours slow', -7200e3]]) {
  test(`truth: a phone clock ${name} changes no age`, async () => {
    await s.gateway.garden(2);
    await s.gateway.put('dev/node-2/live', s.gateway.live(3 * 3600e3));
    await s.gateway.put('plot/creek/live', s.gateway.live(3 * 3600e3));
    const page = await s.phone();
    await lie(page, ms);
    await login(page, s.bridge.url);
    await page.locator('.tile.live', { hasText: '上坡' }).waitFor();
    assert.equal(await tile(page, '上坡').locator('.age').textContent(), '刚刚');
    await page.locator('.tile.old', { hasText: '溪边' }).waitFor();
    assert.match(await tile(page, '溪边').locator('.age').textContent(), /3 小时前/);
    await page.locator('.head .note').waitFor(); // and says so
  });
}

test('truth: the phone’s clock being set while the page is open changes no age', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await lie(page, 0);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  await page.evaluate(() => { window.leap = -86400e3 * 40; document.dispatchEvent(new Event('visibilitychange')); });
  await s.gateway.put('dev/node-1/live', s.gateway.live(0, { air_temperature: 25 }));
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: 25 }));
  await page.locator('.tile .value', { hasText: '25.0' }).waitFor();
  await page.locator('.tile.live').waitFor();
});

test('truth: a value without a newer one becomes old after two and a half periods', async () => {
  await s.gateway.garden(1);
  const nearly = { ...s.gateway.live(1900), every_s: 1 };
  await s.gateway.put('dev/node-1/live', nearly);
  await s.gateway.put('plot/upper/live', nearly);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.old').waitFor();
  assert.match(await page.locator('.tile.old .value').first().textContent(), /18\.2/);
  await page.locator('.state', { hasText: '1 台设备中有 1 台没有新数据' }).waitFor();
});

test('truth: a late message never replaces a newer one', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  for (const [ageMs, value] of [[0, 21.5], [60e3, 3.3]]) {
    await s.gateway.put('plot/upper/live', s.gateway.live(ageMs, { air_temperature: value }));
    await s.gateway.put('dev/node-1/live', s.gateway.live(ageMs, { air_temperature: value }));
  }
  await s.gateway.put('alert/mark', s.gateway.alert('标记')); // what came before it has been drawn
  await page.getByText('标记').waitFor();
  assert.match(await page.locator('[data-metric=air_temperature] .value').textContent(), /21\.5/);
});

test('truth: everything is old while the gateway is offline, and fresh again after', async () => {
  await s.gateway.garden(3);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').nth(2).waitFor();
  await s.gateway.put('gateway/status', 'offline');
  await page.locator('.tile.old').nth(2).waitFor();
  assert.equal(await page.locator('.tile.live').count(), 0);
  assert.match(await page.locator('.state').textContent(), /断开.*主机离线/);
  await shot(page, 'truth-gateway-offline');
  await s.gateway.online();
  await page.locator('.tile.live').nth(2).waitFor();
});

test('truth: the broker cut off and back', async () => {
  await s.gateway.garden(2);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').nth(1).waitFor();
  await s.broker.halt();
  await page.getByText('主机在，但数据来不了').waitFor();
  await s.broker.run();
  await s.gateway.stop();
  await s.gateway.start();
  await s.gateway.garden(2);
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: 24.4 }));
  await page.locator('.tile .value', { hasText: '24.4' }).waitFor();
  await page.locator('.mood-ok').waitFor();
});

test('truth: a link that is dead without being closed is found', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  for (const { tcp } of s.bridge.pairs) tcp.pause(); // answers stop, the socket stays open
  s.bridge.open = false; // no new one until it was seen that this one is dead
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await page.locator('.mood-bad').waitFor();
  s.bridge.open = true;
  await page.locator('.mood-ok').waitFor();
});

test('truth: an alert that ended while the phone was away is gone', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/frost', s.gateway.alert('霜冻一'));
  await s.gateway.put('alert/wind', s.gateway.alert('大风二'));
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.goto(`${s.bridge.url}#/alerts`);
  await page.getByText('霜冻一').waitFor();
  s.bridge.cut(false);
  await s.gateway.put('alert/frost', '');
  s.bridge.open = true;
  await page.getByText('霜冻一').waitFor({ state: 'detached' });
  assert.equal(await page.getByText('大风二').count(), 1);
});

test('truth: opens without any network, with the last values, dated and grey', async () => {
  await s.gateway.garden(3);
  await s.gateway.put('forecast', s.gateway.forecast());
  const page = await s.phone({ worker: true });
  await login(page, s.bridge.url, 'farmer', true);
  await page.locator('.tile.live').nth(2).waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await copied(page);
  const url = s.bridge.url;
  await page.goto('about:blank'); // leaving the page writes the last values down
  const port = s.bridge.port;
  await s.bridge.stop();
  await page.goto(url);
  await page.locator('.tile.old').nth(2).waitFor();
  assert.equal(await page.locator('.tile.live').count(), 0);
  assert.match(await page.locator('.tile .value').first().textContent(), /18\.2/);
  assert.match(await page.locator('.tile .age').first().textContent(), /旧数据 · .*\d\d:\d\d/);
  await page.getByText('连不上主机').waitFor();
  await page.goto(`${url}#/pick`);
  await page.locator('.pickbutton').waitFor();
  await shot(page, 'truth-opened-offline');
  await s.bridge.start(port);
  await page.goto(`${url}#/`);
  await page.locator('.tile.live').nth(2).waitFor();
});

test('truth: who did not ask to be remembered leaves nothing on the phone', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  await page.goto('about:blank');
  await page.goto(s.bridge.url);
  await page.locator('input[name=password]').waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.ok(!kept.includes('tea-leaf') && !kept.includes('farmer') && !kept.includes('air_temperature'), kept);
});

for (const n of [0, 1, 60]) {
  test(`truth: a garden of ${n} devices`, async () => {
    await s.gateway.garden(n);
    const page = await s.phone({ size: 'small' });
    await login(page, s.bridge.url);
    if (n === 0) await page.getByText('还没有设备').waitFor();
    else await page.getByText(`${n} 台设备正常`).waitFor();
    await until('every tile', async () => (await page.locator('.tile').count()) === n);
    await page.goto(`${s.bridge.url}#/devices`);
    await page.locator(n === 0 ? '.empty' : '.devices .card').first().waitFor();
    assert.equal(await page.locator('.devices .card').count(), n);
    await page.goto(`${s.bridge.url}#/pick`);
    await page.locator(n === 0 ? '.empty' : '.pickbutton').waitFor();
    assert.deepEqual(page.problems, []);
  });
}
