/* SPDX-License-Identifier: Apache-2.0 */
/* When a certificate is renewed, and what is taken from an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <stdlib.h>

#include "tools/cli/enrol_keys.h"

#define DAY 86400

/* Good from so many days ago for so many. */
static X509 *make(long begun_days, long life_days)
{
    X509 *one = X509_new();
    assert_non_null(one);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(one), -begun_days * DAY));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(one), (life_days - begun_days) * DAY + 60));
    return one;
}

static void test_it_is_due_when_two_thirds_are_over(void **state)
{
    static const struct {
        long begun, life;
        bool due;
    } cases[] = {{0, 90, false},  {59, 90, false}, {61, 90, true}, {90, 90, true},
                 {200, 90, true}, {0, 1, false},   {-5, 90, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *one = make(cases[i].begun, cases[i].life);
        assert_int_equal(enrol_is_due(one), cases[i].due);
        X509_free(one);
    }
}

static void test_a_key_makes_a_request_and_junk_holds_no_certificate(void **state)
{
    static const char *const junk[] = {"", "=", "====", "AAAA", "MIIB", "!", "\n\n", "MAA="};
    (void)state;
    char *pem = enrol_new_key();
    assert_non_null(pem);
    EVP_PKEY *key = enrol_read_key(pem);
    assert_non_null(key);
    char *request = enrol_request(key, "farm-1");
    assert_non_null(request);
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        assert_null(enrol_find_key(junk[i], key));
        assert_null(enrol_find_print(junk[i], "00"));
        assert_null(enrol_read_key(junk[i]));
        assert_null(enrol_read_certificate(junk[i]));
    }
    assert_null(enrol_find_key(request, key));
    free(request);
    EVP_PKEY_free(key);
    free(pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_due_when_two_thirds_are_over),
        cmocka_unit_test(test_a_key_makes_a_request_and_junk_holds_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
