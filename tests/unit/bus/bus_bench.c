/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bus/bus_bench.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/log.h"
#include "gateway/daemon/bus/impl.h"
#include "protocols/modbus/rtu.h"
#include "tests/unit/bus/virtual_line.h"

#define PATIENCE_NS (600000 * MS)
#define LOOK_NS     1000000 /* real time between two looks whether the bus is to end */
#define LINE_MS     25      /* more than the frames' time on a true line of 9600 baud */

struct bench bench;
struct bus *bench_bus;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const unsigned *goal; /* time passes until *goal is goal_least, */
    unsigned goal_least;
    int64_t until_ns; /* or until then; 0: it is to stand still */
    bool standing;    /* and does: before it waits the bus thread is still at what it did */
    uint32_t seed;
    struct config *config;
    struct reading_sink sink;
    char folder[32];
} own = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void lock(void)
{
    (void)pthread_mutex_lock(&own.mutex);
}

static bool reached(void)
{
    return (own.goal != NULL && *own.goal >= own.goal_least) || line_now_ns() >= own.until_ns;
}

static void unlock(void)
{
    if (own.until_ns && reached())
        own.until_ns = 0;
    (void)pthread_mutex_unlock(&own.mutex);
}

static bool is_to_end(void)
{
    return bench_bus != NULL && atomic_load(&bench_bus->transact.stopping);
}

/* The bus thread, before it waits for anything. */
static void stand_still(void)
{
    lock();
    if (own.until_ns && reached())
        own.until_ns = 0;
    own.standing = true;
    if (!own.until_ns)
        (void)pthread_cond_broadcast(&own.changed);
    while (!own.until_ns && !is_to_end()) {
        struct timespec look;
        (void)clock_gettime(CLOCK_REALTIME, &look);
        look.tv_nsec += LOOK_NS;
        look.tv_sec += look.tv_nsec / 1000000000;
        look.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&own.changed, &own.mutex, &look);
    }
    own.standing = false;
    (void)pthread_mutex_unlock(&own.mutex);
}

/* Lets time pass until *goal is `least`, or for so long. */
static void run(const unsigned *goal, unsigned least, int64_t for_ns)
{
    lock();
    own.goal = goal;
    own.goal_least = least;
    own.until_ns = line_now_ns() + for_ns;
    if (reached())
        own.until_ns = 0;
    (void)pthread_cond_broadcast(&own.changed);
    while (own.until_ns || !own.standing)
        (void)pthread_cond_wait(&own.changed, &own.mutex);
    own.goal = NULL;
    (void)pthread_mutex_unlock(&own.mutex);
}

/* ---- the units ---- */

