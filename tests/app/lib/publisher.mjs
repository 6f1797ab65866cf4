// SPDX-License-Identifier: Apache-2.0
// Speaks for the gateway where the gateway itself is not what is tested: payloads exactly as in
// protocols/mqtt, answers to the app's questions, and hostile ones.
import { mqttClient } from './deps.mjs';
import { users } from './broker.mjs';

const root = 'baiye/baiye-1';

export class Publisher {
  constructor(port) {
    this.port = port;
    this.user = 'gateway';
    this.asked = [];
    this.picks = new Map();
    this.ledger = new Map();
    this.answers = {
      time: () => ({ ts: Date.now() + this.ahead }),
      history: (p) => this.history(p),
      ack: () => ({ ok: true }),
      pick: () => ({ ok: true }),
      pick_delete: (p) => { this.ledger.delete(p.id); return { ok: true }; },
      picks: (p) => this.page(p),
      counts: () => ({ counts: [], next: null }),
      alerts: () => ({ alerts: [] }),
    };
    this.ahead = 0; // ms by which the site's time is ahead of this machine's
  }

  async start() {
    this.client = mqttClient({ sess_stg: null, on_mqtt_type: { mqtt_publish: (p) => this.request(p) } });
    this.client.with({ log_conn() {}, on_disconnect() {}, on_live() {}, on_error() {} });
    this.client.with_tcp(`tcp://127.0.0.1:${this.port}`);
    await this.client.connect({
      client_id: `publisher-${this.user}`, username: this.user, password: users[this.user], keep_alive: 60,
      flags: { clean_start: true },
    });
    await this.client.subscribe({ topics: [`${root}/rpc/+/+`] });
    return this;
  }

  async stop() {
    this.client.disconnect().catch(() => {}); // never answered by a broker that is gone
  }

  now() {
    return Date.now() + this.ahead;
  }

  async put(topic, payload, retain = true) {
    const body = typeof payload === 'string' || payload instanceof Uint8Array ? payload : JSON.stringify(payload);
    await this.client.pub({ topic: `${root}/${topic}`, payload: body, qos: 1, retain });
  }

  async request(packet) {
    const [, , , user, method] = packet.topic.split('/');
    const params = JSON.parse(packet.utf8());
    this.asked.push({ user, method, params });
    const answer = await this.answers[method]?.(params, user);
    if (method === 'pick' && answer?.ok) this.note(params, user);
    const to = packet.props?.response_topic;
    if (answer === undefined || !to) return;
    await this.client.pub({
      topic: to, payload: JSON.stringify(answer), qos: 1,
      props: { correlation_data: packet.props.correlation_data },
    });
  }

  /** As the gateway's store: a later one of the same id corrects. */
  note(p, user) {
    this.picks.set(p.id, p);
    const old = this.ledger.get(p.id);
    if (old && old.made > p.made) return;
    const by = old?.by ?? user;
    this.ledger.set(p.id, { id: p.id, plot: p.plot, day: p.day, kg: p.kg, pickers: p.pickers, made: p.made ?? this.now(), at: this.now(), by,
      ...(by === user ? {} : { changed_by: user }) });
  }

  page(p, most = 150) {
    const all = [...this.ledger.values()].filter((x) => x.day >= (p.from ?? '')).sort((a, b) => (a.day === b.day ? b.at - a.at : a.day < b.day ? 1 : -1));
    const skip = p.skip ?? 0;
    return { picks: all.slice(skip, skip + most), next: all.length > skip + most ? skip + most : null };
  }

  online() {
    return this.put('gateway/status', 'online');
  }

  live(ageMs = 0, values = {}, flags = {}) {
    return {
      ts: this.now() - ageMs, every_s: 600, boot: 7, seq: 4711,
      values: { air_temperature: 18.21, air_humidity: 83.4, soil_moisture: 27.6, soil_temperature: 15.9,
        soil_conductivity: 312, battery_voltage: 3.92, vapour_pressure_deficit: 0.35, ...values },
      flags,
    };
  }

  site(plots) {
    return {
      location: { lat: 30.6, lon: 119.7, timezone: 'Asia/Shanghai' }, batch_s: 0,
      plots: plots.map((p) => ({ name: p.name, label: p.label, devices: p.devices, ...(p.at ? { at: p.at } : {}) })),
      devices: plots.flatMap((p) => p.devices.map((d) => ({ name: d, label: d, every_s: 600 }))),
      metrics: { air_temperature: { unit: '°C', min: -40, max: 60, decimals: 1 } },
      limits: [
        this.limit('frost', '霜冻', 'air_temperature', 'below', 3, 4, 'alarm'),
        this.limit('heat', '高温', 'air_temperature', 'above', 38, 36, 'watch'),
        this.limit('arid', '空气干', 'air_humidity', 'below', 50, 55, 'watch'),
        this.limit('dry', '干旱', 'soil_moisture', 'below', 12, 15, 'watch'),
        this.limit('waterlogged', '积水', 'soil_moisture', 'above', 50, 45, 'watch'),
      ],
    };
  }

