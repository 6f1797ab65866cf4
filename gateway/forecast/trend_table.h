/* SPDX-License-Identifier: Apache-2.0 */
/* Written by tools/fit-forecast: see TREND.md. Weights in the order of trend_features(). */
#ifndef BAIYE_FORECAST_TREND_TABLE_H
#define BAIYE_FORECAST_TREND_TABLE_H

#define TREND_PAIRS      16
#define TREND_START_LOW  2.3592
#define TREND_START_HIGH 2.3418

static const unsigned char trend_pairs[TREND_PAIRS][2] = {
    {14, 21}, {15, 21}, {9, 16}, {17, 18}, {3, 19},  {2, 18},  {9, 9},  {14, 14},
    {2, 19},  {16, 19}, {2, 20}, {12, 23}, {10, 21}, {13, 21}, {9, 21}, {8, 21}};
static const double trend_middle[40] = {
    0.0330,  -0.0644, 0.8220,  0.0390,  0.0786,  0.0032,  -0.0702, -0.0198, 0.0023,  0.1204,
    0.0428,  -0.0628, 0.0258,  0.0321,  0.2123,  0.1374,  -0.1453, 0.1340,  -0.1963, -0.0136,
    0.0366,  0.1789,  -0.0371, 0.2323,  0.1684,  0.0604,  -0.0598, 0.6055,  -0.0845, -1.6310,
    -0.0295, 0.1864,  0.1613,  -0.0656, -0.7560, -0.2862, -0.1510, -0.0657, 0.1233,  0.0095};
static const double trend_start_middle[8] = {-0.2215, 0.1238,  0.5905, -0.0653,
                                             -0.0294, -0.0000, 0.1099, 0.0996};
static const double trend_start_spread[8] = {-1.3991, -0.1704, -0.1169, -0.0557,
                                             0.0245,  -0.0000, 0.1444,  0.0076};

#endif
