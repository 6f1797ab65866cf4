/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/field/probe.h"

static const struct weather_now garden = {
    .value = {[WEATHER_AIR_TEMPERATURE] = 21.34,
              [WEATHER_AIR_HUMIDITY] = 87.66,
              [WEATHER_SOIL_MOISTURE] = 65.8,
              [WEATHER_SOIL_TEMPERATURE] = -10.1},
    .conductivity = 432.4,
    .ph = 4.87,
};

static uint8_t answer[PROBE_PDU_SIZE];
static struct probe_given given;

static size_t ask(struct probe *probe, const uint8_t *pdu, size_t size)
{
    return probe_serve(probe, &garden, pdu, size, answer, &given);
}

#define ASK(probe, ...)                                                                            \
    ask(probe, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define ANSWERED(size, ...)                                                                        \
    do {                                                                                           \
        assert_int_equal(size, sizeof((const uint8_t[]){__VA_ARGS__}));                            \
        assert_memory_equal(answer, ((const uint8_t[]){__VA_ARGS__}), size);                       \
    } while (0)

static void md02_gives_temperature_and_humidity_in_one_read(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_XY_MD02, 1, 9600, 0);
    size_t size = ASK(&probe, 4, 0, 1, 0, 2);
    ANSWERED(size, 4, 4, 0x00, 0xD5, 0x03, 0x6D); /* 21.3 °C, 87.7 % */
    assert_int_equal(given.count, 2);
    assert_string_equal(given.values[0].metric, "air_temperature");
    assert_true(fabs(given.values[0].value - (21.3)) <= 1e-9);
    assert_true(fabs(given.values[1].value - (87.7)) <= 1e-9);
    assert_true(given.sample);
}

static void md02_refuses_humidity_alone(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_XY_MD02, 1, 9600, 0);
    size_t size = ASK(&probe, 4, 0, 2, 0, 1);
    ANSWERED(size, 0x84, 2);
    assert_int_equal(given.count, 0);
}

static void md02_reads_its_rate_as_bits_a_second(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_XY_MD02, 1, 9600, 0);
    size_t size = ASK(&probe, 3, 0x01, 0x01, 0, 2);
    ANSWERED(size, 3, 4, 0, 1, 0x25, 0x80);
}

static void renke_gives_the_frame_of_its_manual(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_RS_WS_N01_TR, 1, 4800, 0);
    size_t size = ASK(&probe, 3, 0, 0, 0, 2);
    ANSWERED(size, 3, 4, 0x02, 0x92, 0xFF, 0x9B); /* 65.8 %, -10.1 °C */
}

static void renke_takes_address_and_rate_at_once(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_RS_WS_N01_TR, 1, 4800, 0);
    size_t size = ASK(&probe, 6, 0x07, 0xD0, 0, 9);
    ANSWERED(size, 6, 0x07, 0xD0, 0, 9);
    assert_true(probe_hears(&probe, 9));
    assert_false(probe_hears(&probe, 1));
    size = ASK(&probe, 6, 0x07, 0xD1, 0, 2);
    ANSWERED(size, 6, 0x07, 0xD1, 0, 2);
    assert_int_equal(probe.baud, 9600);
    size = ASK(&probe, 6, 0x07, 0xD1, 0, 3); /* it knows three rates only */
    ANSWERED(size, 0x86, 3);
}

static void zts_gives_seven_values_and_answers_the_address_query(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_ZTS_3001, 1, 4800, 0);
    assert_true(probe_hears(&probe, 0xFF));
    size_t size = ASK(&probe, 3, 0x07, 0xD0, 0, 1);
    ANSWERED(size, 3, 2, 0, 1);
    size = ASK(&probe, 3, 0, 0, 0, 7);
    ANSWERED(size, 3, 14, 0x02, 0x92, 0xFF, 0x9B, 0x01, 0xB0, 0, 49, 0, 30, 0, 22, 0, 82);
    assert_int_equal(given.count, 7);
}

static void zts_refuses_what_is_not_there(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_ZTS_3001, 1, 4800, 0);
    size_t size = ASK(&probe, 3, 0, 9, 0, 1);
    ANSWERED(size, 0x83, 2);
    size = ASK(&probe, 4, 0, 0, 0, 1);
    ANSWERED(size, 0x84, 2);
    size = ASK(&probe, 6, 0, 4, 0, 1); /* nitrogen is read only */
    ANSWERED(size, 0x86, 2);
    size = ASK(&probe, 1, 0, 0, 0, 1);
    ANSWERED(size, 0x81, 1);
}

static void no_request_makes_a_probe_read_past_its_end(void **state)
{
    struct probe probe;
    const uint8_t request[] = {16, 0x07, 0xD0, 0, 2, 4, 0, 1, 0, 2};
    (void)state;
    probe_init(&probe, UNIT_ZTS_3001, 1, 4800, 0);
    for (size_t size = 0; size < sizeof(request); size++) {
        size_t got = ask(&probe, request, size);
        assert_int_equal(got, 2);
        assert_true(answer[0] & 0x80);
    }
}

static void responder_never_says_the_same_twice(void **state)
{
    struct probe probe;
    (void)state;
    probe_init(&probe, UNIT_RESPONDER, 7, 9600, 10);
    size_t size = ASK(&probe, 3, 0, 0, 0, 10);
    assert_int_equal(size, 22);
    assert_int_equal(given.answer, 0);
    assert_int_equal(answer[2] << 8 | answer[3], probe_responder_value(7, 0, 0));
    size = ASK(&probe, 4, 0, 9, 0, 1);
    assert_int_equal(size, 4);
    assert_int_equal(answer[2] << 8 | answer[3], probe_responder_value(7, 9, 1));
    assert_int_not_equal(probe_responder_value(7, 9, 1), probe_responder_value(7, 9, 0));
    assert_int_not_equal(probe_responder_value(7, 9, 1), probe_responder_value(8, 9, 1));
    size = ASK(&probe, 4, 0, 9, 0, 2);
    ANSWERED(size, 0x84, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md02_gives_temperature_and_humidity_in_one_read),
        cmocka_unit_test(md02_refuses_humidity_alone),
        cmocka_unit_test(md02_reads_its_rate_as_bits_a_second),
        cmocka_unit_test(renke_gives_the_frame_of_its_manual),
        cmocka_unit_test(renke_takes_address_and_rate_at_once),
        cmocka_unit_test(zts_gives_seven_values_and_answers_the_address_query),
        cmocka_unit_test(zts_refuses_what_is_not_there),
        cmocka_unit_test(no_request_makes_a_probe_read_past_its_end),
        cmocka_unit_test(responder_never_says_the_same_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
