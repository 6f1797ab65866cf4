// SPDX-License-Identifier: Apache-2.0
// protocols/metric/metrics.def as the module 'virtual:metrics': names, units, decimals, kinds and
// words of every metric come from the one table that gateway and LED screen use too.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TABLE = fileURLToPath(new URL('../../protocols/metric/metrics.def', import.meta.url));
const ID = 'virtual:metrics';

/** One METRIC(…) row: a name, then strings, numbers and words. */
function row(line) {
  const cells = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|([^",()\s][^",()]*)/g)].map((m) => m[1] ?? m[2].trim());
  const [, name, unit, shown, , , decimals, kind, , , , , , en, zh] = cells;
  if (cells.length !== 17) throw new Error(`${TABLE}: a row has ${cells.length - 1} columns: ${line}`);
  return [name, { unit, shown, decimals: Number(decimals), kind: kind.toLowerCase(), en, zh }];
}

export function readMetrics() {
  const lines = readFileSync(TABLE, 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => line.startsWith('METRIC(')).map(row));
}

/** The vite plugin. */
export const metrics = () => ({
  name: 'baiye-metrics',
  resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
  load(id) {
    if (id !== `\0${ID}`) return undefined;
    this.addWatchFile(TABLE);
    return `export const METRICS = ${JSON.stringify(readMetrics())};`;
  },
});
