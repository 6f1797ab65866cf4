/* SPDX-License-Identifier: Apache-2.0 */
/* What a sheet is made of: asked of the running gateway, device by device. */
#ifndef BAIYE_CLI_REPORT_JOB_H
#define BAIYE_CLI_REPORT_JOB_H

#include <stdbool.h>

#include <jansson.h>

#include "gateway/daemon/config/config.h"
#include "tools/cli/cli.h"

#define REPORT_LIMIT 0.005 /* share of polls that may fail, each tried once */

struct report_job {
    struct talk talk;
    const struct config *config;
    const struct bus_config *bus;   /* NULL: the whole site */
    const char *operator, * photos; /* NULL: not said */
    unsigned polls;
    size_t photos_left; /* bytes */
};

/* All of it but photos' data for people; a new reference, NULL and a complaint. `code` is the exit
 * code that follows. */
json_t *report_gather(struct report_job *job, int *code);
/* {"polls", "answers", "timeouts", "garbled", "refused", "error_rate", "error_rate_most"
 * (confidence.h), "p50_us", "p99_us", "whole"}; NULL and a complaint: the gateway can't. */
json_t *report_polls(struct report_job *job, const struct device_config *device);
/* [{"metric", "how", "on", "by", "due", "past"}] of what is known of a device's calibration. */
json_t *report_calibration(struct report_job *job, const struct device_config *device);

#endif
