/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction against a scripted device: what it says, and when. In virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/transact.h"
#include "tests/unit/bus/virtual_line.h"

#define MS       1000000LL
#define TIMEOUT  (60 * MS)
#define PATIENCE (3000 * MS)
#define SILENCE  1750000LL
#define GUARD    8680LL /* a bit */
#define TIMER_NS 30000  /* a timer wakes so much later */
#define LATE     (600 * MS)
#define ANSWER   "\x01\x03\x04\x02\x92\xFF\x9B\x5A\x3D"
#define FOREIGN  "\x07\x03\x04\x02\x92\xFF\x9B\x3C\x3D"
#define SPOILT   "\x01\x03\x04\x02\x92\xFE\x9B\x5A\x3D"
#define REFUSAL  "\x01\x83\x02\xC0\xF1"
#define ASKED    "\x03\x00\x00\x00\x02"
#define ECHO     "\x01\x03\x00\x00\x00\x02\xC4\x0B"

struct step {
    unsigned wait_ms;
    const char *bytes;
    size_t size; /* 0: the line goes */
};

static struct bus_config bus;
static struct line line;
static struct transact transact;
static const struct step *script;
static unsigned step_count;
static unsigned heard; /* bytes of requests */

/* The device: says its lines after a request. */
static void device_hears(const uint8_t *frame, size_t size)
{
    int64_t at_ns = line_now_ns();
    (void)frame;
    heard += (unsigned)size;
    for (unsigned i = 0; i < step_count; i++) {
        at_ns += script[i].wait_ms * MS;
        if (script[i].size == 0)
            virtual_line_go(at_ns);
        else
            virtual_line_say(at_ns, script[i].bytes, script[i].size);
    }
}

static int set_up(void **state)
{
    (void)state;
    virtual_line_reset();
    virtual_line.late_ns = TIMER_NS;
    virtual_line.hears = device_hears;
    bus = (struct bus_config){.type = BUS_RTU, .baud = 115200, .parity = 'N', .stop_bits = 1};
    line_init(&line, &bus, -1);
    transact_init(&transact, &line);
    heard = 0;
    return line_open(&line);
}

static struct transact_answer ask_after(const struct step *steps, unsigned count,
                                        int64_t timeout_ns, int64_t fastest_ns)
{
    static const uint8_t pdu[] = ASKED;
    struct transact_request request = {.pdu = pdu,
                                       .pdu_size = 5,
                                       .answer_size = 9,
                                       .unit = 1,
                                       .timeout_ns = timeout_ns,
                                       .fastest_ns = fastest_ns,
                                       .late_ns = LATE};
    struct transact_answer answer;
    script = steps;
    step_count = count;
    transact_do(&transact, &request, &answer);
    return answer;
}

