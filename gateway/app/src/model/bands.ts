// SPDX-License-Identifier: Apache-2.0
// What counts as low, fine and high for tea, so that a number gets a word and an arrow. Starting
// values: 4 °C is where sprouted buds begin to suffer, growth rests below 10 °C and suffers above
// 30 °C, shoots stop above 2.3 kPa of vapour pressure deficit. Soil bands are wide on purpose.
import { channelOf } from './channel';

export type Band = 'danger-low' | 'low' | 'fine' | 'high' | 'danger-high';

interface Limits {
  dangerLow?: number;
  low?: number;
  high?: number;
  dangerHigh?: number;
}

const LIMITS: Record<string, Limits> = {
  air_temperature: { dangerLow: 4, low: 10, high: 30, dangerHigh: 38 },
  canopy_temperature: { dangerLow: 4, low: 10, high: 32, dangerHigh: 40 },
  air_humidity: { low: 50 },
  soil_moisture: { dangerLow: 10, low: 18, high: 45 },
  soil_wetness: { dangerLow: 15, low: 30, high: 95 },
  soil_temperature: { low: 10, high: 30 },
  soil_ph: { low: 4, high: 6 },
  vapour_pressure_deficit: { high: 2.3 },
  battery_voltage: { dangerLow: 3.3 },
};

export function band(metric: string, value: number): Band | null {
  const limits = LIMITS[channelOf(metric, LIMITS).base];
  if (!limits) return null;
  if (limits.dangerLow !== undefined && value <= limits.dangerLow) return 'danger-low';
  if (limits.low !== undefined && value < limits.low) return 'low';
  if (limits.dangerHigh !== undefined && value >= limits.dangerHigh) return 'danger-high';
  if (limits.high !== undefined && value > limits.high) return 'high';
  return 'fine';
}
