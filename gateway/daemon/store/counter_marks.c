/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/counter_marks.h"
#include "gateway/common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION   1
#define TEXT_SIZE 256u /* a version, a time, four names of 32 and as many codes */
#define KEY_SIZE  (CONFIG_NAME_SIZE + 8u)

struct counter_marks {
    const struct config *config;
    struct entry {
        struct reading_mark loaded, now;
        bool dirty;
    } entries[];
};

struct counter_marks *counter_marks_create(const struct config *config)
{
    struct counter_marks *marks =
        calloc(1, sizeof *marks + (config->device_count + 1u) * sizeof marks->entries[0]);
    if (marks != NULL)
        marks->config = config;
    return marks;
}

void counter_marks_destroy(struct counter_marks *marks)
{
    free(marks);
}

static void key_of(const struct device_config *device, char key[KEY_SIZE])
{
    (void)snprintf(key, KEY_SIZE, "mark:%s", device->name);
}

/* ---- The text ---- */

static void write_text(const struct device_config *device, const struct reading_mark *mark,
                       char text[TEXT_SIZE])
{
    unsigned counter = 0;
    (void)snprintf(text, TEXT_SIZE, "%d %" PRId64, VERSION, mark->wall_ms);
    for (unsigned m = 0; m < device->metric_count && counter < READING_COUNTERS_MAX; m++) {
        if (device->metrics[m]->role != ROLE_COUNTER)
            continue;
        if (mark->known & 1u << counter)
            (void)text_add(text, TEXT_SIZE, " %s=%" PRIu64, device->metrics[m]->metric,
                           mark->codes[counter]);
        counter++;
    }
}

/* The code of a metric, behind " METRIC=". */
static bool read_code(const char *text, const char *metric, uint64_t *code)
{
    char name[CONFIG_NAME_SIZE + 3], *end = NULL;
    (void)snprintf(name, sizeof name, " %s=", metric);
    const char *found = strstr(text, name);
    *code = found != NULL ? strtoull(found + strlen(name), &end, 10) : 0;
    return found != NULL && end != found + strlen(name);
}

static void read_text(const struct device_config *device, const char *text,
                      struct reading_mark *mark)
{
    unsigned counter = 0;
    char *end = NULL;
    if (strtol(text, &end, 10) != VERSION)
        return;
    mark->wall_ms = strtoll(end, NULL, 10);
    for (unsigned m = 0; m < device->metric_count && counter < READING_COUNTERS_MAX; m++) {
        if (device->metrics[m]->role != ROLE_COUNTER)
            continue;
        if (read_code(text, device->metrics[m]->metric, &mark->codes[counter]))
            mark->known |= (uint8_t)(1u << counter);
        counter++;
    }
}

/* ---- The file ---- */

static void load_one(struct db *db, const struct device_config *device, struct reading_mark *mark)
{
    char key[KEY_SIZE];
    sqlite3_stmt *s = db_statement(db, DB_META_GET);
    if (s == NULL)
        return;
    key_of(device, key);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    const char *text =
        sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (text != NULL)
        read_text(device, text, mark);
    sqlite3_reset(s);
}

void counter_marks_load(struct counter_marks *marks, struct db *db)
{
    for (uint16_t i = 0; db->handle != NULL && i < marks->config->device_count; i++) {
        struct entry *entry = &marks->entries[i];
        if (!marks->config->devices[i].profile->node)
            load_one(db, &marks->config->devices[i], &entry->loaded);
        entry->now = entry->loaded;
    }
}

bool counter_marks_get(const struct counter_marks *marks, uint16_t device,
                       struct reading_mark *mark)
{
    *mark = marks->entries[device].loaded;
    return mark->known != 0;
}

/* A counter that stands still is not written again. */
void counter_marks_put(struct counter_marks *marks, uint16_t device,
                       const struct reading_mark *mark)
{
    struct entry *entry = &marks->entries[device];
    if (entry->now.known == mark->known &&
        memcmp(entry->now.codes, mark->codes, sizeof mark->codes) == 0)
        return;
    entry->now = *mark;
    entry->dirty = true;
}

static int save_one(struct db *db, const struct device_config *device,
                    const struct reading_mark *mark)
{
    char key[KEY_SIZE], text[TEXT_SIZE];
    sqlite3_stmt *s = db_statement(db, DB_META_SET);
    if (s == NULL)
        return db_run(db, NULL);
    key_of(device, key);
    write_text(device, mark, text);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    return db_run(db, s);
}

int counter_marks_save(struct counter_marks *marks, struct db *db)
{
    int rc = SQLITE_OK;
    for (uint16_t i = 0; i < marks->config->device_count && rc == SQLITE_OK; i++) {
        if (marks->entries[i].dirty)
            rc = save_one(db, &marks->config->devices[i], &marks->entries[i].now);
    }
    return rc;
}

void counter_marks_saved(struct counter_marks *marks)
{
    for (uint16_t i = 0; i < marks->config->device_count; i++)
        marks->entries[i].dirty = false;
}
