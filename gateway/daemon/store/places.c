/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/places.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"
#include "gateway/daemon/store/varint.h"

#define HOUR_MS    INT64_C(3600000)
#define ROOM_FIRST 32u
#define HEAD_MAX   (3 * VARINT_MAX)
/* Reading so many batches for one that has a reading is no worse than keeping its place. */
#define WORTH_RECORDS 8u

void places_forget(struct places *places)
{
    free(places->data);
    places->data = NULL;
    places->used = places->room = places->count = 0;
    places->last = 0;
    places->unknown = true;
}

static bool make_room(struct places *places)
{
    if (places->room - places->used >= VARINT_MAX)
        return true;
    size_t room = places->room;
    size_t wanted = room > 0 ? 2 * room : ROOM_FIRST;
    uint8_t *data = wanted <= PLACES_SIZE ? grow_array(places->data, &room, wanted, 1) : NULL;
    if (data == NULL)
        return false;
    places->data = data;
    places->room = (uint16_t)room;
    return true;
}

void places_put(struct places *places, uint64_t batch)
{
    if (batch < places->last || !make_room(places)) {
        places_forget(places);
        return;
    }
    uint8_t *at = places->data + places->used;
    places->used = (uint16_t)(varint_put(at, batch - places->last) - places->data);
    places->last = batch;
    places->count++;
}

/* false: the bytes end before it does. */
static bool get(const uint8_t *data, size_t size, size_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < size; shift += 7) {
        uint8_t byte = data[(*at)++];
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool places_next(const struct places *places, uint16_t *at, uint64_t *batch)
{
    size_t from = *at;
    uint64_t more = 0;
    if (!get(places->data, places->used, &from, &more))
        return false;
    *at = (uint16_t)from;
    *batch += more;
    return true;
}

/* ---- In the file ---- */

/* 0: no hour of which anything is kept. */
static int64_t key_of(uint32_t stream, int64_t t_ms)
{
    int64_t hour = t_ms / HOUR_MS;
    return t_ms < 0 || hour > INT32_MAX ? 0 : hour << 32 | stream;
}

/* The rest of the body belongs to `places`, if it is of that hour as it is. */
static void take(const uint8_t *body, size_t size, const struct places_of *of,
                 struct places *places)
{
    uint64_t head[3], batch = 0;
    size_t at = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (!get(body, size, &at, &head[i]))
            return;
    }
    if (head[0] != of->first_id || head[1] != of->last_id || head[2] != of->samples)
        return;
    places->unknown = false;
    for (uint64_t more = 0; !places->unknown && at < size; batch += more) {
        if (get(body, size, &at, &more))
            places_add(places, batch + more);
        else
            places_forget(places);
    }
}

void places_load(struct db *db, const struct places_of *of, struct places *places)
{
    *places = (struct places){.unknown = true};
    sqlite3_stmt *s = db_statement(db, DB_PLACE_GET);
    if (s == NULL)
        return;
    sqlite3_bind_int64(s, 1, key_of(of->stream, of->t_ms));
    if (sqlite3_step(s) == SQLITE_ROW) {
        const uint8_t *body = sqlite3_column_blob(s, 0);
        take(body, (size_t)sqlite3_column_bytes(s, 0), of, places);
    }
    sqlite3_reset(s);
}

int places_save(struct db *db, const struct places_of *of, const struct places *places)
{
    uint8_t body[HEAD_MAX + PLACES_SIZE];
    int64_t key = key_of(of->stream, of->t_ms);
    if (places->unknown || key == 0 ||
        of->last_id - of->first_id < (uint64_t)WORTH_RECORDS * places->count)
        return SQLITE_OK;
    uint8_t *at = varint_put(body, of->first_id);
    at = varint_put(at, of->last_id);
    at = varint_put(at, of->samples);
    memcpy(at, places->data, places->used);
    at += places->used;
    sqlite3_stmt *s = db_statement(db, DB_PLACE_SET);
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, key);
        sqlite3_bind_blob(s, 2, body, (int)(at - body), SQLITE_STATIC);
    }
    return db_run(db, s);
}

int places_trim(struct db *db, int64_t before_ms)
{
    sqlite3_stmt *s = db_statement(db, DB_PLACE_TRIM);
    if (s != NULL)
        sqlite3_bind_int64(s, 1, key_of(0, before_ms));
    return db_run(db, s);
}
