/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye profile`: what is wrong with a device profile, all at once; and a device read by it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "gateway/daemon/config/profile.h"
#include "tools/cli/cli.h"
#include "tools/cli/profile.h"

static const char usage[] =
    N_("Usage: baiye profile check [--json] FILE...\n"
       "       baiye profile try FILE --port PORT [--address N] ...\n"
       "       baiye profile import FILE [--format NAME] [--out DIR] ...\n"
       "check says all that is wrong with device profiles, with lines and what would be right.\n"
       "try reads a device by one, import makes one of another program's file:\n"
       "baiye profile try --help, baiye profile import --help.\n"
       "Exit code of check: 0: nothing is wrong, 65: something is.\n");

void profile_print_errors(const char *file, const struct yaml_errors *errors, FILE *out)
{
    for (unsigned i = 0; i < errors->count; i++) {
        char text[CLI_PATH + sizeof errors->list[0].text];
        int size = snprintf(text, sizeof text, "%s:%d: %s", file, errors->list[i].line,
                            errors->list[i].text);
        if (size > 0)
            (void)fprintf(
                out, "%.*s\n",
                (int)plain_text(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1),
                text);
    }
}

json_t *profile_errors_json(const char *file, const struct yaml_errors *errors)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < errors->count; i++)
        (void)json_array_append_new(list, json_pack("{s:i,s:s}", "line", errors->list[i].line,
                                                    "text", errors->list[i].text));
    return json_pack("{s:s,s:o}", "file", file, "errors", list);
}

void profile_print_good(const char *file, const struct profile_config *profile)
{
    unsigned values = 0;
    for (unsigned i = 0; i < profile->field_count; i++)
        values += profile->fields[i].metric[0] != '\0' && !profile->fields[i].not_measured;
    if (language_chinese())
        (void)printf("%s：没有错误，%u 个测量值，%u 个可写寄存器\n", file, values,
                     profile->write_count);
    else
        (void)printf("%s: good, %u value%s, %u writable register%s\n", file, values,
                     values == 1 ? "" : "s", profile->write_count,
                     profile->write_count == 1 ? "" : "s");
}

static bool check_file(const char *file, bool json)
{
    struct profile_config profile;
    struct yaml_errors *errors = calloc(1, sizeof *errors);
    if (errors == NULL) {
        cli_complain("out of memory");
        return false;
    }
    bool good = profile_check(file, &profile, errors);
    if (json) {
        json_t *said = profile_errors_json(file, errors);
        talk_dump(said);
        json_decref(said);
    } else if (good) {
        profile_print_good(file, &profile);
    } else {
        profile_print_errors(file, errors, stdout);
    }
    profile_free(&profile);
    free(errors);
    return good;
}

static int check(int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    bool json = false, good = true, known = true;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        json = json || letter == 'j';
        known = known && letter == 'j';
    }
    if (!known || optind >= argc)
        return cli_usage(usage);
    for (int i = optind; i < argc; i++)
        good = check_file(argv[i], json) && good;
    return good ? EX_OK : EX_DATAERR;
}

int cli_profile(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {{"check", check}, {"try", profile_try}, {"import", profile_import}};
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    return cli_usage(usage);
}
