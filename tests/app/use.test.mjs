// SPDX-License-Identifier: Apache-2.0
// What people do with it: pick, look back, compare, take away, photograph, acknowledge, log out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { axe, launch, login, shot } from './lib/phone.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/wait.mjs';

const s = stage();
const { test } = s;

const open = async (options, hash, user = 'farmer', keep = false) => {
  const page = await s.phone(options);
  await login(page, s.bridge.url, user, keep);
  await page.locator('.tile.live').first().waitFor();
  if (hash) await page.goto(`${s.bridge.url}#/${hash}`);
  return page;
};

/** Waits until the chart has more than `points` of this step: the range before may have had as many. */
const loaded = (page, step, points) => until(`${points} of ${step}`, async () => {
  const now = await page.locator('[data-points]').evaluate((e) => ({ ...e.dataset }));
  return now.step === step && Number(now.points) > points;
});

test('use: "I picked today" is two taps', async () => {
  await s.gateway.garden(2);
  await s.gateway.put('forecast', s.gateway.forecast());
  const page = await open({ size: 'small' }, 'pick/creek');
  await page.locator('.growth').waitFor();
  await page.locator('.pickbutton').tap();
  await shot(page, 'use-pick-form');
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存到主机 ✓').waitFor();
  const [pick] = s.gateway.picks.values();
  assert.deepEqual({ ...pick, id: '', day: '', made: 0 }, { id: '', plot: 'creek', day: '', kg: 9, pickers: 5, made: 0 });
  assert.match(pick.day, /^\d{4}-\d\d-\d\d$/);
  assert.match(pick.id, /^[0-9a-f]{24}$/);
});

test('use: the next pick begins with the numbers of the last one', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'pick');
  await page.locator('.pickbutton').tap();
  await page.locator('input[name=weight]').fill('25');
  await page.getByRole('button', { name: '增加人数' }).tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('已保存').waitFor();
  await page.locator('.pickbutton').tap();
  assert.equal(await page.locator('input[name=weight]').inputValue(), '25');
  assert.equal(await page.locator('input[name=pickers]').inputValue(), '3');
});

test('use: a pick that looks like a slip is asked about, and taken when it is none', async () => {
  await s.gateway.garden(1);
  const page = await open({ size: 'small' }, 'pick');
  const note = async (kg, people) => {
    await page.locator('.pickbutton').tap();
    await page.locator('input[name=weight]').fill(kg);
    await page.locator('input[name=pickers]').fill(people);
    await page.locator('.pickform .primary').tap();
  };
  await note('25', '3');
  await page.getByText('已保存').waitFor();
  await page.getByText('上坡：25 斤，3 人').waitFor();
  for (const [kg, people, question] of [['2500', '3', '多很多'], ['250', '5', '多很多'], ['2.4', '3', '少很多'], ['0', '0', '没有采到']]) {
    await note(kg, people);
    await page.getByText(question).waitFor();
    await shot(page, `use-pick-doubt-${kg}`);
    assert.equal(s.gateway.picks.size, 1, `${kg} jin by ${people} is not sent before somebody says that it is right`);
    await page.getByRole('button', { name: '取消' }).tap();
  }
  await note('2500', '3');
  await page.getByText('多很多').waitFor();
  await page.locator('input[name=weight]').fill('2520');
  await page.getByText('多很多').waitFor({ state: 'detached' });
  await page.locator('.pickform .primary').tap();
  await page.getByText('多很多').waitFor();
  await page.getByRole('button', { name: '没写错' }).tap();
  await page.getByText('已保存').waitFor();
  const last = [...s.gateway.picks.values()].pop();
  assert.deepEqual({ kg: last.kg, pickers: last.pickers, sure: last.sure }, { kg: 1260, pickers: 3, sure: true });
});

test('use: what only the gateway doubts is asked about, and sent as sure or deleted', async () => {
  await s.gateway.garden(1);
  s.gateway.answers.pick = (p) => {
    if (!p.sure) return { error: { code: 'doubtful', message: 'kg: 40.0 by 3 pickers is unusual', hint: 'send it again' } };
    return { ok: true };
  };
  const page = await open({}, 'pick');
  const note = async (kg) => {
    await page.locator('.pickbutton').tap();
    await page.locator('input[name=weight]').fill(kg);
    await page.locator('input[name=pickers]').fill('3');
    await page.locator('.pickform .primary').tap();
    await page.getByText('还没有记下').waitFor();
  };
  await note('80');
  assert.ok(!(await page.locator('body').innerText()).includes('unusual'), 'in the reader\'s own language');
  await shot(page, 'use-pick-doubted');
  await page.getByRole('button', { name: '没写错' }).tap();
  await page.getByText('已送达 ✓').waitFor();
  await page.getByText('还没有记下').waitFor({ state: 'detached' });
  await note('82');
  await page.getByRole('button', { name: '写错了' }).tap();
  await page.getByText('上坡：82 斤').first().waitFor({ state: 'detached' });
  assert.deepEqual([...s.gateway.picks.values()].map((p) => p.kg), [40]);
});

