// SPDX-License-Identifier: Apache-2.0
// A new device, from the plug to its first values: looked for on the line, its lamp lit, named, put
// into its plot, and kept only when it answers.
import { useEffect, useState } from 'preact/hooks';
import { answers, change, whyNot, type Stop } from '../change';
import { current } from '../garden';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { serialOfCode, serialText } from '../model/label';
import { has } from '../model/own';
import { parseSurvey, placeFor, rateOf, type Found, type Survey } from '../model/survey';
import { freeName, type Shown } from '../model/shown';
import { state } from '../model/state';
import { RpcError } from '../mqtt/rpc';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { metricName, metricValue, unit } from './metric';
import { PlotChoice, useShown } from './setup';
import '../style/setup.css';

const SURVEY_MS = 400_000; // every rate and parity that a device may be at
const STEP_MS = 60_000;

const titleOf = (found: Found): string =>
  found.serial !== null ? tl('found.node', found.serialText) : found.profile ?? tl('found.strange', found.unit);

/** As baiye commission prints it. */
function Choice({ line, found, busy, choose }: { line: string; found: Found; busy: boolean; choose: () => void }) {
  const [lit, setLit] = useState('');
  const blink = async () => {
    setLit('');
    try {
      await current()?.call('blink', { bus: line, serial: found.serial, on: true, baud: found.baud, parity: found.parity }, STEP_MS);
      setLit(tl('found.blinking'));
    } catch (e) {
      setLit(`✗ ${whyNot(e)}`);
    }
  };
  if (found.garbled) return <li><p>{tl('found.garbled', found.unit)}</p></li>;
  return (
    <li>
      <p class="strong">{titleOf(found)}</p>
      {found.profile === null ? <p class="quiet">{tl('found.unfit')}</p> : (
        <p class="two">
          {found.serial !== null && <button disabled={busy} onClick={() => void blink()}>{tl('found.blink')}</button>}
          <button disabled={busy} class="primary" onClick={choose}>{tl('found.choose')}</button>
        </p>
      )}
      {lit && <p role="status">{lit}</p>}
    </li>
  );
}

/** Which of them it is, by a photo of its label. */
function Label({ found, busy, choose }: { found: Found[]; busy: boolean; choose: (found: Found) => void }) {
  const [told, setTold] = useState('');
  const read = async (input: HTMLInputElement) => {
    const photo = input.files?.[0];
    if (!photo) return;
    setTold(tl('found.reading'));
    const code = await import('../keep/code').then((m) => m.codeIn(photo)).catch(() => null);
    input.value = ''; // the same one may be chosen again
    const serial = serialOfCode(code ?? '');
    const it = serial === null ? undefined : found.find((f) => f.serial === serial);
    if (it) choose(it);
    else setTold(serial === null ? `✗ ${tl('found.unread')}` : `✗ ${tl('found.elsewhere', serialText(serial))}`);
  };
  return (
    <>
      <label class="button wide">
        <Icon name="camera" /> {tl('found.scan')}
        <input class="unseen" type="file" accept="image/*" capture="environment" disabled={busy} onChange={(e) => void read(e.currentTarget)} />
      </label>
      {told && <p role="status">{told}</p>}
    </>
  );
}

interface Wanted {
  label: string;
  plot: string;
  profile: string;
}

function Form({ found, shown, busy, add, back }: {
  found: Found; shown: Shown; busy: boolean; add: (wanted: Wanted) => void; back: () => void;
}) {
  const [label, setLabel] = useState('');
  const [plot, setPlot] = useState(shown.plots[0]?.name ?? '');
  const [profile, setProfile] = useState(found.profile ?? '');
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (label.trim() === '') return setWrong(tl('setup.empty'));
    setWrong('');
    return add({ label: label.trim(), plot, profile });
  };
  return (
    <form class="card" onSubmit={submit}>
      <h2>{titleOf(found)}</h2>
      <label>
        <span>{tl('setup.name')}</span>
        <input name="label" type="text" value={label} maxLength={20} autocomplete="off" onInput={(e) => setLabel(e.currentTarget.value)} />
      </label>
      <PlotChoice shown={shown} plot={plot} choose={setPlot} />
      {found.others.length > 0 && (
        <label>
          <span>{tl('found.kind')}</span>
          <select name="profile" value={profile} onChange={(e) => setProfile(e.currentTarget.value)}>
            {[found.profile ?? '', ...found.others].map((p) => <option key={p} value={p}>{p}</option>)}
          </select>
        </label>
      )}
      {wrong && <p class="wrong" role="alert">✗ {wrong}</p>}
      <p class="two">
        <button class="primary" type="submit" disabled={busy || state.link !== 'up'}>{tl('found.add')}</button>
        <button type="button" disabled={busy} onClick={back}>{tl('setup.cancel')}</button>
      </p>
    </form>
  );
}

