/* SPDX-License-Identifier: Apache-2.0 */
/* When cultivars open: thermal time on daily means above 10 °C (growth_daily_cd()) at which 5 % of
 * the shoots of one bud with one leaf are ready. Of Baiye 1 it was measured (67 °C d, ten years in
 * Liyang, Jiang et al. 2014). Of the others only their dates beside it are published (Suichang,
 * means of 2001-2014: Wuniuzao 24 Feb, Longjing 43 9 Mar, Anji Baicha = Baiye 1 11 Mar, Fuding 16
 * Mar, Jiukeng 27 Mar; Jiang Yanmin et al. 2015), turned into °C d by an assumed 2.5 a day before
 * and 4 a day after: a first guess, which the first season replaces. Pure. */
#ifndef BAIYE_FORECAST_CULTIVAR_H
#define BAIYE_FORECAST_CULTIVAR_H

/* °C d by the file's name of it, such as "baiye-1"; NaN: not known. */
double cultivar_gate_cd(const char *name);

#endif
