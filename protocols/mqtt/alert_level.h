/* SPDX-License-Identifier: Apache-2.0 */
/* How bad an alert is, as its payload says (alert.schema.json). Pure. */
#ifndef BAIYE_MQTT_ALERT_LEVEL_H
#define BAIYE_MQTT_ALERT_LEVEL_H

#include <stdbool.h>

enum alert_level { ALERT_INFO, ALERT_WATCH, ALERT_ALARM };

/* "info", "watch", "alarm", NULL. */
extern const char *const alert_level_names[];

/* A level above is an alarm. */
const char *alert_level_name(unsigned level);
/* False: it is no level's name. */
bool alert_level_find(const char *name, enum alert_level *level);

#endif
