// SPDX-License-Identifier: Apache-2.0
// The garden from above: one tap away, to scale, each plot's dot with its value and a mark, and its page
// one more tap away.
import assert from 'node:assert/strict';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';

const s = stage();
const { test } = s;
const AT = [[26.5012, 107.9034], [26.5031, 107.9021], [26.5024, 107.9058], [26.4995, 107.9049]];

async function placed(count, positions) {
  const plots = await s.gateway.garden(count);
  await s.gateway.put('site', s.gateway.site(plots.map((p, i) => (positions[i] ? { ...p, at: { lat: positions[i][0], lon: positions[i][1] } } : p))));
}
const open = async (options) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  return page;
};

test('map: the garden lies there as on the hill, with a value at each plot', async () => {
  await placed(5, AT);
  await s.gateway.put('plot/creek/live', s.gateway.live(0, { air_temperature: -0.6, soil_moisture: 27 }));
  const page = await open({ size: 'small' });
  await page.locator('.tile', { hasText: '−0.6' }).waitFor(); // the coldest has come: nothing moves any more
  await page.locator('.tomap').tap();
  await page.locator('.spot').first().waitFor();
  assert.equal(await page.locator('.spot').count(), 4);
  const box = async (name) => page.locator(`.spot[href="#/plot/p:${name}"]`).boundingBox();
  const [upper, creek, old] = [await box('upper'), await box('creek'), await box('old')];
  assert.ok(creek.y < upper.y && creek.x < upper.x, 'the creek is north-west of the slope');
  assert.ok(old.x > upper.x, 'the old garden is east of it');
  assert.match(await page.locator('.spot[href="#/plot/p:creek"] .words').textContent(), /溪边 −0\.6°C/);
  assert.match(await page.locator('.compass').textContent(), /^\s*\d+ 米/);
  assert.match(await page.locator('.map .quiet').textContent(), /北坪/);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.deepEqual(await axe(page), []);
  await shot(page, 'map-small', true);
  await page.locator('.spot[href="#/plot/p:creek"]').tap();
  await page.locator('h1', { hasText: '溪边' }).waitFor();
});

test('map: sixty plots, and in English on a wide screen', async () => {
  await placed(60, Array.from({ length: 60 }, (_, i) => [26.5 + (i % 9) * 0.0011 + (i % 4) * 0.0002, 107.9 + Math.floor(i / 9) * 0.0013 + (i % 5) * 0.0003]));
  const page = await open({ size: 'tablet', lang: 'en' });
  await page.locator('.tomap').tap();
  await page.locator('.spot').first().waitFor();
  assert.equal(await page.locator('.spot').count(), 60);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'map-60', true);
});

test('map: there is none where fewer than two plots have a position', async () => {
  await placed(5, AT.slice(0, 1));
  const page = await open({ size: 'small' });
  assert.equal(await page.locator('.tomap').count(), 0);
});
