// SPDX-License-Identifier: Apache-2.0
import { get, set } from '../keep/local';

export type Theme = 'auto' | 'light' | 'dark';

export function theme(): Theme {
  const saved = get('baiye.theme');
  return saved === 'light' || saved === 'dark' ? saved : 'auto';
}

export function applyTheme(next?: Theme): void {
  if (next) set('baiye.theme', next === 'auto' ? null : next);
  const chosen = theme();
  if (chosen === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
