// SPDX-License-Identifier: Apache-2.0
declare const __VERSION__: string;

/** From protocols/metric/metrics.def, by metrics.mjs. */
declare module 'virtual:metrics' {
  export interface MetricInfo {
    unit: string; // as in the site document
    shown: string; // as people read it
    decimals: number;
    kind: 'mean' | 'sum' | 'angle' | 'last';
    zh: string;
    en: string;
  }
  export const METRICS: Readonly<Record<string, MetricInfo>>;
}
