// SPDX-License-Identifier: Apache-2.0
// What a metric is called, its unit and decimals: the shared table's words (virtual:metrics), else the
// site's. A unit that the farm's own profile names stands before the table's.
import { METRICS, type MetricInfo } from 'virtual:metrics';
import { metricWord } from '../i18n';
import { channelOf } from '../model/channel';
import { value } from '../model/format';
import { has } from '../model/own';
import { state } from '../model/state';
import type { Metric } from '../model/payload';

const own = <T>(all: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  all && has(all, name) ? all[name] : undefined;
const fromSite = (metric: string): Metric | undefined => own(state.site?.metrics, metric);
const fromTable = (metric: string): MetricInfo | undefined => own(METRICS, channelOf(metric, METRICS).base);

export const metricName = (metric: string): string => metricWord(metric, fromSite(metric)?.label || metric);

export function unit(metric: string): string {
  const site = fromSite(metric)?.unit;
  const table = fromTable(metric);
  return table && (site === undefined || site === table.unit) ? table.shown : (site ?? '');
}

export const kindOf = (metric: string): MetricInfo['kind'] => fromTable(metric)?.kind ?? 'mean';

export const decimals = (metric: string): number => fromTable(metric)?.decimals ?? fromSite(metric)?.decimals ?? 1;

export const metricValue = (metric: string, x: number): string => value(x, decimals(metric));
