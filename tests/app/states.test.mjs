// SPDX-License-Identifier: Apache-2.0
// What the app says when something is missing: what it is, and what to do. The publisher speaks for
// the gateway.
import assert from 'node:assert/strict';
import { copied, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

const open = async (options, keep = false) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url, 'farmer', keep);
  await page.locator('.tile.live').first().waitFor();
  return page;
};
const state = (page, text) => page.locator('.state', { hasText: text });

test('states: no network, no gateway, no broker: each says so, and where to look', async () => {
  await s.gateway.garden(2);
  const page = await open();
  const { port } = s.bridge;
  await s.broker.halt();
  await state(page, '主机在，但数据来不了').waitFor();
  await page.locator('.help', { hasText: '技术员' }).waitFor();
  await s.bridge.stop();
  await state(page, '连不上主机').waitFor();
  await page.locator('.help', { hasText: '主机通电了吗' }).waitFor();
  await shot(page, 'states-no-gateway');
  await page.context().setOffline(true);
  await state(page, '没有网络').waitFor();
  await page.locator('.help', { hasText: '手机流量' }).waitFor();
  assert.match(await page.locator('.state .last').textContent(), /显示的是 .*\d\d:\d\d 的数据/);
  await page.context().setOffline(false);
  await s.broker.run();
  await s.bridge.start(port);
  await page.locator('.state', { hasText: '显示的是' }).waitFor({ state: 'detached' });
  assert.equal(await page.locator('.help', { hasText: '手机流量' }).count(), 0);
});

test('states: trying again is no news: what is said stays said', async () => {
  await s.gateway.garden(1);
  const page = await open();
  await s.broker.halt();
  await state(page, '主机在，但数据来不了').waitFor();
  await page.evaluate(() => {
    window.said = new Set();
    const note = () => window.said.add(document.querySelector('[role=status]').textContent);
    new MutationObserver(note).observe(document.querySelector('.head'), { subtree: true, childList: true, characterData: true });
    note();
  });
  const tries = [];
  page.on('websocket', (socket) => tries.push(socket));
  await until('three tries more', () => tries.length >= 3);
  assert.deepEqual(await page.evaluate(() => [...window.said]), ['断开 主机在，但数据来不了']);
});

test('states: the devices without new data are named, one tap from their page', async () => {
  await s.gateway.garden(5);
  const page = await open();
  const lapse = (n) => s.gateway.put(`dev/node-${n}/live`, { ...s.gateway.live(1000), every_s: 0.1 });
  await lapse(2);
  await state(page, '5 台设备中有 1 台没有新数据').waitFor();
  await page.locator('.help', { hasText: 'node-2' }).waitFor();
  for (const n of [1, 3, 4]) await lapse(n);
  await state(page, '5 台设备中有 4 台没有新数据').waitFor();
  assert.equal(await page.locator('.help').textContent(), 'node-1、node-2、node-3等，另有 1 台 ›');
  await page.locator('.help a').tap();
  await page.locator('.devices .card').first().waitFor();
});

test('states: without an estimate the first screen says so, with what was picked the day before', async () => {
  await s.gateway.garden(2);
  const page = await open({ size: 'small' }, true);
  await page.locator('.tomorrow').getByText('暂无估计').waitFor();
  await page.locator('.tomorrow a').tap();
  await page.locator('.pickbutton').tap();
  await page.locator('input[name=weight]').fill('24');
  await page.locator('input[name=pickers]').fill('4');
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存').waitFor();
  s.gateway.ahead = 86400e3; // a day goes by
  await s.gateway.garden(2);
  await page.goto(`${s.bridge.url}#/`);
  await page.reload();
  await page.locator('.tomorrow').getByText(/\d\d-\d\d 采了 24 斤，4 人/).waitFor();
  const box = await page.locator('.tomorrow').boundingBox();
  assert.ok(box.y + box.height <= 640, 'seen without scrolling');
  await shot(page, 'states-no-estimate');
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  await page.locator('.tomorrow').getByText('12–24').waitFor();
  assert.equal(await page.getByText('暂无估计').count(), 0);
});

test('states: last night’s frost is not shown as tonight’s', async () => {
  await s.gateway.garden(1);
  const forecast = s.gateway.forecast(['upper']);
  await s.gateway.put('forecast', { ...forecast, frost: { ...forecast.frost, at: s.gateway.now() - 6 * 3600e3 } });
  const page = await open();
  await page.locator('.frost.old').waitFor();
  await s.gateway.put('forecast', forecast);
  await page.locator('.frost.level-watch').waitFor();
});

