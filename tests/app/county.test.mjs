// SPDX-License-Identifier: Apache-2.0
// The county's page in a browser: worst first, in both languages, on a phone, a tablet and a desk; and
// with labels that mean ill. The pictures are kept to be looked at.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CountyHost, NOW, detail, garden, hours } from './lib/county.mjs';
import { axe, launch, phone, shot } from './lib/phone.mjs';
import { until } from './lib/wait.mjs';

const EVIL = '<img src=x onerror="window.hurt=1">';
const many = Array.from({ length: 40 }, (_, i) => garden(`garden-${i + 1}`, { label: i % 3 ? null : `茶园 ${i + 1}`, region: i % 2 ? '北乡' : '南乡',
  lat: 26.5 + Math.sin(i * 1.7) * 0.12, lon: 107.9 + Math.cos(i * 2.3) * 0.2 }));
const gardens = [
  ...many,
  garden('north-2', { label: '北坡二号', seen: NOW - 26 * 3600e3, lat: 26.58, lon: 107.8 }),
  garden('creek', { label: '溪边', seen: NOW - 5 * 3600e3, seen_by: 'li', holes: 120, lat: 26.42, lon: 108.02, region: '南乡' }),
  garden('ridge', { label: '山脊上的老茶园和它旁边的新茶园', alarms: 1, watches: 2, lat: 26.55, lon: 108.08 }),
  garden('evil', { label: EVIL, region: EVIL, version: EVIL, watches: 1 }),
  garden('holes', { label: '下坡', holes: 40, gone: 3, aside: 12, backlog: 9000, month_bytes: null, version: null }),
];
const alerts = [
  { id: 'frost', level: 'alarm', what: 'frost: 1.2 °C', where: 'ridge', since: NOW - 3 * 3600e3, todo: 'cover the buds', zh: { what: '霜冻：1.2 °C', todo: '给茶芽盖膜' } },
  { id: 'x', level: 'watch', what: EVIL, where: EVIL, since: NOW - 3600e3, todo: EVIL }, 7, null,
];
const days = Array.from({ length: 20 }, (_, i) => ({ day: new Date(NOW - (18 - i) * 86400e3).toISOString().slice(0, 10),
  kg: i === 19 ? null : 800 + 60 * i, pickers: i === 19 ? null : 300, picked: i === 19 ? 0 : 42,
  low: i > 12 ? 900 : null, middle: i > 12 ? 1500 : null, high: i > 12 ? 2400 : null, expected: i > 12 ? 38 : 0 }));

const answers = () => ({
  gardens: { now: NOW, user: 'li', silent_s: 7200, regions: ['*'], gardens },
  garden: (url) => {
    const found = gardens.find((g) => g.site === url.searchParams.get('site'));
    return found ? detail(found, { alerts: found.site === 'ridge' || found.site === 'evil' ? alerts : [] }) : 404;
  },
  hours: hours(), days, logout: {}, seen: {}, login: {},
});

const sizes = { small: { width: 360, height: 740 }, tablet: { width: 768, height: 1024 }, desk: { width: 1280, height: 900 } };
let browser;
let host;
const pages = [];
before(async () => { browser = await launch(); });
after(() => browser?.close());
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
  host?.stop();
});

async function open(given, hash = '', { size = 'desk', lang = 'zh-CN', dark = false } = {}) {
  host = await new CountyHost(given).start();
  const page = await phone(browser, { lang, dark });
  pages.push(page);
  await page.setViewportSize(sizes[size]);
  await page.goto(`${host.url}#/${hash}`);
  return page;
}

const views = { gardens: ['', '.garden'], garden: ['garden/ridge', '.chart canvas'], silent: ['garden/north-2', '.silence button'], days: ['days', '.daybar'] };

