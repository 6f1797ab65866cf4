// SPDX-License-Identifier: Apache-2.0
// Several of one metric, by the channel in their names.
import { describe, expect, it } from 'vitest';
import { metricWord, setLang } from '../../../gateway/app/src/i18n';
import { channelOf, shallowest } from '../../../gateway/app/src/model/channel';

const known = { soil_moisture: 1, voltage: 1, pm2_5: 1, pm10: 1 };

describe('a metric of which there are several', () => {
  it('is named with its depth, its number or its phase', () => {
    expect(channelOf('soil_moisture_20cm', known)).toEqual({ base: 'soil_moisture', channel: '20 cm' });
    expect(channelOf('voltage_l1', known)).toEqual({ base: 'voltage', channel: 'L1' });
    expect(channelOf('voltage_2', known)).toEqual({ base: 'voltage', channel: '2' });
  });
  it('is not taken for one where the name is a plain one, or another', () => {
    for (const name of ['pm2_5', 'pm10', 'voltage_north', 'sap_2', 'constructor_1'])
      expect(channelOf(name, known)).toEqual({ base: name, channel: '' });
  });
  it('has the words of its kind', () => {
    globalThis.document ??= { documentElement: {} } as Document;
    setLang('zh');
    expect(metricWord('soil_moisture_20cm')).toBe('土壤水分 20 cm');
  });
  it('stands for the soil where there is no plain one, the shallowest first', () => {
    expect(shallowest('soil_moisture', ['soil_moisture_100cm', 'soil_moisture_20cm', 'voltage_l1'])).toBe('soil_moisture_20cm');
    expect(shallowest('soil_moisture', ['soil_temperature_20cm'])).toBeUndefined();
  });
});
