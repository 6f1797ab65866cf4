/* SPDX-License-Identifier: Apache-2.0 */
/* Written by tools/fit-forecast: see TREND.md. Weights in the order of trend_features(). */
#ifndef BAIYE_FORECAST_TREND_TABLE_H
#define BAIYE_FORECAST_TREND_TABLE_H

#define TREND_PAIRS      16
#define TREND_LOW        2.5789
#define TREND_HIGH       2.1673
#define TREND_START_LOW  2.3880
#define TREND_START_HIGH 2.3391

static const unsigned char trend_pairs[TREND_PAIRS][2] = {
    {14, 21}, {15, 21}, {17, 18}, {9, 16},  {3, 19}, {2, 20}, {9, 12},  {23, 23},
    {9, 21},  {2, 19},  {2, 18},  {13, 21}, {3, 21}, {8, 8},  {14, 20}, {18, 18}};
static const double trend_middle[40] = {
    0.1268,  -0.0290, 0.8267,  0.0863, 0.0809,  -0.0597, -0.0622, -0.0535, 0.0610,  0.1587,
    0.0237,  -0.0720, -0.1758, 0.0267, 0.1109,  -0.0571, -0.1670, 0.1394,  -0.6440, -0.0039,
    0.1279,  0.1955,  -0.0339, 0.5276, 0.3099,  -0.0058, 0.6403,  -0.0766, -0.0880, -0.6248,
    -0.0679, -0.4450, 0.1821,  0.2375, -1.5814, -0.0859, -0.3437, -0.0895, 0.2035,  0.2892};
static const double trend_spread[24] = {-1.7047, -0.0550, 0.0197,  -0.0324, -0.0167, -0.0082,
                                        -0.0087, -0.0022, -0.0391, 0.0078,  -0.2075, 0.1193,
                                        -0.0875, 0.0342,  0.0257,  -0.0279, -0.0817, 0.0033,
                                        0.1333,  -0.0523, 0.4302,  0.4455,  -0.0027, 0.1289};
static const double trend_start_middle[8] = {-0.2572, 0.1436, 0.5816, -0.0688,
                                             -0.0648, 0.0000, 0.0489, 0.1378};
static const double trend_start_spread[8] = {-1.4284, -0.1439, -0.1381, -0.0541,
                                             0.0045,  -0.0000, 0.1560,  0.0092};

#endif
