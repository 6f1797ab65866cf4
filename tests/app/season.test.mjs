// SPDX-License-Identifier: Apache-2.0
// The season beside the last one, and the table for the co-operative.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;
const YEAR = 2026;
const day = (d, year = YEAR) => Date.UTC(year, 0, 1) + d * 86400e3 - 8 * 3600e3;

/** It is noon of the 10th of April; `warmer` by last year. */
async function dress() {
  s.gateway.ahead = Date.UTC(YEAR, 3, 10, 4) - Date.now();
  await s.gateway.garden(2);
  await s.gateway.put('forecast', { ...s.gateway.forecast(), plots: Object.fromEntries(['upper', 'creek'].map((name) => [name,
    { ...s.gateway.forecast().plots.upper, share_ready: 0.4, share_spread: 28 }])) });
  s.gateway.answers.history = (p) => {
    const out = { t: [], n: [], min: [], mean: [], max: [], next: null };
    if (p.step !== 'day') return out;
    if (p.metric === 'rainfall') out.sum = [];
    for (let t = p.from; t < p.to; t += 86400e3) {
      const year = new Date(t + 8 * 3600e3).getUTCFullYear();
      const mean = p.metric === 'rainfall' ? 2 : year === YEAR ? 12 : 13;
      out.t.push(t);
      out.n.push(24);
      out.min.push(t === day(40) || t === day(41) ? 1.5 : 6);
      out.mean.push(mean);
      out.max.push(mean + 6);
      out.sum?.push(2);
    }
    return out;
  };
  const note = (id, d, plot, kg, by) => s.gateway.ledger.set(id, { id, plot, day: d, kg, pickers: 3, made: s.gateway.now(), at: s.gateway.now(), by });
  note('a', `${YEAR}-03-21`, 'upper', 12.5, 'aunt');
  note('b', `${YEAR}-03-22`, 'upper', 10, 'farmer');
  note('c', `${YEAR}-03-22`, 'creek', 4, 'farmer');
  note('d', `${YEAR - 1}-03-28`, 'upper', 30, 'aunt');
  s.gateway.answers.said = (p) => ({ next: null, said: p.plot === 'upper' && p.from.startsWith(`${YEAR}`) ? [['21', [8, 11.5, 15]], ['22', [14, 16, 20]], ['23', [1, 2, 3]]].map(
    ([d, kg]) => ({ day: `${YEAR}-03-${d}`, at: 1, program: '1.0.0', kg, booked: null })) : [] });
  const page = s.gateway.page.bind(s.gateway);
  s.gateway.answers.picks = (p) => { const all = page(p); return { ...all, picks: all.picks.filter((x) => !p.to || x.day <= p.to) }; };
}

for (const [lang, words] of [['zh-CN', { season: /这一季/, first: /3月21日.*3月28日/, csv: '给合作社的表（CSV）', name: '上坡', right: /2026：误差不超过 5\.6 斤 的有 1 天（共 2 天）/, table: '每天的数' }],
  ['en-GB', { season: /The season/, first: /21 Mar.*28 Mar/, csv: 'Table for the co-operative (CSV)', name: '上坡',
    right: /2026: right within 5\.6 jin on 1 of 2 days/, table: 'Each day’s numbers' }]]) {
  test(`season: two taps show it beside the last one (${lang})`, async () => {
    await dress();
    const page = await s.phone({ size: 'small', lang });
    await login(page, s.bridge.url);
    await page.locator('.tile.live').first().waitFor();
    await page.locator('nav a').nth(1).tap();
    await page.getByRole('link', { name: words.season }).tap();
    await page.locator('.curves').nth(1).waitFor();
    const rows = await page.locator('.yearfacts tbody tr').allTextContents();
    assert.match(rows[0], words.first);
    assert.match(rows[1], /4560$/, 'this season’s 22.5 kg and last one’s 30 kg, in jin');
    assert.match(rows[2], /200\.0730\.0$/, 'a hundred days of 2 mm, and the whole year before');
    assert.match(rows[3], /20$/, 'two frost nights, and none');
    const warmth = await page.locator('.curves').first().locator('[role=img]').getAttribute('aria-label');
    assert.match(warmth, new RegExp(`${YEAR} 200.*${YEAR - 1} 600`), 'of 100 days 2 a day, of the whole season before 3');
    assert.match(await page.locator('.curves').nth(1).locator('[role=img]').getAttribute('aria-label'), new RegExp(`${YEAR} 40 %`));
    assert.equal(await page.locator('.curves').first().locator('path').count(), 2);
    assert.match(await page.locator('.said [role=img]').getAttribute('aria-label'), words.right, 'of 11.25 kg a day; off by 1 and by 6');
    assert.equal(await page.locator('.said .dot').count(), 2, 'the days that were said and picked');
    await page.getByText(words.table).tap();
    assert.deepEqual(await page.locator('.said tbody tr').allTextContents(), ['03-2228–4020', '03-2116–3025']);
    const wide = await page.evaluate(() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth; });
    assert.ok(wide <= 0, `${wide} px too wide`);
    assert.deepEqual(await axe(page), []);
    await shot(page, `season-${lang}`, true);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: words.csv }).tap()]);
    const lines = readFileSync(await file.path(), 'utf8').trim().split('\r\n').slice(1);
    assert.deepEqual(lines.map((l) => l.split(',').slice(0, 4).join()), [`${YEAR}-03-21,上坡,12.5,3`, `${YEAR}-03-22,溪边,4,3`, `${YEAR}-03-22,上坡,10,3`]);
    assert.deepEqual(page.problems, []);
  });
}

