/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"

#define LINE_SIZE 1024

bool csv_complain(const struct csv *csv, const char *what, const char *remedy)
{
    cli_complain("%s:%u: %s; %s", csv->path, csv->line, gettext(what), gettext(remedy));
    return false;
}

bool csv_has(const struct csv *csv, int column)
{
    return csv->place[column] >= 0 && csv->place[column] < csv->count;
}

const char *csv_field(const struct csv *csv, int column)
{
    return csv_has(csv, column) ? csv->fields[csv->place[column]] : "";
}

/* At its commas, in place. */
static void cut(struct csv *csv, char *line)
{
    csv->count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line; at != NULL && csv->count < CSV_FIELDS_MAX;) {
        csv->fields[csv->count++] = at;
        at = strchr(at, ',');
        if (at != NULL)
            *at++ = '\0';
    }
}

static void find_columns(struct csv *csv, const char *const *names, int columns)
{
    for (int c = 0; c < columns; c++) {
        csv->place[c] = -1;
        for (int i = 0; i < csv->count; i++)
            if (strcmp(csv->fields[i], names[c]) == 0)
                csv->place[c] = i;
    }
}

bool csv_read(struct csv *csv, const char *path, const char *const *names, int columns,
              bool (*header)(void *context), bool (*row)(void *context), void *context)
{
    char line[LINE_SIZE];
    FILE *file = fopen(path, "re");
    bool good = file != NULL;
    *csv = (struct csv){.path = path};
    if (!good)
        cli_cant_read(path, errno);
    while (good && fgets(line, sizeof line, file) != NULL) {
        bool mark = csv->line++ == 0 && strncmp(line, "\xEF\xBB\xBF", 3) == 0; /* spreadsheets' */
        bool whole = strchr(line, '\n') != NULL || strlen(line) < sizeof line - 1;
        cut(csv, mark ? line + 3 : line);
        if (csv->line == 1)
            find_columns(csv, names, columns);
        if (!whole)
            good = csv_complain(csv, "a line of more than 1,000 bytes", "is it a CSV file?");
        else if (csv->line == 1)
            good = header(context);
        else if (csv->count > 1 || csv->fields[0][0] != '\0')
            good = row(context);
    }
    if (file != NULL)
        (void)fclose(file);
    return good;
}
