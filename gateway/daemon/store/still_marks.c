/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/still_marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/common/grow.h"

#define VERSION 1

struct still_marks {
    struct entry {
        uint16_t device;
        uint8_t metric;
        struct reading_still still;
    } * entries;
    size_t room;
    uint32_t count;
};

struct still_marks *still_marks_create(void)
{
    return calloc(1, sizeof(struct still_marks));
}

void still_marks_destroy(struct still_marks *marks)
{
    if (marks != NULL)
        free(marks->entries);
    free(marks);
}

static void key_of(const struct device_config *device, unsigned metric,
                   char key[STILL_MARKS_KEY_SIZE])
{
    (void)snprintf(key, STILL_MARKS_KEY_SIZE, "still:%s:%s", device->name,
                   device->metrics[metric]->metric);
}

static bool read_text(const char *text, struct reading_still *still)
{
    char *end = NULL, *next = NULL;
    if (strtol(text, &end, 10) != VERSION)
        return false;
    still->value = strtod(end, &next);
    still->since_ms = strtoll(next, NULL, 10);
    return next != end && still->since_ms > 0;
}

static bool load_one(struct db *db, const struct device_config *device, unsigned metric,
                     struct reading_still *still)
{
    char key[STILL_MARKS_KEY_SIZE], row[STILL_MARKS_KEY_SIZE + 4], text[STILL_MARKS_TEXT_SIZE];
    sqlite3_stmt *s = db_statement(db, DB_META_GET);
    if (s == NULL)
        return false;
    key_of(device, metric, key);
    (void)snprintf(row, sizeof row, "doc:%s", key);
    sqlite3_bind_text(s, 1, row, -1, SQLITE_STATIC);
    const void *found = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
    int size = found != NULL ? sqlite3_column_bytes(s, 0) : 0;
    (void)snprintf(text, sizeof text, "%.*s", size, found != NULL ? (const char *)found : "");
    sqlite3_reset(s);
    return read_text(text, still);
}

static void add(struct still_marks *marks, const struct entry *entry)
{
    struct entry *grown =
        grow_array(marks->entries, &marks->room, marks->count + 1u, sizeof *grown);
    if (grown == NULL)
        return; /* as if it moved with this start */
    marks->entries = grown;
    marks->entries[marks->count++] = *entry;
}

void still_marks_load(struct still_marks *marks, const struct config *config, struct db *db)
{
    for (uint16_t i = 0; db->handle != NULL && i < config->device_count; i++) {
        const struct device_config *device = &config->devices[i];
        for (unsigned m = 0; !device->profile->node && m < device->metric_count; m++) {
            struct entry entry = {.device = i, .metric = (uint8_t)m};
            if (device->metrics[m]->stuck_s > 0 && device->metrics[m]->role != ROLE_COUNTER &&
                load_one(db, device, m, &entry.still))
                add(marks, &entry);
        }
    }
}

bool still_marks_get(const struct still_marks *marks, uint16_t device, uint8_t metric,
                     struct reading_still *still)
{
    for (uint32_t i = 0; i < marks->count; i++) {
        const struct entry *entry = &marks->entries[i];
        if (entry->device != device || entry->metric != metric)
            continue;
        *still = entry->still;
        return true;
    }
    return false;
}

void still_marks_document(const struct device_config *device, unsigned metric,
                          const struct reading_still *still, char key[STILL_MARKS_KEY_SIZE],
                          char text[STILL_MARKS_TEXT_SIZE])
{
    key_of(device, metric, key);
    text[0] = '\0';
    if (still != NULL)
        (void)snprintf(text, STILL_MARKS_TEXT_SIZE, "%d %.17g %" PRId64, VERSION, still->value,
                       still->since_ms);
}
