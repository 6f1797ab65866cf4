// SPDX-License-Identifier: Apache-2.0
// A picture that a phone scans to get in: its address holds the name and a password. That of a technician
// (join) is good once: the phone makes a password of its own of it, which nobody ever sees or types. That
// of another phone of the same person (same) is the one both go on with.
import { get, set } from './setting';

export interface Invite {
  user: string;
  password: string;
  once: boolean;
}

const FORM = /^#\/(join|same)\/([a-z0-9-]{1,32})\/([A-Za-z0-9_-]{8,128})$/;
const FRESH = 'baiye.fresh';

/** From the page's address, where it does not stay: null when there is none. */
export function takeInvite(): Invite | null {
  const [, kind, user, password] = FORM.exec(location.hash) ?? [];
  if (user === undefined || password === undefined) return null;
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
  if (kind === 'join') setFresh(user, password, null);
  return { user, password, once: kind === 'join' };
}

export const inviteOf = (page: string, user: string, password: string, kind: 'same' | 'join' = 'same'): string | null => {
  const hash = `#/${kind}/${user}/${password}`;
  return FORM.test(hash) ? `${page.split('#')[0] ?? ''}${hash}` : null;
};

/** What is to take the place of a password that is good once; `fresh` null: not made yet. Written down
 *  before it is sent, because an answer may be lost. */
export function setFresh(user: string, once: string, fresh: string | null): void {
  set(FRESH, JSON.stringify({ user, once, fresh }));
}

export function freshOf(user: string): { once: string; fresh: string | null } | null {
  try {
    const x = JSON.parse(get(FRESH) ?? 'null') as { user?: unknown; once?: unknown; fresh?: unknown } | null;
    if (!x || x.user !== user || typeof x.once !== 'string') return null;
    return { once: x.once, fresh: typeof x.fresh === 'string' ? x.fresh : null };
  } catch {
    return null;
  }
}

export const forgetFresh = (): void => set(FRESH, null);
