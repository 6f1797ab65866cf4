// SPDX-License-Identifier: Apache-2.0
// What comes over the wire is hostile: names that are scripts, payloads of wrong shapes and sizes,
// users without the right, answers that nobody asked for.
import assert from 'node:assert/strict';
import { login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { users } from './lib/broker.mjs';

const s = stage();
const { test } = s;

const nasty = [
  '<img src=x onerror="window.pwned=1">', '<script>window.pwned=1</script>', '"><svg onload=window.pwned=1>',
  'javascript:window.pwned=1', '{{constructor.constructor("window.pwned=1")()}}', '\u202eabc\u0000<b>',
  "'; DROP TABLE x; --", '=cmd|calc', '__proto__', '{0}{1}',
];

test('hostile: scripts in labels, alerts and forecasts stay text on every page', async () => {
  const plots = nasty.map((label, i) => ({ name: `p-${i}`, label, devices: [`d-${i}`] }));
  const site = { ...s.gateway.site(plots), label: nasty[0], metrics: { 'x<y': { unit: nasty[1] }, soil_ph: { unit: nasty[0] } } };
  site.devices = plots.map((p, i) => ({ name: `d-${i}`, label: nasty[i], profile: nasty[1] }));
  await s.gateway.online();
  await s.gateway.put('site', site);
  for (const [i] of plots.entries()) {
    const live = s.gateway.live(1000, { soil_ph: 5.1, [nasty[0]]: 3 }, { air_humidity: nasty[1] });
    await s.gateway.put(`plot/p-${i}/live`, live);
    await s.gateway.put(`dev/d-${i}/live`, live);
    await s.gateway.put(`dev/d-${i}/health`, { online: true, hint: nasty[i], firmware: nasty[0], [nasty[1]]: 5 });
    await s.gateway.put(`alert/a-${i}`, { level: nasty[i], what: nasty[i], where: nasty[0], since: s.gateway.now(), todo: nasty[1] });
  }
  const f = s.gateway.forecast(['p-0']);
  f.plots['p-0'].why = nasty[0];
  f.frost.why = nasty[1];
  f.frost.level = nasty[0];
  f.disease = [{ name: nasty[0], level: nasty[1], why: nasty[2] }];
  await s.gateway.put('forecast', f);
  await s.gateway.put('led/preview', '<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=1"/>');
  s.gateway.answers.ack = () => ({ error: { code: nasty[0], message: nasty[0], hint: nasty[1] } });
  const page = await s.phone();
  await page.addInitScript(() => { window.pwned = 0; });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').nth(nasty.length - 1).waitFor();
  for (const hash of ['', 'plot/p:p-0', 'pick/p-0', 'alerts', 'devices', 'led', 'more', 'plot/%3Cimg%20src=x%20onerror=window.pwned=1%3E', 'constructor']) {
    await page.goto(`${s.bridge.url}#/${hash}`);
    await page.locator('main').waitFor();
    if (hash === 'alerts') {
      await page.locator('.alert button').first().click();
      await page.locator('.wrong').waitFor();
    }
    if (hash === 'led') await page.locator('.wrong').waitFor();
    const found = await page.evaluate(() => ({
      pwned: window.pwned,
      strange: document.querySelectorAll('main script, main img[src=x], main svg[onload], main b[onclick], main iframe').length,
    }));
    assert.deepEqual(found, { pwned: 0, strange: 0 }, hash);
  }
  await page.goto(`${s.bridge.url}#/`);
  await page.getByText('<script>window.pwned=1</script>').first().waitFor(); // shown as what it is
  await shot(page, 'hostile-home', true);
  assert.deepEqual(page.problems, []);
});

test('hostile: payloads of wrong shapes change nothing', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  const bad = ['', '{', 'null', '[]', '5', '"x"', '{"ts":null}', '{"ts":1e300,"values":{"air_temperature":1}}',
    '{"ts":"soon","values":[]}', `{"ts":${s.gateway.now() + 9e9},"every_s":60,"values":{"air_temperature":99},"flags":{}}`,
    '{"ts":1795293274123,"every_s":-5,"values":{"air_temperature":"NaN"},"flags":7}', '['.repeat(5000), new Uint8Array([0xff, 0xfe, 0])];
  for (const payload of bad) {
    for (const topic of ['site', 'forecast', 'dev/node-9/live', 'plot/upper/live', 'dev/node-1/health', 'led/preview']) {
      await s.gateway.put(topic, payload, false);
    }
  }
  await s.gateway.put('dev/node-9/live', `{"ts":${s.gateway.now()},"values":{"air_temperature":${'9'.repeat(400)}}}`, false);
  await s.gateway.put('alert/mark', s.gateway.alert('标记'));
  await page.getByText('标记').waitFor();
  await page.locator('.tile.live', { hasText: '上坡' }).waitFor();
  assert.match(await page.locator('.tile', { hasText: '上坡' }).locator('.value').first().textContent(), /18\.2/);
  assert.equal(await page.locator('.tile').count(), 1);
  assert.deepEqual(page.problems, []);
});

