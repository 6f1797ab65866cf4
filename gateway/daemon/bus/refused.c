/* SPDX-License-Identifier: Apache-2.0 */
/* What a device refuses, and when it is requested again. */
#include "gateway/daemon/bus/impl.h"
#include "protocols/modbus/request.h"

#define BUSY_NS          200000000LL /* a unit that answers "busy" is polled again after this */
#define BUSY_AGAIN_MS    60000       /* what it is busy with is requested again so often, */
#define REFUSED_AGAIN_MS 3600000     /* and a field that was refused */

/* No refusal is for ever: what was learned is forgotten, and all of it requested. */
void refused_forget(struct device *device)
{
    device->lessons = (struct plan_lessons){0};
    device->refusal.busy = 0;
    device_plan(device);
}

/* The read that was refused is planned anew in parts, or left out. */
void refused_leave_out(struct device *device)
{
    plan_refuse(device->map->items, device->map->item_count, &device->plan, device->read,
                &device->lessons);
    device_plan(device);
}

bool refused_is_busy(const struct device *device)
{
    return device->refusal.code == MODBUS_ACKNOWLEDGE || device->refusal.code == MODBUS_DEVICE_BUSY;
}

bool refused_by_another(const struct transact_answer *answer)
{
    return answer->result == BUS_EXCEPTION &&
           (answer->pdu[1] == MODBUS_GATEWAY_PATH || answer->pdu[1] == MODBUS_GATEWAY_TARGET);
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
    /* What it is busy with comes and goes: it is refused until it has come for an hour. */
    uint64_t bad = device->lessons.bad | device->refusal.busy;
    unsigned refused = bits_of(bad), first = 0;
    if (bad == 0 && !device->refusal.reported)
        return;
    device->refusal.reported = true;
    while (refused > 0 && (bad >> first & 1) == 0)
        first++;
    const struct plan_item *item = &device->map->items[first];
    log_change(
        &device->logs.refusal, (int)((bad ^ bad >> 32) & INT32_MAX),
        refused > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
        refused > 0 ? "device %s (bus %s, address %u) refuses %u of %u fields, from register "
                      "%u (function %u) on: %s; its profile may not be right for it. They "
                      "are asked for again every %s"
                    : "device %s (bus %s, address %u) refuses no field any more",
        device->config->name, bus->bus->name, device->config->unit, refused,
        device->map->item_count, item->address, item->function,
        device->refusal.code ? modbus_exception_text(device->refusal.code) : "no answer to them",
        device->refusal.busy >> first & 1 ? "minute" : "hour");
}

/* Of what is left out, the fields of which it is time to ask for one again. */
static uint64_t due_again(struct device *device, int64_t now_ms)
{
    uint64_t busy = device->lessons.bad & device->refusal.busy;
    uint64_t refused = device->lessons.bad & ~busy;
    bool refused_due = refused != 0 && device->refusal.since_ms != 0 &&
                       now_ms - device->refusal.since_ms >= REFUSED_AGAIN_MS;
    if (refused == 0 || device->refusal.since_ms == 0 || refused_due)
        device->refusal.since_ms = refused == 0 ? 0 : now_ms;
    if (refused_due)
        return refused;
    return now_ms - device->refusal.busy_ms >= BUSY_AGAIN_MS ? busy : 0;
}

/* Every hour one of what was refused is requested again, alone; if it is answered, all are. What
 * the unit was busy with every minute; it stays alone for an hour after that was so. */
void refused_try_again(struct device *device, int64_t now_ms)
{
    bool answered = device->refusal.retrying &&
                    ((device->lessons.bad | device->refusal.busy) >> device->refusal.item & 1) == 0;
    bool idle = device->refusal.busy_ms != 0 && (device->lessons.bad & device->refusal.busy) == 0 &&
                now_ms - device->refusal.busy_ms >= REFUSED_AGAIN_MS;
    device->refusal.retrying = false;
    if (idle)
        device->refusal.busy_ms = 0;
    if (answered || idle) {
        refused_forget(device);
        return;
    }
    uint64_t due = due_again(device, now_ms);
    if (due == 0 || device->refusal.one_item)
        return;
    do {
        device->refusal.item = (uint8_t)((device->refusal.item + 1) % device->map->item_count);
    } while ((due >> device->refusal.item & 1) == 0);
    plan_retry(device->map->items, device->map->item_count, device->refusal.item, &device->lessons);
    device_plan(device);
    device->refusal.retrying = true;
}

