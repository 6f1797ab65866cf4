/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the daemon that are shown to people and programs. */
#ifndef BAIYE_SERVE_PARTS_H
#define BAIYE_SERVE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/actions/actions.h"
#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/listener.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/forecast/forecast.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/store.h"

struct serve_parts {
    struct store *store;
    struct publish *publish;                                /* may be NULL */
    struct alerts *alerts;                                  /* may be NULL */
    struct actions *actions;                                /* may be NULL */
    struct notifier *notifier;                              /* NULL: no way is configured */
    struct bus *const *buses;                               /* one a config.buses, all started */
    struct listener *listener;                              /* may be NULL */
    struct forecast *forecast;                              /* may be NULL */
    bool (*reload)(void *context, bool chinese, char *why); /* as in struct rpc_parts */
    void *reload_context;
    bool (*judge)(void *context, const char *yaml, size_t size, const char *via, char *why,
                  size_t why_size);
    void (*restart)(void *context);
};

#endif
