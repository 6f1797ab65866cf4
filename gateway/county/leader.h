/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to PostgreSQL of which, of several programs, one leads: it holds an advisory lock,
 * which is free when the program or its connection dies. One thread. */
#ifndef BAIYE_COUNTY_LEADER_H
#define BAIYE_COUNTY_LEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/county/connection.h"

struct leader {
    char *conninfo;
    const char *lock; /* its number, as text */
    struct connection connection;
    bool leads;
};

/* `lock` stays the caller's. NULL: no memory. Does not connect. */
struct leader *leader_create(const char *conninfo, const char *lock);
void leader_destroy(struct leader *leader); /* NULL: nothing */
/* Connects when it is not, and tries to lead. false: PostgreSQL does not answer (`why`). */
bool leader_step(struct leader *leader, char *why, size_t why_size);
/* Connects when it is not. */
bool leader_connected(struct leader *leader, char *why, size_t why_size);
/* Its rows; NULL: it failed (`why`), and the connection is closed. */
PGresult *leader_query(struct leader *leader, const char *sql, int count,
                       const char *const *parameters, char *why, size_t why_size);
/* The same for who needs no rows. */
bool leader_execute(struct leader *leader, const char *sql, int count,
                    const char *const *parameters, char *why, size_t why_size);

#endif
