// SPDX-License-Identifier: Apache-2.0
// What the county picked, day by day, and what it expects.
import { useData } from './page';
import type { Day } from './api';
import { w } from './words';

const kg = (x: number | null): string => (x === null ? '—' : x.toFixed(x < 100 ? 1 : 0));

/** A day as it is written: the gardens' own, no moment of ours. */
const dayText = (day: string): string => day.slice(5);

function Bar({ day, most }: { day: Day; most: number }) {
  const share = (x: number | null) => `${most > 0 ? Math.min(100, ((x ?? 0) / most) * 100) : 0}%`;
  return (
    <span class="daybar" aria-hidden="true">
      {day.kg !== null && <span class="did" style={{ width: share(day.kg) }} />}
      {day.middle !== null && <span class="will" style={{ left: share(day.low), width: share((day.high ?? 0) - (day.low ?? 0)) }} />}
    </span>
  );
}

export function DaysPage() {
  const { data, status } = useData<Day[]>('days');
  if (!data) return <main>{status !== null && <p class="empty" role="alert">{w('away')}</p>}</main>;
  if (data.length === 0) return <main><div class="empty"><h1>{w('days.title')}</h1><p>{w('no.days')}</p></div></main>;
  const most = Math.max(...data.map((d) => Math.max(d.kg ?? 0, d.high ?? 0)));
  const last = data[data.length - 1];
  const coming = last && last.kg === null ? last : null;
  return (
    <main class="county">
      <h1>{w('days.title')}</h1>
      {coming && (
        <section class="card">
          <h2>{w('expected')} · {dayText(coming.day)}</h2>
          <p class="hero"><span class="value">{kg(coming.middle)}<small>{w('kg')}</small></span>
            <span class="second">{w('range', kg(coming.low), kg(coming.high))}</span></p>
          <p class="quiet">{w('expected.say', coming.expected)}</p>
        </section>
      )}
      <div class="finders"><a class="button" href="county/days.csv" download="days.csv">{w('csv')}</a></div>
      <div class="tablebox days" tabIndex={0} role="region" aria-label={w('days.title')}>
        <table>
          <thead><tr><th scope="col">{w('day')}</th><th scope="col">{w('picked')} {w('kg')}</th><th scope="col">{w('pickers')}</th>
            <th scope="col">{w('from.gardens')}</th><th scope="col">{w('expected')} {w('kg')}</th><td class="wideonly" aria-hidden="true">0 … {kg(most)}</td></tr></thead>
          <tbody>{[...data].reverse().map((d) => (
            <tr key={d.day}><th scope="row">{dayText(d.day)}</th><td>{kg(d.kg)}</td><td>{d.pickers ?? '—'}</td><td>{d.picked || '—'}</td>
              <td>{d.middle === null ? '—' : `${kg(d.middle)} (${kg(d.low)}–${kg(d.high)})`}</td><td class="wideonly"><Bar day={d} most={most} /></td></tr>
          ))}</tbody>
        </table>
      </div>
    </main>
  );
}
