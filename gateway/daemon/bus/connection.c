/* SPDX-License-Identifier: Apache-2.0 */
/* When the port or the connection is opened and closed:
 *
 *     closed ──open──> up ──it failed──> closed, opened again with back-off
 *                      │ no one answers for 30 s (serial, RTU over TCP) ──> opened anew
 *                      └ nothing to ask, and `close:` or the server ends it ──> dormant
 *     dormant ──something to request──> up
 *
 * A server that ends connections that rest is not connected to before it is asked again: one
 * connection a poll, and to everybody else the line is up all the time. Adapters and converters go
 * deaf: they look open and pass nothing on until they are opened anew.
 *
 * A converter that dials in connects by itself (listener.h): what it makes is taken in the place of
 * what it had before, which is dead although it may look open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/impl.h"

#define OPEN_FIRST_MS    200
#define OPEN_MOST_MS     1000
#define DEAF_MS          30000
#define DEAF_AGAIN_MS    60000
#define FLICKER_MS       2000 /* gone so soon after it had come */
#define LISTEN_FIRST_MS  200  /* another master may have sent a request just before it was opened */
#define TAKEN_OVER_MS    60000 /* a converter dials in again so soon after it has dialled in */
#define FLICKERS         3
#define FLICKER_MAX      100
#define STEADY_MS        10000
#define FLICKER_SHOWN_MS 600000

struct connection {
    int64_t opened_ms;
    uint32_t open_wait_ms;
    int64_t used_ms;    /* end of the last request */
    int64_t silent_ms;  /* first request since the last answer, or the last opening; 0: answered */
    int64_t deaf_ms;    /* last time that it was opened anew because no one answered; 0: never */
    uint8_t flickers;   /* in a row: the port was gone again as soon as it had come, or a converter
                           dialled in over the connection that it had */
    int64_t flicker_ms; /* … for the last time */
    int64_t strangers_us; /* until then another process may have polled the units; 0: never */
    int open_error;       /* of the last try */
    int given_fd;         /* under the mutex: a converter that has dialled in; -1: none */
    char given_from[48];
    struct log_state line_log, deaf_log;
};

bool connection_init(struct bus *bus)
{
    bus->connection = calloc(1, sizeof *bus->connection);
    if (bus->connection == NULL)
        return false;
    bus->connection->open_wait_ms = OPEN_FIRST_MS;
    bus->connection->given_fd = -1;
    log_state_init(&bus->connection->deaf_log, 0);
    return true;
}

void connection_free(struct bus *bus)
{
    if (bus->connection != NULL && bus->connection->given_fd >= 0)
        (void)close(bus->connection->given_fd);
    free(bus->connection);
}

void connection_after_strangers(struct bus *bus)
{
    bus->connection->strangers_us = line_now_ns() / US;
}

int connection_error(const struct bus *bus)
{
    return bus->connection->open_error;
}

bool connection_fine(const struct bus *bus)
{
    return bus->link.up || bus->link.dormant;
}

static void back_off(struct bus *bus)
{
    bus->connection->open_wait_ms = bus->connection->open_wait_ms * 2 < OPEN_MOST_MS
                                        ? bus->connection->open_wait_ms * 2
                                        : OPEN_MOST_MS;
}

static void close_line(struct bus *bus)
{
    line_close(&bus->line);
    if (bus->link.up && bus->bus->dial_in != NULL)
        bus_report_soon(bus); /* it is away */
    bus->link.up = false;
    bus->link.dormant = false;
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        bus->devices[i].read = 0;
}

static void open_soon(struct bus *bus, int64_t at_ms)
{
    bus->connection->open_wait_ms = OPEN_FIRST_MS;
    bus->link.open_at_ms = at_ms;
}

/* Closed in peace: everything is as if it were open, until something is to be asked. */
static void retire(struct bus *bus)
{
    close_line(bus);
    open_soon(bus, bus_now_ms());
    bus->link.dormant = true;
}

