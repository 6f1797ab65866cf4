// SPDX-License-Identifier: Apache-2.0
import { ours, t } from '../i18n';
import type { Alert } from '../model/payload';
import { state } from '../model/state';

/** Where an alert is, as people call it: the gateway's own words; of an older one a plot, a device
 *  with its plot, a line, the gateway. */
export function place(alert: Alert): string {
  const { id, where } = alert;
  if (ours(alert).place) return ours(alert).place;
  if (id.startsWith('line-')) return t('alert.line', where); // a plot may have the same name
  const { plots = [], devices = [] } = state.site ?? {};
  const plot = plots.find((p) => p.name === where);
  const device = devices.find((d) => d.name === where);
  const around = device && plots.find((p) => p.devices.includes(where));
  if (plot) return plot.label;
  if (device) return around ? `${around.label} · ${device.label}` : device.label;
  return where === 'gateway' ? t('alert.gateway') : where;
}
