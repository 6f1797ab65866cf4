/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bus/garden.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/bus/line.h"
#include "gateway/daemon/log.h"
#include "protocols/modbus/rtu.h"

#define MS         1000000LL
#define PATIENCE_S 20
#define PENDING    16
#define LINE_MS    25 /* more than the frames' time on a true line of 9600 baud */

struct garden garden;
struct bus *garden_bus;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct config *config;
    struct reading_sink sink;
    char folder[32];
    int master, holder, end[2];
    uint8_t in[512];
    size_t have;
    struct {
        int64_t due_ns;
        uint8_t bytes[RTU_FRAME_MAX];
        size_t size;
    } pending[PENDING];
} own = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void lock(void)
{
    (void)pthread_mutex_lock(&own.mutex);
}

static void unlock(void)
{
    (void)pthread_cond_broadcast(&own.changed);
    (void)pthread_mutex_unlock(&own.mutex);
}

/* --- the units --- */

static void say(int64_t due_ns, const uint8_t *bytes, size_t size)
{
    for (unsigned i = 0; i < PENDING; i++) {
        if (own.pending[i].size)
            continue;
        own.pending[i].due_ns = due_ns;
        memcpy(own.pending[i].bytes, bytes, size);
        own.pending[i].size = size;
        return;
    }
}

static size_t answer_pdu(struct garden_unit *unit, const uint8_t *pdu, struct garden_frame *frame,
                         uint8_t *answer)
{
    bool read = pdu[0] <= 4;
    uint32_t wanted = ((1u << frame->count) - 1) << frame->address;
    frame->refused = frame->address + frame->count > GARDEN_REGISTERS ||
                     (read && wanted & unit->refuses) ||
                     (read && unit->write_only && frame->address >= 8);
    answer[0] = pdu[0];
    if (frame->refused) {
        answer[0] |= 0x80;
        answer[1] = 2;
        return 2;
    }
    if (read) {
        answer[1] = (uint8_t)(2 * frame->count);
        for (unsigned i = 0; i < frame->count; i++) {
            answer[2 + 2 * i] = (uint8_t)(unit->registers[frame->address + i] >> 8);
            answer[3 + 2 * i] = (uint8_t)unit->registers[frame->address + i];
        }
        return 2u + 2u * frame->count;
    }
    for (unsigned i = 0; !unit->stuck && i < frame->count; i++) {
        const uint8_t *data = pdu[0] == 6 ? pdu + 3 : pdu + 6 + 2 * i;
        unit->registers[frame->address + i] = (uint16_t)(data[0] << 8 | data[1]);
    }
    memcpy(answer + 1, pdu + 1, 4);
    return 5;
}

static void hear(const uint8_t *bytes, size_t size)
{
    uint8_t answer[256], out[RTU_FRAME_MAX];
    struct garden_frame frame = {.at_ns = line_now_ns(),
                                 .unit = bytes[0],
                                 .function = bytes[1],
                                 .address = (uint16_t)(bytes[2] << 8 | bytes[3]),
                                 .count = (uint16_t)(bytes[4] << 8 | bytes[5])};
    if (frame.function == 6)
        frame.count = 1;
    lock();
    if (garden.echo)
        say(frame.at_ns, bytes, size);
    struct garden_unit *unit = &garden.units[frame.unit % GARDEN_UNITS];
    bool lost = unit->lost_once;
    unit->lost_once = false;
    if (frame.unit > 0 && frame.unit < GARDEN_UNITS && unit->there && !lost) {
        size_t pdu_size = answer_pdu(unit, bytes + 1, &frame, answer);
        size_t out_size = rtu_build(frame.unit, answer, pdu_size, out, sizeof out);
        unsigned delay_ms = unit->late_once_ms ? unit->late_once_ms : unit->delay_ms;
        if (unit->busy_ns < frame.at_ns)
            unit->busy_ns = frame.at_ns;
        unit->busy_ns += (delay_ms ? delay_ms : LINE_MS) * MS;
        say(unit->busy_ns, out, out_size);
        unit->late_once_ms = 0;
    }
    if (garden.heard_count < GARDEN_HEARD)
        garden.heard[garden.heard_count++] = frame;
    unlock();
    if (garden.hears)
        garden.hears(&frame);
}

/* Requests one after the other; their size is known from the function. */
static void take_bytes(void)
{
    ssize_t got = read(own.master, own.in + own.have, sizeof own.in - own.have);
    own.have += got > 0 ? (size_t)got : 0;
    for (;;) {
        size_t size = own.have < 7 ? 8 : own.in[1] == 16 ? 9u + own.in[6] : 8;
        if (own.have < size)
            return;
        if (rtu_check(own.in, size))
            hear(own.in, size);
        own.have -= size;
        memmove(own.in, own.in + size, own.have);
    }
}

/* What is due is said; how long until the next is. */
static int say_due(void)
{
    int64_t now = line_now_ns(), next = now + 1000 * MS;
    lock();
    for (unsigned i = 0; i < PENDING; i++) {
        if (own.pending[i].size && own.pending[i].due_ns <= now) {
            ssize_t written = write(own.master, own.pending[i].bytes, own.pending[i].size);
            (void)written;
            own.pending[i].size = 0;
        } else if (own.pending[i].size && own.pending[i].due_ns < next) {
            next = own.pending[i].due_ns;
        }
    }
    unlock();
    return (int)((next - now) / MS) + 1;
}

static void *live(void *context)
{
    (void)context;
    for (;;) {
        struct pollfd fds[2] = {{.fd = own.master, .events = POLLIN},
                                {.fd = own.end[0], .events = POLLIN}};
        (void)poll(fds, 2, say_due());
        if (fds[1].revents)
            return NULL;
        if (fds[0].revents & POLLIN)
            take_bytes();
    }
}

