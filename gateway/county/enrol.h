/* SPDX-License-Identifier: Apache-2.0 */
/* How a gateway comes to its certificate: EST (RFC 7030) below /.well-known/est, served by web.h.
 *
 *   GET  cacerts          the authorities, for anybody; the token says which one is believed
 *   GET  /revoked/gateways.crl   the list of those that count no more, for every broker's machine
 *   POST simpleenroll     user: the site, password: the token's secret; one use, 24 h
 *   POST simplereenroll   by the certificate that it has, if that is good and not revoked; with
 *                         what tokens gave, ENROL_A_DAY a day
 *
 * What is given is good for 90 days, has the site as common name, and is for clients alone
 * (authority.h). The key is made at the gateway and stays there. */
#ifndef BAIYE_COUNTY_ENROL_H
#define BAIYE_COUNTY_ENROL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/county/pool.h"
#include "gateway/county/settings.h"
#include "gateway/county/web.h"

#define ENROL_TOKEN_SIZE 200
#define ENROL_BODY_MAX   16384
#define ENROL_A_DAY      10 /* of one site: a gateway renews its own once in 60 days */

struct enrol;

/* `settings` must outlive it. NULL: `why`. */
struct enrol *enrol_open(const struct settings *settings, struct pool *pool, char *why,
                         size_t why_size);
void enrol_close(struct enrol *enrol);
const struct web_route *enrol_routes(const struct enrol *enrol);

/* For the operator. A token for a site, which is taken in again if it was retired,
 * "SITE:SECRET:SHA256": the last is of the authority that the county's own certificate is of,
 * settings->ca_file. */
bool enrol_token(PGconn *db, const struct settings *settings, const char *site,
                 char token[ENROL_TOKEN_SIZE], char *why, size_t why_size);
/* Its certificates count no more, nor do its tokens; how many it were. -1: `why`. */
int enrol_revoke(PGconn *db, const struct settings *settings, const char *site, char *why,
                 size_t why_size);

#endif
