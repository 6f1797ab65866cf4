/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "firmware/node/layout.h"
#include "firmware/node/log.h"
#include "tests/unit/node/board.h"

#define PERIOD_DS 600u

/* What a sample holds is made from its identity, so that any mix-up shows. */
static struct node_values values_of(uint16_t boot, uint32_t seq)
{
    struct node_values v;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        v.value[i] = NODE_NO_VALUE;
        v.flag[i] = METRIC_ABSENT;
    }
    v.value[CHANNEL_SOIL_CONDUCTIVITY] = (int32_t)(seq % 30000);
    v.flag[CHANNEL_SOIL_CONDUCTIVITY] = METRIC_GOOD;
    v.value[CHANNEL_AIR_TEMPERATURE] = (int32_t)boot;
    v.flag[CHANNEL_AIR_TEMPERATURE] = METRIC_STUCK;
    return v;
}

static enum hal_result append(struct log *log, uint32_t seq)
{
    struct node_values v = values_of(log->boot, seq);
    return log_append(log, seq, seq * PERIOD_DS, PERIOD_DS, 0, &v);
}

static void append_many(struct log *log, uint32_t first, uint32_t last)
{
    for (uint32_t seq = first; seq <= last; seq++)
        assert_int_equal(append(log, seq), HAL_OK);
}

struct seen {
    uint32_t count;
    uint16_t first_boot, last_boot;
    uint32_t first_seq, last_seq;
    uint32_t holes; /* jumps of seq within a boot */
};

/* Reads everything from (boot, seq) on as a gateway would, and checks each record. */
static struct seen read_all(struct log *log, uint16_t boot, uint32_t seq)
{
    struct seen seen = {0};
    for (;;) {
        struct node_log_window w;
        log_window(log, boot, seq, &w);
        if (w.count == 0)
            return seen;
        if (seen.count == 0) {
            seen.first_boot = w.boot;
            seen.first_seq = w.seq;
        } else {
            assert_true(w.boot > seen.last_boot ||
                        (w.boot == seen.last_boot && w.seq > seen.last_seq));
            seen.holes += w.boot == seen.last_boot && w.seq != seen.last_seq + 1;
        }
        for (uint16_t i = 0; i < w.count; i++) {
            struct node_values got;
            struct node_values want = values_of(w.boot, w.seq + i);
            node_log_unpack(w.records[i], &got);
            assert_memory_equal(&got.value, &want.value, sizeof got.value);
            assert_memory_equal(&got.flag, &want.flag, sizeof got.flag);
            assert_int_equal(w.uptime_ds + (uint32_t)i * w.interval_ds, (w.seq + i) * PERIOD_DS);
        }
        seen.count += w.count;
        seen.last_boot = boot = w.boot;
        seen.last_seq = w.seq + w.count - 1;
        seq = seen.last_seq + 1;
    }
}

static void empty_log_has_no_records(void **state)
{
    (void)state;
    struct log log;
    struct node_log_window w;
    board_init();
    for (int fill = 0; fill < 2; fill++) {
        memset(board.nv, fill ? 0x00 : 0xFF, sizeof board.nv);
        log_open(&log, 1);
        log_window(&log, 0, 0, &w);
        assert_int_equal(w.count, 0);
        assert_int_equal(w.newest_boot, 0);
    }
}

static void samples_come_back_in_order(void **state)
{
    (void)state;
    struct log log;
    board_init();
    log_open(&log, 3);
    append_many(&log, 1, 100);
    struct seen seen = read_all(&log, 0, 0);
    assert_int_equal(seen.count, 100);
    assert_int_equal(seen.holes, 0);
    seen = read_all(&log, 3, 64);
    assert_int_equal(seen.count, 37);
    assert_int_equal(seen.first_seq, 64);
    seen = read_all(&log, 3, 101);
    assert_int_equal(seen.count, 0);
    seen = read_all(&log, 2, 7); /* a boot that is not there: the next one */
    assert_int_equal(seen.first_seq, 1);
}

static void full_ring_keeps_the_newest_thirteen_hundred(void **state)
{
    (void)state;
    struct log log;
    board_init();
    log_open(&log, 1);
    for (uint32_t seq = 1; seq <= 5000; seq++) {
        assert_int_equal(append(&log, seq), HAL_OK);
        if (seq > 4965 || seq % 997 == 0) {
            struct seen seen = read_all(&log, 0, 0);
            assert_int_equal(seen.last_seq, seq);
            assert_int_equal(seen.holes, 0);
            assert_true(seen.count >= (seq < 1300 ? seq : 1300));
        }
    }
}