test('hostile: a flood of devices, alerts and a 600 kB payload leaves a page that works', async () => {
  await s.gateway.garden(1);
  for (let i = 0; i < 700; i += 1) await s.gateway.put(`alert/flood-${i}`, s.gateway.alert(`洪水 ${i}`), false);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  for (let i = 0; i < 700; i += 1) await s.gateway.put(`alert/flood-${i}`, s.gateway.alert(`洪水 ${i}`), false);
  await s.gateway.put('forecast', `{"ts":${s.gateway.now()},"x":"${'y'.repeat(600 * 1024)}"}`, false);
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: 26.5 }));
  await page.locator('.tile .value', { hasText: '26.5' }).first().waitFor();
  assert.ok((await page.locator('.badge').textContent()).match(/^\d{1,3}$/));
});

test('hostile: very long names are cut, nothing leaves the screen', async () => {
  const long = '很长的地块名字'.repeat(40);
  const unbroken = 'W'.repeat(300);
  await s.gateway.online();
  await s.gateway.put('site', { ...s.gateway.site([
    { name: 'a', label: long, devices: ['d-1'] }, { name: 'b', label: unbroken, devices: ['d-2'] },
  ]), label: unbroken });
  for (const [p, d] of [['a', 'd-1'], ['b', 'd-2']]) {
    await s.gateway.put(`plot/${p}/live`, s.gateway.live(0, { air_temperature: -39.99, soil_conductivity: 19999.9, illuminance: 1234567 }));
    await s.gateway.put(`dev/${d}/live`, s.gateway.live(0));
  }
  await s.gateway.put('alert/x', s.gateway.alert(unbroken, { where: long, todo: long }));
  const f = s.gateway.forecast(['a', 'b']);
  f.plots.a.why = long;
  await s.gateway.put('forecast', f);
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').nth(1).waitFor();
  for (const hash of ['', 'plot/p:b', 'pick/b', 'alerts', 'devices', 'more']) {
    await page.goto(`${s.bridge.url}#/${hash}`);
    await page.locator('main h1').waitFor();
    const over = await page.evaluate(() => {
      const box = document.querySelector('.scroll');
      return Math.max(box.scrollWidth - box.clientWidth, document.body.scrollWidth - innerWidth);
    });
    assert.ok(over <= 0, `${hash}: ${over} px too wide`);
    if (hash === '' || hash === 'plot/p:b') await shot(page, `hostile-long-${hash ? 'plot' : 'home'}`, true);
  }
});

test('hostile: a wrong password is refused, and said so; nothing is kept', async () => {
  const page = await s.phone();
  await login(page, s.bridge.url, 'nobody', true);
  await page.getByText('用户名或密码不对').waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem('baiye.login')), null);
  await page.locator('input[name=user]').fill('a/b#');
  await page.locator('input[name=password]').fill('x');
  await page.locator('button[type=submit]').click();
  await page.getByText('不能有 / + #').waitFor();
});

test('hostile: who may not ask is told so by the broker, not by the page', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/frost', s.gateway.alert());
  const page = await s.phone();
  await login(page, s.bridge.url, 'guest');
  await page.goto(`${s.bridge.url}#/alerts`);
  await page.locator('.alert button').click();
  await page.getByText('没有权限').waitFor();
  assert.deepEqual(s.gateway.asked.filter((a) => a.method === 'ack'), []);
  await page.goto(`${s.bridge.url}#/pick`);
  await page.locator('.pickbutton').click();
  await page.locator('.pickform .primary').click();
  await page.getByText('不能记录采摘').waitFor();
});

test('hostile: one user reads nothing of another’s answers', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  // A forged answer on the right topic with a number that nobody waits for.
  await s.gateway.client.pub({ topic: 'baiye/baiye-1/answer/farmer/x', payload: '{"ts":1}', qos: 1 });
  const { Publisher } = await import('./lib/publisher.mjs');
  assert.ok(users.technician);
  const spy = new Publisher(s.broker.port);
  spy.user = 'technician';
  await spy.start();
  const heard = [];
  spy.request = (p) => heard.push(p.topic);
  await spy.client.subscribe({ topics: ['baiye/baiye-1/answer/#', 'baiye/baiye-1/rpc/#'] });
  await page.goto(`${s.bridge.url}#/plot/p:upper`);
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  assert.ok(s.gateway.asked.some((a) => a.method === 'history' && a.user === 'farmer'));
  assert.deepEqual(heard, []);
  await spy.stop();
});