#define SAYS(wait, text)                                                                           \
    {                                                                                              \
        wait, text, sizeof(text) - 1                                                               \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define COUNT(...)      (sizeof((struct step[]){__VA_ARGS__}) / sizeof(struct step))
#define ASK(...)        ask_after((struct step[]){__VA_ARGS__}, COUNT(__VA_ARGS__), PATIENCE, INT64_MIN)
#define ASK_BRIEFLY(...)                                                                           \
    ask_after((struct step[]){__VA_ARGS__}, COUNT(__VA_ARGS__), TIMEOUT, INT64_MIN)

static void check_answer(const struct transact_answer *answer)
{
    assert_int_equal(answer->result, BUS_OK);
    assert_int_equal(answer->pdu_size, 6);
    assert_memory_equal(answer->pdu, &ANSWER[1], 6);
}

static void takes_the_answer_and_measures_it(void **state)
{
    (void)state;
    struct transact_answer answer = ASK(SAYS(10, ANSWER));
    check_answer(&answer);
    /* 10 ms less the frames' time on the wire */
    assert_in_range(answer.turnaround_ns, 8500000, 8600000);
    assert_true(answer.quiet_ns <= answer.end_ns);
    assert_int_equal(heard, 8);
}

static void steps_over_noise_and_other_units(void **state)
{
    (void)state;
    struct transact_answer answer =
        ASK(SAYS(1, "\x00"), SAYS(2, FOREIGN), SAYS(2, "\x01\x03"), SAYS(2, ANSWER));
    check_answer(&answer);
}

static void an_exception_is_an_answer(void **state)
{
    (void)state;
    struct transact_answer answer = ASK(SAYS(1, REFUSAL));
    assert_int_equal(answer.result, BUS_EXCEPTION);
    assert_int_equal(answer.pdu[1], 2);
}

static void silence_is_kept_after_any_byte(void **state)
{
    (void)state;
    (void)ASK(SAYS(1, ANSWER));
    for (unsigned i = 0; i < 300; i++) {
        int64_t last_ns = line.last_ns;
        struct transact_answer answer = ASK(SAYS(1, ANSWER));
        check_answer(&answer);
        assert_true(answer.sent_ns - last_ns >= SILENCE + GUARD);
        assert_int_equal(answer.gap_ns, answer.sent_ns - last_ns);
        if (i == 0) /* a timer is late; */
            assert_true(answer.sent_ns - last_ns > SILENCE + TIMER_NS / 2);
        if (i > 200) /* by and by that is known */
            assert_true(answer.sent_ns - last_ns < SILENCE + GUARD + TIMER_NS / 10);
    }
    assert_int_equal(transact.silence_violations, 0);
}

/* What comes while the line is looked at, after the timer has woken it early, counts as well. */
static void a_byte_in_the_last_microseconds_begins_the_silence_anew(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        (void)ASK(SAYS(1, ANSWER));
    virtual_line.late_ns = 0; /* now it wakes too early by what was learned */
    int64_t stray_ns = line.last_ns + SILENCE + GUARD - 5000;
    virtual_line_say(stray_ns, "", 1);
    struct transact_answer answer = ASK(SAYS(1, ANSWER));
    check_answer(&answer);
    assert_true(answer.sent_ns - stray_ns >= SILENCE);
    assert_int_equal(transact.silence_violations, 0);
}

static void dripping_cannot_stretch_the_deadline(void **state)
{
    (void)state;
    struct transact_answer answer =
        ASK_BRIEFLY(SAYS(1, "\x01"), SAYS(150, "\x03"), SAYS(150, "\x04"), SAYS(150, "\x02"),
                    SAYS(150, "\x92"), SAYS(150, "\xFF\x9B\x5A\x3D"));
    int64_t took = answer.end_ns - answer.sent_ns;
    assert_true(answer.result == BUS_GARBLED || answer.result == BUS_TIMEOUT);
    assert_in_range(took, TIMEOUT, TIMEOUT + 10 * MS); /* it drips for 750 ms */
    assert_true(answer.quiet_ns > answer.end_ns);
}

/* A late answer is known as one, and the next transaction does not take it. */
static void a_late_answer_is_not_the_next_one(void **state)
{
    (void)state;
    struct transact_answer answer = ASK_BRIEFLY(SAYS(150, ANSWER));
    assert_int_equal(answer.result, BUS_TIMEOUT);
    assert_int_equal(transact_idle(&transact, line_now_ns() + 200 * MS, false), LINE_TIME);
    assert_int_equal(transact.late_unit, 1);
    assert_true(transact.late_over);
    answer = ASK(SAYS(5, REFUSAL));
    assert_int_equal(answer.result, BUS_EXCEPTION);
}

/* …nor does it get lost while another unit is asked, which is answered all the same. */
static void a_late_answer_is_known_while_another_unit_is_asked(void **state)
{
    static const uint8_t pdu[] = ASKED;
    (void)state;
    struct transact_answer answer = ASK_BRIEFLY(SAYS(100, ANSWER));
    assert_int_equal(answer.result, BUS_TIMEOUT);
    struct transact_request other = {.pdu = pdu,
                                     .pdu_size = 5,
                                     .answer_size = 9,
                                     .unit = 7,
                                     .timeout_ns = PATIENCE,
                                     .fastest_ns = INT64_MIN,
                                     .late_ns = LATE};
    script = (struct step[]){SAYS(60, FOREIGN)};
    step_count = 1;
    transact_do(&transact, &other, &answer);
    assert_int_equal(answer.result, BUS_OK);
    assert_int_equal(transact.late_unit, 1);
    assert_false(transact.late_over); /* it may be unit 7's, with a wrong address */
    assert_int_equal(transact.stray_bytes, 9);
}

static void bytes_before_the_request_are_thrown_away(void **state)
{
    (void)state;
    virtual_line_say(line_now_ns(), ANSWER, 9);
    struct transact_answer answer = ASK(SAYS(5, REFUSAL));
    assert_int_equal(answer.result, BUS_EXCEPTION);
    assert_int_equal(transact.stray_bytes, 9);
}

/* The whole length came, spoilt: nothing more will, so the line is free at once. */
static void a_spoilt_answer_ends_the_wait(void **state)
{
    (void)state;
    struct transact_answer answer = ASK(SAYS(2, SPOILT));
    assert_int_equal(answer.result, BUS_GARBLED);
    assert_true(answer.end_ns - answer.sent_ns < 30 * MS);
    assert_true(answer.quiet_ns <= answer.end_ns);
}

/* A frame of another unit says nothing about ours: it may still answer. */
static void a_foreign_frame_ends_nothing(void **state)
{
    (void)state;
    struct transact_answer answer = ASK_BRIEFLY(SAYS(2, FOREIGN));
    assert_int_equal(answer.result, BUS_TIMEOUT);
    assert_true(answer.quiet_ns > answer.end_ns);
}

/* An answer sooner than the unit can is an earlier one that came twice. */
static void an_answer_too_fast_is_stepped_over(void **state)
{
    (void)state;
    struct step steps[] = {SAYS(2, "\x01\x03\x04\x00\x00\x00\x00\xFA\x33"), SAYS(600, ANSWER)};
    struct transact_answer answer = ask_after(steps, 2, PATIENCE, 500 * MS);
    check_answer(&answer);
    assert_true(answer.too_fast);
    assert_true(transact.twice);
}

static void an_answer_that_comes_twice_is_noticed(void **state)
{
    (void)state;
    struct transact_answer answer = ASK(SAYS(2, ANSWER), SAYS(200, ANSWER));
    check_answer(&answer);
    assert_int_equal(transact_idle(&transact, line_now_ns() + 300 * MS, false), LINE_TIME);
    assert_true(transact.twice);
}

static void an_echo_is_seen_and_stepped_over(void **state)
{
    (void)state;
    struct transact_answer answer = ASK(SAYS(0, ECHO), SAYS(5, ANSWER));
    check_answer(&answer);
    assert_true(answer.echo);
}

/* On a busy host the echo comes when its request has been given up, and while another is asked. */
static void a_late_echo_is_of_no_other_master(void **state)
{
    (void)state;
    assert_int_equal(ASK_BRIEFLY(SAYS(100, ECHO)).result, BUS_TIMEOUT);
    assert_int_equal(transact_idle(&transact, line_now_ns() + 300 * MS, false), LINE_TIME);
    assert_int_equal(transact.overheard.requests, 0);
    static const uint8_t other[] = "\x03\x00\x05\x00\x01";
    struct transact_request request = {.pdu = other,
                                       .pdu_size = 5,
                                       .answer_size = 7,
                                       .unit = 2,
                                       .timeout_ns = TIMEOUT,
                                       .fastest_ns = INT64_MIN,
                                       .late_ns = LATE};
    struct transact_answer answer;
    assert_int_equal(ASK_BRIEFLY(SAYS(80, ECHO)).result, BUS_TIMEOUT);
    step_count = 0;
    transact_do(&transact, &request, &answer);
    assert_int_equal(answer.result, BUS_TIMEOUT);
    assert_int_equal(transact.overheard.requests, 0);
}

static void ask_unit(uint8_t unit, uint8_t frame[8])
{
    static const uint8_t pdu[] = "\x04\x00\x07\x00\x01";
    const struct transact_request request = {.pdu = pdu,
                                             .pdu_size = 5,
                                             .answer_size = 7,
                                             .unit = unit,
                                             .timeout_ns = TIMEOUT,
                                             .fastest_ns = INT64_MIN,
                                             .late_ns = LATE};
    struct transact_answer answer;
    step_count = 0;
    assert_int_equal(rtu_build(unit, pdu, 5, frame, 8), 8);
    transact_do(&transact, &request, &answer);
    assert_int_equal(answer.result, BUS_TIMEOUT);
}

/* A host that stands still hands over the echoes of all that was given up meanwhile, and then the
 * answers. What is heard beyond them is another master's. */
static void echoes_of_many_requests_are_of_no_other_master(void **state)
{
    enum { UNITS = 5 };
    uint8_t all[UNITS * 8];
    (void)state;
    struct transact_answer answer = ASK(SAYS(0, ECHO), SAYS(5, ANSWER));
    assert_true(answer.echo);
    for (uint8_t i = 0; i < UNITS; i++)
        ask_unit((uint8_t)(2 + i), all + 8 * i);
    struct step steps[] = {{1, (const char *)all, sizeof all}, SAYS(0, ECHO), SAYS(5, ANSWER)};
    answer = ask_after(steps, 3, PATIENCE, INT64_MIN);
    check_answer(&answer);
    assert_true(answer.echo);
    assert_int_equal(transact.overheard.requests, 0);
    struct step again[] = {SAYS(0, ECHO), SAYS(5, ANSWER), {1, (const char *)all, 8}};
    answer = ask_after(again, 3, PATIENCE, INT64_MIN);
    check_answer(&answer);
    assert_int_equal(transact_idle(&transact, line_now_ns() + 300 * MS, false), LINE_TIME);
    assert_int_equal(transact.overheard.requests, 1);
}

/* Nobody answers, and nothing was echoed yet: another master with the same devices is known by what
 * we asked a while ago. */
static void another_master_of_a_dead_line_is_no_echo(void **state)
{
    uint8_t first[8], other[8];
    (void)state;
    ask_unit(2, first);
    for (uint8_t unit = 3; unit < 6; unit++)
        ask_unit(unit, other);
    virtual_line_say(line_now_ns() + 10 * MS, first, sizeof first);
    assert_int_equal(transact_idle(&transact, line_now_ns() + 300 * MS, false), LINE_TIME);
    assert_int_equal(transact.overheard.requests, 1);
}

/* An end is asked for while an answer is on its way. */
static void hears_and_is_to_end(const uint8_t *frame, size_t size)
{
    device_hears(frame, size);
    atomic_store(&transact.stopping, true);
}

static void an_answer_that_comes_while_all_ends_is_heard_out(void **state)
{
    (void)state;
    virtual_line.hears = hears_and_is_to_end;
    struct transact_answer answer =
        ASK(SAYS(20, "\x01\x03\x04\x02"), SAYS(20, "\x92\xFF\x9B\x5A\x3D"));
    check_answer(&answer);
    assert_int_equal(transact.broken_off, 0);
    atomic_store(&transact.stopping, false);
    answer = ASK(SAYS(2000, ANSWER));
    assert_int_equal(answer.result, BUS_DOWN);
    assert_int_equal(transact.broken_off, 1);
    assert_true(answer.end_ns - answer.sent_ns <= 600 * MS);
}

static void who_babbles_is_not_heard_out(void **state)
{
    struct step steps[30];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        steps[i] = (struct step)SAYS(20, "\x55");
    virtual_line.hears = hears_and_is_to_end;
    struct transact_answer answer = ask_after(steps, COUNT_OF(steps), PATIENCE, INT64_MIN);
    assert_int_equal(answer.result, BUS_DOWN);
    assert_true(answer.end_ns - answer.sent_ns <= 600 * MS);
}

/* Adapters echo everything or nothing: heard once after others without it, it was another master
 * who asked for the same; heard again and again, the adapter has begun to. */
static void the_same_request_of_another_master_is_no_echo(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct transact_answer quiet = ASK(SAYS(2, ANSWER));
        check_answer(&quiet);
    }
    struct transact_answer answer = ASK(SAYS(0, ECHO), SAYS(5, ANSWER));
    check_answer(&answer);
    assert_false(answer.echo);
    assert_int_equal(transact.overheard.requests, 1);
    for (unsigned i = 0; i < 3; i++)
        answer = ASK(SAYS(0, ECHO), SAYS(5, ANSWER));
    assert_true(answer.echo);
}

