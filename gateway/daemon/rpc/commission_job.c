/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/commission_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_S      15
#define RENEW_MS     5000
#define LOOK_MS      10
#define TICK_MS      200
#define BUSY_LOOKS   200   /* at a port that another program holds */
#define PORT_MOST_MS 10000 /* longer than any request takes */

static void free_job(void *state)
{
    struct job *job = state;
    loop_timer_stop(&job->timer);
    if (job->started && !job->joined) { /* the daemon ends */
        atomic_store(&job->abandoned, true);
        (void)pthread_join(job->thread, NULL);
    }
    recognise_close(&job->book);
    free(job->plan.names);
    (void)pthread_mutex_destroy(&job->mutex);
}

static bool is_job_of(const struct rpc_call *call, uint16_t bus)
{
    return call->release == free_job && ((const struct job *)call->state)->bus == bus;
}

static void end_job(struct rpc_call *call)
{
    struct job *job = call->state;
    char text[BUS_OPEN_TEXT_SIZE], message[CONFIG_PATH_SIZE + BUS_OPEN_TEXT_SIZE];
    (void)pthread_join(job->thread, NULL);
    job->joined = true;
    bus_pause(call->rpc->parts.buses[job->bus], 0);
    if (job->error != 0) {
        const char *port = call->rpc->config->buses[job->bus].port;
        (void)snprintf(message, sizeof message, "%s: %s", port,
                       bus_open_text(job->error, port, text));
        rpc_fail(call, "down", message, "`baiye doctor` looks what is wrong with the port");
        return;
    }
    json_t *result = job->result(call);
    if (result != NULL)
        rpc_end(call, result);
}

static void *work(void *context)
{
    struct rpc_call *call = context;
    struct job *job = call->state;
    const struct bus_config *bus = &call->rpc->config->buses[job->bus];
    const struct timespec rest = {.tv_nsec = LOOK_MS * 1000000L};
    /* A bus that was just resumed may have been about to open the port. */
    for (unsigned i = 0; i == 0 || (job->error == EBUSY && i < BUSY_LOOKS); i++) {
        if (i > 0)
            (void)nanosleep(&rest, NULL);
        job->error = bench_open_bus(&job->bench, bus);
    }
    if (job->error == 0) {
        job->work(call, job);
        bench_close(&job->bench);
    }
    call->resume = end_job;
    rpc_resume(call);
    return NULL;
}

static void tick(struct loop_timer *timer)
{
    struct rpc_call *call = timer->context;
    struct job *job = call->state;
    struct bus *bus = call->rpc->parts.buses[job->bus];
    int64_t now_ms = loop_now_ms();
    if (call->answer == NULL)
        atomic_store(&job->abandoned, true);
    if (now_ms >= job->renew_ms) {
        bus_pause(bus, PAUSE_S);
        job->renew_ms = now_ms + RENEW_MS;
    }
    if (!job->started && bus_port_free(bus)) {
        job->started = pthread_create(&job->thread, NULL, work, call) == 0;
        if (!job->started) {
            bus_pause(bus, 0);
            rpc_fail(call, "memory", "the gateway can't start a thread", "ask again later");
            return;
        }
    } else if (!job->started && now_ms > job->until_ms) {
        bus_pause(bus, 0);
        rpc_fail(call, "timeout", "the line is still at work", "ask again in a few seconds");
        return;
    }
    loop_timer_start(call->rpc->loop, timer, job->started ? TICK_MS : LOOK_MS);
}

struct job *job_open(struct rpc_call *call)
{
    uint16_t bus;
    if (!rpc_bus(call, &bus))
        return NULL;
    bool busy = false;
    for (const struct rpc_call *other = call->rpc->calls; other != NULL; other = other->next)
        busy = busy || is_job_of(other, bus);
    if (call->rpc->config->buses[bus].type != BUS_RTU) {
        rpc_fail(call, "invalid", "this works on serial lines only",
                 "what is behind a converter is set up at the converter, or by `baiye scan`");
        return NULL;
    }
    if (busy) {
        rpc_fail(call, "busy", "another step is under way on this line",
                 "ask again when that is over");
        return NULL;
    }
    struct job *job = rpc_attach(call, sizeof *job, free_job);
    if (job == NULL)
        return NULL;
    job->bus = bus;
    job->call = call;
    (void)pthread_mutex_init(&job->mutex, NULL);
    return job;
}

void job_start(struct rpc_call *call)
{
    struct job *job = call->state;
    job->until_ms = loop_now_ms() + PORT_MOST_MS;
    job->timer = (struct loop_timer){.context = call, .expired = tick};
    tick(&job->timer);
}
