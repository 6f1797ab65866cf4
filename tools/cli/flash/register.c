/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/register.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/serial.h"
#include "protocols/image/factory.h"
#include "tools/cli/cli.h"

#define FILE_MAX      (16l << 20)
#define FIELD_MAX     64
#define SERIAL_DIGITS 8
#define BOM           "\xEF\xBB\xBF" /* some spreadsheets put it in front */

struct row {
    char *line; /* without its end */
    uint32_t serial;
    char chip[FIELD_MAX];
};

struct table {
    const char *path;
    int lock;
    char *text;
    struct row *rows; /* the header is not one */
    size_t count;
};

/* Field `index` of a line, quotes taken off; false: too long or not there. */
static bool field(const char *line, unsigned index, char out[FIELD_MAX])
{
    for (unsigned i = 0; i < index; i++) {
        line = strchr(line, ',');
        if (line == NULL)
            return false;
        line++;
    }
    size_t size = strcspn(line, ",");
    if (size >= 2 && line[0] == '"' && line[size - 1] == '"') {
        line++;
        size -= 2;
    }
    if (size >= FIELD_MAX)
        return false;
    memcpy(out, line, size);
    out[size] = '\0';
    return true;
}

/* As it is printed, or the eight digits alone of registers of before; nothing shorter, which would
 * be what a spreadsheet left of it. */
static bool read_serial(const char *text, uint32_t *serial)
{
    size_t size = strlen(text);
    return (size == SERIAL_DIGITS || size == SERIAL_TEXT_SIZE - 1) &&
           strchr(text, '-') == (size == SERIAL_DIGITS ? NULL : text + SERIAL_DIGITS / 2) &&
           serial_parse(text, serial) == SERIAL_OK && *serial != FACTORY_SERIAL_NONE &&
           *serial < FACTORY_SERIAL_ALL;
}

static bool parse_row(struct table *table, char *line, unsigned number)
{
    char serial[FIELD_MAX];
    struct row row = {.line = line};
    if (!field(line, 0, serial) || !field(line, 2, row.chip)) {
        cli_complain("%s:%u: \"%.60s\" is no line of a register; it has %s", table->path, number,
                     line, REGISTER_HEADER);
        return false;
    }
    if (!read_serial(serial, &row.serial)) {
        cli_complain("%s:%u: \"%.60s\" is no serial number; it has 8 hexadecimal digits and a "
                     "check digit, as on the label (a spreadsheet that took it for a number may "
                     "have cut it: make the column text)",
                     table->path, number, serial);
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].serial == row.serial) {
            cli_complain("%s:%u: serial number %s stands twice; keep one line", table->path, number,
                         serial);
            return false;
        }
    }
    table->rows[table->count++] = row;
    return true;
}

static bool parse(struct table *table)
{
    char *text = table->text;
    size_t lines = 2;
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    table->rows = calloc(lines, sizeof *table->rows);
    if (table->rows == NULL)
        return false;
    if (strncmp(text, BOM, strlen(BOM)) == 0)
        text += strlen(BOM);
    unsigned number = 0;
    for (char *line = text, *next; *line != '\0'; line = next) {
        size_t size = strcspn(line, "\n");
        next = line + size + (line[size] == '\n');
        line[size] = '\0';
        if (size > 0 && line[size - 1] == '\r')
            line[size - 1] = '\0';
        number++;
        if (number == 1 && strncmp(line, REGISTER_HEADER, strlen(REGISTER_HEADER)) != 0) {
            cli_complain("%s:1: not a register of devices; its first line is %s", table->path,
                         REGISTER_HEADER);
            return false;
        }
        if (number > 1 && *line != '\0' && !parse_row(table, line, number))
            return false;
    }
    return true;
}

/* The whole file; an empty text when there is none yet. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rbe");
    struct stat status = {0};
    if (file == NULL && errno != ENOENT) {
        cli_cant_read(path, errno);
        return NULL;
    }
    if (file != NULL && (fstat(fileno(file), &status) != 0 || status.st_size > FILE_MAX)) {
        cli_complain("%s: over 16 MiB is no register", path);
        (void)fclose(file);
        return NULL;
    }
    char *text = calloc(1, (size_t)status.st_size + 1);
    if (file != NULL) {
        if (text != NULL)
            text[fread(text, 1, (size_t)status.st_size, file)] = '\0';
        (void)fclose(file);
    }
    return text;
}

static void close_table(struct table *table)
{
    free(table->rows);
    free(table->text);
    if (table->lock >= 0)
        (void)close(table->lock); /* and lets the lock go */
}

