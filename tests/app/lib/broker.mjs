// SPDX-License-Identifier: Apache-2.0
// mosquitto on a free port of loopback, with passwords and the access rules of a real site.
import { spawn } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, freePort, until } from './wait.mjs';

export const users = {
  gateway: 'gw-pass',
  farmer: 'tea-leaf',
  technician: 'screw-driver-4mm',
  screen: 'led-wall', // known to the tests of roles only
  guest: 'only-looking', // reads, may ask nothing
  helper: 'no-role-yet', // the broker lets it ask, the gateway knows no role of it
};

const reads = ['gateway/status', 'site', 'dev/#', 'plot/#', 'readings', 'alert/#', 'forecast', 'led/#'];

function acl(mount) {
  const site = `${mount}baiye/baiye-1`;
  const lines = ['user gateway', `topic readwrite ${site}/#`, `topic readwrite ${mount}homeassistant/#`];
  for (const user of ['farmer', 'technician', 'guest', 'helper']) {
    lines.push('', `user ${user}`, ...reads.map((r) => `topic read ${site}/${r}`));
    if (user !== 'guest') lines.push(`topic write ${site}/rpc/${user}/#`);
    lines.push(`topic read ${site}/answer/${user}/#`);
  }
  return `${lines.join('\n')}\n`;
}

/** A line of mosquitto's password file, as mosquitto_passwd writes it. */
export function passwordLine(name, password) {
  const salt = Buffer.from('salt of tests').subarray(0, 12);
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512');
  return `${name}:$7$101$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

// Nothing stays behind when a test run dies.
export const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Broker {
  /** `mount`: as a county's has, before every topic. */
  constructor(mount = '') {
    this.mount = mount;
  }

  async start() {
    this.dir = mkdtempSync(join(tmpdir(), 'baiye-app-'));
    this.port = await freePort();
    const file = (name) => join(this.dir, name);
    this.setPasswords(users);
    writeFileSync(file('acl'), acl(this.mount), { mode: 0o600 });
    writeFileSync(file('mosquitto.conf'), [
      `listener ${this.port} 127.0.0.1`, 'allow_anonymous false', 'set_tcp_nodelay true', `password_file ${file('passwords')}`,
      `acl_file ${file('acl')}`, 'persistence true', `persistence_location ${this.dir}/`, 'user root',
      ...(this.mount ? [`mount_point ${this.mount}`] : []),
    ].join('\n') + '\n');
    await this.run();
    return this;
  }

  setPasswords(all) {
    const lines = Object.entries(all).map(([name, password]) => passwordLine(name, password));
    writeFileSync(join(this.dir, 'passwords'), lines.join(''), { mode: 0o600 });
  }

  async run() {
    this.process = spawn('mosquitto', ['-c', join(this.dir, 'mosquitto.conf')], { stdio: 'ignore' });
    running.add(this.process);
    await until('mosquitto listens', () => answers(this.port));
  }

  async halt() {
    if (!this.process) return;
    const gone = new Promise((r) => this.process.once('exit', r));
    this.process.kill('SIGTERM');
    await gone;
    running.delete(this.process);
    this.process = null;
  }

  async stop() {
    await this.halt();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
