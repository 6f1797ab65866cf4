// SPDX-License-Identifier: Apache-2.0
// For the technician: names of the garden, plots and devices, and the alerts' limits. A line is tapped,
// changed and saved; one change is under way at a time.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { askShown, change, whyNot, type Stop } from '../change';
import { lang, t, word } from '../i18n';
import { tl } from '../i18n/later';
import { value } from '../model/format';
import { LEVELS, freeName, moveEdits, removeEdits, ruleEdits, type Edit, type Level, type Rule, type Shown } from '../model/shown';
import { state } from '../model/state';
import { useGarden } from './hooks';
import { Icon } from './icon';
import { decimals, metricName, unit } from './metric';
import '../style/setup.css';

interface Page {
  shown: Shown;
  open: string;
  busy: boolean;
  setOpen: (id: string) => void;
  save: (edits: Edit[]) => void;
}

function Buttons({ page }: { page: Page }) {
  return (
    <p class="two">
      <button class="primary" type="submit" disabled={page.busy || state.link !== 'up'}>{tl('setup.save')}</button>
      <button type="button" disabled={page.busy} onClick={() => page.setOpen('')}>{tl('setup.cancel')}</button>
    </p>
  );
}

function Text({ label, value: shown, set, number, name }: { label: string; value: string; set: (next: string) => void; number?: boolean; name?: string }) {
  return (
    <label>
      <span>{label}</span>
      <input type="text" name={name} inputMode={number ? 'decimal' : 'text'} value={shown} maxLength={number ? 11 : 20} autocomplete="off"
        onInput={(e) => set(e.currentTarget.value)} />
    </label>
  );
}

const Wrong = ({ why }: { why: string }) => (why ? <p class="wrong" role="alert">✗ {why}</p> : null);

/** A name, and what `more` asks for beside it. */
function Form({ page, first, edits, same, more, below }: {
  page: Page; first: string; edits: (next: string) => Edit[]; same?: boolean; more?: ComponentChildren; below?: ComponentChildren;
}) {
  const [next, setNext] = useState(first);
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const clean = next.trim();
    if (clean === '') return setWrong(tl('setup.empty'));
    setWrong('');
    if (clean === first && same !== false) return page.setOpen('');
    return page.save(edits(clean));
  };
  return (
    <form onSubmit={submit}>
      <Text label={tl('setup.name')} value={next} set={setNext} />
      {more}
      <Wrong why={wrong} />
      <Buttons page={page} />
      {below}
    </form>
  );
}

function Row({ page, id, label, said, children }: {
  page: Page; id: string; label: string; said?: string; children: ComponentChildren;
}) {
  const open = page.open === id;
  return (
    <li>
      <button class="row" aria-expanded={open} disabled={page.busy} onClick={() => page.setOpen(open ? '' : id)}>
        <span>{label}</span><span class="quiet">{said}</span><span aria-hidden="true">{open ? '⌃' : '›'}</span>
      </button>
      {open && children}
    </li>
  );
}

function Remove({ page, label, edits, sure: asked }: { page: Page; label: string; edits: Edit[]; sure?: string }) {
  const [sure, setSure] = useState(asked === undefined);
  return (
    <p>
      {sure && asked && <span class="strong">{asked} </span>}
      <button type="button" class={sure && asked ? 'wrong' : ''} disabled={page.busy} onClick={() => (sure ? page.save(edits) : setSure(true))}>{label}</button>
    </p>
  );
}

const plain = (x: number, metric: string) => value(x, Math.min(decimals(metric), x % 1 ? 2 : 0));

function said(rule: Rule): string {
  const [shownUnit, minutes] = [unit(rule.metric), Math.round(rule.perS / 60)];
  if (minutes > 0) return tl(rule.limit > 0 ? 'setup.rises' : 'setup.falls', `${plain(Math.abs(rule.limit), rule.metric)} ${shownUnit}`, minutes);
  return `${tl(rule.above ? 'setup.above' : 'setup.below')} ${plain(rule.limit, rule.metric)} ${shownUnit}`;
}

