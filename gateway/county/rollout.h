/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations for gateways, from the table `wanted`: tried there, confirmed when the gateway
 * answers by the new one, else undone by itself (gateway/daemon/config/trial.h). By rings: the next
 * begins when each of the one before has ended, and none when too many have failed. At most one
 * request of a gateway is open. So are gateways told in which ring of the repository they are
 * (table `upgrade`). One connection, one thread; of several programs one leads.
 *
 *   waiting ─ config ─▶ asked ─▶ trying ─ config_confirm ─▶ confirmed
 *                         └─▶ refused  └─▶ undone    └─▶ overdue (it does not answer) ─▶ … */
#ifndef BAIYE_COUNTY_ROLLOUT_H
#define BAIYE_COUNTY_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/leader.h"
#include "gateway/county/message.h"

#define ROLLOUT_A_STEP      50 /* requests; a step a second */
#define ROLLOUT_METHOD_SIZE 24
#define ROLLOUT_LOCK        "7236405" /* for leader_create() */

struct rollout_request {
    int64_t id;
    char site[MESSAGE_NAME_SIZE];
    char method[ROLLOUT_METHOD_SIZE];
    char kind;     /* in the response topic, before the id: what the answer answers */
    char *payload; /* malloc'ed; the caller frees it */
};

/* What is to be asked now; how many. -1: PostgreSQL does not answer (`why`). 0 as well while
 * another program leads. `leader` here and below: of ROLLOUT_LOCK. */
int rollout_due(struct leader *leader, struct rollout_request requests[ROLLOUT_A_STEP], char *why,
                size_t why_size);
bool rollout_is_kind(char kind);
/* A gateway's answer, as it came at baiye/SITE/answer/county/KIND ID. false: `why`. */
bool rollout_answer(struct leader *leader, char kind, const char *site, int64_t id,
                    const char *json, size_t size, char *why, size_t why_size);

#endif
