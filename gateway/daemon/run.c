/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/load.h"
#include "gateway/daemon/log.h"
#include "gateway/daemon/store/store.h"

static sigset_t daemon_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

void run_block_signals(void)
{
    sigset_t set = daemon_signals();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Is the file on disk one that can be run? */
static bool new_config_is_good(const struct config *config, const char *profiles)
{
    struct config_error error;
    struct config *next = config_load(config->file, profiles, &error);
    bool good = next && load_check(next, &error);
    config_free(next);
    if (!good)
        log_write(LOG_LEVEL_ERROR, "reload refused, the old configuration stays in force: %s",
                  error.text);
    return good;
}

static enum run_end wait_for_end(const struct config *config, const char *profiles)
{
    sigset_t set = daemon_signals();
    for (;;) {
        int number = sigwaitinfo(&set, NULL);
        if (number == SIGTERM || number == SIGINT)
            return RUN_STOPPED;
        if (number == SIGHUP && new_config_is_good(config, profiles))
            return RUN_RELOAD;
        if (number < 0 && errno != EINTR)
            return RUN_FAILED;
    }
}

static bool start_buses(const struct config *config, struct store *store, struct bus **buses)
{
    for (uint16_t i = 0; i < config->bus_count; i++) {
        buses[i] = bus_start(config, i, store_boot(store), store_sink(store));
        if (!buses[i]) {
            log_write(LOG_LEVEL_ERROR, "bus %s can't be started: %s", config->buses[i].name,
                      strerror(errno));
            return false;
        }
    }
    return true;
}

enum run_end run_daemon(const struct config *config, const char *profiles)
{
    enum run_end end = RUN_FAILED;
    struct bus **buses = calloc(config->bus_count, sizeof(struct bus *));
    struct store *store = buses ? store_open(config) : NULL;
    if (store && store_start(store)) {
        if (start_buses(config, store, buses)) {
            log_write(LOG_LEVEL_NOTICE, "site %s: polling %u devices on %u buses", config->site,
                      config->device_count, config->bus_count);
            end = wait_for_end(config, profiles);
        }
        for (unsigned i = 0; i < config->bus_count; i++)
            bus_stop(buses[i]);
        store_stop(store);
    }
    free(buses);
    return end;
}
