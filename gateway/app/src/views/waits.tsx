// SPDX-License-Identifier: Apache-2.0
// Why a plot is not watered though it is due: rain is forecast.
import { useEffect, useState } from 'preact/hooks';
import { current } from '../garden';
import { tl } from '../i18n/later';
import { value } from '../model/format';
import { state } from '../model/state';
import { parseWaits, type Wait } from '../model/waits';

export function Waits({ devices }: { devices: string[] }) {
  const [waits, setWaits] = useState<Wait[]>([]);
  const up = state.link === 'up' && state.site !== null;
  useEffect(() => {
    let gone = false;
    if (up) current()?.call('actions', {}).then((answer) => !gone && setWaits(parseWaits(answer, devices)), () => undefined);
    return () => {
      gone = true;
    };
  }, [devices.join(), up]);
  if (!up) return null; // what was heard before may not be so any more
  return <>{waits.map((w, i) => <p class="note" key={i}>{tl('rain.waits', w.label, value(w.rainMm, 1))}</p>)}</>;
}