/* brltty and ModemManager take adapters away, and a bad plug loses them: the port is there for a
 * moment, again and again. Two converters with one registration push each other out. */
static void note_flicker(struct bus *bus, int64_t now)
{
    int64_t most_ms = bus->bus->dial_in != NULL ? TAKEN_OVER_MS : FLICKER_MS;
    if (!bus->link.up || now - bus->connection->opened_ms >= most_ms)
        return;
    if (bus->connection->flickers < FLICKER_MAX)
        bus->connection->flickers++;
    bus->connection->flicker_ms = now;
    if (bus->connection->flickers == FLICKERS)
        bus_report_soon(bus);
}

void connection_lost(struct bus *bus)
{
    int64_t now = bus_now_ms();
    if (bus->bus->type == BUS_RTU)
        note_flicker(bus, now);
    close_line(bus);
    if (bus->bus->type == BUS_RTU) { /* the adapter went */
        open_soon(bus, now + OPEN_FIRST_MS);
    } else if (bus->link.useful) { /* one request failed: on with the others */
        open_soon(bus, now);
    } else { /* connections are good for nothing: ever fewer of them */
        back_off(bus);
        bus->link.open_at_ms = bus->connection->opened_ms + bus->connection->open_wait_ms;
    }
}

void connection_ended(struct bus *bus)
{
    if (bus->bus->type != BUS_RTU && bus->bus->dial_in == NULL && bus->link.useful &&
        bus->line.ended)
        retire(bus);
    else
        connection_lost(bus);
}

/* True while another program has the port. */
static bool keep_pause(struct bus *bus, int64_t now)
{
    bool wanted = atomic_load(&bus->control.paused_until_ms) > now,
         paused = atomic_load(&bus->control.paused);
    if (wanted && !paused) {
        close_line(bus);
        line_end(&bus->line); /* also one that is being made */
        log_write(LOG_LEVEL_NOTICE, "bus %s: paused, %s is closed", bus->bus->name, bus->bus->port);
    } else if (!wanted && paused) {
        bus->connection->strangers_us = now * US;
        open_soon(bus, now);
        log_write(LOG_LEVEL_NOTICE, "bus %s: the pause is over", bus->bus->name);
    }
    atomic_store(&bus->control.paused, wanted);
    return wanted;
}

/* Whoever had the line may have ended before the answer: as after a timeout, the units are left
 * alone until that can't come any more. A node's answers are numbered. */
static void leave_alone(struct bus *bus)
{
    for (unsigned i = 0; bus->connection->strangers_us != 0 && i < bus->bus->device_count; i++) {
        const struct device *device = &bus->devices[i];
        int64_t late_us = 2 * device_ceiling_ns(device->config, bus->bus) / US;
        int64_t quiet_us = device->node == NULL ? bus->connection->strangers_us + late_us : 0;
        if (quiet_us > bus->units[i].quiet_us)
            bus->units[i].quiet_us = quiet_us;
    }
}

static void opened(struct bus *bus, int64_t now)
{
    bool slept = bus->link.dormant;
    bus->link.up = true;
    bus->link.dormant = bus->link.useful = false;
    bus->connection->opened_ms = bus->connection->used_ms = now;
    bus->connection->silent_ms = 0;
    bool listens = bus->bus->type != BUS_TCP && !slept;
    bus->link.ready_ms = now + bus->bus->settle_ms;
    if (listens && bus->bus->settle_ms < LISTEN_FIRST_MS)
        bus->link.ready_ms = now + LISTEN_FIRST_MS;
    bus->transact.listening = false;
    echoes_open(&bus->transact.echoes, line_now_ns());
    if (slept)
        return; /* the same as before, as far as anybody can know */
    report_reopened(bus);
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].node != NULL) /* another adapter, with others behind it? */
            own_node_silent(bus->devices[i].node);
    }
    if (bus->bus->type == BUS_RTU)
        schedule_restart(&bus->schedule, now * US);
    if (bus->bus->type != BUS_TCP)
        leave_alone(bus);
}

