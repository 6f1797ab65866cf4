/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/connection.h"

static const char session_options[] = "-c timezone=UTC -c statement_timeout=15000";

struct pool {
    char *conninfo;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    unsigned count;
    struct place {
        struct connection connection;
        bool taken;
    } places[];
};

struct pool *pool_create(const char *conninfo, unsigned count)
{
    struct pool *pool = calloc(1, sizeof *pool + count * sizeof pool->places[0]);
    if (pool == NULL)
        return NULL;
    pool->count = count;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->returned, NULL);
    pool->conninfo = strdup(conninfo);
    if (pool->conninfo != NULL)
        return pool;
    pool_destroy(pool);
    return NULL;
}

void pool_destroy(struct pool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < pool->count; i++)
        connection_close(&pool->places[i].connection);
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->lock);
    free(pool->conninfo);
    free(pool);
}

/* One that is connected already, if there is one. */
static struct place *free_place(struct pool *pool)
{
    struct place *found = NULL;
    for (unsigned i = 0; i < pool->count; i++) {
        struct place *place = &pool->places[i];
        if (!place->taken && (found == NULL || place->connection.db != NULL))
            found = place;
    }
    return found;
}

static void free_again(struct pool *pool, struct place *place)
{
    pthread_mutex_lock(&pool->lock);
    place->taken = false;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}

PGconn *pool_take(struct pool *pool, char *why, size_t why_size)
{
    struct place *place = NULL;
    bool fresh = false;
    pthread_mutex_lock(&pool->lock);
    while ((place = free_place(pool)) == NULL)
        pthread_cond_wait(&pool->returned, &pool->lock); /* at most as long as a statement lasts */
    place->taken = true;
    pthread_mutex_unlock(&pool->lock);
    if (connection_open(&place->connection, pool->conninfo, "baiye-county", session_options,
                        &fresh))
        return place->connection.db;
    (void)snprintf(why, why_size, "%s", place->connection.why);
    free_again(pool, place);
    return NULL;
}

void pool_give(struct pool *pool, PGconn *db)
{
    struct place *place = pool->places;
    if (db == NULL)
        return;
    while (place->connection.db != db || !place->taken)
        place++;
    if (PQtransactionStatus(db) != PQTRANS_IDLE) {
        PQclear(PQexec(db, "ROLLBACK"));
        if (PQtransactionStatus(db) != PQTRANS_IDLE)
            connection_close(&place->connection);
    }
    free_again(pool, place);
}