test('use: a pick without network waits on the phone and arrives once, even if the answer is lost', async () => {
  await s.gateway.garden(1);
  let deaf = 1;
  const stored = [];
  s.gateway.answers.pick = (p) => {
    stored.push(p.id);
    return deaf-- > 0 ? undefined : { ok: true }; // the first answer never comes
  };
  const page = await open({}, 'pick', 'farmer', true);
  s.bridge.cut(false);
  await page.locator('.pickbutton').tap();
  await page.locator('.pickform .primary').tap();
  await page.getByText('有网络时自动发送').waitFor();
  await page.getByText('待发送').waitFor();
  await page.reload(); // the phone was switched off in between; the files are still served
  await page.goto(`${s.bridge.url}#/pick`);
  await page.getByText('1 条等待发送').waitFor();
  assert.deepEqual(stored, []);
  s.bridge.open = true;
  await until('the first try', () => stored.length === 1);
  s.bridge.cut(true); // and the answer to it is lost with the link
  await page.getByText('已送达 ✓').waitFor();
  assert.equal(stored.length, 2);
  assert.equal(new Set(stored).size, 1, 'the same id both times: the gateway takes it once');
});

test('use: the range stays when another quantity or a second plot is chosen: soil of two plots over a week is four taps, however many plots there are', async () => {
  for (const count of [2, 12, 60]) {
    await s.gateway.garden(count);
    const page = await open({ size: 'small' });
    let taps = 0;
    const hit = async (what) => { taps += 1; await what.tap(); };
    await hit(page.locator('.tile', { hasText: '上坡' }));
    await hit(page.getByRole('button', { name: '周', exact: true }));
    await hit(page.locator('.choices button', { hasText: '土壤水分' }));
    await hit(page.locator('.compare button').last());
    await until('both plots of the week', async () => (await page.locator('[data-step]').getAttribute('data-step')) === 'hour'
      && Number(await page.locator('[data-points]').getAttribute('data-points')) > 300);
    assert.equal(await page.getByRole('button', { name: '周', exact: true }).getAttribute('aria-pressed'), 'true');
    assert.ok(taps <= 4, `${taps} taps of ${count} plots`);
    const [box, chosen] = [await page.locator('.compare .chips').boundingBox(), await page.locator('.compare [aria-pressed=true]').boundingBox()];
    assert.ok(box.height < 260, 'the page does not grow with them');
    assert.ok(chosen.y >= box.y && chosen.y + chosen.height <= box.y + box.height, 'the chosen one is in sight');
    assert.deepEqual(page.problems, []);
    assert.deepEqual(await axe(page), []);
    await shot(page, `use-compare-${count}`, true);
    await page.context().close();
  }
});

test('use: who comes back to the list of plots stands where they were', async () => {
  await s.gateway.garden(20);
  const page = await open({ size: 'small' });
  // What comes after the first values moves the list: the card above it, and the coldest night.
  await page.locator('.cards').waitFor();
  await page.locator('.coldest', { hasText: '昨夜' }).waitFor();
  // A tap scrolls its tile into view, so where one stood is known when the tap comes.
  await page.evaluate(() => document.addEventListener('click', () => {
    window.stood = document.querySelector('.scroll').scrollTop;
  }, { capture: true, once: true }));
  await page.locator('.tile', { hasText: '地块 18' }).tap();
  await page.locator('.plotpage').waitFor();
  const before = await page.evaluate(() => window.stood);
  assert.ok(before > 200, `${before}`);
  await until('another page begins at its top', async () => (await page.locator('.scroll').evaluate((e) => e.scrollTop)) === 0);
  await page.goBack();
  await until('it stands there again', async () => Math.abs(await page.locator('.scroll').evaluate((e) => e.scrollTop) - before) < 40);
});

