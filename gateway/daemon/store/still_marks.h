/* SPDX-License-Identifier: Apache-2.0 */
/* Since when a metric of a bought device shows one value, so that a probe that is frozen is found
 * although the gateway is switched off each night. One document a metric that has stood still for a
 * while, `still:DEVICE:METRIC`: "1 VALUE SINCE_MS"; it is removed when the metric moves. */
#ifndef BAIYE_STORE_STILL_MARKS_H
#define BAIYE_STORE_STILL_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/db.h"

#define STILL_MARKS_KEY_SIZE  (2u * CONFIG_NAME_SIZE + 16u)
#define STILL_MARKS_TEXT_SIZE 64u /* a version, a double of 17 digits, a time */

struct still_marks;

/* NULL: no memory. */
struct still_marks *still_marks_create(void);
void still_marks_destroy(struct still_marks *marks);

/* What the file has; before any thread is started. */
void still_marks_load(struct still_marks *marks, const struct config *config, struct db *db);
/* What was loaded; false: nothing. Any thread: it does not change. */
bool still_marks_get(const struct still_marks *marks, uint16_t device, uint8_t metric,
                     struct reading_still *still);

/* The document to be kept by store_put(); NULL: an empty one, it moves again. */
void still_marks_document(const struct device_config *device, unsigned metric,
                          const struct reading_still *still, char key[STILL_MARKS_KEY_SIZE],
                          char text[STILL_MARKS_TEXT_SIZE]);

#endif
