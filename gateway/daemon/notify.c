/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "gateway/common/log.h"
#include "gateway/daemon/http/health.h"

#define LOOK_MS 1000

struct notify {
    struct loop *loop;
    const struct health *health;
    struct loop_timer timer;
    bool ready;
    int64_t every_ms, last_ms; /* of the watchdog; 0: nobody watches */
    struct log_state said;
};

static void look(struct loop_timer *timer)
{
    struct notify *notify = timer->context;
    json_t *stuck = json_array();
    bool alive = health_alive(notify->health, stuck);
    char *names = alive ? NULL : json_dumps(stuck, JSON_COMPACT);
    log_change(&notify->said, alive, alive ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
               alive ? "all threads make progress%s" : "no progress in %s",
               names != NULL ? names : "");
    free(names);
    json_decref(stuck);
    if (alive && !notify->ready)
        notify->ready = sd_notify(0, "READY=1\nSTATUS=polling") >= 0;
    int64_t now = loop_now_ms();
    if (alive && notify->every_ms > 0 && now - notify->last_ms >= notify->every_ms) {
        (void)sd_notify(0, "WATCHDOG=1");
        notify->last_ms = now;
    }
    loop_timer_start(notify->loop, timer, LOOK_MS);
}

int64_t notify_stuck_ms(void)
{
    uint64_t limit_us = 0;
    bool watched = sd_watchdog_enabled(0, &limit_us) > 0;
    return watched && limit_us / 1000 < HEALTH_STUCK_MS ? (int64_t)(limit_us / 1000)
                                                        : HEALTH_STUCK_MS;
}

struct notify *notify_open(struct loop *loop, const struct health *health)
{
    struct notify *notify = calloc(1, sizeof *notify);
    uint64_t limit_us = 0;
    if (notify == NULL)
        return NULL;
    notify->loop = loop;
    notify->health = health;
    log_state_init(&notify->said, 1);
    if (sd_watchdog_enabled(0, &limit_us) > 0)
        notify->every_ms = (int64_t)(limit_us / 3000) + 1;
    notify->timer = (struct loop_timer){.context = notify, .expired = look};
    loop_timer_start(loop, &notify->timer, 0);
    return notify;
}

void notify_close(struct notify *notify)
{
    if (notify == NULL)
        return;
    loop_timer_stop(&notify->timer);
    (void)sd_notify(0, "STOPPING=1");
    free(notify);
}
