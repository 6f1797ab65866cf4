/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/show.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/serial.h"
#include "gateway/common/text.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"

void show_wire(const struct serial_timing *wire, char text[24])
{
    (void)snprintf(text, 24, "%u 8%c%u", wire->baud, wire->parity, wire->stop_bits);
}

bool show_step(void *context, const struct serial_timing *wire, unsigned unit)
{
    const volatile sig_atomic_t *stop = context;
    char text[24];
    if (isatty(STDERR_FILENO) != 0) {
        show_wire(wire, text);
        if (unit == 0)
            (void)fprintf(stderr, "\r%s: our nodes ...        ", text);
        else
            (void)fprintf(stderr, "\r%s: address %u ...       ", text, unit);
    }
    return stop == NULL || *stop == 0;
}

void show_step_end(void)
{
    if (isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%40s\r", "");
}

static void say_what(const struct survey_found *found, char *text, size_t size)
{
    if (found->garbled) {
        (void)snprintf(text, size,
                       "answers, but never in one piece: two units at this address? Unplug one");
        return;
    }
    if (found->serial != 0) {
        char serial[SERIAL_TEXT_SIZE];
        serial_print(found->serial, serial);
        (void)snprintf(text, size, "our node, serial number %s", serial);
        return;
    }
    if (found->profile == NULL) {
        (void)snprintf(text, size, "unknown device; baiye profile try reads it by a profile");
        return;
    }
    (void)snprintf(text, size, "%s: %s", recognise_sure_name(found->sure), found->profile->name);
    for (unsigned i = 0; i < SURVEY_OTHERS && found->others[i] != NULL; i++)
        (void)text_add(text, size, "%s%s", i == 0 ? ", or " : ", ", found->others[i]->name);
}

void show_found(const struct survey_found *found)
{
    char wire[24], what[512];
    show_wire(&found->wire, wire);
    say_what(found, what, sizeof what);
    (void)printf("%-11s address %3u  ", wire, found->unit);
    screen_wrap(stdout, screen_width(stdout), 25, 25, what);
    if (found->identity[0] != '\0') {
        (void)printf("%25s", "says ");
        screen_wrap(stdout, screen_width(stdout), 25, 25, found->identity);
    }
}

void show_found_json(const struct survey_found *found)
{
    json_t *one = survey_found_json(found);
    talk_dump(one);
    json_decref(one);
}
