/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/commission/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "tools/cli/screen.h"

#define INDENT            4
#define NAME_COLUMNS      20                 /* then what it is */
#define CANDIDATE_COLUMNS (NAME_COLUMNS + 5) /* before that */

/* A line without its end and the blanks around it; false: no more comes. */
static bool prompt_line(const char *question, char *line, size_t size)
{
    (void)printf("%s ", question);
    (void)fflush(stdout);
    if (fgets(line, (int)size, stdin) == NULL) {
        (void)putchar('\n');
        return false;
    }
    size_t begin = strspn(line, " \t"), end = strcspn(line, "\r\n");
    while (end > begin && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    memmove(line, line + begin, end - begin);
    line[end - begin] = '\0';
    return true;
}

static void say(const char *text)
{
    screen_wrap(stdout, screen_width(stdout), 0, INDENT, text);
}

bool prompt_yes(const char *question)
{
    char line[64];
    if (!prompt_line(question, line, sizeof line))
        return false;
    return line[0] == '\0' || (strchr("nNqQ", line[0]) == NULL && strncmp(line, "否", 3) != 0);
}

/* The one with that number, counted from 1, of "a, b, c"; its length, 0: there is none. */
static size_t candidate(const char *list, unsigned long number, const char **at)
{
    *at = list;
    for (unsigned long i = 1; **at != '\0'; i++) {
        size_t size = strcspn(*at, ",");
        if (i == number)
            return size;
        *at += size + strspn(*at + size, ", ");
    }
    return 0;
}

static void list_candidates(const struct plan_device *device)
{
    char text[96];
    const char *at;
    (void)snprintf(text, sizeof text, _("%u 8%c1, address %u: a bought device, one of"),
                   device->baud, device->parity, device->unit);
    say(text);
    for (unsigned i = 1;; i++) {
        size_t size = candidate(device->fits, i, &at);
        if (size == 0)
            return;
        unsigned used = (unsigned)printf("  %u  %.*s%*s", i, (int)size, at,
                                         size < NAME_COLUMNS ? NAME_COLUMNS - (int)size : 2, "");
        screen_wrap(stdout, screen_width(stdout), used, CANDIDATE_COLUMNS,
                    i <= PLAN_FITS ? device->of[i - 1] : "");
    }
}

void prompt_profile(struct plan_device *device)
{
    char line[64], *end;
    list_candidates(device);
    while (prompt_line(_("Its number, or another profile's name (Enter: leave it out):"), line,
                       sizeof line) &&
           line[0] != '\0') {
        const char *at = line;
        unsigned long number = strtoul(line, &end, 10);
        size_t size = *end == '\0' ? candidate(device->fits, number, &at) : strlen(line);
        if (size > 0 && size < sizeof device->profile) {
            (void)snprintf(device->profile, sizeof device->profile, "%.*s", (int)size, at);
            device->kind = PLAN_PROBE;
            device->rest[0] = '\0';
            return;
        }
    }
}

static void say_which(const struct plan_device *device)
{
    char text[160], serial[SERIAL_TEXT_SIZE];
    if (device->serial != 0) {
        serial_print(device->serial, serial);
        (void)snprintf(text, sizeof text, _("Node %s: its lamp blinks. Which plot is it?"), serial);
    } else {
        (void)snprintf(text, sizeof text, _("%s, %u 8%c1, address %u:"), device->profile,
                       device->baud, device->parity, device->unit);
    }
    say(text);
}

void prompt_name(const struct plan *plan, struct plan_device *device)
{
    char line[PLAN_LABEL], question[96];
    say_which(device);
    (void)snprintf(question, sizeof question, _("  Name [%s] (Enter: this one; n: leave it out):"),
                   device->name);
    for (;;) {
        if (!prompt_line(question, line, sizeof line) || strcmp(line, "n") == 0) {
            device->skip = true;
            return;
        }
        if (line[0] == '\0' || strcmp(line, "y") == 0) /* no one calls a plot so */
            return;
        if (plan_name_fits(plan, line, device)) {
            (void)snprintf(device->name, sizeof device->name, "%.39s", line);
            return;
        }
        if (plan_label_fits(line)) {
            (void)snprintf(device->label, sizeof device->label, "%s", line);
            (void)printf(_("  name %s, label %s\n"), device->name, device->label);
            return;
        }
        say(_("  Small letters, digits and hyphens, and nobody else's name; or what people call "
              "the place, of up to 60 bytes."));
    }
}
