// SPDX-License-Identifier: Apache-2.0
// What a metric is called, its unit and decimals: the app's own words first, else the site's.
import { word } from '../i18n';
import { DECIMALS, UNITS, value } from '../model/format';
import { state } from '../model/state';
import type { Metric } from '../model/payload';

function fromSite(metric: string): Metric | undefined {
  const all = state.site?.metrics;
  return all && Object.hasOwn(all, metric) ? all[metric] : undefined;
}

export const metricName = (metric: string): string => word('metric', metric, fromSite(metric)?.label || metric);

export const unit = (metric: string): string => UNITS[metric] ?? fromSite(metric)?.unit ?? '';

export const decimals = (metric: string): number =>
  DECIMALS[metric] ?? (Object.hasOwn(UNITS, metric) ? 1 : (fromSite(metric)?.decimals ?? 1));

export const metricValue = (metric: string, x: number): string => value(x, decimals(metric));
