/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/daemon/actions/actions.h"
#include "gateway/daemon/alerts_publish.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/listener.h"
#include "gateway/daemon/bus/load.h"
#include "gateway/daemon/config/last_good.h"
#include "gateway/daemon/config/rights.h"
#include "gateway/daemon/config/trial.h"
#include "gateway/daemon/forecast/forecast.h"
#include "gateway/daemon/machine.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/serve.h"
#include "gateway/daemon/store/store.h"
#include "gateway/daemon/update/trust.h"

#define DESCRIPTORS 1280 /* 512 of the loop, 512 of buses, and those of brokers and the store */

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

/* libwebsockets sizes its table by the limit that it finds: before anything is opened. */
static void want_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS)
        log_write(LOG_LEVEL_WARNING,
                  "only %llu file descriptors are allowed, %d may be needed; raise LimitNOFILE",
                  (unsigned long long)limit.rlim_cur, DESCRIPTORS);
}

/* Everything that runs, in the order of its start. */
struct daemon {
    const struct config *config;
    const char *profiles;
    struct store *store;
    struct serve *serve;
    struct publish *publish;
    struct notifier *notifier; /* NULL: no way is configured, nor the weather's url */
    struct alerts *alerts;
    struct actions *actions;
    struct forecast *forecast;
    struct bus **buses;
    struct listener *listener; /* NULL: no converter dials in */
    enum run_end end;
};

/* Is the file on disk one that can be run? If not: why, in that language. */
static bool judge_file(const struct daemon *daemon, bool chinese, char why[CONFIG_REFUSED_SIZE])
{
    struct config_error error = {.text = ""};
    language_here(chinese);
    struct config *next = config_load(daemon->config->file, daemon->profiles, &error);
    bool good = next != NULL && load_check(next, &error);
    language_here(false);
    config_free(next);
    (void)snprintf(why, CONFIG_REFUSED_SIZE, "%s", good ? "" : error.text);
    return good;
}

/* The file is wrong, and the configuration in force is another. */
static void raise_config(struct daemon *daemon, const char *why)
{
    char what[CONFIG_REFUSED_SIZE + 64], what_zh[CONFIG_REFUSED_SIZE + 64];
    char why_zh[CONFIG_REFUSED_SIZE];
    if (judge_file(daemon, true, why_zh)) /* somebody has just mended it */
        (void)snprintf(why_zh, sizeof why_zh, "%s", why);
    (void)snprintf(what, sizeof what, "the configuration is wrong, the one before is in force: %s",
                   why);
    (void)snprintf(what_zh, sizeof what_zh, "配置文件有错误，主机仍按上一份配置运行：%s", why_zh);
    const struct alerts_event alert = {.id = ALERTS_CONFIG,
                                       .what = what,
                                       .where = "",
                                       .todo = "mend the file, then run `baiye reload`",
                                       .what_zh = what_zh,
                                       .todo_zh = "改正文件后运行 baiye reload",
                                       .level = "watch",
                                       .since_ms = store_now(daemon->store).ms};
    alerts_raise(daemon->alerts, &alert);
}

/* In the serve loop. A file that can be run soon is. The log is English, whoever asks. */
static bool reload(void *context, bool chinese, char why[CONFIG_REFUSED_SIZE])
{
    struct daemon *daemon = context;
    if (judge_file(daemon, false, why)) {
        daemon->end = RUN_RELOAD;
        serve_stop(daemon->serve);
        return true;
    }
    log_write(LOG_LEVEL_ERROR, "reload refused, the old configuration stays in force: %s", why);
    raise_config(daemon, why);
    if (chinese)
        (void)judge_file(daemon, true, why);
    return false;
}

static void restart(void *context)
{
    struct daemon *daemon = context;
    daemon->end = RUN_RELOAD;
    serve_stop(daemon->serve);
}

static bool is_countys(const struct config *config, const char *via)
{
    for (uint16_t i = 0; i < config->broker_count; i++) {
        if (strcmp(config->brokers[i].name, via) == 0)
            return config->brokers[i].requests != REQUESTS_FARM;
    }
    return true;
}

/* Whoever asks by a broker must be able to confirm it there. */
static bool hears(const struct config *next, const char *via)
{
    for (uint16_t i = 0; i < next->broker_count; i++) {
        if (strcmp(next->brokers[i].name, via) == 0)
            return next->brokers[i].requests == REQUESTS_COUNTY ||
                   next->brokers[i].requests == REQUESTS_FARM;
    }
    return false;
}