test('use: the chart loads day, week and month in pages, a year in days', async () => {
  await s.gateway.garden(2);
  const page = await open({}, 'plot/p:upper');
  const ready = page.locator('.chart[aria-busy=false] canvas');
  const points = async () => Number(await page.locator('[data-points]').getAttribute('data-points'));
  await ready.waitFor();
  await until('a day of minutes', async () => (await points()) > 1200);
  for (const [name, step, least] of [['周', 'hour', 150], ['月', 'hour', 700], ['年', 'day', 360]]) {
    await page.getByRole('button', { name, exact: true }).tap();
    await until(`${name} loaded`, async () => (await points()) >= least && (await ready.count()) === 1
      && (await page.locator('[data-step]').getAttribute('data-step')) === step);
    await shot(page, `use-chart-${step}-${least}`);
  }
  const asked = s.gateway.asked.filter((a) => a.method === 'history' && a.params.plot === 'upper').map((a) => a.params);
  assert.ok(asked.every((a) => a.metric === 'air_temperature' && a.from < a.to));
  assert.ok(asked.every((a) => a.step !== 'hour' || a.to - a.from < 40 * 86400e3), 'no year of hours is asked for');
});

test('use: a month of hours of two plots moves with little work, however fast the machine is', async () => {
  await s.gateway.garden(60);
  const page = await s.phone();
  await page.addInitScript(() => {
    window.work = { lines: 0, clears: 0, frames: 0 };
    const { lineTo, clearRect } = CanvasRenderingContext2D.prototype;
    const { lineTo: pathTo } = Path2D.prototype;
    Path2D.prototype.lineTo = function (...a) { window.work.lines += 1; return pathTo.apply(this, a); };
    CanvasRenderingContext2D.prototype.lineTo = function (...a) { window.work.lines += 1; return lineTo.apply(this, a); };
    CanvasRenderingContext2D.prototype.clearRect = function (...a) { window.work.clears += 1; return clearRect.apply(this, a); };
  });
  await login(page, s.bridge.url);
  await page.goto(`${s.bridge.url}#/plot/p:upper`);
  await page.getByRole('button', { name: '溪边', exact: true }).tap();
  await page.getByRole('button', { name: '月', exact: true }).tap();
  await loaded(page, 'hour', 1400);
  await page.locator('.chart[aria-busy=false]').waitFor();
  await page.locator('.chart').scrollIntoViewIfNeeded();
  const box = await page.locator('.chart .u-over').boundingBox();
  await page.mouse.move(box.x + 250, box.y + 80);
  await page.mouse.down();
  await page.evaluate(() => {
    window.work = { lines: 0, clears: 0, frames: 0 };
    const frame = () => { window.work.frames += 1; window.going = requestAnimationFrame(frame); };
    window.going = requestAnimationFrame(frame);
  });
  const moves = 60;
  for (let i = 1; i <= moves; i += 1) await page.mouse.move(box.x + 250 - i * 3, box.y + 80);
  const work = await page.evaluate(() => { cancelAnimationFrame(window.going); return window.work; });
  await page.mouse.up();
  assert.ok(work.clears > 0, 'it moved');
  assert.ok(work.clears <= work.frames + 2, `${work.clears} drawings in ${work.frames} frames: at most one each`);
  assert.ok(work.clears <= moves + 2, `${work.clears} drawings for ${moves} moves: none without a reason`);
  // Two plots with a band each are six lines; a month of hours would be 744 points in each of them.
  const perDrawing = work.lines / work.clears;
  assert.ok(perDrawing < 6 * box.width * 2, `${Math.round(perDrawing)} points a drawing of ${box.width} px`);
});

test('use: one finger moves, two fingers zoom, and what is missing is loaded', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'plot/p:upper');
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  const box = await page.locator('.chart .u-over').boundingBox();
  const cdp = await page.context().newCDPSession(page);
  const touch = (type, points) => cdp.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, id]) => ({ x: box.x + x, y: box.y + 60, id })) });
  const before = s.gateway.asked.length;
  await touch('touchStart', [[60, 0]]);
  for (let x = 60; x <= 260; x += 20) await touch('touchMove', [[x, 0]]);
  await touch('touchEnd', []);
  const moved = await until('earlier history asked for', () => s.gateway.asked.slice(before).find((a) => a.method === 'history'));
  const span = moved.params.to - moved.params.from;
  assert.ok(moved.params.to < s.gateway.now() - 3600e3, 'moved into the past');
  await page.locator('.chart[aria-busy=false]').waitFor();
  const again = s.gateway.asked.length;
  await touch('touchStart', [[120, 0], [180, 1]]);
  for (let d = 0; d <= 80; d += 10) await touch('touchMove', [[120 - d, 0], [180 + d, 1]]);
  await touch('touchEnd', []);
  const zoomed = await until('a shorter range asked for', () => s.gateway.asked.slice(again).find((a) => a.method === 'history'));
  assert.ok(zoomed.params.to - zoomed.params.from < span / 2, 'zoomed in');
  await page.getByRole('button', { name: '现在', exact: true }).tap();
  await until('back at now', async () => (await page.getByRole('button', { name: '现在', exact: true }).isDisabled()));
});