const combos = { 'zh-CN': [['small', 'light'], ['desk', 'dark']], 'en-GB': [['small', 'dark'], ['tablet', 'light'], ['desk', 'light']] };
for (const [lang, screens] of Object.entries(combos)) {
  test(`county: in ${lang} all pages are readable and fit, on every screen, light and dark`, async () => {
    const page = await open(answers(), '', { lang });
    for (const [what, [hash, wait]] of Object.entries(views)) {
      await page.goto(`${host.url}#/${hash}`);
      for (const [size, look] of screens) {
        await page.emulateMedia({ colorScheme: look });
        await page.setViewportSize(sizes[size]);
        await page.locator(wait).first().waitFor({ state: 'attached' });
        if (what === 'garden') {
          await page.waitForFunction(() => {
            const [chart, card] = ['.chart canvas', '.chartcard'].map((q) => document.querySelector(q)?.getBoundingClientRect());
            return chart && chart.bottom < card.bottom && chart.right <= card.right; // the curve lies in its card
          });
        }
        assert.deepEqual(await axe(page), [], `${what} ${size} ${look}`);
        const wider = await page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth,
          ...[...document.querySelectorAll('.scroll')].map((box) => box.scrollWidth - box.clientWidth)));
        assert.ok(wider <= 0, `${what} ${size} is ${wider} px too wide`);
        await shot(page, `county-${size}-${lang.slice(0, 2)}-${what}`, what === 'garden');
      }
    }
    assert.deepEqual(page.problems, []);
  });
}

test('county: the worst stands first, and each says what is wrong', async () => {
  const page = await open(answers());
  await page.locator('.garden').first().waitFor();
  const names = await page.locator('.garden .names b').allTextContents();
  assert.deepEqual(names.slice(0, 3), ['北坡二号', '溪边', '山脊上的老茶园和它旁边的新茶园']);
  assert.deepEqual(new Set(names.slice(3, 5)), new Set([EVIL, '下坡']));
  assert.match(await page.locator('.garden').nth(0).textContent(), /已 26 小时没有消息/);
  assert.match(await page.locator('.garden').nth(1).textContent(), /li 已知道.*缺 120 条/);
  assert.deepEqual(await page.locator('.summary b').allTextContents(), ['2', '1', '2', '40', '45']);
  await page.locator('.summary .is-alarm').click();
  await until('those with an alarm', async () => (await page.locator('.garden').count()) === 1);
  await page.locator('.summary .is-alarm').click();
  await page.locator('select').selectOption('南乡');
  await page.locator('input[type=search]').fill('溪');
  await until('the one of that name', async () => (await page.locator('.garden .names b').allTextContents()).join() === '溪边');
});

test('county: labels and alerts that mean ill are texts', async () => {
  const page = await open(answers(), 'garden/evil');
  await page.locator('.chart canvas').waitFor();
  assert.match(await page.locator('h1').textContent(), /<img/);
  await page.goto(`${host.url}#/`);
  await page.locator('.garden').first().waitFor();
  assert.equal(await page.locator('.garden img, h1 img').count(), 0);
  assert.equal(await page.evaluate(() => window.hurt), undefined);
  assert.deepEqual(page.problems, []);
});

test('county: who is not logged in sees the login, and why it did not work', async () => {
  const given = { ...answers(), gardens: 401, login: 401 };
  const page = await open(given);
  const go = async () => {
    await page.locator('input[name=user]').fill('li');
    await page.locator('input[name=password]').fill('secret tea');
    await page.locator('button[type=submit]').click();
  };
  await go();
  await page.getByText('用户名或密码不对').waitFor();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'county-login');
  given.login = 429;
  await go();
  await page.getByText('请过 7 秒再试').waitFor();
  Object.assign(given, answers());
  await go();
  await page.locator('.garden').first().waitFor();
  given.gardens = 401;
  await page.getByRole('button', { name: '退出' }).click();
  await page.locator('input[name=user]').waitFor();
  assert.ok(host.asked.includes('POST logout'));
});

test('county: a silence is noted as seen', async () => {
  const page = await open(answers(), 'garden/north-2');
  await page.getByRole('button', { name: '知道了' }).click();
  await until('it is told', () => host.asked.includes('POST seen'));
});

test('county: 5,000 gardens open, and the worst of them is there', async () => {
  const given = answers();
  given.gardens.gardens = [...Array.from({ length: 5000 }, (_, i) => garden(`g-${i}`, { lat: 26 + (i % 71) / 60, lon: 107 + (i % 97) / 60 })),
    garden('worst', { label: '最差', seen: NOW - 90 * 3600e3, lat: 26.5, lon: 107.5 })];
  const page = await open(given);
  await page.getByText('最差').first().waitFor();
  assert.equal(await page.locator('ul.gardens > li').count(), 100);
  await page.getByRole('button', { name: /再看 100 个/ }).click();
  await until('a hundred more', async () => (await page.locator('ul.gardens > li').count()) === 200);
});