/* The first record from `seq` on, and how many reads of the memory that took. */
static uint32_t first_from(const struct log *log, uint32_t seq, uint64_t *reads)
{
    struct log fresh = *log;
    struct node_log_window w;
    fresh.resume = (struct log_cursor){.known = false};
    uint64_t before = board.nv_reads;
    log_window(&fresh, 1, seq, &w);
    *reads = board.nv_reads - before;
    return w.count ? w.seq : 0;
}

/* The main loop stands still meanwhile: a read takes a millisecond. */
static void any_record_is_found_with_few_reads(void **state)
{
    (void)state;
    static bool readable[5001];
    struct log log;
    uint64_t reads;
    board_init();
    assert_int_equal(log_open(&log, 1), HAL_OK);
    append_many(&log, 1, 5000);
    for (unsigned rotten = 0; rotten < 3; rotten++) {
        if (rotten) /* two markers in a row */
            board.nv[LAYOUT_LOG + (rotten + 10) * NODE_LOG_STRETCH * NODE_LOG_SLOT_SIZE + 5] ^= 1;
        memset(readable, 0, sizeof readable);
        struct node_log_window w;
        for (uint32_t seq = 1; seq <= 5000; seq = w.seq + w.count) {
            log_window(&log, 1, seq, &w);
            if (w.count == 0)
                break;
            for (unsigned i = 0; i < w.count; i++)
                readable[w.seq + i] = true;
        }
        for (uint32_t seq = 3600; seq <= 5000; seq++) {
            uint32_t next = seq;
            while (next <= 5000 && !readable[next])
                next++;
            assert_int_equal(first_from(&log, seq, &reads), next <= 5000 ? next : 0);
            if (rotten == 0)
                assert_in_range(reads, 1, 56);
        }
    }
}

static void log_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct log log;
    uint32_t written = 0;
    board_init();
    for (uint16_t boot = 1; boot <= 60; boot++) {
        log_open(&log, boot);
        if (boot > 1) {
            assert_int_equal(log.newest_boot, boot - 1);
            assert_int_equal(log.newest_seq, (boot - 1u) * 7 % 40 + 1);
        }
        append_many(&log, 1, boot * 7u % 40 + 1);
        written += boot * 7u % 40 + 1;
    }
    struct seen seen = read_all(&log, 0, 0);
    assert_int_equal(seen.count, written);
    assert_int_equal(seen.first_boot, 1);
    assert_int_equal(seen.holes, 0);
}

/* A node that restarts at every sample, for hours. */
static void boot_loop_keeps_every_sample_it_took(void **state)
{
    (void)state;
    struct log log;
    board_init();
    for (uint16_t boot = 1; boot <= 3000; boot++) {
        log_open(&log, boot);
        append_many(&log, 1, 1);
    }
    struct seen seen = read_all(&log, 0, 0);
    assert_int_equal(seen.last_boot, 3000);
    assert_true(seen.count >= 600);
}

/* Appends one sample while power fails at byte n; false when n is past the write. */
static bool cut_during_append(uint16_t boot, uint32_t seq, uint64_t n)
{
    static struct log log; /* survives the jump */
    log_open(&log, boot);
    log.begun = log.newest_boot == boot;
    board.cut_at = board.nv_written + n;
    volatile bool cut = true; /* a register is what it was at setjmp, or not */
    if (setjmp(board.cut) == 0) {
        append(&log, seq);
        cut = false;
    }
    board.cut_at = 0;
    return cut;
}

/* With the ring full, at every position in a stretch: power fails at every byte of the write (up to
 * two markers and a sample). Nothing but that sample is lost, but what lies under it. */
static void power_cut_at_every_byte_loses_only_the_sample_being_written(void **state)
{
    (void)state;
    static uint8_t before[HAL_NV_SIZE];
    struct log log;
    unsigned cuts = 0;
    board_init();
    log_open(&log, 1);
    append_many(&log, 1, 1600);
    for (uint32_t last = 1600; last < 1600 + NODE_LOG_STRETCH + 2; last++) {
        struct seen whole = read_all(&log, 0, 0);
        memcpy(before, board.nv, sizeof before);
        for (uint64_t n = 1; cut_during_append(2, 1, n); n++) {
            struct log again;
            log_open(&again, 3);
            /* The torn byte may be right by chance: then the sample was written. */
            bool written = again.newest_boot == 2 && again.newest_seq == 1;
            assert_true(written || (again.newest_boot == 1 && again.newest_seq == last));
            struct seen seen;
            if (n % test_count(24, 1) == 0) {
                seen = read_all(&again, 0, 0);
                assert_true(seen.count + NODE_LOG_STRETCH >= whole.count);
                assert_int_equal(seen.holes, 0);
            }
            append_many(&again, 1, 3);
            seen = read_all(&again, 1, last);
            assert_int_equal(seen.count, written ? 5 : 4);
            assert_int_equal(seen.last_boot, 3);
            memcpy(board.nv, before, sizeof before);
            cuts++;
        }
        memcpy(board.nv, before, sizeof before);
        append_many(&log, last + 1, last + 1);
    }
    assert_true(cuts > 34 * 43);
}

