// SPDX-License-Identifier: Apache-2.0
// The first screen: how each plot's day was, which plot is the coldest and which was in the night
// without a tap, and a garden of sixty plots in lines.
import assert from 'node:assert/strict';
import { Bridge } from './lib/bridge.mjs';
import { Broker } from './lib/broker.mjs';
import { axe, login, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

const open = async (options) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  return page;
};
const labels = (page) => page.locator('.tile h2').allTextContents();

/** Hours of a plot as the gateway has them: `low` at three in the morning of today, 9 °C all else. */
function hoursWith(lows) {
  s.gateway.answers.history = (p) => {
    const out = { t: [], n: [], min: [], mean: [], max: [], next: null };
    for (let t = Math.ceil(p.from / 3600e3) * 3600e3; t < p.to; t += 3600e3) {
      const hour = new Date(t + 8 * 3600e3).getUTCHours();
      const v = hour === 3 ? lows[p.plot] : 9;
      out.t.push(t);
      out.n.push(60);
      out.min.push(v);
      out.mean.push(v + 0.4);
      out.max.push(hour === 13 ? 21.5 : v + 1);
    }
    return out;
  };
}
/** So that it is half past two in the afternoon of the garden's day, whatever the hour is. */
function afternoon() {
  const local = (Date.now() + 8 * 3600e3) % 86400e3;
  s.gateway.ahead = 14.5 * 3600e3 - local;
}

test('home: the coldest plot and last night’s lowest stand there without a tap', async () => {
  afternoon();
  hoursWith({ upper: 1.2, creek: -0.6, old: 3 });
  await s.gateway.garden(3);
  const page = await open({ size: 'small' });
  await page.locator('.coldest', { hasText: '昨夜最低：溪边 −0.6 °C' }).waitFor();
  assert.match(await page.locator('.coldest').textContent(), /现在最冷：老茶园 14\.8\s°C/);
  const top = await page.locator('.coldest').boundingBox();
  assert.ok(top.y + top.height < 640, 'on the first screen');
});

test('home: a tile shows its day as a line, today’s lowest and highest, and the night’s', async () => {
  afternoon();
  hoursWith({ upper: 1.2, creek: 2 });
  await s.gateway.garden(2);
  const page = await open({ size: 'small' });
  const tile = page.locator('.tile', { hasText: '上坡' });
  await tile.locator('.dayline').waitFor();
  assert.match(await tile.locator('.dayline').textContent(), /今天 ↓1\.2 ↑21\.5昨夜最低 1\.2/);
  const points = (await tile.locator('.spark path').getAttribute('d')).split(/[ML]/).length - 1;
  assert.equal(points, 24);
  // A colder value that arrives now is the day's lowest, and no longer the night's.
  await s.gateway.put('dev/node-1/live', s.gateway.live(0, { air_temperature: 0.3 }));
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: 0.3 }));
  await until('the live value counts', async () => /↓0\.3.*昨夜最低 1\.2/.test(await tile.locator('.dayline').textContent()));
  assert.deepEqual(await axe(page), []);
  await shot(page, 'home-tiles', true);
});

test('home: sixty plots are a line each, the worst first, and ordered by what is asked for', async () => {
  afternoon();
  hoursWith(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`plot-${i + 1}`, i])));
  await s.gateway.garden(60);
  const odd = async (device, plot, values) => {
    await s.gateway.put(`dev/${device}/live`, s.gateway.live(0, values));
    await s.gateway.put(`plot/${plot}/live`, s.gateway.live(0, values));
  };
  await odd('node-30', 'plot-30', { air_temperature: 1.1, soil_moisture: 30 });
  await odd('node-40', 'plot-40', { air_temperature: 20, soil_moisture: 8 });
  const page = await open({ size: 'small' });
  await until('all of them', async () => (await page.locator('.tile').count()) === 60);
  await until('the worst first', async () => (await labels(page)).slice(0, 2).join() === '地块 30,地块 40');
  const high = await page.locator('.tile').evaluateAll((all) => Math.max(...all.map((e) => e.getBoundingClientRect().height)));
  assert.ok(high <= 60, `a line of ${high} px`);
  await page.setViewportSize({ width: 320, height: 640 });
  const narrow = await page.locator('.tile').evaluateAll((all) => Math.max(...all.map((e) => e.getBoundingClientRect().height)));
  assert.ok(narrow <= 60, `a line of ${narrow} px on 320 px`);
  await page.setViewportSize({ width: 360, height: 640 });
  const screens = await page.locator('.scroll').evaluate((e) => e.scrollHeight / e.clientHeight);
  assert.ok(screens < 7, `${screens.toFixed(1)} screens`);
  await page.getByRole('button', { name: '最干' }).tap();
  await until('the driest first', async () => (await labels(page))[0] === '地块 40');
  await page.getByRole('button', { name: '最冷' }).tap();
  await until('the coldest first', async () => (await labels(page))[0] === '地块 30');
  await page.getByRole('button', { name: '名称' }).tap();
  await until('by name', async () => { const all = await labels(page); return all.indexOf('地块 9') + 1 === all.indexOf('地块 10'); });
  const nights = s.gateway.asked.filter((a) => a.method === 'history').map((a) => a.params);
  assert.ok(nights.every((p) => p.to - p.from <= 15 * 3600e3), 'of many plots the night alone is asked for');
  assert.deepEqual(await axe(page), []);
  await shot(page, 'home-rows');
  await page.locator('.tile').first().tap();
  await page.locator('.chart').waitFor();
});

test('home: the order stays for a while, however values move, and is kept on the phone', async () => {
  await s.gateway.garden(9);
  const page = await open();
  await until('all', async () => (await page.locator('.tile').count()) === 9);
  await page.locator('.cards').waitFor(); // whole: until then the order follows what comes
  await page.getByRole('button', { name: '最冷' }).tap();
  await until('by what was tapped', async () => (await labels(page))[0] === '地块 9');
  const before = await labels(page);
  await s.gateway.put('dev/node-1/live', s.gateway.live(0, { air_temperature: -9 }));
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: -9 }));
  await page.locator('.tile', { hasText: '−9.0' }).waitFor();
  assert.deepEqual(await labels(page), before);
  assert.equal(await page.evaluate(() => localStorage.getItem('baiye.order')), 'coldest');
});

test('home: a county’s broker leaves its mount point before each topic, and the values are there', async () => {
  const broker = await new Broker('gw/').start();
  const bridge = await new Bridge(broker.port).start();
  const gateway = await new Publisher(broker.port).start();
  try {
    await gateway.garden(2);
    const page = await s.phone();
    await login(page, bridge.url, 'guest'); // may ask nothing, as growers there
    await page.locator('.tile', { hasText: '18.2' }).waitFor();
    await gateway.put('plot/upper/live', gateway.live(0, { air_temperature: 19.5 }));
    await page.locator('.tile.live', { hasText: '19.5' }).waitFor();
  } finally {
    await gateway.stop();
    await bridge.stop();
    await broker.stop();
  }
});