const NUMBER = /^[-+]?\d+([.,]\d+)?$/;
const HOURS = /^([01]?\d|2[0-4]):[0-5]\d-([01]?\d|2[0-4]):[0-5]\d$/;
const asNumber = (text: string) => (NUMBER.test(text.trim()) ? Number(text.trim().replace(',', '.')) : NaN);

/** Why a rule can't be so; "": it can. What the gateway alone knows it says itself. */
function unfit(rule: Rule, limit: number, minutes: number, hours: string): string {
  const metric = state.site?.metrics[rule.metric];
  const [low, high] = metric && metric.min !== null && metric.max !== null ? [metric.min, metric.max] : [-Infinity, Infinity];
  if (Number.isNaN(limit) || Number.isNaN(minutes)) return tl('setup.number');
  if (rule.perS > 0 && limit === 0) return tl('setup.nochange');
  if (rule.perS === 0 && (limit < low || limit > high)) return tl('setup.reach', low, high);
  if (minutes < 0 || minutes > 1440) return tl('setup.minutes');
  return hours !== '' && !HOURS.test(hours) ? tl('setup.hourswrong') : '';
}

function RuleForm({ page, rule }: { page: Page; rule: Rule }) {
  const [limit, setLimit] = useState(String(rule.limit));
  const [minutes, setMinutes] = useState(String(rule.forS / 60));
  const [level, setLevel] = useState<Level>(rule.level);
  const [hours, setHours] = useState(rule.hours);
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const why = unfit(rule, asNumber(limit), asNumber(minutes), hours.trim());
    setWrong(why);
    if (why) return undefined;
    const next = { limit: asNumber(limit), forS: Math.round(asNumber(minutes) * 60), level, hours: hours.trim() };
    const same = next.limit === rule.limit && next.forS === rule.forS && level === rule.level && next.hours === rule.hours;
    return same ? page.setOpen('') : page.save(ruleEdits(page.shown, rule, next));
  };
  const shownUnit = unit(rule.metric);
  return (
    <form onSubmit={submit}>
      <Text number name="limit" value={limit} set={setLimit}
        label={`${metricName(rule.metric)} ${rule.perS > 0 ? tl('setup.change', shownUnit, Math.round(rule.perS / 60)) : tl('setup.limit', shownUnit)}`} />
      <Text number name="for" label={tl('setup.for')} value={minutes} set={setMinutes} />
      <label>
        <span>{tl('setup.level')}</span>
        <select name="level" value={level} onChange={(e) => setLevel(e.currentTarget.value as Level)}>
          {LEVELS.map((l) => <option key={l} value={l}>{word('level', l)}</option>)}
        </select>
      </label>
      <Text name="hours" label={tl('setup.hours')} value={hours} set={setHours} />
      <Wrong why={wrong} />
      <Buttons page={page} />
    </form>
  );
}

function Limit({ page, rule }: { page: Page; rule: Rule }) {
  return (
    <Row page={page} id={`rule ${rule.name}`} label={lang() === 'zh' ? rule.label : rule.labelEn} said={said(rule)}>
      <RuleForm page={page} rule={rule} />
    </Row>
  );
}

/** In which plot a device stands, or in none (''). */
export function PlotChoice({ shown, plot, choose }: { shown: Shown; plot: string; choose: (plot: string) => void }) {
  return (
    <label>
      <span>{tl('found.plot')}</span>
      <select name="plot" value={plot} onChange={(e) => choose(e.currentTarget.value)}>
        {shown.plots.map((p) => <option key={p.name} value={p.name}>{p.label}</option>)}
        <option value="">{tl('setup.noplot')}</option>
      </select>
    </label>
  );
}

function Device({ page, line, device }: { page: Page; line: string; device: { name: string; label: string } }) {
  const { shown } = page;
  const first = shown.plots.find((p) => p.devices.includes(device.name))?.name ?? '';
  const [plot, setPlot] = useState(first);
  return (
    <Row page={page} id={`dev ${device.name}`} label={device.label} said={shown.plots.find((p) => p.name === first)?.label ?? tl('setup.noplot')}>
      <Form page={page} first={device.label} same={plot === first}
        edits={(set) => [
          ...(set === device.label ? [] : [{ path: ['buses', line, 'devices', device.name, 'label'], set }]),
          ...(plot === first ? [] : moveEdits(shown, device.name, plot)),
        ]}
        more={<PlotChoice shown={shown} plot={plot} choose={setPlot} />}
        below={<Remove page={page} label={tl('setup.remove')} sure={tl('setup.sure')} edits={removeEdits(shown, line, device.name)} />} />
    </Row>
  );
}