test('use: compare two plots, take them away as CSV and as a picture', async () => {
  await s.gateway.garden(2);
  const page = await open({}, 'plot/p:upper');
  await page.locator('.compare button', { hasText: '溪边' }).tap();
  await page.getByRole('button', { name: '周', exact: true }).tap();
  await loaded(page, 'hour', 280);
  await page.locator('.chart[aria-busy=false]').waitFor();
  await shot(page, 'use-compare');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载 CSV' }).tap()]);
  assert.match(file.suggestedFilename(), /^上坡-溪边-气温-\d{4}-\d\d-\d\d\.csv$/);
  const rows = readFileSync(await file.path(), 'utf8').trim().split('\r\n');
  assert.equal(rows[0].replace('\ufeff', ''), '地块,UTC,时间,n,最低,平均,最高,flag');
  assert.ok(rows.some((r) => r.startsWith('上坡,')) && rows.some((r) => r.startsWith('溪边,')));
  const [picture] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '分享图片' }).tap()]);
  const bytes = readFileSync(await picture.path());
  assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
  await page.getByText('数字表').tap();
  await page.locator('table').nth(1).waitFor();
});

/** Rain and wind as a station measures them: 13.6 mm in one hour two hours ago, wind around north. */
async function station(gateway) {
  await gateway.garden(2);
  const live = gateway.live(10e3, { rainfall: 0.2, wind_direction: 350 });
  await gateway.put('dev/node-1/live', live);
  await gateway.put('plot/upper/live', live);
  const plain = gateway.answers.history;
  gateway.answers.history = (p) => {
    const answer = plain(p);
    if (p.metric === 'rainfall') {
      const burst = Math.floor((gateway.now() - 2 * 3600e3) / 3600e3) * 3600e3;
      answer.sum = answer.t.map((t) => (burst >= t && burst < t + { raw: 60e3, hour: 3600e3, day: 86400e3 }[p.step] ? 13.6 : 0));
      Object.assign(answer, { min: answer.t.map(() => 0), mean: answer.sum.map((x) => x / 60), max: answer.sum.map((x) => (x ? 0.8 : 0)) });
    } else if (p.metric === 'wind_direction') {
      const mean = answer.t.map((_, i) => (i % 2 ? 350 : 10));
      Object.assign(answer, { min: mean.map(() => 0), mean, max: mean.map(() => 359) });
    }
    return answer;
  };
}

test('use: rain is added up in tile, bars, table and file', async () => {
  await station(s.gateway);
  const page = await open({ size: 'small' });
  // Two hours ago may have been yesterday.
  const asked = await until('today is asked for', () => s.gateway.asked.find((a) => a.method === 'history' && a.params.metric === 'rainfall'));
  assert.equal(new Date(asked.params.from + 8 * 3600e3).toISOString().slice(11, 19), '00:00:00', 'since the site\'s midnight');
  const today = s.gateway.answers.history(asked.params).sum.reduce((a, b) => a + b, 0);
  if (today > 0) await page.locator('.tile .fallen', { hasText: '今天雨量 13.6 mm' }).waitFor();
  await page.goto(`${s.bridge.url}#/plot/p:upper`);
  await page.locator('.choices [data-metric=rainfall]', { hasText: '今天雨量' }).tap();
  await page.locator('.hero', { hasText: '13.6' }).waitFor();
  await page.getByText('雨量 · 合计').waitFor();
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  assert.ok(s.gateway.asked.some((a) => a.params.metric === 'rainfall' && a.params.step === 'hour'));
  const bars = () => page.evaluate(() => {
    const over = document.querySelector('.chart .u-over');
    const canvas = document.querySelector('.chart canvas');
    const { data, width } = canvas.getContext('2d').getImageData(0, over.offsetTop + over.offsetHeight - 8, canvas.width, 1);
    const ink = getComputedStyle(document.documentElement).getPropertyValue('--leaf').trim();
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16));
    let n = 0;
    for (let x = 0; x < width; x += 1) {
      const i = x * 4;
      if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) n += 1;
    }
    return n;
  });
  await until('the bar stands on the floor', async () => (await bars()) >= 3);
  await shot(page, 'use-rain-day');
  await page.getByRole('button', { name: '月', exact: true }).tap();
  await until('days', async () => (await page.locator('[data-step]').getAttribute('data-step')) === 'day');
  await page.locator('.hero', { hasText: '13.6' }).waitFor();
  await shot(page, 'use-rain-month');
  await page.getByText('数字表').tap();
  await page.locator('thead th').first().waitFor(); // it is made when it is opened
  assert.deepEqual(await page.locator('thead th').allTextContents(), ['时间', '合计']);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载 CSV' }).tap()]);
  const rows = readFileSync(await file.path(), 'utf8').replace('\ufeff', '').trim().split('\r\n');
  assert.equal(rows[0], '地块,UTC,时间,n,合计,flag');
  assert.equal(rows.slice(1).map((r) => Number(r.split(',')[4])).reduce((a, b) => a + b, 0), 13.6);
});

