// SPDX-License-Identifier: Apache-2.0
// How heavy and how quick the app is on a slow phone and link: 1.6 Mbit/s, 150 ms round trip, a CPU
// slowed four times, a garden of 60 devices. Prints one line: app: key=value …
import { Broker } from './lib/broker.mjs';
import { Bridge } from './lib/bridge.mjs';
import { axe, launch, login, phone } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';

const ROUNDS = 3;
const broker = await new Broker().start();
const bridge = await new Bridge(broker.port, 75, 200).start();
const gateway = await new Publisher(broker.port).start();
const browser = await launch();
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Notes when the first value stood on the screen, in ms since the navigation began. */
const watch = (page, selector) => page.addInitScript((wanted) => {
  const look = () => {
    if (window.firstValue || !document.querySelector(wanted)) return;
    window.firstValue = -1;
    requestAnimationFrame(() => setTimeout(() => { window.firstValue = performance.now(); }, 0));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}, selector);

async function slow(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', {
    offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8,
  });
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  return cdp;
}

async function firstLoad() {
  const page = await phone(browser, { scale: 2 });
  await page.addInitScript((url) => {
    localStorage.setItem('baiye.login', JSON.stringify({ url, user: 'farmer', password: 'tea-leaf' }));
  }, `ws://127.0.0.1:${bridge.port}/mqtt`);
  await watch(page, '.tile.live .value');
  const cdp = await slow(page);
  let bytes = 0;
  cdp.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
  await page.goto(bridge.url);
  await page.waitForFunction(() => window.firstValue > 0);
  const ms = await page.evaluate(() => window.firstValue);
  await page.context().close();
  return { ms, kb: bytes / 1000 };
}

async function repeatLoads() {
  const page = await phone(browser, { scale: 2, worker: true });
  await login(page, bridge.url, 'farmer', true);
  await page.locator('.tile.live').first().waitFor();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.goto('about:blank');
  await watch(page, '.tile .value');
  await slow(page);
  const list = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    await page.goto(bridge.url);
    await page.waitForFunction(() => window.firstValue > 0);
    list.push(await page.evaluate(() => window.firstValue));
    await page.locator('.tile.live').first().waitFor();
  }
  await page.context().close();
  return median(list);
}

/** From the tap on "year" until the whole of it is drawn. */
async function year() {
  const page = await phone(browser, { scale: 2 });
  await login(page, bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${bridge.url}#/plot/p:upper`);
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  await slow(page);
  const began = await page.evaluate(() => performance.now());
  await page.getByRole('button', { name: '年', exact: true }).tap();
  await page.locator('[data-step=day]').waitFor({ state: 'attached' });
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  const ms = await page.evaluate((from) => new Promise((r) => { requestAnimationFrame(() => setTimeout(() => r(performance.now() - from), 0)); }), began);
  await page.context().close();
  return ms;
}

/** What an hour of sixty plots leaves behind: a value a minute of each, then a cleaning-up. */
async function heapMb() {
  const page = await phone(browser, { scale: 2 });
  await login(page, bridge.url);
  await page.locator('.tile.live').first().waitFor();
  for (let minute = 0; minute < 60; minute += 1) {
    for (let i = 1; i <= 60; i += 1) await gateway.put(`dev/node-${i}/live`, gateway.live(0, { air_temperature: 10 + minute / 10 }));
  }
  await page.locator('.tile', { hasText: '15.9' }).first().waitFor(); // all of it has come
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  await page.context().close();
  return metrics.find((m) => m.name === 'JSHeapUsedSize').value / 1e6;
}

async function violations() {
  let count = 0;
  for (const [lang, dark] of [['zh-CN', false], ['en-GB', true]]) {
    const page = await phone(browser, { size: 'small', lang, dark });
    await login(page, bridge.url);
    await page.locator('.tile.live').first().waitFor();
    for (const hash of ['', 'plot/p:upper', 'pick', 'alerts', 'devices', 'led', 'more']) {
      await page.goto(`${bridge.url}#/${hash}`);
      await page.locator('main h1').waitFor();
      count += (await axe(page)).length;
    }
    await page.context().close();
  }
  return count;
}

try {
  await gateway.garden(60);
  await gateway.put('forecast', gateway.forecast());
  await gateway.put('alert/frost', gateway.alert());
  const first = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    await gateway.garden(60);
    first.push(await firstLoad());
  }
  await gateway.garden(60);
  const repeat = await repeatLoads();
  const years = [];
  for (let i = 0; i < ROUNDS; i += 1) years.push(await year());
  console.log(`app: first_load_kb=${median(first.map((f) => f.kb)).toFixed(1)} `
    + `first_value_ms=${Math.round(median(first.map((f) => f.ms)))} repeat_ms=${Math.round(repeat)} year_ms=${Math.round(median(years))} `
    + `heap_mb=${(await heapMb()).toFixed(1)} axe_violations=${await violations()}`);
} finally {
  await browser.close();
  await gateway.stop();
  await bridge.stop();
  await broker.stop();
}
