/* SPDX-License-Identifier: Apache-2.0 */
/* Each shipped profile is played by a device that has its registers and no others, and is judged by
 * all of them: it is among what fits, and hardly one is claimed that it is not. No line and no
 * wait, so all of them against all of them take a second; tests/integration/test_find.py asks some
 * over a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/commission/recognise.h"
#include "gateway/daemon/config/field_type.h"
#include "protocols/modbus/request.h"

#define FALSE_MOST 1   /* of all: the bound for 20 devices against 20 profiles */
#define LEAST      20  /* profiles that can be judged */
#define ASKED_MOST 200 /* times: one that keeps silent where others refuse; each is a wait */
#define CHOICE     4   /* points behind the best one that is still offered: survey.c */

static struct {
    bool there[0x10000];
    uint16_t words[0x10000];
    bool functions[5];
    uint8_t unit;
    bool quiet;                      /* says nothing where others refuse */
    unsigned asked;                  /* times, of any question */
    unsigned lost_first, lost_count; /* of these the answer comes too late */
} played;

static void put(unsigned address, uint16_t word)
{
    played.there[address & 0xFFFF] = true;
    played.words[address & 0xFFFF] = word;
}

/* A fair day. */
static double middle(const char *metric)
{
    static const struct {
        const char *metric;
        double value;
    } day[] = {{"air_temperature", 18.2},  {"air_humidity", 71.3},    {"soil_moisture", 31.4},
               {"soil_temperature", 15.7}, {"soil_ph", 5.4},          {"soil_conductivity", 412},
               {"illuminance", 8200},      {"wind_speed", 2.3},       {"wind_direction", 135},
               {"leaf_wetness", 35},       {"solar_irradiance", 320}, {"air_pressure", 98.2}};
    for (size_t i = 0; i < sizeof day / sizeof day[0]; i++) {
        if (strcmp(day[i].metric, metric) == 0)
            return day[i].value;
    }
    return 21;
}

static uint64_t bits_of(const struct field_config *field, double value)
{
    uint64_t bits = 0;
    float single = (float)value;
    uint32_t small;
    if (field->type == FIELD_F64) {
        memcpy(&bits, &value, sizeof bits);
    } else if (field->type == FIELD_F32) {
        memcpy(&small, &single, sizeof small);
        bits = small;
    } else {
        bits = (uint64_t)llround(value);
    }
    return bits;
}

/* Words as they arrive, the most significant first unless the order says otherwise. */
static void put_field(const struct field_config *field)
{
    unsigned count = field_type_words(field);
    double value =
        field->enum_count > 0 ? 1 : (middle(field->metric) - field->offset) / field->scale;
    uint64_t bits = bits_of(field, value);
    bool swapped = field->order == ORDER_CDAB || field->order == ORDER_DCBA;
    bool turned = field->order == ORDER_BADC || field->order == ORDER_DCBA;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = swapped ? i : count - 1 - i;
        uint16_t word = (uint16_t)(bits >> (16 * (at % 4)));
        uint16_t other = (uint16_t)((word << 8 | word >> 8) & 0xFFFF);
        put(field->address + i, turned && count > 1 ? other : word);
    }
    if (field->scale_sign != 0)
        put(field->scale_address, 0);
}

/* One that is read over its gaps has registers in them. */
static void fill_gaps(const struct profile_config *profile)
{
    unsigned first = 0, last = 0x10000;
    while (first < last && !played.there[first])
        first++;
    while (last > first && !played.there[last - 1])
        last--;
    for (unsigned i = first; profile->read_gap > 0 && i < last; i++)
        played.there[i] = true;
}

/* false: it has coils only, which have no values to judge by. */
static bool play(const struct profile_config *profile)
{
    memset(&played, 0, sizeof played);
    played.functions[MODBUS_READ_HOLDING] = true;
    played.unit = profile->address_default != 0 ? profile->address_default : 1;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        if (field->function < MODBUS_READ_HOLDING)
            return false;
        played.functions[field->function] = true;
        put_field(field);
    }
    fill_gaps(profile);
    if (profile->address_register != 0xFFFF)
        put(profile->address_register, played.unit);
    for (unsigned i = 0; profile->baud_register != 0xFFFF && i < profile->baud_code_count; i++) {
        if (profile->baud_codes[i] == 9600)
            put(profile->baud_register, (uint16_t)i);
    }
    return true;
}

static void hear(const uint8_t *pdu, struct transact_answer *answer)
{
    static uint8_t out[2 + 2 * 125];
    unsigned first = (unsigned)(pdu[1] << 8 | pdu[2]), count = (unsigned)(pdu[3] << 8 | pdu[4]);
    *answer = (struct transact_answer){.result = BUS_TIMEOUT};
    if (played.asked++ - played.lost_first < played.lost_count)
        return;
    bool there = pdu[0] < 5 && played.functions[pdu[0]] && count <= 125;
    for (unsigned i = 0; there && i < count; i++) {
        there = first + i <= 0xFFFF && played.there[first + i];
        out[2 + 2 * i] = (uint8_t)(played.words[(first + i) & 0xFFFF] >> 8);
        out[3 + 2 * i] = (uint8_t)played.words[(first + i) & 0xFFFF];
    }
    if (!there && played.quiet)
        return;
    out[0] = there ? pdu[0] : (uint8_t)(pdu[0] | MODBUS_EXCEPTION_BIT);
    out[1] = there ? (uint8_t)(2 * count) : 2;
    answer->pdu = out;
    answer->pdu_size = there ? 2 + 2 * (size_t)count : 2;
    answer->result = there ? BUS_OK : BUS_EXCEPTION;
}

