/* SPDX-License-Identifier: Apache-2.0 */
/* A bus. Each turn of its loop does one thing on the line, in this order of right:
 *
 *   requests of others ──> the poll whose turn it is ──> a background request of others
 *                      ──> nodes' logs and settings ──> waits
 *
 * and a wait ends when a request comes. A line that is down is opened again with back-off. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/impl.h"

#define STEP_MOST_MS     500     /* a line's own thread comes round at least so often */
#define STEP_OF_ALL_US   1000000 /* the loop of all: for all at once, so that it wakes once */
#define TOGETHER_MOST_US 20000   /* a poll waits no longer for others, */
#define TOGETHER_SHARE   50      /* and no more than such a part of its period */
#define STACK_SIZE       0x40000 /* see DESIGN.md for what is used of it */

const char *bus_result_text(enum bus_result result)
{
    static const char *const texts[] = {
        N_("done"),
        N_("no answer"),
        N_("only garbage came"),
        N_("the device refused it"),
        N_("no adapter or no connection"),
        N_("too many requests wait; try again later"),
        N_("the bus was stopped"),
        N_("the device acknowledged it, but reads back otherwise: it did not take it"),
        N_("the request is wrong"),
        N_("the bus is paused; `baiye resume BUS` ends that"),
    };
    unsigned at = (unsigned)-(int)result;
    return at < sizeof texts / sizeof texts[0] ? texts[at] : "unknown";
}

/* While the line is down, polls that would be due are gaps. */
static void count_missed(struct bus *bus)
{
    int64_t now = bus_now_ms();
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        uint32_t missed = schedule_skip(&bus->schedule, i, now * US);
        device_gap(&bus->devices[i], missed, GAP_BUS_DOWN, now, bus->sink);
    }
}

static int64_t most_us(const struct bus *bus)
{
    int64_t now_us = line_now_ns() / US;
    return bus->bus->type == BUS_TCP ? (now_us / STEP_OF_ALL_US + 1) * STEP_OF_ALL_US
                                     : now_us + STEP_MOST_MS * 1000;
}

/* Waits until a time or a request; throws stray bytes away and notices when the line goes. */
static void rest(struct bus *bus, int64_t until_us)
{
    int64_t most = most_us(bus), ready_us = bus_requests_ready_us(bus);
    if (until_us > most)
        until_us = most;
    if (until_us > ready_us)
        until_us = ready_us;
    bus->pace.due_ns = until_us * US;
    if (bus->bus->type == BUS_TCP)
        return;
    enum line_event event = bus->link.up ? transact_idle(&bus->transact, until_us * US, true)
                                         : line_wait(&bus->line, until_us * US, true);
    bus_note_late(bus);
    if (event == LINE_GONE)
        connection_ended(bus);
}

/* A converter that was just connected to is given its time; requests of others wait, too. */
static void rest_settling(struct bus *bus)
{
    int64_t most_ms = bus_now_ms() + STEP_MOST_MS;
    int64_t until_ms = bus->link.ready_ms < most_ms ? bus->link.ready_ms : most_ms;
    bus->pace.due_ns = until_ms * MS;
    if (bus->bus->type == BUS_TCP)
        return;
    if (transact_idle(&bus->transact, until_ms * MS, false) == LINE_GONE)
        connection_lost(bus);
}

/* True: there was one that could go. */
static bool serve_background(struct bus *bus, const struct schedule_turn *turn)
{
    enum bus_result served = bus_serve_background(bus, turn);
    if (served == BUS_DOWN && bus->link.up)
        connection_lost(bus);
    return served != BUS_STOPPED;
}

/* When there is something to do next: also when a node whose board is not known may be asked. */
static int64_t next_turn_us(const struct bus *bus, int64_t wake_us, int64_t now_us)
{
    for (unsigned i = 0; bus->node_count > 0 && i < bus->bus->device_count; i++) {
        const struct own_node *node = bus->devices[i].node;
        int64_t quiet_us = bus->units[i].quiet_us + US;
        if (node != NULL && own_node_unknown(node) && !bus->units[i].dead && quiet_us > now_us &&
            quiet_us < wake_us)
            wake_us = quiet_us;
    }
    return wake_us;
}