/* Everything is refused: one field a minute, each in its turn, until one is answered. */
void refused_try_one(struct device *device)
{
    device->refusal.item = (uint8_t)((device->refusal.item + 1) % device->map->item_count);
    device->lessons = (struct plan_lessons){.bad = ~(1ull << device->refusal.item)};
    device->refusal.one_item = true;
    device_plan(device);
}

/* A unit that has shown before that it is busy with a part only, or never answered this read. */
static bool is_known(const struct device *device)
{
    return refused_is_busy(device) ? device->refusal.busy_ms != 0
                                   : (device->refusal.answered >> (device->read & 63) & 1) == 0;
}

enum schedule_outcome refused_judge(struct bus *bus, struct device *device, unsigned index,
                                    struct transact_answer *answer, bool *again)
{
    uint64_t before = device->lessons.bad;
    device->refusal.code = answer->pdu[1];
    bool busy = refused_is_busy(device);
    if (busy && bus->units[index].tries + 1 < SCHEDULE_TRIES) {
        answer->quiet_ns = answer->end_ns + BUSY_NS;
        bus->units[index].tries++;
        *again = true;
        return SCHEDULE_ANSWERED;
    }
    if (!is_known(device) && device->refusal.polls + 1 < DEVICE_REFUSED_POLLS)
        return SCHEDULE_ANSWERED; /* once is no proof against what it has answered before, nor of
                                     what ends by itself */
    refused_leave_out(device);
    if (busy) {
        device->refusal.busy |= device->lessons.bad & ~before;
        device->refusal.busy_ms = bus_now_ms();
    }
    *again = device->plan.read_count > 0;
    return SCHEDULE_ANSWERED;
}

/* ---- Is it alive? ---- */

/* The next one of the items in the set, which is not empty. */
static const struct plan_item *next_part(struct device *device, uint64_t set)
{
    do {
        device->refusal.part = (uint8_t)((device->refusal.part + 1) % device->map->item_count);
    } while ((set >> device->refusal.part & 1) == 0);
    return &device->map->items[device->refusal.part];
}

/* Those that are not left out and have registers of that width. */
static uint64_t parts_of(const struct device *device, bool wide)
{
    uint64_t parts = 0;
    for (unsigned i = 0; i < device->map->item_count && device->node == NULL; i++) {
        bool fits = (device->map->items[i].words > 1) == wide;
        parts |= (uint64_t)(fits && (device->lessons.bad >> i & 1) == 0) << i;
    }
    return parts;
}

bool refused_part(const struct bus *bus, struct device *device, uint8_t pdu[5],
                  struct transact_request *request)
{
    uint64_t parts = parts_of(device, false) | parts_of(device, true);
    bool unambiguous = bus->owed == NULL || device->refusal.code >= MODBUS_GATEWAY_PATH;
    device->refusal.asked_part = !device->refusal.asked_part && unambiguous && bits_of(parts) > 1;
    if (!device->refusal.asked_part)
        return false;
    const struct plan_item *item = next_part(device, parts);
    const struct plan_read read = {.function = item->function,
                                   .address = item->address,
                                   .count = item->count,
                                   .words = item->words};
    device_read_request(device, &read, pdu, request);
    return true;
}

void refused_elsewhere(struct device *device, bool wide, uint8_t pdu[5])
{
    uint64_t parts = parts_of(device, wide);
    if (bits_of(parts) < 2)
        return;
    const struct plan_item *item = next_part(device, parts);
    (void)modbus_read(pdu, item->function, item->address, (uint16_t)(pdu[3] << 8 | pdu[4]));
}
