/* SPDX-License-Identifier: Apache-2.0 */
/* A boot loader with both places for public keys in use, as while a key is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/boot/choose.h"
#include "firmware/boot/flash.h"
#include "firmware/boot/verify.h"
#include "tests/unit/boot/flash_sim.h"
#include "tests/unit/boot/test_image.h"

const uint8_t boot_public_keys[BOOT_KEYS][65] = {
    {0x04, 0xC0, 0xAC, 0x15, 0x1A, 0x59, 0x54, 0xB8, 0x64, 0x15, 0xFF, 0xA8, 0x06,
     0xB7, 0xE9, 0x41, 0x0D, 0x30, 0x27, 0xFC, 0x54, 0x9F, 0xD1, 0xC8, 0x5C, 0xFC,
     0x65, 0x22, 0x9A, 0x97, 0x2E, 0xDA, 0x9D, 0xF0, 0xB0, 0x34, 0x2E, 0x9F, 0x7B,
     0xA5, 0xA9, 0x90, 0x8F, 0x0B, 0x86, 0xAF, 0x50, 0x95, 0x76, 0x26, 0x09, 0x57,
     0x19, 0x78, 0xE4, 0x66, 0x37, 0x2E, 0x57, 0xCA, 0x5E, 0x68, 0xB9, 0x34, 0xCC},
    {0x04, 0xBE, 0x81, 0x8A, 0xB8, 0xF3, 0x9D, 0xBA, 0x4B, 0xAF, 0x2B, 0x79, 0x20,
     0xFF, 0xBE, 0x6A, 0x57, 0xEF, 0x74, 0x14, 0x28, 0x2E, 0x5D, 0x91, 0xFE, 0xF6,
     0x0F, 0x14, 0xEE, 0x43, 0xF5, 0x40, 0x00, 0x4A, 0x62, 0xCA, 0x42, 0x24, 0x32,
     0x0C, 0x1A, 0x10, 0x5E, 0x90, 0xD2, 0x64, 0x78, 0x40, 0x99, 0x69, 0x6D, 0x9C,
     0xC5, 0xB3, 0x9F, 0x3A, 0xE3, 0x3E, 0xC4, 0xA2, 0xC6, 0x68, 0xD5, 0x03, 0x40}};

static enum image_result verdict_on(const struct test_image *image)
{
    struct image_header header;
    flash_sim_reset(1);
    assert_int_equal(flash_program(image->header.address, image->bytes, TEST_IMAGE_SIZE), FLASH_OK);
    return boot_verify(0, &header);
}

static void an_image_signed_by_either_key_boots(void **state)
{
    (void)state;
    struct test_image image = test_image_make(0, 1, 1);
    for (uint8_t key = 0; key < 2; key++) {
        image.header.key = key;
        test_image_sign(&image);
        assert_int_equal(verdict_on(&image), IMAGE_OK);
        assert_int_equal(boot_choose().slot, 0);
    }
}

static void the_number_of_the_key_must_be_the_one_that_signed(void **state)
{
    (void)state;
    struct test_image image = test_image_make(0, 1, 1);
    image.header.key = 2; /* signs with the first one */
    test_image_sign(&image);
    assert_int_equal(verdict_on(&image), IMAGE_UNKNOWN_KEY);
    image.header.key = 0;
    test_image_sign(&image);
    image.bytes[5] = 1; /* says that it was the other one */
    assert_int_equal(verdict_on(&image), IMAGE_BAD_SIGNATURE);
    assert_int_equal(boot_choose().slot, -1);
}

static void write_both(const struct test_image *a, const struct test_image *b)
{
    flash_sim_reset(1);
    assert_int_equal(flash_program(a->header.address, a->bytes, TEST_IMAGE_SIZE), FLASH_OK);
    assert_int_equal(flash_program(b->header.address, b->bytes, TEST_IMAGE_SIZE), FLASH_OK);
}

/* The first key leaked: an image signed with the second ends it. */
static void a_key_that_was_ended_signs_nothing_any_more(void **state)
{
    (void)state;
    struct test_image old = test_image_make(0, 1, 1), fresh = test_image_make(1, 2, 1);
    fresh.header.key = fresh.header.least_key = 1;
    test_image_sign(&fresh);
    write_both(&old, &fresh);
    assert_int_equal(boot_choose().slot, 1);
    assert_int_equal(boot_choose_after(BOOT_STARTS).slot, 1);
    fresh.header.least_key = 0; /* as it was: the old one is there to go back to */
    test_image_sign(&fresh);
    write_both(&old, &fresh);
    assert_int_equal(boot_choose_after(BOOT_STARTS).slot, 1);
    assert_int_equal(boot_choose_after(2 * BOOT_STARTS).slot, 0);
    old.header.least_key = 1; /* would end itself */
    test_image_sign(&old);
    assert_int_equal(verdict_on(&old), IMAGE_BAD_HEADER);
}

static void other_image_gets_its_turn_but_never_one_of_a_lower_counter(void **state)
{
    (void)state;
    struct test_image a = test_image_make(0, 2, 1), b = test_image_make(1, 1, 1);
    write_both(&a, &b);
    for (unsigned starts = 0; starts < 4 * BOOT_STARTS; starts++)
        assert_int_equal(boot_choose_after(starts).slot, starts / BOOT_STARTS % 2);
    a.header.counter = 2;
    test_image_sign(&a);
    write_both(&a, &b);
    for (unsigned starts = 0; starts < 4 * BOOT_STARTS; starts++)
        assert_int_equal(boot_choose_after(starts).slot, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_signed_by_either_key_boots),
        cmocka_unit_test(a_key_that_was_ended_signs_nothing_any_more),
        cmocka_unit_test(other_image_gets_its_turn_but_never_one_of_a_lower_counter),
        cmocka_unit_test(the_number_of_the_key_must_be_the_one_that_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
