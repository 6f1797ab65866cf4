/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/black_box.h"

#include <string.h>

#include "firmware/node/layout.h"
#include "protocols/bytes/bytes.h"

enum { SCHEMA = 1, ROOM = 128, STORED_SIZE = 6 + 2 * HAL_RESET_CAUSE_COUNT };

#define RETAINED_MAGIC 0xBA17E001u
#define HOUR_US        3600000000u
#define RETRY_US       1000000u

/* What the last run wanted the next one to know. */
enum intent { INTENT_RUNNING = 1, INTENT_RESTART, INTENT_BITE };

struct retained {
    uint32_t magic;
    uint16_t intent; /* enum intent */
    uint16_t task;
    struct hal_fault fault; /* as counted already */
};
_Static_assert(sizeof(struct retained) <= HAL_RETAINED_SIZE, "retained RAM is too small");

/* Where the part does not name the cause: a fault that was not seen before, else by the marker. A
 * run that ended without word was ended by the watchdog, or by the reset pin of a part that does
 * not distinguish the two. */
static enum hal_reset_cause find_cause(const struct retained *kept, bool warm)
{
    enum hal_reset_cause cause = hal_reset_cause();
    struct hal_fault fault = hal_fault();
    if (cause != HAL_RESET_UNKNOWN)
        return cause;
    if (!warm)
        return HAL_RESET_POWER;
    if (memcmp(&fault, &kept->fault, sizeof fault) != 0)
        return HAL_RESET_FAULT;
    return kept->intent == INTENT_RESTART ? HAL_RESET_SOFTWARE : HAL_RESET_WATCHDOG;
}

static enum hal_result store(struct black_box *box)
{
    uint8_t stored[STORED_SIZE];
    struct byte_writer w = byte_writer_init(stored, sizeof stored);
    byte_write_u16(&w, box->boot);
    byte_write_u32(&w, box->lifetime_h);
    for (unsigned i = 0; i < HAL_RESET_CAUSE_COUNT; i++)
        byte_write_u16(&w, box->reset_counts[i]);
    return redundant_record_save(&box->record, stored, sizeof stored);
}

static enum hal_result load(struct black_box *box)
{
    uint8_t stored[STORED_SIZE] = {0};
    redundant_record_init(&box->record, LAYOUT_BLACK_BOX, ROOM, SCHEMA);
    enum hal_result result = redundant_record_load(&box->record, stored, sizeof stored);
    struct byte_reader r = byte_reader_init(stored, sizeof stored);
    box->boot = byte_read_u16(&r);
    box->lifetime_h = byte_read_u32(&r);
    for (unsigned i = 0; i < HAL_RESET_CAUSE_COUNT; i++)
        box->reset_counts[i] = byte_read_u16(&r);
    return result == HAL_RANGE ? HAL_OK : result;
}

/* What could not be stored is tried again, or the next boot would bear the same number. */
static void keep(struct black_box *box, uint64_t now_us)
{
    enum hal_result result = store(box);
    box->store_us = result == HAL_OK ? UINT64_MAX : now_us + RETRY_US;
    black_box_nv(box, result);
}

enum hal_result black_box_open(struct black_box *box, uint64_t now_us)
{
    struct retained *kept = hal_retained();
    memset(box, 0, sizeof *box);
    box->store_us = box->hour_us = UINT64_MAX;
    enum hal_result result = load(box);
    if (result != HAL_OK) {
        box->cause = hal_reset_cause();
        box->warm = kept->magic == RETAINED_MAGIC;
        return result;
    }
    box->warm = kept->magic == RETAINED_MAGIC;
    if (!box->warm)
        memset(kept, 0, sizeof *kept);
    box->cause = find_cause(kept, box->warm);
    box->missed_task = kept->intent == INTENT_BITE ? kept->task : 0;
    kept->magic = RETAINED_MAGIC;
    kept->intent = INTENT_RUNNING;
    kept->fault = hal_fault();
    box->boot++;
    if (box->boot == 0)
        box->boot = 1;
    box->reset_counts[box->cause]++;
    box->hour_us = now_us + HOUR_US;
    keep(box, now_us);
    return HAL_OK;
}

uint64_t black_box_poll(struct black_box *box, uint64_t now_us)
{
    if (now_us >= box->hour_us) {
        box->hour_us += HOUR_US;
        box->lifetime_h++;
        keep(box, now_us);
    } else if (now_us >= box->store_us) {
        keep(box, now_us);
    }
    return box->hour_us < box->store_us ? box->hour_us : box->store_us;
}

void black_box_nv(struct black_box *box, enum hal_result result)
{
    if (result != HAL_OK)
        box->nv_errors++;
}

void black_box_expect_bite(uint16_t task)
{
    struct retained *kept = hal_retained();
    kept->intent = INTENT_BITE;
    kept->task = task;
}

_Noreturn void black_box_restart(void)
{
    struct retained *kept = hal_retained();
    kept->intent = INTENT_RESTART;
    hal_reset();
}
