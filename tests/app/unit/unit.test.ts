// SPDX-License-Identifier: Apache-2.0
// The unit of a value is the site document's: a farm's own profile may give another than the table.
import { afterEach, describe, expect, it } from 'vitest';
import { parseSite } from '../../../gateway/app/src/model/payload';
import { state } from '../../../gateway/app/src/model/state';
import { unit } from '../../../gateway/app/src/views/metric';

const site = (metrics: object) => parseSite({ plots: [], devices: [], metrics }, 'a');
afterEach(() => { state.site = null; });

describe('the unit of a value', () => {
  it('is the one that the site names', () => {
    state.site = site({ air_temperature: { unit: '°F' }, own_metric: { unit: 'g/h' } });
    expect(unit('air_temperature')).toBe('°F');
    expect(unit('own_metric')).toBe('g/h');
  });
  it('is shown as people write it where the site has the usual one', () => {
    state.site = site({ air_temperature: { unit: '°C' }, air_humidity: { unit: '%RH' } });
    expect(unit('air_temperature')).toBe('°C');
    expect(unit('air_humidity')).toBe('%');
  });
  it('is the table’s before the site document has come', () => {
    expect(unit('air_temperature')).toBe('°C');
  });
});
