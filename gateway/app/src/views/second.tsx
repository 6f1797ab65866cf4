// SPDX-License-Identifier: Apache-2.0
// A picture for another phone of the same person: scanned, it is logged in.
import qrcode from 'qrcode-generator';
import { currentLogin } from '../garden';
import { inviteOf } from '../keep/invite';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { Icon } from './icon';

const EDGE = 4; // modules of white that a scanner wants around

export function Second() {
  const login = currentLogin();
  const text = login && inviteOf(location.href, login.user, login.password);
  let path = '';
  let size = 0;
  if (text) {
    const code = qrcode(0, 'M');
    code.addData(text);
    code.make();
    size = code.getModuleCount();
    for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) if (code.isDark(y, x)) path += `M${x + EDGE} ${y + EDGE}h1v1h-1z`;
  }
  return (
    <div class="second">
      <div class="pagehead">
        <a href="#/more" aria-label={t('nav.back')}><Icon name="back" /></a>
        <h1>{tl('second.title')}</h1>
      </div>
      <section class="card">
        {text ? (
          <>
            <p>{tl('second.how')}</p>
            <svg class="qr" viewBox={`0 0 ${size + 2 * EDGE} ${size + 2 * EDGE}`} role="img" aria-label={tl('second.picture')}>
              <rect width="100%" height="100%" fill="#fff" /><path d={path} fill="#000" />
            </svg>
            <p class="strong">{tl('second.secret')}</p>
          </>
        ) : <p>{tl('second.unfit')}</p>}
      </section>
    </div>
  );
}
