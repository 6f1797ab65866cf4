// SPDX-License-Identifier: Apache-2.0
// A picture for another phone of the same person: scanned, it is logged in.
import { currentLogin } from '../garden';
import { inviteOf } from '../keep/invite';
import { t } from '../i18n';
import { tl } from '../i18n/later';
import { Icon } from './icon';
import { Qr } from './qr';

export function Second() {
  const login = currentLogin();
  const text = login && inviteOf(location.href, login.user, login.password);
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
            <Qr text={text} label={tl('second.picture')} />
            <p class="strong">{tl('second.secret')}</p>
          </>
        ) : <p>{tl('second.unfit')}</p>}
      </section>
    </div>
  );
}
