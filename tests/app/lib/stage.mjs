// SPDX-License-Identifier: Apache-2.0
// Broker, bridge, publisher and browser for one file of tests; every test gets them fresh but for
// the browser, so that each runs alone.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Broker } from './broker.mjs';
import { Bridge } from './bridge.mjs';
import { launch, phone } from './phone.mjs';
import { Publisher } from './publisher.mjs';
import { PATIENCE_MS } from './wait.mjs';

export function stage() {
  const s = { pages: [] };
  before(async () => { s.browser = await launch(); });
  after(async () => { await s.browser?.close(); });
  beforeEach(async () => {
    s.broker = await new Broker().start();
    s.bridge = await new Bridge(s.broker.port).start();
    s.gateway = await new Publisher(s.broker.port).start();
  });
  afterEach(async () => {
    for (const page of s.pages.splice(0)) await page.context().close();
    await s.gateway?.stop();
    await s.bridge?.stop();
    await s.broker?.stop();
  });
  s.test = (name, run) => test(name, { timeout: 3 * PATIENCE_MS }, run);
  s.phone = async (options) => {
    const page = await phone(s.browser, options);
    s.pages.push(page);
    return page;
  };
  return s;
}
