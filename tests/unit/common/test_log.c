/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int pipe_fds[2];
static char text[4096];

static int open_pipe(void **state)
{
    (void)state;
    if (pipe2(pipe_fds, O_NONBLOCK) < 0)
        return -1;
    log_set_fd(pipe_fds[1]);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_fd(STDERR_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

static const char *logged(void)
{
    ssize_t size = read(pipe_fds[0], text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void a_line_has_the_level_that_journald_reads(void **state)
{
    (void)state;
    log_write(LOG_LEVEL_WARNING, "bus %s: no answer", "east");
    assert_string_equal(logged(), "<4>bus east: no answer\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    log_write(LOG_LEVEL_DEBUG, "noise");
    assert_string_equal(logged(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    log_write(LOG_LEVEL_DEBUG, "noise");
    assert_string_equal(logged(), "<7>noise\n");
}

static void control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    log_write(LOG_LEVEL_ERROR, "%s", "a\n<3>forged\033[2J");
    assert_string_equal(logged(), "<3>a?<3>forged?[2J\n");
    log_write(LOG_LEVEL_ERROR, "%s",
              "red \xC2\x9B"
              "31m, \xE2\x80\xAE"
              "backwards, 茶");
    assert_string_equal(logged(), "<3>red ?31m, ?backwards, 茶\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    char longer[LOG_LINE_MAX * 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    log_write(LOG_LEVEL_ERROR, "%s", longer);
    size_t size = strlen(logged());
    assert_int_equal(size, 3 + LOG_LINE_MAX - 1 + 1);
    assert_int_equal(text[size - 1], '\n');
}

static void a_state_is_logged_once_per_change(void **state)
{
    (void)state;
    struct log_state link = {0};
    log_change(&link, 0, LOG_LEVEL_WARNING, "down");
    log_change(&link, 0, LOG_LEVEL_WARNING, "down");
    log_change(&link, 1, LOG_LEVEL_NOTICE, "up");
    log_change(&link, 1, LOG_LEVEL_NOTICE, "up");
    assert_string_equal(logged(), "<4>down\n<5>up\n");
}

static void a_state_known_at_start_is_not_logged(void **state)
{
    (void)state;
    struct log_state link;
    log_state_init(&link, 1);
    log_change(&link, 1, LOG_LEVEL_NOTICE, "up");
    assert_string_equal(logged(), "");
    log_change(&link, 0, LOG_LEVEL_WARNING, "down");
    assert_string_equal(logged(), "<4>down\n");
}

static void the_rate_is_a_burst_then_one_a_minute(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    const int64_t start = 5000000;
    for (int i = 0; i < LOG_RATE_BURST; i++)
        assert_true(log_rate_pass(&rate, start));
    assert_false(log_rate_pass(&rate, start + LOG_RATE_REFILL_MS - 1));
    assert_int_equal(rate.left_out, 1);
    assert_true(log_rate_pass(&rate, start + LOG_RATE_REFILL_MS));
    assert_false(log_rate_pass(&rate, start + LOG_RATE_REFILL_MS));
    assert_true(log_rate_pass(&rate, start + 100 * (int64_t)LOG_RATE_REFILL_MS));
    assert_int_equal(rate.used, 1);
}

static void the_last_word_about_a_flapping_state_is_true(void **state)
{
    (void)state;
    struct log_state link = {0};
    for (int i = 0; i < LOG_RATE_BURST; i++)
        log_change(&link, i % 2, LOG_LEVEL_NOTICE, "state %d", i % 2);
    assert_true(strlen(logged()) > 0);
    int wanted = !link.logged;
    log_change(&link, wanted, LOG_LEVEL_NOTICE, "state %d", wanted);
    assert_string_equal(logged(), "");
    link.rate.refilled_ms -= LOG_RATE_REFILL_MS; /* a minute passes */
    log_change(&link, wanted, LOG_LEVEL_NOTICE, "state %d", wanted);
    assert_string_equal(logged(), wanted ? "<5>state 1 (1 more left out)\n"
                                         : "<5>state 0 (1 more left out)\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pipe, close_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_level_that_journald_reads),
        TEST(lines_above_the_level_are_dropped),
        TEST(control_characters_cannot_forge_a_line),
        TEST(a_long_line_is_cut_and_still_ends),
        TEST(a_state_is_logged_once_per_change),
        TEST(a_state_known_at_start_is_not_logged),
        TEST(the_rate_is_a_burst_then_one_a_minute),
        TEST(the_last_word_about_a_flapping_state_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
