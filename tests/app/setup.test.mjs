// SPDX-License-Identifier: Apache-2.0
// The technician's pages against a real gateway: names, limits, a new device from the plug to its
// values. What is saved stands in the gateway's file; what is wrong is said and changes nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { encodeQr } from './lib/deps.mjs';
import { Garden, built } from './lib/garden.mjs';
import { axe, launch, login, phone, shot } from './lib/phone.mjs';
import { PATIENCE_MS } from './lib/wait.mjs';

const limit = { timeout: 3 * PATIENCE_MS };
const lines = [{ name: 'east', baud: 9600, units: [
  { kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 },
  { kind: 'native', address: 247, name: 'new', period_s: 2, fresh: true },
] }, { name: 'west', baud: 9600, units: [
  { kind: 'native', address: 247, name: 'one', period_s: 2, fresh: true },
  { kind: 'native', address: 247, name: 'two', period_s: 2, fresh: true },
  { kind: 'zts-3001', address: 1, name: 'soil', fresh: true },
  { kind: 'responder', address: 5, name: 'stranger', registers: 3, fresh: true },
] }];
const plots = [{ name: 'upper', label: '上坡', devices: ['soil-1'] }, { name: 'creek', label: '溪边', devices: [] }];

let garden;
let browser;
const pages = [];
before(async () => {
  assert.ok(built(), 'baiyed and baiye-field are not built; BAIYE_BUILD says where they are');
  garden = await new Garden(lines, plots).start();
  browser = await launch();
}, limit);
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});
after(async () => {
  await browser?.close();
  await garden?.stop();
});

async function open(options = {}, user = 'technician') {
  const page = await phone(browser, { size: 'small', ...options });
  pages.push(page);
  await login(page, garden.url, user);
  await page.locator('.tile.live').first().waitFor();
  return page;
}

const file = () => readFileSync(join(garden.dir, 'baiyed.yaml'), 'utf8');
const row = (page, name) => page.locator('.setup .row', { hasText: name });
const saved = (page, words) => page.locator('.told').getByText(words).waitFor();

async function save(page, text, words = '已保存 ✓') {
  await page.locator('.setup form input').first().fill(text);
  await page.locator('.setup form button[type=submit]').tap();
  await saved(page, words);
}

test('setup: a plot, a device and the garden are renamed in four taps, and every phone says so', limit, async () => {
  const page = await open();
  await page.locator('nav a[href="#/more"]').tap();
  await page.locator('a[href="#/setup"]').tap();
  await row(page, '上坡').first().tap();
  await save(page, '高坡');
  assert.match(file(), /label: 高坡|"label":\s*高坡/);
  await row(page, 'soil-1').tap();
  await save(page, '高坡 "门"');
  await row(page, '茶园的名字').tap();
  await save(page, '林家茶园');
  assert.match(file(), /林家茶园/);
  await page.goto(`${garden.url}#/`);
  await page.locator('.tile', { hasText: '高坡' }).first().waitFor();
  const other = await open({}, 'farmer');
  await other.locator('.tile', { hasText: '高坡' }).first().waitFor();
  assert.deepEqual(page.problems, []);
});

test('setup: a limit is changed; what is no number or is never measured is said, and nothing changes', limit, async () => {
  const page = await open({ lang: 'en-GB', dark: true });
  await page.goto(`${garden.url}#/setup`);
  await row(page, 'Dry soil').waitFor();
  assert.match(await row(page, 'Dry soil').textContent(), /below 12 %/);
  await row(page, 'Dry soil').tap();
  const limitOf = page.locator('.setup form input[name=limit]');
  await limitOf.fill('dry');
  await page.locator('.setup form button[type=submit]').tap();
  await page.getByText('A number is needed').waitFor();
  await limitOf.fill('-20');
  await page.locator('.setup form button[type=submit]').tap();
  await page.getByText('nothing else is ever measured').waitFor();
  await save(page, '10.5', 'Saved ✓');
  assert.match(await row(page, 'Dry soil').textContent(), /below 10.50? %/);
  const after = file();
  assert.match(after, /below: 10.5, clear: 13.5/);
  assert.match(after, /name: frost-watch/, 'the other rules stay in force');
  assert.deepEqual(await axe(page), []);
});

