/* SPDX-License-Identifier: Apache-2.0 */
/* The method `poll`: one read again and again, each tried once, so that what a line loses is
 * counted and not hidden by a second try. Polls that are due go first; who wants a thousand asks
 * some at a time, and may stop in between. */
#include "gateway/daemon/rpc/call.h"
#include "protocols/modbus/request.h"

enum { POLLS_MOST = 50 };

struct polling {
    struct rpc_target target;
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    uint16_t size;
    unsigned wanted, polls, good, refused, timeouts, garbled;
    json_t *turnarounds_us;
};

static void free_polling(void *state)
{
    json_decref(((struct polling *)state)->turnarounds_us);
}

static void polled(struct rpc_call *call);

static void poll_next(struct rpc_call *call)
{
    const struct polling *polling = call->state;
    rpc_request_bus(call, &polling->target, polling->pdu, polling->size, polled);
}

/* False: it is the line that can't be asked. A refusal came in one piece: it is no error of it. */
static bool count_reply(struct polling *polling, const struct bus_reply *reply)
{
    bool answered = reply->result == BUS_OK || reply->result == BUS_EXCEPTION;
    polling->good += reply->result == BUS_OK;
    polling->refused += reply->result == BUS_EXCEPTION;
    polling->timeouts += reply->result == BUS_TIMEOUT;
    polling->garbled += reply->result == BUS_GARBLED;
    if (answered)
        (void)json_array_append_new(polling->turnarounds_us, json_integer(reply->turnaround_us));
    polling->polls++;
    return answered || reply->result == BUS_TIMEOUT || reply->result == BUS_GARBLED;
}

static void polled(struct rpc_call *call)
{
    struct polling *polling = call->state;
    if (!count_reply(polling, &call->reply)) {
        rpc_fail_bus(call, &call->reply);
        return;
    }
    if (polling->polls < polling->wanted && call->answer != NULL) {
        poll_next(call);
        return;
    }
    rpc_end(call, json_pack("{s:i,s:i,s:i,s:i,s:i,s:O}", "polls", (int)polling->polls, "good",
                            (int)polling->good, "refused", (int)polling->refused, "timeouts",
                            (int)polling->timeouts, "garbled", (int)polling->garbled,
                            "turnarounds_us", polling->turnarounds_us));
}

/* {device, register, count, function, polls} */
static void run_poll(struct rpc_call *call)
{
    int64_t address, count, function, polls;
    const struct device_config *device = rpc_device(call);
    if (device == NULL || !rpc_integer(call, "register", 0, 65535, &address) ||
        !rpc_integer(call, "count", 1, 2000, &count) ||
        !rpc_integer(call, "function", 1, 4, &function) ||
        !rpc_integer(call, "polls", 1, POLLS_MOST, &polls))
        return;
    struct polling *polling = rpc_attach(call, sizeof *polling, free_polling);
    if (polling == NULL)
        return;
    polling->target =
        (struct rpc_target){.bus = device->bus, .unit = device->unit, .background = true};
    polling->wanted = (unsigned)polls;
    polling->turnarounds_us = json_array();
    polling->size =
        (uint16_t)modbus_read(polling->pdu, (uint8_t)function, (uint16_t)address, (uint16_t)count);
    poll_next(call);
}

static const struct rpc_method methods[] = {
    {.name = "poll", .role = USER_TECHNICIAN, .socket_only = true, .run = run_poll},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_poll = {.list = methods};
