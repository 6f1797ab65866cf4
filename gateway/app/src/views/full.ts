// SPDX-License-Identifier: Apache-2.0
// A part of the page over all of the screen, on its side where the phone lets a page turn it; elsewhere
// (iPhones) whoever wants it so turns the phone.
import { useEffect, useState } from 'preact/hooks';

type Turning = ScreenOrientation & { lock?: (to: string) => Promise<void> };

async function enter(): Promise<void> {
  try {
    await document.documentElement.requestFullscreen();
    await (screen.orientation as Turning).lock?.('landscape');
  } catch {
    // The page's own room it is.
  }
}

/** `fitted`: after it has become another size. */
export function useFull(fitted: () => void): [boolean, (full: boolean) => void] {
  const [full, setFull] = useState(false);
  useEffect(() => {
    fitted();
    if (!full) return undefined;
    const key = (e: KeyboardEvent) => { if (e.key === 'Escape') setFull(false); };
    const changed = () => { if (!document.fullscreenElement) setFull(false); };
    addEventListener('keydown', key);
    document.addEventListener('fullscreenchange', changed);
    return () => {
      removeEventListener('keydown', key);
      document.removeEventListener('fullscreenchange', changed);
      if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
    };
  }, [full]);
  return [full, (next) => {
    setFull(next);
    if (next) void enter();
  }];
}
