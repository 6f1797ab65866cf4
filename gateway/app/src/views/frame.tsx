// SPDX-License-Identifier: Apache-2.0
// The frame of a small chart. Its numbers and dates are texts of the page and not of the drawing, so that
// they are as large as the others on a narrow phone and on a wide screen, and grow with larger type.
import type { ComponentChildren } from 'preact';

interface FrameProps {
  label: string;
  /** What the upper edge stands for; the lower one is 0. */
  top: number;
  text: (v: number) => string;
  dates: string[];
  /** Drawn in a square of 100, stretched to what there is. */
  children: ComponentChildren;
}

export function Frame({ label, top, text, dates, children }: FrameProps) {
  return (
    <div class="frame">
      <div class="scale" aria-hidden="true">{[1, 0.5, 0].map((f) => <span key={f}>{text(f * top)}</span>)}</div>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={label}>
        {[0, 50, 100].map((y) => <line key={y} x1="0" x2="100" y1={y} y2={y} />)}
        {children}
      </svg>
      <div class="dates" aria-hidden="true">{dates.map((date) => <span key={date}>{date}</span>)}</div>
    </div>
  );
}
