// SPDX-License-Identifier: Apache-2.0
// "So many come tomorrow": said, changed, said without network, refused, too late.
import assert from 'node:assert/strict';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;
const DAY_MS = 86400e3;
const dayOf = (ms) => new Date(ms + 8 * 3600e3).toISOString().slice(0, 10);
const bookings = () => s.gateway.asked.filter((a) => a.method === 'pick').map((a) => a.params);

/** A forecast that knows the crew: three kilograms each. */
function forecastFor(crew) {
  const f = s.gateway.forecast();
  for (const [plot, n] of Object.entries(crew)) f.plots[plot].pick_kg = [2 * n, 3 * n, 4 * n];
  return f;
}

const open = async (options, hash = '', keep = false) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url, 'farmer', keep);
  await page.locator('.tile.live').first().waitFor();
  if (hash) await page.goto(`${s.bridge.url}#/${hash}`);
  return page;
};
const of = (page, label) => page.locator('.booking', { hasText: label });

test('book: who comes tomorrow is two taps on the first screen, and the estimate follows', async () => {
  await s.gateway.garden(2);
  const crew = {};
  s.gateway.answers.pick = ({ plot, pickers }) => {
    crew[plot] = pickers;
    void s.gateway.put('forecast', forecastFor(crew));
    return { ok: true };
  };
  await s.gateway.put('forecast', s.gateway.forecast());
  const page = await open({ size: 'small' });
  await page.locator('.tomorrow .big', { hasText: '24–48' }).waitFor();
  await page.locator('.ask', { hasText: '几个人来采？' }).tap();
  await of(page, '上坡').getByRole('button', { name: '约 4 人' }).tap(); // as many as there is work for
  await of(page, '上坡').getByText('已送达 ✓').waitFor();
  await page.locator('.tomorrow .big', { hasText: '28–56' }).waitFor();
  const [said] = bookings();
  const tomorrow = dayOf(s.gateway.now() + DAY_MS);
  assert.ok(Math.abs(said.made - s.gateway.now()) < 60e3);
  delete said.made;
  assert.deepEqual(said, { id: `book-upper-${tomorrow}`, plot: 'upper', day: tomorrow, kg: 0, pickers: 4,
    expires: Date.parse(`${tomorrow}T00:00:00+08:00`) - 1000 });
  await page.locator('.ask', { hasText: '约了 4 人' }).getByText('1/2 块地').waitFor();
  assert.equal(bookings().length, 1);
  assert.deepEqual(page.problems, []);
  await shot(page, 'book-home', true);
});

test('book: who changes their mind replaces what was said', async () => {
  await s.gateway.garden(2);
  await s.gateway.put('forecast', s.gateway.forecast());
  const page = await open({}, 'pick/upper');
  const card = page.locator('.booking');
  await card.getByRole('button', { name: '约 4 人' }).tap();
  await card.getByText('约了 4 人').waitFor();
  await card.getByRole('button', { name: '增加' }).tap();
  await card.getByRole('button', { name: '增加' }).tap();
  await card.getByRole('button', { name: '约 6 人' }).tap();
  await card.getByText('约了 6 人').waitFor();
  await card.getByText('已送达 ✓').waitFor();
  await card.locator('input').fill('0');
  await card.getByRole('button', { name: '没人来' }).tap();
  await card.getByText('约了 0 人').waitFor();
  await until('all three arrived', () => bookings().length === 3);
  assert.deepEqual(bookings().map((p) => p.pickers), [4, 6, 0]);
  assert.equal(new Set(bookings().map((p) => p.id)).size, 1, 'the gateway puts each in the place of the one before');
  await page.locator('#picklog + ul li', { hasText: '上坡：约了 0 人' }).waitFor();
  assert.equal(await page.locator('#picklog + ul li').count(), 1);
});

