/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "protocols/modbus/rtu.h"

#define SILENCE_US 4011u
#define BYTE_US    1146u /* 11 bits at 9,600 baud */

/* A line in virtual time: what the receiver found, one after the other. */
struct line {
    struct rtu_receiver receiver;
    uint64_t now_us;
    unsigned found;
    uint8_t unit, kinds;
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t pdu_size;
    uint64_t end_us;
};

static void note(struct line *l, const struct rtu_frame *frame)
{
    l->found++;
    l->unit = frame->unit;
    l->kinds = frame->kinds;
    l->pdu_size = frame->pdu_size;
    l->end_us = frame->end_us;
    memcpy(l->pdu, frame->pdu, frame->pdu_size);
}

static void line_init(struct line *l)
{
    memset(l, 0, sizeof *l);
    l->now_us = 1000000;
    rtu_receiver_init(&l->receiver, SILENCE_US);
}

static void quiet(struct line *l, uint32_t us)
{
    struct rtu_frame frame;
    l->now_us += us;
    while (rtu_receiver_idle(&l->receiver, l->now_us, &frame))
        note(l, &frame);
}

static void put(struct line *l, const void *bytes, size_t size, uint32_t byte_us)
{
    struct rtu_frame frame;
    for (size_t i = 0; i < size; i++) {
        l->now_us += byte_us;
        while (rtu_receiver_idle(&l->receiver, l->now_us, &frame))
            note(l, &frame);
        if (rtu_receiver_feed(&l->receiver, ((const uint8_t *)bytes)[i], true, l->now_us, &frame))
            note(l, &frame);
    }
}

static size_t put_frame(struct line *l, uint8_t unit, const void *pdu, size_t size)
{
    uint8_t frame[RTU_FRAME_MAX];
    size_t n = rtu_build(unit, pdu, size, frame, sizeof frame);
    assert_int_equal(n, size + 3);
    put(l, frame, n, BYTE_US);
    return n;
}

static const uint8_t read_snapshot[] = {4, 0, 0, 0, 22};

static void silence_follows_the_standard(void **state)
{
    (void)state;
    assert_int_equal(rtu_silence_us(9600), 4011);
    assert_int_equal(rtu_silence_us(19200), 2006);
    assert_int_equal(rtu_silence_us(38400), 1750);
    assert_int_equal(rtu_silence_us(115200), 1750);
}

static void frame_has_the_published_bytes(void **state)
{
    (void)state;
    const uint8_t pdu[] = {3, 0, 0, 0, 2};
    const uint8_t want[] = {1, 3, 0, 0, 0, 2, 0xC4, 0x0B};
    uint8_t frame[8];
    assert_int_equal(rtu_build(1, pdu, sizeof pdu, frame, sizeof frame), 8);
    assert_memory_equal(frame, want, sizeof want);
    assert_true(rtu_check(want, sizeof want));
    assert_int_equal(rtu_build(1, pdu, sizeof pdu, frame, 7), 0);
    assert_int_equal(rtu_build(1, pdu, 0, frame, sizeof frame), 0);
}

static void request_ends_by_length_and_crc_without_waiting(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    assert_int_equal(l.found, 1);
    assert_int_equal(l.unit, 1);
    assert_true(l.kinds & RTU_REQUEST);
    assert_memory_equal(l.pdu, read_snapshot, sizeof read_snapshot);
    assert_int_equal(l.end_us, l.now_us);
    assert_true(rtu_receiver_due_us(&l.receiver) == UINT64_MAX);
}

static void unknown_function_ends_by_silence(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    const uint8_t pdu[] = {0x65, 1, 2, 3};
    put_frame(&l, 1, pdu, sizeof pdu);
    assert_int_equal(l.found, 0);
    quiet(&l, SILENCE_US - 1);
    assert_int_equal(l.found, 0);
    quiet(&l, 1);
    assert_int_equal(l.found, 1);
    assert_int_equal(l.pdu_size, sizeof pdu);
}

static void gap_below_silence_is_inside_the_frame_and_above_is_not(void **state)
{
    (void)state;
    uint8_t frame[8];
    rtu_build(1, read_snapshot, sizeof read_snapshot, frame, sizeof frame);
    struct line l;
    line_init(&l);
    put(&l, frame, 4, BYTE_US);
    quiet(&l, SILENCE_US - BYTE_US - 1);
    put(&l, frame + 4, 4, BYTE_US);
    assert_int_equal(l.found, 1);

    line_init(&l);
    put(&l, frame, 4, BYTE_US);
    quiet(&l, SILENCE_US);
    put(&l, frame + 4, 4, BYTE_US);
    quiet(&l, SILENCE_US);
    assert_int_equal(l.found, 0);
    assert_int_equal(l.receiver.bad_runs, 2);
}

