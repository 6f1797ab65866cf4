/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/amount.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEARLY 1e-6 /* of a step: what decimal numbers lose in binary ones */

enum amount_fault amount_parse(const struct amount_range *range, const char *text, const char *unit,
                               long long *raw)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || !isfinite(number))
        return AMOUNT_NO_NUMBER;
    unit = *end != '\0' ? end : unit;
    if (unit != NULL && strcmp(unit, range->unit) != 0)
        return AMOUNT_UNIT;
    double steps = number / range->scale;
    if (steps < (double)range->min - NEARLY || steps > (double)range->max + NEARLY)
        return AMOUNT_OUTSIDE;
    if (fabs(steps - round(steps)) > NEARLY)
        return AMOUNT_STEP;
    *raw = (long long)round(steps);
    return AMOUNT_OK;
}

void amount_print(const struct amount_range *range, long long raw, char *out, size_t size)
{
    if (range->min < 0 && raw > 32767)
        raw -= 65536;
    (void)snprintf(out, size, "%.10g%s%s", (double)raw * range->scale,
                   range->unit[0] != '\0' ? " " : "", range->unit);
}

void amount_print_range(const struct amount_range *range, char *out, size_t size)
{
    int used =
        snprintf(out, size, "%.10g..%.10g%s%s", (double)range->min * range->scale,
                 (double)range->max * range->scale, range->unit[0] != '\0' ? " " : "", range->unit);
    if (range->scale != 1 && used > 0 && (size_t)used < size)
        (void)snprintf(out + used, size - (size_t)used, " (%.10g)", range->scale);
}