static bool open_table(struct table *table, const char *path, bool locks)
{
    char lock[CLI_PATH];
    *table = (struct table){.path = path, .lock = -1};
    if (locks) {
        if (!cli_format(lock, sizeof lock, "%s.lock", path))
            return false;
        table->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
        int result = -1;
        while (table->lock >= 0 && (result = flock(table->lock, LOCK_EX)) != 0 && errno == EINTR)
            continue;
        if (result != 0) {
            cli_complain("the register %s can't be written: %s; name one of yours with --register",
                         path, strerror(errno));
            return false;
        }
    }
    table->text = read_text(path);
    return table->text != NULL && parse(table);
}

static struct row *of_serial(const struct table *table, uint32_t serial)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].serial == serial)
            return &table->rows[i];
    }
    return NULL;
}

static struct row *of_chip(const struct table *table, const char *chip)
{
    for (size_t i = 0; chip[0] != '\0' && i < table->count; i++) {
        if (strcmp(table->rows[i].chip, chip) == 0)
            return &table->rows[i];
    }
    return NULL;
}

static uint32_t next_free(const struct table *table)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].serial > highest)
            highest = table->rows[i].serial;
    }
    if (highest + 1 < FACTORY_SERIAL_ALL)
        return highest + 1;
    for (uint32_t serial = 1;; serial++) {
        if (of_serial(table, serial) == NULL)
            return serial;
    }
}

/* The seven fields; what else stood behind them in the old line stays. */
static bool format_row(const struct register_entry *entry, const char *old, char *out, size_t size)
{
    char when[32], serial[SERIAL_TEXT_SIZE];
    time_t now = time(NULL);
    struct tm utc;
    const char *rest = "";
    for (unsigned commas = 0; old != NULL && *old != '\0'; old++) {
        if (*old == ',' && ++commas == 7) {
            rest = old;
            break;
        }
    }
    serial_print(entry->serial, serial);
    return gmtime_r(&now, &utc) != NULL &&
           strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0 &&
           cli_format(out, size, "%s,%s,%s,%s,%s,%s,%s%s", serial, entry->board, entry->chip,
                      entry->version, entry->image, when, entry->result, rest);
}

/* All lines, `changed` as it is now (appended when it was not there), `dropped` left out. */
static bool write_table(const struct table *table, const struct register_entry *entry,
                        const struct row *changed, const struct row *dropped)
{
    char line[1024], *text = NULL;
    size_t size = 0;
    bool has_header = table->text[0] != '\0';
    if (!format_row(entry, changed != NULL ? changed->line : NULL, line, sizeof line))
        return false;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return false;
    (void)fprintf(out, "%s\n", has_header ? table->text : REGISTER_HEADER);
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        if (row != dropped)
            (void)fprintf(out, "%s\n", row == changed ? line : row->line);
    }
    if (changed == NULL)
        (void)fprintf(out, "%s\n", line);
    bool good = fclose(out) == 0 && cli_write_file(table->path, text, size, 0664);
    free(text);
    return good;
}

static int take(const struct table *table, struct register_entry *entry, bool replace)
{
    struct row *own = of_chip(table, entry->chip);
    char text[SERIAL_TEXT_SIZE];
    if (entry->serial == 0)
        entry->serial = own != NULL ? own->serial : next_free(table);
    struct row *others = of_serial(table, entry->serial);
    if (others != NULL && others != own && !replace) {
        serial_print(entry->serial, text);
        cli_complain("serial number %s is in %s for another chip (%s, this one is %s); leave "
                     "--serial out for the next free one, or add --replace when that board is gone",
                     text, table->path, others->chip, entry->chip);
        return EX_DATAERR;
    }
    if (own != NULL && own->serial != entry->serial && !replace) {
        serial_print(own->serial, text);
        cli_complain("this chip is in %s as %s; leave --serial out to keep it, or add --replace "
                     "to give it the new number",
                     table->path, text);
        return EX_DATAERR;
    }
    const struct row *dropped = own != NULL && own != others ? own : NULL;
    return write_table(table, entry, others, dropped) ? EX_OK : EX_CANTCREAT;
}

int register_take(const char *path, struct register_entry *entry, bool replace)
{
    struct table table;
    int code = EX_CANTCREAT;
    if (open_table(&table, path, true))
        code = take(&table, entry, replace);
    close_table(&table);
    return code;
}

int register_note(const char *path, const struct register_entry *entry)
{
    struct table table;
    bool good = open_table(&table, path, true) &&
                write_table(&table, entry, of_serial(&table, entry->serial), NULL);
    close_table(&table);
    return good ? EX_OK : EX_CANTCREAT;
}

uint32_t register_peek(const char *path)
{
    struct table table;
    uint32_t serial = open_table(&table, path, false) ? next_free(&table) : 0;
    close_table(&table);
    return serial;
}
