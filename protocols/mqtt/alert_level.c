/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/mqtt/alert_level.h"

#include <stddef.h>
#include <string.h>

const char *const alert_level_names[] = {
    [ALERT_INFO] = "info", [ALERT_WATCH] = "watch", [ALERT_ALARM] = "alarm", NULL};

const char *alert_level_name(unsigned level)
{
    return alert_level_names[level <= ALERT_ALARM ? level : ALERT_ALARM];
}

bool alert_level_find(const char *name, enum alert_level *level)
{
    for (unsigned i = 0; i <= ALERT_ALARM; i++) {
        if (strcmp(name, alert_level_names[i]) == 0) {
            *level = (enum alert_level)i;
            return true;
        }
    }
    return false;
}
