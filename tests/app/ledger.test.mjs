// SPDX-License-Identifier: Apache-2.0
// One ledger of picks for everybody: noted for any day, corrected, deleted, seen on every phone, each
// within the number of taps that a person has the patience for.
import assert from 'node:assert/strict';
import { axe, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;
const dayOf = (ms) => new Date(ms + 8 * 3600e3).toISOString().slice(0, 10);

async function open(user = 'farmer', options = { size: 'small' }) {
  const page = await s.phone(options);
  await login(page, s.bridge.url, user, true);
  await page.locator('.tile.live').first().waitFor();
  let taps = 0;
  page.hit = async (what) => { taps += 1; await what.tap(); };
  page.taps = () => taps;
  return page;
}
const button = (page, name) => page.getByRole('button', { name });
const list = (page) => page.locator('#picklog + ul');

test('ledger: "yesterday, lower plot, 25 jin, 3 people" is seven taps at most', async () => {
  await s.gateway.garden(3);
  const page = await open();
  await page.hit(page.locator('.menu a', { hasText: '采摘' }));
  await page.hit(page.locator('.pickbutton'));
  await page.hit(button(page, '昨天'));
  await page.hit(button(page, '溪边'));
  await page.hit(page.locator('input[name=weight]'));
  await page.keyboard.type('25');
  await page.hit(page.locator('input[name=pickers]'));
  await page.keyboard.type('3');
  assert.deepEqual(await axe(page), []);
  await shot(page, 'ledger-form', true);
  await page.hit(page.locator('.pickform .primary'));
  await page.getByText('已保存到主机 ✓').waitFor();
  await list(page).getByText('溪边：25 斤，3 人').waitFor();
  const [pick] = s.gateway.picks.values();
  assert.deepEqual([pick.plot, pick.day, pick.kg, pick.pickers], ['creek', dayOf(s.gateway.now() - 86400e3), 12.5, 3]);
  assert.ok(page.taps() <= 7, `${page.taps()} taps`);
  assert.deepEqual(page.problems, []);
});

test('ledger: one phone notes, another sees who did, corrects it in four taps, and the first sees that', async () => {
  await s.gateway.garden(2);
  const [farmer, technician] = [await open(), await open('technician')];
  await farmer.goto(`${s.bridge.url}#/pick`);
  await farmer.locator('.pickbutton').tap();
  await farmer.locator('input[name=weight]').fill('250');
  await farmer.locator('input[name=pickers]').fill('5');
  await farmer.locator('.pickform .primary').tap();
  await farmer.getByText('已保存到主机 ✓').waitFor();
  await technician.hit(technician.locator('.menu a', { hasText: '采摘' }));
  await list(technician).getByText('farmer 记').waitFor();
  await technician.hit(list(technician).locator('button', { hasText: '250 斤' }));
  await technician.hit(technician.locator('input[name=weight]'));
  await technician.keyboard.type('25');
  await technician.hit(technician.locator('.pickform .primary'));
  await list(technician).getByText('上坡：25 斤，5 人').waitFor();
  assert.ok(technician.taps() <= 4, `${technician.taps()} taps`);
  await list(technician).getByText('farmer 记，technician 改').waitFor();
  assert.equal(new Set(s.gateway.asked.filter((a) => a.method === 'pick').map((a) => a.params.id)).size, 1, 'the same entry');
  await farmer.locator('.menu a', { hasText: '茶园' }).tap();
  await farmer.locator('.menu a', { hasText: '采摘' }).tap();
  await list(farmer).getByText('上坡：25 斤，5 人').waitFor();
  assert.equal(await list(farmer).locator('li').count(), 1);
  await shot(farmer, 'ledger-list', true);
  assert.deepEqual([...farmer.problems, ...technician.problems], []);
});

test('ledger: an entry is deleted in three taps, also without network, and is gone on every phone', async () => {
  await s.gateway.garden(2);
  s.gateway.note({ id: 'a', plot: 'upper', day: dayOf(s.gateway.now()), kg: 5, pickers: 2, made: s.gateway.now() - 5e3 }, 'aunt');
  s.gateway.note({ id: 'b', plot: 'creek', day: dayOf(s.gateway.now()), kg: 7, pickers: 2, made: s.gateway.now() - 4e3 }, 'aunt');
  const page = await open();
  await page.hit(page.locator('.menu a', { hasText: '采摘' }));
  await page.hit(list(page).locator('button', { hasText: '10 斤' }));
  await page.hit(button(page, '删掉这条记录'));
  await page.getByText('已删除 ✓').waitFor();
  await list(page).getByText('10 斤').waitFor({ state: 'detached' });
  assert.ok(page.taps() <= 3);
  s.bridge.cut(false);
  await list(page).locator('button', { hasText: '14 斤' }).tap();
  await button(page, '删掉这条记录').tap();
  await page.getByText('有网络时自动发送').waitFor();
  await page.locator('#picklog').waitFor({ state: 'detached' });
  assert.equal(s.gateway.ledger.size, 1);
  s.bridge.open = true;
  await until('it arrives', () => s.gateway.ledger.size === 0);
});

test('ledger: what somebody deleted elsewhere is not kept alive by the phone that noted it', async () => {
  await s.gateway.garden(1);
  const page = await open();
  await page.goto(`${s.bridge.url}#/pick`);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存到主机 ✓').waitFor();
  await list(page).getByText('farmer 记').waitFor();
  s.gateway.ledger.clear();
  await page.locator('.menu a', { hasText: '茶园' }).tap();
  await page.locator('.menu a', { hasText: '采摘' }).tap();
  await page.locator('#picklog').waitFor({ state: 'detached' });
});

test('ledger: ten times what everybody usually picks is asked about, also on a phone that noted nothing', async () => {
  await s.gateway.garden(1);
  for (const i of [1, 2, 3]) s.gateway.note({ id: `n${i}`, plot: 'upper', day: dayOf(s.gateway.now() - i * 86400e3), kg: 6, pickers: 30, made: s.gateway.now() - i * 86400e3 }, 'aunt');
  const page = await open();
  await page.goto(`${s.bridge.url}#/pick`);
  await list(page).getByText('aunt 记').first().waitFor();
  await page.locator('.pickbutton').tap();
  await page.locator('input[name=weight]').fill('120');
  await page.locator('.pickform .primary').tap();
  await page.getByText('多很多').waitFor();
});

test('ledger: a phone without room sends at once while it is online, and says so when it can neither', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await page.addInitScript(() => {
    IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };
    Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
  });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${s.bridge.url}#/pick`);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存到主机 ✓').waitFor();
  await list(page).getByText('farmer 记').waitFor();
  assert.equal(s.gateway.picks.size, 1);
  s.bridge.cut(false);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('手机存不下，没有记下').waitFor();
});
