/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration on trial: written, taken by the gateway, and written back unless its new devices
 * answer within a minute. That is done by a process of its own, which goes on when the one that
 * people see is ended, by Ctrl-C or otherwise: the file is the old one or one that works. */
#ifndef BAIYE_CLI_TRIAL_H
#define BAIYE_CLI_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/commission/plan.h"

#define TRIAL_DEVICES_MAX PLAN_MAX
#define TRIAL_KEPT        5 /* versions of the file: FILE.1, the last one, to FILE.5 */

struct trial_device {
    char name[40], item[PLAN_ITEM];
    bool works; /* out */
};

struct trial {
    const char *config, *socket, *bus;
    struct trial_device *devices;
    unsigned count;
    unsigned wait_s;
};

enum trial_end {
    TRIAL_KEPT_ALL = 0,
    TRIAL_KEPT_SOME = 1, /* those that did not answer were taken out again */
    TRIAL_UNDONE = 2,    /* the file is as it was */
    TRIAL_REFUSED = 3    /* nothing was written; a complaint says why */
};

/* Between the commands that change a configuration, all with complaints or `why`: its text, to be
 * freed; would this text be right in its place; keep the one before as FILE.1. */
char *trial_read(const char *config);
bool trial_is_right(const char *config, const char *text, char *why, size_t size);
bool trial_keep(const char *config, const char *text);

/* Fills in who works. */
enum trial_end trial_run(struct trial *trial);

#endif
