/* SPDX-License-Identifier: Apache-2.0 */
/* One device gets its address and rate, on a line of devices that are played here: never two at
 * once, verified, and undone when it does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/daemon/commission/place.h"
#include "gateway/daemon/config/profile.h"
#include "protocols/modbus/request.h"

#define ADDRESS   0x07D0
#define RATE      0x07D1
#define DEVICES   4
#define RATE_4800 1
#define RATE_9600 2

/* How a device takes a new address or rate. */
enum manner {
    AT_ONCE,
    AFTER_POWER, /* the register shows it, the device does not do it */
    REFUSES,
    IGNORES,
    GOES_DEAF
};

static struct played {
    uint8_t unit;
    uint32_t baud;
    uint16_t registers[2];
    enum manner manner;
    bool deaf, mute_address; /* its register can't be read */
} devices[DEVICES];
static unsigned count, writes;
static struct profile_config profile;
static struct bench bench;

static const uint32_t rates[] = {2400, 4800, 9600};

static struct played *add(uint8_t unit, uint32_t baud, enum manner manner)
{
    struct played *device = &devices[count++];
    *device = (struct played){.unit = unit, .baud = baud, .manner = manner};
    device->registers[0] = unit;
    device->registers[1] = baud == 9600 ? RATE_9600 : RATE_4800;
    return device;
}

static void take(struct played *device, uint16_t address, uint16_t value)
{
    if (device->manner == IGNORES)
        return;
    device->registers[address - ADDRESS] = value;
    device->deaf = device->manner == GOES_DEAF;
    if (device->manner != AT_ONCE)
        return;
    if (address == ADDRESS)
        device->unit = (uint8_t)value;
    else
        device->baud = rates[value];
}

static size_t answer_of(struct played *device, const uint8_t *pdu, uint8_t *out)
{
    uint16_t address = (uint16_t)(pdu[1] << 8 | pdu[2]);
    bool known = address == ADDRESS || address == RATE;
    if (pdu[0] == MODBUS_WRITE_REGISTER && known && device->manner != REFUSES) {
        take(device, address, (uint16_t)(pdu[3] << 8 | pdu[4]));
        memcpy(out, pdu, 5);
        return 5;
    }
    if (pdu[0] == MODBUS_WRITE_REGISTER || !known || device->mute_address) {
        out[0] = (uint8_t)(pdu[0] | MODBUS_EXCEPTION_BIT);
        out[1] = 2;
        return 2;
    }
    uint16_t value = device->registers[address - ADDRESS];
    const uint8_t words[4] = {pdu[0], 2, (uint8_t)(value >> 8), (uint8_t)value};
    memcpy(out, words, 4);
    return 4;
}

void bench_request(struct bench *of, const struct serial_timing *wire, uint8_t unit,
                   const uint8_t *pdu, size_t size, unsigned wait_ms, unsigned tries,
                   struct transact_answer *answer)
{
    static uint8_t out[8];
    unsigned heard = 0;
    (void)of;
    (void)size;
    (void)wait_ms;
    (void)tries;
    writes += pdu[0] == MODBUS_WRITE_REGISTER;
    *answer = (struct transact_answer){.result = BUS_TIMEOUT};
    for (unsigned i = 0; i < count; i++) {
        if (devices[i].unit != unit || devices[i].baud != wire->baud || devices[i].deaf)
            continue;
        answer->pdu_size = answer_of(&devices[i], pdu, out);
        answer->pdu = out;
        answer->result = out[0] & MODBUS_EXCEPTION_BIT ? BUS_EXCEPTION : BUS_OK;
        heard++;
    }
    if (heard > 1)
        answer->result = BUS_GARBLED;
}

void bench_settle(struct bench *of)
{
    (void)of;
}

static int set_up(void **state)
{
    (void)state;
    count = writes = 0;
    profile = (struct profile_config){.address_register = ADDRESS,
                                      .baud_register = RATE,
                                      .baud_code_count = 3,
                                      .baud_codes = {2400, 4800, 9600}};
    return 0;
}

static struct move from_to(uint8_t from, uint32_t from_baud, uint8_t to, uint32_t to_baud)
{
    return (struct move){
        .profile = &profile, .from = {{from_baud, 'N', 1}, from}, .to = {{to_baud, 'N', 1}, to}};
}

