// SPDX-License-Identifier: Apache-2.0
// History in pages of at most 64 kB, as the gateway gives it, handed on page by page so that the
// chart fills from the left while the rest is still on its way.
import { parseHistory } from '../model/payload';
import { emptySeries, join, type Kind, type Series, type Step } from '../model/series';
import { RpcError } from './rpc';
import type { Session } from './session';

const PAGES_MAX = 64;

export interface Wanted {
  what: { plot: string } | { device: string };
  metric: string;
  kind: Kind;
  from: number;
  to: number;
  step: Step;
}

export async function loadHistory(
  session: Session,
  wanted: Wanted,
  part: (series: Series) => void,
  gone: () => boolean,
): Promise<Series> {
  const { what, metric, to, step } = wanted;
  let series = emptySeries(step, wanted.kind);
  let from = Math.round(wanted.from);
  for (let page = 0; page < PAGES_MAX && !gone(); page += 1) {
    const answer = parseHistory(await session.call('history', { ...what, metric, from, to: Math.round(to), step }));
    if (!answer) throw new RpcError('garbled', 'not a history');
    series = join(series, answer);
    if (!gone()) part(series);
    if (answer.next === null || answer.next <= from || answer.next >= to) break;
    from = answer.next;
  }
  return series;
}
