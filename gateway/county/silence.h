/* SPDX-License-Identifier: Apache-2.0 */
/* Gardens that have not been heard for too long, as alerts: one each; but where most are silent at
 * once it is the county that hears nothing, and that is one alert, not thousands. Pure. */
#ifndef BAIYE_COUNTY_SILENCE_H
#define BAIYE_COUNTY_SILENCE_H

#include <stdint.h>

#include "gateway/county/login.h"
#include "gateway/county/message.h"
#include "gateway/daemon/alerts/active.h"

#define SILENCE_MOST 50u /* told one by one; of the others a person sees on the page */

struct silence {
    char site[MESSAGE_NAME_SIZE];
    char label[100], region[100];  /* "": none */
    int64_t since_ms;              /* wall time when it was last heard */
    char seen_by[LOGIN_NAME_SIZE]; /* "": nobody has seen it */
    int64_t seen_ms;
};

/* `silences`: all `count` that are silent of `gardens`, the longest first. What stands in `active`
 * of silence is then these. */
void silence_look(struct active *active, const struct silence *silences, uint32_t count,
                  uint32_t gardens, const struct active_now *now);

#endif
