// SPDX-License-Identifier: Apache-2.0
import { t } from '../i18n';
import { state } from '../model/state';

/** Where an alert is, as people call it: a plot, a device with its plot, a line, the gateway. */
export function place(where: string): string {
  const { plots = [], devices = [] } = state.site ?? {};
  const plot = plots.find((p) => p.name === where);
  const device = devices.find((d) => d.name === where);
  const around = device && plots.find((p) => p.devices.includes(where));
  if (plot) return plot.label;
  if (device) return around ? `${around.label} · ${device.label}` : device.label;
  if (devices.some((d) => d.bus === where)) return t('alert.line', where);
  return where === 'gateway' ? t('alert.gateway') : where;
}
