/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/csv_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEAR_3000_MS 32503680000000

struct csv_line csv_line_init(char *text, size_t size)
{
    return (struct csv_line){.text = text, .size = size};
}

static void put(struct csv_line *line, char c)
{
    if (line->at + 1 >= line->size)
        line->full = true;
    else
        line->text[line->at++] = c;
}

static void put_text(struct csv_line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put(line, *text);
}

static void begin_cell(struct csv_line *line)
{
    if (line->begun)
        put(line, ',');
    line->begun = true;
}

void csv_line_plain(struct csv_line *line, const char *text)
{
    begin_cell(line);
    put_text(line, text);
}

void csv_line_number(struct csv_line *line, const char *format, ...)
{
    char number[64];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(number, sizeof number, format, args);
    va_end(args);
    line->full = line->full || size < 0 || (size_t)size >= sizeof number;
    csv_line_plain(line, number);
}

/* What a spreadsheet would take for a formula, also in its wide form. */
static bool is_formula(const char *text)
{
    static const char *const wide[] = {"＝", "＋", "－", "＠"};
    bool formula = text[0] != '\0' && strchr("=+-@\t\r\n", text[0]) != NULL;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        formula = formula || strncmp(text, wide[i], strlen(wide[i])) == 0;
    return formula;
}

void csv_line_words(struct csv_line *line, const char *text)
{
    begin_cell(line);
    if (text == NULL)
        return;
    put(line, '"');
    if (is_formula(text))
        put(line, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            put(line, '"');
        put(line, *text);
    }
    put(line, '"');
}

void csv_line_time(struct csv_line *line, int64_t ms, bool millis)
{
    char when[32] = "";
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    bool known = ms > 0 && gmtime_r(&seconds, &utc) != NULL &&
                 strftime(when, sizeof when, "%FT%T", &utc) > 0;
    if (!known)
        csv_line_plain(line, "");
    else if (millis)
        csv_line_number(line, "%s.%03dZ", when, (int)(ms % 1000));
    else
        csv_line_number(line, "%sZ", when);
}

size_t csv_line_end(struct csv_line *line)
{
    put_text(line, "\r\n");
    return line->full ? 0 : line->at;
}

int64_t csv_time(const char *text)
{
    struct tm day = {0};
    char *end;
    const char *rest = strptime(text, "%Y-%m-%d", &day);
    if (rest != NULL && *rest == '\0')
        return (int64_t)timegm(&day) * 1000;
    long long ms = strtoll(text, &end, 10);
    return end != text && *end == '\0' && ms >= 0 && ms <= YEAR_3000_MS ? ms : -1;
}
