/* SPDX-License-Identifier: Apache-2.0 */
/* Six devices of four values: two in plot "upper", two in "lower", two in none; one line. */
#ifndef BAIYE_TEST_ALERTS_GARDEN_H
#define BAIYE_TEST_ALERTS_GARDEN_H

#include "gateway/daemon/config/config.h"

#define DEVICES  6
#define EVERY_MS 60000

enum { AIR, RAIN, SOIL, INPUT, FIELDS }; /* in this order */

/* With `count` rules, at all devices that measure their metric. The one garden, made anew. */
const struct config *garden_with(const struct alert_rule *rules, unsigned count);

#endif
