// SPDX-License-Identifier: Apache-2.0
// The look: chosen, or the phone's. The style sheet knows only data-theme, so that each palette
// stands there once.
import { get, set } from '../keep/setting';

export type Theme = 'auto' | 'light' | 'dark';

// Safari 13 has only the older names, and uPlot asks for the newer ones, too.
const queries = MediaQueryList.prototype;
if (typeof queries.addEventListener !== 'function') {
  queries.addEventListener = function (this: MediaQueryList, _: string, changed: unknown) { this.addListener(changed as () => void); };
  queries.removeEventListener = function (this: MediaQueryList, _: string, changed: unknown) { this.removeListener(changed as () => void); };
}

const PAPER = ['beforeprint', 'afterprint'] as const;
const phoneIsDark = matchMedia('(prefers-color-scheme: dark)');

export function theme(): Theme {
  const saved = get('baiye.theme');
  return saved === 'light' || saved === 'dark' ? saved : 'auto';
}

let onPaper = false; // which is white whatever the look

export function applyTheme(next?: Theme): void {
  if (next) set('baiye.theme', next === 'auto' ? null : next);
  const chosen = theme();
  document.documentElement.dataset.theme = onPaper ? 'light' : chosen === 'auto' ? (phoneIsDark.matches ? 'dark' : 'light') : chosen;
}

/** What is drawn with the palette's colours listens for the change; returns the release. */
export function onTheme(changed: () => void): () => void {
  phoneIsDark.addEventListener('change', changed);
  for (const when of PAPER) addEventListener(when, changed);
  return () => {
    phoneIsDark.removeEventListener('change', changed);
    for (const when of PAPER) removeEventListener(when, changed);
  };
}

// Heard before what is drawn with the palette, which is made later.
for (const when of PAPER) addEventListener(when, () => { onPaper = when === 'beforeprint'; });
onTheme(() => applyTheme());
