// SPDX-License-Identifier: Apache-2.0
// Leaf is weighed in jin, half a kilogram, unless somebody chose kilograms. What is kept and sent is
// always kilograms.
import { t } from '../i18n';
import { get, set } from '../keep/setting';
import { value } from './format';

export type WeightUnit = 'jin' | 'kg';

const KEY = 'baiye.weight';

export const weightUnit = (): WeightUnit => (get(KEY) === 'kg' ? 'kg' : 'jin');
export const setWeightUnit = (unit: WeightUnit): void => set(KEY, unit);

const perKg = (): number => (weightUnit() === 'jin' ? 2 : 1);

export const toUnit = (kg: number): number => kg * perKg();
export const fromUnit = (weight: number): number => weight / perKg();
export const unitName = (): string => t(`weight.${weightUnit()}`);

/** An estimate: no more digits than it deserves. */
export function estimated(kg: number): string {
  const x = toUnit(kg);
  return value(x, x < 10 && x % 1 !== 0 ? 1 : 0);
}

/** What somebody weighed: as it was noted. */
export const weighed = (kg: number): string => String(Math.round(toUnit(kg) * 10) / 10);
