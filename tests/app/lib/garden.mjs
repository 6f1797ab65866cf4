// SPDX-License-Identifier: Apache-2.0
// A real site in one temporary folder: mosquitto, baiye-field with its simulated devices, and baiyed
// that polls them, publishes and serves the app.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { appFolder, root } from './deps.mjs';
import { Broker, running, users } from './broker.mjs';
import { answers, freePort, until } from './wait.mjs';

const build = process.env.BAIYE_BUILD ?? `${root}build`;
export const program = (name) => join(build, 'bin', name);
const profiles = { native: 'baiye-node', 'zts-3001': 'zts-3001-7in1', 'xy-md02': 'xy-md02' };

export const built = () => existsSync(program('baiyed')) && existsSync(program('baiye-field'));

function start(folder, name, argv, env = {}) {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(program(name), argv, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function end(child, signal = 'SIGTERM') {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((r) => child.once('exit', r));
  child.kill(signal);
  await gone;
}

/** A line of JSON there, a line of JSON back; what is said on the way to it is not the answer. */
function line(path, request) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    let text = '';
    socket.on('data', (d) => {
      text += d;
      const answer = text.split('\n').slice(0, -1).map((one) => JSON.parse(one)).find((one) => one.progress === undefined);
      if (!answer) return;
      socket.end();
      resolve(answer);
    });
    socket.on('error', reject);
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

export class Garden {
  /** `lines` as in a scene of baiye-field, `plots` as in the gateway's configuration. */
  constructor(lines, plots, more = {}, tls = false) {
    Object.assign(this, { lines, plots, more, tls });
  }

  async start() {
    this.broker = await new Broker().start();
    this.dir = this.broker.dir;
    if (this.lines.length > 0) await this.startField();
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}/`;
    if (this.tls) this.certify();
    this.configure();
    await this.startGateway();
    return this;
  }

  async startField() {
    const run = join(this.dir, 'field');
    mkdirSync(run);
    const scene = join(this.dir, 'scene.yaml');
    // JSON is YAML; `fresh` units are on the line, and nobody has told the gateway.
    writeFileSync(scene, JSON.stringify({ weather: { speed: 600 }, lines: this.lines }, (key, x) => (key === 'fresh' ? undefined : x)));
    this.field = start(this.dir, 'baiye-field', ['--scene', scene, '--dir', run, '--seed', '1']);
    await until('the garden is ready', () => readFileSync(join(this.dir, 'baiye-field.log'), 'utf8').includes('ready\n'));
  }

  /** HTTPS with the files that `baiye cert` makes. */
  certify() {
    this.certs = join(this.dir, 'tls');
    execFileSync(program('baiye'), ['cert', '--host', 'localhost', '--host', '127.0.0.1', '--dir', this.certs], { stdio: 'ignore' });
    this.url = `https://localhost:${this.port}/`;
  }

  linePort(line) {
    const file = join(this.dir, 'field', `${line.name}.port`);
    return existsSync(file) ? `127.0.0.1:${readFileSync(file, 'utf8').trim()}` : join(this.dir, 'field', line.name);
  }

  configure() {
    const password = join(this.dir, 'gateway.pass');
    writeFileSync(password, `${users.gateway}\n`, { mode: 0o600 });
    writeFileSync(join(this.dir, 'users'), 'farmer farmer\ntechnician technician\n');
    writeFileSync(join(this.dir, 'baiyed.yaml'), JSON.stringify({
      site: 'baiye-1',
      location: { lat: 26.5, lon: 107.9, timezone: 'Asia/Shanghai' },
      store: { path: join(this.dir, 'readings.db'), max_size: '64MB', commit_every: '200ms' },
      control: { socket: join(this.dir, 'control.sock'), password_socket: join(this.dir, 'password.sock') },
      http: { listen: `127.0.0.1:${this.port}`, app_dir: join(appFolder, 'dist'),
        ...(this.tls ? { cert_file: join(this.certs, 'server.pem'), key_file: join(this.certs, 'server.key') } : {}) },
      mqtt: [{ name: 'local', url: `mqtt://127.0.0.1:${this.broker.port}`, user: 'gateway', password_file: password }],
      plots: this.plots,
      buses: this.lines.map((line) => ({
        name: line.name, type: line.type ?? 'rtu', port: this.linePort(line),
        ...(line.type === 'tcp' ? {} : { baud: line.baud, parity: 'none' }),
        devices: line.units.filter((u) => !u.fresh).map((u) => ({ name: u.name, profile: profiles[u.kind], address: u.address,
          every: `${u.period_s ?? 2}s`, ...(line.type !== 'tcp' && u.kind !== 'native' ? { baud: line.baud } : {}) })),
      })),
      ...this.more,
    }));
  }

  async startGateway() {
    const state = join(this.dir, 'state'); // as the service manager gives it: for configurations on trial
    mkdirSync(state, { recursive: true });
    this.gateway = start(this.dir, 'baiyed', ['--config', join(this.dir, 'baiyed.yaml')], { STATE_DIRECTORY: state });
    await until('the gateway serves the app', async () => {
      if (this.gateway.exitCode !== null) throw new Error(`baiyed ended:\n${this.log()}`);
      return answers(this.port);
    });
  }

  log() {
    return readFileSync(join(this.dir, 'baiyed.log'), 'utf8');
  }

  stopGateway(signal) {
    return end(this.gateway, signal);
  }

  /** One request to the simulated garden's control socket. */
  async control(request) {
    const answer = await line(join(this.dir, 'field', 'control.sock'), request);
    if (!answer.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  /** One request to the gateway's control socket, as its operator may. */
  async ask(method, params) {
    const answer = await line(join(this.dir, 'control.sock'), { id: 1, method, params });
    if (!answer.result) throw new Error(JSON.stringify(answer));
    return answer.result;
  }

  /** What the gateway's file holds. */
  rows(query) {
    const code = 'import json,sqlite3,sys; b=sqlite3.connect("file:"+sys.argv[1]+"?mode=ro",uri=True); '
      + 'b.row_factory=sqlite3.Row; print(json.dumps([dict(r) for r in b.execute(sys.argv[2])]))';
    return JSON.parse(execFileSync('python3', ['-c', code, join(this.dir, 'readings.db'), query], { encoding: 'utf8' }));
  }

  async stop() {
    await end(this.gateway);
    await end(this.field);
    await this.broker?.stop();
  }
}