test('setup: when a rule is told, how loudly and at what hours is changed; hours that are none are said', limit, async () => {
  const page = await open();
  await page.goto(`${garden.url}#/setup`);
  await row(page, '干旱').tap();
  await page.locator('input[name=for]').fill('90');
  await page.locator('select[name=level]').selectOption('alarm');
  await page.locator('input[name=hours]').fill('all day');
  await page.locator('.setup form button[type=submit]').tap();
  await page.getByText('请写成 18:00-09:00 这样').waitFor();
  await page.locator('input[name=hours]').fill('6:00-20:00');
  await page.locator('.setup form button[type=submit]').tap();
  await saved(page, '已保存 ✓');
  const rule = file().split('\n').find((l) => l.includes('name: dry'));
  for (const part of [/for: "?5400s/, /level: alarm/, /hours: "?6:00-20:00/]) assert.match(rule, part);
  await row(page, '干旱').tap();
  assert.equal(await page.locator('input[name=hours]').inputValue(), '06:00-20:00');
});

test('setup: a plot is made, a device moved into it and back, and the empty plot removed', limit, async () => {
  const page = await open();
  await page.goto(`${garden.url}#/setup`);
  await row(page, '添加地块').tap();
  await save(page, '新茶园');
  await row(page, 'profile').or(page.locator('.setup .row', { hasText: /soil-1|高坡/ })).last().tap();
  const was = await page.locator('select[name=plot]').inputValue();
  assert.equal(was, 'upper');
  await page.locator('select[name=plot]').selectOption({ label: '新茶园' });
  await page.locator('.setup form button[type=submit]').tap();
  await saved(page, '已保存 ✓');
  const { plots: now } = await garden.ask('config_shown', {});
  assert.deepEqual(now.find((p) => p.label === '新茶园').devices, ['soil-1']);
  await page.locator('.setup .row', { hasText: '新茶园' }).last().tap();
  await page.locator('select[name=plot]').selectOption('upper');
  await page.locator('.setup form button[type=submit]').tap();
  await saved(page, '已保存 ✓');
  await page.locator('.setup .row', { hasText: '新茶园' }).tap();
  await page.getByRole('button', { name: '移除这块地' }).tap();
  await saved(page, '已保存 ✓');
  assert.equal(await row(page, '新茶园').count(), 0);
  assert.deepEqual(page.problems, []);
});

test('setup: a change under way is called off, and the next one need not wait', limit, async () => {
  const page = await open();
  await page.goto(`${garden.url}#/setup`);
  const before = file();
  await row(page, '茶园的名字').tap();
  await page.locator('.setup form input').first().fill('不要这个');
  await page.locator('.setup form button[type=submit]').tap();
  await page.getByRole('button', { name: '不改了' }).tap();
  await page.getByText('没有改，已恢复原来的设置').waitFor();
  assert.equal(file(), before);
  await page.locator('.setup form input').first().fill('改这个');
  await page.locator('.setup form button[type=submit]').tap();
  await saved(page, '已保存 ✓');
  assert.match(file(), /改这个/);
});

test('setup: of two technicians the second is told, and sees what the first did', limit, async () => {
  const [one, two] = [await open(), await open()];
  for (const page of [one, two]) {
    await page.goto(`${garden.url}#/setup`);
    await row(page, '溪边').first().tap();
  }
  await save(one, '河边');
  await two.locator('.setup form input').first().fill('沟边');
  await two.locator('.setup form button[type=submit]').tap();
  await two.getByText('别人刚改过设置').waitFor();
  await row(two, '河边').first().waitFor();
  assert.match(file(), /河边/);
  assert.doesNotMatch(file(), /沟边/);
});

test('setup: a farmer is told whose page it is', limit, async () => {
  const page = await open({}, 'farmer');
  await page.goto(`${garden.url}#/setup`);
  await page.getByText('需要技术员账号').waitFor();
  assert.equal(await page.locator('.setup .row').count(), 0);
});