void bus_give(struct bus *bus, int fd, const char *from)
{
    (void)pthread_mutex_lock(&bus->mutex);
    int before = bus->connection->given_fd;
    bus->connection->given_fd = fd;
    (void)snprintf(bus->connection->given_from, sizeof bus->connection->given_from, "%s", from);
    (void)pthread_mutex_unlock(&bus->mutex);
    if (before >= 0)
        (void)close(before);
    bus_wake(bus);
}

static bool has_dialled_in(struct bus *bus)
{
    if (bus->bus->dial_in == NULL)
        return false;
    (void)pthread_mutex_lock(&bus->mutex);
    bool given = bus->connection->given_fd >= 0;
    (void)pthread_mutex_unlock(&bus->mutex);
    return given;
}

/* The connection that the converter made, if it has. */
static int take_given(struct bus *bus)
{
    char from[sizeof bus->connection->given_from];
    (void)pthread_mutex_lock(&bus->mutex);
    int fd = bus->connection->given_fd;
    bus->connection->given_fd = -1;
    memcpy(from, bus->connection->given_from, sizeof from);
    (void)pthread_mutex_unlock(&bus->mutex);
    int state = fd >= 0 ? 0 : ENOTCONN;
    log_change(&bus->connection->line_log, state, fd >= 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
               "bus %s: its converter %s%s", bus->bus->name,
               fd >= 0 ? "has dialled in, from " : "is away: waiting until it dials in",
               fd >= 0 ? from : "");
    if (fd < 0)
        return ENOTCONN;
    note_flicker(bus, bus_now_ms());
    close_line(bus);
    line_adopt(&bus->line, fd);
    bus_report_soon(bus);
    return 0;
}

static void note_open(struct bus *bus, int error)
{
    char text[BUS_OPEN_TEXT_SIZE];
    log_change(&bus->connection->line_log, error == 0 ? 0 : error,
               error ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "bus %s: %s %s%s%s", bus->bus->name,
               bus->bus->port, error ? "can't be opened: " : "is open",
               error ? bus_open_text(error, bus->bus->port, text) : "", error ? "; trying on" : "");
}

static void try_open(struct bus *bus)
{
    bool dials_in = bus->bus->dial_in != NULL;
    int error = dials_in ? take_given(bus) : line_open(&bus->line);
    int64_t now = bus_now_ms();
    bus->connection->open_error = error;
    if (error == EALREADY) { /* being connected: on with it at once, or when the loop says so */
        bus->link.open_at_ms = bus->line.epoll_fd < 0 ? now : bus->line.connect_until_ns / MS + 1;
        return;
    }
    if (!dials_in)
        note_open(bus, error);
    if (error == 0) {
        opened(bus, now);
        return;
    }
    bus->link.dormant = false;
    if (error != ENOENT) /* a port that comes for a moment must be seen */
        back_off(bus);
    bus->link.open_at_ms = now + bus->connection->open_wait_ms;
}

/* No one answers any more: neither the port nor the connection reports that it is dead. */
static void wake_the_deaf(struct bus *bus, int64_t now)
{
    bool silent = bus->connection->silent_ms != 0 && now - bus->connection->silent_ms >= DEAF_MS;
    bool again = bus->connection->deaf_ms != 0 && now - bus->connection->deaf_ms < DEAF_AGAIN_MS;
    bool kept = bus->bus->type != BUS_TCP || bus->bus->dial_in != NULL;
    if (!bus->link.up || !kept || !silent || again)
        return; /* other connections are closed whenever an answer is missing */
    bus->connection->deaf_ms = now;
    log_change(&bus->connection->deaf_log, 1, LOG_LEVEL_WARNING,
               "bus %s: no unit has answered for %d s; %s is opened anew, and again every minute "
               "while none does",
               bus->bus->name, DEAF_MS / 1000, bus->bus->port);
    close_line(bus);
    open_soon(bus, now + OPEN_FIRST_MS); /* what is fed by its control lines loses its power */
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        uint32_t missed = schedule_skip(&bus->schedule, i, now * US);
        device_gap(&bus->devices[i], missed, GAP_TIMEOUT, now, bus->sink);
    }
    schedule_restart(&bus->schedule, now * US);
}