static void frames_without_visible_silence_are_all_found(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    const uint8_t foreign_request[] = {3, 0, 0, 0, 2};
    const uint8_t foreign_answer[] = {3, 4, 1, 4, 0, 0}; /* holds what looks like a start */
    put_frame(&l, 7, foreign_request, sizeof foreign_request);
    assert_int_equal(l.unit, 7);
    put_frame(&l, 7, foreign_answer, sizeof foreign_answer);
    assert_int_equal(l.kinds, RTU_ANSWER);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    assert_int_equal(l.found, 3);
    assert_int_equal(l.unit, 1);
    assert_int_equal(l.receiver.noise_bytes, 0);
}

/* Unit 1, function 3, byte count 0 has the CRC F1 20 (as sent), so a read of 0x00F1 with 0x20..
 * wanted looks like an answer after five bytes; the same for each unit and some address. */
static void request_that_looks_like_an_answer_half_way_is_a_request(void **state)
{
    (void)state;
    for (unsigned unit = 1; unit <= 247; unit++) {
        uint8_t start[5];
        rtu_build((uint8_t)unit, (const uint8_t *)"\x03\x00", 2, start, sizeof start);
        const uint8_t pdu[] = {3, 0, start[3], start[4], 1};
        struct line l;
        line_init(&l);
        put_frame(&l, (uint8_t)unit, pdu, sizeof pdu);
        assert_int_equal(l.found, 1);
        assert_int_equal(l.kinds, RTU_REQUEST);
        assert_int_equal(l.pdu_size, sizeof pdu);
    }
}

static void short_answer_is_given_when_it_does_not_grow_into_a_request(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    put_frame(&l, 7, "\x03\x02\x12\x34", 4); /* 7 bytes: one short of a request */
    assert_int_equal(l.found, 0);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    assert_int_equal(l.found, 2);
    assert_int_equal(l.unit, 1);
    put_frame(&l, 7, "\x03\x02\x12\x34", 4);
    quiet(&l, SILENCE_US);
    assert_int_equal(l.found, 3);
    assert_int_equal(l.kinds, RTU_ANSWER);
    /* The answer to a multiple write is not held back for a request that it cannot become. */
    put_frame(&l, 7, "\x10\x01\x00\x00\x02", 5);
    assert_int_equal(l.found, 4);
}

static void noise_before_a_request_is_stepped_over_at_silence(void **state)
{
    (void)state;
    for (uint8_t n = 1; n < 30; n++) {
        struct line l;
        line_init(&l);
        uint8_t noise[30];
        memset(noise, n & 1 ? 0x00 : 0xFF, sizeof noise);
        put(&l, noise, n, BYTE_US);
        put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
        quiet(&l, SILENCE_US);
        assert_int_equal(l.found, 1);
        assert_int_equal(l.unit, 1);
        assert_int_equal(l.receiver.noise_bytes, n);
    }
}

static void noise_after_a_request_does_not_spoil_it_nor_the_next(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    put(&l, "\x00", 1, BYTE_US);
    assert_int_equal(l.found, 1);
    quiet(&l, SILENCE_US);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    assert_int_equal(l.found, 2);
}

