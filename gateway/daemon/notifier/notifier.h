/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of the box: messages to people when an alert begins, goes on unanswered, or is over.
 * A thread of the daemon owns the queue, which the store keeps; a process of its own, with the
 * secrets, owns the network: whatever a service or a name server does, it delays neither the daemon
 * nor another way. That process also fetches the weather forecast, since it has libcurl. */
#ifndef BAIYE_NOTIFIER_NOTIFIER_H
#define BAIYE_NOTIFIER_NOTIFIER_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/store/store.h"
#include "gateway/forecast/ahead.h"

/* What fetching the weather comes to, for --check: four answers a day, with their handshakes. */
#define NOTIFIER_WEATHER_MONTH_BYTES (4 * 31 * 13e3)

struct notifier;

struct notifier_way {
    uint32_t waiting;  /* notices */
    char trouble[96];  /* "": it works, as far as is known */
    uint32_t answered; /* messages, since the start */
    char last[96];     /* why the last one was not delivered; "": it was */
};

/* Where its mobile data is counted; called on its thread, must not wait. */
struct notifier_out {
    void *context;
    void (*spent)(void *context, uint64_t bytes);
};

/* Copies `out`. `config`, `store` and what `out` leads to must outlive it. NULL: can't be started
 * (errno). */
struct notifier *notifier_start(const struct config *config, struct store *store,
                                const struct notifier_out *out);
/* Ends the process and the thread; before the store is stopped. NULL is fine. */
void notifier_stop(struct notifier *notifier);
/* After the store was stopped. NULL is fine. */
void notifier_free(struct notifier *notifier);

/* What stands now: once a second and at each change. One thread at a time, any. */
void notifier_look(struct notifier *notifier, const struct active *active,
                   const struct active_now *now);
/* A marked test through config.ways[way]. Any thread. */
void notifier_test(struct notifier *notifier, uint16_t way);
/* Is config.ways[way], an output, to be on now? Any thread. */
bool notifier_calls(struct notifier *notifier, uint16_t way);
/* It has been switched on, or why not. Any thread. */
void notifier_called(struct notifier *notifier, uint16_t way, bool good, const char *why);
/* The weather forecast of config.forecast_url that came last; made_ms is when. false: none has
 * come. Any thread. */
bool notifier_weather(struct notifier *notifier, struct ahead *ahead);
/* How config.ways[index] is. Any thread. */
void notifier_way(struct notifier *notifier, uint16_t index, struct notifier_way *way);

/* main() of the notifier process, when baiyed is called as `baiyed --notifier`: its socket is
 * descriptor CHILD_FD (child.h). Returns the exit code. */
int notifier_main(const struct child_files *files);

#endif
