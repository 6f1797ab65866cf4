// SPDX-License-Identifier: Apache-2.0
// What baiye-county answers. Labels and alerts are what gateways told: any text, or none.
export interface Garden {
  site: string;
  region: string;
  label: string | null;
  lat: number | null;
  lon: number | null;
  seen: number;
  version: string | null;
  month_bytes: number | null;
  backlog: number | null;
  holes: number;
  gone: number;
  /** Messages since yesterday that did not fit. */
  aside: number;
  alarms: number;
  watches: number;
  seen_by: string | null;
  operator: boolean;
}

export interface Gardens {
  now: number;
  user: string;
  silent_s: number;
  gardens: Garden[];
}

export interface Detail extends Garden {
  now: number;
  timezone: string | null;
  gw: string;
  devices: unknown;
  alerts: unknown[];
  /** Of the nodes, one a kind of board: the last roll-out, and how far it is here. */
  firmware: { version: string; state: string }[];
  measured: [device: string, metric: string][];
}

export interface Hours {
  unit: string | null;
  kind: 'mean' | 'sum' | 'angle' | 'last' | null;
  t: number[];
  n: number[];
  min: (number | null)[];
  mean: (number | null)[];
  max: (number | null)[];
}

export interface Day {
  day: string;
  kg: number | null;
  pickers: number | null;
  picked: number;
  low: number | null;
  middle: number | null;
  high: number | null;
  expected: number;
}

/** 401: nobody is logged in; 404: not there, or not ours; 0: no answer. */
export class Refused extends Error {
  constructor(readonly status: number, readonly waitS = 0) {
    super(`status ${status}`);
  }
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(path, { ...init, cache: 'no-store' }).catch(() => null);
  if (!answer) throw new Refused(0);
  if (!answer.ok) throw new Refused(answer.status, Number(answer.headers.get('Retry-After') ?? 0));
  return answer;
}

export const get = async <T>(path: string): Promise<T> => (await ask(`county/${path}`, {})).json() as Promise<T>;

export const post = async (path: string, body: object): Promise<void> => {
  await ask(`county/${path}`, { method: 'POST', body: JSON.stringify(body) });
};

export const query = (path: string, of: Record<string, string | number>): string =>
  `${path}?${Object.entries(of).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&')}`;
