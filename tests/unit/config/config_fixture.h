/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration from a text, in a folder of its own; and pieces that most texts are made of. */
#ifndef BAIYE_TESTS_CONFIG_FIXTURE_H
#define BAIYE_TESTS_CONFIG_FIXTURE_H

#include "gateway/daemon/config/config.h"

extern char config_folder[64];
int config_make_folder(void **state);
int config_remove_folder(void **state);
/* NULL: refused, see `error`. */
struct config *config_text(const char *text, struct config_error *error);
/* The test fails with the reason when it is refused. */
struct config *config_good(const char *text);

#define HEAD "site: s\nbuses:\n  - name: east\n    port: /dev/x\n    devices:\n"
#define DEV  "      - { name: a, profile: xy-md02, address: 1 }\n"

#define RELAY HEAD DEV "      - { name: r, profile: waveshare-relay-8, address: 2 }\n"
#define DRY   "alerts:\n  - { name: dry, metric: air_temperature, above: 3, devices: [a] }\n"

#define TWO                                                                                        \
    DEV "      - { name: b, profile: xy-md02, address: 2 }\n"                                      \
        "plots:\n  - { name: upper, devices: [b] }\n"

#endif