/* What is due soon after one another is asked together, at a moment that is the same for all ports:
 * whoever hears of it later wakes once for it. */
static int64_t together(const struct bus *bus, int64_t wake_us)
{
    int64_t every = bus->pace.together_us, rest_us = every > 0 ? wake_us % every : 0;
    return rest_us == 0 || wake_us == INT64_MAX ? wake_us : wake_us - rest_us + every;
}

/* A node whose readings do not count before it has reported which board it is: on a line that is
 * asked as fast as it answers there would never be time for that. */
static bool is_unknown(const struct bus *bus, int unit)
{
    const struct own_node *node = bus->devices[unit].node;
    return node != NULL && own_node_unknown(node);
}

/* Modbus TCP: what has come while no request was under way. */
static void take_unasked(struct bus *bus, int64_t now)
{
    if (!bus->pace.heard || !bus->link.up || transact_drop(&bus->transact))
        return;
    if (now < bus->link.ready_ms)
        connection_lost(bus);
    else
        connection_ended(bus);
}

/* One thing, in their order. */
static void do_next(struct bus *bus)
{
    int64_t now_us = line_now_ns() / US, now = now_us / US;
    take_unasked(bus, now);
    if (connection_tend(bus, now)) {
        bus->pace.due_ns = bus->link.open_at_ms * MS;
        return;
    }
    if (bus->link.dormant) {
        rest(bus, schedule_next(&bus->schedule, now * US).wake_us);
        return;
    }
    bool paused = atomic_load(&bus->control.paused);
    if (bus->link.up && now < bus->link.ready_ms) { /* it hears nothing yet */
        rest_settling(bus);
        return;
    }
    enum bus_result served = bus_serve_request(bus);
    if (served == BUS_DOWN && bus->link.up)
        connection_lost(bus);
    if (served != BUS_STOPPED)
        return;
    if (!bus->link.up) {
        count_missed(bus);
        if (serve_background(bus, NULL))
            return;
        rest(bus,
             (paused ? atomic_load(&bus->control.paused_until_ms) : bus->link.open_at_ms) * US);
        return;
    }
    struct schedule_turn turn = schedule_next(&bus->schedule, now_us);
    if (serve_background(bus, &turn))
        return;
    bool polls = turn.unit >= 0 && !bus_nodes_starve(bus, now);
    if (polls && is_unknown(bus, turn.unit)) {
        enum bus_result identified = bus_tend_nodes(bus, 0);
        if (identified == BUS_DOWN)
            connection_lost(bus);
        if (identified != BUS_STOPPED)
            return;
    }
    if (polls) {
        if (!bus_poll(bus, &turn, now))
            connection_lost(bus);
        return;
    }
    enum bus_result tended = bus_tend_nodes(bus, turn.unit >= 0 ? 0 : (turn.wake_us - now_us) * US);
    if (tended == BUS_DOWN)
        connection_lost(bus);
    if (tended != BUS_STOPPED)
        return;
    if (turn.unit < 0)
        rest(bus, connection_idle(bus, next_turn_us(bus, together(bus, turn.wake_us), now_us)));
}

void bus_step(struct bus *bus)
{
    struct bus_exchange *exchange = &bus->exchange;
    bus->pace.due_ns = 0; /* on at once */
    if (!exchange->waiting)
        do_next(bus);
    else if (bus_exchange_continue(bus) == BUS_DOWN)
        connection_lost(bus);
    if (exchange->waiting)
        bus->pace.due_ns = transact_until_ns(&bus->transact);
    bus->pace.heard = false;
}

/* Whoever holds what devices said against what arrived has to know of these. */
static void say_broken_off(const struct bus *bus)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        const struct device *device = &bus->devices[i];
        if (device->config->unit == bus->transact.broken_off ||
            device->read > device->poll.first_read)
            log_write(LOG_LEVEL_INFO, "bus %s: ended in the midst of a poll of %s", bus->bus->name,
                      device->config->name);
    }
}

