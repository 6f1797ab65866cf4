// SPDX-License-Identifier: Apache-2.0
// The garden from above, from the positions that the farm's file has: nothing is fetched for it.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import '../style/map.css';
import { lang, t } from '../i18n';
import { layout } from '../model/map';
import { ordered } from '../model/order';
import { clock, state } from '../model/state';
import { keyOf, places, tile, type Tile } from '../model/tiles';
import { Icon } from './icon';
import { metricValue, unit } from './metric';
import { ageText, gradeOf, headline } from './tile';
import { PROBE, typeScale, watchSize } from './type';

const MARKS = ['!', '…', '?', '·', '✓']; // by grade: colour never stands alone
const LETTER = 9;
const HANZI = 16;

/** As wide as the words will be, or a little wider. */
const pixels = (text: string): number =>
  12 + [...text].reduce((sum, c) => sum + ((c.codePointAt(0) ?? 0) > 0x2e80 ? HANZI : LETTER), 0);

/** With the plot's first value that is live: "上坡 12.3°C", or "12.3" where there is less room. */
function words(spot: Tile): [string, ...string[]] {
  const metric = headline(spot).find((m) => spot.cells[m]?.fresh === 'live' && spot.cells[m]?.value != null);
  const value = metric === undefined ? undefined : spot.cells[metric]?.value;
  if (metric === undefined || value == null) return [spot.label];
  return [`${spot.label} ${metricValue(metric, value)}${unit(metric)}`, metricValue(metric, value)];
}

/** How wide the map may be, and how large its words are. */
function useRoom() {
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const [width, setWidth] = useState(0);
  const [type, setType] = useState(1);
  useLayoutEffect(() => {
    const measure = () => {
      setWidth(box.current?.clientWidth ?? 0);
      setType(typeScale(probe.current));
    };
    measure();
    const leave = [box.current, probe.current].map((e) => (e ? watchSize(e, measure) : () => undefined));
    return () => {
      for (const l of leave) l();
    };
  }, []);
  return { box, probe, width, type };
}

export function MapPage() {
  const now = clock.now();
  const { box, probe, width, type } = useRoom();
  const found = places(state);
  const at = new Map((state.site?.plots ?? []).flatMap((p) => (p.at ? [[p.name, p.at] as const] : [])));
  const tiles = ordered(found.map(({ plot, isDevice }) => tile(plot, isDevice, state, now)), 'worst', (x) => gradeOf(x, now), lang());
  const spots = tiles.flatMap((x) => {
    const place = x.isDevice ? undefined : at.get(x.name);
    return place ? [{ key: keyOf(x), ...place, words: words(x).map(pixels) }] : [];
  });
  const map = layout(spots, width, type);
  const byKey = new Map(tiles.map((x) => [keyOf(x), x]));
  const without = tiles.filter((x) => !spots.some((s) => s.key === keyOf(x)));
  return (
    <div class="map">
      <div class="pagehead">
        <a href="#/" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{t('map.title')}</h1>
      </div>
      <div class="ground" ref={box} style={{ height: `${map.height}px` }}>
        <span class="probe" ref={probe} aria-hidden="true">{PROBE}</span>
        {map.spots.map((spot) => {
          const x = byKey.get(spot.key);
          if (!x) return null;
          const grade = gradeOf(x, now);
          return (
            <a key={spot.key} class={`spot grade-${grade}`} style={{ left: `${spot.x}px`, top: `${spot.y}px` }} href={`#/plot/${spot.key}`}
              aria-label={`${words(x)[0]}, ${x.fresh === 'stale' ? ageText({ tile: x, now }) : t(`map.grade.${grade === 0 ? 'bad' : grade === 4 ? 'fine' : 'look'}`)}`}>
              <span class="dot" aria-hidden="true">{MARKS[grade]}</span>
              {spot.words && <span class={`words ${spot.words.side}`} aria-hidden="true">{words(x)[spot.words.which]}</span>}
            </a>
          );
        })}
      </div>
      {map.bar.metres > 0 && (
        <p class="compass">
          <span><span class="bar" style={{ width: `${map.bar.pixels}px` }} /> {t('map.metres', map.bar.metres)}</span>
          <span aria-hidden="true">↑ {t('map.north')}</span>
        </p>
      )}
      {without.length > 0 && spots.length > 0 && (
        <p class="quiet pad">{t('map.without')} {without.map((x, i) => <>{i > 0 && t('state.and')}<a href={`#/plot/${keyOf(x)}`}>{x.label}</a></>)}</p>
      )}
      {spots.length === 0 && <p class="empty">{t('map.none')}</p>}
    </div>
  );
}
