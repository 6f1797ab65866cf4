/* SPDX-License-Identifier: Apache-2.0 */
/* A garden that is given up: its certificates count no more, what comes in its name goes to `dead`,
 * no page, alarm or request for records has it, and its data stays or goes, as said. A new token
 * takes it in again. Idempotent; one thread. */
#ifndef BAIYE_COUNTY_RETIRE_H
#define BAIYE_COUNTY_RETIRE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/settings.h"

struct retired {
    int certificates; /* that count no more; -1: this county gives none */
    int64_t readings; /* that were removed */
};

/* `who`: for the audit. false: `why`; certificates may be revoked then, and nothing else. */
bool retire_garden(PGconn *db, const struct settings *settings, const char *site, bool remove,
                   const char *who, struct retired *done, char *why, size_t why_size);

/* "keep" and "remove". false: it is neither. */
bool retire_word(const char *word, bool *remove);

/* What an operator has done, for those who ask later. */
bool audit_note(PGconn *db, const char *who, const char *what, const char *site);

#endif
