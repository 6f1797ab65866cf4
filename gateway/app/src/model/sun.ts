// SPDX-License-Identifier: Apache-2.0
// When it is night at the garden: from the sun's declination and the equation of time, to within some
// minutes, which is narrower than a line of a chart.
const DAY_MS = 86400e3;
const RAD = Math.PI / 180;

/** Half of the daylight in ms, and when it is noon there, of the day whose noon in UTC is `noon`. */
function daylight(noon: number, lat: number, lon: number): { half: number; noon: number } {
  const year = (2 * Math.PI * ((noon / DAY_MS - 0.5) % 365.2422)) / 365.2422; // 0 on the 1st of January 1970
  const declination = 0.006918 - 0.399912 * Math.cos(year) + 0.070257 * Math.sin(year) - 0.006758 * Math.cos(2 * year) + 0.000907 * Math.sin(2 * year);
  const equation = 229.18 * (0.000075 + 0.001868 * Math.cos(year) - 0.032077 * Math.sin(year) - 0.014615 * Math.cos(2 * year) - 0.040849 * Math.sin(2 * year));
  const cosine = (Math.cos(90.833 * RAD) - Math.sin(lat * RAD) * Math.sin(declination)) / (Math.cos(lat * RAD) * Math.cos(declination));
  const half = (Math.acos(Math.max(-1, Math.min(1, cosine))) / (2 * Math.PI)) * DAY_MS;
  return { half, noon: noon - (lon * 4 + equation) * 60e3 };
}

/** The nights of a range, from sunset to sunrise. */
export function nights(from: number, to: number, lat: number, lon: number): [number, number][] {
  const out: [number, number][] = [];
  for (let day = Math.floor(from / DAY_MS) - 2; day <= Math.ceil(to / DAY_MS) + 1; day += 1) {
    const [today, next] = [daylight((day + 0.5) * DAY_MS, lat, lon), daylight((day + 1.5) * DAY_MS, lat, lon)];
    const [set, rise] = [today.noon + today.half, next.noon - next.half];
    if (rise > from && set < to && rise > set) out.push([Math.max(from, set), Math.min(to, rise)]);
  }
  return out;
}
