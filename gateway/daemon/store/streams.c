/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: a device with one list of fields has a number, for as long as the file lives. When a
 * profile changes, the device goes on under a new number and the old readings keep theirs. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"

const struct stream_schema *stream_intern(struct store *store, const struct stream_schema *shape)
{
    for (uint32_t i = 0; i < store->stream_schema_count; i++) {
        if (memcmp(store->shapes[i], shape, sizeof *shape) == 0)
            return store->shapes[i];
    }
    struct stream_schema **grown =
        realloc(store->shapes, (store->stream_schema_count + 1) * sizeof(struct stream_schema *));
    struct stream_schema *copy = malloc(sizeof *copy);
    if (grown != NULL)
        store->shapes = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    *copy = *shape;
    store->shapes[store->stream_schema_count++] = copy;
    return copy;
}

static bool add(struct store *store, uint32_t id, const char *device,
                const struct stream_schema *shape)
{
    const struct stream_schema *kept = stream_intern(store, shape);
    if (store->stream_count == store->stream_room) {
        uint32_t room = store->stream_room * 2 + 16;
        struct stream *grown = realloc(store->streams, room * sizeof *grown);
        if (grown == NULL)
            return false;
        store->streams = grown;
        store->stream_room = room;
    }
    if (kept == NULL)
        return false;
    struct stream *stream = &store->streams[store->stream_count++];
    *stream = (struct stream){.id = id, .shape = kept};
    (void)strncpy(stream->device, device, sizeof stream->device - 1);
    return true;
}

/* A file that has none is new. When another one was used before, its numbers go on: they are in
 * records that wait for their commit and in what the publishers have. */
int streams_load(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_ALL);
    int rc = s == NULL ? db_run(&store->db, NULL) : SQLITE_ROW;
    bool first = true;
    pthread_mutex_lock(&store->lock);
    while (rc == SQLITE_ROW && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct stream_schema shape;
        if (first)
            store->stream_count = 0;
        first = false;
        const char *device = (const char *)sqlite3_column_text(s, 1);
        const char *text = (const char *)sqlite3_column_text(s, 2);
        if (device == NULL || text == NULL || !stream_schema_parse(text, &shape))
            continue; /* its readings are skipped wherever they turn up */
        if (!add(store, (uint32_t)sqlite3_column_int64(s, 0), device, &shape))
            rc = SQLITE_NOMEM;
    }
    pthread_mutex_unlock(&store->lock);
    if (s != NULL)
        sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

const struct stream *stream_find(const struct store *store, uint32_t id)
{
    uint32_t low = 0, high = store->stream_count; /* ascending by id */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (store->streams[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < store->stream_count && store->streams[low].id == id ? &store->streams[low] : NULL;
}

int stream_device(const struct store *store, const struct stream *stream)
{
    for (uint16_t i = 0; i < store->config->device_count; i++) {
        if (store->real_ids[i] == stream->id)
            return i;
    }
    const struct device_config *device = config_device(store->config, stream->device);
    return device != NULL ? device->index : -1;
}

static const struct stream *find_shape(const struct store *store, const char *device,
                                       const struct stream_schema *shape)
{
    for (uint32_t i = 0; i < store->stream_count; i++) {
        const struct stream *stream = &store->streams[i];
        if (strcmp(stream->device, device) == 0 && memcmp(stream->shape, shape, sizeof *shape) == 0)
            return stream;
    }
    return NULL;
}

static int insert_row(struct store *store, const char *device, const struct stream_schema *shape,
                      uint32_t id)
{
    char text[STREAM_SCHEMA_TEXT_MAX];
    stream_schema_text(shape, text);
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_INSERT);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
        if (id != 0)
            sqlite3_bind_int64(s, 3, id);
    }
    return db_run(&store->db, s);
}

static int insert(struct store *store, const char *device, const struct stream_schema *shape,
                  uint32_t *id)
{
    int rc = insert_row(store, device, shape, 0);
    if (rc != SQLITE_OK)
        return rc;
    *id = (uint32_t)sqlite3_last_insert_rowid(store->db.handle);
    pthread_mutex_lock(&store->lock);
    bool added = add(store, *id, device, shape);
    pthread_mutex_unlock(&store->lock);
    return added ? SQLITE_OK : SQLITE_NOMEM;
}

/* Those of RAM that a new file does not have. */
static int insert_known(struct store *store)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_STREAM_ALL);
    if (s == NULL)
        return db_run(&store->db, NULL);
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_ROW ? SQLITE_OK : rc;
    rc = SQLITE_OK;
    for (uint32_t i = 0; i < store->stream_count && rc == SQLITE_OK; i++)
        rc = insert_row(store, store->streams[i].device, store->streams[i].shape,
                        store->streams[i].id);
    return rc;
}

int streams_settle(struct store *store)
{
    int known_rc = insert_known(store);
    if (known_rc != SQLITE_OK)
        return known_rc;
    store->ids_differ = false;
    for (uint16_t i = 0; i < store->config->device_count; i++) {
        struct stream *own = &store->device_streams[i];
        const struct stream *known = find_shape(store, own->device, own->shape);
        if (known != NULL) {
            store->real_ids[i] = known->id;
        } else {
            int rc = insert(store, own->device, own->shape, &store->real_ids[i]);
            if (rc != SQLITE_OK)
                return rc;
        }
        if (own->id == 0) /* before any bus runs */
            own->id = store->real_ids[i];
        store->ids_differ = store->ids_differ || own->id != store->real_ids[i];
    }
    return SQLITE_OK;
}

/* No file yet: the intake needs numbers all the same. They are translated at the commit. */
bool streams_provisional(struct store *store)
{
    for (uint16_t i = 0; i < store->config->device_count; i++) {
        store->device_streams[i].id = i + 1u;
        store->real_ids[i] = i + 1u;
    }
    return true;
}