static bool judge(void *context, const char *yaml, size_t size, const char *via, char *why,
                  size_t why_size)
{
    struct daemon *daemon = context;
    struct config_error error = {.text = ""};
    const char *folder = last_good_folder();
    if (folder == NULL) {
        (void)snprintf(why, why_size, "the gateway has no folder for what it tries");
        return false;
    }
    struct config *next =
        config_trial_check(folder, yaml, size, daemon->config, daemon->profiles, &error);
    bool good = next != NULL && load_check(next, &error);
    if (good && via != NULL && !hears(next, via)) {
        (void)snprintf(error.text, sizeof error.text,
                       "%.200s:1: broker %s would not be heard any more (requests: county)",
                       next->file, via);
        good = false;
    }
    if (good && via != NULL && is_countys(daemon->config, via))
        good = !rights_grow(daemon->config, next, error.text, sizeof error.text);
    config_free(next);
    (void)snprintf(why, why_size, "%s", error.text);
    return good;
}

/* In the serve loop. */
static void signal_came(void *context, int fd)
{
    struct daemon *daemon = context;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGHUP) {
        char why[CONFIG_REFUSED_SIZE];
        (void)reload(daemon, false, why);
        return;
    }
    daemon->end = RUN_STOPPED;
    serve_stop(daemon->serve);
}

static bool watch_signals(struct daemon *daemon)
{
    sigset_t set = daemon_signals();
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd >= 0 && serve_watch(daemon->serve, fd, signal_came, daemon);
}

static bool people_are_called(void *context, uint16_t way)
{
    return notifier_calls(context, way);
}

static void people_were_called(void *context, uint16_t way, bool good, const char *why)
{
    notifier_called(context, way, good, why);
}

static bool last_ahead(void *context, struct ahead *ahead)
{
    return forecast_ahead(context, ahead);
}

static bool open_actions(struct daemon *daemon)
{
    struct actions_parts parts = {.store = daemon->store,
                                  .alerts = daemon->alerts,
                                  .ahead = last_ahead,
                                  .ahead_context = daemon->forecast};
    if (daemon->notifier != NULL) {
        parts.calls = people_are_called;
        parts.called = people_were_called;
        parts.context = daemon->notifier;
    }
    daemon->actions = actions_create(daemon->config, &parts);
    if (daemon->actions == NULL)
        log_write(LOG_LEVEL_ERROR, "out of memory");
    return daemon->actions != NULL;
}

static bool start_buses(const struct config *config, struct store *store, struct actions *actions,
                        struct bus **buses)
{
    for (uint16_t i = 0; i < config->bus_count; i++) {
        buses[i] = bus_start(config, i, store_boot(store), actions_sink(actions));
        if (buses[i] == NULL) {
            log_write(LOG_LEVEL_ERROR, "bus %s can't be started: %s", config->buses[i].name,
                      strerror(errno));
            return false;
        }
    }
    return true;
}

static void log_alert_troubles(const struct config *config)
{
    char why[160];
    for (unsigned i = 0; i < config->alert_count; i++) {
        if (config_alert_trouble(config, &config->alerts[i], why, sizeof why))
            log_write(LOG_LEVEL_WARNING, "alert %s: %s", config->alerts[i].name, why);
    }
    for (uint16_t w = 0; w < config->way_count; w++) {
        if (!config_way_is_used(config, w))
            log_write(LOG_LEVEL_WARNING, "notify %s: it is in no group, so no alert goes to it",
                      config->ways[w].name);
    }
}

/* A gateway for the bench and one for a farm must not be taken for each other. */
static void log_test_key(const struct config *config)
{
    char path[CONFIG_PATH_SIZE + 32];
    if (trust_path(config->file, path, sizeof path) && trust_has_test_key(path))
        log_write(LOG_LEVEL_WARNING,
                  "%s holds the test key, which everybody has: anybody's firmware can come to the "
                  "nodes by this gateway; that is for the bench only, put in your own key",
                  path);
}

static void count_notices(void *context, uint64_t bytes)
{
    publish_spent(context, bytes);
}

static bool start_notifier(struct daemon *daemon)
{
    struct notifier_out out = {.context = daemon->publish, .spent = count_notices};
    if (daemon->config->way_count == 0 && daemon->config->forecast_url[0] == '\0')
        return true;
    daemon->notifier = notifier_start(daemon->config, daemon->store, &out);
    if (daemon->notifier == NULL)
        log_write(LOG_LEVEL_ERROR, "the notifier can't be started: %s", strerror(errno));
    return daemon->notifier != NULL;
}

static bool last_weather(void *context, struct ahead *ahead)
{
    return notifier_weather(context, ahead);
}

