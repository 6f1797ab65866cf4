// SPDX-License-Identifier: Apache-2.0
// Phones of 2020: Chrome 80 and iOS 13 open everything; what is older is told so.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { acorn, appFolder } from './lib/deps.mjs';
import { login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

const pages = ['', 'plot/p:upper', 'pick', 'alerts', 'devices', 'led', 'more', 'season', 'second'];

/** What came after Chrome 80 or after Safari 13.0, taken away. */
function takeAway() {
  const gone = (from, ...names) => names.forEach((name) => { if (from) delete from[name]; });
  gone(Object, 'hasOwn', 'groupBy');
  gone(Array.prototype, 'at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with');
  gone(Object.getPrototypeOf(Uint8Array.prototype), 'at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'with');
  gone(String.prototype, 'at', 'replaceAll', 'isWellFormed', 'toWellFormed');
  gone(Promise, 'any', 'withResolvers', 'try');
  gone(Map, 'groupBy');
  gone(Set.prototype, 'union', 'intersection', 'difference');
  gone(Array, 'fromAsync');
  gone(AbortSignal, 'timeout', 'any');
  gone(Blob.prototype, 'arrayBuffer', 'text', 'stream');
  gone(Element.prototype, 'replaceChildren', 'checkVisibility');
  for (const name of ['addEventListener', 'removeEventListener']) {
    Object.defineProperty(MediaQueryList.prototype, name, { value: undefined, configurable: true, writable: true });
  }
  gone(CanvasRenderingContext2D.prototype, 'roundRect', 'reset');
  if (globalThis.crypto) delete Crypto.prototype.randomUUID;
  gone(Navigator.prototype, 'locks', 'canShare', 'share');
  gone(globalThis, 'structuredClone', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'ResizeObserver', 'scheduler',
    'requestIdleCallback', 'cancelIdleCallback', 'createImageBitmap', 'BroadcastChannel', 'OffscreenCanvas', 'reportError',
    'navigation', 'CompressionStream', 'URLPattern', 'Iterator', 'Temporal');
}

test('old: every page works with no more than Chrome 80 and iOS 13 know', async () => {
  const plots = await s.gateway.garden(2);
  await s.gateway.put('forecast', s.gateway.forecast());
  await s.gateway.put('alert/frost', s.gateway.alert());
  await s.gateway.put(`dev/${plots[0].devices[0]}/health`, { online: true, last_seen: s.gateway.now(), polls: 100, good: 99 });
  const page = await s.phone({ size: 'small' });
  await page.addInitScript(takeAway);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  for (const at of pages) {
    await page.goto(`${s.bridge.url}#/${at}`);
    await page.locator('main h1').waitFor();
    if (at.startsWith('plot')) await page.locator('.chart[aria-busy=false] canvas').waitFor();
  }
  await page.goto(`${s.bridge.url}#/pick`);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存').waitFor();
  const picture = Buffer.from(await (await fetch(`${s.bridge.url}icon-512.png`)).arrayBuffer());
  await page.locator('.photos input[type=file]').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: picture });
  await page.locator('.gallery img').waitFor();
  await page.setViewportSize({ width: 640, height: 360 });
  await page.goto(`${s.bridge.url}#/plot/p:creek`);
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  assert.deepEqual(page.problems, []);
});

test('old: no row of the pages needs a gap, which only a grid has there', async () => {
  const plots = await s.gateway.garden(2);
  await s.gateway.put('forecast', s.gateway.forecast());
  await s.gateway.put('alert/frost', s.gateway.alert());
  await s.gateway.put(`dev/${plots[0].devices[0]}/health`, { online: true, last_seen: s.gateway.now(), polls: 100, good: 99 });
  const page = await s.phone();
  await page.goto(s.bridge.url);
  const gaps = () => page.evaluate(() => [...document.querySelectorAll('body *')].filter((e) => {
    const style = getComputedStyle(e);
    return style.display.endsWith('flex') && [style.columnGap, style.rowGap].some((g) => g !== 'normal' && g !== '0px');
  }).map((e) => `${e.tagName}.${e.className}`));
  await page.locator('input[name=user]').waitFor();
  assert.deepEqual(await gaps(), [], 'login');
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  for (const at of pages) {
    await page.goto(`${s.bridge.url}#/${at}`);
    await page.locator('main h1').waitFor();
    assert.deepEqual(await gaps(), [], at);
  }
});

test('old: the built code is written in what Chrome 80 and iOS 13 read', () => {
  const dist = join(appFolder, 'dist');
  const files = readdirSync(dist, { recursive: true }).map(String).filter((f) => f.endsWith('.js'));
  assert.ok(files.length > 8, files.join());
  for (const file of files) {
    const found = [];
    acorn.parse(readFileSync(join(dist, file), 'utf8'), {
      ecmaVersion: 2020, sourceType: 'module', // no fields in classes, no ??=, no await outside of functions
      onToken: (token) => {
        if (['?.', '??'].includes(token.type.label) || typeof token.value === 'bigint') found.push(token.type.label);
        if (token.type.label === 'regexp' && /\(\?<[=!]/.test(token.value.pattern)) found.push(token.value.pattern);
      },
    });
    assert.deepEqual(found, [], file);
  }
});

test('old: a browser below is told that it is too old, and no page stays blank', async () => {
  await s.gateway.garden(1);
  const page = await s.phone({ size: 'small' });
  await page.addInitScript(() => { delete Promise.allSettled; });
  await page.goto(s.bridge.url);
  await page.getByText('浏览器太旧').waitFor();
  await page.getByText('too old').waitFor();
  await page.locator('input').first().waitFor({ state: 'detached' });
  await shot(page, 'old-browser');

  const broken = await s.phone();
  await broken.route(/assets\/index-.*\.js/, (route) => route.fulfill({ contentType: 'text/javascript', body: 'let a = b ??? c;' }));
  await broken.goto(s.bridge.url);
  await broken.getByText('页面没有打开').waitFor();
  await until('the browser said why', () => broken.problems.some((p) => p.includes('SyntaxError')));
});
