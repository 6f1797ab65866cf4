/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "protocols/modbus/rtu_client.h"

static void expect(struct rtu_client *c, const void *pdu, size_t size)
{
    rtu_client_expect(c, 7, pdu, size);
}

static enum rtu_client_state feed_frame(struct rtu_client *c, uint8_t unit, const void *pdu,
                                        size_t size)
{
    uint8_t frame[RTU_FRAME_MAX];
    size_t n = rtu_build(unit, pdu, size, frame, sizeof frame);
    return rtu_client_feed(c, frame, n);
}

static const uint8_t read_two[] = {3, 0, 10, 0, 2};
static const uint8_t two[] = {3, 4, 0x12, 0x34, 0x56, 0x78};

static void answer_is_complete_with_its_last_byte(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    uint8_t frame[16];
    size_t n = rtu_build(7, two, sizeof two, frame, sizeof frame);
    for (size_t i = 0; i + 1 < n; i++)
        assert_int_equal(rtu_client_feed(&c, frame + i, 1), RTU_CLIENT_WAITING);
    assert_int_equal(rtu_client_feed(&c, frame + n - 1, 1), RTU_CLIENT_ANSWER);
    size_t size;
    const uint8_t *pdu = rtu_client_pdu(&c, &size);
    assert_int_equal(size, sizeof two);
    assert_memory_equal(pdu, two, sizeof two);
    assert_int_equal(c.stray, 0);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_ANSWER);
}

static void exception_is_an_answer_of_its_own_kind(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    assert_int_equal(feed_frame(&c, 7, "\x83\x02", 2), RTU_CLIENT_EXCEPTION);
    size_t size;
    assert_int_equal(rtu_client_pdu(&c, &size)[1], 2);
}

static void noise_foreign_frames_and_wrong_shapes_are_stepped_over(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    rtu_client_feed(&c, (const uint8_t[]){0x00, 0x07, 0xFF, 0x07, 0x03}, 5);
    feed_frame(&c, 8, two, sizeof two);                       /* another unit */
    feed_frame(&c, 7, "\x03\x06\x01\x02\x03\x04\x05\x06", 8); /* another quantity */
    feed_frame(&c, 7, "\x04\x04\x01\x02\x03\x04", 6);         /* another function */
    assert_int_equal(feed_frame(&c, 7, two, sizeof two), RTU_CLIENT_ANSWER);
    size_t size;
    assert_memory_equal(rtu_client_pdu(&c, &size), two, sizeof two);
    assert_int_equal(c.stray, 5 + 9 + 11 + 9);
}

static void torn_start_of_an_answer_does_not_hide_the_whole_one(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    rtu_client_feed(&c, (const uint8_t[]){7, 3, 4, 0x12}, 4);
    feed_frame(&c, 7, two, sizeof two);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_ANSWER);
}

static void write_counts_only_when_the_echo_is_exact(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, "\x06\x00\x10\x00\x2A", 5);
    assert_int_equal(feed_frame(&c, 7, "\x06\x00\x10\x00\x2B", 5), RTU_CLIENT_WAITING);
    assert_int_equal(feed_frame(&c, 7, "\x06\x00\x11\x00\x2A", 5), RTU_CLIENT_WAITING);
    assert_int_equal(feed_frame(&c, 7, "\x06\x00\x10\x00\x2A", 5), RTU_CLIENT_ANSWER);
    expect(&c, "\x10\x00\x10\x00\x02\x04\x00\x01\x00\x02", 10);
    assert_int_equal(feed_frame(&c, 7, "\x10\x00\x10\x00\x01", 5), RTU_CLIENT_WAITING);
    assert_int_equal(feed_frame(&c, 7, "\x10\x00\x10\x00\x02", 5), RTU_CLIENT_ANSWER);
    expect(&c, "\x16\x00\x10\x00\xF2\x00\x25", 7);
    assert_int_equal(feed_frame(&c, 7, "\x16\x00\x10\x00\xF2\x00\x25", 7), RTU_CLIENT_ANSWER);
    expect(&c, "\x08\x00\x0B\x00\x00", 5);
    assert_int_equal(feed_frame(&c, 7, "\x08\x00\x0C\x00\x05", 5), RTU_CLIENT_WAITING);
    assert_int_equal(feed_frame(&c, 7, "\x08\x00\x0B\x00\x05", 5), RTU_CLIENT_ANSWER);
}

