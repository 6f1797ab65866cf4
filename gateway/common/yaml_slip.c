/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/yaml_slip.h"

#include <stdbool.h>
#include <string.h>

#define LINE_SIZE 1024 /* what is longer is looked at as several */
#define NEAR      2    /* lines back from where the parser stopped */
#define KEY       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* One line, as far as it can be judged alone. */
struct look {
    bool blank, dash, brace, tab, wide, no_blank, equals, comma, quote;
    int open; /* brackets */
    unsigned indent;
    char sign[32];
};

static size_t wide_mark(const char *text)
{
    static const char *const marks[] = {"：", "，", "“",  "”",  "‘", "’",
                                        "｛", "｝", "［", "］", "　"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strncmp(text, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    }
    return 0;
}

static void keep_sign(struct look *look, const char *text, size_t size)
{
    if (look->sign[0] == '\0' && size < sizeof look->sign)
        memcpy(look->sign, text, size);
}

/* `key:value` and `key = value` at the line's beginning. */
static void look_at_key(struct look *look, const char *text)
{
    text += strspn(text, " \t-{");
    size_t size = strspn(text, KEY), blanks = strspn(text + size, " ");
    look->no_blank = size > 0 && text[size] == ':' && strchr(" \r\n/", text[size + 1]) == NULL;
    look->equals = size > 0 && text[size + blanks] == '=';
    if (look->no_blank || look->equals)
        keep_sign(look, text, size);
}

/* Signs outside quotes, up to a comment. */
static void look_at_signs(struct look *look, const char *text)
{
    char quote = '\0', before = ' ';
    unsigned colons = 0;
    for (const char *at = text; *at != '\0'; before = *at++) {
        if (quote != '\0') {
            quote = (char)(*at == quote ? '\0' : quote);
            continue;
        }
        size_t wide = wide_mark(at);
        if (*at == '#' && (before == ' ' || before == '\t'))
            break;
        if ((*at == '\'' || *at == '"') && strchr(" [{,", before) != NULL)
            quote = *at;
        look->open += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        colons = strchr(",{}[]", *at) != NULL ? 0 : colons + (*at == ':' && at[1] == ' ');
        look->comma = look->comma || (look->open > 0 && colons > 1);
        if (wide > 0 && !look->wide)
            keep_sign(look, at, wide);
        look->wide = look->wide || wide > 0;
    }
    look->quote = quote != '\0';
}

static void look_at(struct look *look, const char *text)
{
    size_t indent = strspn(text, " \t");
    *look = (struct look){.indent = (unsigned)indent,
                          .dash = text[indent] == '-',
                          .brace = text[indent] == '{',
                          .blank = strchr("\r\n#", text[indent]) != NULL,
                          .tab = memchr(text, '\t', indent) != NULL};
    if (look->blank)
        return;
    look_at_signs(look, text);
    if (!look->wide)
        look_at_key(look, text);
}

static enum yaml_slip_kind kind_of(const struct look *look)
{
    return look->tab        ? YAML_SLIP_TAB
           : look->wide     ? YAML_SLIP_WIDE
           : look->equals   ? YAML_SLIP_EQUALS
           : look->no_blank ? YAML_SLIP_NO_BLANK
           : look->quote    ? YAML_SLIP_QUOTE
           : look->comma    ? YAML_SLIP_COMMA
           : look->open > 0 ? YAML_SLIP_BRACKET
                            : YAML_SLIP_NONE;
}

/* The line that has a slip takes the place of an earlier one's; a quote that does not end may be
 * far above. */
static void take(struct yaml_slip *slip, const struct look *look, int line, int stopped)
{
    enum yaml_slip_kind kind = kind_of(look);
    bool near = line + NEAR >= stopped && line <= stopped;
    bool told = slip->kind != YAML_SLIP_NONE && slip->line + NEAR >= stopped;
    if (kind == YAML_SLIP_NONE || (!near && kind != YAML_SLIP_QUOTE) || told)
        return;
    *slip = (struct yaml_slip){.kind = kind, .line = line};
    memcpy(slip->sign, look->sign, sizeof slip->sign);
}

void yaml_slip_find(FILE *stream, int stopped, struct yaml_slip *slip)
{
    char text[LINE_SIZE];
    struct look look;
    unsigned above = 0, columns = 0;
    int brace = 0; /* the line before began with one */
    bool no_dash = false;
    *slip = (struct yaml_slip){.kind = YAML_SLIP_NONE, .line = stopped};
    rewind(stream);
    for (int line = 1; line <= stopped && fgets(text, sizeof text, stream) != NULL;
         line += strchr(text, '\n') != NULL) {
        look_at(&look, text);
        if (look.blank)
            continue;
        above = columns;
        columns = look.indent;
        take(slip, &look, line, stopped);
        no_dash = line == stopped && brace > 0 && look.dash;
        brace = look.brace ? line : no_dash ? brace : 0;
    }
    if (slip->kind == YAML_SLIP_NONE && no_dash)
        *slip = (struct yaml_slip){.kind = YAML_SLIP_DASH, .line = brace};
    if (slip->kind == YAML_SLIP_NONE && columns != above)
        *slip = (struct yaml_slip){
            .kind = YAML_SLIP_INDENT, .line = stopped, .columns = columns, .above = above};
}
