// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from 'preact/hooks';

/** The parts of the address behind "#/". */
export function useHash(): string[] {
  const read = () => location.hash.replace(/^#\/?/, '').split('/').map(safeDecode).filter((s) => s !== '');
  const [parts, setParts] = useState(read);
  useEffect(() => {
    const moved = () => setParts(read());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return parts;
}

function safeDecode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return '';
  }
}