test('states: "no alerts" is said only by who would hear of one', async () => {
  await s.gateway.garden(1);
  const page = await open();
  await page.goto(`${s.bridge.url}#/alerts`);
  await page.getByText('没有告警').waitFor();
  await s.gateway.put('gateway/status', 'offline');
  await page.getByText('新的告警收不到').waitFor();
  assert.equal(await page.getByText('没有告警').count(), 0);
  await s.gateway.online();
  await page.getByText('没有告警').waitFor();
  s.bridge.cut(false);
  await page.getByText('新的告警收不到').waitFor();
  assert.equal(await page.getByText('没有告警').count(), 0);
});

test('states: a line that is dead is no plot, though it has a plot’s name', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/line-upper', s.gateway.alert('none answers', { level: 'watch', where: 'upper' }));
  const page = await open();
  await page.locator('.banner', { hasText: '总线 upper' }).waitFor();
  assert.ok(!(await page.locator('.banner').textContent()).includes('上坡'));
});

test('states: of several alerts the banner tells the worst', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/a', s.gateway.alert('风大', { level: 'watch' }));
  await s.gateway.put('alert/b', s.gateway.alert('霜冻', { level: 'alarm' }));
  const page = await open();
  await page.locator('.banner', { hasText: '霜冻' }).waitFor();
  assert.match(await page.locator('.banner').textContent(), /警报.*2 条.*霜冻/);
});

test('states: an alert is told in the page’s language, with its place as people call it', async () => {
  await s.gateway.garden(1);
  const silent = s.gateway.alert('no answer, no new data', { level: 'watch', where: 'node-1', todo: 'check its power',
    zh: { what: '没有应答，没有新数据', todo: '检查它的供电' } });
  await s.gateway.put('alert/silent-node-1', silent);
  for (const [lang, words] of [['zh-CN', ['上坡 · node-1', '没有应答', '检查它的供电']],
    ['en-GB', ['上坡 · node-1', 'no answer', 'check its power']]]) {
    const page = await open({ lang });
    await page.locator('.banner', { hasText: words[1] }).getByRole('link').tap();
    for (const word of words) await page.locator('.alert', { hasText: word }).waitFor();
    assert.equal(await page.locator('.alert', { hasText: lang === 'zh-CN' ? 'no answer' : '没有应答' }).count(), 0);
  }
});

test('states: every page has its own name, and the focus goes with the page', async () => {
  await s.gateway.garden(1);
  const page = await open();
  await until('the name of the first page', async () => (await page.title()) === '白叶茶园 · 白叶');
  await page.locator('.tile').focus();
  await page.keyboard.press('Enter');
  await page.locator('.chart').waitFor();
  await until('the page has the focus', () => page.evaluate(() => document.activeElement.tagName === 'MAIN'));
  await until('its name', async () => (await page.title()) === '上坡 · 白叶');
  await page.keyboard.press('Tab'); // into the page, not through what is no more
  assert.equal(await page.evaluate(() => document.activeElement.closest('main') !== null), true);
});

test('states: the app on the phone leaves the gateway’s other addresses alone', async () => {
  await s.gateway.garden(1);
  const page = await s.phone({ worker: true });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').waitFor();
  await copied(page);
  const other = await page.goto(`${s.bridge.url}sw.js`); // the one that is not copied itself
  assert.match(other.headers()['content-type'], /javascript/);
  assert.equal((await page.goto(`${s.bridge.url}?broker=ws://x/mqtt`)).fromServiceWorker(), true);
});

test('states: a newer app is taken between two pages, with nobody logged out', async () => {
  await s.gateway.garden(1);
  const page = await s.phone({ worker: true });
  await login(page, s.bridge.url, 'farmer', true);
  await page.locator('.tile.live').waitFor();
  await copied(page);
  await page.reload();
  await page.locator('.tile.live').waitFor();
  let loads = 0;
  page.on('load', () => { loads += 1; });
  s.bridge.renewed = true;
  await page.evaluate(async () => {
    const { serviceWorker } = navigator;
    const taken = new Promise((r) => { serviceWorker.addEventListener('controllerchange', r, { once: true }); });
    await (await serviceWorker.getRegistration()).update();
    await taken;
  });
  assert.equal(loads, 0, 'whoever reads a page goes on reading it');
  await page.goto(`${s.bridge.url}#/more`);
  await until('the page is loaded anew', () => loads === 1);
  await page.locator('.more').waitFor();
  assert.equal(await page.locator('input[name=password]').count(), 0);
});
