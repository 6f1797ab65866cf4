// SPDX-License-Identifier: Apache-2.0
// The phone's own data base: picks, bookings and counts of shoots that wait for the network, and photos. Nothing else
// lives there.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';

export interface Pick {
  id: string; // random, the gateway takes each once; of a booking its own, see bookingOf()
  user: string;
  url: string; // an entry belongs to the garden it was made for
  plot: string;
  day: string; // YYYY-MM-DD in the site's zone
  kg: number;
  pickers: number;
  sure?: boolean; // it was asked about, and is no slip
  counted?: { shoots: number; frames: number }; // ready shoots a frame; nothing was picked
  booking?: number; // a booking of pickers for a day to come, which begins then: ms
  made: number; // the site's time in ms
  sent: boolean;
  sentAt?: number; // the site's time in ms
  error: string;
  by?: string; // who noted it, as the gateway says; none: this phone's user
  changedBy?: string;
  gone?: boolean; // it is to be deleted at the gateway
}

export interface Photo {
  id: string;
  garden: string;
  plot: string;
  day: string;
  made: number;
  blob: Blob;
}

interface Schema extends DBSchema {
  picks: { key: string; value: Pick };
  photos: { key: string; value: Photo; indexes: { plot: [string, string] } };
}

let opened: Promise<IDBPDatabase<Schema>> | null = null;

export function db(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('baiye', 1, {
    upgrade(base) {
      base.createObjectStore('picks', { keyPath: 'id' });
      base.createObjectStore('photos', { keyPath: 'id' }).createIndex('plot', ['garden', 'plot']);
    },
  });
  opened.catch(() => {
    opened = null;
  });
  return opened;
}