test('book: without network it waits on the phone; only the last word is sent', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  const page = await open({}, '', true);
  s.bridge.cut(false);
  await page.locator('.mood-bad').waitFor();
  await page.locator('.ask').tap();
  await of(page, '上坡').locator('.primary').tap();
  await page.locator('.ask').getByText('待发送 …').waitFor();
  await page.reload(); // switched off in between; the files are still served
  await page.locator('.ask', { hasText: '约了 4 人' }).getByText('待发送 …').waitFor();
  await page.locator('.ask').tap();
  await of(page, '上坡').getByRole('button', { name: '减少' }).tap();
  await of(page, '上坡').getByRole('button', { name: '约 3 人' }).tap();
  await page.locator('.ask', { hasText: '约了 3 人' }).getByText('待发送 …').waitFor();
  await shot(page, 'book-offline', true);
  assert.deepEqual(bookings(), []);
  s.bridge.open = true;
  await page.locator('.ask', { hasText: '约了 3 人' }).getByText('已送达 ✓').waitFor();
  assert.deepEqual(bookings().map((p) => p.pickers), [3]);
});

test('book: a number that changes while the answer to the old one is on its way is sent, too', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  let answer;
  const first = new Promise((resolve) => { answer = () => resolve({ ok: true }); });
  s.gateway.answers.pick = () => (bookings().length === 1 ? first : { ok: true });
  const page = await open({}, 'pick/upper');
  const card = page.locator('.booking');
  await card.locator('.primary').tap();
  await until('the first is with the gateway', () => bookings().length === 1);
  await card.getByRole('button', { name: '增加' }).tap();
  await card.getByRole('button', { name: '约 5 人' }).tap();
  await card.getByText('约了 5 人').waitFor();
  answer();
  await card.getByText('已送达 ✓').waitFor();
  assert.deepEqual(bookings().map((p) => p.pickers), [4, 5]);
  await card.getByText('约了 5 人').waitFor();
});

test('book: what the gateway refuses is said, and can be said again', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  s.gateway.answers.pick = () => ({ error: { code: 'unknown', message: 'there is no such plot', hint: '' } });
  const page = await open({}, '', true);
  await page.locator('.ask').tap();
  await of(page, '上坡').locator('.primary').tap();
  await page.getByText('主机没有接受：there is no such plot').waitFor();
  await page.locator('.ask').getByText('没有接受 ✗').waitFor();
  await page.locator('.ask', { hasText: '几个人来采？' }).waitFor(); // what is refused is not booked
  assert.deepEqual(await axe(page), []);
  await shot(page, 'book-refused', true);
  s.gateway.answers.pick = () => ({ ok: true });
  await of(page, '上坡').locator('.primary').tap();
  await page.locator('.ask', { hasText: '约了 4 人' }).getByText('已送达 ✓').waitFor();
});

test('book: one that comes too late is never sent again', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  s.gateway.answers.pick = () => ({ error: { code: 'expired', message: 'the request came too late', hint: 'send it anew' } });
  const page = await open({}, 'pick/upper', true);
  await page.locator('.booking .primary').tap();
  await page.locator('#picklog + ul').getByText('没赶上').waitFor();
  s.gateway.answers.pick = () => ({ ok: true });
  await page.locator('.pickbutton').tap(); // this sends all that waits, the oldest first
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存到主机 ✓').waitFor();
  assert.deepEqual(bookings().map((p) => p.kg > 0), [false, true]);
});

test('book: the gateway that comes back gets what it missed, without a new connection', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  await s.gateway.put('gateway/status', 'offline');
  s.gateway.answers.pick = () => ({ error: { code: 'unavailable', message: 'the store is away', hint: '' } });
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.ask').tap();
  await of(page, '上坡').locator('.primary').tap();
  await until('it was tried', () => bookings().length === 1);
  await page.locator('.ask').getByText('待发送 …').waitFor();
  s.gateway.answers.pick = () => ({ ok: true });
  await s.gateway.online();
  await page.locator('.ask').getByText('已送达 ✓').waitFor();
});

