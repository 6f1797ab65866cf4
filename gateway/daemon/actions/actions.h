/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs that act: frost fan, valve, siren. A thread of its own asks twice a second what is due
 * (switching.h) and gives it to the buses, which read back what they wrote; each switch is a row of
 * the audit, each that failed an alert.
 *
 *   bus threads ─> actions_sink ─┬─> alerts' sink ─> store's
 *                                └─> switching <── alerts_rule_holds(), calls()
 *   thread: switching ─ orders ─> bus_submit() ─> bus thread: done ─> switching
 *
 * Nothing here waits for a bus or the disk, but actions_stop(). */
#ifndef BAIYE_ACTIONS_ACTIONS_H
#define BAIYE_ACTIONS_ACTIONS_H

#include "gateway/daemon/actions/switching.h"
#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/store/store.h"

struct actions;

struct actions_parts {
    struct store *store;
    struct alerts *alerts;
    /* Are people called by config.ways[way] just now? May be NULL. Any thread. */
    bool (*calls)(void *context, uint16_t way);
    /* That way has been switched on, or why not. May be NULL. Called on a bus thread. */
    void (*called)(void *context, uint16_t way, bool good, const char *why);
    void *context;
    /* The newest weather that is forecast; false: there is none. May be NULL; must not wait. Called
     * on the thread of actions. */
    bool (*ahead)(void *context, struct ahead *ahead);
    void *ahead_context;
};

/* What stands between buses and alerts; nothing is switched yet. Copies `parts`; `config` and what
 * they point to must outlive it. NULL: no memory. */
struct actions *actions_create(const struct config *config, const struct actions_parts *parts);
const struct reading_sink *actions_sink(struct actions *actions);
/* Starts the thread, which first switches off what it may switch, and what it could before the
 * start. `buses`: one a config.buses.
 * false: it can't be started (errno). */
bool actions_start(struct actions *actions, struct bus *const *buses);
/* Switches off all that may be on, within 3 s, and ends the thread: before the buses. NULL is
 * fine. */
void actions_stop(struct actions *actions);
/* After buses and alerts. NULL is fine. */
void actions_free(struct actions *actions);

/* A person is about to write a register: what is done here keeps off it for a while. -1: no action
 * has it; else for actions_person_done(), once the write has ended. Any thread. */
/* on_most_s: so long it may be on at most; 0: as long as it is the person's. */
int actions_person(struct actions *actions, uint16_t device, const struct write_config *write,
                   int32_t value, uint32_t on_most_s, const char *user);
void actions_person_done(struct actions *actions, int output, enum bus_result result);

/* How each output is. */
struct actions_output {
    const struct device_config *device;
    const struct write_config *write;
    uint8_t state;                      /* enum switching_state */
    const struct action_config *action; /* that has it on, or NULL */
    char user[65];                      /* the person who owns it; "": no one */
    const char *why;                    /* of the last switch */
    const struct action_config *waits;  /* it is left to rain that is forecast, or NULL */
    double rain_mm;                     /* that much, then */
    int64_t on_s;                       /* how long it has been on; -1: it is not */
    int64_t person_s;                   /* how long the person still owns it */
    bool failed;
};
uint16_t actions_count(const struct actions *actions);
void actions_get(struct actions *actions, uint16_t index, struct actions_output *output);
/* Milliseconds since its thread last made a step; for the watchdog. Any thread. */
int64_t actions_idle_ms(const struct actions *actions);

#endif
