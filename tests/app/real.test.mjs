// SPDX-License-Identifier: Apache-2.0
// The app before the real gateway: baiye-field's devices, baiyed, mosquitto. An own publisher
// speaks only where a garden of a minute's readings has no numbers (the forecast).
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Garden, built } from './lib/garden.mjs';
import { axe, launch, login, phone, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';
import { PATIENCE_MS, until } from './lib/wait.mjs';

const limit = { timeout: 3 * PATIENCE_MS };
let browser;
let pages = [];
before(async () => {
  assert.ok(built(), 'baiyed and baiye-field are not built; BAIYE_BUILD says where they are');
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});
const open = async (garden, { user = 'farmer', keep = false, ...options } = {}) => {
  const page = await phone(browser, options);
  pages.push(page);
  await login(page, garden.url, user, keep);
  return page;
};

const lines = [{
  name: 'east', baud: 19200, units: [
    { kind: 'native', address: 1, name: 'plot-1', period_s: 2 },
    { kind: 'native', address: 2, name: 'plot-2', period_s: 2 },
    { kind: 'zts-3001', address: 7, name: 'soil-7', period_s: 2 },
  ],
}];
const plots = [
  { name: 'upper', label: '上坡', devices: ['plot-1', 'soil-7'] },
  { name: 'creek', label: '溪边', devices: ['plot-2'] },
];
const alerts = [{ name: 'warm', label: '太热了', metric: 'air_temperature', above: -60, clear: -70, level: 'alarm' }];

describe('real: a garden of three devices', () => {
  let garden;
  before(async () => {
    garden = await new Garden(lines, plots, { alerts }).start();
  }, limit);
  after(() => garden?.stop());

  test('real: the phone shows what the broker has, live', limit, async () => {
    const page = await open(garden);
    await page.locator('.tile.live').nth(1).waitFor();
    await page.locator('.mood-ok', { hasText: '正常' }).waitFor();
    await page.getByText('3 台设备正常').waitFor();
    const watcher = new Publisher(garden.broker.port);
    watcher.user = 'technician';
    await watcher.start();
    const seen = new Map();
    watcher.request = (p) => seen.set(p.topic, JSON.parse(p.utf8()));
    await watcher.client.subscribe({ topics: ['baiye/baiye-1/plot/+/live'] });
    await until('a value on the phone that is the broker’s', async () => {
      const live = seen.get('baiye/baiye-1/plot/creek/live');
      if (!live) return false;
      const text = await page.locator('.tile', { hasText: '溪边' }).locator('[data-metric=air_temperature] .value').textContent();
      return text === `${live.values.air_temperature.toFixed(1).replace('-', '−')}°C`;
    });
    await watcher.stop();
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.problems, []);
    await shot(page, 'real-home', true);
  });

  test('real: history comes through the broker as a chart and as hours', limit, async () => {
    const page = await open(garden);
    await page.locator('.tile.live').nth(1).waitFor();
    await page.goto(`${garden.url}#/plot/p:creek`);
    await page.locator('.chart[aria-busy=false] canvas').waitFor();
    const points = async () => Number(await page.locator('[data-points]').getAttribute('data-points'));
    await until('readings in the chart', async () => (await points()) >= 3);
    await page.locator('.choices [data-metric=soil_moisture]').tap();
    await page.locator('.compare button', { hasText: '上坡' }).tap();
    await until('both plots', async () => (await points()) >= 6);
    await page.getByRole('button', { name: '周', exact: true }).tap();
    await page.locator('.chart[aria-busy=false] canvas').waitFor();
    assert.equal(await page.locator('.wrong').count(), 0);
    await shot(page, 'real-plot', true);
    assert.deepEqual(page.problems, []);
  });

  test('real: a pick is stored by the gateway, an alert acknowledged', limit, async () => {
    const page = await open(garden);
    await page.locator('.tile.live').nth(1).waitFor();
    await page.goto(`${garden.url}#/pick`);
    await page.locator('.pickbutton').tap();
    await page.locator('.pickform .primary').tap();
    await page.getByText('已保存到主机 ✓').waitFor();
    await page.goto(`${garden.url}#/alerts`);
    await page.locator('.alert', { hasText: '太热了' }).first().getByRole('button').tap();
    await page.getByText('farmer 已确认 ✓').waitFor();
    const audits = await garden.ask('audits', { limit: 50 });
    const done = audits.audits.map((a) => `${a.user} ${a.method} ${a.result}`);
    assert.ok(done.includes('farmer pick ok') && done.includes('farmer ack ok'), done.join('; '));
  });

  test('real: who is booked for tomorrow is one note of the plot, and before its day', limit, async () => {
    const book = async (page, number) => {
      await page.locator('.booking input').fill(String(number));
      await page.locator('.booking .primary').tap();
      await page.locator('.booking', { hasText: `约了 ${number} 人` }).getByText('已送达 ✓').waitFor();
    };
    const phones = [];
    for (const user of ['farmer', 'technician']) {
      const page = await open(garden, { user });
      await page.locator('.tile.live').first().waitFor();
      await page.goto(`${garden.url}#/pick/creek`);
      phones.push(page);
    }
    const late = { id: 'late', plot: 'creek', day: '2026-04-05', kg: 0, pickers: 4, expires: Date.parse('2026-04-05T00:00:00+08:00') - 1000 };
    await assert.rejects(garden.ask('pick', late), /expired/);
    await book(phones[0], 4);
    await book(phones[0], 6);
    await book(phones[1], 5); // it is the same crew that comes
    await garden.stopGateway();
    const [note, ...more] = garden.rows("select plot, user, day, kg, pickers, at from pick where id = 'late' or id like 'book-%'");
    await garden.startGateway();
    assert.deepEqual(more, []);
    const day = (ms) => Number(new Date(ms + 8 * 3600e3).toISOString().slice(0, 10).replaceAll('-', ''));
    assert.deepEqual({ ...note, at: 0 }, { plot: 'creek', user: 'technician', day: day(note.at + 86400e3), kg: 0, pickers: 5, at: 0 });
  });

  test('real: whom the gateway gives no role it refuses, and says why', limit, async () => {
    const page = await open(garden, { user: 'helper' });
    await page.locator('.tile.live').first().waitFor();
    await page.goto(`${garden.url}#/pick`);
    await page.locator('.pickbutton').tap();
    await page.locator('.pickform .primary').tap();
    await page.getByText('不能记录采摘').waitFor();
  });

  test('real: the technician sees health and counts', limit, async () => {
    const page = await open(garden, { user: 'technician' });
    await page.locator('.tile.live').first().waitFor();
    await page.goto(`${garden.url}#/devices`);
    const card = page.locator('.devices .card', { hasText: 'soil-7' });
    await card.locator('summary').tap();
    await card.locator('dt', { hasText: 'polls' }).waitFor();
    assert.equal(await page.locator('.devices .card', { has: page.locator('summary') }).count(), 3);
    await shot(page, 'real-devices', true);
  });

  test('real: a device that dies is missed within its periods, and back when it is', limit, async () => {
    const page = await open(garden);
    await page.getByText('3 台设备正常').waitFor();
    await garden.control({ cmd: 'fault', line: 'east', unit: 7, kind: 'dead' });
    await page.getByText('3 台设备中有 1 台没有新数据').waitFor();
    await garden.control({ cmd: 'fault', line: 'east', unit: 7, kind: 'dead', probability: 0 });
    await page.getByText('3 台设备正常').waitFor();
  });

  test('real: a garden that has just begun has no estimate; one that comes later is shown', limit, async () => {
    const page = await open(garden);
    await page.locator('.tile.live').first().waitFor();
    await page.locator('.tomorrow').getByText('暂无估计').waitFor();
    assert.equal(await page.locator('.tomorrow .big').count(), 0);
    const oracle = await new Publisher(garden.broker.port).start();
    oracle.request = () => {};
    await oracle.put('forecast', oracle.forecast(['upper']));
    await page.locator('.tomorrow').getByText('12–24').waitFor();
    await oracle.put('forecast', '');
    await oracle.stop();
  });

  test('real: the broker restarted', limit, async () => {
    const page = await open(garden);
    await page.locator('.mood-ok').waitFor();
    await garden.broker.halt();
    await page.getByText('主机在，但数据来不了').waitFor();
    await garden.broker.run();
    await page.locator('.mood-ok').waitFor();
  });

  test('real: the gateway killed: the phone keeps dated values; started again: live', limit, async () => {
    const page = await open(garden, { keep: true, worker: true });
    await page.locator('.mood-ok').waitFor();
    await garden.stopGateway('SIGKILL');
    await page.getByText('连不上主机').waitFor();
    await page.locator('.tile.old').nth(1).waitFor();
    await garden.startGateway();
    await page.locator('.mood-ok').waitFor();
    assert.deepEqual(page.problems, []);
  });
});

test('real: a garden of sixty devices', limit, async () => {
  const units = Array.from({ length: 60 }, (_, i) => ({ kind: 'zts-3001', address: i + 1, name: `soil-${i + 1}`, period_s: 2 }));
  const sixty = units.map((u, i) => ({ name: `p-${i}`, label: `地块 ${i + 1}`, devices: [u.name] }));
  const garden = await new Garden([{ name: 'net', type: 'tcp', units }], sixty).start();
  try {
    const page = await open(garden, { size: 'small' });
    await page.getByText('60 台设备正常').waitFor();
    await page.locator('.tile').nth(59).waitFor({ state: 'attached' });
    await shot(page, 'real-60');
    assert.deepEqual(page.problems, []);
  } finally {
    await garden.stop();
  }
});