static void test_address_and_rate_are_set_and_seen(void **state)
{
    (void)state;
    const struct played *device = add(1, 4800, AT_ONCE);
    struct move move = from_to(1, 4800, 7, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_OK);
    assert_int_equal(device->unit, 7);
    assert_int_equal(device->baud, 9600);
    assert_int_equal(move.now.unit, 7);
}

static void test_two_at_one_address_are_never_written(void **state)
{
    (void)state;
    (void)add(1, 9600, AT_ONCE);
    (void)add(1, 9600, AT_ONCE);
    struct move move = from_to(1, 9600, 7, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_SEVERAL);
    assert_int_equal(writes, 0);
}

static void test_a_place_that_is_taken_is_left_alone(void **state)
{
    (void)state;
    struct move move = from_to(1, 4800, 7, 9600);
    (void)add(1, 4800, AT_ONCE);
    const struct played *other = add(7, 9600, AT_ONCE); /* where it would be in the end */
    assert_int_equal(move_device(&bench, &move), MOVE_TAKEN);
    devices[1].baud = 4800; /* where it would be in between */
    assert_int_equal(move_device(&bench, &move), MOVE_TAKEN);
    assert_int_equal(writes, 0);
    assert_int_equal(other->unit, 7);
}

static void test_a_register_that_holds_another_number_is_not_written(void **state)
{
    (void)state;
    add(1, 9600, AT_ONCE)->registers[0] = 55;
    struct move move = from_to(1, 9600, 7, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_OTHER);
    assert_int_equal(writes, 0);
}

static void test_what_the_profile_does_not_know_is_not_written(void **state)
{
    (void)state;
    (void)add(1, 4800, AT_ONCE);
    struct move rate = from_to(1, 4800, 1, 19200), parity = from_to(1, 4800, 1, 9600);
    parity.to.wire.parity = 'E';
    assert_int_equal(move_device(&bench, &rate), MOVE_FIXED);
    assert_int_equal(move_device(&bench, &parity), MOVE_FIXED);
    profile.address_register = profile.baud_register = 0xFFFF;
    struct move address = from_to(1, 4800, 7, 4800);
    assert_int_equal(move_device(&bench, &address), MOVE_FIXED);
    assert_int_equal(writes, 0);
}

static void test_who_does_not_go_there_is_written_back(void **state)
{
    (void)state;
    const struct played *device = add(1, 9600, AFTER_POWER);
    struct move move = from_to(1, 9600, 7, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_UNDONE);
    assert_int_equal(device->registers[0], 1);
    assert_int_equal(move.now.unit, 1);
}

static void test_a_rate_that_waits_for_the_supply_is_said_and_can_be_taken_back(void **state)
{
    (void)state;
    profile.power_cycle_after_change = true;
    const struct played *device = add(1, 4800, AFTER_POWER);
    struct move move = from_to(1, 4800, 1, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_POWER);
    assert_int_equal(device->registers[1], RATE_9600);
    assert_int_equal(move.now.wire.baud, 4800);
    assert_int_equal(move_take_back(&bench, &move), MOVE_UNDONE);
    assert_int_equal(device->registers[1], RATE_4800);
}

static void test_refused_ignored_lost_and_gone_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        enum move_result result;
    } cases[] = {{REFUSES, MOVE_REFUSED}, {IGNORES, MOVE_REFUSED}, {GOES_DEAF, MOVE_LOST}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        count = 0;
        (void)add(1, 9600, cases[i].manner);
        struct move move = from_to(1, 9600, 7, 9600);
        assert_int_equal(move_device(&bench, &move), cases[i].result);
        assert_int_equal(move.now.unit, 1);
    }
    count = 0;
    struct move nobody = from_to(1, 9600, 7, 9600);
    assert_int_equal(move_device(&bench, &nobody), MOVE_NO_ANSWER);
}

static void test_a_register_that_can_only_be_written_is_enough(void **state)
{
    (void)state;
    struct played *device = add(1, 9600, AT_ONCE);
    device->mute_address = true;
    struct move move = from_to(1, 9600, 7, 9600);
    assert_int_equal(move_device(&bench, &move), MOVE_OK);
    assert_int_equal(device->unit, 7);
}