test('use: wind around north stays north, as points without a band', async () => {
  await station(s.gateway);
  const page = await open({}, 'plot/p:upper');
  await page.locator('.choices [data-metric=wind_direction]').tap();
  await page.getByRole('button', { name: '月', exact: true }).tap();
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  await loaded(page, 'hour', 700);
  await page.getByText('数字表').tap();
  await page.locator('thead th').first().waitFor(); // it is made when it is opened
  assert.deepEqual(await page.locator('thead th').allTextContents(), ['时间', '数值']);
  await page.locator('.chart').scrollIntoViewIfNeeded();
  const box = await page.locator('.chart .u-over').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const said = await until('a day is read', async () => {
    const text = await page.locator('.hero .value').innerText();
    return /^\d/.test(text) && text;
  });
  const angle = parseFloat(said);
  assert.ok(angle <= 11 || angle >= 349, `${said} is not north`);
  await shot(page, 'use-wind');
});

test('use: every reading that arrives while the chart is open is in it', async () => {
  await s.gateway.garden(1);
  const at = s.gateway.now();
  s.gateway.answers.history = () => ({ t: [at - 60e3], n: [1], min: [15], mean: [15], max: [15], next: null });
  const page = await open({}, 'plot/p:upper');
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  const points = async () => Number(await page.locator('[data-points]').getAttribute('data-points'));
  const before = await until('what was asked for', points);
  for (let i = 1; i <= 5; i += 1) {
    await s.gateway.put('plot/upper/live', { ...s.gateway.live(), ts: at + i * 100 });
    await until(`reading ${i}`, async () => (await points()) === before + i);
  }
});

test('use: a hole in history is drawn as a hole', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'plot/p:upper');
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  const runs = await page.evaluate(() => {
    const canvas = document.querySelector('.chart canvas');
    const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const ink = getComputedStyle(document.documentElement).getPropertyValue('--leaf').trim();
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16));
    const has = [];
    for (let x = 0; x < width; x += 1) {
      let found = false;
      for (let y = 0; y < height && !found; y += 1) {
        const i = (y * width + x) * 4;
        found = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30 && data[i + 3] > 200;
      }
      has.push(found);
    }
    return has.map((h) => (h ? '1' : '0')).join('').replace(/^0+|0+$/g, '').split(/0{6,}/).length;
  });
  assert.equal(runs, 2, 'the line stops before the hole and begins after it');
});

/** Pixels of the chart in one of the page's colours; `floor`: only those in its lowest rows. */
const inked = (page, name, floor = false) => page.evaluate(([color, low]) => {
  const canvas = document.querySelector('.chart canvas');
  const over = document.querySelector('.chart .u-over');
  const bottom = over.offsetTop + over.offsetHeight;
  const [top, height] = low ? [bottom - 24, 24] : [0, canvas.height];
  const { data } = canvas.getContext('2d').getImageData(0, top, canvas.width, height);
  const ink = getComputedStyle(document.documentElement).getPropertyValue(color).trim();
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(ink.slice(i, i + 2), 16));
  let n = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) n += 1;
  }
  return n;
}, [name, floor]);

