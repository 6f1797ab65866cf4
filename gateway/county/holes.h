/* SPDX-License-Identifier: Apache-2.0 */
/* Which records are to be asked for again: those that a gateway has (gateway/log) and that did not
 * come, once the hole is older than `patience`. At most one request of a gateway is open, and what
 * was answered is asked for again only after `again`; one that no one answers, after a minute. What
 * the gateway says is gone for good is recorded, and no hole any more. One connection, one thread;
 * of several programs one leads. */
#ifndef BAIYE_COUNTY_HOLES_H
#define BAIYE_COUNTY_HOLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/message.h"

#define HOLES_A_STEP 50 /* requests, in all; a step a second */

struct holes;

struct hole_request {
    int64_t id; /* in the response topic */
    char site[MESSAGE_NAME_SIZE];
    int64_t first, last; /* record numbers */
};

/* NULL: no memory. Does not connect. */
struct holes *holes_create(const char *conninfo, uint32_t patience_s, uint32_t again_s);
void holes_destroy(struct holes *holes);

/* What is due to be asked for; how many. -1: PostgreSQL does not answer (`why`). 0 as well while
 * another program leads. */
int holes_due(struct holes *holes, struct hole_request requests[HOLES_A_STEP], char *why,
              size_t why_size);

/* A gateway's answer, as it came at baiye/SITE/answer/county/ID. false: `why`. */
bool holes_answer(struct holes *holes, const char *site, int64_t id, const char *json, size_t size,
                  char *why, size_t why_size);

#endif
