/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/farewell.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/cli/screen.h"

/* Two, so that a signal finds a whole one while the next is made. */
static char texts[2][1536];
static volatile sig_atomic_t shown;

static void say(int number)
{
    const char *text = texts[shown];
    ssize_t told = write(STDERR_FILENO, text, strlen(text));
    (void)told; /* nobody reads it */
    (void)raise(number);
}

void farewell_say(const char *text)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = say, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    char *made = texts[1 - shown];
    memset(made, 0, sizeof texts[0]);
    FILE *out = text[0] != '\0' ? fmemopen(made, sizeof texts[0] - 1, "w") : NULL;
    if (out != NULL) {
        (void)fputc('\n', out); /* behind ^C */
        screen_wrap(out, screen_width(stderr), 0, 2, text);
        (void)fclose(out);
    }
    shown = 1 - shown;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(numbers[i], &action, NULL);
    }
}
