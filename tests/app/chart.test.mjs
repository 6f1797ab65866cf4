// SPDX-License-Identifier: Apache-2.0
// What a chart says beside its curve: lowest, mean and highest of what is in sight, the farm's limit,
// the nights, and the years before.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;
const ready = (page) => page.locator('.chart[aria-busy=false] canvas').waitFor();

/** Notes what is written on canvases, and how many rectangles are filled across a whole chart. */
const watch = (page) => page.addInitScript(() => {
  window.drawn = { texts: [], rects: 0 };
  const { fillText, fillRect, clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...a) { window.drawn = { texts: [], rects: 0 }; return clearRect.apply(this, a); };
  CanvasRenderingContext2D.prototype.fillText = function (...a) { window.drawn.texts.push(String(a[0])); return fillText.apply(this, a); };
  CanvasRenderingContext2D.prototype.fillRect = function (...a) { if (a[3] > 100) window.drawn.rects += 1; return fillRect.apply(this, a); };
});

const open = async (options) => {
  const page = await s.phone(options);
  await watch(page);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  return page;
};

test('chart: lowest, mean and highest of what is in sight follow the range', async () => {
  await s.gateway.garden(1);
  s.gateway.answers.history = (p) => ({ t: [p.to - 20 * 3600e3, p.to - 2 * 3600e3].map(Math.round), n: [1, 3], min: [-1.5, 4], mean: [0, 8], max: [2, 11], next: null });
  const page = await open({ size: 'small' });
  await page.locator('.tile').first().tap();
  await page.getByRole('button', { name: '周', exact: true }).tap();
  await until('what is shown', async () => /最低 −1\.5平均 6\.0最高 11\.0/.test((await page.locator('.shown').textContent()).replace(/\s+最/g, '最')));
  assert.deepEqual(await axe(page), []);
});

test('chart: the limit of the farm’s alert is a line with its name, where it is near, and nights are shaded', async () => {
  const plots = await s.gateway.garden(1);
  await s.gateway.put('site', { ...s.gateway.site(plots), limits: [
    s.gateway.limit('frost', '霜冻', 'air_temperature', 'below', 6, 7, 'alarm'), s.gateway.limit('melt', '熔化', 'air_temperature', 'above', 500, 400, 'alarm')] });
  const page = await open({ size: 'small' });
  await page.locator('.tile').first().tap();
  await ready(page);
  await until('the limit’s name', () => page.evaluate(() => window.drawn.texts.includes('霜冻 6.0')));
  assert.equal(await page.evaluate(() => window.drawn.texts.some((x) => x.includes('熔化'))), false, 'one far away leaves the curve its height');
  assert.ok(await page.evaluate(() => window.drawn.rects) >= 1, 'a night in 24 hours');
  await shot(page, 'chart-limit-night');
  await page.getByRole('button', { name: '周', exact: true }).tap();
  await until('seven nights', () => page.evaluate(() => window.drawn.rects >= 7 && window.drawn.rects <= 8));
  await page.getByRole('button', { name: '年', exact: true }).tap();
  await until('no stripes of nights over a year', () => page.evaluate(() => window.drawn.rects === 0));
});

test('chart: this year against the last two is three taps, and files tell when it was', async () => {
  await s.gateway.garden(1);
  const page = await open({ size: 'small' });
  let taps = 0;
  const tap = async (what) => { taps += 1; await what.tap(); };
  await tap(page.locator('.tile').first());
  await tap(page.getByRole('button', { name: '年', exact: true }));
  await tap(page.getByRole('button', { name: '和前两年对比' }));
  assert.equal(taps, 3);
  await until('three lines', async () => (await page.locator('.shown .key').count()) === 3);
  await ready(page);
  const year = Number(new Date(s.gateway.now() + 8 * 3600e3).toISOString().slice(0, 4));
  assert.deepEqual(await page.locator('.shown .key').allTextContents(), ['上坡', `上坡 ${year - 1}年`, `上坡 ${year - 2}年`]);
  const asked = s.gateway.asked.filter((a) => a.method === 'history' && a.params.step === 'day').map((a) => a.params);
  assert.ok(asked.some((a) => new Date(a.to).getUTCFullYear() <= year - 2), 'the year before last is asked for');
  assert.ok(asked.every((a) => a.to - a.from < 370 * 86400e3));
  assert.equal(await page.locator('.shown').count(), 3);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载 CSV' }).tap()]);
  const rows = readFileSync(await file.path(), 'utf8').trim().split('\r\n').slice(1).map((r) => r.split(','));
  const oldest = Math.min(...rows.filter((r) => r[0] === `上坡 ${year - 2}年`).map((r) => Number(r[1].slice(0, 4))));
  assert.ok(oldest <= year - 2, `${oldest}`);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'chart-years', true);
  await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '分享图片' }).tap()]);
  const legend = await page.evaluate(() => window.drawn.texts.find((x) => x.includes('━')));
  for (const label of ['━ 上坡', `┅ 上坡 ${year - 1}年`, `┈ 上坡 ${year - 2}年`]) assert.ok(legend.includes(label), `${legend} names ${label}`);
  // Another plot takes the place of the years, and the years that of the plot.
  await page.getByRole('button', { name: '和前两年对比' }).tap();
  await until('one line', async () => (await page.locator('.shown').count()) === 1);
});
