/* SPDX-License-Identifier: Apache-2.0 */
/* Written by tools/fit-forecast: see TREND.md. Weights in the order of ready_features(). */
#ifndef BAIYE_FORECAST_READY_TABLE_H
#define BAIYE_FORECAST_READY_TABLE_H

#define READY_LOW  2.8098
#define READY_HIGH 2.0603

static const double ready_middle[18] = {-0.2420, 0.5566,  -0.1898, -0.0375, 0.2087,  -0.2678,
                                        -1.6743, 0.0441,  -0.3819, 0.0986,  -0.3124, -0.2306,
                                        0.2702,  -0.0456, 0.0727,  -0.1821, 0.3772,  0.2680};
static const double ready_spread[18] = {-1.8999, -0.1189, -0.0196, 0.3052,  -0.0050, -0.0233,
                                        -0.0587, 0.1227,  0.4340,  -0.1177, 0.2388,  -0.1044,
                                        0.1650,  0.0163,  -0.0162, -0.0447, 0.0124,  -0.0613};

#endif
