/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"

int options_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char form[32];
    bool plus = shorts[0] == '+'; /* ends at the first word */
    (void)snprintf(form, sizeof form, "%s:%s", plus ? "+" : "", shorts + plus);
    opterr = 0;
    return getopt_long(argc, argv, form, longs, NULL);
}

void options_why(char **argv, int letter, char why[OPTIONS_WHY_SIZE])
{
    const char *word = argv[optind - 1]; /* not in the midst of "-xy" */
    bool valued = strncmp(word, "--", 2) == 0 && strchr(word, '=') != NULL;
    if (letter == ':')
        (void)snprintf(why, OPTIONS_WHY_SIZE, _("%s needs a value; --help says which"), word);
    else if (optopt == 0)
        (void)snprintf(why, OPTIONS_WHY_SIZE,
                       _("there is no option %s; --help says which there are"), word);
    else if (valued)
        (void)snprintf(why, OPTIONS_WHY_SIZE, _("%s: this option takes no value"), word);
    else
        (void)snprintf(why, OPTIONS_WHY_SIZE,
                       _("there is no option -%c; --help says which there are"), optopt);
    why[plain_text(why, strlen(why))] = '\0';
}

void options_complain(const char *program, char **argv, int letter)
{
    char why[OPTIONS_WHY_SIZE];
    options_why(argv, letter, why);
    (void)fprintf(stderr, "%s: %s\n", program, why);
}

int options_file(int argc, char **argv, const char *usage)
{
    const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *slash = strrchr(argv[0], '/'), *program = slash != NULL ? slash + 1 : argv[0];
    int letter = options_next(argc, argv, "+h", longs);
    if (letter == -1 && optind == 1 && argc == 2)
        return -1;
    language_open();
    if (letter == -1)
        (void)fprintf(stderr, "%s: %s\n%s", program,
                      argc < 2 ? _("the name of its configuration is missing")
                               : _("what follows its configuration is no command, or too little"),
                      gettext(usage));
    else if (letter == 'h')
        (void)fputs(gettext(usage), stdout);
    else
        options_complain(program, argv, letter);
    return letter == 'h' ? EX_OK : EX_USAGE;
}
