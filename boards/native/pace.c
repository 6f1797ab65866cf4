/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/native/pace.h"

#include <errno.h>
#include <sys/socket.h>

/* 1: an order, 0: none is there, -1: the other end is gone, or a signal came. */
static int take_order(const struct pace *pace, struct pace_order *order, int flags)
{
    ssize_t size = recv(pace->fd, order, sizeof *order, flags);
    if (size == (ssize_t)sizeof *order)
        return 1;
    return size < 0 && errno == EAGAIN ? 0 : -1;
}

bool pace_look(struct pace *pace, uint64_t clock_us)
{
    struct pace_order order;
    int taken = pace->fd >= 0 ? take_order(pace, &order, MSG_DONTWAIT) : 0;
    if (taken == 1 && order.what == PACE_HOLD) {
        pace->held = true;
        pace->said = false;
        pace->number = order.number;
        pace->at_us = pace->until_us = 0;
        pace->since_us = clock_us;
    }
    return taken >= 0;
}

uint64_t pace_now_us(const struct pace *pace)
{
    return pace->since_us + pace->at_us;
}

static bool report(struct pace *pace, uint32_t until_us)
{
    const struct pace_report report = {.number = pace->number,
                                       .until_us = until_us,
                                       .watching = pace->watching,
                                       .said = pace->said};
    pace->said = false;
    return send(pace->fd, &report, sizeof report, MSG_NOSIGNAL) == (ssize_t)sizeof report;
}

bool pace_sleep(struct pace *pace, uint64_t until_us, bool *heard)
{
    uint64_t us = until_us > pace->since_us ? until_us - pace->since_us : 0;
    uint32_t wanted_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    struct pace_order order;
    *heard = false;
    if (wanted_us <= pace->until_us) {
        pace->at_us = wanted_us > pace->at_us ? wanted_us : pace->at_us;
        return true;
    }
    /* The line answers in any case, or ends: it has a bound for all of this. */
    if (!report(pace, wanted_us) || take_order(pace, &order, MSG_WAITALL) != 1)
        return false;
    pace->held = order.what != PACE_FREE;
    pace->number = order.number;
    pace->at_us = order.at_us;
    pace->until_us = order.until_us;
    *heard = pace->held && order.heard;
    return true;
}