static void free_length_answers_end_by_their_own_count(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, "\x11", 1);
    assert_int_equal(feed_frame(&c, 7, "\x11\x05hello", 7), RTU_CLIENT_ANSWER);
    expect(&c, "\x2B\x0E\x01\x00", 4);
    const uint8_t id[] = {0x2B, 0x0E, 1, 0x83, 0, 0, 2, 0, 3, 'a', 'b', 'c', 1, 1, 'd'};
    assert_int_equal(feed_frame(&c, 7, id, sizeof id), RTU_CLIENT_ANSWER);
    expect(&c, "\x17\x04\x10\x00\x01\x04\x00\x00\x01\x02\x00\x01", 12);
    assert_int_equal(feed_frame(&c, 7, "\x17\x02\x00\x09", 4), RTU_CLIENT_ANSWER);
}

static void unknown_function_is_answered_at_the_end(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, "\x65\x01", 2);
    assert_int_equal(feed_frame(&c, 7, "\x65\x01\x02\x03", 4), RTU_CLIENT_WAITING);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_ANSWER);
    size_t size;
    assert_non_null(rtu_client_pdu(&c, &size));
    assert_int_equal(size, 4);
}

static void scan_is_answered_after_its_arbitration_bytes(void **state)
{
    (void)state;
    struct rtu_client c;
    rtu_client_expect(&c, MODBUS_FAST_UNIT, (const uint8_t *)"\x46\x01", 2);
    const uint8_t published[] = {0xFF, 0xFF, 0xFF, 0xFD, 0x46, 0x03, 0x00,
                                 0x01, 0xEB, 0x37, 0x0C, 0xCE, 0xDC};
    assert_int_equal(rtu_client_feed(&c, published, sizeof published), RTU_CLIENT_ANSWER);
    assert_int_equal(c.stray, 3);
    rtu_client_expect(&c, MODBUS_FAST_UNIT,
                      (const uint8_t *)"\x46\x08\x00\x01\xEB\x37\x03\x00\xC8\x00\x01", 11);
    assert_int_equal(feed_frame(&c, 0xFD, "\x46\x09\x00\x01\xEB\x38\x03\x02\x00\x57", 10),
                     RTU_CLIENT_WAITING);
    assert_int_equal(feed_frame(&c, 0xFD, "\x46\x09\x00\x01\xEB\x37\x03\x02\x00\x57", 10),
                     RTU_CLIENT_ANSWER);
}

static void what_is_no_answer_is_told_apart(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_SILENT);
    expect(&c, read_two, sizeof read_two);
    rtu_client_feed(&c, (const uint8_t *)"noise", 5);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_GARBLED);
    expect(&c, read_two, sizeof read_two);
    feed_frame(&c, 9, two, sizeof two);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_FOREIGN);
    size_t size;
    assert_null(rtu_client_pdu(&c, &size));
    assert_int_equal(size, 0);
}

static void endless_babble_ends_bounded_and_the_answer_after_it_is_found(void **state)
{
    (void)state;
    struct rtu_client c;
    expect(&c, read_two, sizeof read_two);
    uint32_t seed = 77;
    for (int i = 0; i < 20000; i++) {
        uint8_t byte = (uint8_t)test_random(&seed);
        assert_int_equal(rtu_client_feed(&c, &byte, 1), RTU_CLIENT_WAITING);
    }
    feed_frame(&c, 7, two, sizeof two);
    assert_int_equal(rtu_client_finish(&c), RTU_CLIENT_ANSWER);
}

static void no_flipped_bit_passes_for_an_answer(void **state)
{
    (void)state;
    uint8_t frame[16];
    size_t n = rtu_build(7, two, sizeof two, frame, sizeof frame);
    for (unsigned bit = 0; bit < n * 8; bit++) {
        struct rtu_client c;
        expect(&c, read_two, sizeof read_two);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rtu_client_feed(&c, frame, n);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(rtu_client_finish(&c), RTU_CLIENT_ANSWER);
    }
}