/* Whatever rots, no record is given that was not written: values_of() and the uptime are checked by
 * read_all(). */
static void rotten_bytes_lose_records_and_never_change_one(void **state)
{
    (void)state;
    static uint8_t before[HAL_NV_SIZE];
    uint32_t seed = 31337;
    struct log log;
    board_init();
    for (uint16_t boot = 1; boot <= 5; boot++) {
        log_open(&log, boot);
        append_many(&log, 1, 330);
    }
    memcpy(before, board.nv, sizeof before);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 20; i++)
            board.nv[LAYOUT_LOG + test_random(&seed) % NODE_LOG_SIZE] ^=
                (uint8_t)(1u << test_random(&seed) % 8);
        struct log again;
        log_open(&again, 6);
        struct seen seen = read_all(&again, 0, 0);
        assert_true(seen.count > 600);
        memcpy(board.nv, before, sizeof before);
    }
}

static void failed_write_loses_one_sample_and_says_so(void **state)
{
    (void)state;
    struct log log;
    board_init();
    log_open(&log, 1);
    append_many(&log, 1, 40);
    board.nv_broken = true;
    assert_int_not_equal(append(&log, 41), HAL_OK);
    board.nv_broken = false;
    append_many(&log, 42, 60);
    struct seen seen = read_all(&log, 0, 0);
    assert_int_equal(seen.count, 59);
    assert_int_equal(seen.holes, 1);
}

static void late_samples_keep_their_true_uptime(void **state)
{
    (void)state;
    struct log log;
    struct node_log_window w;
    board_init();
    log_open(&log, 1);
    struct node_values v = values_of(1, 1);
    log_append(&log, 1, 100, 100, 0, &v);
    log_append(&log, 2, 200, 100, 0, &v);
    log_append(&log, 3, 337, 100, 0, &v); /* late */
    log_append(&log, 4, 437, 100, 0, &v);
    log_append(&log, 5, 1037, 600, 0, &v); /* another period */
    log_append(&log, 6, 1637, 600, 0, &v);
    const uint32_t want[][3] = {{1, 2, 100}, {3, 2, 337}, {5, 2, 1037}};
    for (unsigned i = 0; i < 3; i++) {
        log_window(&log, 1, want[i][0], &w);
        assert_int_equal(w.seq, want[i][0]);
        assert_int_equal(w.count, want[i][1]);
        assert_int_equal(w.uptime_ds, want[i][2]);
    }
    assert_int_equal(w.interval_ds, 600);
}

static void wall_time_of_earlier_boots_is_found_although_it_came_late(void **state)
{
    (void)state;
    const uint32_t wall_s = 1795293274;
    struct log log;
    struct node_log_window w;
    board_init();
    for (uint16_t boot = 1; boot <= 2; boot++) {
        log_open(&log, boot);
        for (uint32_t seq = 1; seq <= 200; seq++) {
            struct node_values v = values_of(boot, seq);
            bool known = boot == 1 ? seq > 150 : false;
            log_append(&log, seq, seq * PERIOD_DS, PERIOD_DS, known ? wall_s : 0, &v);
        }
    }
    log_open(&log, 3);
    log_window(&log, 1, 1, &w);
    assert_int_equal(w.seq, 1);
    assert_int_equal(w.wall_s, wall_s + 60);
    log_window(&log, 1, 180, &w);
    assert_int_equal(w.wall_s, wall_s + 180 * 60);
    log_window(&log, 2, 5, &w);
    assert_int_equal(w.boot, 2);
    assert_int_equal(w.wall_s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_log_has_no_records),
        cmocka_unit_test(samples_come_back_in_order),
        cmocka_unit_test(full_ring_keeps_the_newest_thirteen_hundred),
        cmocka_unit_test(any_record_is_found_with_few_reads),
        cmocka_unit_test(log_goes_on_after_a_restart),
        cmocka_unit_test(boot_loop_keeps_every_sample_it_took),
        cmocka_unit_test(power_cut_at_every_byte_loses_only_the_sample_being_written),
        cmocka_unit_test(rotten_bytes_lose_records_and_never_change_one),
        cmocka_unit_test(failed_write_loses_one_sample_and_says_so),
        cmocka_unit_test(late_samples_keep_their_true_uptime),
        cmocka_unit_test(wall_time_of_earlier_boots_is_found_although_it_came_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
