// SPDX-License-Identifier: Apache-2.0
// Files for others: a chart as a picture with its title, a table as CSV.

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[\\/:*?"<>|\s]+/g, '_').slice(0, 120);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export interface Words {
  title: string;
  sub: string;
  labels: string[];
  foot: string;
}

const LINES = ['━', '┅', '┈']; // as the chart draws its first line and those it is compared with

export function pictureOf(chart: HTMLCanvasElement, root: HTMLElement, words: Words): Promise<Blob | null> {
  const scale = Math.max(1, devicePixelRatio);
  const [top, bottom, side] = [78 * scale, 34 * scale, 14 * scale];
  const canvas = document.createElement('canvas');
  canvas.width = chart.width + 2 * side;
  canvas.height = chart.height + top + bottom;
  const ctx = canvas.getContext('2d');
  if (!ctx) return Promise.resolve(null);
  const style = getComputedStyle(root);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const face = style.fontFamily;
  ctx.fillStyle = colour('--paper');
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = colour('--ink');
  ctx.font = `700 ${20 * scale}px ${face}`;
  ctx.fillText(words.title, side, 32 * scale, canvas.width - 2 * side);
  ctx.font = `400 ${15 * scale}px ${face}`;
  ctx.fillStyle = colour('--soft');
  ctx.fillText(words.sub, side, 58 * scale, canvas.width - 2 * side);
  ctx.drawImage(chart, side, top);
  const legend = words.labels.length > 1 ? `${words.labels.map((label, k) => `${LINES[k] ?? ''} ${label}`).join('   ')}   ·   ` : '';
  ctx.fillText(legend + words.foot, side, canvas.height - 12 * scale, canvas.width - 2 * side);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}
