/* SPDX-License-Identifier: Apache-2.0 */
/* Which sequence numbers are no longer kept: written in the transaction that drops them, so that
 * each one is either in a batch or in exactly one row here, also after a power cut. Neighbours are
 * one row, so a device that loses its oldest readings for years has a row a boot. What brokers
 * refused for good is also here once no one keeps it aside. Rows are first not reported;
 * purged_ranges_publish() publishes them as gaps ("quota"), in a transaction that marks them
 * reported (`told`). Store thread. */
#ifndef BAIYE_STORE_PURGED_RANGES_H
#define BAIYE_STORE_PURGED_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/db.h"

/* Inside a transaction. What of the range is already there stays as it is. An SQLite result
 * code. */
int purged_ranges_add(struct db *db, const char *device, uint32_t boot, uint32_t first,
                      uint32_t last);

/* Inside a transaction: the gap that told of these numbers is gone before all brokers had it. They
 * are to be reported again. What of the range has no row is none of ours. An SQLite result code. */
int purged_ranges_report_again(struct db *db, const char *device, uint32_t boot, uint32_t first,
                               uint32_t last);

struct store;
/* Publishes what is not reported yet, a batch of gaps. `any`: there may be more. SQLite's code. */
int purged_ranges_publish(struct store *store, bool *any);

#endif
