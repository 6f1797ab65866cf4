/* SPDX-License-Identifier: Apache-2.0 */
/* From a board with a factory page, for its serial number where that page is blank (identity.c). */
#ifndef BAIYE_PART_ID_H
#define BAIYE_PART_ID_H

#include <stdint.h>

#define PART_ID_MOST 12

/* The part's own number, no two have the same; how many bytes of it there are. */
unsigned part_id(uint8_t id[PART_ID_MOST]);

#endif
