/* SPDX-License-Identifier: Apache-2.0 */
/* What a device refuses, and when it is asked for again. */
#include "gateway/daemon/bus/impl.h"

#define BUSY_NS          200000000LL /* a unit that says "busy" is asked again after this */
#define REFUSED_AGAIN_MS 3600000     /* a field that was refused is asked for again so often */

/* The read that was refused is planned anew in parts, or left out. */
void refused_leave_out(struct device *device)
{
    plan_refuse(device->map.items, device->map.item_count, &device->plan, device->read,
                &device->lessons);
    device_plan(device);
}

static unsigned bits_of(uint64_t bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* One line when what the device refuses has changed. */
void refused_note(struct bus *bus, struct device *device)
{
    uint64_t bad = device->lessons.bad;
    unsigned refused = bits_of(bad), first = 0;
    if (bad == 0 && !device->refusal.reported)
        return;
    device->refusal.reported = true;
    while (refused > 0 && (bad >> first & 1) == 0)
        first++;
    const struct plan_item *item = &device->map.items[first];
    log_change(
        &device->logs.refusal, (int)((bad ^ bad >> 32) & INT32_MAX),
        refused > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
        refused > 0 ? "device %s (bus %s, address %u) refuses %u of %u fields, from register "
                      "%u (function %u) on: %s; its profile may not be right for it. They "
                      "are asked for again every hour"
                    : "device %s (bus %s, address %u) refuses no field any more",
        device->config->name, bus->bus->name, device->config->unit, refused, device->map.item_count,
        item->address, item->function,
        device->refusal.code ? modbus_exception_text(device->refusal.code) : "no answer to them");
}

/* Every hour one of what was refused is asked for again, alone; if it is answered, all are. */
void refused_ask_anew(struct device *device, int64_t now_ms)
{
    uint64_t bad = device->lessons.bad;
    bool answered = device->refusal.retrying && (bad >> device->refusal.item & 1) == 0;
    device->refusal.retrying = false;
    if (answered && bad != 0) {
        device->lessons = (struct plan_lessons){0};
        device_plan(device);
        return;
    }
    if (bad == 0 || device->refusal.since_ms == 0) {
        device->refusal.since_ms = bad == 0 ? 0 : now_ms;
        return;
    }
    if (device->refusal.one_item || now_ms - device->refusal.since_ms < REFUSED_AGAIN_MS)
        return;
    do {
        device->refusal.item = (uint8_t)((device->refusal.item + 1) % device->map.item_count);
    } while ((bad >> device->refusal.item & 1) == 0);
    plan_retry(device->map.items, device->map.item_count, device->refusal.item, &device->lessons);
    device_plan(device);
    device->refusal.retrying = true;
    device->refusal.since_ms = now_ms;
}

/* Everything is refused: one field a minute, each in its turn, until one is answered. */
void refused_ask_one(struct device *device)
{
    device->refusal.item = (uint8_t)((device->refusal.item + 1) % device->map.item_count);
    device->lessons = (struct plan_lessons){.bad = ~(1ull << device->refusal.item)};
    device->refusal.one_item = true;
    device_plan(device);
}

enum schedule_outcome refused_judge(struct bus *bus, struct device *device, unsigned index,
                                    struct transact_answer *answer, bool *again)
{
    uint8_t code = answer->pdu[1];
    bool was_good = device->refusal.answered >> (device->read & 63) & 1;
    device->refusal.code = code;
    if (was_good && device->refusal.polls + 1 < DEVICE_REFUSED_POLLS &&
        code <= MODBUS_DEVICE_FAILURE)
        return SCHEDULE_ANSWERED; /* once is no proof against what it has answered before */
    switch (code) {
    case MODBUS_ILLEGAL_FUNCTION:
    case MODBUS_ILLEGAL_ADDRESS:
    case MODBUS_ILLEGAL_VALUE:
    case MODBUS_DEVICE_FAILURE:
        refused_leave_out(device);
        *again = device->plan.read_count > 0;
        return SCHEDULE_ANSWERED;
    case MODBUS_ACKNOWLEDGE:
    case MODBUS_DEVICE_BUSY:
        answer->quiet_ns = answer->end_ns + BUSY_NS;
        *again = bus->units[index].tries + 1 < SCHEDULE_TRIES;
        bus->units[index].tries++;
        return SCHEDULE_ANSWERED;
    case MODBUS_GATEWAY_PATH:
    case MODBUS_GATEWAY_TARGET: /* a TCP gateway speaks for a unit that does not */
        return SCHEDULE_SILENT;
    default:
        return SCHEDULE_ANSWERED;
    }
}
