// SPDX-License-Identifier: Apache-2.0
// For the technician: names of the garden, plots and devices, and the alerts' limits. A line is tapped,
// changed and saved; one change is under way at a time.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { askShown, change, whyNot } from '../change';
import { lang, t } from '../i18n';
import { tl } from '../i18n/later';
import { value } from '../model/format';
import { limitEdits, removeEdits, type Edit, type Rule, type Shown } from '../model/shown';
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

function Form({ page, label, first, number, reach, edits, more }: {
  page: Page; label: string; first: string; number?: boolean; reach?: [number, number] | undefined;
  edits: (next: string) => Edit[]; more?: ComponentChildren;
}) {
  const [next, setNext] = useState(first);
  const [wrong, setWrong] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const clean = next.trim();
    if (clean === '') return setWrong(tl('setup.empty'));
    if (number && !/^[-+]?\d+([.,]\d+)?$/.test(clean)) return setWrong(tl('setup.number'));
    const [low, high] = reach ?? [-Infinity, Infinity];
    const x = number ? Number(clean.replace(',', '.')) : 0;
    if (number && (x < low || x > high)) return setWrong(tl('setup.reach', low, high));
    setWrong('');
    if (clean === first) return page.setOpen('');
    return page.save(edits(clean.replace(',', number ? '.' : ',')));
  };
  return (
    <form onSubmit={submit}>
      <label>
        <span>{label}</span>
        <input type="text" inputMode={number ? 'decimal' : 'text'} value={next} maxLength={number ? 10 : 20} autocomplete="off"
          onInput={(e) => setNext(e.currentTarget.value)} />
      </label>
      {wrong && <p class="wrong" role="alert">✗ {wrong}</p>}
      <p class="two">
        <button class="primary" type="submit" disabled={page.busy || state.link !== 'up'}>{tl('setup.save')}</button>
        <button type="button" disabled={page.busy} onClick={() => page.setOpen('')}>{tl('setup.cancel')}</button>
      </p>
      {more}
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

function Remove({ page, line, device }: { page: Page; line: string; device: string }) {
  const [sure, setSure] = useState(false);
  return (
    <p>
      {sure && <span class="strong">{tl('setup.sure')} </span>}
      <button type="button" class={sure ? 'wrong' : ''} disabled={page.busy}
        onClick={() => (sure ? page.save(removeEdits(page.shown, line, device)) : setSure(true))}>{tl('setup.remove')}</button>
    </p>
  );
}

function Limit({ page, rule }: { page: Page; rule: Rule }) {
  const shownUnit = unit(rule.metric);
  const metric = state.site?.metrics[rule.metric];
  const label = lang() === 'zh' ? rule.label : rule.labelEn;
  const said = `${tl(rule.above ? 'setup.above' : 'setup.below')} ${value(rule.limit, Math.min(decimals(rule.metric), rule.limit % 1 ? 2 : 0))} ${shownUnit}`;
  return (
    <Row page={page} id={`rule ${rule.name}`} label={label} said={rule.change ? '' : said}>
      {rule.change ? <p>{tl('setup.rate')}</p> : (
        <Form page={page} number label={`${metricName(rule.metric)} ${tl('setup.limit', shownUnit)}`} first={String(rule.limit)}
          reach={metric && metric.min !== null && metric.max !== null ? [metric.min, metric.max] : undefined}
          edits={(next) => limitEdits(page.shown, rule, Number(next))} />
      )}
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
            <Form page={page} label={tl('setup.name')} first={shown.label} edits={(set) => [{ path: ['label'], set }]} />
          </Row>
          {shown.plots.map((plot) => (
            <Row key={plot.name} page={page} id={`plot ${plot.name}`} label={plot.label}>
              <Form page={page} label={tl('setup.name')} first={plot.label} edits={(set) => [{ path: ['plots', plot.name, 'label'], set }]} />
            </Row>
          ))}
        </ul>
      </section>
      <section class="card" aria-labelledby="devs">
        <h2 id="devs">{tl('setup.devices')}</h2>
        <ul class="rows">
          {shown.lines.map((line) => line.devices.map((device) => (
            <Row key={device.name} page={page} id={`dev ${device.name}`} label={device.label}
              said={shown.plots.find((p) => p.devices.includes(device.name))?.label ?? tl('setup.noplot')}>
              <Form page={page} label={tl('setup.name')} first={device.label}
                edits={(set) => [{ path: ['buses', line.name, 'devices', device.name, 'label'], set }]}
                more={<Remove page={page} line={line.name} device={device.name} />} />
            </Row>
          )))}
        </ul>
        <p><a class="button wide" href="#/found">{tl('found.title')}</a></p>
      </section>
      {shown.rules.length > 0 && (
        <section class="card" aria-labelledby="limits">
          <h2 id="limits">{tl('setup.limits')}</h2>
          <ul class="rows">{shown.rules.map((rule) => <Limit key={rule.name} page={page} rule={rule} />)}</ul>
        </section>
      )}
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
  const tap = (id: string) => { setDone(false); setFailed(''); setOpen(id); };
  const save = async (edits: Edit[]) => {
    if (!shown) return;
    setBusy(true);
    setDone(false);
    setFailed('');
    try {
      await change(shown, edits);
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
      {failed && <p class="wrong" role="alert">✗ {failed}</p>}
      {shown ? <Lists page={{ shown, open, busy, setOpen: tap, save: (edits) => void save(edits) }} /> : !failed && <p class="quiet pad">{t('plot.loading')}</p>}
    </div>
  );
}