  /** A rule of the farm's, as its site document tells it. */
  limit(rule, label, metric, side, limit, clear, level, more = {}) {
    return { rule, label, label_en: rule, metric, side, limit, clear, level, ...more };
  }

  forecast(plots = ['upper', 'creek']) {
    const at = this.now() + 9 * 3600e3;
    return {
      ts: this.now(),
      plots: Object.fromEntries(plots.map((name, i) => [name, {
        thermal_time: 142.3, share_ready: 0.31, ready_kg: [8, 12, 17], pick_kg: [6, 9, 12],
        pickers: 4 + i, booked: null, why: null, score: { days: 12, mae_kg: 1.4, skill: 0.12, coverage: 0.84 },
      }])),
      frost: { level: 'watch', min_c: 2.1, at, why: '上坡: 5.6 °C now, 2.1 °C expected in the morning',
        why_zh: '上坡：现在 5.6 °C，估计早晨 2.1 °C' },
      disease: [{ name: 'blister_blight', level: 'medium', why: '上坡: 18 h wet at 16 °C, 8 h infect; 1.1 h of sun a day',
        why_zh: '上坡：叶面湿 18 小时，16 °C，8 小时即可侵染；每天日照 1.1 小时' }],
      water: [],
    };
  }

  /** As a rule of the gateway's raises it; `what`: another one, without Chinese. */
  alert(what, more = {}) {
    const frost = {
      what: 'frost: air_temperature 1.6 °C, limit 2 °C', todo: 'start the wind machine, tell who is on duty',
      zh: { what: '霜冻：air_temperature 1.6 °C，已低于 2 °C', todo: '打开防霜风机，通知值班' },
    };
    return { level: 'alarm', where: 'upper', since: this.now() - 26 * 60e3, ...(what ? { what, todo: '打开防霜风机，通知值班' } : frost), ...more };
  }

  /** Answers `history` as the gateway does: at most `most` points, then `next`. */
  history(p, most = 1024, hole = [0.4, 0.47]) {
    const step = { raw: 60e3, hour: 3600e3, day: 86400e3 }[p.step];
    const out = { t: [], n: [], min: [], mean: [], max: [], next: null };
    const now = this.now();
    const shift_ms = p.step === 'day' ? 8 * 3600e3 : 0; // days are the site's
    const from = Math.ceil((p.from + shift_ms) / step) * step - shift_ms;
    const shift = (p.plot ?? p.device ?? 'x').charCodeAt(0) % 11;
    for (let t = from; t < p.to && t <= now; t += step) {
      if (out.t.length === most) { out.next = t; break; }
      const ago = (now - t) / 86400e3;
      if (p.step !== 'day' && ago > hole[0] && ago < hole[1]) continue; // shorter than a day
      const hours = t / 3600e3 + 8;
      const mean = 14 + shift / 3 - 5 * Math.cos((hours / 24) * 2 * Math.PI) - 7 * Math.cos((hours / 8766) * 2 * Math.PI)
        + 0.6 * Math.sin(hours * 1.7);
      const spread = p.step === 'raw' ? 0 : p.step === 'hour' ? 0.8 : 4.5;
      out.t.push(t);
      out.n.push(p.step === 'raw' ? 1 : step / 60e3);
      out.min.push(Number((mean - spread).toFixed(2)));
      out.mean.push(Number(mean.toFixed(2)));
      out.max.push(Number((mean + spread).toFixed(2)));
    }
    return out;
  }

  /** A garden of n plots with one device each. */
  async garden(n) {
    const labels = ['上坡', '溪边', '老茶园', '东坡三号', '北坪'];
    const names = ['upper', 'creek', 'old', 'east-3', 'north'];
    const plots = Array.from({ length: n }, (_, i) => ({
      name: names[i] ?? `plot-${i + 1}`, label: labels[i] ?? `地块 ${i + 1}`, devices: [`node-${i + 1}`],
    }));
    await this.online();
    await this.put('site', this.site(plots));
    for (const [i, p] of plots.entries()) {
      const live = this.live(20e3 + (i % 9) * 7e3, { air_temperature: 18.2 - (i % 9) * 1.7, soil_moisture: 27.6 - (i % 9) * 1.9 });
      await this.put(`dev/${p.devices[0]}/live`, live);
      await this.put(`plot/${p.name}/live`, live);
    }
    return plots;
  }
}
