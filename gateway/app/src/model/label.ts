// SPDX-License-Identifier: Apache-2.0
// A node's label: its serial number as people read it, and the code beside it. As gateway/common/serial.h has it.

/** Times x, in the field of 16 elements with x^4 = x + 1. */
const nextPower = (element: number): number => (element & 8 ? (element << 1) ^ 19 : element << 1);

function times(a: number, b: number): number {
  let product = 0;
  for (let [power, rest] = [a, b]; rest > 0; power = nextPower(power), rest >>= 1) if (rest & 1) product ^= power;
  return product;
}

/** "0000-03E8-5": eight digits and a check digit. */
export function serialText(serial: number): string {
  const digits = serial.toString(16).toUpperCase().padStart(8, '0');
  let [sum, power] = [0, 2];
  for (let i = 7; i >= 0; i -= 1, power = nextPower(power)) sum ^= times(parseInt(digits.charAt(i), 16), power);
  return `${digits.slice(0, 4)}-${digits.slice(4)}-${sum.toString(16).toUpperCase()}`;
}

/** Of the text in a label's code, "baiye:000003E8:BOARD:CHIP"; null: it is no such code. */
export function serialOfCode(code: string): number | null {
  const digits = /^baiye:([0-9A-F]{8})(:|$)/.exec(code)?.[1];
  return digits ? parseInt(digits, 16) || null : null;
}
