/* SPDX-License-Identifier: Apache-2.0 */
/* How a command is used, and what is said of a use that it does not know. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "gateway/common/options.h"
#include "gateway/common/text.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"

#define COLUMNS   80
#define PARAGRAPH 2048 /* bytes */

static bool help_wanted;

void cli_want_help(void)
{
    help_wanted = true;
}

bool cli_help_wanted(void)
{
    return help_wanted;
}

static bool begins(const char *line, const char *word)
{
    return strncasecmp(line, word, strlen(word)) == 0;
}

/* Where what does not fit in a line goes on: below what is said of an option, or below the first
 * word behind "Usage:". */
static unsigned indent_of(const char *line)
{
    size_t blanks = strspn(line, " ");
    const char *gap = strstr(line + blanks, "  ");
    char before[PARAGRAPH];
    if (begins(line, "usage: ") || begins(line, "用法：") || begins(line, "       baiye "))
        return 9;
    if (blanks == 0)
        return 0;
    if (gap == NULL || blanks > 2)
        return (unsigned)blanks;
    (void)snprintf(before, sizeof before, "%.*s", (int)(gap - line), line);
    return (unsigned)(screen_columns(before) + strspn(gap, " "));
}

/* Does this line go on with the paragraph of the one before? What is said of exit codes is one of
 * its own. */
static bool goes_on(const char *before, const char *line)
{
    if (before[0] != '\0' && strspn(line, " ") > 2 && strspn(line, " ") == indent_of(before))
        return true;
    bool prose = before[0] != '\0' && before[0] != ' ' && line[0] != ' ' && line[0] != '\0';
    return prose && !begins(before, "usage: ") && !begins(before, "用法：") &&
           !begins(line, "exit ") && !begins(line, "退出码");
}

static void print_paragraph(FILE *out, char *text)
{
    if (text[0] != '\0')
        screen_wrap(out, COLUMNS, 0, indent_of(text), text);
    text[0] = '\0';
}

/* U+4000 to U+9FFF: a character that means something, not punctuation. */
static bool is_ideograph(unsigned char lead)
{
    return lead >= 0xE4 && lead <= 0xE9;
}

/* A blank stands between words, and between Chinese characters and a word; none where both are
 * Chinese, nor beside Chinese punctuation. */
static const char *joint(const char *before, const char *line)
{
    size_t size = strlen(before);
    unsigned char last = size > 0 ? (unsigned char)before[size - 1] : 0;
    unsigned char first = (unsigned char)line[0];
    if (last < 0x80 && first < 0x80)
        return " ";
    bool word_first = last < 0x80 && is_ideograph(first);
    bool word_last = size >= 3 && is_ideograph((unsigned char)before[size - 3]) && first < 0x80;
    return word_first || word_last ? " " : "";
}

int cli_usage(const char *text)
{
    FILE *out = help_wanted ? stdout : stderr;
    char paragraph[PARAGRAPH] = "", line[512];
    for (const char *at = gettext(text); *at != '\0';) {
        size_t size = strcspn(at, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)size, at); /* no line is so long, */
        if (!goes_on(paragraph, line))
            print_paragraph(out, paragraph);
        const char *part = paragraph[0] != '\0' ? line + strspn(line, " ") : line;
        (void)text_add(paragraph, sizeof paragraph, "%s%s", /* and no paragraph */
                       paragraph[0] != '\0' ? joint(paragraph, part) : "", part);
        at += size + (at[size] == '\n');
    }
    print_paragraph(out, paragraph);
    return help_wanted ? EX_OK : EX_USAGE;
}

int cli_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char why[OPTIONS_WHY_SIZE];
    int letter = options_next(argc, argv, shorts, longs);
    if ((letter == '?' || letter == ':') && !help_wanted) {
        options_why(argv, letter, why);
        cli_complain("%s", why);
    }
    return letter == ':' ? '?' : letter;
}
