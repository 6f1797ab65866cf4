/* SPDX-License-Identifier: Apache-2.0 */
/* When the certificates end that the gateway shows: to phones, and to brokers that know it by one.
 * Blocks for one read of a small file. */
#ifndef BAIYE_HTTP_CERTIFICATE_H
#define BAIYE_HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

/* The certificates of a configuration: phones' first, then those of brokers that have one. */
struct certificate {
    const char *name; /* "app", or the broker's */
    const char *path;
    const struct broker_config *broker; /* NULL: the app's */
};

/* How many there are. */
size_t certificate_count(const struct config *config);
/* The one with that index, below the count. */
struct certificate certificate_at(const struct config *config, size_t index);
/* UTC milliseconds, of the first certificate in a PEM file. false: it can't be read. */
bool certificate_end(const char *path, int64_t *end_ms);

#endif
