// SPDX-License-Identifier: Apache-2.0
// Line drawings of our own, one path each, in the colour of the text beside them.
const paths = {
  leaf: 'M4 20C4 9 11 4 20 4c0 9-5 16-14 15M4 20c3-6 6-8 10-10',
  basket: 'M3 10h18l-2 10H5L3 10Zm5 0 3-6m5 6-3-6M9 14v3m3-3v3m3-3v3',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4l2-2Zm4 4a2 2 0 0 0 4 0M12 3v2',
  more: 'M4 7h16M4 12h16M4 17h16',
  back: 'M15 5l-7 7 7 7',
  frost: 'M12 3v18M4.2 7.5l15.6 9M19.8 7.5l-15.6 9M12 7l-2-2m2 2 2-2m-2 12-2 2m2-2 2 2',
  camera: 'M4 8h4l2-3h4l2 3h4v11H4V8Zm8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z',
  share: 'M12 15V4m0 0L8 8m4-4 4 4M5 12v8h14v-8',
  table: 'M4 5h16v14H4V5Zm0 5h16M4 14.5h16M10 5v14',
  chip: 'M7 7h10v10H7V7Zm3-4v4m4-4v4m-4 10v4m4-4v4M3 10h4m-4 4h4m10-4h4m-4 4h4',
  screen: 'M3 5h18v11H3V5Zm6 15h6m-3-4v4M7 9h2m2 0h2m2 0h2M7 12h2m2 0h2m2 0h2',
  people: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-6 8c0-4 3-6 6-6s6 2 6 6m1-8a2.5 2.5 0 0 0 0-5m5 12c0-3-1.500-5-4-5.500',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
