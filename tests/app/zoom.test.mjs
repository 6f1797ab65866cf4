// SPDX-License-Identifier: Apache-2.0
// Larger type, a phone on its side, paper: nothing runs into anything, nothing is cut, nothing scrolls
// sideways.
import assert from 'node:assert/strict';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

/** As a phone's own setting does it: every size of type times `factor`, whatever unit it was written in. */
const enlarge = (page, factor) => page.evaluate((by) => {
  const every = [...document.querySelectorAll('body, body *')];
  for (const e of every) if (e.dataset.enlarged) { e.style.fontSize = ''; delete e.dataset.enlarged; }
  if (by === 1) return;
  for (const [e, px] of every.map((e) => [e, parseFloat(getComputedStyle(e).fontSize)])) {
    e.style.fontSize = `${px * by}px`;
    e.dataset.enlarged = 'yes';
  }
}, factor);

/** What is wrong with how it is laid out. */
const faults = (page) => page.evaluate(() => {
  const box = document.querySelector('.scroll');
  const found = [];
  if (box.scrollWidth > box.clientWidth) found.push(`scrolls sideways: ${box.scrollWidth} > ${box.clientWidth}`);
  const inside = (e, r) => r.width > 0 && e.textContent.trim() !== '' && getComputedStyle(e).visibility !== 'hidden';
  const leaves = [...document.querySelectorAll('.scroll *, .menu *')].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== '') && !e.closest('svg, .uplot, select, details:not([open]) > :not(summary)'));
  const rects = leaves.map((e) => {
    const all = [...e.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim() !== '').map((n) => {
      const range = document.createRange();
      range.selectNodeContents(n);
      return range.getBoundingClientRect();
    });
    const [left, top] = [Math.min(...all.map((r) => r.left)), Math.min(...all.map((r) => r.top))];
    const [right, bottom] = [Math.max(...all.map((r) => r.right)), Math.max(...all.map((r) => r.bottom))];
    return [e, { left, top, right, bottom, width: right - left, height: bottom - top }];
  }).filter(([e, r]) => inside(e, r));
  // A word or a number of usual length is never broken in two.
  for (const e of leaves) {
    for (const node of [...e.childNodes].filter((n) => n.nodeType === 3)) {
      for (const { 0: token, index } of node.textContent.matchAll(/(?<![\w:/.-])[A-Za-z0-9.]{2,12}(?![\w:/.-])/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + token.length);
        if (new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top))).size > 1) found.push(`broken: ${token} of ${e.textContent}`);
      }
    }
  }
  for (const [e, r] of rects) {
    if (e.closest('.tablebox') !== null) continue; // scrolls by itself
    if (r.right > innerWidth + 1) found.push(`out of the page: ${e.textContent}`);
    for (const [f, q] of rects) {
      if (e === f || e.contains(f) || f.contains(e) || (e.closest('.menu') === null) !== (f.closest('.menu') === null)) continue;
      const [w, h] = [Math.min(r.right, q.right) - Math.max(r.left, q.left), Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top)];
      const apart = e.closest('.reading') !== f.closest('.reading') ? -4 : 2; // px: a number and the next one's
      if (w > apart && h > Math.min(r.height, q.height) * 0.35) found.push(`overlap: ${e.textContent} | ${f.textContent}`);
    }
  }
  return [...new Set(found)].slice(0, 5);
});

async function turn(page, hash, wait) {
  await page.goto(`${s.bridge.url}#/${hash}`);
  await page.locator(wait).first().waitFor();
}

async function open(options, hash, wait) {
  const page = await s.phone(options);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await turn(page, hash, wait);
  return page;
}

const pages = [['', '.tomorrow'], ['plot/p:upper', '.chart[aria-busy=false] canvas'], ['pick/upper', '.booking'], ['alerts', '.alert'], ['season/upper', '.curves'], ['more', '.more .card']];
const places = [[26.5012, 107.9034], [26.5031, 107.9021], [26.5024, 107.9058], [26.4995, 107.9049]];

async function garden() {
  const plots = await s.gateway.garden(4);
  await s.gateway.put('site', s.gateway.site(plots.map((p, i) => ({ ...p, at: { lat: places[i][0], lon: places[i][1] } }))));
  await s.gateway.put('dev/node-4/live', s.gateway.live(30e3, { soil_moisture: 12 }, { soil_moisture: 'stuck' }));
  await s.gateway.put('plot/east-3/live', s.gateway.live(30e3, { soil_moisture: 12 }));
  await s.gateway.put('forecast', s.gateway.forecast());
  await s.gateway.put('alert/frost', s.gateway.alert());
  for (const [i, plot] of ['upper', 'creek', 'old', 'upper'].entries()) {
    const made = s.gateway.now() - i * 86400e3;
    s.gateway.ledger.set(`p${i}`, { id: `p${i}`, plot, day: new Date(made + 8 * 3600e3).toISOString().slice(0, 10), kg: 112.5, pickers: 12, made, at: made, by: 'aunt' });
  }
}

