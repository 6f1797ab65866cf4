/* SPDX-License-Identifier: Apache-2.0 */
/* In which batches the readings lie that one stream has in one hour: what history reads instead of
 * all batches of that hour, which grow with the number of devices. Only a short cut: an hour whose
 * places are not known is looked for in all batches between the first and the last one, so whatever
 * is in doubt is forgotten. That is so where readings are counted in another order than that of
 * their batches, and where there are more places than PLACES_SIZE takes: such a stream has a
 * reading in one of a few batches, and little would be gained.
 *
 * In the file a row of table `place`: by hour, then stream, so that those of the open hours lie
 * together. It says of which readings it knows; a program that does not know the table counts
 * further ones, and then the row is no longer believed.
 *
 *   body := first_id last_id samples batch batch-batch*      (varints) */
#ifndef BAIYE_STORE_PLACES_H
#define BAIYE_STORE_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/db.h"

#define PLACES_SIZE 512 /* bytes, one or two a place */

/* Zeroed: of an hour without readings. */
struct places {
    bool unknown;
    uint16_t used, room, count;
    uint64_t last;
    uint8_t *data; /* batch batch-batch*; NULL: none */
};

/* What of an hour the places are those of. */
struct places_of {
    uint32_t stream;
    int64_t t_ms;               /* where it begins */
    uint64_t first_id, last_id; /* records */
    uint64_t samples;           /* of all its values, believed or not */
};

/* A reading lies in that batch. Inline: most lie in the one of the reading before. */
void places_put(struct places *places, uint64_t batch);
static inline void places_add(struct places *places, uint64_t batch)
{
    if (!places->unknown && batch != places->last)
        places_put(places, batch);
}
/* Frees what they take; from now on they are not known. */
void places_forget(struct places *places);
/* One after the other, from *at = 0 and *batch = 0 on. false: that was the last one. */
bool places_next(const struct places *places, uint16_t *at, uint64_t *batch);

/* Of an hour in the file. They are unknown when it has none that hold; places_forget() frees. */
void places_load(struct db *db, const struct places_of *of, struct places *places);
/* Where they are known and spare something. Inside the caller's transaction. SQLite's code. */
int places_save(struct db *db, const struct places_of *of, const struct places *places);
/* Forgets those of hours before. Inside the caller's transaction. SQLite's code. */
int places_trim(struct db *db, int64_t before_ms);

#endif