/* ---- place: moves until it has a place ---- */

static void test_who_is_at_the_new_address_is_gone_round(void **state)
{
    (void)state;
    const struct played *device = add(1, 4800, AT_ONCE);
    (void)add(7, 9600, AT_ONCE); /* nobody knew of it */
    struct place place = {.move = from_to(1, 4800, 7, 9600)};
    place.taken[1] = place.taken[2] = true; /* of others */
    place_device(&bench, &place);
    assert_true(place.placed);
    assert_int_equal(place.end, MOVE_OK);
    assert_int_equal(place.move.now.unit, 3);
    assert_int_equal(device->unit, 3);
    assert_int_equal(device->baud, 9600);
    assert_int_equal(place.given_up_count, 1);
    assert_int_equal(place.given_up[0], 7);
}

static void test_a_rate_that_is_fixed_is_kept(void **state)
{
    (void)state;
    profile.baud_register = 0xFFFF;
    const struct played *device = add(1, 4800, AT_ONCE);
    struct place place = {.move = from_to(1, 4800, 7, 9600)};
    place_device(&bench, &place);
    assert_true(place.placed);
    assert_int_equal(device->unit, 7);
    assert_int_equal(place.move.now.wire.baud, 4800);
    assert_int_equal(place.given_up_count, 0);
}

static void test_who_refuses_everywhere_is_left_where_it_was(void **state)
{
    (void)state;
    const struct played *device = add(1, 9600, AFTER_POWER);
    struct place place = {.move = from_to(1, 9600, 7, 9600)};
    place_device(&bench, &place);
    assert_false(place.placed);
    assert_int_equal(place.end, MOVE_UNDONE);
    assert_int_equal(place.given_up_count, PLACE_TRIES);
    assert_int_equal(device->registers[0], 1);
    assert_int_equal(place.move.now.unit, 1);
}

static void test_a_rate_that_waits_for_the_supply_is_seen_after_it_or_taken_back(void **state)
{
    (void)state;
    profile.power_cycle_after_change = true;
    struct played *device = add(1, 4800, AFTER_POWER);
    struct place place = {.move = from_to(1, 4800, 1, 9600)};
    place_device(&bench, &place);
    assert_false(place.placed);
    assert_int_equal(place.end, MOVE_POWER);
    struct place kept = {.move = from_to(1, 4800, 1, 4800)};
    place_take_back(&bench, &kept);
    assert_true(kept.placed);
    assert_int_equal(device->registers[1], RATE_4800);
    device->baud = 9600; /* or its supply was off and on */
    struct place after = {.move = from_to(1, 9600, 1, 9600)};
    place_device(&bench, &after);
    assert_true(after.placed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_address_and_rate_are_set_and_seen, set_up),
        cmocka_unit_test_setup(test_two_at_one_address_are_never_written, set_up),
        cmocka_unit_test_setup(test_a_place_that_is_taken_is_left_alone, set_up),
        cmocka_unit_test_setup(test_a_register_that_holds_another_number_is_not_written, set_up),
        cmocka_unit_test_setup(test_what_the_profile_does_not_know_is_not_written, set_up),
        cmocka_unit_test_setup(test_who_does_not_go_there_is_written_back, set_up),
        cmocka_unit_test_setup(test_a_rate_that_waits_for_the_supply_is_said_and_can_be_taken_back,
                               set_up),
        cmocka_unit_test_setup(test_refused_ignored_lost_and_gone_are_told_apart, set_up),
        cmocka_unit_test_setup(test_a_register_that_can_only_be_written_is_enough, set_up),
        cmocka_unit_test_setup(test_who_is_at_the_new_address_is_gone_round, set_up),
        cmocka_unit_test_setup(test_a_rate_that_is_fixed_is_kept, set_up),
        cmocka_unit_test_setup(test_who_refuses_everywhere_is_left_where_it_was, set_up),
        cmocka_unit_test_setup(test_a_rate_that_waits_for_the_supply_is_seen_after_it_or_taken_back,
                               set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
