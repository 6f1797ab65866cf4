/* SPDX-License-Identifier: Apache-2.0 */
/* What the plan of a bus costs: line time of each device's poll, and the share of the line that all
 * polls together need. Pure. */
#ifndef BAIYE_BUS_LOAD_H
#define BAIYE_BUS_LOAD_H

#include "gateway/daemon/bus/plan.h"
#include "gateway/daemon/config/config.h"

struct load_device {
    struct plan plan;
    struct plan_cost cost; /* with the turnaround that is assumed */
    int64_t poll_ns;       /* line time of one poll with all its reads */
    double share;          /* of the line that its polls need */
    int64_t dying_ns;      /* when it stops answering: line time until it counts as dead, at most */
};

/* Turnaround assumed of devices that were not measured: less than nearly all have, so that a plan
 * said to be impossible is so. */
#define LOAD_TURNAROUND_NS 2000000LL
#define LOAD_TCP_NS        200000LL /* a whole request on Modbus TCP */

/* The plan of one device on its line, and what that costs. */
void load_device(const struct config *config, const struct device_config *device,
                 struct load_device *load);
/* Share of the line that the polls of a bus need; above 1 the plan can't be kept. */
double load_bus(const struct config *config, const struct bus_config *bus);
/* False and an error with FILE:LINE when a bus is overloaded and must not be. */
bool load_check(const struct config *config, struct config_error *error);

#endif
