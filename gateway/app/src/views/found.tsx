// SPDX-License-Identifier: Apache-2.0
// A line, from the plugs to the values of all that is on it: looked for, lamps lit, each one's plot and
// name said, brought up one after the other, and kept when it measures. For one new device or for thirty.
import { useEffect, useRef, useState } from 'preact/hooks';
import { blink, configure, isWanted, look, placeAll, takeOut, type Turn, type Wanted } from '../bringup';
import { whyNot, type Stop } from '../change';
import { current } from '../garden';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { serialOfCode, serialText } from '../model/label';
import { isFresh, type Found, type Survey } from '../model/survey';
import type { Shown } from '../model/shown';
import { state } from '../model/state';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { metricValue, unit } from './metric';
import { PlotChoice, useShown } from './setup';
import '../style/setup.css';

const labelOf = (device: string): string => state.site?.devices.find((d) => d.name === device)?.label ?? device;

const titleOf = (found: Found): string =>
  found.kind === 'known' ? labelOf(found.name) : found.serial !== null ? tl('found.node', found.serialText) : found.profiles[0]?.label ?? tl('found.strange', found.unit);

const rateOf = (at: { baud: number; parity: string }): string => `${at.baud} 8${at.parity}1`;

/** Of one that nobody can bring up: why, and what to do. */
function whyLeft(found: Found): string {
  switch (found.kind) {
    case 'known': return tl('line.known', found.unit, rateOf(found));
    case 'garbled': return tl('found.garbled', found.unit);
    case 'unknown': return tl('found.unfit');
    default: return found.to === 0 ? tl('line.full') : '';
  }
}

interface Row {
  found: Found;
  wanted: Wanted;
  set: (next: Partial<Wanted>) => void;
  open: boolean;
  toggle: () => void;
}

