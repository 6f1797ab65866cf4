/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: a device with one list of fields has a number, for as long as the file lives. When a
 * profile changes, the device goes on under a new number and the old readings keep theirs. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"
#include "gateway/daemon/store/impl.h"

struct stream_table {
    const struct config *config;
    uint16_t named;           /* device_named() begins here */
    struct stream *of_device; /* by device index: with the numbers that the write queue uses */
    uint32_t *real_ids;       /* by device index: numbers in the file */
    bool ids_differ;
    struct stream *list; /* from here on under the store's lock; ascending by number */
    size_t room, schema_room;
    uint32_t count;
    struct stream_schema **schemas;
    uint32_t schema_count;
};

static const struct stream_schema *intern(struct stream_table *streams,
                                          const struct stream_schema *schema)
{
    for (uint32_t i = 0; i < streams->schema_count; i++) {
        if (memcmp(streams->schemas[i], schema, sizeof *schema) == 0)
            return streams->schemas[i];
    }
    struct stream_schema **grown =
        grow_array(streams->schemas, &streams->schema_room, streams->schema_count + 1u,
                   sizeof(struct stream_schema *));
    struct stream_schema *copy = malloc(sizeof *copy);
    if (grown != NULL)
        streams->schemas = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    *copy = *schema;
    streams->schemas[streams->schema_count++] = copy;
    return copy;
}

/* The file has most devices in the order of the configuration. */
static int32_t device_named(struct stream_table *streams, const char *name)
{
    uint16_t count = streams->config->device_count;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t at = (uint16_t)((streams->named + i) % count);
        if (strcmp(streams->config->devices[at].name, name) != 0)
            continue;
        streams->named = (uint16_t)(at + 1);
        return at;
    }
    return -1;
}

static bool add(struct stream_table *streams, uint32_t id, const char *device,
                const struct stream_schema *schema)
{
    const struct stream_schema *kept = intern(streams, schema);
    struct stream *grown =
        grow_array(streams->list, &streams->room, streams->count + 1u, sizeof *grown);
    if (grown != NULL)
        streams->list = grown;
    if (grown == NULL || kept == NULL)
        return false;
    struct stream *stream = &streams->list[streams->count++];
    *stream = (struct stream){.id = id, .index = device_named(streams, device), .schema = kept};
    (void)strncpy(stream->device, device, sizeof stream->device - 1);
    return true;
}

struct stream_table *stream_table_create(const struct config *config)
{
    struct stream_table *streams = calloc(1, sizeof *streams);
    if (streams == NULL)
        return NULL;
    streams->config = config;
    streams->of_device = calloc(config->device_count + 1u, sizeof *streams->of_device);
    streams->real_ids = calloc(config->device_count + 1u, sizeof *streams->real_ids);
    bool made = streams->of_device != NULL && streams->real_ids != NULL;
    for (uint16_t i = 0; made && i < config->device_count; i++) {
        struct stream_schema schema;
        stream_schema_of_device(&config->devices[i], &schema);
        struct stream *stream = &streams->of_device[i];
        stream->index = i;
        stream->schema = intern(streams, &schema);
        made = stream->schema != NULL;
        memcpy(stream->device, config->devices[i].name, sizeof stream->device);
    }
    if (made)
        return streams;
    stream_table_destroy(streams);
    return NULL;
}

void stream_table_destroy(struct stream_table *streams)
{
    if (streams == NULL)
        return;
    for (uint32_t i = 0; i < streams->schema_count; i++)
        free(streams->schemas[i]);
    free(streams->schemas);
    free(streams->list);
    free(streams->of_device);
    free(streams->real_ids);
    free(streams);
}

/* A file that has none is new. When another one was used before, its numbers go on: they are in
 * records that wait for their commit and in what the publishers have. */
int streams_load(struct store *store)
{
    struct stream_table *streams = store->streams;
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_ALL);
    int rc = s == NULL ? db_run(&store->db, NULL) : SQLITE_ROW;
    bool first = true;
    pthread_mutex_lock(&store->lock);
    while (rc == SQLITE_ROW && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct stream_schema schema;
        if (first)
            streams->count = 0;
        first = false;
        const char *device = (const char *)sqlite3_column_text(s, 1);
        const char *text = (const char *)sqlite3_column_text(s, 2);
        if (device == NULL || text == NULL || !stream_schema_parse(text, &schema))
            continue; /* its readings are skipped wherever they turn up */
        if (!add(streams, (uint32_t)sqlite3_column_int64(s, 0), device, &schema))
            rc = SQLITE_NOMEM;
    }
    pthread_mutex_unlock(&store->lock);
    if (s != NULL)
        sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

