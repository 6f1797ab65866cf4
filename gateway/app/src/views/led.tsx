// SPDX-License-Identifier: Apache-2.0
// The outdoor screen's picture, pixel for pixel. It is shown only when it really is a PNG of a
// size that a screen can have: the browser's decoder gets nothing else.
import { useEffect, useState } from 'preact/hooks';
import { current } from '../garden';
import { t } from '../i18n';
import { clockTime } from '../model/format';
import { clock, state } from '../model/state';
import { useGarden } from './hooks';
import { Icon } from './icon';

const BYTES_MAX = 256 * 1024;
const SIDE_MAX = 1024;
const MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isScreenPng(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 45 || bytes.byteLength > BYTES_MAX) return false;
  if (MAGIC.some((b, i) => bytes[i] !== b)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12) !== 0x49484452) return false; // IHDR
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return width > 0 && height > 0 && width <= SIDE_MAX && height <= SIDE_MAX;
}

export function Led() {
  useGarden();
  const session = current();
  const [shown, setShown] = useState<{ url: string; at: number | null } | null>(null);
  const png = state.ledPng;
  const good = png !== null && isScreenPng(png);
  useEffect(() => session?.follow('led/preview', 0), [session]);
  useEffect(() => {
    if (!png || !good) return undefined;
    const url = URL.createObjectURL(new Blob([png.slice()], { type: 'image/png' }));
    setShown({ url, at: clock.now() });
    return () => URL.revokeObjectURL(url);
  }, [png, good]);
  return (
    <div class="led">
      <div class="pagehead">
        <a href="#/more" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{t('led.title')}</h1>
      </div>
      {png && !good && <p class="wrong">✗ {t('led.bad')}</p>}
      {shown && good ? (
        <figure class="screen">
          <img src={shown.url} alt={t('led.alt')} />
          {shown.at !== null && (
            <figcaption class="quiet">
              {t('led.since', clockTime(shown.at, state.site?.timezone ?? 'Asia/Shanghai'))}
            </figcaption>
          )}
        </figure>
      ) : (
        !png && <p class="empty"><Icon name="screen" /> {t('led.none')}</p>
      )}
    </div>
  );
}
