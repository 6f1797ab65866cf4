// SPDX-License-Identifier: Apache-2.0
// Ready shoots, counted once a week in three frames: what the forecast needs to say how much leaf is
// ready. A day has one count; who counts again corrects it.
import { useEffect, useState } from 'preact/hooks';
import { current } from '../garden';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { FRAMES, parseCounts, SHOOTS_MAX, type Count } from '../model/counts';
import { day, value } from '../model/format';
import { clock, state } from '../model/state';
import { randomId } from '../mqtt/session';
import { problem } from './problem';
import { Stepper } from './stepper';

const SHOWN_DAYS = 60;

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';

export function CountCard({ plot, due }: { plot: string; due: boolean }) {
  const now = clock.now();
  const today = day(now ?? Date.now(), zone());
  const [counts, setCounts] = useState<Count[] | null>(null);
  const [on, setDay] = useState(today);
  const [sum, setSum] = useState(0);
  const [told, setTold] = useState('');
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    const from = day((now ?? Date.now()) - SHOWN_DAYS * 86400e3, zone());
    setCounts(parseCounts(await current()?.call('counts', { plot, from })));
  };
  useEffect(() => {
    setCounts(null);
    setTold('');
    ask().catch(() => undefined); // an older gateway knows of none
  }, [plot]);
  if (counts === null) return null;
  const tell = (method: string, message: object) => {
    if (busy) return;
    setBusy(true);
    setTold('');
    const call = async () => {
      const session = current();
      if (!session) throw new Error(t('plot.offline'));
      await session.call(method, message);
      await ask();
    };
    call().then(() => setTold(tl('count.done')), (e: unknown) => setTold(`✗ ${problem(e)}`)).finally(() => setBusy(false));
  };
  const save = () => tell('count', { id: counts.find((c) => c.day === on)?.id ?? randomId(), plot, day: on, shoots: sum / FRAMES,
    frames: FRAMES, made: Math.ceil(clock.now() ?? Date.now()) });
  return (
    <section class="card counting">
      <details open={due}>
        <summary>{tl('count.title')}{counts[0] ? ` · ${tl('count.last', counts[0].day.slice(5), value(counts[0].shoots, 1))}` : ''}</summary>
        <p class="quiet">{tl('count.how')}</p>
        <form onSubmit={(e) => { e.preventDefault(); save(); }}>
          <Stepper name="shoots" label={tl('count.sum')} number={sum} step={1} max={SHOOTS_MAX * FRAMES} set={setSum} />
          <label class="plotpick">
            <span>{t('pick.day')}</span>
            <input class="wide" type="date" name="counted" max={today} value={on} onInput={(e) => setDay(e.currentTarget.value || today)} />
          </label>
          <button class="primary" type="submit" disabled={busy}>{tl('count.save')}</button>
        </form>
        {told && <p role="status">{told}</p>}
        {counts.length > 0 && (
          <ul class="counts">
            {counts.slice(0, 8).map((c) => (
              <li key={c.id}>
                <span>{tl('count.last', c.day.slice(5), value(c.shoots, 1))} <span class="quiet">{c.by}</span></span>
                <button type="button" disabled={busy} aria-label={`${tl('count.delete')} ${c.day}`} onClick={() => tell('count_delete', { id: c.id })}>{tl('count.delete')}</button>
              </li>
            ))}
          </ul>
        )}
      </details>
    </section>
  );
}