for (const lang of ['zh-CN', 'en-GB']) {
  test(`zoom: type of 100, 130 and 200 %, ${lang}, fits on 360 px`, async () => {
    await garden();
    const page = await open({ size: 'small', lang }, '', '.tomorrow');
    await page.setViewportSize({ width: 360, height: 4000 }); // what is out of sight has no height of its own
    for (const [hash, wait] of [...pages, ['map', '.spot'], ['devices', '.devices .card'], ['second', '.qr path']]) {
      await enlarge(page, 1);
      await turn(page, hash, wait);
      for (const factor of [1, 1.3, 2]) {
        await enlarge(page, factor);
        await shot(page, `zoom-${factor}-${lang.slice(0, 2)}-${hash.slice(0, 4) || 'home'}`, true);
        assert.deepEqual(await faults(page), [], `${hash} at ${factor}`);
      }
      for (const look of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme: look });
        await page.locator(`[data-theme=${look}]`).waitFor({ state: 'attached' });
        await enlarge(page, 1); // a look may draw anew
        await enlarge(page, 2);
        assert.deepEqual(await axe(page), [], `${hash} in the ${look} look`);
        await shot(page, `zoom-2-${look}-${lang.slice(0, 2)}-${hash.slice(0, 4) || 'home'}`, true);
      }
    }
  });
}

test('zoom: the words on the map grow, and none is cut nor over another', async () => {
  await garden();
  const page = await open({ size: 'small' }, 'map', '.spot');
  const seen = () => page.evaluate(() => {
    const ground = document.querySelector('.ground').getBoundingClientRect();
    const all = [...document.querySelectorAll('.spot .words, .spot .dot')].map((e) => [e.textContent, e.getBoundingClientRect()]);
    const out = all.filter(([, r]) => r.left < ground.left || r.right > ground.right || r.top < ground.top || r.bottom > ground.bottom).map(([text]) => text);
    const over = all.flatMap(([a, r], i) => all.slice(i + 1).filter(([, q]) => Math.min(r.right, q.right) - Math.max(r.left, q.left) > 2
      && Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top) > 2).map(([b]) => `${a} | ${b}`));
    return { out, over, words: document.querySelectorAll('.spot .words').length };
  });
  for (const factor of [1, 1.3, 2]) {
    await enlarge(page, factor);
    const found = await until('it is laid out anew', async () => { const now = await seen(); return now.out.length + now.over.length === 0 && now; });
    assert.ok(found.words >= 2, `${found.words} words at ${factor}`);
    await shot(page, `zoom-map-${factor}`);
  }
});

test('zoom: the chart’s own texts grow with the page’s, and are not cut', async () => {
  await garden();
  const page = await s.phone({ size: 'small' });
  await page.addInitScript(() => {
    window.drawn = [];
    const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function (...a) { window.drawn = []; return clearRect.apply(this, a); };
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
      const { width } = this.measureText(text);
      const at = this.getTransform().transformPoint({ x, y });
      const left = at.x - ({ right: width, center: width / 2 }[this.textAlign] ?? 0);
      window.drawn.push({ text: String(text), px: parseFloat(/([\d.]+)px/.exec(this.font)[1]), left, right: left + width, width: this.canvas.width });
      return fillText.call(this, text, x, y);
    };
  });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await turn(page, 'plot/p:upper', '.chart[aria-busy=false] canvas');
  const plain = await page.evaluate(() => ({ texts: window.drawn, high: document.querySelector('.u-over').clientHeight }));
  assert.ok(plain.texts.length >= 3 && plain.texts.every((d) => d.px === 15 || d.px === 14), JSON.stringify(plain.texts));
  for (const factor of [1.3, 2]) {
    await enlarge(page, factor);
    await until('the axes are drawn anew', () => page.evaluate((px) => window.drawn.length >= 3 && window.drawn.every((d) => d.px >= px), 13.9 * factor));
    const { texts, high } = await page.evaluate(() => ({ texts: window.drawn, high: document.querySelector('.u-over').clientHeight }));
    assert.deepEqual(texts.filter((d) => d.left < 0 || d.right > d.width).map((d) => d.text), [], `cut at ${factor}`);
    assert.ok(high >= plain.high - 4, `the curve keeps its height: ${high} of ${plain.high}`);
    await shot(page, `zoom-chart-${factor}`);
  }
});

