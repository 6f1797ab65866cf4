// SPDX-License-Identifier: Apache-2.0
// How much larger than written text is: phones enlarge it by a setting of their own, of which a canvas
// and a map that has to find room for words know nothing.
const PROBE_PX = 15; // style/base.css
const MOST = 2; // beyond it a small phone has room for nothing else

/** Tells when the size may be another; the release comes back. iOS 13.0 to 13.3 know only the window's. */
export function watchSize(root: HTMLElement, changed: () => void): () => void {
  if (typeof ResizeObserver !== 'function') {
    addEventListener('resize', changed);
    return () => removeEventListener('resize', changed);
  }
  const watch = new ResizeObserver(changed);
  watch.observe(root);
  return () => watch.disconnect();
}

/** One hanzi, which is as wide as its type is high: `<span class="probe">` with it is what to measure. */
export const PROBE = '国';

/** 1: as written. */
export const typeScale = (probe: HTMLElement | null): number =>
  Math.min(MOST, Math.max(1, Math.round(((probe?.offsetWidth ?? 0) / PROBE_PX) * 20) / 20));
