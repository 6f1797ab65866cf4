// SPDX-License-Identifier: Apache-2.0
// Alerts as a grower meets them: what to do first, one tap for all, a grey strip while it lasts, the
// seasons behind, and a tile that agrees with the banner.
import assert from 'node:assert/strict';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

const frost = (more = {}) => s.gateway.alert('Frost: air temp. 1.6 °C', { rule: 'frost', where: 'garden', place: 'upper, creek', value: 1.6, extreme: 0.8,
  unit: '°C', todo: 'protect the buds', zh: { what: '霜冻：气温 1.6 °C', place: '上坡、溪边', todo: '马上防霜：盖膜' }, ...more });
const silent = (more = {}) => s.gateway.alert('no answer', { level: 'watch', where: 'node-1', zh: { what: '没有应答', todo: '检查它的供电' }, ...more });
const open = async (options) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  return page;
};
/** As the gateway: who has seen it stands in the topic. */
const answerAcks = (alerts) => {
  s.gateway.answers.ack = async ({ id }, user) => {
    await s.gateway.put(`alert/${id}`, { ...alerts[id], acked_by: user, acked_ts: s.gateway.now() });
    return { ok: true };
  };
};

test('alerts: what to do is the first and largest of a card, and one card stands for one cause', async () => {
  await s.gateway.garden(2);
  await s.gateway.put('alert/frost-garden', frost());
  const page = await open({ size: 'small' });
  await page.locator('.banner a').tap();
  const card = page.locator('.card.alert');
  await card.waitFor();
  assert.equal(await card.count(), 1);
  assert.equal(await card.locator('h2').textContent(), '马上防霜：盖膜');
  for (const word of ['上坡、溪边', '霜冻：气温 1.6 °C', '最严重时 0.8 °C']) await card.getByText(word).waitFor();
  const [first, largest] = await card.evaluate((e) => {
    const size = (x) => parseFloat(getComputedStyle(x).fontSize);
    const texts = [...e.querySelectorAll('*')].filter((x) => x.children.length === 0 && x.textContent.trim() !== '');
    return [size(e.querySelector('h2')), Math.max(...texts.map(size))];
  });
  assert.equal(first, largest);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'alerts-card', true);
});

test('alerts: a small phone says the whole of the worst of two, where it is and how much', async () => {
  await s.gateway.garden(2);
  await s.gateway.put('alert/frost-garden', frost({ what: 'Frost: air temperature -1.4 °C, below 0 °C', value: -1.4,
    zh: { what: '霜冻：气温 -1.4 °C，低于 0 °C', place: '上坡、溪边', todo: '马上防霜：盖膜' } }));
  await s.gateway.put('alert/silent-node-1', silent());
  for (const [lang, words] of [['zh-CN', ['上坡、溪边', '-1.4 °C，低于 0 °C', '2 条告警']], ['en-GB', ['upper, creek', '-1.4 °C, below 0 °C', '2 alerts']]]) {
    const page = await open({ size: 'small', lang });
    const clip = page.locator('[role=alert].banner .clip');
    for (const word of words) await clip.getByText(word).waitFor();
    const [needed, has, wide, width] = await clip.evaluate((e) => [e.scrollHeight, e.clientHeight, e.scrollWidth, e.clientWidth]);
    assert.ok(needed <= has + 1 && wide <= width + 1, `${lang}: ${needed} of ${has} px high, ${wide} of ${width} wide`);
    const banner = await page.locator('[role=alert].banner').boundingBox();
    assert.ok(banner.height <= 160, `${banner.height} px of 640`);
    await shot(page, `alerts-banner-${lang}`);
    await page.context().close();
  }
});

test('alerts: one tap on the first screen acknowledges everything for everybody', async () => {
  const all = { 'frost-garden': frost(), 'silent-node-1': silent() };
  await s.gateway.garden(2);
  for (const [id, body] of Object.entries(all)) await s.gateway.put(`alert/${id}`, body);
  answerAcks(all);
  const [mine, theirs] = [await open({ size: 'small' }), await open({ lang: 'en-GB' })];
  await theirs.locator('[role=alert].banner').waitFor();
  await mine.getByRole('button', { name: '全部知道了' }).tap(); // the one tap
  for (const page of [mine, theirs]) {
    await page.locator('[role=alert].banner').waitFor({ state: 'detached' });
    await page.locator('.banner.seen').waitFor();
  }
  assert.deepEqual(s.gateway.asked.filter((a) => a.method === 'ack').map((a) => a.params.id).sort(), ['frost-garden', 'silent-node-1']);
});

test('alerts: all seen is one tap on their page, too, and says what was refused', async () => {
  const all = { 'frost-garden': frost(), 'silent-node-1': silent() };
  await s.gateway.garden(2);
  for (const [id, body] of Object.entries(all)) await s.gateway.put(`alert/${id}`, body);
  s.gateway.answers.ack = () => ({ error: { code: 'forbidden', message: 'not for this user' } });
  const page = await open();
  await page.goto(`${s.bridge.url}#/alerts`);
  await page.locator('.allseen button').tap();
  await page.locator('.allseen .wrong', { hasText: '没有权限' }).waitFor();
  assert.equal(await page.locator('.card.alert').count(), 2);
  answerAcks(all);
  await page.locator('.allseen button').tap();
  await until('both are seen', async () => (await page.locator('.alert.done').count()) === 2);
  assert.equal(await page.locator('.allseen').count(), 0);
});

