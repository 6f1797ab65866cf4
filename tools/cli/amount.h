/* SPDX-License-Identifier: Apache-2.0 */
/* What people say of a register ("35 %"), and what stands in it. Pure. */
#ifndef BAIYE_CLI_AMOUNT_H
#define BAIYE_CLI_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>

struct amount_range {
    long long min, max; /* as they stand in the register */
    double scale;       /* of one step, in `unit` */
    const char *unit;   /* "": none */
};

enum amount_fault { AMOUNT_OK, AMOUNT_NO_NUMBER, AMOUNT_UNIT, AMOUNT_OUTSIDE, AMOUNT_STEP };

/* "35", "35%", "-3.5", "0x10", with the unit beside it or NULL. */
enum amount_fault amount_parse(const struct amount_range *range, const char *text, const char *unit,
                               long long *raw);
/* "35 %"; of a register that may be below 0, `raw` may be its 16 bits. */
void amount_print(const struct amount_range *range, long long raw, char *out, size_t size);
/* "0..100 % (0.1)": the step in brackets. */
void amount_print_range(const struct amount_range *range, char *out, size_t size);

#endif