function Form({ line, row, shown }: { line: string; row: Row; shown: Shown }) {
  const { found, wanted, set } = row;
  const [lit, setLit] = useState('');
  const light = async () => {
    setLit(tl('line.lighting'));
    await blink(line, found).then(() => setLit(tl('found.blinking')), (e: unknown) => setLit(`✗ ${whyNot(e)}`));
  };
  const [best, ...others] = found.profiles;
  return (
    <form class="part" onSubmit={(e) => { e.preventDefault(); row.toggle(); }}>
      {found.serial !== null && (
        <p class="line"><button type="button" onClick={() => void light()}>{tl('found.blink')}</button> <span role="status">{lit}</span></p>
      )}
      <PlotChoice shown={shown} plot={wanted.plot} choose={(plot) => set({ plot })} />
      <label>
        <span>{tl('setup.name')}</span>
        <input name="label" type="text" value={wanted.label} maxLength={20} autocomplete="off" onInput={(e) => set({ label: e.currentTarget.value })} />
      </label>
      {(others.length > 0 || found.kind === 'perhaps') && (
        <label>
          <span>{tl('found.kind')}</span>
          <select name="profile" value={wanted.profile} onChange={(e) => set({ profile: e.currentTarget.value })}>
            {found.kind === 'perhaps' && <option value="">{tl('line.which')}</option>}
            {best && [best, ...others].map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
          </select>
        </label>
      )}
      <label class="check">
        <input type="checkbox" name="leave" checked={wanted.leave} onChange={(e) => set({ leave: e.currentTarget.checked })} /> <span>{tl('line.leave')}</span>
      </label>
      <button class="wide" type="submit">{tl('line.next')}</button>
    </form>
  );
}

/** What becomes of it, in a word. */
function becomes({ found, wanted }: Row, shown: Shown): string {
  if (!isFresh(found) || wanted.leave) return tl('line.left');
  if (!isWanted(found, wanted)) return found.to === 0 ? tl('line.left') : tl('line.which');
  return wanted.label || (shown.plots.find((p) => p.name === wanted.plot)?.label ?? found.name);
}

function Candidate({ line, row, shown }: { line: string; row: Row; shown: Shown }) {
  const { found, open } = row;
  const why = whyLeft(found);
  if (why) return <li class="part"><p class="strong">{titleOf(found)}</p><p class="quiet">{why}</p></li>;
  return (
    <li>
      <button class="row" aria-expanded={open} onClick={row.toggle}>
        <span>{titleOf(found)}<br /><small class="quiet">{tl(`sure.${found.sure}`)} · {rateOf(found)}</small></span>
        <span class="quiet">{becomes(row, shown)}</span>
        <span aria-hidden="true">{open ? '⌃' : '›'}</span>
      </button>
      {open && <Form line={line} row={row} shown={shown} />}
    </li>
  );
}

/** Which of them it is, by a photo of its label. */
function Label({ found, choose }: { found: Found[]; choose: (found: Found) => void }) {
  const [told, setTold] = useState('');
  const read = async (input: HTMLInputElement) => {
    const photo = input.files?.[0];
    if (!photo) return;
    setTold(tl('found.reading'));
    const code = await import('../keep/code').then((m) => m.codeIn(photo)).catch(() => null);
    input.value = ''; // the same one may be chosen again
    const serial = serialOfCode(code ?? '');
    const it = serial === null ? undefined : found.find((f) => f.serial === serial);
    setTold(it ? tl('line.read', it.serialText) : serial === null ? `✗ ${tl('found.unread')}` : `✗ ${tl('found.elsewhere', serialText(serial))}`);
    if (it) choose(it);
  };
  return (
    <>
      <label class="button wide">
        <Icon name="camera" /> {tl('found.scan')}
        <input class="unseen" type="file" accept="image/*" capture="environment" onChange={(e) => void read(e.currentTarget)} />
      </label>
      {told && <p role="status">{told}</p>}
    </>
  );
}

/** What it measures now, in one line. */
function valuesOf(device: string): string {
  const live = state.live.get(device);
  return live ? Object.keys(live.values).map((m) => `${metricValue(m, live.values[m] ?? NaN)} ${unit(m)}`).join(' · ') : tl('found.waiting');
}

function Progress({ turn }: { turn: Turn }) {
  const { found, wanted, step, placed } = turn;
  const at = placed ?? found;
  const name = placed?.item.name || found.name;
  const mark = step === 'works' ? '✓' : step === 'fails' ? '✗' : step === 'waits' ? '' : '…';
  const why = turn.why || tl('line.silent');
  return (
    <li class={`part ${step}`}>
      <p class="line"><span class="strong">{mark} {wanted.label || titleOf(found)}</span> <span class="quiet">{tl(`step.${step}`)}</span></p>
      {step === 'works' && <p>{valuesOf(name)}</p>}
      {step === 'fails' && <p>{why}{/[。.!?]$/.test(why) ? '' : tl('line.stop')} {tl('line.todo')}</p>}
      {(step === 'works' || step === 'placed') && <p class="quiet">{tl('line.label', name, at.unit, rateOf(at))}</p>}
    </li>
  );
}

/** What the line itself says. */
function Notes({ survey, turns }: { survey: Survey; turns: Turn[] }) {
  const givenUp = [...new Set(turns.flatMap((turn) => (turn.placed?.placed ? turn.placed.givenUp : [])))];
  const said = [
    ...survey.silent.map((name) => tl('line.mute', labelOf(name))),
    ...givenUp.map((one) => tl('line.givenup', one)),
    ...(survey.noise ? [tl('line.noise')] : []),
  ];
  return said.length > 0 ? <ul class="plainlist">{said.map((one) => <li key={one} class="part">{one}</li>)}</ul> : null;
}

interface Looked {
  line: string;
  survey: Survey;
  wanted: Wanted[];
  open: number;
}

/** Until somebody says where it is, it is in no plot. */
const firstWanted = (found: Found): Wanted =>
  ({ label: '', plot: '', profile: found.kind === 'probe' ? found.profiles[0]?.name ?? '' : '', leave: false });

function Choices({ looked, shown, change, go }: { looked: Looked; shown: Shown; change: (next: Partial<Looked>) => void; go: () => void }) {
  const { line, survey, wanted, open } = looked;
  const rows = survey.found.map((found, i): Row => ({
    found,
    wanted: wanted[i] ?? firstWanted(found),
    set: (next) => change({ wanted: wanted.map((one, n) => (n === i ? { ...one, ...next } : one)) }),
    open: open === i,
    toggle: () => change({ open: open === i ? -1 : i }),
  }));
  const count = rows.filter((row) => isWanted(row.found, row.wanted)).length;
  const fresh = survey.found.filter(isFresh);
  return (
    <section class="card found">
      <p class="strong" role="status">{fresh.length > 0 ? tl('found.count', fresh.length) : tl('found.nothing')}</p>
      {fresh.some((f) => f.serial !== null) && <Label found={fresh} choose={(it) => change({ open: survey.found.indexOf(it) })} />}
      <ul class="rows">{rows.map((row, i) => <Candidate key={i} line={line} row={row} shown={shown} />)}</ul>
      <Notes survey={survey} turns={[]} />
      {fresh.length > 0 && <button class="primary wide" disabled={count === 0 || state.link !== 'up'} onClick={go}>{tl('line.go', count)}</button>}
    </section>
  );
}

type Phase = 'idle' | 'looking' | 'found' | 'working' | 'done';

/** One line under way: what was found, what is done with it, what is asked. */
function useLine(setFailed: (why: string) => void, again: () => Promise<void>) {
  const [phase, setPhase] = useState<Phase>('idle');
  const [looked, setLooked] = useState<Looked | null>(null);
  const [turns, setTurns] = useState<Turn[]>([]);
  const [power, setPower] = useState<{ name: string; answer: (yes: boolean) => void } | null>(null);
  const [, draw] = useState(0);
  const stop = useRef<Stop>({ wanted: false });
  useEffect(() => () => { stop.current.wanted = true; }, []); // who leaves the page calls it off, as who puts the phone away
  const start = async (line: string, quick: boolean) => {
    setFailed('');
    setLooked(null);
    setTurns([]);
    setPhase('looking');
    try {
      const survey = await look(line, quick);
      setLooked({ line, survey, wanted: survey.found.map(firstWanted), open: survey.found.filter(isFresh).length === 1 ? survey.found.findIndex(isFresh) : -1 });
      setPhase('found');
    } catch (e) {
      setFailed(whyNot(e));
      setPhase('idle');
    }
  };
  const run = async (work: (stop: Stop) => Promise<void>) => {
    setFailed('');
    setPhase('working');
    stop.current = { wanted: false };
    try {
      await work(stop.current);
    } catch (e) {
      setFailed(whyNot(e));
    }
    await again();
    setPhase('done');
  };
  const bringUp = () => looked && run(async (stopped) => {
    const all = looked.survey.found.flatMap((found, i): Turn[] => {
      const wanted = looked.wanted[i];
      return wanted && isWanted(found, wanted) ? [{ found, wanted: { ...wanted, label: wanted.label.trim() }, step: 'waits', why: '', placed: null }] : [];
    });
    setTurns(all);
    const watch = {
      stop: stopped,
      tell: () => draw((n) => n + 1),
      askPower: (turn: Turn) => new Promise<boolean>((answer) => setPower({ name: turn.wanted.label || titleOf(turn.found), answer: (yes) => { setPower(null); answer(yes); } })),
    };
    await placeAll(looked.line, looked.survey, all, watch);
    await configure(looked.line, all, watch);
  });
  const undo = () => looked && run(async (stopped) => {
    const working = turns.filter((turn) => turn.step === 'works');
    await takeOut(looked.line, working, stopped);
    for (const turn of working) turn.step = 'undone';
  });
  return {
    phase, looked, turns, power, start, bringUp, undo,
    change: (next: Partial<Looked>) => looked && setLooked({ ...looked, ...next }),
    callOff: () => { stop.current.wanted = true; },
    end: () => setPhase('idle'),
  };
}

/** What is asked first: which line. */
function Start({ lines, busy, go }: { lines: string[]; busy: boolean; go: (line: string, quick: boolean) => void }) {
  const [quick, setQuick] = useState(false);
  const [chosen, setChosen] = useState('');
  const line = lines.includes(chosen) ? chosen : lines[0] ?? '';
  return (
    <section class="card">
      <p>{tl('found.how')}</p>
      {lines.length > 1 && (
        <label>
          <span>{tl('found.line')}</span>
          <select name="line" value={line} disabled={busy} onChange={(e) => setChosen(e.currentTarget.value)}>
            {lines.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
      )}
      <label class="check">
        <input type="checkbox" name="quick" checked={quick} disabled={busy} onChange={(e) => setQuick(e.currentTarget.checked)} /> <span>{tl('line.quick')}</span>
      </label>
      <button class="primary wide" disabled={busy || state.link !== 'up'} onClick={() => go(line, quick)}>{tl('found.go', line.toUpperCase())}</button>
    </section>
  );
}

/** Everybody on the way, and in the end who works, who does not, why, and what to do. */
function Turns({ at, more }: { at: ReturnType<typeof useLine>; more: () => void }) {
  const { phase, looked, turns, power } = at;
  const works = turns.filter((turn) => turn.step === 'works');
  const session = current();
  const names = works.map((turn) => turn.placed?.item.name ?? '').join(' ');
  useEffect(() => {
    const leave = names && session ? names.split(' ').map((name) => session.follow(`dev/${name}/live`, 0)) : [];
    return () => leave.forEach((one) => one());
  }, [names, session]);
  const done = phase === 'done';
  return (
    <section class="card turns">
      {done && <p class="strong" role="status">{tl('line.end', works.length, turns.length)}</p>}
      {power && (
        <div class="part" role="alert">
          <p class="strong">{tl('line.power', power.name)}</p>
          <p class="two">
            <button class="primary" onClick={() => power.answer(true)}>{tl('line.switched')}</button>
            <button onClick={() => power.answer(false)}>{tl('line.keep')}</button>
          </p>
        </div>
      )}
      <ul class="plainlist">{turns.map((turn) => <Progress key={turn.found.name} turn={turn} />)}</ul>
      {done && looked && <Notes survey={looked.survey} turns={turns} />}
      {!done && !power && <button class="wide" onClick={at.callOff}>{tl('setup.stop')}</button>}
      {done && <button class="wide" onClick={more}>{tl('found.more')}</button>}
      {done && works.length > 0 && <button class="wide" onClick={() => void at.undo()}>{tl('line.undo')}</button>}
    </section>
  );
}

export function Found() {
  useGarden(2);
  const { shown, failed, setFailed, again } = useShown();
  const at = useLine(setFailed, again);
  const lines = (shown?.lines ?? []).filter((l) => l.serial).map((l) => l.name);
  const { phase, looked } = at;
  const said = phase === 'looking' ? tl('found.looking') : tl(at.turns.some((turn) => turn.step === 'moves' || turn.step === 'power') ? 'found.moving' : 'setup.trying');
  return (
    <div class="setup">
      <div class="pagehead">
        <a href="#/setup" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tl('found.title')}</h1>
      </div>
      <div class="told" role="status">{(phase === 'looking' || phase === 'working') && <p class="strong">{said}</p>}</div>
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {shown && lines.length === 0 && <p>{tl('found.none')}</p>}
      {shown && lines.length > 0 && phase !== 'working' && phase !== 'done' && (
        <Start lines={lines} busy={phase === 'looking'} go={(line, quick) => void at.start(line, quick)} />
      )}
      {shown && looked && phase === 'found' && <Choices looked={looked} shown={shown} change={at.change} go={() => void at.bringUp()} />}
      {(phase === 'working' || phase === 'done') && <Turns at={at} more={at.end} />}
    </div>
  );
}