function Lists({ page }: { page: Page }) {
  const { shown } = page;
  return (
    <>
      <section class="card" aria-labelledby="plots">
        <h2 id="plots">{tl('setup.plots')}</h2>
        <ul class="rows">
          <Row page={page} id="farm" label={tl('setup.farm')} said={shown.label}>
            <Form page={page} first={shown.label} edits={(set) => [{ path: ['label'], set }]} />
          </Row>
          {shown.plots.map((plot) => (
            <Row key={plot.name} page={page} id={`plot ${plot.name}`} label={plot.label}>
              <Form page={page} first={plot.label} edits={(set) => [{ path: ['plots', plot.name, 'label'], set }]}
                below={plot.devices.length === 0 && <Remove page={page} label={tl('setup.removeplot')} edits={[{ path: ['plots', plot.name], remove: true }]} />} />
            </Row>
          ))}
          <Row page={page} id="add plot" label={`+ ${tl('setup.addplot')}`}>
            <Form page={page} first="" edits={(label) => [{ path: ['plots'], add: { name: freeName(shown, 'plot'), label, devices: [] } }]} />
          </Row>
        </ul>
      </section>
      <section class="card" aria-labelledby="devs">
        <h2 id="devs">{tl('setup.devices')}</h2>
        <ul class="rows">
          {shown.lines.map((line) => line.devices.map((device) => <Device key={device.name} page={page} line={line.name} device={device} />))}
        </ul>
        <p><a class="button wide" href="#/found">{tl('found.title')}</a></p>
      </section>
      {shown.rules.length > 0 && (
        <section class="card" aria-labelledby="limits">
          <h2 id="limits">{tl('setup.limits')}</h2>
          <ul class="rows">{shown.rules.map((rule) => <Limit key={rule.name} page={page} rule={rule} />)}</ul>
        </section>
      )}
      <p><a class="button wide" href="#/users">{tl('users.title')}</a></p>
    </>
  );
}

/** The configuration as it is, and once more after each change. */
export function useShown(): { shown: Shown | null; failed: string; setFailed: (why: string) => void; again: () => Promise<void> } {
  const [shown, setShown] = useState<Shown | null>(null);
  const [failed, setFailed] = useState('');
  const again = async () => {
    try {
      setShown(await askShown());
    } catch (e) {
      setFailed(whyNot(e));
    }
  };
  const up = state.link === 'up' && state.site !== null;
  useEffect(() => { if (up && !shown) void again(); }, [up]);
  return { shown, failed, setFailed, again };
}

export function Setup() {
  useGarden();
  const { shown, failed, setFailed, again } = useShown();
  const [open, setOpen] = useState('');
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [stop] = useState<Stop>({ wanted: false });
  const tap = (id: string) => { setDone(false); setFailed(''); setOpen(id); };
  const save = async (edits: Edit[]) => {
    if (!shown) return;
    setBusy(true);
    stop.wanted = false;
    setDone(false);
    setFailed('');
    try {
      await change(shown, edits, stop);
      setDone(true);
      setOpen('');
    } catch (e) {
      setFailed(whyNot(e));
    }
    await again();
    setBusy(false);
  };
  return (
    <div class="setup">
      <div class="pagehead">
        <a href="#/more" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tl('setup.title')}</h1>
      </div>
      <div class="told" role="status">
        {busy && <p class="strong">{tl('setup.trying')}</p>}
        {done && <p class="strong">{tl('setup.done')}</p>}
      </div>
      {busy && <button class="wide" onClick={() => { stop.wanted = true; }}>{tl('setup.stop')}</button>}
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {shown ? <Lists page={{ shown, open, busy, setOpen: tap, save: (edits) => void save(edits) }} /> : !failed && <p class="quiet pad">{t('plot.loading')}</p>}
    </div>
  );
}
