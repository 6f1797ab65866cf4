/* SPDX-License-Identifier: Apache-2.0 */
/* The test key, which everybody has, is told from a farm's own, wherever it stands in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "gateway/daemon/update/trust.h"

static EVP_PKEY *test_key, *own, *larger;
static char path[] = "/tmp/test_trust.XXXXXX";

static int make(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_KEY, "r");
    test_key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    own = EVP_EC_gen("P-256");
    larger = EVP_EC_gen("P-384");
    int made = mkstemp(path);
    return file != NULL && fclose(file) == 0 && test_key != NULL && own != NULL && larger != NULL &&
                   made >= 0 && close(made) == 0
               ? 0
               : -1;
}

static int sweep(void **state)
{
    (void)state;
    EVP_PKEY_free(test_key);
    EVP_PKEY_free(own);
    EVP_PKEY_free(larger);
    return unlink(path);
}

static void write_keys(EVP_PKEY *first, EVP_PKEY *second)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(first == NULL || PEM_write_PUBKEY(file, first), 1);
    assert_int_equal(second == NULL || PEM_write_PUBKEY(file, second), 1);
    assert_int_equal(fclose(file), 0);
}

static void the_test_key_is_found_in_each_place(void **state)
{
    (void)state;
    write_keys(test_key, NULL);
    assert_true(trust_has_test_key(path));
    write_keys(own, test_key);
    assert_true(trust_has_test_key(path));
    write_keys(larger, test_key); /* one that no image is signed with is passed over */
    assert_true(trust_has_test_key(path));
}

static void another_key_is_not_taken_for_it(void **state)
{
    (void)state;
    write_keys(own, larger);
    assert_false(trust_has_test_key(path));
    write_keys(NULL, NULL);
    assert_false(trust_has_test_key(path));
    assert_false(trust_has_test_key("/tmp/no such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_key_is_found_in_each_place),
        cmocka_unit_test(another_key_is_not_taken_for_it),
    };
    return cmocka_run_group_tests(tests, make, sweep);
}
