/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/ddp/ddp.h"

static void header_has_the_bytes_of_the_specification(void **state)
{
    (void)state;
    const struct ddp_header header = {
        .flags = DDP_FLAG_VERSION_1 | DDP_FLAG_PUSH,
        .sequence = 9,
        .type = DDP_TYPE_RGB888,
        .destination = DDP_DISPLAY_DEFAULT,
        .offset = 0x00012345,
        .length = 1440,
    };
    const uint8_t expected[] = {0x41, 0x09, 0x0B, 0x01, 0x00, 0x01, 0x23, 0x45, 0x05, 0xA0};
    uint8_t bytes[DDP_HEADER_SIZE];
    assert_true(ddp_header_write(&header, bytes, sizeof bytes));
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_false(ddp_header_write(&header, bytes, sizeof bytes - 1));
}

static void what_cannot_be_said_is_not_written(void **state)
{
    (void)state;
    uint8_t bytes[DDP_HEADER_SIZE];
    struct ddp_header header = {.flags = DDP_FLAG_VERSION_1, .sequence = 16};
    assert_false(ddp_header_write(&header, bytes, sizeof bytes));
    header = (struct ddp_header){.flags = DDP_FLAG_VERSION_1 | DDP_FLAG_TIMECODE};
    assert_false(ddp_header_write(&header, bytes, sizeof bytes));
}

static void sequence_runs_from_1_to_15(void **state)
{
    (void)state;
    uint8_t sequence = 0;
    for (int i = 1; i <= 15; i++) {
        sequence = ddp_sequence_next(sequence);
        assert_int_equal(sequence, i);
    }
    assert_int_equal(ddp_sequence_next(sequence), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_has_the_bytes_of_the_specification),
        cmocka_unit_test(what_cannot_be_said_is_not_written),
        cmocka_unit_test(sequence_runs_from_1_to_15),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