/* --- the sink --- */

static void give_reading(void *context, const struct reading *reading)
{
    (void)context;
    lock();
    garden.devices[reading->device].readings++;
    garden.devices[reading->device].last = *reading;
    unlock();
}

static void give_gap(void *context, const struct reading_gap *gap)
{
    (void)context;
    lock();
    garden.devices[gap->device].gaps[gap->why] += gap->last_seq - gap->first_seq + 1;
    unlock();
}

static void give_health(void *context, const struct device_health *health)
{
    (void)context;
    lock();
    garden.devices[health->device].health = *health;
    unlock();
}

/* --- life --- */

static void write_file(const char *name, const char *text)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", own.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", own.folder, name);
    (void)unlink(path);
}

void garden_reset(void)
{
    memset(&garden, 0, sizeof garden);
    for (unsigned unit = 0; unit < GARDEN_UNITS; unit++) {
        for (unsigned i = 0; i < GARDEN_REGISTERS; i++)
            garden.units[unit].registers[i] = (uint16_t)(256 * unit + i);
    }
    memset(own.pending, 0, sizeof own.pending);
    own.have = 0;
}

static void open_line(void)
{
    own.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(own.master >= 0);
    assert_int_equal(grantpt(own.master), 0);
    assert_int_equal(unlockpt(own.master), 0);
    struct termios raw;
    assert_int_equal(tcgetattr(own.master, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(own.master, TCSANOW, &raw), 0);
    /* Held open, or the master ends when the bus closes its side. */
    own.holder = open(ptsname(own.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(own.holder >= 0);
}

void garden_start(const char *keys, const char *devices, const char *profile, const char *other)
{
    char text[4096];
    struct config_error error;
    strcpy(own.folder, "/tmp/test_bus.XXXXXX");
    assert_non_null(mkdtemp(own.folder));
    open_line();
    assert_int_equal(pipe(own.end), 0);
    write_file("p.yaml", profile);
    write_file("q.yaml", other ? other : profile);
    (void)snprintf(text, sizeof text,
                   "site: s\nprofiles: %s\nbuses:\n  - name: b\n    port: %s\n    baud: 9600\n"
                   "    allow_overload: true\n%s    devices:\n%s",
                   own.folder, ptsname(own.master), keys, devices);
    write_file("gateway.yaml", text);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/gateway.yaml", own.folder);
    own.config = config_load(path, NULL, &error);
    if (!own.config)
        fail_msg("%s", error.text);
    log_set_level(LOG_LEVEL_ERROR);
    own.sink =
        (struct reading_sink){.reading = give_reading, .gap = give_gap, .health = give_health};
    assert_int_equal(pthread_create(&own.thread, NULL, live, NULL), 0);
    garden_bus = bus_start(own.config, 0, 1, &own.sink);
    assert_non_null(garden_bus);
}

int64_t garden_stop(void)
{
    int64_t begun = line_now_ns();
    bus_stop(garden_bus);
    int64_t took = line_now_ns() - begun;
    garden_bus = NULL;
    assert_int_equal(write(own.end[1], "", 1), 1);
    assert_int_equal(pthread_join(own.thread, NULL), 0);
    int fds[] = {own.master, own.holder, own.end[0], own.end[1]};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(close(fds[i]), 0);
    config_free(own.config);
    remove_file("p.yaml");
    remove_file("q.yaml");
    remove_file("gateway.yaml");
    assert_int_equal(rmdir(own.folder), 0);
    return took;
}

/* --- looking --- */

unsigned garden_heard(void)
{
    lock();
    unsigned count = garden.heard_count;
    unlock();
    return count;
}

struct garden_frame garden_frame(unsigned at)
{
    lock();
    assert_true(at < garden.heard_count);
    struct garden_frame frame = garden.heard[at];
    unlock();
    return frame;
}

struct garden_device garden_device(unsigned device)
{
    lock();
    struct garden_device copy = garden.devices[device];
    unlock();
    return copy;
}

unsigned garden_readings(unsigned device)
{
    return garden_device(device).readings;
}

unsigned garden_gaps(unsigned device, enum gap_why why)
{
    return garden_device(device).gaps[why];
}

/* Waits until *value is at least `least`. */
static void wait_for(const unsigned *value, unsigned least)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&own.mutex);
    int error = 0;
    while (*value < least && error == 0)
        error = pthread_cond_timedwait(&own.changed, &own.mutex, &deadline);
    unsigned reached = *value;
    (void)pthread_mutex_unlock(&own.mutex);
    if (reached < least)
        fail_msg("waited in vain: %u of %u", reached, least);
}

void garden_wait_readings(unsigned device, unsigned count)
{
    wait_for(&garden.devices[device].readings, count);
}

void garden_wait_heard(unsigned count)
{
    wait_for(&garden.heard_count, count);
}

static void done(void *context, const struct bus_reply *reply)
{
    struct garden_call *call = context;
    lock();
    call->reply = *reply;
    call->done = 1;
    unlock();
}

void garden_submit(struct garden_call *call, uint8_t unit, const char *pdu, unsigned size)
{
    call->done = 0;
    call->request.unit = unit;
    call->request.pdu_size = (uint16_t)size;
    memcpy(call->request.pdu, pdu, size);
    call->request.context = call;
    call->request.done = done;
    assert_int_equal(bus_submit(garden_bus, &call->request), BUS_OK);
}

void garden_wait(struct garden_call *call)
{
    wait_for(&call->done, 1);
}