void connection_used(struct bus *bus, const struct transact_request *request,
                     const struct transact_answer *answer)
{
    int64_t now = answer->end_ns / MS;
    enum bus_result result = answer->result;
    bus->connection->used_ms = now;
    bus->link.useful = bus->link.useful || result == BUS_OK || result == BUS_EXCEPTION;
    if (request->unit == MODBUS_BROADCAST && bus->bus->type != BUS_TCP)
        return;
    if (result != BUS_OK && result != BUS_EXCEPTION) {
        if (bus->connection->silent_ms == 0)
            bus->connection->silent_ms = now;
        return;
    }
    bus->connection->silent_ms = 0;
    if (now - bus->connection->opened_ms >= (bus->bus->dial_in != NULL ? TAKEN_OVER_MS : STEADY_MS))
        bus->connection->flickers = 0;
    if (log_shows(&bus->connection->deaf_log, 0))
        return;
    log_change(&bus->connection->deaf_log, 0, LOG_LEVEL_NOTICE,
               "bus %s: units answer again since %s was opened anew: does the adapter or converter "
               "go deaf now and then?",
               bus->bus->name, bus->bus->port);
}

/* Is a poll due, or is there a request of others? */
static bool is_wanted(struct bus *bus, int64_t now)
{
    return schedule_next(&bus->schedule, now * US).unit >= 0 ||
           bus_requests_ready_us(bus) <= now * US;
}

bool connection_tend(struct bus *bus, int64_t now)
{
    wake_the_deaf(bus, now);
    bool paused = keep_pause(bus, now);
    bool asleep = bus->link.dormant && bus->line.connecting < 0 && !is_wanted(bus, now);
    bool told = bus->pace.heard && bus->line.connecting >= 0;
    bool due = !bus->link.up && !asleep && (told || now >= bus->link.open_at_ms);
    if (!paused && (due || has_dialled_in(bus)))
        try_open(bus);
    return !paused && !asleep && bus->link.dormant; /* it is on its way: what is due waits for it */
}

/* In the midst of a poll, or does somebody wait for his request's turn? */
static bool is_busy(struct bus *bus)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].read > 0 || (bus->units[i].tries > 0 && !bus->units[i].dead))
            return true;
    }
    return bus_requests_ready_us(bus) != INT64_MAX;
}

int64_t connection_idle(struct bus *bus, int64_t until_us)
{
    bool closes = bus->bus->close_after || bus->bus->close_ms > 0;
    if (!closes || !bus->link.up || !bus->link.useful || is_busy(bus))
        return until_us;
    int64_t close_us = (bus->connection->used_ms + bus->bus->close_ms) * US;
    if (close_us <= bus_now_ms() * US)
        retire(bus);
    return !bus->link.up || until_us < close_us ? until_us : close_us;
}

bool connection_outlives(const struct bus *bus, enum bus_result result)
{
    bool dials_in = bus->bus->dial_in != NULL;
    return bus->bus->type != BUS_TCP || result == BUS_OK || result == BUS_EXCEPTION ||
           (dials_in && result == BUS_TIMEOUT);
}

bool connection_away(const struct bus *bus)
{
    return bus->bus->dial_in != NULL && !bus->link.up;
}

struct hint connection_hint(const struct bus *bus)
{
    if (connection_away(bus))
        return (struct hint){.id = HINT_NOT_DIALLED_IN};
    bool flickers = bus->connection->flickers >= FLICKERS &&
                    bus_now_ms() - bus->connection->flicker_ms < FLICKER_SHOWN_MS;
    enum hint_id hint = bus->bus->dial_in != NULL ? HINT_DIALS_AGAIN : HINT_PORT_FLICKERS;
    return (struct hint){.id = flickers ? (uint8_t)hint : HINT_NONE};
}
