// SPDX-License-Identifier: Apache-2.0
// A phone: Debian's Chromium with the screen, language and clock of a test. Pictures for people to look at
// are drawn with BAIYE_PICTURES=1 only: they are a quarter of the work.
import { existsSync, mkdirSync } from 'node:fs';
import { axeSource, chromium, root } from './deps.mjs';
import { users } from './broker.mjs';
import { PATIENCE_MS, until } from './wait.mjs';

export const artifacts = `${root}build/test-artifacts/app/`;

const wanted = (name) => process.env[name] === '1';

// The same engine without the windows around it does the same pages for half of the processor time.
const programs = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

export function launch(more = []) {
  mkdirSync(artifacts, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? programs.find((path) => existsSync(path)),
    timeout: PATIENCE_MS,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none', ...more],
  });
}

export const sizes = {
  small: { width: 360, height: 640 },
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
};

export async function phone(browser, options = {}) {
  const { size = 'phone', lang = 'zh-CN', dark = false, worker = false } = options;
  const context = await browser.newContext({
    viewport: sizes[size], locale: lang, timezoneId: options.zone ?? 'Asia/Shanghai',
    colorScheme: dark ? 'dark' : 'light', deviceScaleFactor: options.scale ?? 1, hasTouch: true,
    serviceWorkers: worker ? 'allow' : 'block',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (e) => page.problems.push(String(e)));
  page.on('console', (m) => {
    // A cut connection is what several tests are about; the browser reports it by itself.
    if (m.type() === 'error' && !/WebSocket|net::ERR|fetching the script/.test(m.text())) page.problems.push(m.text());
  });
  return page;
}

export async function login(page, url, user = 'farmer', keep = false) {
  await page.goto(url);
  await page.locator('input[name=user]').fill(user);
  await page.locator('input[name=password]').fill(users[user] ?? 'wrong');
  if (keep) await page.locator('input[name=keep]').check();
  await page.locator('button[type=submit]').click();
}

/** The app is on the phone: the service worker is at work and has copied every file that it is for. */
export function copied(page) {
  return until('the app is copied to the phone', () => page.evaluate(async () => {
    const names = await caches.keys();
    const files = await Promise.all(names.map(async (n) => (await (await caches.open(n)).keys()).length));
    return navigator.serviceWorker.controller?.state === 'activated' && files.reduce((a, b) => a + b, 0) >= 15;
  }));
}

export async function axe(page) {
  // Not as a script element: the page's own policy would refuse it.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(`(() => { ${axeSource} })()`);
  const result = await page.evaluate(() =>
    // eslint-disable-next-line no-undef
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }),
  );
  return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
}

/** `whole`: as if the screen were as high as the page. */
export async function shot(page, name, whole = false) {
  if (!wanted('BAIYE_PICTURES') && !wanted('BAIYE_FULL')) return;
  const size = page.viewportSize();
  if (whole) {
    const height = await page.evaluate(() => {
      const box = document.querySelector('.scroll');
      return box ? innerHeight - box.clientHeight + box.scrollHeight : document.body.scrollHeight;
    });
    await page.setViewportSize({ width: size.width, height: Math.max(size.height, height) });
  }
  await page.screenshot({ path: `${artifacts}${name}.png` });
  if (whole) await page.setViewportSize(size);
}
