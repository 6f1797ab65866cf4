/* SPDX-License-Identifier: Apache-2.0 */
/* What the FRAM (nv_fram.c) needs from the board. */
#ifndef BAIYE_NV_FRAM_H
#define BAIYE_NV_FRAM_H

#include <stdbool.h>

/* The supply is high enough for it, now. */
bool nv_has_power(void);

#endif