void bus_end(struct bus *bus)
{
    say_broken_off(bus);
    bus_end_requests(bus);
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        device_gap_flush(&bus->devices[i], bus->sink);
    line_end(&bus->line);
}

static void *run(void *context)
{
    struct bus *bus = context;
    (void)prctl(PR_SET_TIMERSLACK, 1); /* silences are waited for to the microsecond */
    if (bus->bus->type == BUS_RTU) {   /* first in line for a processor, where that is allowed: a
                                          line's thread sleeps nearly all the time */
        struct sched_param real_time = {.sched_priority = 1};
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &real_time);
    }
    while (!atomic_load(&bus->control.stopping)) {
        atomic_store(&bus->control.step_ms, bus_now_ms());
        bus_step(bus);
        bus_report(bus, bus_now_ms());
    }
    bus_end(bus);
    return NULL;
}

void bus_destroy(struct bus *bus)
{
    line_end(&bus->line);
    if (bus->wake_fd >= 0 && bus->bus->type != BUS_TCP) /* else it is the loop's */
        (void)close(bus->wake_fd);
    (void)pthread_mutex_destroy(&bus->mutex);
    free(bus->owed);
    free(bus->units);
    free(bus->devices);
    free(bus->memory.nodes);
    free(bus->memory.rare);
    free(bus->memory.maps);
    free(bus->memory.words);
    connection_free(bus);
    requests_free(bus);
    free(bus->caution);
    free(bus->polling);
    free(bus->tending);
    free(bus->reporting);
    free(bus);
}

static unsigned nodes_of(const struct config *config, const struct bus_config *bus)
{
    unsigned nodes = 0;
    for (unsigned i = 0; i < bus->device_count; i++)
        nodes += config->devices[bus->devices[i]].profile->node;
    return nodes;
}

static const struct decode_map *map_of(const struct bus_memory *memory,
                                       const struct profile_config *profile)
{
    const struct decode_map *map = memory->maps;
    while (map->profile != profile)
        map++;
    return map;
}

/* A map for each profile, and the words of all devices. */
static bool maps_init(struct bus *bus)
{
    const struct bus_config *own = bus->bus;
    unsigned maps = 0, words = 0;
    bus->memory.maps = calloc(own->device_count + 1u, sizeof *bus->memory.maps);
    if (bus->memory.maps == NULL)
        return false;
    for (unsigned i = 0; i < own->device_count; i++) {
        const struct profile_config *profile = bus->config->devices[own->devices[i]].profile;
        unsigned at = 0;
        while (at < maps && bus->memory.maps[at].profile != profile)
            at++;
        if (at == maps)
            decode_map_init(&bus->memory.maps[maps++], profile);
        words += device_words(&bus->memory.maps[at]);
    }
    struct decode_map *fitting = realloc(bus->memory.maps, (maps + 1u) * sizeof *fitting);
    if (fitting != NULL)
        bus->memory.maps = fitting;
    bus->memory.words = calloc(words + 1u, sizeof *bus->memory.words);
    return bus->memory.words != NULL;
}

