/* SPDX-License-Identifier: Apache-2.0 */
/* By which name a browser came, and from whose page. Pure functions. */
#ifndef BAIYE_HTTP_ORIGIN_H
#define BAIYE_HTTP_ORIGIN_H

#include <stdbool.h>

/* Is the value of a Host header loopback of this machine, with any port? A page whose name somebody
 * made to lead here ("DNS rebinding") is of one origin with the gateway, by that name; where no
 * certificate tells who the gateway is, only these names are its own. */
bool origin_is_loopback(const char *host);
/* Is the Origin that of pages served under this Host? */
bool origin_is_of(const char *origin, const char *host);

#endif