test('alerts: one that is seen and still holds stays as a grey strip until it is over', async () => {
  await s.gateway.garden(2);
  await s.gateway.put('alert/frost-garden', frost({ acked_by: 'aunt', acked_ts: s.gateway.now() - 60e3 }));
  const page = await open({ size: 'small' });
  const strip = page.locator('.banner.seen', { hasText: '霜冻' });
  await strip.waitFor();
  assert.match(await strip.textContent(), /上坡、溪边.*aunt 已确认/);
  assert.equal(await page.locator('[role=alert].banner').count(), 0);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'alerts-strip');
  await strip.tap();
  await page.locator('.alert.done', { hasText: '霜冻' }).waitFor();
  assert.equal(await page.getByRole('button', { name: '知道了' }).count(), 0);
  await s.gateway.put('alert/frost-garden', '');
  await page.locator('.empty').waitFor();
  await page.goto(`${s.bridge.url}#/`);
  await page.locator('.tile.live').first().waitFor();
  assert.equal(await page.locator('.banner').count(), 0);
});

test('alerts: the tile’s word is by the farm’s limits, and no tile is fine while the banner says frost', async () => {
  const plots = await s.gateway.garden(2);
  const site = s.gateway.site(plots);
  const cold = async (c) => {
    await s.gateway.put('dev/node-1/live', s.gateway.live(0, { air_temperature: c }));
    await s.gateway.put('plot/upper/live', s.gateway.live(0, { air_temperature: c }));
  };
  const mark = (page) => page.locator('.tile', { hasText: '上坡' }).locator('[data-metric=air_temperature] .mark');
  await s.gateway.put('site', { ...site, limits: [s.gateway.limit('frost', '霜冻', 'air_temperature', 'below', 2, 3, 'alarm')] });
  await cold(2.5);
  const page = await open();
  await until('fine: above the limit', async () => (await mark(page).textContent()) === '适宜 ✓');
  await s.gateway.put('alert/frost-garden', frost());
  await until('no tile is fine under a standing alert', async () => (await mark(page).textContent()) === '过低 ↓');
  await s.gateway.put('alert/frost-garden', '');
  await until('fine again', async () => (await mark(page).textContent()) === '适宜 ✓');
  await s.gateway.put('site', { ...site, limits: [s.gateway.limit('chill', '低温', 'air_temperature', 'below', 6, 7, 'watch')] });
  await until('another limit, another word', async () => (await mark(page).textContent()) === '偏低 ↓');
  await s.gateway.put('site', { ...site, limits: [] });
  await until('no limit, no word', async () => (await mark(page).textContent()) === '');
});

test('alerts: what was stands below by season, with its worst, how long, and who saw it', async () => {
  s.gateway.ahead = Date.UTC(2026, 2, 2, 4) - Date.now(); // noon of spring's second day: some are of either season
  await s.gateway.garden(2);
  const now = s.gateway.now();
  const past = (i, more = {}) => ({ ...frost({ since: now - i * 3600e3, acked_by: 'aunt', acked_ts: now - i * 3600e3 + 60e3, ...more }),
    id: 'frost-garden', ended: now - i * 3600e3 + 45 * 60e3 });
  const all = Array.from({ length: 75 }, (_, i) => past(i + 1));
  // As the gateway: the newest 60 of a range.
  s.gateway.answers.alerts = (p) => ({ alerts: all.filter((a) => a.since >= p.from && a.since < p.to).slice(0, 60) });
  const page = await open();
  await page.goto(`${s.bridge.url}#/alerts`);
  await page.getByText('以前的告警').tap();
  const rows = page.locator('.seasons li');
  await rows.first().waitFor();
  const shown = async () => (await rows.count());
  const first = await shown();
  assert.match(await rows.first().textContent(), /上坡、溪边.*霜冻.*45 分钟.*最严重时 0.8 °C.*aunt 已确认/);
  assert.equal(await page.locator('.seasons .chips button').count(), 4);
  await page.locator('.seasons .chips button').nth(1).tap(); // the season before has what the first had not
  await until('all 75, of one season or two', async () => first + (await shown()) === 75 || (first === 75 && (await page.getByText('这一季没有告警').count()) === 1));
  assert.deepEqual(await axe(page), []);
  await shot(page, 'alerts-seasons', true);
});

test('alerts: a way to people that fails is a card that says which, and what to do', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/notify-family', { id: 'notify-family', level: 'watch', where: 'gateway', since: s.gateway.now(), place: 'gateway',
    what: 'messages to family (wecom) are refused: invalid webhook url', todo: 'look at its key',
    zh: { what: '发给 family（wecom）的消息被拒绝', place: '主机', todo: '检查它的密钥' } });
  const page = await open();
  await page.locator('.banner a').tap();
  assert.equal(await page.locator('.card.alert h2').textContent(), '检查它的密钥');
  await page.locator('.card.alert', { hasText: '发给 family（wecom）的消息被拒绝' }).waitFor();
});
