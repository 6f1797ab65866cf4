/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/county/reasons.def"

#define ARGUMENTS_MOST 3u
#define ARGUMENT_SIZE  300u

static const char nobody[] = REASON_NOBODY; /* a text of two lines */
static const char *const reasons[] = {REASON_FAILED,    REASON_TOO_FEW,   nobody,
                                      REASON_NO_ANSWER, REASON_NOT_KNOWN, REASON_NOT_ALL,
                                      REASON_WENT_BACK, REASON_NO_NODE};

struct argument {
    const char *at;
    size_t size;
};

/* Is `why` that reason, and what stands in it for each %s? */
static bool match(const char *reason, const char *why, struct argument found[ARGUMENTS_MOST])
{
    unsigned count = 0;
    for (;;) {
        const char *hole = strstr(reason, "%s");
        size_t size = hole != NULL ? (size_t)(hole - reason) : strlen(reason);
        if (strncmp(why, reason, size) != 0)
            return false;
        why += size;
        if (hole == NULL)
            return *why == '\0';
        if (count == ARGUMENTS_MOST)
            return false;
        reason = hole + 2;
        const char *next = strstr(reason, "%s");
        char piece[120];
        (void)snprintf(piece, sizeof piece, "%.*s",
                       (int)(next != NULL ? (size_t)(next - reason) : strlen(reason)), reason);
        const char *end = piece[0] != '\0' ? strstr(why, piece) : why + strlen(why);
        if (end == NULL)
            return false;
        found[count++] = (struct argument){why, (size_t)(end - why)};
        why = end;
    }
}

static void look_up(const char *why, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", why[0] != '\0' ? gettext(why) : "");
}

/* A reason, or one of a garden: "farm-1: it does not answer". */
static void say(const char *why, char *text, size_t size, unsigned depth);

static void fill(const char *said, const struct argument found[ARGUMENTS_MOST], char *text,
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
        (void)snprintf(whole, sizeof whole, "%.*s", (int)found[i].size, found[i].at);
        say(whole, argument, sizeof argument, depth + 1);
        int n = snprintf(text + used, size - used, "%.*s%s", piece, said, argument);
        used += n > 0 ? (size_t)n : 0;
        said = hole + 2;
    }
}

static void say(const char *why, char *text, size_t size, unsigned depth)
{
    struct argument found[ARGUMENTS_MOST] = {{NULL, 0}};
    for (size_t i = 0; depth < 3 && i < sizeof reasons / sizeof reasons[0]; i++) {
        if (!match(reasons[i], why, found))
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
