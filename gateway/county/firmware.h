/* SPDX-License-Identifier: Apache-2.0 */
/* Node firmware for gateways, from the tables `firmware` (images), `firmware_rollout` and
 * `firmware_site` (what each gateway has come to). By the rings of the table `upgrade`: canary,
 * early, stable. The next ring begins when enough of the one before have it and their nodes have
 * answered with it for a while; gateways that are away hold no ring up beyond its deadline, and are
 * served when they are back. In place of rings without such a board one gateway of the next goes
 * first. It stops by itself when too many have failed. Every answer of a gateway says how it
 * stands, so that any message may be lost and this program killed. One connection, one thread; of
 * several programs one leads.
 *
 *   waiting ─ offer ─▶ sending ─ parts ─▶ ready ─ start ─▶ updating ─▶ soaking ─▶ done
 *      └─▶ none (no such node)  └─▶ refused                   └────────────┴────▶ failed
 *   abort: … ─▶ stopping ─▶ aborted */
#ifndef BAIYE_COUNTY_FIRMWARE_H
#define BAIYE_COUNTY_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/rollout.h"

#define FIRMWARE_KIND 'f'       /* of its answers */
#define FIRMWARE_LOCK "7236406" /* for leader_create() */

/* As rollout_due(). `leader` here and below: of FIRMWARE_LOCK. */
int firmware_due(struct leader *leader, struct rollout_request *requests, int room, char *why,
                 size_t why_size);
/* Between two steps, when answers have come: only what is to be asked by now, as the next part. */
int firmware_go_on(struct leader *leader, struct rollout_request *requests, int room, char *why,
                   size_t why_size);
/* false: it is of no use (`why`). */
bool firmware_answer(struct leader *leader, const char *site, int64_t id, const char *json,
                     size_t size, char *why, size_t why_size);

#endif