void bench_request(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
                   const uint8_t *pdu, size_t size, unsigned wait_ms, unsigned tries,
                   struct transact_answer *answer)
{
    (void)bench;
    (void)wire;
    (void)size;
    (void)wait_ms;
    assert_int_equal(unit, played.unit);
    *answer = (struct transact_answer){.result = BUS_TIMEOUT};
    for (unsigned i = 0; i < tries && answer->result == BUS_TIMEOUT; i++)
        hear(pdu, answer);
}

static bool is_offered(const struct recognise_match *matches, unsigned count,
                       const struct profile_config *profile)
{
    for (unsigned i = 0; i < count; i++) {
        if (matches[i].profile == profile)
            return matches[i].points + CHOICE >= matches[0].points;
    }
    return false;
}

static struct recognise_book book;

static int open_book(void **state)
{
    (void)state;
    return recognise_open(&book, NULL) ? 0 : -1;
}

static int close_book(void **state)
{
    (void)state;
    recognise_close(&book);
    return 0;
}

/* Who the played device is taken for; its matches, best first. */
static unsigned judge(struct recognise_match *matches, enum recognise_sure *how)
{
    static struct bench bench;
    const struct serial_timing wire = {9600, 'N', 1};
    bench.bus = (struct bus_config){.name = "bench", .type = BUS_RTU, .baud = 9600, .parity = 'N'};
    unsigned count = recognise_device(&bench, &book, &wire, played.unit, "", matches);
    *how = recognise_judge(matches, count);
    return count;
}

static void test_all_against_all(void **state)
{
    static struct recognise_match matches[RECOGNISE_PROFILES];
    unsigned judged = 0, wrong = 0, missed = 0, sure = 0;
    (void)state;
    for (unsigned i = 0; i < book.count; i++) {
        const struct profile_config *profile = &book.profiles[i];
        if (profile->node || !play(profile))
            continue;
        enum recognise_sure how;
        unsigned count = judge(matches, &how);
        bool claimed = how == RECOGNISE_SURE || how == RECOGNISE_LIKELY;
        judged++;
        sure += how == RECOGNISE_SURE;
        if (claimed && matches[0].profile != profile) {
            wrong++;
            print_message("%s is taken for %s\n", profile->name, matches[0].profile->name);
        }
        if (!is_offered(matches, count, profile)) {
            missed++;
            print_message("%s is not among what fits\n", profile->name);
        }
    }
    print_message("figure: of %u devices %u sure; %u falsely, %u not\n", judged, sure, wrong,
                  missed);
    assert_true(judged >= LEAST && sure > 0);
    assert_true(wrong <= FALSE_MOST);
    assert_int_equal(missed, 0);
}

/* Both answers to a question that is asked twice are too late, wherever that is: nothing else is
 * taken for it. */
static void test_a_silence_is_no_refusal(void **state)
{
    static struct recognise_match first[RECOGNISE_PROFILES], then[RECOGNISE_PROFILES];
    unsigned other = 0;
    (void)state;
    for (unsigned i = 0; i < book.count; i++) {
        const struct profile_config *profile = &book.profiles[i];
        enum recognise_sure how, how_then;
        if (profile->node || !play(profile))
            continue;
        unsigned count = judge(first, &how);
        unsigned step = played.asked / 3 + 1;
        for (unsigned lost = i % step, asked = played.asked; lost < asked; lost += step) {
            played.asked = 0;
            played.lost_first = lost;
            played.lost_count = 2;
            unsigned count_then = judge(then, &how_then);
            bool same = count_then == count && how_then == how &&
                        (count == 0 || then[0].points == first[0].points);
            other += !same;
            if (!same)
                print_message("%s without answer %u: %s %s, before %s %s\n", profile->name, lost,
                              recognise_sure_name(how_then),
                              count_then > 0 ? then[0].profile->name : "-",
                              recognise_sure_name(how), count > 0 ? first[0].profile->name : "-");
        }
    }
    assert_int_equal(other, 0);
}

/* Cheap ones keep silent to what they have not: each question is a wait, and twice is enough. */
static void test_one_that_never_refuses_is_not_asked_for_ever(void **state)
{
    static struct recognise_match first[RECOGNISE_PROFILES], then[RECOGNISE_PROFILES];
    unsigned most = 0, other = 0;
    (void)state;
    for (unsigned i = 0; i < book.count; i++) {
        const struct profile_config *profile = &book.profiles[i];
        enum recognise_sure how, how_then;
        if (profile->node || !play(profile))
            continue;
        unsigned count = judge(first, &how);
        played.quiet = true;
        played.asked = 0;
        unsigned count_then = judge(then, &how_then);
        other += count_then != count || how_then != how;
        most = played.asked > most ? played.asked : most;
    }
    print_message("figure: asked %u times at most\n", most);
    assert_int_equal(other, 0);
    assert_true(most <= ASKED_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_against_all),
        cmocka_unit_test(test_a_silence_is_no_refusal),
        cmocka_unit_test(test_one_that_never_refuses_is_not_asked_for_ever),
    };
    return cmocka_run_group_tests(tests, open_book, close_book);
}
