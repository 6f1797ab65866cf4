// SPDX-License-Identifier: Apache-2.0
// What each broker took of the mobile data, as the answer to `stats` says.
import { isName, number, object } from './payload';

/** A broker that the gateway sends to, and how much in this month (UTC). */
export interface Traffic {
  name: string;
  up: boolean;
  mb: number;
}

/** Of the answer to `stats`. */
export function parseTraffic(x: unknown): Traffic[] {
  const list = object(x)?.brokers;
  if (!Array.isArray(list)) return [];
  return list.slice(0, 16).flatMap((one): Traffic[] => {
    const broker = object(one);
    const bytes = number(broker?.bytes_month);
    return broker && isName(broker.name) && bytes !== null ? [{ name: broker.name, up: broker.state === 'up', mb: bytes / 1e6 }] : [];
  });
}