const struct stream *stream_find(const struct store *store, uint32_t id)
{
    const struct stream_table *streams = store->streams;
    uint32_t low = 0, high = streams->count; /* ascending by id */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (streams->list[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < streams->count && streams->list[low].id == id ? &streams->list[low] : NULL;
}

const struct stream *stream_at(const struct store *store, uint32_t at)
{
    return at < store->streams->count ? &store->streams->list[at] : NULL;
}

const struct stream *stream_newest(const struct store *store, const char *device)
{
    const struct stream_table *streams = store->streams;
    for (uint32_t i = streams->count; i > 0; i--) {
        if (strcmp(streams->list[i - 1].device, device) == 0)
            return &streams->list[i - 1];
    }
    return NULL;
}

const struct stream *streams_of_devices(const struct stream_table *streams)
{
    return streams->of_device;
}

uint32_t streams_real_id(const struct stream_table *streams, uint32_t id)
{
    for (uint16_t i = 0; streams->ids_differ && i < streams->config->device_count; i++) {
        if (streams->of_device[i].id == id)
            return streams->real_ids[i];
    }
    return id;
}

bool streams_translated(const struct stream_table *streams)
{
    return streams->ids_differ;
}

static const struct stream *find_schema(const struct stream_table *streams,
                                        const struct stream *own)
{
    for (uint32_t i = 0; i < streams->count; i++) {
        const struct stream *stream = &streams->list[i];
        if (stream->index == own->index && stream->schema == own->schema)
            return stream;
    }
    return NULL;
}

static int insert_row(struct store *store, const char *device, const struct stream_schema *schema,
                      uint32_t id)
{
    char text[STREAM_SCHEMA_TEXT_MAX];
    stream_schema_text(schema, text);
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_INSERT);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
        if (id != 0)
            sqlite3_bind_int64(s, 3, id);
    }
    return db_run(&store->db, s);
}

static int insert(struct store *store, const char *device, const struct stream_schema *schema,
                  uint32_t *id)
{
    int rc = insert_row(store, device, schema, 0);
    if (rc != SQLITE_OK)
        return rc;
    *id = (uint32_t)sqlite3_last_insert_rowid(store->db.handle);
    pthread_mutex_lock(&store->lock);
    bool added = add(store->streams, *id, device, schema);
    pthread_mutex_unlock(&store->lock);
    return added ? SQLITE_OK : SQLITE_NOMEM;
}

/* Those of RAM that a new file does not have. */
static int insert_known(struct store *store)
{
    const struct stream_table *streams = store->streams;
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_ALL);
    if (s == NULL)
        return db_run(&store->db, NULL);
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_ROW ? SQLITE_OK : rc;
    rc = SQLITE_OK;
    for (uint32_t i = 0; i < streams->count && rc == SQLITE_OK; i++)
        rc = insert_row(store, streams->list[i].device, streams->list[i].schema,
                        streams->list[i].id);
    return rc;
}

int streams_settle(struct store *store)
{
    struct stream_table *streams = store->streams;
    int known_rc = insert_known(store);
    if (known_rc != SQLITE_OK)
        return known_rc;
    streams->ids_differ = false;
    for (uint16_t i = 0; i < store->config->device_count; i++) {
        struct stream *own = &streams->of_device[i];
        const struct stream *known = find_schema(streams, own);
        if (known != NULL) {
            streams->real_ids[i] = known->id;
        } else {
            int rc = insert(store, own->device, own->schema, &streams->real_ids[i]);
            if (rc != SQLITE_OK)
                return rc;
        }
        if (own->id == 0) /* before any bus runs */
            own->id = streams->real_ids[i];
        streams->ids_differ = streams->ids_differ || own->id != streams->real_ids[i];
    }
    return SQLITE_OK;
}

void streams_provisional(struct stream_table *streams)
{
    for (uint16_t i = 0; i < streams->config->device_count; i++) {
        streams->of_device[i].id = i + 1u;
        streams->real_ids[i] = i + 1u;
    }
}
