// SPDX-License-Identifier: Apache-2.0
// A picture that a phone scans.
import encode from 'qr';

const EDGE = 4; // modules of white that a scanner wants around

export function Qr({ text, label }: { text: string; label: string }) {
  let path = '';
  const modules = encode(text, 'raw', { ecc: 'medium', border: EDGE });
  modules.forEach((row, y) => row.forEach((dark, x) => { if (dark) path += `M${x} ${y}h1v1h-1z`; }));
  return (
    <svg class="qr" viewBox={`0 0 ${modules.length} ${modules.length}`} role="img" aria-label={label}>
      <rect width="100%" height="100%" fill="#fff" /><path d={path} fill="#000" />
    </svg>
  );
}
