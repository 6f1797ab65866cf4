// SPDX-License-Identifier: Apache-2.0
// Farmer, technician and screen, each by the account and the access rules that `baiye user` makes:
// what a role may not do the broker or the gateway refuses, and the page says so in words.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { users } from './lib/broker.mjs';
import { encodeQr } from './lib/deps.mjs';
import { Garden, built, program } from './lib/garden.mjs';
import { axe, launch, login, phone, shot } from './lib/phone.mjs';
import { Publisher } from './lib/publisher.mjs';
import { PATIENCE_MS, until } from './lib/wait.mjs';

const limit = { timeout: 3 * PATIENCE_MS };
const roles = ['farmer', 'technician', 'screen'];

/** A garden whose broker knows what `baiye user` wrote, and nothing else. */
class RoleGarden extends Garden {
  async startGateway() {
    if (!this.known) await this.makeUsers();
    this.known = true;
    await super.startGateway();
  }

  async makeUsers() {
    const user = (...argv) => execFileSync(program('baiye'),
      ['user', ...argv, '--config', join(this.dir, 'baiyed.yaml')], { stdio: 'pipe' });
    writeFileSync(join(this.dir, 'users'), '');
    user('init');
    for (const name of roles) {
      const file = join(this.dir, `${name}.pass`);
      writeFileSync(file, `${users[name]}\n`, { mode: 0o600 });
      user('add', name, '--role', name, '--password-file', file);
    }
    await this.broker.halt();
    writeFileSync(join(this.dir, 'mosquitto.conf'), [
      `listener ${this.broker.port} 127.0.0.1`, 'allow_anonymous false', 'user root',
      `password_file ${join(this.dir, 'mosquitto.passwd')}`, `acl_file ${join(this.dir, 'mosquitto.acl')}`,
    ].join('\n') + '\n');
    await this.broker.run();
  }
}

let garden;
let browser;
const pages = [];
const clients = [];
before(async () => {
  assert.ok(built(), 'baiyed and baiye-field are not built; BAIYE_BUILD says where they are');
  const lines = [{ name: 'net', type: 'tcp', units: [{ kind: 'zts-3001', address: 1, name: 'soil-1', period_s: 2 }] }];
  const alerts = [['warm', '太热了', 'soil_temperature'], ['wet', '太湿了', 'soil_moisture']].map(([name, label, metric]) => (
    { name, label, metric, above: -60, clear: -70, level: 'alarm' }));
  garden = await new RoleGarden(lines, [{ name: 'upper', label: '上坡', devices: ['soil-1'] }], { alerts }).start();
  browser = await launch();
}, limit);
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
  for (const client of clients.splice(0)) await client.stop();
});
after(async () => {
  await browser?.close();
  await garden?.stop();
});

async function open(user) {
  const page = await phone(browser);
  pages.push(page);
  await login(page, garden.url, user);
  await page.locator('.tile.live').waitFor();
  return page;
}

/** What the broker answers a client of this role, below the page: publishing and reading. */
async function below(user) {
  const client = new Publisher(garden.broker.port);
  clients.push(client);
  client.user = user;
  const heard = new Set();
  client.request = (p) => heard.add(p.topic.slice('baiye/baiye-1/'.length));
  await client.start();
  await client.client.subscribe({ topics: ['baiye/baiye-1/#', 'homeassistant/#'] });
  return {
    heard,
    /** The broker's reason code: 0 or 16 (nobody listens) when it was let through. */
    async put(topic) {
      try {
        const [answer] = await client.client.pub({ topic: `baiye/baiye-1/${topic}`, payload: '{}', qos: 1 });
        return Number(answer?.reason ?? 0);
      } catch (e) {
        return Number(e.reason ?? -1);
      }
    },
  };
}

async function pick(page) {
  await page.goto(`${garden.url}#/pick`);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
}

const audited = async (user, method) => (await garden.ask('audits', { limit: 100 })).audits
  .filter((a) => a.user === user && a.method === method).map((a) => a.result);