/* Twelve bytes of values, of which eight are a good request with its CRC: of another unit, or what
 * we ask ourselves, of another register. */
static const uint8_t lookalikes[][8] = {
    {0x1F, 0x01, 0xC8, 0x00, 0x01, 0x00, 0x00, 0x44},
    {0x01, 0x03, 0x00, 0x10, 0x00, 0x06, 0xC4, 0x0D},
};

static void check_lookalike(const uint8_t values[8], size_t offset, bool in_pieces)
{
    static const uint8_t pdu[] = "\x03\x00\x00\x00\x06";
    uint8_t frame[17], data[14] = {0x03, 0x0C};
    struct step pieces[sizeof frame];
    struct transact_request request = {.pdu = pdu,
                                       .pdu_size = 5,
                                       .answer_size = sizeof frame,
                                       .unit = 1,
                                       .timeout_ns = PATIENCE,
                                       .fastest_ns = INT64_MIN,
                                       .late_ns = LATE};
    struct transact_answer answer;
    memcpy(data + 2 + offset, values, 8);
    assert_int_equal(rtu_build(1, data, sizeof data, frame, sizeof frame), sizeof frame);
    for (size_t i = 0; i < sizeof frame; i++)
        pieces[i] = (struct step){1, (const char *)&frame[i], 1};
    struct step whole = {1, (const char *)frame, sizeof frame};
    script = in_pieces ? pieces : &whole;
    step_count = in_pieces ? sizeof frame : 1;
    uint64_t before = transact.overheard.requests;
    transact_do(&transact, &request, &answer);
    assert_int_equal(answer.result, BUS_OK);
    assert_int_equal(answer.pdu_size, 14);
    assert_int_equal(transact.overheard.requests, before);
    assert_false(transact.overheard.answer_awaited);
}

