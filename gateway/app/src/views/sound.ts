// SPDX-License-Identifier: Apache-2.0
// Three short tones. Browsers allow sound only after a touch, so the first touch anywhere wakes it.
let context: AudioContext | null = null;

export function wake(): void {
  context ??= new AudioContext();
  void context.resume();
}

export function beep(): void {
  wake();
  if (!context) return;
  const start = context.currentTime + 0.05;
  [880, 660, 880].forEach((frequency, i) => {
    if (!context) return;
    const tone = context.createOscillator();
    const volume = context.createGain();
    const at = start + i * 0.28;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.5, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, at + 0.24);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  });
}
