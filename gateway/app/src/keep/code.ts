// SPDX-License-Identifier: Apache-2.0
// What the code in a photo says. Loaded when somebody takes one: reading codes is a third of the app.
import decode from 'qr/decode.js';
import { loadPicture } from './photos';

// Longer sides, in pixels: a code that fills the photo is found best when that is small.
const SIDES = [1000, 1600, 500];

/** null: none that can be read. Throws when the file is no picture. */
export async function codeIn(file: Blob): Promise<string | null> {
  const picture = await loadPicture(file);
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  for (const side of SIDES) {
    const factor = side / Math.max(picture.width, picture.height);
    canvas.width = Math.max(1, Math.round(picture.width * factor));
    canvas.height = Math.max(1, Math.round(picture.height * factor));
    context?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    try {
      const image = context?.getImageData(0, 0, canvas.width, canvas.height);
      if (image) return decode(image);
    } catch { /* not at this size */ }
  }
  return null;
}
