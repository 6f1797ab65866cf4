// SPDX-License-Identifier: Apache-2.0
// Every page on every screen in both languages and both looks: nothing wider than the screen, no
// accessibility violation, no error on the console. The pictures are kept to be looked at.
import assert from 'node:assert/strict';
import { axe, login, shot, sizes } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';

const s = stage();
const { test } = s;

const pages = {
  home: ['', '.tomorrow'],
  plot: ['plot/p:upper', '.chart[aria-busy=false] canvas'],
  pick: ['pick/upper', '.growth .value'],
  alerts: ['alerts', '.alert'],
  devices: ['devices', '.devices details'],
  led: ['led', '.screen img'],
  season: ['season/upper', '.curves'],
  second: ['second', '.qr path'],
  more: ['more', '.more .card'],
};

async function dress() {
  const { gateway } = s;
  await gateway.garden(5);
  const old = gateway.live(3 * 3600e3);
  const sick = gateway.live(30e3, { soil_moisture: undefined }, { soil_moisture: 'absent', air_humidity: 'stuck' });
  await gateway.put('dev/node-4/live', old);
  await gateway.put('plot/east-3/live', old);
  await gateway.put('dev/node-5/live', sick);
  await gateway.put('plot/north/live', sick);
  await gateway.put('forecast', gateway.forecast());
  await gateway.put('alert/frost-upper', gateway.alert());
  await gateway.put('alert/node', gateway.alert('北坪的设备没有应答', { level: 'watch', where: 'node-5' }));
  for (let i = 1; i <= 5; i += 1) {
    await gateway.put(`dev/node-${i}/health`, { online: i !== 4, last_seen: gateway.now() - 20e3, polls: 12345,
      good: 12300, timeouts: 31, crc_errors: 9, turnaround_p50_us: 21300, firmware: '0.1.0', hint: i === 4 ? '检查 A/B 线' : '' });
  }
  const png = await (await fetch(`${s.bridge.url}icon-192.png`)).arrayBuffer();
  await gateway.put('led/preview', new Uint8Array(png));
}

// Every pair of size, language and look is in these six; the full run takes all twelve.
const pairs = { 'zh-CN': [['small', 'light'], ['phone', 'dark'], ['tablet', 'light']], 'en-GB': [['small', 'dark'], ['phone', 'light'], ['tablet', 'dark']] };
const every = Object.keys(sizes).flatMap((size) => [[size, 'light'], [size, 'dark']]);

for (const lang of ['zh-CN', 'en-GB']) {
  test(`pages: in ${lang} all are readable and fit, on every screen, light and dark`, async () => {
    await dress();
    const page = await s.phone({ lang });
    const check = async (what) => {
      for (const [size, look] of process.env.BAIYE_FULL === '1' ? every : pairs[lang]) {
        const name = `${size}-${lang.slice(0, 2)}-${look}`;
        await page.emulateMedia({ colorScheme: look });
        await page.setViewportSize(sizes[size]);
        await page.evaluate(() => new Promise((r) => { requestAnimationFrame(() => requestAnimationFrame(r)); })); // drawn so
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), look);
        assert.deepEqual(await axe(page), [], `${what} ${name}`);
        const wider = await page.evaluate(() => {
          const box = document.querySelector('.scroll') ?? document.documentElement;
          return Math.max(box.scrollWidth - box.clientWidth, document.documentElement.scrollWidth - innerWidth);
        });
        assert.ok(wider <= 0, `${what} ${name} is ${wider} px too wide`);
        await shot(page, `${name}-${what}`, true);
      }
    };
    await page.goto(s.bridge.url);
    await page.locator('button[type=submit]').waitFor();
    await check('login');
    await login(page, s.bridge.url);
    await page.locator('.tile.live').first().waitFor();
    for (const [what, [hash, wait]] of Object.entries(pages)) {
      await page.goto(`${s.bridge.url}#/${hash}`);
      await page.locator(wait).first().waitFor();
      await check(what);
    }
    assert.deepEqual(page.problems, []);
  });
}

test('pages: from 320 to 1280 px, on its side and at a page zoom of 200 %, nothing scrolls sideways', async () => {
  await dress();
  for (const lang of ['zh-CN', 'en-GB']) {
    const page = await s.phone({ lang });
    await login(page, s.bridge.url);
    await page.locator('.tile.live').first().waitFor();
    for (const [what, [hash, wait]] of Object.entries(pages)) {
      await page.goto(`${s.bridge.url}#/${hash}`);
      await page.locator(wait).first().waitFor();
      for (const [width, height] of [[180, 400], [320, 640], [414, 896], [740, 360], [768, 1024], [1280, 800]]) {
        await page.setViewportSize({ width, height });
        const wider = await page.waitForFunction(() => {
          const box = document.querySelector('.scroll');
          const out = () => [...document.querySelectorAll('.card *, .tile *')].filter((e) => !e.closest('.tablebox, .chart, .uplot, .unseen')
            && e.getBoundingClientRect().right > e.parentElement.closest('.card, .tile').getBoundingClientRect().right + 1).map((e) => e.outerHTML.slice(0, 90));
          return new Promise((r) => {
            requestAnimationFrame(() => requestAnimationFrame(() => r({ out: out().slice(0, 3),
              px: Math.max(box.scrollWidth - box.clientWidth, document.documentElement.scrollWidth - innerWidth) })));
          });
        });
        const { px, out } = await wider.jsonValue();
        assert.ok(px <= 0, `${what} at ${width} px in ${lang} is ${px} px too wide`);
        assert.deepEqual(out, [], `${what} at ${width} px in ${lang}: nothing sticks out of its card`);
        await shot(page, `at-${width}-${lang.slice(0, 2)}-${what}`, height > width);
      }
    }
    await page.context().close();
  }
});

test('pages: values are at least 28 px high, texts 14, touch targets 44', async () => {
  await dress();
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  const px = await page.evaluate(() => {
    const size = (e) => parseFloat(getComputedStyle(e).fontSize);
    const texts = [...document.querySelectorAll('body *')].filter((e) =>
      [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== ''));
    return {
      value: Math.min(...[...document.querySelectorAll('.tile .value')].map(size)),
      text: Math.min(...texts.map(size)),
      touch: Math.min(...[...document.querySelectorAll('a, button, summary')].map((e) => e.getBoundingClientRect().height)
        .filter((h) => h > 0)), // 0: inside something closed
    };
  });
  assert.ok(px.value >= 28 && px.text >= 14 && px.touch >= 44, JSON.stringify(px));
});

test('pages: a word and an arrow stand beside every colour', async () => {
  await dress();
  await s.gateway.put('dev/node-1/live', s.gateway.live(0, { air_temperature: 2.5, air_humidity: 20, soil_moisture: 60 }));
  await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: 2.5, air_humidity: 20, soil_moisture: 60 }));
  const page = await s.phone();
  await login(page, s.bridge.url);
  const upper = page.locator('.tile', { hasText: '上坡' });
  await upper.locator('.band-danger-low').waitFor();
  assert.deepEqual(await upper.locator('.mark').allTextContents(), ['过低 ↓', '偏低 ↓', '偏高 ↑']);
});
