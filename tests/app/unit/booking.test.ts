// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Pick } from '../../../gateway/app/src/keep/db';
import { bookingOf, message } from '../../../gateway/app/src/keep/outbox';
import { dayAfter } from '../../../gateway/app/src/model/format';
import { bookedFor, bookedInAll, doubt, lastPicked, likelyPickers, saidFor } from '../../../gateway/app/src/model/picks';

const login = { url: 'wss://a/mqtt', user: 'li', password: 'x' };
const made = Date.UTC(2026, 3, 4, 10); // 18:00 of the 4th in Shanghai
const booking = (pickers: number, more: Partial<Pick> = {}): Pick =>
  ({ ...bookingOf(login, 'upper', dayAfter(made, 'Asia/Shanghai'), pickers, made), ...more });
const pick = (day: string, kg: number, pickers: number, more: Partial<Pick> = {}): Pick =>
  ({ id: `${day} ${kg}`, user: 'li', url: 'wss://a/mqtt', plot: 'upper', day, kg, pickers, made, sent: true, error: '', ...more });

describe('the day after', () => {
  it('is the site’s, from its midnight on', () => {
    expect(dayAfter(made, 'Asia/Shanghai')).toEqual({ day: '2026-04-05', begins: Date.UTC(2026, 3, 4, 16) });
    expect(dayAfter(Date.UTC(2026, 3, 4, 15, 59, 59), 'Asia/Shanghai').day).toBe('2026-04-05');
    expect(dayAfter(Date.UTC(2026, 3, 4, 16), 'Asia/Shanghai').day).toBe('2026-04-06');
    expect(dayAfter(Date.UTC(2026, 11, 31, 12), 'UTC')).toEqual({ day: '2027-01-01', begins: Date.UTC(2027, 0, 1) });
  });
  it('begins after a night of 23 or 25 hours, too', () => {
    expect(dayAfter(Date.UTC(2026, 2, 28, 12), 'Europe/Berlin').begins).toBe(Date.UTC(2026, 2, 28, 23));
    expect(dayAfter(Date.UTC(2026, 2, 29, 12), 'Europe/Berlin').begins).toBe(Date.UTC(2026, 2, 29, 22));
    expect(dayAfter(Date.UTC(2026, 9, 25, 12), 'Europe/Berlin')).toEqual({ day: '2026-10-26', begins: Date.UTC(2026, 9, 25, 23) });
  });
});

describe('a booking', () => {
  it('is a pick of nothing that expires before its day begins', () => {
    expect(message(booking(4))).toEqual({
      id: 'book-upper-2026-04-05', plot: 'upper', day: '2026-04-05', kg: 0, pickers: 4, made, expires: Date.UTC(2026, 3, 4, 15, 59, 59),
    });
    expect(message(pick('2026-04-04', 9, 5))).toEqual({ id: '2026-04-04 9', plot: 'upper', day: '2026-04-04', kg: 9, pickers: 5, made });
  });
  it('is one at the gateway whoever says it, and each user’s and garden’s own on the phone', () => {
    const on = dayAfter(made, 'Asia/Shanghai');
    const other = [bookingOf({ ...login, user: 'wang' }, 'upper', on, 6, made), bookingOf({ ...login, url: 'wss://b/mqtt' }, 'upper', on, 6, made)];
    expect(new Set([booking(4), ...other].map((p) => p.id)).size).toBe(3);
    expect(new Set([booking(4), ...other].map((p) => (message(p) as { id: string }).id)).size).toBe(1);
    expect(booking(4).id).toBe(booking(7, {}).id);
  });
  it('begins with as many as last time, else with as many as there is work for', () => {
    const forecast = { pickers: 6 } as Parameters<typeof likelyPickers>[2];
    expect(likelyPickers([], 'upper', forecast)).toBe(6);
    expect(likelyPickers([], 'upper', undefined)).toBe(2);
    expect(likelyPickers([pick('2026-04-04', 9, 5), pick('2026-04-03', 9, 8)], 'upper', forecast)).toBe(5);
    expect(likelyPickers([pick('2026-04-04', 0, 0), booking(4)], 'upper', forecast)).toBe(4);
    expect(likelyPickers([pick('2026-04-04', 9, 5)], 'creek', forecast)).toBe(6);
  });
});

