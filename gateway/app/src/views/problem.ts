// SPDX-License-Identifier: Apache-2.0
import { t } from '../i18n';
import { text } from '../model/payload';
import { RpcError } from '../mqtt/rpc';

/** A failed question in the reader's language; the gateway's own words for what only it knows. */
export function problem(e: unknown): string {
  if (!(e instanceof RpcError)) return t('err.offline');
  switch (e.code) {
    case 'timeout': return t('err.timeout');
    case 'offline': return t('err.offline');
    case 'forbidden': return t('err.forbidden');
    case 'nobody': return t('err.nobody');
    default: return t('err.other', [text(e.message, 160), text(e.hint, 160)].filter((s) => s).join(' · ') || e.code.slice(0, 40));
  }
}
