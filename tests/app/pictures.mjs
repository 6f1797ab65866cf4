// SPDX-License-Identifier: Apache-2.0
// Makes the documents' pictures of the app anew, in both languages: node tests/app/pictures.mjs
// What is on them is today's app; look at them before they are committed.
import { mkdirSync } from 'node:fs';
import { Bridge } from './lib/bridge.mjs';
import { Broker } from './lib/broker.mjs';
import { root } from './lib/deps.mjs';
import { Garden } from './lib/garden.mjs';
import { launch, login, phone } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';

const folder = process.env.BAIYE_PICTURES_DIR ?? `${root}docs/pictures`;
const languages = { 'en-GB': '', 'zh-CN': '.zh-CN' };
const most = 1330; // pixels of height: what stands beside the text

async function picture(page, name) {
  const height = await page.evaluate(() => {
    const box = document.querySelector('.scroll');
    return innerHeight - box.clientHeight + box.scrollHeight;
  });
  await page.setViewportSize({ width: 360, height: Math.min(height, most) });
  await page.evaluate(() => new Promise((r) => { requestAnimationFrame(() => requestAnimationFrame(r)); })); // drawn so
  await page.screenshot({ path: `${folder}/${name}.png` });
}

async function open(browser, lang, url, user) {
  const page = await phone(browser, { size: 'small', lang });
  await login(page, url, user);
  await page.locator('.tile.live').first().waitFor();
  return page;
}

async function home(browser) {
  const broker = await new Broker().start();
  const bridge = await new Bridge(broker.port).start();
  const gateway = await new Publisher(broker.port).start();
  try {
    await gateway.garden(5);
    for (const topic of ['dev/node-4/live', 'plot/east-3/live']) await gateway.put(topic, gateway.live(3 * 3600e3));
    await gateway.put('forecast', gateway.forecast());
    await gateway.put('alert/frost-upper', gateway.alert());
    await gateway.put('alert/node', gateway.alert('北坪的设备没有应答', { level: 'watch', where: 'node-4' }));
    for (let i = 1; i <= 5; i += 1) {
      await gateway.put(`dev/node-${i}/health`, { online: i !== 4, last_seen: gateway.now() - 20e3, polls: 12345, good: 12300 });
    }
    for (const [lang, suffix] of Object.entries(languages)) {
      const page = await open(browser, lang, bridge.url, 'farmer');
      await page.locator('.tomorrow').waitFor();
      await picture(page, `home${suffix}`);
      await page.context().close();
    }
  } finally {
    await gateway.stop();
    await bridge.stop();
    await broker.stop();
  }
}

async function setUp(browser, lang) {
  const en = languages[lang] === '';
  const lines = [{ name: 'east', baud: 9600, units: [
    { kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 },
    { kind: 'xy-md02', address: 2, name: 'air-1', period_s: 2 },
  ] }];
  const plots = [
    { name: 'upper', label: en ? 'Upper slope' : '上坡', devices: ['soil-1', 'air-1'] },
    { name: 'creek', label: en ? 'Creek' : '溪边', devices: [] },
  ];
  const garden = await new Garden(lines, plots, { label: en ? 'Baiye tea garden' : '白叶一号茶园' }).start();
  try {
    const page = await open(browser, lang, garden.url, 'technician');
    await page.goto(`${garden.url}#/setup`);
    await page.locator('.setup .row').nth(1).tap();
    await page.locator('.setup form input').first().waitFor();
    await picture(page, `set-up${languages[lang]}`);
  } finally {
    await garden.stop();
  }
}

mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  await home(browser);
  for (const lang of Object.keys(languages)) await setUp(browser, lang);
} finally {
  await browser.close();
}