test('use: in a comparison the doubtful readings of either plot are marked, each in its ink', async () => {
  await s.gateway.garden(2);
  const plain = s.gateway.answers.history;
  let doubtful = ['creek'];
  s.gateway.answers.history = (p) => {
    const answer = plain(p);
    if (p.step === 'raw' && doubtful.includes(p.plot)) answer.flags = answer.t.map((_, i) => (i % 37 === 5 ? 'stuck' : null));
    return answer;
  };
  const marks = async (choice) => {
    doubtful = choice;
    const page = await open({}, 'plot/p:upper');
    await page.locator('.compare button', { hasText: '溪边' }).tap();
    await loaded(page, 'raw', 2400);
    await page.locator('.chart[aria-busy=false] canvas').waitFor();
    if (choice.length > 0) await page.getByText('橙色：读数可疑').waitFor();
    let seen;
    await until('the marks stand', async () => {
      seen = { leaf: await inked(page, '--leaf', true), cold: await inked(page, '--cold', true), warn: await inked(page, '--warn') };
      return choice.length === 0 || seen.warn > 60;
    });
    await shot(page, `use-flags-${choice.join('-') || 'none'}`);
    return seen;
  };
  const none = await marks([]);
  const second = await marks(['creek']);
  const first = await marks(['upper']);
  const both = await marks(['upper', 'creek']);
  assert.equal(none.warn, 0);
  assert.ok(second.cold > none.cold + 15 && second.leaf <= none.leaf, JSON.stringify({ none, second }));
  assert.ok(first.leaf > none.leaf + 15 && first.cold <= none.cold, JSON.stringify({ none, first }));
  assert.ok(both.leaf > none.leaf + 15 && both.cold > none.cold + 15 && both.warn > 1.6 * first.warn, JSON.stringify({ first, both }));
});

test('use: a picture is handed to the phone’s own sharing when there is one, else saved', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  await page.addInitScript(() => {
    window.handed = [];
    Object.defineProperty(navigator, 'canShare', { value: (what) => window.answer !== 'no' && what.files.every((f) => f.type === 'image/png') });
    Object.defineProperty(navigator, 'share', { value: async (what) => {
      const bytes = new Uint8Array(await what.files[0].arrayBuffer());
      window.handed.push({ name: what.files[0].name, title: what.title, files: what.files.length, bytes: [...bytes] });
      if (window.answer) throw new DOMException('no', window.answer);
    } });
  });
  await login(page, s.bridge.url);
  await page.locator('.tile.live').first().waitFor();
  await page.goto(`${s.bridge.url}#/plot/p:upper`);
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  let saved = 0;
  page.on('download', () => { saved += 1; });
  const share = (answer) => page.evaluate((a) => { window.answer = a; }, answer)
    .then(() => page.getByRole('button', { name: '分享图片' }).tap());
  const handed = () => page.evaluate(() => window.handed);
  await share('');
  await until('it is handed over', async () => (await handed()).length === 1);
  const [{ name, title, files, bytes }] = await handed();
  assert.match(name, /^上坡-气温-\d{4}-\d\d-\d\d\.png$/);
  assert.equal(files, 1);
  assert.match(title, /上坡/);
  // A real picture: the browser decodes it, and it holds more than one colour.
  const picture = await page.evaluate(async (raw) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(raw)], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const ink = canvas.getContext('2d');
    ink.drawImage(image, 0, 0);
    const { data } = ink.getImageData(0, 0, image.width, image.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return { width: image.width, height: image.height, colours: colours.size };
  }, bytes);
  assert.deepEqual(bytes.slice(0, 8), [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  assert.ok(picture.width >= 300 && picture.height >= 200 && picture.colours > 10, JSON.stringify(picture));
  // Who closes the sheet wants no file either; where sharing fails or can't be had, it is saved.
  await share('AbortError');
  await until('asked again', async () => (await handed()).length === 2);
  const [file] = await Promise.all([page.waitForEvent('download'), share('NotAllowedError')]);
  assert.equal(readFileSync(await file.path()).subarray(1, 4).toString(), 'PNG');
  await Promise.all([page.waitForEvent('download'), share('no')]);
  assert.equal((await handed()).length, 3);
  assert.equal(saved, 2);
  assert.deepEqual(page.problems, []);
});

