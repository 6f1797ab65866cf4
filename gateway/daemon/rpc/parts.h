/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a call, what it works with, and how it is answered: what the engine (engine.h) and the
 * methods (call.h) both need. The loop's thread. */
#ifndef BAIYE_RPC_PARTS_H
#define BAIYE_RPC_PARTS_H

#include <jansson.h>

#include "gateway/daemon/actions/actions.h"
#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/forecast/forecast.h"
#include "gateway/daemon/loop.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/rpc/users.h"
#include "gateway/daemon/store/store.h"

#define RPC_CALLS_MAX      64
#define RPC_CALLS_SOCKET   8  /* of the calls, kept for the control socket */
#define RPC_DUPLICATES_MAX 64 /* commands remembered, to know a second delivery */
#define RPC_DUPLICATES_MS  600000
#define RPC_HISTORY_MAX    780 /* points of one answer, each at most 83 bytes of JSON: below 64 kB */

struct rpc;
struct rpc_call;

/* What calls are answered with. */
struct rpc_parts {
    struct store *store;
    struct publish *publish;   /* may be NULL */
    struct alerts *alerts;     /* may be NULL */
    struct actions *actions;   /* may be NULL */
    struct notifier *notifier; /* NULL: no way is configured */
    struct bus *const *buses;  /* one a config.buses */
    /* For `stats`; a new reference. May be NULL. */
    json_t *(*stats)(void *context);
    void *context;
    struct forecast *forecast; /* is told of picks; may be NULL */
    /* For `reload`: checks the file and, when it is good, begins to end the daemon, which starts
     * anew by it. false: `why` not, in CONFIG_REFUSED_SIZE bytes. May be NULL. */
    bool (*reload)(void *context, bool chinese, char *why);
    void *reload_context;
    /* For `config`: judges a text that is to be tried in the file's place, as config_trial_check(),
     * for who asks `via` that broker (NULL: the control socket). false: `why` not. May be NULL. */
    bool (*judge)(void *context, const char *yaml, size_t size, const char *via, char *why,
                  size_t why_size);
    void (*restart)(void *context); /* begins to end the daemon, which starts anew */
};

struct rpc_caller {
    char user[65];
    char via[16];        /* broker name or "socket" */
    int32_t broker;      /* index into config.brokers, -1: the socket */
    enum user_role role; /* where the broker is the farm's */
};

/* Whom the store is to be fair to: the control socket, or a user. */
static inline store_asker rpc_asker(const struct rpc_caller *caller)
{
    return caller->broker < 0 ? STORE_ASKER_CONTROL : store_asker_of(caller->user);
}

/* `answer` is called once in the end (progress false), and before that any number of times with
 * progress true; it must not keep `body`. A NULL body: a second delivery of a command whose first
 * one is answered; nothing is to be said. */
typedef void (*rpc_answer)(void *context, bool progress, const json_t *body);

#endif
