/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration names on this machine (files, keys, ports, folders, the address of the
 * app), as the process that looks may use it: whoever wants to know what the service can use looks
 * as the service's user. Nothing is changed; a serial port is opened without a byte sent. */
#ifndef BAIYE_CONFIG_ACCESS_H
#define BAIYE_CONFIG_ACCESS_H

#include <stdbool.h>

#include "gateway/daemon/config/config.h"

enum access_state {
    ACCESS_NOTE,    /* may be meant otherwise, or come later; the gateway runs */
    ACCESS_MISSING, /* is not there, and a part of the gateway does not work without */
    ACCESS_BROKEN   /* is there and can't be used: the gateway, or a part of it, does not work */
};

struct access_finding {
    enum access_state state;
    const char *en, *zh; /* where: what is wrong; what to do. Valid during the call; the first "; "
                            or "；" stands before what to do */
};

struct access_look {
    bool service; /* also what the service's unit hides from it is said */
    void (*say)(void *context, const struct access_finding *finding);
    void *context;
};

/* Says all that it finds, in the order of the file's sections. Returns how many are missing or
 * broken. */
unsigned access_check(const struct config *config, const struct access_look *look);

#endif