test('roles: a farmer looks, picks and acknowledges; counters are not for him, and the page says so', limit, async () => {
  const page = await open('farmer');
  await pick(page);
  await page.getByText('已保存到主机 ✓').waitFor();
  assert.deepEqual(await audited('farmer', 'pick'), ['ok']);
  await page.goto(`${garden.url}#/alerts`);
  await page.locator('.alert', { hasText: '太热了' }).first().getByRole('button').tap();
  await page.getByText('farmer 已确认 ✓').waitFor();
  await page.goto(`${garden.url}#/devices`);
  await page.locator('.devices .card', { hasText: 'soil-1' }).waitFor();
  await page.getByText('需要技术员账号').waitFor();
  assert.equal(await page.locator('.devices details, .data').count(), 0);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'roles-farmer-devices');
  const broker = await below('farmer');
  for (const topic of ['site', 'forecast', 'dev/soil-1/live', 'plot/upper/live', 'rpc/technician/write', 'alert/x', 'gateway/status']) {
    assert.equal(await broker.put(topic), 0x87, topic);
  }
  await until('what a farmer may hear', () => broker.heard.has('plot/upper/live') && broker.heard.has('alert/warm-garden'));
  assert.deepEqual([...broker.heard].filter((t) => /health|readings|rpc/.test(t)), []);
});

test('roles: a technician sees each device’s health', limit, async () => {
  const page = await open('technician');
  await page.goto(`${garden.url}#/devices`);
  await page.locator('.data').getByText(/^local：\d+\.\d MB$/).waitFor(); // what each broker took this month
  const card = page.locator('.devices .card', { hasText: 'soil-1' });
  await card.locator('summary').tap();
  await card.locator('dt', { hasText: 'polls' }).waitFor();
  assert.equal(await page.getByText('需要技术员账号').count(), 0);
  const broker = await below('technician');
  for (const topic of ['site', 'dev/soil-1/live', 'rpc/farmer/pick', 'gateway/status']) {
    assert.equal(await broker.put(topic), 0x87, topic);
  }
  await until('health and readings', () => broker.heard.has('dev/soil-1/health') && broker.heard.has('readings'));
});

test('roles: a screen’s account shows values and charts; what changes anything is refused, in words', limit, async () => {
  const page = await open('screen');
  await page.goto(`${garden.url}#/plot/p:upper`);
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  await until('readings in the chart', async () =>
    Number(await page.locator('[data-points]').getAttribute('data-points')) >= 1);
  await page.goto(`${garden.url}#/alerts`);
  await page.locator('.alert', { hasText: '太湿了' }).first().getByRole('button').tap();
  await page.getByText('没有权限').waitFor();
  await pick(page);
  await page.getByText('不能记录采摘').waitFor();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'roles-screen-pick');
  await page.goto(`${garden.url}#/devices`);
  await page.getByText('需要技术员账号').waitFor();
  assert.deepEqual([...await audited('screen', 'pick'), ...await audited('screen', 'ack')], [], 'the broker stopped it');
  const broker = await below('screen');
  for (const topic of ['rpc/screen/write', 'rpc/screen/read', 'rpc/screen/resend', 'rpc/farmer/pick', 'site', 'dev/soil-1/live']) {
    assert.equal(await broker.put(topic), 0x87, topic);
  }
  assert.ok([0, 16].includes(await broker.put('led/preview')));
  await until('what a screen shows', () => broker.heard.has('dev/soil-1/live') && broker.heard.has('alert/warm-garden'));
  assert.deepEqual([...broker.heard].filter((t) => /health|readings|rpc|preview/.test(t)), []);
});

/** What systemd does for baiye-password.socket: the command of the packaged unit for each connection. */
function activate() {
  const unit = readFileSync(new URL('../../gateway/packaging/baiye-password@.service', import.meta.url), 'utf8');
  const argv = /^ExecStart=\/usr\/bin\/baiye (.*)$/m.exec(unit)[1].split(' ');
  rmSync(join(garden.dir, 'password.sock'), { force: true }); // its being there says that it listens
  return spawn('systemd-socket-activate', ['--accept', '--inetd', '-l', join(garden.dir, 'password.sock'),
    program('baiye'), ...argv, '--config', join(garden.dir, 'baiyed.yaml')], { stdio: 'ignore' });
}

