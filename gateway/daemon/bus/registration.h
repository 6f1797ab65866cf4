/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that a converter sends by itself: who it is, once after it has connected, and
 * heartbeats between everything else. Pure functions of bytes. */
#ifndef BAIYE_BUS_REGISTRATION_H
#define BAIYE_BUS_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

#define REGISTRATION_QUIET_MS 300 /* nothing more has come for so long: that was all of it */

enum registration_verdict {
    REGISTRATION_WAITS = 0, /* more may come that decides */
    REGISTRATION_KNOWN,
    REGISTRATION_UNKNOWN
};

/* Whose are the first bytes of a connection? Of `count` that may be meant; NULL ones are not. A
 * registration counts when it is whole: after it comes nothing (`quiet`), the end of a line,
 * something that is no text after text, a heartbeat, or itself once more; of an open one only the
 * begin must agree. Of several that fit the longest is meant, and heartbeats before it are stepped
 * over. `quiet`: no byte has come for REGISTRATION_QUIET_MS, or no more is taken. */
enum registration_verdict registration_judge(const struct dial_in_config *const *known,
                                             size_t count, const uint8_t *bytes, size_t size,
                                             bool quiet, size_t *whose);

/* Bytes at the begin that are a heartbeat, or the registration once more; 0: none of them. */
size_t registration_word(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size);
/* May these bytes be the begin of one, not all of which is there? */
bool registration_begins(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size);
/* Does one stand anywhere in them, or begin in them? */
bool registration_within(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size);
/* Copies what is none of them to `out` (`size` bytes of room); how many bytes that is. */
size_t registration_strip(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size,
                          uint8_t *out);

/* May a converter connect from there? IPv4 as ::ffff:a.b.c.d. */
bool registration_from(const struct dial_in_config *dial_in, const uint8_t address[16]);

#endif
