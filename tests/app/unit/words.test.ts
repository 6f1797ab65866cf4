// SPDX-License-Identifier: Apache-2.0
// The Chinese words that growers know, where a word for word translation misled them.
import { describe, expect, it } from 'vitest';
import { zh } from '../../../gateway/app/src/i18n/zh';

describe('the words in Chinese', () => {
  it('calls the lowest level a hint, not a message', () => {
    expect(zh['level.info']).toBe('提示');
    expect(zh['frost.info']).toBe('霜冻提示');
  });
  it('says of a value that stands still what to do', () => {
    expect(zh['flag.stuck']).toBe('数值不变，请检查');
  });
  it('calls the box in the shed the main machine', () => {
    expect(zh['state.offline']).toBe('主机离线');
  });
  it('names plots, buds and the ready harvest as growers do', () => {
    expect(zh['tomorrow.details']).toBe('分地块');
    expect(zh['grow.share']).toBe('可采的芽');
    expect(zh['grow.ready']).toBe('现在能采');
    expect(zh['tomorrow.ready']).toMatch(/^现在能采 /);
  });
  it('asks to tick a box, not to open it', () => {
    expect(zh['login.keep.why']).toMatch(/^只在自己的手机上勾选。/);
  });
  it('keeps none of the words that misled', () => {
    const old = /网关|已达标的新梢|树上可采|各地块|霜冻消息|^不动$|手机上打开/;
    expect(Object.entries(zh).filter(([, text]) => old.test(text))).toEqual([]);
  });
});