struct bus *bus_create(const struct config *config, uint16_t bus_index, uint32_t boot,
                       const struct reading_sink *sink)
{
    const struct bus_config *own = &config->buses[bus_index];
    uint16_t count = own->device_count;
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL)
        return NULL;
    int64_t now = bus_now_ms();
    (void)pthread_mutex_init(&bus->mutex, NULL);
    bus->config = config;
    bus->bus = own;
    bus->sink = sink;
    atomic_store(&bus->control.step_ms, now);
    bool looped = own->type == BUS_TCP;
    bus->wake_fd = looped ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    line_init(&bus->line, own, bus->wake_fd);
    transact_init(&bus->transact, &bus->line);
    bus->owed = looped ? NULL : calloc(BUS_UNITS, sizeof *bus->owed);
    bus->transact.owed = bus->owed;
    bus->units = calloc(count + 1u, sizeof *bus->units); /* there may be none yet */
    bus->devices = calloc(count + 1u, sizeof *bus->devices);
    bus->memory.nodes = calloc(nodes_of(config, own) + 1u, sizeof *bus->memory.nodes);
    bus->memory.rare = calloc(count + 1u, sizeof *bus->memory.rare);
    bool parts = connection_init(bus) && caution_init(bus) && polling_init(bus) &&
                 tending_init(bus) && requests_init(bus) && reporting_init(bus) && maps_init(bus);
    if (!parts || (!looped && (bus->wake_fd < 0 || bus->owed == NULL)) || bus->units == NULL ||
        bus->devices == NULL || bus->memory.nodes == NULL || bus->memory.rare == NULL) {
        bus_destroy(bus);
        return NULL;
    }
    unsigned nodes = 0, words = 0;
    bus->pace.together_us = looped ? TOGETHER_MOST_US : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct device_config *device = &config->devices[own->devices[i]];
        const struct decode_map *map = map_of(&bus->memory, device->profile);
        struct device_memory memory = {
            .map = map,
            .rare = &bus->memory.rare[i],
            .words = bus->memory.words + words,
            .room = device_words(map),
            .node = device->profile->node ? &bus->memory.nodes[nodes++] : NULL,
        };
        words += memory.room;
        device_init(&bus->devices[i], device, own, boot, sink, &memory);
        log_state_init(&bus->devices[i].logs.state, DEVICE_ONLINE);
        log_state_init(&bus->devices[i].logs.hint, 0);
        bus->units[i].period_us = device->every_ms * 1000LL;
        if (bus->units[i].period_us / TOGETHER_SHARE < bus->pace.together_us)
            bus->pace.together_us = bus->units[i].period_us / TOGETHER_SHARE;
    }
    bus->node_count = nodes;
    schedule_init(&bus->schedule, bus->units, count, now * 1000);
    return bus;
}

/* Converters may be hundreds: each has the stack that it needs and not what a program may have,
 * with a guard page as every thread has. */
static int start_thread(struct bus *bus)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    if (bus->bus->type == BUS_RTU_OVER_TCP)
        error = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (error == 0)
        error = pthread_create(&bus->thread, &attributes, run, bus);
    (void)pthread_attr_destroy(&attributes);
    return error;
}

struct bus *bus_start(const struct config *config, uint16_t bus_index, uint32_t boot,
                      const struct reading_sink *sink)
{
    struct bus *bus = bus_create(config, bus_index, boot, sink);
    if (bus != NULL && boot > 1) /* the process before may have sent requests */
        connection_after_strangers(bus);
    int error = bus == NULL                 ? ENOMEM
                : bus->bus->type == BUS_TCP ? tcp_loop_join(bus)
                                            : start_thread(bus);
    if (error == 0)
        return bus;
    if (bus != NULL)
        bus_destroy(bus);
    errno = error;
    return NULL;
}

void bus_wake(struct bus *bus)
{
    uint64_t one = 1;
    atomic_store(&bus->control.woken, true);
    ssize_t written = write(bus->wake_fd, &one, sizeof one);
    (void)written; /* full: it is awake anyhow */
}

void bus_stop(struct bus *bus)
{
    if (bus == NULL)
        return;
    atomic_store(&bus->control.stopping, true);
    atomic_store(&bus->transact.stopping, true);
    bus_wake(bus);
    if (bus->bus->type == BUS_TCP)
        tcp_loop_leave(bus);
    else
        (void)pthread_join(bus->thread, NULL);
    bus_destroy(bus);
}

void bus_pause(struct bus *bus, uint32_t seconds)
{
    atomic_store(&bus->control.paused_until_ms, seconds ? bus_now_ms() + seconds * 1000LL : 0);
    bus_wake(bus);
}

bool bus_port_free(struct bus *bus)
{
    return atomic_load(&bus->control.paused);
}

int64_t bus_idle_ms(struct bus *bus)
{
    return bus->bus->type == BUS_TCP ? tcp_loop_idle_ms()
                                     : bus_now_ms() - atomic_load(&bus->control.step_ms);
}