describe('what was booked', () => {
  const creek = { plot: 'creek' };
  const on = dayAfter(made, 'Asia/Shanghai');
  const told = (ts: number, booked: number | null) =>
    ({ ts, plots: { upper: { booked } } }) as unknown as Parameters<typeof saidFor>[3];
  const inAll = (picks: Pick[], forecast = told(made, null)) => bookedInAll(picks, ['upper', 'creek'], on, forecast, 'Asia/Shanghai');
  it('is added up over the plots, and says the worst', () => {
    expect(inAll([pick(on.day, 0, 3)])).toBeNull();
    expect(inAll([booking(4, { sent: true })])).toEqual({ pickers: 4, plots: 1, fate: 'sent' });
    expect(inAll([booking(4, { sent: true }), booking(0, creek)])).toEqual({ pickers: 4, plots: 2, fate: 'waits' });
    expect(inAll([booking(4), booking(3, { ...creek, error: 'no' })])).toEqual({ pickers: 4, plots: 1, fate: 'refused' });
    expect(bookedFor([booking(4)], 'upper', '2026-04-06')).toBeUndefined();
  });
  it('is what the gateway knows, also of another phone, but for what was said here since', () => {
    const said = (picks: Pick[], ts: number, booked: number | null) => saidFor(picks, 'upper', on, told(ts, booked), 'Asia/Shanghai');
    const sent = booking(4, { sent: true }), later = made + 1000;
    expect(said([], later, 6)).toEqual({ pickers: 6 });
    expect(said([], made - 24 * 3600e3, 6)).toBeNull(); // for yesterday's day after
    expect(said([booking(4)], later, 6)?.pickers).toBe(4);
    expect(said([sent], made, 6)?.pickers).toBe(4);
    expect(said([sent], later, 6)).toEqual({ pickers: 6 });
    expect(said([sent], later, 4)).toEqual({ pickers: 4, pick: sent });
    expect(said([sent], later, null)?.pickers).toBe(4); // an older gateway does not say
    expect(saidFor([sent], 'upper', on, null, 'Asia/Shanghai')?.pickers).toBe(4);
    expect(inAll([], told(later, 6))).toEqual({ pickers: 6, plots: 1, fate: 'sent' });
  });
  it('is no pick', () => {
    const day = '2026-04-06';
    expect(lastPicked([booking(4), pick('2026-04-03', 9, 5), pick('2026-04-03', 2.5, 1, creek)], day)).toEqual({ day: '2026-04-03', kg: 11.5, pickers: 6 });
    expect(lastPicked([booking(4)], day)).toBeNull();
    expect(lastPicked([pick('2026-04-03', 9, 5)], null)).toBeNull();
  });
});

describe('a number that looks like a slip', () => {
  const usual = [pick('2026-04-03', 12, 3), pick('2026-04-02', 13, 3), pick('2026-04-01', 11, 3)];
  it('is ten times the usual of its plot, a tenth of it, or more than hands can pick', () => {
    expect(doubt(usual, 'upper', 119, 5)).toBe(null);
    expect(doubt(usual, 'upper', 120, 5)).toBe('much');
    expect(doubt(usual, 'upper', 1.2, 3)).toBe('little');
    expect(doubt(usual, 'upper', 1.3, 3)).toBe(null);
    expect(doubt([], 'upper', 1250, 3)).toBe('much');
    expect(doubt([], 'upper', 1250, 0)).toBe('much'); // nobody said how many
    expect(doubt([], 'upper', 12.5, 0)).toBe(null);
    expect(doubt([], 'upper', 90, 3)).toBe(null);
    expect(doubt(usual, 'creek', 80, 3)).toBe(null);
  });
  it('is nothing at all, but not a number of which nobody said who picked it', () => {
    expect(doubt(usual, 'upper', 0, 0)).toBe('nothing');
    expect(doubt(usual, 'upper', 0, 3)).toBe('nothing');
    expect(doubt(usual, 'upper', 40, 0)).toBe(null);
  });
  it('is not judged by bookings nor by what was refused', () => {
    expect(doubt([booking(4), pick('2026-04-03', 500, 3, { error: 'doubtful', sent: false }), ...usual], 'upper', 119, 5)).toBe(null);
  });
});

it('goes to the gateway as sure when somebody said that it is right', () => {
  expect(message(pick('2026-04-04', 1250, 3, { sure: true }))).toMatchObject({ kg: 1250, sure: true });
});
