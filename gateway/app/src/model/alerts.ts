// SPDX-License-Identifier: Apache-2.0
import type { Alert, Level } from './payload';

const ORDER: Level[] = ['severe', 'alarm', 'high', 'watch', 'medium', 'low', 'info', 'none'];

/** What asks for somebody: nobody has seen it, and it is more than a note. */
export const isOpen = (alert: Alert): boolean => !alert.acked && alert.level !== 'info';

/** Seen by somebody, and still so. */
export const isHeld = (alert: Alert): boolean => alert.acked && alert.level !== 'info';

/** Those that nobody has seen yet, then the worst, then the newest. */
export function worstFirst(alerts: Iterable<Alert>): Alert[] {
  return [...alerts].sort(
    (a, b) =>
      Number(a.acked) - Number(b.acked) ||
      ORDER.indexOf(a.level) - ORDER.indexOf(b.level) ||
      (b.since ?? 0) - (a.since ?? 0),
  );
}
