// SPDX-License-Identifier: Apache-2.0
// Draws the pages for somebody to look at: node tests/app/look.mjs [name…]
import { Broker } from './lib/broker.mjs';
import { Bridge } from './lib/bridge.mjs';
import { launch, login, phone, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';

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
  const views = [
    ['home-small', { size: 'small' }], ['home-phone-dark', { dark: true }],
    ['home-tablet-en', { size: 'tablet', lang: 'en-GB' }],
  ];
  for (const [name, options] of views) {
    const page = await phone(browser, options);
    await page.goto(bridge.url);
    if (name === 'home-small') await shot(page, 'login-small');
    await login(page, bridge.url);
    await page.locator('.tile.live').first().waitFor();
    await page.locator('.tomorrow').waitFor();
    await shot(page, name, true);
    console.log(name, page.problems);
    await page.context().close();
  }
} finally {
  await browser.close();
  await gateway.stop();
  await bridge.stop();
  await broker.stop();
}
