/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/reason.h"
#include "gateway/county/reasons.def"

#define ARGUMENTS_MOST 3u
#define ARGUMENT_SIZE  300u

static const char nobody[] = REASON_NOBODY; /* a text of two lines */
static const char *const reasons[] = {REASON_FAILED,    REASON_TOO_FEW,   nobody,
                                      REASON_NO_ANSWER, REASON_NOT_KNOWN, REASON_NOT_ALL,
                                      REASON_WENT_BACK, REASON_NO_NODE};

static void look_up(const char *why, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", why[0] != '\0' ? gettext(why) : "");
}

/* A reason, or one of a garden: "farm-1: it does not answer". */
static void say(const char *why, char *text, size_t size, unsigned depth);

static void fill(const char *said, const struct reason_part found[ARGUMENTS_MOST], char *text,
                 size_t size, unsigned depth)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; used < size; i++) {
        char whole[ARGUMENT_SIZE], argument[ARGUMENT_SIZE];
        const char *hole = strstr(said, "%s");
        int piece = hole != NULL ? (int)(hole - said) : (int)strlen(said);
        if (hole == NULL || i == ARGUMENTS_MOST) {
            (void)snprintf(text + used, size - used, "%s", said);
            return;
        }
        (void)snprintf(whole, sizeof whole, "%.*s", (int)found[i].size, found[i].text);
        say(whole, argument, sizeof argument, depth + 1);
        int n = snprintf(text + used, size - used, "%.*s%s", piece, said, argument);
        used += n > 0 ? (size_t)n : 0;
        said = hole + 2;
    }
}

static void say(const char *why, char *text, size_t size, unsigned depth)
{
    struct reason_part found[ARGUMENTS_MOST] = {{NULL, 0}};
    for (size_t i = 0; depth < 3 && i < sizeof reasons / sizeof reasons[0]; i++) {
        if (!reason_fits(reasons[i], "%s", why, found, ARGUMENTS_MOST))
            continue;
        fill(gettext(reasons[i]), found, text, size, depth);
        return;
    }
    const char *colon = depth > 0 && depth < 3 ? strstr(why, ": ") : NULL;
    if (colon == NULL) {
        look_up(why, text, size);
        return;
    }
    int n = snprintf(text, size, "%.*s: ", (int)(colon - why), why);
    if (n > 0 && (size_t)n < size)
        say(colon + 2, text + n, size - (size_t)n, depth + 1);
}

void reason_say(const char *why, char *text, size_t size)
{
    say(why, text, size, 0);
}
