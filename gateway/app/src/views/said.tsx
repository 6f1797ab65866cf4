// SPDX-License-Identifier: Apache-2.0
// Forecast against picked: each day's range as it was said the evening before, and what was picked.
import { tl } from '../i18n/later';
import { t } from '../i18n';
import { near, type Judged } from '../model/said';
import { estimated, unitName, weighed } from '../model/weight';

const BOX = { width: 320, height: 150, left: 50, bottom: 22, top: 8 };

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
  const x = (i: number) => BOX.left + ((i + 0.5) / days.length) * (BOX.width - BOX.left);
  const y = (v: number) => BOX.height - BOX.bottom - (v / top) * (BOX.height - BOX.bottom - BOX.top);
  const right = (of: YearSaid) => {
    const { kg, days: count } = near(of.days);
    return tl('said.near', estimated(kg), unitName(), count, of.days.length, of.year);
  };
  const ends = [...new Set([0, days.length - 1])];
  return (
    <section class="card said" aria-labelledby="said">
      <h2 id="said">{tl('said.title')} ({unitName()})</h2>
      <figure class="curves">
        <svg viewBox={`0 0 ${BOX.width} ${BOX.height}`} role="img" aria-label={right(shown)}>
          {[0, 0.5, 1].map((f) => (
            <g key={f}>
              <line x1={BOX.left} x2={BOX.width} y1={y(f * top)} y2={y(f * top)} />
              <text x={BOX.left - 6} y={y(f * top) + 5} text-anchor="end">{estimated(f * top)}</text>
            </g>
          ))}
          {ends.map((i) => (
            <text key={i} x={x(i)} y={BOX.height - 4} text-anchor={ends.length === 1 ? 'middle' : i === 0 ? 'start' : 'end'}>{days[i]?.day.slice(5)}</text>
          ))}
          {days.map((d, i) => (
            <g key={d.day}>
              <path d={`M${x(i).toFixed(1)} ${y(d.said[0]).toFixed(1)}V${y(d.said[2]).toFixed(1)}`} />
              <circle cx={x(i)} cy={y(d.picked)} r="3.5" />
            </g>
          ))}
        </svg>
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
