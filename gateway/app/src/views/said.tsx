// SPDX-License-Identifier: Apache-2.0
// Forecast against picked: each day's range as it was said the evening before, and what was picked.
import { tl } from '../i18n/later';
import { t } from '../i18n';
import { near, type Judged } from '../model/said';
import { estimated, unitName, weighed } from '../model/weight';
import { Frame } from './frame';

interface YearSaid {
  year: string;
  days: Judged[];
}

export function SaidCard({ years }: { years: YearSaid[] }) {
  const known = years.filter((y) => y.days.length > 0);
  const [shown] = known;
  if (!shown) return null;
  const { days } = shown;
  const top = Math.max(1, ...days.map((d) => Math.max(d.said[2], d.picked)));
  const x = (i: number) => (((i + 0.5) / days.length) * 100).toFixed(1);
  const y = (v: number) => (100 - (v / top) * 100).toFixed(1);
  const right = (of: YearSaid) => {
    const { kg, days: count } = near(of.days);
    return tl('said.near', estimated(kg), unitName(), count, of.days.length, of.year);
  };
  const ends = [...new Set([0, days.length - 1])];
  return (
    <section class="card said" aria-labelledby="said">
      <h2 id="said">{tl('said.title')} ({unitName()})</h2>
      <figure class="curves">
        <Frame label={right(shown)} top={top} text={estimated} dates={ends.map((i) => days[i]?.day.slice(5) ?? '')}>
          {days.map((d, i) => (
            <g key={d.day}>
              <path d={`M${x(i)} ${y(d.said[0])}V${y(d.said[2])}`} />
              <path class="dot" d={`M${x(i)} ${y(d.picked)}h0`} />
            </g>
          ))}
        </Frame>
        <figcaption class="quiet">{tl('said.how')}</figcaption>
      </figure>
      {known.map((y2) => <p key={y2.year}>{right(y2)}</p>)}
      <details>
        <summary>{tl('said.table')}</summary>
        <div class="tablebox" tabIndex={0} role="region" aria-label={tl('said.table')}>
          <table>
            <thead><tr><th scope="col">{t('pick.day')}</th><th scope="col">{tl('said.said')}</th><th scope="col">{tl('said.picked')}</th></tr></thead>
            <tbody>
              {[...days].reverse().map((d) => (
                <tr key={d.day}><th scope="row">{d.day.slice(5)}</th><td>{estimated(d.said[0])}–{estimated(d.said[2])}</td><td>{weighed(d.picked)}</td></tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  );
}