test('use: doubtful readings are marked in the chart and in the file', async () => {
  await s.gateway.garden(1);
  const plain = s.gateway.answers.history;
  s.gateway.answers.history = (p) => {
    const answer = plain(p);
    if (p.step === 'raw') answer.flags = answer.t.map((_, i) => (i % 97 === 5 ? 'stuck' : null));
    else answer.bad = answer.t.map((_, i) => (i % 31 === 5 ? 4 : 0));
    return answer;
  };
  const page = await open({}, 'plot/p:upper');
  await page.locator('.chart[aria-busy=false] canvas').waitFor();
  const orange = () => inked(page, '--warn');
  await page.getByText('橙色：读数可疑').waitFor();
  await until('rings in the day', async () => (await orange()) > 100);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '下载 CSV' }).tap()]);
  assert.ok(readFileSync(await file.path(), 'utf8').split('\r\n').some((r) => r.endsWith(',stuck')));
  await page.getByRole('button', { name: '月', exact: true }).tap();
  await until('marks in the month', async () => (await page.locator('[data-step]').getAttribute('data-step')) === 'hour'
    && (await page.locator('.chart[aria-busy=false]').count()) === 1 && (await orange()) > 20);
  await shot(page, 'use-flags');
});

test('use: growth by day is what the phone noted from the forecasts', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'pick/upper', 'farmer', true);
  for (const [ago, sum] of [[3, 130.2], [2, 134.9], [1, 141.1], [0, 148.4]]) {
    const f = s.gateway.forecast(['upper']);
    f.ts -= ago * 86400e3;
    f.plots.upper.thermal_time = sum;
    await s.gateway.put('forecast', f);
    await page.locator('.growth .value', { hasText: String(Math.round(sum)) }).waitFor();
  }
  await until('three days', async () => (await page.locator('.bars li').count()) === 3);
  assert.deepEqual(await page.locator('.bars li span').allTextContents(), ['4.7', '6.2', '7.3']);
  await shot(page, 'use-growth');
});

test('use: alerts are acknowledged for everybody; sound only when wished', async () => {
  await s.gateway.garden(1);
  await s.gateway.put('alert/frost', s.gateway.alert());
  const page = await s.phone();
  await page.addInitScript(() => {
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...a) { window.tones += 1; return start.apply(this, a); };
  });
  await login(page, s.bridge.url);
  await page.locator('.banner a').tap();
  await page.locator('.alert').waitFor();
  assert.equal(await page.evaluate(() => window.tones), 0);
  await page.getByLabel('告警声音').check();
  const tried = await page.evaluate(() => window.tones);
  assert.ok(tried > 0, 'switching it on lets it be heard');
  await s.gateway.put('alert/wind', s.gateway.alert('大风'));
  await until('the alarm sounds', () => page.evaluate((n) => window.tones > n, tried));
  await page.locator('.alert', { hasText: '气温 1.6 °C，已低于 2' }).getByRole('button').tap();
  await page.getByText('farmer 已确认 ✓').waitFor();
  // What the gateway says to all phones decides: somebody else was first.
  await s.gateway.put('alert/frost', s.gateway.alert(undefined, { acked_by: 'aunt', acked_ts: s.gateway.now() - 120e3 }));
  await page.getByText('aunt 已确认 ✓').waitFor();
  assert.deepEqual(s.gateway.asked.filter((a) => a.method === 'ack').map((a) => a.params), [{ id: 'frost' }]);
  await s.gateway.put('alert/wind', '');
  await page.getByText('大风').waitFor({ state: 'detached' });
});

test('use: photos stay on the phone, by date, and go when told twice', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'pick', 'farmer', true);
  const png = Buffer.from(await (await fetch(`${s.bridge.url}icon-512.png`)).arrayBuffer());
  const input = page.locator('.photos input[type=file]');
  await input.setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('<svg onload=alert(1)>') });
  await page.getByText('不是照片').waitFor();
  await input.setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: png });
  await page.locator('.gallery img').waitFor();
  await page.reload();
  await page.goto(`${s.bridge.url}#/pick`);
  await page.locator('.gallery img').waitFor();
  assert.match(await page.locator('.gallery img').getAttribute('alt'), /上坡 的照片，\d{4}-/);
  await page.locator('.gallery button').tap();
  assert.equal(await page.locator('.gallery img').count(), 1);
  await page.locator('.gallery button').tap();
  await page.locator('.gallery img').waitFor({ state: 'detached' });
});