static void values_that_look_like_a_request_are_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(lookalikes); i++)
        for (size_t offset = 0; offset <= 4; offset++)
            check_lookalike(lookalikes[i / 2], offset, i % 2);
}

/* Another master's request before ours is answered is one, and so is one behind the answer. */
static void a_request_before_the_answer_makes_it_foreign(void **state)
{
    (void)state;
    struct transact_answer answer =
        ASK(SAYS(1, "\x01\x03\x00\x10\x00\x02\xC5\xCE"), SAYS(5, ANSWER));
    assert_int_equal(answer.result, BUS_GARBLED);
    assert_int_equal(transact.overheard.requests, 1);
}

static void a_line_that_goes_is_down(void **state)
{
    (void)state;
    struct transact_answer answer = ASK({2, NULL, 0});
    assert_int_equal(answer.result, BUS_DOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(takes_the_answer_and_measures_it),
        TEST(steps_over_noise_and_other_units),
        TEST(an_exception_is_an_answer),
        TEST(silence_is_kept_after_any_byte),
        TEST(a_byte_in_the_last_microseconds_begins_the_silence_anew),
        TEST(dripping_cannot_stretch_the_deadline),
        TEST(a_late_answer_is_not_the_next_one),
        TEST(a_late_answer_is_known_while_another_unit_is_asked),
        TEST(bytes_before_the_request_are_thrown_away),
        TEST(a_spoilt_answer_ends_the_wait),
        TEST(a_foreign_frame_ends_nothing),
        TEST(an_answer_too_fast_is_stepped_over),
        TEST(an_answer_that_comes_twice_is_noticed),
        TEST(an_echo_is_seen_and_stepped_over),
        TEST(a_late_echo_is_of_no_other_master),
        TEST(echoes_of_many_requests_are_of_no_other_master),
        TEST(another_master_of_a_dead_line_is_no_echo),
        TEST(an_answer_that_comes_while_all_ends_is_heard_out),
        TEST(who_babbles_is_not_heard_out),
        TEST(the_same_request_of_another_master_is_no_echo),
        TEST(values_that_look_like_a_request_are_values),
        TEST(a_request_before_the_answer_makes_it_foreign),
        TEST(a_line_that_goes_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
