// SPDX-License-Identifier: Apache-2.0
import { useEffect, useMemo, useState } from 'preact/hooks';
import { currentLogin } from '../garden';
import type { Pick } from '../keep/db';
import { shared } from '../model/ledger';
import { listen, state } from '../model/state';

/** Draws again when the state changed, and at least every `seconds` because ages grow. */
export function useGarden(seconds = 5): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const again = () => tick((n) => n + 1);
    const timer = setInterval(again, seconds * 1000);
    const leave = listen(again);
    return () => {
      clearInterval(timer);
      leave();
    };
  }, [seconds]);
}

/** What everybody noted of picking, the newest first; without the gateway what this phone noted.
 *  Nothing waits for the phone's data base. */
export function usePicks(): Pick[] {
  const [picks, setPicks] = useState<Pick[]>([]);
  const login = currentLogin();
  useEffect(() => {
    let gone = false;
    const read = async () => {
      const { list } = await import('../keep/outbox');
      const all = login ? await list(login.user, login.url) : [];
      if (!gone) setPicks(all);
    };
    read().catch(() => undefined); // this browser keeps nothing
    return () => {
      gone = true;
    };
  }, [login, state.keptPicks]);
  const { ledger } = state;
  return useMemo(() => shared(picks, ledger), [picks, ledger]);
}
