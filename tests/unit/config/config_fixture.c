/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/config/config_fixture.h"

char config_folder[64];

int config_make_folder(void **state)
{
    (void)state;
    strcpy(config_folder, "/tmp/test_config.XXXXXX");
    return mkdtemp(config_folder) ? 0 : -1;
}

int config_remove_folder(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/t.yaml", config_folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/own.yaml", config_folder);
    (void)unlink(path);
    return rmdir(config_folder);
}

struct config *config_text(const char *text, struct config_error *error)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/t.yaml", config_folder);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    assert_int_equal(fputs(text, stream) >= 0, 1);
    assert_int_equal(fclose(stream), 0);
    return config_load(path, config_folder, error);
}

struct config *config_good(const char *text)
{
    struct config_error error;
    struct config *c = config_text(text, &error);
    if (c == NULL)
        fail_msg("%s", error.text);
    return c;
}