test('book: on its day it is the number that the pick begins with, and no pick', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('forecast', s.gateway.forecast(['upper']));
  const page = await open({}, 'pick/upper', true);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform input[name=pickers]').fill('3');
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存到主机 ✓').waitFor();
  await page.locator('.booking input').fill('7');
  await page.locator('.booking .primary').tap();
  await page.locator('.booking').getByText('已送达 ✓').waitFor();
  s.gateway.ahead = DAY_MS; // a night is over
  await page.reload();
  await page.locator('.booking').getByText('还没约').waitFor();
  await page.locator('.booking').getByRole('button', { name: '约 7 人' }).waitFor(); // as many as last time
  await page.locator('#picklog + ul').getByText('约了 7 人').waitFor();
  await page.locator('.pickbutton').tap();
  assert.equal(await page.locator('.pickform input[name=pickers]').inputValue(), '7');
  assert.equal(await page.locator('.pickform input[name=weight]').inputValue(), '18');
  s.gateway.ahead = 2 * DAY_MS;
  const f = s.gateway.forecast(['upper']);
  Object.assign(f.plots.upper, { pick_kg: null, why: 'two days later' });
  await s.gateway.put('forecast', f);
  await page.goto(`${s.bridge.url}#/`);
  await page.reload();
  await page.locator('.tomorrow').getByText('two days later').waitFor();
  await page.locator('.tomorrow').getByText('采了 18 斤，3 人').waitFor();
});

test('book: nobody is asked while nothing grows', async () => {
  await s.gateway.garden(1);
  const f = s.gateway.forecast(['upper']);
  Object.assign(f.plots.upper, { pick_kg: null, ready_kg: null, pickers: null, why: 'the season of spring tea is over', why_zh: '春茶季已经过了' });
  await s.gateway.put('forecast', f);
  const page = await open();
  await page.getByText('春茶季已经过了').waitFor();
  assert.equal(await page.locator('.ask').count(), 0);
  Object.assign(f.plots.upper, { ready_kg: [8, 12, 17], why: 'nobody has said', why_zh: '不知道来几个人采' });
  await s.gateway.put('forecast', f);
  await page.locator('.ask').waitFor();
});

for (const [size, lang, dark] of [['small', 'zh-CN', false], ['small', 'en-GB', true], ['phone', 'zh-CN', true], ['tablet', 'en-GB', false]]) {
  test(`book: ${size} ${lang.slice(0, 2)} ${dark ? 'dark' : 'light'}: it fits, and a gloved finger hits it`, async () => {
    await s.gateway.garden(5);
    await s.gateway.put('forecast', s.gateway.forecast(['upper', 'creek', 'old']));
    const page = await open({ size, lang, dark });
    await page.locator('.ask').tap();
    await page.locator('.booking input').first().fill('120');
    await page.locator('.booking .primary').first().tap();
    await page.locator('.booking .pill.fine').waitFor();
    for (const where of ['', 'pick/upper']) {
      await page.goto(`${s.bridge.url}#/${where}`);
      if (where === '') await page.locator('.ask').waitFor();
      if (where === '' && await page.locator('.booking').count() === 0) await page.locator('.ask').tap();
      await page.locator('.booking').first().waitFor();
      assert.deepEqual(await axe(page), [], where);
      const seen = await page.evaluate(() => {
        const box = document.querySelector('.scroll');
        const touched = [...document.querySelectorAll('.ask, .booking button, .booking input')].map((e) => e.getBoundingClientRect());
        const texts = [...document.querySelectorAll('.ask, .ask *, .booking *')].filter((e) => e.textContent.trim() !== '' || e.value);
        return {
          wider: box.scrollWidth - box.clientWidth,
          touch: Math.min(...touched.flatMap((r) => [r.width, r.height])),
          text: Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize))),
          cut: texts.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map((e) => e.textContent),
        };
      });
      assert.ok(seen.wider <= 0 && seen.touch >= 48 && seen.text >= 14 && seen.cut.length === 0, `${where} ${JSON.stringify(seen)}`);
      await shot(page, `book-${size}-${lang.slice(0, 2)}-${where.slice(0, 4) || 'home'}`, true);
    }
    assert.deepEqual(page.problems, []);
  });
}
