// SPDX-License-Identifier: Apache-2.0
// Ready shoots, counted once a week in three frames: what the forecast needs to say how much leaf is
// ready. A day has one count; who counts again corrects it. Under the bushes there may be no network:
// a count waits on the phone as a pick does.
import { useEffect, useState } from 'preact/hooks';
import { current, currentLogin, sendWaiting } from '../garden';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import type { Pick } from '../keep/db';
import { find, listCounts, note } from '../keep/outbox';
import { FRAMES, parseCounts, SHOOTS_MAX, standing, type Count } from '../model/counts';
import { day, value } from '../model/format';
import { clock, state } from '../model/state';
import { RpcError } from '../mqtt/rpc';
import { randomId } from '../mqtt/session';
import { Refused, Sent } from './booking';
import { problem } from './problem';
import { Stepper } from './stepper';

const SHOWN_DAYS = 60;

const zone = () => state.site?.timezone ?? 'Asia/Shanghai';

/** Of a plot; null: an older gateway takes none. */
function useCounts(plot: string): Count[] | null {
  const [theirs, setTheirs] = useState<{ counts: Count[]; askedAt: number } | 'unknown' | null>(null);
  const [own, setOwn] = useState<Pick[]>([]);
  const login = currentLogin();
  const up = state.link === 'up';
  useEffect(() => {
    let gone = false;
    const read = async () => {
      const all = login ? await listCounts(login.user, login.url) : [];
      if (!gone) setOwn(all);
    };
    const ask = async () => {
      const askedAt = clock.now() ?? Date.now();
      const from = day(askedAt - SHOWN_DAYS * 86400e3, zone());
      const counts = parseCounts(await current()?.call('counts', { plot, from }));
      if (!gone) setTheirs({ counts, askedAt });
    };
    read().catch(() => undefined); // this browser keeps nothing
    if (up) ask().catch((e: unknown) => !gone && e instanceof RpcError && e.code === 'unknown-method' && setTheirs('unknown'));
    return () => {
      gone = true;
    };
  }, [plot, up, login, state.keptPicks]);
  return theirs === 'unknown' ? null : standing(theirs?.counts ?? [], own, plot, theirs?.askedAt ?? null);
}

export function CountCard({ plot, due }: { plot: string; due: boolean }) {
  const now = clock.now();
  const today = day(now ?? Date.now(), zone());
  const counts = useCounts(plot);
  const [on, setDay] = useState(today);
  const [sum, setSum] = useState(0);
  const [told, setTold] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => setTold(''), [plot]);
  if (counts === null) return null;
  const keep = async (old: Count | undefined, change: object) => {
    const login = currentLogin();
    if (!login || busy) return;
    setBusy(true);
    setTold('');
    const { shoots = 0, frames = FRAMES } = old ?? {};
    const entry: Pick = { id: old?.id ?? randomId(), user: login.user, url: login.url, plot, day: old?.day ?? on, kg: 0, pickers: 0,
      counted: { shoots, frames }, made: Math.max(Math.ceil(clock.now() ?? Date.now()), (old?.mine?.made ?? 0) + 1), sent: false, error: '', ...change };
    try {
      await note(entry, current());
      await sendWaiting();
      const mine = await find(entry.id);
      setTold(mine === undefined || mine.sent ? tl('count.done') : mine.error ? '' : t('pick.queued'));
    } catch (e) {
      setTold(`✗ ${e instanceof RpcError ? problem(e) : t('pick.failed')}`);
    }
    setBusy(false);
  };
  const save = () => void keep(counts.find((c) => c.day === on), { counted: { shoots: sum / FRAMES, frames: FRAMES } });
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
                <span>
                  {tl('count.last', c.day.slice(5), value(c.shoots, 1))} <span class="quiet">{c.by}</span>
                  {c.mine && <Sent pick={c.mine} />}
                  {c.mine && <Refused pick={c.mine} />}
                </span>
                <button type="button" disabled={busy} aria-label={`${tl('count.delete')} ${c.day}`} onClick={() => void keep(c, { gone: true })}>{tl('count.delete')}</button>
              </li>
            ))}
          </ul>
        )}
      </details>
    </section>
  );
}