#define STREAM 700u

/* Good frames, torn ones and bytes that look like their begin, with an answer at the end. */
static size_t make_stream(uint32_t *seed, const uint8_t *answer, size_t answer_size,
                          uint8_t stream[STREAM])
{
    static const uint8_t likely[] = {7, 7, 3, 4, 6, 0x83, 0x00, 0x10, 0x2A};
    uint8_t good[16];
    size_t good_size = rtu_build(7, answer, answer_size, good, sizeof good), size = 0;
    size_t wanted = test_random(seed) % (STREAM - sizeof good);
    while (size < wanted) {
        size_t torn = test_random(seed) % good_size;
        if (test_random(seed) % 4 == 0 && size + torn <= wanted) {
            memcpy(stream + size, good, torn);
            size += torn;
        } else {
            stream[size++] = likely[test_random(seed) % sizeof likely];
        }
    }
    memcpy(stream + size, good, good_size);
    return size + good_size;
}

/* A converter passes bytes on one by one or all at once: each prefix says the same. */
static void in_which_pieces_the_bytes_come_makes_no_difference(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer;
        size_t request_size, answer_size;
    } kinds[] = {{"\x03\x00\x0A\x00\x02", "\x03\x04\x12\x34\x56\x78", 5, 6},
                 {"\x03\x00\x0A\x00\x02", "\x83\x02", 5, 2},
                 {"\x06\x00\x10\x00\x2A", "\x06\x00\x10\x00\x2A", 5, 5},
                 {"\x06\x00\x10\x00\x2A", "\x86\x02", 5, 2}};
    uint32_t seed = 5;
    for (uint32_t round = 0; round < test_count(60, 2000); round++) {
        size_t kind = round % 4;
        uint8_t stream[STREAM];
        struct rtu_client by_byte, by_piece;
        size_t size = make_stream(&seed, (const uint8_t *)kinds[kind].answer,
                                  kinds[kind].answer_size, stream);
        expect(&by_byte, kinds[kind].request, kinds[kind].request_size);
        expect(&by_piece, kinds[kind].request, kinds[kind].request_size);
        for (size_t at = 0, piece = 0; at < size; at += piece) {
            piece = 1 + test_random(&seed) % (size - at);
            rtu_client_feed(&by_piece, stream + at, piece);
            for (size_t i = 0; i < piece; i++)
                rtu_client_feed(&by_byte, stream + at + i, 1);
            struct rtu_client whole;
            expect(&whole, kinds[kind].request, kinds[kind].request_size);
            rtu_client_feed(&whole, stream, at + piece);
            assert_int_equal(by_piece.state, by_byte.state);
            assert_int_equal(whole.state, by_byte.state);
            if (by_byte.state != RTU_CLIENT_WAITING)
                assert_int_equal(by_byte.stray, at + piece - by_byte.answers);
        }
        assert_int_not_equal(by_byte.state, RTU_CLIENT_WAITING);
        assert_int_equal(by_piece.stray, by_byte.stray);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_is_complete_with_its_last_byte),
        cmocka_unit_test(exception_is_an_answer_of_its_own_kind),
        cmocka_unit_test(noise_foreign_frames_and_wrong_shapes_are_stepped_over),
        cmocka_unit_test(torn_start_of_an_answer_does_not_hide_the_whole_one),
        cmocka_unit_test(write_counts_only_when_the_echo_is_exact),
        cmocka_unit_test(free_length_answers_end_by_their_own_count),
        cmocka_unit_test(unknown_function_is_answered_at_the_end),
        cmocka_unit_test(scan_is_answered_after_its_arbitration_bytes),
        cmocka_unit_test(what_is_no_answer_is_told_apart),
        cmocka_unit_test(endless_babble_ends_bounded_and_the_answer_after_it_is_found),
        cmocka_unit_test(no_flipped_bit_passes_for_an_answer),
        cmocka_unit_test(in_which_pieces_the_bytes_come_makes_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
