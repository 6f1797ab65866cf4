/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a month's mobile data is used, and what that leaves to be sent. Months are UTC's, as
 * YYYYMM; a gateway that does not know the time yet (0) goes on with the month that it last knew,
 * so that neither a start without a clock nor a step of it makes the plan forget. Pure. */
#ifndef BAIYE_PUBLISH_LINK_DATA_PLAN_H
#define BAIYE_PUBLISH_LINK_DATA_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define DATA_PLAN_MEANS_PERCENT  80
#define DATA_PLAN_URGENT_PERCENT 100

enum data_plan_stage {
    DATA_PLAN_NONE,  /* everything goes out */
    DATA_PLAN_MEANS, /* from 80 % on: alerts, forecast, answers, and hourly means of readings */
    DATA_PLAN_URGENT /* from 100 % on: the means wait too */
};

struct data_plan {
    uint64_t limit;   /* bytes a month; 0: no plan, only counted */
    uint32_t month;   /* of `bytes`; 0: not known yet */
    uint64_t bytes;   /* used */
    uint64_t undated; /* of these, those counted while the time was not known */
    uint64_t kept;    /* of `bytes`, as last kept */
    uint32_t persisted_month;
    enum data_plan_stage persisted_stage;
    int64_t idle_ms; /* connected, and nothing sent: what pings cost */
};

void data_plan_begin(struct data_plan *data_plan, uint64_t limit);
/* What was kept by the process before; called at most once, before anything is added. */
void data_plan_restore(struct data_plan *data_plan, uint32_t month, uint64_t bytes);
void data_plan_add(struct data_plan *data_plan, uint32_t month, uint64_t bytes);
enum data_plan_stage data_plan_stage(const struct data_plan *data_plan);
/* Is what has been added, or what follows from it, worth a write? Then what is there now counts as
 * kept. */
bool data_plan_keep(struct data_plan *data_plan);

/* What the network carries for a second's worth of a connection: MQTT bytes sent in so many
 * messages and sessions, frames, acknowledgements, handshakes and pings included. */
struct data_plan_traffic {
    bool tls, up;
    uint64_t connects, messages, bytes;
    int64_t passed_ms;
    uint32_t keepalive_s;
};
uint64_t data_plan_cost(struct data_plan *data_plan, const struct data_plan_traffic *traffic);
/* YYYYMM of a time. */
uint32_t data_plan_month(int64_t wall_ms);
/* When the month after that of a time begins. */
int64_t data_plan_next_ms(int64_t wall_ms);

#endif
