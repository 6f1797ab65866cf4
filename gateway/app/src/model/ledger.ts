// SPDX-License-Identifier: Apache-2.0
// What everybody noted of picking, as the gateway lists it, and this phone's own notes over it: what
// waits here is newer than what is there.
import type { Pick } from '../keep/db';
import { number, object, text } from './payload';

export interface Ledger {
  /** Of other phones and of this one, with all that the gateway has since `from`. */
  entries: Pick[];
  from: string;
  askedAt: number;
  /** What to skip for earlier ones; null: there are none. */
  next: number | null;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const ENTRIES_MAX = 5000;

/** What the gateway calls it. */
export const ledgerId = ({ id, plot, day, booking }: Pick): string => (booking === undefined ? id : `book-${plot}-${day}`);

function entry(x: unknown): Pick | null {
  const o = object(x);
  const [kg, pickers, made] = [number(o?.kg), number(o?.pickers), number(o?.made)];
  const [id, plot, day] = [text(o?.id, 64), text(o?.plot, 32), text(o?.day, 10)];
  if (id === '' || plot === '' || !DAY.test(day) || kg === null || pickers === null || made === null) return null;
  const by = text(o?.by, 64);
  const changedBy = text(o?.changed_by, 64);
  return { id, user: by, url: '', plot, day, kg, pickers, made, sent: true, error: '', by,
    ...(changedBy ? { changedBy } : {}), ...(id === `book-${plot}-${day}` ? { booking: Date.parse(day) } : {}) };
}

export function parseLedger(x: unknown): { entries: Pick[]; next: number | null } | null {
  const o = object(x);
  if (!o || !Array.isArray(o.picks)) return null;
  const entries = o.picks.slice(0, ENTRIES_MAX).map(entry).filter((p): p is Pick => p !== null);
  return { entries, next: number(o.next) };
}

/** Which of the two that have one id stands: what waits here; else the later one. */
function standing(mine: Pick, theirs: Pick | undefined): Pick {
  if (!theirs || !mine.sent || mine.error !== '' || mine.made > theirs.made) return mine;
  return theirs;
}

/** All notes, the newest day first, without what was deleted. */
export function shared(own: Pick[], ledger: Ledger | null): Pick[] {
  if (ledger === null) return own.filter((p) => !p.gone);
  const theirs = new Map(ledger.entries.map((p) => [p.id, p]));
  const kept = own.filter((p) => !p.sent || p.error !== '' || p.day < ledger.from || theirs.has(ledgerId(p))
    || (p.sentAt ?? p.made) >= ledger.askedAt); // what was sent and is not there was deleted by somebody
  const mine = new Set(kept.map(ledgerId));
  const all = [...kept.map((p) => standing(p, theirs.get(ledgerId(p)))), ...ledger.entries.filter((p) => !mine.has(p.id))];
  return all.filter((p) => !p.gone).sort((a, b) => (a.day === b.day ? b.made - a.made : a.day < b.day ? 1 : -1));
}
