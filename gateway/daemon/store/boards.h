/* SPDX-License-Identifier: Apache-2.0 */
/* Which boards, by serial number, have stood under each device's name. A board counts its boots
 * from 1, so a new one under an old name would seem to repeat the old one's readings: the boots of
 * the k-th board of a name, from 0, begin at k << BOARD_BOOT_BITS wherever they are kept or
 * published. One document a device in the file, written with the next commit, that is with the
 * first readings of a board or before. Any thread. */
#ifndef BAIYE_STORE_BOARDS_H
#define BAIYE_STORE_BOARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/state.h"

#define BOARDS_MOST STORE_BOARDS_MOST /* of one name; later ones stand in the place of the last */

struct boards;

struct boards *boards_create(const struct config *config); /* NULL: no memory */
void boards_destroy(struct boards *boards);
/* What the file has; without one, nothing is known. */
void boards_load(struct boards *boards, struct db *db);
/* As struct reading_sink.board says. */
bool boards_here(struct boards *boards, uint16_t device, uint32_t serial,
                 struct reading_board *board);
uint32_t boards_version(struct boards *boards); /* grows with each change */
/* All of a device, in the order of their boots; how many. */
unsigned boards_all(struct boards *boards, uint16_t device, uint32_t serials[STORE_BOARDS_MOST]);
/* Inside the caller's transaction; boards_saved() after its success, boards_unsaved() when the file
 * is another one now. */
int boards_save(struct boards *boards, struct db *db);
void boards_saved(struct boards *boards);
void boards_unsaved(struct boards *boards);

#endif
