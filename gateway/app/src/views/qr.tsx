// SPDX-License-Identifier: Apache-2.0
// A picture that a phone scans.
import qrcode from 'qrcode-generator';

const EDGE = 4; // modules of white that a scanner wants around

export function Qr({ text, label }: { text: string; label: string }) {
  let path = '';
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) if (code.isDark(y, x)) path += `M${x + EDGE} ${y + EDGE}h1v1h-1z`;
  return (
    <svg class="qr" viewBox={`0 0 ${size + 2 * EDGE} ${size + 2 * EDGE}`} role="img" aria-label={label}>
      <rect width="100%" height="100%" fill="#fff" /><path d={path} fill="#000" />
    </svg>
  );
}
