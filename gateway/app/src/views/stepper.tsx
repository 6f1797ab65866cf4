// SPDX-License-Identifier: Apache-2.0
// A number for a thumb in a wet glove: one button down, one up, and it can be typed.
import '../style/stepper.css';
import { t } from '../i18n';

interface Props {
  name: string;
  label: string;
  number: number;
  step: number;
  max: number;
  set: (n: number) => void;
}

/** Without its label: the input is called `step-` and the name. */
export function Steps({ name, label, number, step, max, set }: Props) {
  const clamp = (x: number) => Math.min(max, Math.max(0, Math.round(x * 10) / 10));
  return (
    <>
      <button type="button" aria-label={t('pick.less', label)} onClick={() => set(clamp(number - step))}>−</button>
      <input id={`step-${name}`} name={name} type="number" inputMode="decimal" min="0" max={max} step="any"
        value={number} onInput={(e) => set(clamp(Number(e.currentTarget.value) || 0))}
        onFocus={(e) => e.currentTarget.select()} />
      <button type="button" aria-label={t('pick.more', label)} onClick={() => set(clamp(number + step))}>+</button>
    </>
  );
}

export function Stepper(props: Props) {
  return (
    <div class="stepper">
      <label for={`step-${props.name}`}>{props.label}</label>
      <div class="steps"><Steps {...props} /></div>
    </div>
  );
}