test('zoom: on its side a phone shows the whole chart with its value', async () => {
  await garden();
  const page = await s.phone({ size: 'small' });
  await page.setViewportSize({ width: 740, height: 360 });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await turn(page, 'plot/p:upper', '.chart[aria-busy=false] canvas');
  await shot(page, 'zoom-landscape');
  const seen = await page.evaluate(() => {
    const [box, chart] = ['.scroll', '.chart canvas'].map((q) => document.querySelector(q).getBoundingClientRect());
    return (Math.min(box.bottom, chart.bottom) - chart.top) / chart.height;
  });
  assert.ok(await page.locator('.banner').isVisible(), 'beside an alert, too');
  assert.ok(seen >= 0.99, `${Math.round(seen * 100)} % of the chart`);
  assert.deepEqual(await faults(page), []);
});

/** The phone is turned, also where its browser fills the screen and has no window to be resized. */
async function turned(page, width, height) {
  page.screen ??= await page.context().newCDPSession(page);
  await page.screen.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
}

test('zoom: full screen on its side, a phone shows the chart and nothing else, until it is left', async () => {
  await garden();
  for (const [lang, dark, leave] of [['zh-CN', false, '退出全屏'], ['en-GB', true, 'Leave full screen']]) {
    const page = await open({ size: 'small', lang, dark }, 'plot/p:upper', '.chart[aria-busy=false] canvas');
    const before = await page.locator('.chart canvas').boundingBox();
    await page.getByRole('button', { name: lang === 'zh-CN' ? '全屏' : 'Full screen', exact: true }).tap();
    await turned(page, 740, 360);
    const whole = await page.waitForFunction(() => {
      const box = document.querySelector('.full').getBoundingClientRect();
      const chart = document.querySelector('.full .chart canvas').getBoundingClientRect();
      const over = document.elementFromPoint(10, innerHeight / 2).closest('.full') && document.elementFromPoint(innerWidth / 2, innerHeight - 3).closest('.full');
      return over && box.width === innerWidth && box.height === innerHeight && chart.width > innerWidth - 40 && chart.height > innerHeight * 0.6
        && chart.bottom <= innerHeight;
    });
    assert.ok(await whole.jsonValue());
    assert.deepEqual(await axe(page), []);
    await shot(page, `zoom-full-${lang}`);
    await page.getByRole('button', { name: leave }).tap();
    await turned(page, 360, 640);
    await page.locator('.full').waitFor({ state: 'detached' });
    await page.waitForFunction((height) => document.querySelector('.chart canvas').getBoundingClientRect().height === height, before.height);
    await page.context().close();
  }
});

test('zoom: on paper each page is whole and dark on white, and the menu is not there', async () => {
  await garden();
  const page = await open({ size: 'phone', dark: true }, '', '.tomorrow');
  for (const [hash, wait] of pages) {
    await page.emulateMedia({ media: 'screen', colorScheme: 'dark' });
    await turn(page, hash, wait);
    if (hash.startsWith('pick')) await page.locator('button.row').nth(3).waitFor();
    if (hash.startsWith('season')) await page.locator('.seasonpage table').nth(1).waitFor();
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await shot(page, `zoom-paper-${hash.slice(0, 4) || 'home'}`, true);
    const seen = await page.evaluate(() => {
      const high = (what) => [...document.querySelectorAll(what)].map((e) => e.getBoundingClientRect().height);
      const bright = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0);
      return {
        menu: getComputedStyle(document.querySelector('.menu')).display,
        cut: [...document.querySelectorAll('.scroll, .tablebox')].map((e) => (getComputedStyle(e).overflowY === 'visible' ? 0 : e.scrollHeight - e.clientHeight)).filter((px) => px > 1),
        rows: [...high('button.row'), ...high('.choices button')].filter((px) => px < 30),
        pale: [...document.querySelectorAll('main h1, main h2, main p, main td')].filter((e) => e.textContent && bright(getComputedStyle(e).color) > 420).map((e) => e.textContent),
      };
    });
    assert.deepEqual(seen, { menu: 'none', cut: [], rows: [], pale: [] }, hash);
  }
});

test('zoom: a chart of the dark look is printed in the ink of the light one, and is dark again', async () => {
  await garden();
  const page = await open({ dark: true }, 'plot/p:upper', '.chart[aria-busy=false] canvas');
  await page.evaluate(() => {
    /** Pixels of the curve in the light and in the dark look's green. */
    window.ink = () => {
      const canvas = document.querySelector('.chart canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const count = ([r, g, b]) => {
        let n = 0;
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) n += 1;
        }
        return n;
      };
      return { light: count([0x0b, 0x5d, 0x3b]), dark: count([0x7f, 0xd6, 0xa4]) };
    };
    addEventListener('beforeprint', () => queueMicrotask(() => { window.printed = window.ink(); })); // the chart's own is before
  });
  await page.pdf();
  const printed = await page.evaluate(() => window.printed);
  assert.ok(printed.light > 100 && printed.dark === 0, JSON.stringify(printed));
  const after = await page.evaluate(() => window.ink());
  assert.ok(after.dark > 100 && after.light === 0, JSON.stringify(after));
});