/** A photo of a label, held askew, in the shade. */
async function photographed(page, text) {
  const modules = encodeQr(text, 'raw', { ecc: 'medium', border: 4 });
  const url = await page.evaluate((rows) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1200, 1600];
    const c = canvas.getContext('2d');
    c.fillStyle = '#665544';
    c.fillRect(0, 0, 1200, 1600);
    c.translate(600, 700);
    c.transform(0.95, 0.3, -0.2, 0.9, 0, 0);
    const side = 500 / rows.length;
    c.fillStyle = '#d8d4c8';
    c.fillRect(-250, -250, 500, 640);
    c.fillStyle = '#30302c';
    rows.forEach((row, y) => row.forEach((dark, x) => { if (dark) c.fillRect(x * side - 250, y * side - 250, side + 0.3, side + 0.3); }));
    return canvas.toDataURL('image/jpeg', 0.7);
  }, modules);
  return { name: 'label.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(url.split(',')[1], 'base64') };
}

const row0 = (page, text) => page.locator('.found button.row', { hasText: text });

/** A row is open, says what it is, and is closed again. */
async function say(page, plot, label) {
  await page.locator('.found select[name=plot]').selectOption(plot);
  await page.locator('.found input[name=label]').fill(label);
  await page.locator('.found form button[type=submit]').tap();
}

test('setup: a new node is found at any rate, lit, named, added, and its first values are shown', limit, async () => {
  const page = await open();
  await page.goto(`${garden.url}#/setup`);
  await page.getByText('接通一条线').tap();
  await page.getByRole('button', { name: '接通 EAST 线' }).tap();
  await page.getByText('找到新设备：1').waitFor();
  await page.getByRole('button', { name: '亮灯' }).tap();
  await page.getByText('灯在闪 ✓').waitFor();
  await shot(page, 'setup-found', true);
  // Which one it is, its label says: a code that is none, another node's, its own.
  const [, own] = /节点 (\S{11})/.exec(await row0(page, '节点').textContent());
  const photo = page.locator('.found input[type=file]');
  await photo.setInputFiles(await photographed(page, 'https://tea.example/'));
  await page.getByText('没有读出标签上的码').waitFor();
  await photo.setInputFiles(await photographed(page, 'baiye:000003E8:stm32f103-rs485:30313233'));
  await page.getByText('没有找到标签上的节点 0000-03E8-5').waitFor();
  await photo.setInputFiles(await photographed(page, `baiye:${own.replace('-', '').slice(0, 8)}:stm32f103-rs485:30313233`));
  await page.getByText(`标签上是节点 ${own}`).waitFor();
  await say(page, 'upper', '水塘');
  await page.getByRole('button', { name: '接通选好的设备（1）' }).tap();
  await page.getByText('接通 1 台，共 1 台').waitFor();
  await page.locator('.turns .works', { hasText: '°C' }).waitFor();
  await shot(page, 'setup-added', true);
  assert.match(file(), /name: node-\d+, label: 水塘, profile: baiye-node, address: [2-9], every: "60s"/);
  assert.deepEqual(await axe(page), []);
  await page.goto(`${garden.url}#/setup`);
  await row(page, '水塘').tap();
  await page.getByRole('button', { name: '移除这台设备' }).tap();
  await page.getByRole('button', { name: '移除这台设备' }).tap();
  await saved(page, '已保存 ✓');
  assert.equal(await row(page, '水塘').count(), 0);
  assert.doesNotMatch(file(), /baiye-node/);
  assert.deepEqual(page.problems, []);
});

const west = async () => (await garden.ask('config_shown', {})).buses.find((bus) => bus.name === 'west').devices;

async function lookAt(page, button) {
  await page.goto(`${garden.url}#/found`);
  await page.locator('select[name=line]').selectOption('west');
  await page.locator('input[name=quick]').check();
  await page.getByRole('button', { name: button }).tap();
  await row0(page, /0000-/).nth(1).waitFor();
}

