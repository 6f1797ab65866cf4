/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "firmware/node/settings.h"
#include "tests/unit/node/board.h"

static void empty_memory_gives_factory_settings(void **state)
{
    (void)state;
    struct settings s;
    board_init();
    settings_load(&s);
    assert_true(s.defaults);
    assert_int_equal(s.line.address, 247);
    assert_int_equal(node_baud(s.line.baud_code), 9600);
    assert_int_equal(s.line.parity, 0);
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        assert_int_equal(s.value[i], node_settings[i].factory);
}

static void written_is_in_force_after_commit_only(void **state)
{
    (void)state;
    struct settings s;
    struct settings again;
    board_init();
    settings_load(&s);
    s.written[INDEX_SETTING_PERIOD] = 60;
    assert_int_equal(s.value[INDEX_SETTING_PERIOD], 10);
    assert_true(settings_uncommitted(&s));
    settings_load(&again);
    assert_int_equal(again.value[INDEX_SETTING_PERIOD], 10);
    assert_int_equal(settings_commit(&s), HAL_OK);
    assert_int_equal(s.value[INDEX_SETTING_PERIOD], 60);
    settings_load(&again);
    assert_false(again.defaults);
    assert_int_equal(again.value[INDEX_SETTING_PERIOD], 60);
    assert_int_equal(settings_factory(&again), HAL_OK);
    settings_load(&s);
    assert_int_equal(s.value[INDEX_SETTING_PERIOD], 10);
}

/* Commits old -> new with power failing at byte `n` of the writing; false when n was past it. */
static bool cut_during_commit(uint64_t n, uint16_t period)
{
    static struct settings s; /* survives the jump */
    settings_load(&s);
    board.cut_at = board.nv_written + n;
    volatile bool done = false; /* a register is what it was at setjmp, or not */
    if (setjmp(board.cut) == 0) {
        s.written[INDEX_SETTING_PERIOD] = period;
        assert_int_equal(settings_commit(&s), HAL_OK);
        done = true;
    }
    board.cut_at = 0;
    return !done;
}

static void power_cut_at_every_byte_leaves_old_or_new(void **state)
{
    (void)state;
    unsigned cuts = 0;
    board_init();
    cut_during_commit(1000000, 20);
    for (uint16_t round = 0; round < 4; round++) { /* both copies, twice */
        for (uint64_t n = 1;; n++) {
            struct settings s;
            uint8_t before[HAL_NV_SIZE];
            uint16_t old = (uint16_t)(20 + round);
            memcpy(before, board.nv, sizeof before);
            bool cut = cut_during_commit(n, (uint16_t)(old + 1));
            settings_load(&s);
            assert_false(s.defaults);
            uint16_t now = s.value[INDEX_SETTING_PERIOD];
            assert_true(now == old || now == old + 1);
            if (!cut) {
                assert_int_equal(now, old + 1);
                break;
            }
            cuts++;
            memcpy(board.nv, before, sizeof before);
        }
    }
    assert_true(cuts > 80);
}

static void one_rotten_copy_is_noticed_and_the_other_used(void **state)
{
    (void)state;
    struct settings s;
    board_init();
    cut_during_commit(1000000, 30);
    cut_during_commit(1000000, 31);
    for (unsigned byte = 0; byte < 128; byte++) {
        board.nv[byte] ^= 0x40;
        settings_load(&s);
        assert_false(s.defaults);
        assert_in_range(s.value[INDEX_SETTING_PERIOD], 30, 31);
        board.nv[byte] ^= 0x40;
    }
    board.nv[20] ^= 1;
    board.nv[148] ^= 1;
    settings_load(&s);
    assert_true(s.defaults);
    assert_true(s.damaged);
    memset(board.nv, 0, 256);
    settings_load(&s);
    assert_true(s.defaults);
    assert_false(s.damaged);
}

static void failed_write_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct settings s;
    board_init();
    cut_during_commit(1000000, 30);
    settings_load(&s);
    s.written[INDEX_SETTING_PERIOD] = 40;
    board.nv_broken = true;
    assert_int_not_equal(settings_commit(&s), HAL_OK);
    assert_int_equal(s.value[INDEX_SETTING_PERIOD], 30);
    board.nv_broken = false;
    assert_int_equal(settings_commit(&s), HAL_OK);
}

/* A record of an older firmware is shorter: what it lacks keeps the factory's value. */
/* At whichever read it is that the memory stops answering. */
static void memory_that_does_not_answer_is_not_taken_for_blank(void **state)
{
    (void)state;
    struct settings s, again;
    uint8_t before[256];
    board_init();
    assert_int_equal(settings_load(&s), HAL_OK);
    s.written[INDEX_SETTING_PERIOD] = 30;
    assert_int_equal(settings_commit(&s), HAL_OK);
    memcpy(before, board.nv, sizeof before);
    board.nv_reads = 0;
    assert_int_equal(settings_load(&s), HAL_OK);
    uint64_t reads = board.nv_reads;
    for (uint64_t n = 1; n <= reads; n++) {
        board.nv_reads = 0;
        board.nv_fails = n;
        assert_int_not_equal(settings_load(&again), HAL_OK);
        assert_int_equal(again.line.address, 0);
        assert_false(again.damaged);
        board.nv_fails = 0;
        assert_int_not_equal(settings_commit(&again), HAL_OK); /* what it holds is not known */
        assert_memory_equal(before, board.nv, sizeof before);
        assert_int_equal(settings_load(&again), HAL_OK);
        assert_int_equal(again.value[INDEX_SETTING_PERIOD], 30);
    }
}

static void shorter_record_of_an_older_firmware_loads(void **state)
{
    (void)state;
    struct settings s;
    struct redundant_record record;
    const uint8_t old[6] = {9, 3, 1, 0, 0, 77};
    board_init();
    redundant_record_init(&record, 0, 128, 1);
    assert_int_equal(redundant_record_save(&record, old, sizeof old), HAL_OK);
    settings_load(&s);
    assert_int_equal(s.line.address, 9);
    assert_int_equal(s.value[INDEX_SETTING_PERIOD], 77);
    assert_int_equal(s.value[INDEX_SETTING_WINDOW], 600);
}

static void crc_has_the_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(redundant_record_crc(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(redundant_record_crc(redundant_record_crc(0, "1234", 4), "56789", 5),
                     0xCBF43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_memory_gives_factory_settings),
        cmocka_unit_test(written_is_in_force_after_commit_only),
        cmocka_unit_test(power_cut_at_every_byte_leaves_old_or_new),
        cmocka_unit_test(one_rotten_copy_is_noticed_and_the_other_used),
        cmocka_unit_test(failed_write_is_told_and_changes_nothing),
        cmocka_unit_test(memory_that_does_not_answer_is_not_taken_for_blank),
        cmocka_unit_test(shorter_record_of_an_older_firmware_loads),
        cmocka_unit_test(crc_has_the_published_check_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
