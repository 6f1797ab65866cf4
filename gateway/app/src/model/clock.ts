// SPDX-License-Identifier: Apache-2.0
// The site's time. The phone's clock may be years off, so it is never asked what time it is; it only
// measures how much time went by since the gateway said (rpc `time`), and even that with care:
// performance.now() stands still while some phones sleep, Date.now() jumps when somebody sets it.
// Of the two the larger step is believed, because taking a value for older than it is does no harm.

export interface Ticks {
  steady(): number; // ms, rising
  wall(): number; // ms, the phone's clock
}

const device: Ticks = { steady: () => performance.now(), wall: () => Date.now() };

export class Clock {
  /** unknown: nothing heard yet. heard: at least as late as a value that arrived live. told: rpc. */
  trust: 'unknown' | 'remembered' | 'heard' | 'told' = 'unknown';
  private base = 0;
  private steady0 = 0;
  private wall0 = 0;

  constructor(private readonly ticks: Ticks = device) {}

  /** The site's time in ms, or null while nobody has told it. */
  now(): number | null {
    if (this.trust === 'unknown') return null;
    return this.base + this.passed();
  }

  /** `asked` and `answered`: steady() around the request, `at`: what the gateway said. */
  told(at: number, asked: number, answered: number): void {
    this.set(at + (answered - asked) / 2, answered);
    this.trust = 'told';
  }

  /** A value arrived that was not stored by the broker: it is not earlier than the value's time. */
  heard(ts: number): void {
    if (this.trust === 'told') return;
    const now = this.now();
    if (now === null || ts > now || this.trust === 'remembered') {
      this.set(ts, this.ticks.steady());
      this.trust = 'heard';
    }
  }

  /** From an earlier visit: the site's time minus the phone's. The phone may lie; nothing is live on it. */
  remember(offset: number): void {
    if (this.trust !== 'unknown') return;
    this.set(this.ticks.wall() + offset, this.ticks.steady());
    this.trust = 'remembered';
  }

  offset(): number | null {
    const now = this.now();
    return now === null ? null : Math.round(now - this.ticks.wall());
  }

  /** The two clocks of the phone disagree: it slept, or its clock was set. Ask again. */
  slipped(): boolean {
    return Math.abs(this.wallStep() - this.steadyStep()) > 2000;
  }

  steady(): number {
    return this.ticks.steady();
  }

  private set(at: number, steady: number): void {
    this.base = at;
    this.steady0 = steady;
    this.wall0 = this.ticks.wall() - (this.ticks.steady() - steady);
  }

  private steadyStep = (): number => this.ticks.steady() - this.steady0;
  private wallStep = (): number => this.ticks.wall() - this.wall0;

  private passed(): number {
    const steady = this.steadyStep();
    const wall = this.wallStep();
    // A phone sleeps for hours, not for years: a larger step is somebody setting the clock.
    return wall > steady + 2000 && wall < steady + 2 * 86400e3 ? wall : steady;
  }
}