static bool start_forecast(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    struct forecast_weather weather = {.context = daemon->notifier, .last = last_weather};
    if (config->plot_count == 0)
        return true;
    daemon->forecast = forecast_start(config, daemon->store, daemon->publish, daemon->alerts,
                                      config->forecast_url[0] != '\0' ? &weather : NULL);
    if (daemon->forecast == NULL)
        log_write(LOG_LEVEL_ERROR, "the forecast can't be started: %s", strerror(errno));
    return daemon->forecast != NULL;
}

static bool start_all(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    log_alert_troubles(config);
    log_test_key(config);
    daemon->serve = serve_open(config);
    if (daemon->serve == NULL || !watch_signals(daemon))
        return false;
    daemon->publish = publish_start(config, daemon->store, serve_callbacks(daemon->serve));
    if (daemon->publish == NULL) {
        log_write(LOG_LEVEL_ERROR, "publishers can't be started: %s", strerror(errno));
        return false;
    }
    if (!start_notifier(daemon))
        return false;
    daemon->alerts =
        alerts_start_publishing(config, daemon->store, daemon->publish, daemon->notifier);
    if (daemon->alerts == NULL) {
        log_write(LOG_LEVEL_ERROR, "the alerts can't be started: %s", strerror(errno));
        return false;
    }
    if (!start_forecast(daemon))
        return false;
    if (!open_actions(daemon) ||
        !start_buses(config, daemon->store, daemon->actions, daemon->buses))
        return false;
    if (!actions_start(daemon->actions, daemon->buses)) {
        log_write(LOG_LEVEL_ERROR, "the actions can't be started: %s", strerror(errno));
        return false;
    }
    if (listener_wanted(config)) {
        daemon->listener = listener_start(config, daemon->buses);
        if (daemon->listener == NULL) {
            log_write(LOG_LEVEL_ERROR, "listening for converters can't be started: %s",
                      strerror(errno));
            return false;
        }
    }
    struct rpc_parts parts = {.store = daemon->store,
                              .publish = daemon->publish,
                              .alerts = daemon->alerts,
                              .actions = daemon->actions,
                              .notifier = daemon->notifier,
                              .buses = daemon->buses,
                              .forecast = daemon->forecast,
                              .reload = reload,
                              .reload_context = daemon,
                              .judge = judge,
                              .restart = restart};
    return serve_start(daemon->serve, &parts, daemon->listener);
}

/* It runs: what was read for it is kept, against the day when the file is wrong at a start. */
static void keep_config(struct daemon *daemon)
{
    const char *folder = last_good_folder();
    if (daemon->config->refused[0] != '\0')
        raise_config(daemon, daemon->config->refused);
    else if (!daemon->config->trial && folder != NULL && !last_good_keep(daemon->config, folder))
        log_write(LOG_LEVEL_WARNING,
                  "a copy of the configuration can't be kept in %s: %s; if the file is damaged, "
                  "the next start has none",
                  folder, strerror(errno));
}

/* Those who ask end before those who answer, and what was taken is committed last. */
static void stop_all(struct daemon *daemon)
{
    if (daemon->serve != NULL)
        serve_end(daemon->serve);
    actions_stop(daemon->actions);
    forecast_stop(daemon->forecast);
    listener_stop(daemon->listener);
    for (unsigned i = 0; i < daemon->config->bus_count; i++)
        bus_stop(daemon->buses[i]);
    alerts_stop(daemon->alerts);
    notifier_stop(daemon->notifier);
    if (daemon->publish != NULL)
        publish_stop(daemon->publish);
    store_stop(daemon->store);
    actions_free(daemon->actions);
    alerts_free(daemon->alerts);
    notifier_free(daemon->notifier);
    serve_close(daemon->serve);
}

enum run_end run_daemon(const struct config *config, const char *profiles)
{
    struct daemon daemon = {.config = config, .profiles = profiles, .end = RUN_FAILED};
    char machine[STORE_MACHINE_SIZE];
    want_descriptors();
    daemon.buses = calloc(config->bus_count, sizeof(struct bus *));
    machine_name(machine);
    daemon.store = daemon.buses != NULL ? store_open(config, machine) : NULL;
    if (daemon.store != NULL && store_start(daemon.store)) {
        if (start_all(&daemon)) {
            log_write(LOG_LEVEL_NOTICE, "site %s: polling %u devices on %u buses", config->site,
                      config->device_count, config->bus_count);
            keep_config(&daemon);
            serve_run(daemon.serve);
        }
        stop_all(&daemon);
    }
    free(daemon.buses);
    return daemon.end;
}
