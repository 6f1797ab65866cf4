/* SPDX-License-Identifier: Apache-2.0 */
/* What an alert of a rule says, in Chinese and English: label, quantity and unit in people's words,
 * the value with the metric's decimals, the limit, the places. Composed once, here. Pure. */
#ifndef BAIYE_ALERTS_TEXT_H
#define BAIYE_ALERTS_TEXT_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/alerts/rules.h"

/* Everything but the id. `devices`: names of those that hold it, separated by spaces; `holding`:
 * how many there are. */
void text_of_cause(const struct config *config, const struct rules_cause *cause,
                   const char *devices, uint32_t holding, struct alert_text *text);
/* A device's field of that metric; NULL: it has none. */
const struct field_config *text_field(const struct device_config *device, const char *metric);
/* The label of a device, with that of its plot. */
void text_device_place(const struct config *config, const struct device_config *device, char *out,
                       size_t size);

#endif