test('roles: a farmer changes the own password in the app, and the phone goes on with it', limit, async () => {
  const page = await phone(browser);
  pages.push(page);
  await login(page, garden.url, 'farmer', true);
  await page.locator('.tile.live').waitFor();
  await page.goto(`${garden.url}#/more`);
  await page.getByRole('link', { name: '修改密码' }).tap();
  const go = page.getByRole('button', { name: '修改' });
  const fill = async (old, fresh, again = fresh) => {
    await page.locator('input[name=old]').fill(old);
    await page.locator('input[name=new]').fill(fresh);
    await page.locator('input[name=again]').fill(again);
    await go.tap();
  };
  await fill(users.farmer, 'oolong-steep-7', 'oolong-steep-8');
  await page.getByText('两次输入的新密码不一样').waitFor();
  await fill(users.farmer, 'oolong-steep-7');
  await page.getByText('baiye user passwd').waitFor(); // nobody listens: what the technician can do
  const socket = activate();
  try {
    await until('the socket is there', () => existsSync(join(garden.dir, 'password.sock')));
    await fill('not-my-password', 'oolong-steep-7');
    await page.getByText('现在的密码不对').waitFor();
    await fill(users.farmer, 'password1');
    await page.getByText('新密码太短、太常见').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'roles-password');
    await fill(users.farmer, 'oolong-steep-7');
    await page.getByText('密码已修改 ✓').waitFor();
  } finally {
    socket.kill();
  }
  garden.broker.process.kill('SIGHUP'); // systemd would: whoever came in by the old one is cut
  await page.goto(`${garden.url}#/`);
  await page.reload();
  await page.locator('.tile.live').waitFor();
  assert.deepEqual(await audited('farmer', 'passwd'), ['ok', 'unfit: this password can\'t be taken: it is among the first that are tried: a common word, name or row of keys',
    'wrong-password: the present password is wrong', 'unavailable: the password could not be changed']);
  users.farmer = 'oolong-steep-7';
});

/** The dark modules of a text's code, as the app draws them. */
const picture = (text) => encodeQr(text, 'raw', { ecc: 'medium', border: 4 })
  .map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join('')).join('');