static size_t answer_pdu(struct bench_unit *unit, const uint8_t *pdu, struct bench_frame *frame,
                         uint8_t *answer)
{
    bool read = pdu[0] <= 4;
    uint32_t wanted = ((1u << frame->count) - 1) << frame->address;
    frame->refused = frame->address + frame->count > BENCH_REGISTERS ||
                     (read && wanted & unit->refuses) ||
                     (read && unit->write_only && frame->address >= 8);
    answer[0] = pdu[0];
    if (read && wanted & unit->busy) {
        answer[0] |= 0x80;
        answer[1] = 6;
        return 2;
    }
    if (frame->refused) {
        answer[0] |= 0x80;
        answer[1] = unit->refuses_by ? unit->refuses_by : 2;
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

/* 0 … below-1, the same in every run (xorshift). */
static unsigned draw(unsigned below)
{
    own.seed ^= own.seed << 13;
    own.seed ^= own.seed >> 17;
    own.seed ^= own.seed << 5;
    return own.seed % below;
}

/* The line hears a request of the bus. */
static void hear(const uint8_t *bytes, size_t size)
{
    uint8_t answer[256], out[RTU_FRAME_MAX];
    struct bench_frame frame = {.at_ns = line_now_ns(),
                                .unit = bytes[0],
                                .function = bytes[1],
                                .address = (uint16_t)(bytes[2] << 8 | bytes[3]),
                                .count = (uint16_t)(bytes[4] << 8 | bytes[5])};
    if (frame.function == 6)
        frame.count = 1;
    lock();
    if (bench.echo)
        virtual_line_say(frame.at_ns, bytes, size);
    struct bench_unit *unit = &bench.units[frame.unit % BENCH_UNITS];
    bool lost = unit->lost_once;
    unit->lost_once = false;
    if (frame.unit > 0 && frame.unit < BENCH_UNITS && unit->there && !lost) {
        size_t pdu_size = answer_pdu(unit, bytes + 1, &frame, answer);
        if (frame.refused && unit->refuses_silently)
            pdu_size = 0;
        size_t out_size =
            pdu_size == 0 ? 0 : rtu_build(frame.unit, answer, pdu_size, out, sizeof out);
        unsigned delay_ms = unit->late_once_ms ? unit->late_once_ms : unit->delay_ms;
        if (unit->delay_most_ms > delay_ms && !unit->late_once_ms)
            delay_ms += draw(unit->delay_most_ms - delay_ms);
        if (unit->busy_ns < frame.at_ns)
            unit->busy_ns = frame.at_ns;
        unit->busy_ns += (delay_ms ? delay_ms : LINE_MS) * MS;
        if (out_size > 0)
            virtual_line_say(unit->busy_ns, out, out_size);
        unit->late_once_ms = 0;
    }
    if (bench.heard_count < BENCH_HEARD)
        bench.heard[bench.heard_count++] = frame;
    unlock();
    if (bench.hears != NULL)
        bench.hears(&frame);
}

/* ---- the sink ---- */

static void give_reading(void *context, const struct reading *reading)
{
    (void)context;
    lock();
    bench.devices[reading->device].readings++;
    bench.devices[reading->device].last = *reading;
    unlock();
    if (bench.takes != NULL)
        bench.takes(reading);
}

static void give_gap(void *context, const struct reading_gap *gap)
{
    (void)context;
    lock();
    bench.devices[gap->device].gaps[gap->why] += gap->last_seq - gap->first_seq + 1;
    unlock();
}

static void give_health(void *context, const struct device_health *health)
{
    (void)context;
    lock();
    bench.devices[health->device].health = *health;
    unlock();
}

/* ---- life ---- */

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

void bench_reset(void)
{
    memset(&bench, 0, sizeof bench);
    for (unsigned unit = 0; unit < BENCH_UNITS; unit++) {
        for (unsigned i = 0; i < BENCH_REGISTERS; i++)
            bench.units[unit].registers[i] = (uint16_t)(256 * unit + i);
    }
    own.seed = 20261129;
    virtual_line_reset();
    virtual_line.hears = hear;
    virtual_line.hold = stand_still;
}

void bench_start(const char *keys, const char *devices, const char *profile, const char *other)
{
    char text[4096];
    struct config_error error;
    strcpy(own.folder, "/tmp/test_bus.XXXXXX");
    assert_non_null(mkdtemp(own.folder));
    write_file("p.yaml", profile);
    write_file("q.yaml", other != NULL ? other : profile);
    (void)snprintf(
        text, sizeof text,
        "site: s\nprofiles: %s\nbuses:\n  - name: b\n    port: /dev/null\n    baud: 9600\n"
        "    allow_overload: true\n%s    devices:\n%s",
        own.folder, keys, devices);
    write_file("gateway.yaml", text);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/gateway.yaml", own.folder);
    own.config = config_load(path, NULL, &error);
    if (own.config == NULL)
        fail_msg("%s", error.text);
    log_set_level(LOG_LEVEL_ERROR);
    own.sink = (struct reading_sink){
        .reading = give_reading, .gap = give_gap, .health = give_health, .mark = bench.mark};
    struct bus *started = bus_start(own.config, 0, 1, &own.sink);
    assert_non_null(started);
    lock();
    bench_bus = started;
    unlock();
}

int64_t bench_stop(void)
{
    int64_t begun = line_now_ns();
    bus_stop(bench_bus);
    int64_t took = line_now_ns() - begun;
    bench_bus = NULL;
    config_free(own.config);
    remove_file("p.yaml");
    remove_file("q.yaml");
    remove_file("gateway.yaml");
    assert_int_equal(rmdir(own.folder), 0);
    return took;
}

/* ---- looking ---- */

unsigned bench_heard(void)
{
    lock();
    unsigned count = bench.heard_count;
    unlock();
    return count;
}

struct bench_frame bench_frame(unsigned at)
{
    lock();
    assert_true(at < bench.heard_count);
    struct bench_frame frame = bench.heard[at];
    unlock();
    return frame;
}

struct bench_device bench_device(unsigned device)
{
    lock();
    struct bench_device copy = bench.devices[device];
    unlock();
    return copy;
}

unsigned bench_readings(unsigned device)
{
    return bench_device(device).readings;
}

unsigned bench_gaps(unsigned device, enum gap_why why)
{
    return bench_device(device).gaps[why];
}

void bench_run(int64_t for_ns)
{
    run(NULL, 0, for_ns);
}

/* Waits until *value is at least `least`. */
static void wait_for(const unsigned *value, unsigned least)
{
    run(value, least, PATIENCE_NS);
    lock();
    unsigned reached_value = *value;
    unlock();
    if (reached_value < least)
        fail_msg("waited in vain: %u of %u", reached_value, least);
}

void bench_wait_readings(unsigned device, unsigned count)
{
    wait_for(&bench.devices[device].readings, count);
}

void bench_wait_heard(unsigned count)
{
    wait_for(&bench.heard_count, count);
}

static void done(void *context, const struct bus_reply *reply)
{
    struct bench_call *call = context;
    lock();
    call->reply = *reply;
    call->done = 1;
    unlock();
}

void bench_submit(struct bench_call *call, uint8_t unit, const char *pdu, unsigned size)
{
    lock(); /* it may be waited for by now */
    call->done = 0;
    unlock();
    call->request.unit = unit;
    call->request.pdu_size = (uint16_t)size;
    memcpy(call->request.pdu, pdu, size);
    call->request.context = call;
    call->request.done = done;
    assert_int_equal(bus_submit(bench_bus, &call->request), BUS_OK);
}

void bench_wait(struct bench_call *call)
{
    wait_for(&call->done, 1);
}