/** Its first values, as they come. */
function Values({ device, label, more }: { device: string; label: string; more: () => void }) {
  const live = state.live.get(device);
  return (
    <section class="card added">
      <p class="strong" role="status">{tl('found.added', label)}</p>
      {live ? (
        <dl>
          {Object.keys(live.values).map((metric) => (
            <div key={metric}><dt>{metricName(metric)}</dt><dd>{metricValue(metric, live.values[metric] ?? NaN)} {unit(metric)}</dd></div>
          ))}
        </dl>
      ) : <p class="quiet">{tl('found.waiting')}</p>}
      <button class="wide" onClick={more}>{tl('found.more')}</button>
    </section>
  );
}

/** An address of its own and the line's rate; as it is where it has both. Gives where it is then. */
async function settle(line: string, found: Found, wanted: Wanted, survey: Survey): Promise<Found> {
  const to = placeFor(found, survey);
  if (to === null) return found;
  const now = await current()?.call('move', {
    bus: line, unit: found.unit, baud: found.baud, parity: found.parity, to,
    ...(found.serial !== null ? { serial: found.serial } : { profile: wanted.profile, to_baud: found.baud, to_parity: found.parity }),
  }, STEP_MS);
  if (now?.end !== 'ok') throw new RpcError('move', String(now?.text ?? ''));
  return { ...found, unit: to, ...(found.serial !== null ? { baud: survey.baud, parity: survey.parity } : {}) };
}

export function Found() {
  useGarden(2);
  const { shown, failed, setFailed, again } = useShown();
  const serial = (shown?.lines ?? []).filter((l) => l.serial);
  const [wire, setWire] = useState('');
  const [survey, setSurvey] = useState<Survey | null>(null);
  const [chosen, setChosen] = useState<Found | null>(null);
  const [said, setSaid] = useState('');
  const [added, setAdded] = useState<{ name: string; label: string } | null>(null);
  const [stop] = useState<Stop>({ wanted: false });
  const session = current();
  useEffect(() => (added && session ? session.follow(`dev/${added.name}/live`, 0) : undefined), [added, session]);
  const line = has(Object.fromEntries(serial.map((l) => [l.name, l])), wire) ? wire : serial[0]?.name ?? '';
  const look = async () => {
    setFailed('');
    setSurvey(null);
    setChosen(null);
    setAdded(null);
    setSaid(tl('found.looking'));
    try {
      setSurvey(parseSurvey(await session?.call('survey', { bus: line }, SURVEY_MS)));
    } catch (e) {
      setFailed(whyNot(e));
    }
    setSaid('');
  };
  const add = async (wanted: Wanted) => {
    if (!shown || !chosen || !survey) return;
    setFailed('');
    try {
      setSaid(tl('found.moving'));
      const now = await settle(line, chosen, wanted, survey);
      setSaid(tl('setup.trying'));
      stop.wanted = false;
      const name = freeName(shown, now.serial !== null ? 'node' : 'probe');
      await change(shown, [
        { path: ['buses', line, 'devices'], add: { name, label: wanted.label, profile: wanted.profile, address: now.unit, ...rateOf(now, survey) } },
        ...(wanted.plot ? [{ path: ['plots', wanted.plot, 'devices'], add: name }] : []),
      ], stop, () => answers(name));
      setAdded({ name, label: wanted.label });
      setSurvey(null);
      setChosen(null);
    } catch (e) {
      setFailed(whyNot(e));
      setSurvey(null); // where it is now is seen by looking again
      setChosen(null);
    }
    await again();
    setSaid('');
  };
  const fresh = survey?.found.filter((f) => f.device === null) ?? [];
  const busy = said !== '';
  return (
    <div class="setup">
      <div class="pagehead">
        <a href="#/setup" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tl('found.title')}</h1>
      </div>
      <div class="told" role="status">{busy && <p class="strong">{said}</p>}</div>
      {said === tl('setup.trying') && <button class="wide" onClick={() => { stop.wanted = true; }}>{tl('setup.stop')}</button>}
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {shown && serial.length === 0 && <p>{tl('found.none')}</p>}
      {added && <Values device={added.name} label={added.label} more={() => setAdded(null)} />}
      {shown && serial.length > 0 && !chosen && !added && (
        <section class="card">
          <p>{tl('found.how')}</p>
          {serial.length > 1 && (
            <label>
              <span>{tl('found.line')}</span>
              <select name="line" value={line} disabled={busy} onChange={(e) => setWire(e.currentTarget.value)}>
                {serial.map((l) => <option key={l.name} value={l.name}>{l.name}</option>)}
              </select>
            </label>
          )}
          <button class="primary wide" disabled={busy || state.link !== 'up'} onClick={() => void look()}>{tl('found.go')}</button>
        </section>
      )}
      {survey && !chosen && (
        <section class="card found">
          <p class="strong" role="status">{fresh.length > 0 ? tl('found.count', fresh.length) : tl('found.nothing')}</p>
          {fresh.some((f) => f.serial !== null) && <Label found={fresh} busy={busy} choose={setChosen} />}
          <ul class="plainlist">
            {fresh.map((f) => <Choice key={`${f.unit} ${f.baud} ${f.serial}`} line={line} found={f} busy={busy} choose={() => setChosen(f)} />)}
          </ul>
        </section>
      )}
      {shown && chosen && <Form found={chosen} shown={shown} busy={busy} add={(w) => void add(w)} back={() => setChosen(null)} />}
    </div>
  );
}
