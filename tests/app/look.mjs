// SPDX-License-Identifier: Apache-2.0
// Draws the pages for somebody to look at: node tests/app/look.mjs [name…]
import { Broker } from './lib/broker.mjs';
import { Bridge } from './lib/bridge.mjs';
import { axe, launch, login, phone, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';

process.env.BAIYE_PICTURES = '1';
const broker = await new Broker().start();
const bridge = await new Bridge(broker.port).start();
const gateway = await new Publisher(broker.port).start();
const browser = await launch();
try {
  await gateway.garden(5);
  await gateway.put('dev/node-4/live', gateway.live(3 * 3600e3));
  await gateway.put('plot/east-3/live', gateway.live(3 * 3600e3));
  await gateway.put('dev/node-5/live', gateway.live(30e3, { soil_moisture: undefined }, { soil_moisture: 'absent', air_humidity: 'stuck' }));
  await gateway.put('plot/north/live', gateway.live(30e3, { soil_moisture: undefined }, { soil_moisture: 'absent', air_humidity: 'stuck' }));
  await gateway.put('forecast', gateway.forecast());
  const png = await (await fetch(`${bridge.url}icon-192.png`)).arrayBuffer();
  await gateway.put('led/preview', new Uint8Array(png));
  await gateway.put('alert/frost-upper', gateway.alert());
  await gateway.put('alert/dead-node', gateway.alert('北坪的设备没有应答', { level: 'watch', where: 'node-5', todo: '检查接线和电池' }));
  for (let i = 1; i <= 5; i += 1) {
    await gateway.put(`dev/node-${i}/health`, { online: i !== 4, last_seen: gateway.now() - (i === 4 ? 3 * 3600e3 : 20e3),
      polls: 12345, good: 12300, timeouts: 31, crc_errors: 9, exceptions: 0, late_answers: 5, retries: 44,
      turnaround_p50_us: 21300, turnaround_p99_us: 60300, firmware: '0.1.0', hint: i === 4 ? '没有应答：检查电源和 A/B 线' : '' });
  }
  const views = [
    ['small', { size: 'small' }], ['phone-dark', { dark: true }],
    ['tablet-en', { size: 'tablet', lang: 'en-GB' }], ['small-en', { size: 'small', lang: 'en-GB' }],
  ];
  const pages = {
    home: ['', '.tomorrow'], plot: ['plot/p:upper', '.chart canvas'], pick: ['pick/upper', '.growth .value'],
    alerts: ['alerts', '.alert'], devices: ['devices', '.devices dl, .devices details'], led: ['led', '.screen img'], more: ['more', '.more .card'],
  };
  const only = process.argv.slice(2);
  for (const [name, options] of views) {
    if (only.length > 0 && !only.some((o) => name.startsWith(o))) continue;
    const page = await phone(browser, options);
    await page.goto(bridge.url);
    await shot(page, `${name}-login`);
    await login(page, bridge.url);
    await page.locator('.tile.live').first().waitFor();
    for (const [what, [hash, wait]] of Object.entries(pages)) {
      await page.goto(`${bridge.url}#/${hash}`);
      await page.locator(wait).first().waitFor();
      if (what === 'plot') await page.locator('.chart[aria-busy=false] canvas').waitFor();
      const bad = await axe(page);
      if (bad.length) console.log(name, what, bad);
      await shot(page, `${name}-${what}`, true);
    }
    await page.goto(`${bridge.url}#/plot/p:upper`);
    await page.locator('.compare button', { hasText: '溪边' }).tap();
    await page.getByRole('button', { name: /^(月|Month)$/ }).click();
    await page.locator('.chart[aria-busy=false] canvas').waitFor();
    await shot(page, `${name}-compare`, true);
    console.log(name, page.problems);
    await page.context().close();
  }
} finally {
  await browser.close();
  await gateway.stop();
  await bridge.stop();
  await broker.stop();
}