for (const [lang, words] of [['zh-CN', { ask: /数一数芽/, title: /数芽/, save: '记下', done: '记下了 ✓', row: /04-10 每框 14\.0 个/, remove: '删除 2026-04-10' }],
  ['en-GB', { ask: /count shoots/, title: /Ready shoots/, save: 'Note', done: 'Noted ✓', row: /04-10: 14\.0 a frame/, remove: 'Delete 2026-04-10' }]]) {
  test(`season: ready shoots are counted, corrected and deleted (${lang})`, async () => {
    await dress();
    const { upper } = s.gateway.forecast().plots;
    await s.gateway.put('forecast', { ...s.gateway.forecast(), plots: { upper: { ...upper, ready_kg: null } } });
    const kept = new Map();
    s.gateway.answers.counts = (p) => ({ counts: [...kept.values()].filter((c) => c.plot === p.plot), next: null });
    s.gateway.answers.count = (p, user) => { kept.set(p.id, { ...p, by: user, at: p.made }); return { ok: true }; };
    s.gateway.answers.count_delete = (p) => { kept.delete(p.id); return { ok: true }; };
    const page = await s.phone({ size: 'small', lang });
    await login(page, s.bridge.url);
    await page.locator('.tile.live').first().waitFor();
    await page.locator('nav a').nth(1).tap();
    await page.getByRole('link', { name: words.ask }).tap();
    const card = page.locator('.counting');
    await card.getByText(words.title).waitFor();
    await card.locator('input[name=shoots]').fill('45');
    await card.getByRole('button', { name: words.save, exact: true }).tap();
    await card.getByText(words.done).waitFor();
    await card.locator('input[name=shoots]').fill('42');
    await card.getByRole('button', { name: words.save, exact: true }).tap();
    await card.locator('li').filter({ hasText: words.row }).waitFor(); // before the gateway has it
    await until('corrected', () => [...kept.values()].some((c) => c.shoots === 14));
    assert.deepEqual([...kept.values()].map((c) => [c.plot, c.day, c.shoots, c.frames]), [['upper', `${YEAR}-04-10`, 14, 3]]);
    const wide = await page.evaluate(() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth; });
    assert.ok(wide <= 0, `${wide} px too wide`);
    assert.deepEqual(await axe(page), []);
    await shot(page, `counting-${lang}`, true);
    await card.getByRole('button', { name: words.remove }).tap();
    await until('deleted', () => kept.size === 0);
    await card.locator('li').waitFor({ state: 'detached' });
    assert.deepEqual(page.problems, []);
  });
}

test('season: shoots counted without a network wait on the phone, and are sent when there is one', async () => {
  await dress();
  const { upper } = s.gateway.forecast().plots;
  await s.gateway.put('forecast', { ...s.gateway.forecast(), plots: { upper: { ...upper, ready_kg: null } } });
  const kept = new Map([['old', { id: 'old', plot: 'upper', day: `${YEAR}-04-03`, shoots: 9, frames: 3, by: 'aunt', made: 1, at: 1 }]]);
  s.gateway.answers.counts = () => ({ counts: [...kept.values()], next: null });
  s.gateway.answers.count = (p, user) => { kept.set(p.id, { ...p, by: user, at: p.made }); return { ok: true }; };
  s.gateway.answers.count_delete = (p) => { kept.delete(p.id); return { ok: true }; };
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  s.bridge.cut(false);
  await page.locator('.mood-bad').waitFor();
  await page.evaluate(() => { location.hash = '#/season/upper'; });
  const card = page.locator('.counting');
  const note = async (sum) => {
    await card.locator('input[name=shoots]').fill(sum);
    await card.getByRole('button', { name: '记下', exact: true }).tap();
  };
  await note('45');
  await card.getByText('已记下，有网络时自动发送').waitFor();
  await note('42'); // another number takes its place
  await card.locator('li', { hasText: '04-10 每框 14.0 个' }).getByText('待发送 …').waitFor();
  assert.equal(await card.locator('li').count(), 1);
  assert.equal(s.gateway.asked.filter((a) => a.method === 'count').length, 0);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'counting-offline', true);
  s.bridge.open = true;
  await until('it is sent', () => kept.size === 2);
  await card.getByText('待发送 …').waitFor({ state: 'detached' });
  assert.equal(s.gateway.asked.filter((a) => a.method === 'count').length, 1, 'the last word alone');
  await until('both are listed', async () => (await card.locator('li').count()) === 2);
  await page.locator('nav a').nth(1).tap();
  await page.locator('#picklog').waitFor();
  await until('the notes of picking are listed, and no count among them', async () => (await page.locator('#picklog + ul li').count()) === 3);
});