test('use: logging out leaves no password and no values on the phone', async () => {
  await s.gateway.garden(1);
  const page = await open({}, 'more', 'farmer', true);
  assert.ok(await page.evaluate(() => localStorage.getItem('baiye.login')));
  await page.getByRole('button', { name: '退出登录' }).tap();
  await page.getByRole('button', { name: '退出登录' }).tap();
  await page.locator('input[name=password]').waitFor();
  await page.reload();
  await page.locator('input[name=password]').waitFor();
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }))).match(/tea-leaf|air_temperature/));
});

test('use: on plain HTTP it works and says what is missing', async () => {
  await s.gateway.garden(1);
  const page = await s.phone();
  // Any name but localhost is no secure context over HTTP.
  await page.context().close();
  const browser = await launch(['--host-resolver-rules=MAP farm.example 127.0.0.1']);
  const plain = await (await browser.newContext({ locale: 'zh-CN' })).newPage();
  try {
    const url = `http://farm.example:${s.bridge.port}/`;
    await login(plain, url);
    await plain.locator('.tile.live').waitFor();
    assert.equal(await plain.evaluate(() => isSecureContext), false);
    await plain.goto(`${url}#/more`);
    await plain.getByText('现在是普通 HTTP 连接').waitFor();
    await plain.goto(`${url}#/pick`);
    await plain.locator('.pickbutton').click();
    await plain.locator('.pickform .primary').click();
    await plain.getByText('已保存到主机').waitFor();
  } finally {
    await browser.close();
  }
});

test('use: it can be installed', async () => {
  const page = await s.phone();
  await page.goto(s.bridge.url);
  const href = await page.locator('link[rel=manifest]').getAttribute('href');
  const manifest = await (await fetch(new URL(href, s.bridge.url))).json();
  assert.equal(manifest.display, 'standalone');
  for (const icon of manifest.icons) assert.equal((await fetch(new URL(icon.src, s.bridge.url))).status, 200);
  assert.ok(manifest.icons.some((i) => i.sizes === '512x512'));
});

test('use: the rain of this month is two taps', async () => {
  await station(s.gateway);
  const plain = s.gateway.answers.history;
  let asked = null;
  s.gateway.answers.history = (p) => {
    if (p.metric !== 'rainfall' || p.step !== 'day') return plain(p);
    asked = p;
    const t = [];
    for (let at = p.from; at < p.to; at += 86400e3) t.push(at);
    return { t, n: t.map(() => 1440), min: t.map(() => 0), mean: t.map(() => 0), max: t.map(() => 0.2), sum: t.map(() => 2.5), next: null };
  };
  const page = await open({ size: 'small' });
  let taps = 0;
  const hit = async (what) => { taps += 1; await what.tap(); };
  await hit(page.locator('.tile', { hasText: '上坡' }));
  await hit(page.locator('.choices [data-metric=rainfall]'));
  const local = new Date(s.gateway.now() + 8 * 3600e3);
  await page.locator('.hero', { hasText: `本月 ${(2.5 * local.getUTCDate()).toFixed(1)}mm` }).waitFor();
  assert.ok(taps <= 2);
  const begin = new Date(asked.from + 8 * 3600e3);
  assert.equal(begin.getUTCDate(), 1);
  assert.equal(begin.toISOString().slice(11, 19), '00:00:00');
  const px = await page.evaluate(() => Math.min(...[...document.querySelectorAll('.hero, .hero *')].map((e) => parseFloat(getComputedStyle(e).fontSize))));
  assert.ok(px >= 14, `nothing below 14 px: ${px}`);
  await shot(page, 'use-rain-of-month');
});

test('use: who is offline, and what to do, is one tap', async () => {
  await s.gateway.garden(3);
  await s.gateway.put('dev/node-2/live', s.gateway.live(3600e3, { air_temperature: 9 }));
  await s.gateway.put('plot/creek/live', s.gateway.live(3600e3, { air_temperature: 9 }));
  await s.gateway.put('dev/node-2/health', { online: false, last_seen: s.gateway.now() - 3600e3, polls: 60, good: 0,
    hint: 'no answer: look at its power', hint_zh: '没有应答：检查它的供电' });
  const page = await open({ size: 'small' }, '', 'technician');
  await page.locator('.head .help a').tap();
  const card = page.locator('.devices .card').first();
  await card.locator('.pill.bad', { hasText: '没有应答' }).waitFor();
  assert.match(await card.textContent(), /node-2.*最后应答 (60 分钟|1 小时)前/);
  assert.match(await card.textContent(), /没有应答：检查它的供电/);
  assert.doesNotMatch(await card.textContent(), /power/);
  await shot(page, 'use-offline');
});
