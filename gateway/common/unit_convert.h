/* SPDX-License-Identifier: Apache-2.0 */
/* Between the units in which devices give the same quantity. Pure. */
#ifndef BAIYE_COMMON_UNIT_CONVERT_H
#define BAIYE_COMMON_UNIT_CONVERT_H

#include <stdbool.h>

/* `*value` in unit `from` becomes the same in unit `to`. false: they are not units of one quantity,
 * as far as is known here, and `*value` is as it was. Equal names always convert. */
bool unit_convert(const char *from, const char *to, double *value);

#endif
