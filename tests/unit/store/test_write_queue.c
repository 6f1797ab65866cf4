/* SPDX-License-Identifier: Apache-2.0 */
/* What does not fit into memory while the file cannot be written: whatever devices do meanwhile,
 * every number that was taken is afterwards in a record or in a gap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/store/write_queue.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

#define DEVICES 3u
#define BOOTS   3000u
#define SEQS    64u

enum fate { NOT_TAKEN, TAKEN, KEPT, GONE };

struct full {
    struct config *config;
    struct stream_schema schema;
    struct stream streams[DEVICES];
    struct write_queue *write_queue;
    int wake_fd;
    uint32_t filler; /* readings of boot 0 that fill the memory */
    int64_t correction_ms;
    uint8_t fates[DEVICES][BOOTS][SEQS]; /* enum fate */
};

static int begin(void **state)
{
    struct full *full = calloc(1, sizeof *full);
    full->config = garden_config(DEVICES, 1, "");
    full->wake_fd = eventfd(0, EFD_NONBLOCK);
    stream_schema_of_device(&full->config->devices[0], &full->schema);
    for (uint32_t i = 0; i < DEVICES; i++)
        full->streams[i] = (struct stream){.id = i + 1, .schema = &full->schema};
    full->write_queue = write_queue_create(full->config, full->streams, 9, full->wake_fd);
    *state = full;
    return full->write_queue != NULL ? 0 : -1;
}

static int end(void **state)
{
    struct full *full = *state;
    write_queue_destroy(full->write_queue);
    close(full->wake_fd);
    garden_config_free(full->config);
    free(full);
    return 0;
}

static uint64_t lost(struct full *full)
{
    struct write_queue_level level;
    write_queue_level(full->write_queue, &level);
    return level.lost;
}

static void fill(struct full *full)
{
    uint64_t before = lost(full);
    while (lost(full) == before) {
        struct reading reading = garden_reading(0, 0, ++full->filler, NOON);
        write_queue_reading(full->write_queue, &reading);
    }
}

static void take(struct full *full, uint16_t device, uint32_t boot, uint32_t seq)
{
    struct reading reading = garden_reading(device, boot, seq, NOON);
    full->fates[device][boot][seq] = TAKEN;
    write_queue_reading(full->write_queue, &reading);
}

static void look(struct full *full, const struct record *record)
{
    if (record->kind == RECORD_CORRECTION)
        full->correction_ms += record->add_ms;
    if (record->kind == RECORD_CORRECTION || record->boot == 0)
        return;
    if (record->kind == RECORD_GAP)
        assert_int_equal(record->why, GAP_OVERFLOW);
    for (uint32_t seq = record->seq; seq <= record->last_seq; seq++)
        full->fates[record->stream - 1][record->boot][seq] =
            record->kind == RECORD_GAP ? GONE : KEPT;
}

/* The file can be written again; how many records came. */
static unsigned write_all(struct full *full)
{
    struct write_queue_level level;
    unsigned count = 0;
    for (write_queue_level(full->write_queue, &level); level.waiting > 0;
         write_queue_level(full->write_queue, &level)) {
        struct chunk *chunk = write_queue_take(full->write_queue, 1, true);
        struct body_reader reader;
        struct record record;
        assert_non_null(chunk);
        assert_true(body_open(&reader, chunk->body.data, chunk->body.used));
        while (body_next(&reader, &record)) {
            look(full, &record);
            count++;
        }
        assert_false(reader.failed);
        write_queue_release(full->write_queue, chunk);
    }
    return count;
}

static enum fate fate_of(const struct full *full, uint16_t device, uint32_t boot, uint32_t seq)
{
    return full->fates[device][boot][seq];
}

static void a_device_that_restarts_meanwhile_forgets_nothing(void **state)
{
    struct full *full = *state;
    fill(full);
    for (uint32_t boot = 1; boot <= 3; boot++) {
        for (uint32_t seq = 1; seq <= 5; seq++)
            take(full, 1, boot, seq);
    }
    take(full, 2, 7, 40);
    take(full, 2, 7, 3); /* from its log, meanwhile */
    (void)write_all(full);
    for (uint32_t boot = 1; boot <= 3; boot++) {
        for (uint32_t seq = 1; seq <= 5; seq++)
            assert_int_equal(fate_of(full, 1, boot, seq), GONE);
        assert_int_equal(fate_of(full, 1, boot, 6), NOT_TAKEN);
    }
    assert_int_equal(fate_of(full, 2, 7, 3), GONE);
    assert_int_equal(fate_of(full, 2, 7, 40), GONE);
    assert_int_equal(fate_of(full, 2, 7, 4), NOT_TAKEN); /* not told of what was not lost */
}

