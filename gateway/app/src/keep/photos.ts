// SPDX-License-Identifier: Apache-2.0
// Photos of a plot, by date, on this phone only. They are made small before they are kept: a season
// of daily photos must fit.
import { randomId } from '../mqtt/session';
import { db, type Photo } from './db';

const SIDE_MAX = 1600;
const QUALITY = 0.82;

/** Through an element: it turns a picture as the camera says, which createImageBitmap learnt late. */
export function loadPicture(file: Blob): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    const url = URL.createObjectURL(file);
    const end = (settle: () => void) => () => {
      URL.revokeObjectURL(url);
      settle();
    };
    picture.onload = end(() => resolve(picture));
    picture.onerror = end(() => reject(new Error('no picture')));
    picture.src = url;
  });
}

/** What the camera gave, smaller, as JPEG; throws when it is no picture. */
async function shrink(file: Blob): Promise<Blob> {
  const picture = await loadPicture(file);
  const factor = Math.min(1, SIDE_MAX / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * factor));
  canvas.height = Math.max(1, Math.round(picture.height * factor));
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/jpeg', QUALITY);
  });
}

export class NotAPhoto extends Error {}

export async function keepPhoto(garden: string, plot: string, day: string, made: number, file: Blob): Promise<void> {
  let blob: Blob;
  try {
    blob = await shrink(file);
  } catch {
    throw new NotAPhoto();
  }
  await (await db()).put('photos', { id: randomId(), garden, plot, day, made, blob });
  // The browser may throw away what nobody asked it to keep.
  void navigator.storage?.persist?.().catch(() => false);
}

export async function photosOf(garden: string, plot: string): Promise<Photo[]> {
  const all = await (await db()).getAllFromIndex('photos', 'plot', [garden, plot]);
  return all.sort((a, b) => b.made - a.made);
}

export async function dropPhoto(id: string): Promise<void> {
  await (await db()).delete('photos', id);
}
