/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/boards.h"
#include "gateway/common/text.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION   1
#define TEXT_SIZE (16u + BOARDS_MOST * 9u)
#define KEY_SIZE  (CONFIG_NAME_SIZE + 8u)

struct boards {
    pthread_mutex_t lock;
    const struct config *config;
    atomic_uint version;
    struct place {
        uint32_t serials[BOARDS_MOST];
        uint8_t count;
        uint8_t now; /* the one that answers, or answered last */
        bool dirty, saving;
    } places[];
};

struct boards *boards_create(const struct config *config)
{
    struct boards *boards =
        calloc(1, sizeof *boards + (config->device_count + 1u) * sizeof boards->places[0]);
    if (boards == NULL)
        return NULL;
    pthread_mutex_init(&boards->lock, NULL);
    boards->config = config;
    return boards;
}

void boards_destroy(struct boards *boards)
{
    if (boards == NULL)
        return;
    pthread_mutex_destroy(&boards->lock);
    free(boards);
}

static void key_of(const struct device_config *device, char key[KEY_SIZE])
{
    (void)snprintf(key, KEY_SIZE, "boards:%s", device->name);
}

/* ---- The text: "VERSION NOW SERIAL SERIAL …" ---- */

static void write_text(const struct place *place, char text[TEXT_SIZE])
{
    (void)snprintf(text, TEXT_SIZE, "%d %u", VERSION, place->now);
    for (unsigned i = 0; i < place->count; i++)
        (void)text_add(text, TEXT_SIZE, " %08" PRIX32, place->serials[i]);
}

static void read_text(const char *text, struct place *place)
{
    char *end = NULL;
    if (strtol(text, &end, 10) != VERSION)
        return;
    unsigned long now = strtoul(end, &end, 10);
    while (*end == ' ' && place->count < BOARDS_MOST)
        place->serials[place->count++] = (uint32_t)strtoul(end, &end, 16);
    place->now = now < place->count ? (uint8_t)now : 0;
}

/* ---- The file ---- */

void boards_load(struct boards *boards, struct db *db)
{
    for (uint16_t i = 0; db->handle != NULL && i < boards->config->device_count; i++) {
        char key[KEY_SIZE];
        sqlite3_stmt *s = db_statement(db, DB_META_GET);
        if (s == NULL)
            return;
        key_of(&boards->config->devices[i], key);
        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        const char *text =
            sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
        if (text != NULL)
            read_text(text, &boards->places[i]);
        atomic_fetch_add(&boards->version, text != NULL);
        sqlite3_reset(s);
    }
}

static int save_one(struct db *db, const struct device_config *device, const char *text)
{
    char key[KEY_SIZE];
    sqlite3_stmt *s = db_statement(db, DB_META_SET);
    if (s == NULL)
        return db_run(db, NULL);
    key_of(device, key);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    return db_run(db, s);
}

int boards_save(struct boards *boards, struct db *db)
{
    int rc = SQLITE_OK;
    for (uint16_t i = 0; i < boards->config->device_count && rc == SQLITE_OK; i++) {
        char text[TEXT_SIZE];
        struct place *place = &boards->places[i];
        pthread_mutex_lock(&boards->lock);
        place->saving = place->saving || place->dirty;
        place->dirty = false;        /* what changes from now on is for the next commit */
        bool saving = place->saving; /* seldom, and this is gone through at each commit */
        if (saving)
            write_text(place, text);
        pthread_mutex_unlock(&boards->lock);
        if (saving)
            rc = save_one(db, &boards->config->devices[i], text);
    }
    return rc;
}

void boards_saved(struct boards *boards)
{
    for (uint16_t i = 0; i < boards->config->device_count; i++)
        boards->places[i].saving = false;
}

void boards_unsaved(struct boards *boards)
{
    pthread_mutex_lock(&boards->lock);
    for (uint16_t i = 0; i < boards->config->device_count; i++)
        boards->places[i].dirty = boards->places[i].dirty || boards->places[i].count > 0;
    pthread_mutex_unlock(&boards->lock);
}

/* ---- Boards ---- */

/* Under the lock: another device whose board this is now. */
static int owner_of(const struct boards *boards, uint16_t device, uint32_t serial)
{
    for (uint16_t i = 0; i < boards->config->device_count; i++) {
        const struct place *place = &boards->places[i];
        if (i != device && place->count > 0 && place->serials[place->now] == serial)
            return i;
    }
    return -1;
}

/* Under the lock: which board of the place it is, a new one if need be. */
static uint8_t index_of(struct place *place, uint32_t serial)
{
    for (uint8_t i = 0; i < place->count; i++) {
        if (place->serials[i] == serial)
            return i;
    }
    if (place->count < BOARDS_MOST)
        place->count++;
    place->serials[place->count - 1] = serial;
    return (uint8_t)(place->count - 1);
}

bool boards_here(struct boards *boards, uint16_t device, uint32_t serial,
                 struct reading_board *board)
{
    struct place *place = &boards->places[device];
    pthread_mutex_lock(&boards->lock);
    int owner = owner_of(boards, device, serial);
    uint8_t count = place->count, before = place->now;
    bool other = count > 0 && place->serials[before] != serial;
    *board = (struct reading_board){.owner = owner, .replaced = other ? place->serials[before] : 0};
    bool here = !other || owner < 0;
    if (here) {
        place->now = index_of(place, serial);
        place->dirty = place->dirty || place->count != count || place->now != before;
        if (place->count != count)
            atomic_fetch_add(&boards->version, 1);
        board->boot_base = (uint32_t)place->now << BOARD_BOOT_BITS;
    }
    pthread_mutex_unlock(&boards->lock);
    return here;
}

uint32_t boards_version(struct boards *boards)
{
    return atomic_load(&boards->version);
}

unsigned boards_all(struct boards *boards, uint16_t device, uint32_t serials[STORE_BOARDS_MOST])
{
    const struct place *place = &boards->places[device];
    pthread_mutex_lock(&boards->lock);
    unsigned count = place->count;
    memcpy(serials, place->serials, count * sizeof serials[0]);
    pthread_mutex_unlock(&boards->lock);
    return count;
}