static void byte_with_a_line_error_ends_nothing_and_spoils_only_its_frame(void **state)
{
    (void)state;
    uint8_t frame[8];
    rtu_build(1, read_snapshot, sizeof read_snapshot, frame, sizeof frame);
    struct line l;
    struct rtu_frame out;
    for (size_t bad = 0; bad < sizeof frame; bad++) {
        line_init(&l);
        for (size_t i = 0; i < sizeof frame; i++) {
            l.now_us += BYTE_US;
            assert_false(rtu_receiver_feed(&l.receiver, frame[i], i != bad, l.now_us, &out));
        }
        quiet(&l, SILENCE_US);
        assert_int_equal(l.found, 0);
        put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
        assert_int_equal(l.found, 1);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t frame[8];
    rtu_build(1, read_snapshot, sizeof read_snapshot, frame, sizeof frame);
    for (unsigned bit = 0; bit < sizeof frame * 8; bit++) {
        struct line l;
        line_init(&l);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put(&l, frame, sizeof frame, BYTE_US);
        quiet(&l, SILENCE_US);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(l.found, 0);
    }
}

static void longest_frame_fits_and_babble_is_bounded(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    uint8_t pdu[MODBUS_PDU_MAX] = {23, 0, 0, 0, 1, 0, 0, 0, 121, 242};
    put(&l, "\x00", 1, BYTE_US);
    put_frame(&l, 1, pdu, 252);
    quiet(&l, SILENCE_US);
    assert_int_equal(l.found, 1);
    assert_int_equal(l.pdu_size, 252);
    for (int i = 0; i < 5000; i++)
        put(&l, "\xAA", 1, BYTE_US);
    put_frame(&l, 1, read_snapshot, sizeof read_snapshot);
    quiet(&l, SILENCE_US);
    assert_int_equal(l.found, 2);
}

static void diagnostic_loopback_of_any_length_is_a_frame(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    const uint8_t pdu[] = {8, 0, 0, 1, 2, 3, 4, 5, 6};
    put_frame(&l, 1, pdu, sizeof pdu);
    quiet(&l, SILENCE_US);
    assert_int_equal(l.found, 1);
    assert_int_equal(l.pdu_size, sizeof pdu);
}

/* Random frames, foreign and own, with silence between them and noise at random: every frame that
 * has silence in front is found, in order, and nothing else is taken for a request. */
static void random_traffic_loses_no_frame(void **state)
{
    (void)state;
    uint32_t seed = 0x5EED1234;
    struct line l;
    line_init(&l);
    uint32_t rounds = test_count(1000000, 10000000);
    unsigned sent = 0;
    unsigned phantoms = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t r = test_random(&seed);
        unsigned before = l.found;
        if (r % 8 == 0) {
            uint8_t noise[8];
            size_t n = r >> 8 & 7;
            for (size_t k = 0; k < n; k++)
                noise[k] = (uint8_t)test_random(&seed);
            put(&l, noise, n, BYTE_US);
            quiet(&l, SILENCE_US);
            phantoms += l.found - before;
            continue;
        }
        uint8_t pdu[16] = {(uint8_t)(r & 0x100 ? 3 : 4), (uint8_t)(r >> 9), (uint8_t)(r >> 17), 0,
                           (uint8_t)(1 + (r >> 25))};
        uint8_t unit = (uint8_t)(1 + (r >> 4) % 247);
        put_frame(&l, unit, pdu, 5);
        quiet(&l, SILENCE_US);
        sent++;
        assert_int_equal(l.found, before + 1);
        assert_int_equal(l.unit, unit);
        assert_memory_equal(l.pdu, pdu, 5);
    }
    /* CRC-16 lets one random run in 65,536 through. */
    assert_in_range(phantoms, 0, rounds / 8 / 65536 * 4 + 8);
    assert_int_equal(l.found, sent + phantoms);
}

static void the_size_of_an_answer_follows_from_its_request(void **state)
{
    (void)state;
    static const struct {
        uint8_t pdu[5];
        uint16_t size;
    } cases[] = {{{3, 0, 0, 0, 7}, 19},  {{4, 0, 0, 0, 125}, 255}, {{1, 0, 0, 0, 8}, 6},
                 {{2, 0, 0, 0, 9}, 7},   {{6, 0, 1, 2, 3}, 8},     {{16, 0, 1, 0, 2}, 8},
                 {{17, 0, 0, 0, 0}, 256}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rtu_answer_size(cases[i].pdu, 5), cases[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_of_an_answer_follows_from_its_request),
        cmocka_unit_test(silence_follows_the_standard),
        cmocka_unit_test(frame_has_the_published_bytes),
        cmocka_unit_test(request_ends_by_length_and_crc_without_waiting),
        cmocka_unit_test(unknown_function_ends_by_silence),
        cmocka_unit_test(gap_below_silence_is_inside_the_frame_and_above_is_not),
        cmocka_unit_test(frames_without_visible_silence_are_all_found),
        cmocka_unit_test(request_that_looks_like_an_answer_half_way_is_a_request),
        cmocka_unit_test(short_answer_is_given_when_it_does_not_grow_into_a_request),
        cmocka_unit_test(noise_before_a_request_is_stepped_over_at_silence),
        cmocka_unit_test(noise_after_a_request_does_not_spoil_it_nor_the_next),
        cmocka_unit_test(byte_with_a_line_error_ends_nothing_and_spoils_only_its_frame),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(longest_frame_fits_and_babble_is_bounded),
        cmocka_unit_test(diagnostic_loopback_of_any_length_is_a_frame),
        cmocka_unit_test(random_traffic_loses_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