static void it_is_told_also_when_nothing_more_comes(void **state)
{
    struct full *full = *state;
    fill(full);
    take(full, 1, 1, 1);
    write_queue_correction(full->write_queue, -5000);
    write_queue_correction(full->write_queue, 1000);
    (void)write_all(full);
    assert_int_equal(fate_of(full, 1, 1, 1), GONE);
    assert_int_equal(full->correction_ms, -4000);
    assert_int_equal(write_all(full), 0); /* told once */
}

static void a_gap_that_does_not_fit_is_a_gap_too(void **state)
{
    struct full *full = *state;
    struct reading_gap gap = {.device = 2, .boot = 4, .first_seq = 10, .last_seq = 19};
    fill(full);
    uint64_t before = lost(full);
    write_queue_gap(full->write_queue, &gap);
    assert_int_equal(lost(full), before); /* no reading was */
    (void)write_all(full);
    assert_int_equal(fate_of(full, 2, 4, 10), GONE);
    assert_int_equal(fate_of(full, 2, 4, 19), GONE);
    assert_int_equal(fate_of(full, 2, 4, 20), NOT_TAKEN);
}

/* More than the table holds, also more boots than it holds: then of some numbers too much is told,
 * but of none too little, and only of boots and devices that lost any. */
static void beyond_what_can_be_remembered_rather_too_much_is_told(void **state)
{
    struct full *full = *state;
    uint32_t chance = 1;
    fill(full);
    for (uint32_t boot = 1; boot < BOOTS; boot++) {
        for (unsigned i = 0; i < 4; i++) {
            chance = chance * 1103515245u + 12345u;
            take(full, 1, boot, 1 + (chance >> 16) % (SEQS - 1));
        }
    }
    for (uint32_t seq = 1; seq < SEQS; seq += 2)
        take(full, 0, 8, seq);
    (void)write_all(full);
    for (uint32_t boot = 1; boot < BOOTS; boot++) {
        for (uint32_t seq = 1; seq < SEQS; seq++) {
            assert_int_not_equal(fate_of(full, 1, boot, seq), TAKEN);
            assert_int_equal(fate_of(full, 2, boot, seq), NOT_TAKEN);
        }
    }
    for (uint32_t seq = 1; seq < SEQS; seq += 2)
        assert_int_equal(fate_of(full, 0, 8, seq), GONE);
    assert_int_equal(fate_of(full, 0, 9, 1), NOT_TAKEN);
}

/* Again and again a little room: nothing is in a gap that was kept, nothing in neither. */
static void room_that_comes_and_goes_loses_no_number(void **state)
{
    struct full *full = *state;
    fill(full);
    for (uint32_t boot = 1; boot < 200; boot++) {
        for (uint32_t seq = 1; seq < SEQS; seq++) {
            take(full, 0, boot, seq);
            take(full, 1, boot, seq);
        }
        if (boot % 10 == 0) {
            struct chunk *chunk = write_queue_take(full->write_queue, 1, false);
            struct body_reader reader;
            struct record record;
            assert_true(body_open(&reader, chunk->body.data, chunk->body.used));
            while (body_next(&reader, &record))
                look(full, &record);
            write_queue_release(full->write_queue, chunk);
        }
    }
    (void)write_all(full);
    unsigned kept = 0, gone = 0;
    for (uint32_t boot = 1; boot < 200; boot++) {
        for (uint32_t seq = 1; seq < SEQS; seq++) {
            assert_int_not_equal(fate_of(full, 0, boot, seq), TAKEN);
            assert_int_not_equal(fate_of(full, 1, boot, seq), TAKEN);
            kept += fate_of(full, 1, boot, seq) == KEPT;
            gone += fate_of(full, 1, boot, seq) == GONE;
        }
    }
    assert_true(kept > 500 && gone > 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_device_that_restarts_meanwhile_forgets_nothing),
        TEST(it_is_told_also_when_nothing_more_comes),
        TEST(a_gap_that_does_not_fit_is_a_gap_too),
        TEST(beyond_what_can_be_remembered_rather_too_much_is_told),
        TEST(room_that_comes_and_goes_loses_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
