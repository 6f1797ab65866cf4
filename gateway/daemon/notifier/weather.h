/* SPDX-License-Identifier: Apache-2.0 */
/* The weather forecast from a service: its request and answer. The notifier process's thread. */
#ifndef BAIYE_NOTIFIER_WEATHER_H
#define BAIYE_NOTIFIER_WEATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/notifier/libcurl.h"
#include "gateway/daemon/notifier/ways.h"
#include "gateway/forecast/ahead.h"

#define WEATHER_TEXT_MOST 262144u /* bytes, unpacked: ten days are some ten thousand */
#define WEATHER_MOST_S    30L

struct weather {
    CURL *easy; /* NULL: none is under way */
    char *text;
    size_t size;
    bool too_large;
};

/* Makes the transfer, to be added to a multi handle. false: it can't be made. */
bool weather_begin(struct weather *weather, const struct libcurl *libcurl, const char *url,
                   const char *ca_file);
/* Of an answer that has come whole, or was too large. false: `ahead` has nothing; `why` is for
 * people. */
bool weather_take(struct weather *weather, long status, struct ahead *ahead,
                  char why[WAY_WHY_SIZE]);
/* After it was taken off the multi handle. */
void weather_end(struct weather *weather, const struct libcurl *libcurl);

#endif
