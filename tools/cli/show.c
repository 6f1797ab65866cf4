/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/show.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "gateway/common/text.h"
#include "gateway/daemon/reason.h"
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
        (void)fputc('\r', stderr);
        if (unit == 0)
            (void)fprintf(stderr, _("%s: our nodes ...        "), text);
        else
            (void)fprintf(stderr, _("%s: address %u ...       "), text, unit);
    }
    return stop == NULL || *stop == 0;
}

void show_step_end(void)
{
    if (isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%40s\r", "");
}

const char *show_flag(const char *flag)
{
    static const char *const words[] = {
        N_("good"),  N_("so far"), N_("not believed"), N_("stale"), N_("range"),
        N_("stuck"), N_("absent"), N_("uncalibrated"), N_("fault"), N_("clock")};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], flag) == 0)
            return gettext(words[i]);
    }
    return flag;
}

const char *show_reason(const char *why)
{
    static char chinese[REASON_SIZE];
    if (!language_chinese())
        return why;
    reason_chinese(why, chinese, sizeof chinese);
    return chinese;
}

const char *show_sure(const char *sure)
{
    static const char *const words[] = {N_("unknown"), N_("perhaps"), N_("likely"), N_("sure")};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], sure) == 0)
            return gettext(words[i]);
    }
    return sure;
}

void show_padded(const char *text, size_t columns)
{
    size_t own = screen_columns(text);
    (void)printf("%s%*s", text, own < columns ? (int)(columns - own) : 0, "");
}

static void say_what(const struct survey_found *found, char *text, size_t size)
{
    if (found->garbled) {
        (void)snprintf(text, size, "%s",
                       _("answers, but never in one piece: two units at this address? Unplug one"));
        return;
    }
    if (found->serial != 0) {
        char serial[SERIAL_TEXT_SIZE];
        serial_print(found->serial, serial);
        (void)snprintf(text, size, _("our node, serial number %s"), serial);
        return;
    }
    if (found->profile == NULL) {
        (void)snprintf(text, size, "%s",
                       _("unknown device; baiye profile try reads it by a profile"));
        return;
    }
    (void)snprintf(text, size, _("%s: %s"), show_sure(recognise_sure_name(found->sure)),
                   found->profile->name);
    for (unsigned i = 0; i < SURVEY_OTHERS && found->others[i] != NULL; i++)
        (void)text_add(text, size, "%s%s", i == 0 ? _(", or ") : ", ", found->others[i]->name);
}

void show_found(const struct survey_found *found)
{
    char wire[24], what[512];
    show_wire(&found->wire, wire);
    say_what(found, what, sizeof what);
    (void)printf("%-11s ", wire);
    (void)printf(_("address %3u  "), found->unit);
    screen_wrap(stdout, screen_width(stdout), 25, 25, what);
    if (found->identity[0] != '\0') {
        (void)printf("%25s", _("says "));
        screen_wrap(stdout, screen_width(stdout), 25, 25, found->identity);
    }
}

void show_found_json(const struct survey_found *found)
{
    json_t *one = survey_found_json(found);
    talk_dump(one);
    json_decref(one);
}