test('season: a plot that is due for water and is left to the rain says so', async () => {
  await dress();
  const out = (devices, label) => ({ device: 'relay', label: '继电器', name: 'out-1', state: 'off', why: 'rain is forecast', failed: false,
    waits: { action: 'water', label, rain_mm: 6.25, devices } });
  s.gateway.answers.actions = () => ({ outputs: [out(['elsewhere'], '别处'), out([], '早上浇水'), { device: 'relay', label: '', name: 'out-2', state: 'on', why: 'its rule holds', failed: false }] });
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${s.bridge.url}#/plot/p:upper`);
  await page.getByText('早上浇水：预报有雨 6.3 毫米，先不浇').waitFor();
  assert.equal(await page.getByText('先不浇').count(), 1);
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.problems, []);
});

test('season: what is picked in autumn is counted and in the table, this year and the last', async () => {
  await dress();
  s.gateway.ahead = Date.UTC(YEAR, 9, 10, 4) - Date.now(); // the 10th of October
  for (const year of [YEAR, YEAR - 1]) {
    s.gateway.ledger.set(`autumn-${year}`, { id: `autumn-${year}`, plot: 'upper', day: `${year}-09-20`, kg: 7.5, pickers: 2, made: s.gateway.now(), at: s.gateway.now(), by: 'aunt' });
  }
  await s.gateway.garden(2);
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${s.bridge.url}#/season/upper`);
  await page.locator('.yearfacts tbody tr').first().waitFor();
  assert.match((await page.locator('.yearfacts tbody tr').allTextContents())[1], /6075$/, '22.5 and 7.5 kg, 30 and 7.5 kg, in jin');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '给合作社的表（CSV）' }).tap()]);
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\r\n');
  assert.equal(lines[lines.length - 1], `${YEAR}-09-20,上坡,7.5,2,aunt`);
});

test('season: without a network, and with nothing picked, it says so', async () => {
  await dress();
  s.gateway.ledger.clear();
  const page = await s.phone();
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${s.bridge.url}#/season`);
  await page.getByText('这一季还没有采摘记录').waitFor();
  await s.bridge.stop();
  await page.goto(`${s.bridge.url}#/season/creek`).catch(() => {});
  await until('it says that there is no network', async () => (await page.getByText('没有网络，不能读取历史数据').count()) > 0 || (await page.locator('.yearfacts').count()) > 0);
});

test('season: how right it was stands beside the best rule, and that one’s number while it is no worse', async () => {
  await dress();
  const plots = (skill) => Object.fromEntries(['upper', 'creek'].map((name) => [name, { ...s.gateway.forecast().plots.upper, pick_kg: [6, 9, 12], rule_kg: 8, by: 'forecast',
    score: { days: 12, mae_kg: 1.5, skill, coverage: 0.84, kept_days: 12, near_kg: 2, near_days: 9, rule: 'picker', rule_mae_kg: 1.3 } }]));
  await s.gateway.put('forecast', { ...s.gateway.forecast(), plots: { ...plots(0.2), upper: plots(-0.15).upper } });
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.locator('.tomorrow').getByText('老办法：34 斤').waitFor(); // 8 kg of the one, 9 of the other
  await page.goto(`${s.bridge.url}#/pick/upper`);
  await page.getByText('本季误差不超过 4 斤 的有 9 天（共 12 天）').waitFor();
  await page.getByText('平均差 3 斤；每人采多少 × 人数：平均差 2.6 斤').waitFor();
  await page.getByText('它说明天 16 斤').waitFor();
  await page.locator('.plotpick select').selectOption('creek');
  await page.getByText('它说明天').waitFor({ state: 'detached' }); // there the forecast was better
  await page.getByText('平均差 3 斤；每人采多少 × 人数：平均差 2.6 斤').waitFor();
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.problems, []);
});

test('season: the nights after tonight stand on the first page with the age of their forecast', async () => {
  await dress();
  const night = (d) => Date.UTC(YEAR, 3, d, 22);
  await s.gateway.put('forecast', { ...s.gateway.forecast(), ahead: { made: Date.UTC(YEAR, 3, 10, 1, 30), nights: [{ at: night(11), min_c: 1.46 }, { at: night(12), min_c: 7 }] } });
  const page = await s.phone({ size: 'small' });
  await login(page, s.bridge.url);
  await page.getByText('09:30 的天气预报').waitFor();
  assert.deepEqual(await page.locator('.nights li').allTextContents(), ['4月12日最低 1.5 °C ↓', '4月13日最低 7.0 °C']);
  assert.deepEqual(await axe(page), []);
  await s.gateway.put('forecast', { ...s.gateway.forecast(), ahead: null });
  await page.locator('.nights').waitFor({ state: 'detached' });
  assert.deepEqual(page.problems, []);
});
