/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a month's mobile data is used, and what that leaves to be sent. Months are UTC's, as
 * YYYYMM; a gateway that does not know the time yet (0) goes on with the month that it last knew,
 * so that neither a start without a clock nor a step of it makes the plan forget. Pure. */
#ifndef BAIYE_PUBLISH_THRIFT_H
#define BAIYE_PUBLISH_THRIFT_H

#include <stdbool.h>
#include <stdint.h>

#define THRIFT_MEANS_PERCENT  80
#define THRIFT_URGENT_PERCENT 100

enum thrift_stage {
    THRIFT_NONE,  /* everything goes out */
    THRIFT_MEANS, /* from 80 % on: alerts, forecast, answers, and hourly means of readings */
    THRIFT_URGENT /* from 100 % on: the means wait too */
};

struct thrift {
    uint64_t limit;   /* bytes a month; 0: no plan, only counted */
    uint32_t month;   /* of `bytes`; 0: not known yet */
    uint64_t bytes;   /* used */
    uint64_t undated; /* of these, those counted while the time was not known */
    uint64_t kept;    /* of `bytes`, as last kept */
    uint32_t kept_month;
    enum thrift_stage kept_stage;
    int64_t idle_ms; /* connected, and nothing sent: what pings cost */
};

void thrift_begin(struct thrift *thrift, uint64_t limit);
/* What was kept by the process before; called at most once, before anything is added. */
void thrift_restore(struct thrift *thrift, uint32_t month, uint64_t bytes);
void thrift_add(struct thrift *thrift, uint32_t month, uint64_t bytes);
enum thrift_stage thrift_stage(const struct thrift *thrift);
/* Is what has been added, or what follows from it, worth a write? Then what is there now counts as
 * kept. */
bool thrift_keep(struct thrift *thrift);

/* What the network carries for a second's worth of a connection: MQTT bytes sent in so many
 * messages and sessions, frames, acknowledgements, handshakes and pings included. */
struct thrift_traffic {
    bool tls, up;
    uint64_t connects, messages, bytes;
    int64_t passed_ms;
    uint32_t keepalive_s;
};
uint64_t thrift_cost(struct thrift *thrift, const struct thrift_traffic *traffic);
/* YYYYMM of a time. */
uint32_t thrift_month(int64_t wall_ms);
/* When the month after that of a time begins. */
int64_t thrift_next_ms(int64_t wall_ms);

#endif
