// SPDX-License-Identifier: Apache-2.0
// Getting in by a scan: nothing is typed, the code is good once, and a second phone is as quick.
import assert from 'node:assert/strict';
import { users } from './lib/broker.mjs';
import { axe, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

/** As the gateway with the broker's files: the password is another one from then on. */
function takePasswords(answer = () => ({ ok: true })) {
  s.gateway.answers.passwd = (p, user) => {
    if (p.old !== s.passwords[user]) return { error: { code: 'wrong-password', message: 'the present password is wrong' } };
    s.passwords[user] = p.new;
    s.broker.setPasswords(s.passwords);
    s.broker.process.kill('SIGHUP');
    return answer();
  };
}
const scan = async (kind, password, options = {}) => {
  const page = await s.phone({ size: 'small', ...options });
  await page.goto(`${s.bridge.url}#/${kind}/farmer/${password}`);
  return page;
};
async function ownPassword(page) {
  await until('the phone has its own password', () => s.passwords.farmer !== users.farmer);
  await until('and keeps it', () => page.evaluate((own) => JSON.parse(localStorage.getItem('baiye.login') ?? '{}').password === own, s.passwords.farmer));
}

test('invite: one scan logs in, and the password in it is good once', async () => {
  s.passwords = { ...users };
  await s.gateway.garden(2);
  takePasswords();
  const page = await scan('join', users.farmer);
  await page.locator('.tile.live').first().waitFor(); // no tap
  assert.equal(await page.evaluate(() => location.hash), '#/', 'it does not stay in the address');
  await ownPassword(page);
  assert.match(s.passwords.farmer, /^[0-9a-f]{24}$/);
  await page.reload();
  await page.locator('.tile.live').first().waitFor();
  const thief = await scan('join', users.farmer);
  await thief.getByText('用户名或密码不对').waitFor();
  assert.deepEqual(page.problems, []);
});

test('invite: an answer that is lost locks nobody out', async () => {
  s.passwords = { ...users };
  await s.gateway.garden(1);
  takePasswords(() => undefined); // done, and nobody is told
  const page = await scan('join', users.farmer);
  await page.locator('.tile.live').first().waitFor();
  await until('it is another one', () => s.passwords.farmer !== users.farmer);
  await page.reload(); // the phone has only the one that is no longer good, and the one it asked for
  await page.locator('.tile.live').first().waitFor();
  await until('the phone keeps what holds', () => page.evaluate((own) => JSON.parse(localStorage.getItem('baiye.login') ?? '{}').password === own, s.passwords.farmer));
});

test('invite: where the password can’t be changed the phone goes on with the one it has', async () => {
  s.passwords = { ...users };
  await s.gateway.garden(1);
  s.gateway.answers.passwd = () => ({ error: { code: 'unavailable', message: 'the password could not be changed' } });
  const page = await scan('join', users.farmer);
  await page.locator('.tile.live').first().waitFor();
  await until('it was asked', () => s.gateway.asked.some((a) => a.method === 'passwd'));
  await page.reload();
  await page.locator('.tile.live').first().waitFor();
});

test('invite: a second phone is a scan of the first one, and both stay in', async () => {
  s.passwords = { ...users };
  await s.gateway.garden(1);
  takePasswords();
  const first = await scan('join', users.farmer);
  await first.locator('.tile.live').first().waitFor();
  await ownPassword(first);
  await first.locator('nav a').nth(3).tap();
  await first.getByRole('link', { name: '用在另一台手机上' }).tap();
  await first.locator('.qr path').waitFor();
  assert.deepEqual(await axe(first), []);
  await shot(first, 'invite-second', true);
  const second = await scan('same', s.passwords.farmer);
  await second.locator('.tile.live').first().waitFor();
  const asked = s.gateway.asked.filter((a) => a.method === 'passwd').length;
  await second.reload();
  await second.locator('.tile.live').first().waitFor();
  assert.equal(s.gateway.asked.filter((a) => a.method === 'passwd').length, asked, 'the second one changes nothing');
  await first.goto(`${s.bridge.url}#/`);
  await first.reload();
  await first.locator('.tile.live').first().waitFor();
});

test('invite: an address that is none is left alone', async () => {
  const page = await s.phone();
  for (const bad of ['#/join/farmer/short', '#/join/Far mer/0123456789abcdef', '#/join/farmer/<img>0123456789', '#/join//0123456789']) {
    await page.goto('about:blank');
    await page.goto(`${s.bridge.url}${bad}`);
    await page.locator('input[name=user]').waitFor();
  }
  assert.deepEqual(page.problems, []);
});