test('roles: `baiye user add --qr` lets a phone in by one scan, and it a second one', limit, async () => {
  const told = execFileSync(program('baiye'), ['user', 'add', 'grandma', '--role', 'farmer', '--qr', '--address', 'https://garden.example',
    '--config', join(garden.dir, 'baiyed.yaml')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [, hash, once] = told.match(/https:\/\/garden\.example\/(#\/join\/grandma\/(\S+))/);
  assert.match(told, /[▀▄█]{8}/, 'and as a picture');
  garden.broker.process.kill('SIGHUP'); // systemd would
  users.grandma = '';
  const socket = activate();
  const scan = async (code) => {
    const page = await phone(browser, { size: 'small' });
    pages.push(page);
    await page.goto(`${garden.url}${code}`);
    return page;
  };
  const own = (page) => page.evaluate(() => JSON.parse(localStorage.getItem('baiye.login') ?? '{}').password);
  let first;
  try {
    await until('the socket is there', () => existsSync(join(garden.dir, 'password.sock')));
    first = await scan(hash);
    await first.locator('.tile.live').waitFor(); // nothing was typed
    await until('the phone has made its own password', async () => /^[0-9a-f]{24}$/.test(await own(first)));
  } finally {
    socket.kill();
  }
  garden.broker.process.kill('SIGHUP');
  const password = await own(first);
  assert.notEqual(password, once);
  const thief = await scan(hash); // the code was good once
  await thief.getByText('用户名或密码不对').waitFor();
  await first.goto(`${garden.url}#/second`);
  const text = `${garden.url}#/same/grandma/${password}`;
  const shown = await first.locator('.qr path').getAttribute('d');
  assert.equal(shown, picture(text), 'the second phone scans this');
  const second = await scan(text.slice(garden.url.length));
  await second.locator('.tile.live').waitFor();
  await first.goto(`${garden.url}#/`);
  await first.reload();
  await first.locator('.tile.live').waitFor(); // and both stay in
  assert.deepEqual(await audited('grandma', 'passwd'), ['ok']);
});

test('roles: a technician adds a user with a code, gives another role, and removes the user', limit, async () => {
  const page = await phone(browser, { size: 'small' });
  pages.push(page);
  await login(page, garden.url, 'technician');
  await page.locator('.tile.live').waitFor();
  await page.goto(`${garden.url}#/setup`);
  const add = async (name) => {
    await page.locator('input[name=user]').fill(name);
    await page.getByRole('button', { name: '添加，出示二维码' }).tap();
  };
  await page.getByRole('link', { name: '用户', exact: true }).tap();
  await page.locator('.row', { hasText: 'farmer' }).waitFor();
  await add('Uncle Lin');
  await page.getByText('名字只能用小写字母').waitFor();
  await add('farmer');
  await page.getByText('已有这个名字').waitFor();
  await add('uncle');
  await page.getByText('主机不能写用户文件').waitFor(); // nobody listens
  const socket = activate();
  let guest;
  try {
    await until('the socket is there', () => existsSync(join(garden.dir, 'password.sock')));
    await page.evaluate(() => { // what the phone makes up is seen nowhere but in its picture
      const make = crypto.getRandomValues.bind(crypto);
      window.made = [];
      crypto.getRandomValues = (bytes) => {
        window.made.push([...make(bytes)].map((b) => b.toString(16).padStart(2, '0')).join(''));
        return bytes;
      };
    });
    await add('uncle');
    const answer = page.locator('.qr path, .wrong');
    await answer.first().waitFor();
    assert.deepEqual(await page.locator('.wrong').allTextContents(), []);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'roles-users', true);
    const shown = await page.locator('.qr path').getAttribute('d');
    const once = (await page.evaluate(() => window.made)).find((x) => picture(`${garden.url}#/join/uncle/${x}`) === shown);
    assert.ok(once, 'the code holds name and password');
    garden.broker.process.kill('SIGHUP'); // systemd would
    guest = await phone(browser, { size: 'small' });
    pages.push(guest);
    await guest.goto(`${garden.url}#/join/uncle/${once}`);
    await guest.locator('.tile.live').waitFor();
    const row = page.locator('.row', { hasText: 'uncle' });
    await page.locator('.row', { hasText: 'technician' }).first().tap();
    await page.getByText('这是您自己').waitFor();
    await row.tap();
    await page.locator('li select[name=role]').selectOption('technician');
    await page.getByRole('button', { name: '保存' }).tap();
    await until('the role is another one', () => /^uncle technician$/m.test(readFileSync(join(garden.dir, 'users'), 'utf8')));
    await page.locator('.row', { hasText: 'uncle' }).getByText('技术员').waitFor();
    await row.tap();
    await page.getByRole('button', { name: '移除' }).tap();
    await page.getByRole('button', { name: '移除' }).tap();
    await page.getByText('uncle 已移除 ✓').waitFor();
    assert.doesNotMatch(readFileSync(join(garden.dir, 'users'), 'utf8') + readFileSync(join(garden.dir, 'mosquitto.acl'), 'utf8'), /uncle/);
    await row.waitFor({ state: 'detached' }); // the list is read again
  } finally {
    socket.kill();
  }
  garden.broker.process.kill('SIGHUP');
  await guest.getByText('用户名或密码不对').waitFor(); // out at once
  const done = (await audited('technician', 'user_change')).filter((result) => !result.startsWith('busy')); // its own phone's was under way
  assert.deepEqual(done, ['ok', 'ok', 'ok', 'unavailable: the password could not be changed']);
  assert.deepEqual(page.problems, []);
});

test('roles: the users are no farmer’s to see', limit, async () => {
  const page = await phone(browser);
  pages.push(page);
  await login(page, garden.url, 'farmer');
  await page.locator('.tile.live').waitFor();
  await page.goto(`${garden.url}#/users`);
  await page.getByText('需要技术员账号').waitFor();
  assert.equal(await page.locator('.row').count(), 0);
});