test('setup: a phone that is put away on the way leaves nothing half done', limit, async () => {
  const before = file();
  const page = await phone(browser, { size: 'small' });
  pages.push(page);
  let asked = 0;
  let gone;
  const away = new Promise((r) => { gone = r; });
  // At the second device's turn the phone is gone, and what it was about to ask is never asked.
  await page.routeWebSocket(/./, (phoneSide) => {
    const gateway = phoneSide.connectToServer();
    phoneSide.onMessage((m) => {
      if (m.includes('/rpc/technician/place')) asked += 1;
      if (asked < 2) gateway.send(m);
      else gone();
    });
  });
  await login(page, garden.url, 'technician');
  await page.locator('.tile.live').first().waitFor();
  await lookAt(page, '接通 WEST 线');
  await page.getByRole('button', { name: /接通选好的设备/ }).tap();
  await away;
  await page.close();
  assert.equal(file(), before);
  assert.deepEqual(await west(), []);
  // The line is polled on, and whoever looks next finds them all.
  const { found } = await garden.ask('survey', { bus: 'west', own_rate: true });
  const nodes = found.filter((one) => one.kind === 'node');
  assert.equal(nodes.length, 2);
  assert.equal(nodes.filter((one) => one.unit === 247).length, 1, 'the first was brought to its address, whole');
});

test('setup: a whole line is brought up, told what it is, and undone, on a small phone in English', limit, async () => {
  const page = await open({ lang: 'en-GB', dark: true });
  await lookAt(page, 'Bring up line WEST');
  await page.getByText('New devices: 3').waitFor();
  await page.getByText('Nothing is known of it').waitFor(); // the stranger
  await row0(page, /0000-/).first().tap();
  await page.getByRole('button', { name: 'Blink' }).tap();
  await page.getByText('It blinks ✓').waitFor();
  await shot(page, 'line-found', true);
  assert.deepEqual(await axe(page), []);
  await say(page, 'creek', 'Gate');
  await row0(page, /0000-/).nth(1).tap();
  await page.locator('.found input[name=leave]').check();
  await page.locator('.found form button[type=submit]').tap();
  await row0(page, 'say which type').tap();
  await page.locator('.found select[name=profile]').selectOption('zts-3001-7in1');
  await say(page, '', 'Shed');
  assert.match(await row0(page, /0000-/).first().textContent(), /recognised.*Gate/);
  await page.getByRole('button', { name: 'Bring up those chosen (2)' }).tap();
  await page.getByText('Working: 2 of 2').waitFor();
  await page.locator('.turns .works', { hasText: '°C' }).nth(1).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'line-done', true);
  assert.deepEqual((await west()).map((one) => one.label).sort(), ['Gate', 'Shed']);
  const { plots: now } = await garden.ask('config_shown', {});
  assert.equal(now.find((p) => p.name === 'creek').devices.length, 1);
  const { lines: seen } = await garden.control({ cmd: 'counts' });
  assert.equal(seen.find((one) => one.line === 'west').shared_writes, 0, 'never two devices were written at once');
  await page.getByRole('button', { name: 'Undo' }).tap();
  await page.getByText('Working: 0 of 2').waitFor();
  assert.deepEqual(await west(), []);
  assert.deepEqual((await garden.ask('config_shown', {})).plots.find((p) => p.name === 'creek').devices, []);
  assert.deepEqual(page.problems, []);
});

test('setup: pages are readable on a small phone, in both languages and looks', limit, async () => {
  for (const [lang, dark] of [['zh-CN', false], ['zh-CN', true], ['en-GB', false], ['en-GB', true]]) {
    const page = await open({ lang, dark });
    await page.goto(`${garden.url}#/setup`);
    await row(page, 'soil').or(row(page, '高坡')).or(row(page, '上坡')).first().tap();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.deepEqual(await axe(page), []);
    await shot(page, `setup-${lang}${dark ? '-dark' : ''}`, true);
    await page.goto(`${garden.url}#/found`);
    await page.locator('.setup .primary').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, `found-${lang}${dark ? '-dark' : ''}`, true);
  }
});
