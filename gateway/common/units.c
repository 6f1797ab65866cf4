/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/units.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* The number at the start of `text`; `rest` is what follows it. Digits, sign and point only: what
 * strtod also knows (hexadecimal, "inf") is no number in a configuration. */
static bool leading_number(const char *text, double *value, const char **rest)
{
    size_t span = strspn(text, "+-.0123456789");
    if (span == 0 || span > 24)
        return false;
    char digits[25];
    memcpy(digits, text, span);
    digits[span] = '\0';
    char *end;
    *value = strtod(digits, &end);
    *rest = text + span;
    return *end == '\0' && isfinite(*value);
}

static bool with_unit(const char *text, const struct unit *units, double limit, double *value)
{
    const char *rest;
    if (!leading_number(text, value, &rest) || *value < 0)
        return false;
    while (*rest == ' ')
        rest++;
    for (; units->name != NULL; units++) {
        if (strcmp(rest, units->name) == 0) {
            *value *= units->factor;
            return *value <= limit;
        }
    }
    return false;
}

bool units_number(const char *text, double *value)
{
    const char *rest;
    return leading_number(text, value, &rest) && *rest == '\0';
}

bool units_integer(const char *text, int64_t *value)
{
    bool hexadecimal = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
    const char *digits = hexadecimal ? text + 2 : text + (*text == '-' || *text == '+');
    const char *allowed = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
    if (*digits == '\0' || digits[strspn(digits, allowed)] != '\0')
        return false;
    errno = 0;
    *value = strtoll(text, NULL, hexadecimal ? 16 : 10);
    return errno == 0;
}

bool units_duration_us(const char *text, uint64_t *us)
{
    static const struct unit units[] = {{"us", 1},     {"ms", 1e3},   {"s", 1e6}, {"min", 60e6},
                                        {"h", 3600e6}, {"d", 86.4e9}, {NULL, 0.0}};
    double value;
    if (!with_unit(text, units, 1e15, &value))
        return false;
    *us = (uint64_t)llround(value);
    return true;
}

bool units_bytes(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"B", 1},      {"kB", 1e3},       {"MB", 1e6},          {"GB", 1e9},
        {"KiB", 1024}, {"MiB", 1048576.}, {"GiB", 1073741824.}, {NULL, 0.0}};
    char copy[32];
    size_t size = strlen(text);
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size + 1);
    char *month = strstr(copy, "/month");
    if (month != NULL && strcmp(month, "/month") == 0)
        *month = '\0';
    double value;
    if (!with_unit(copy, units, 1e15, &value))
        return false;
    *bytes = (uint64_t)llround(value);
    return true;
}

bool units_area_m2(const char *text, double *m2)
{
    static const struct unit units[] = {{"m2", 1},          {"m²", 1},          {"ha", 1e4},
                                        {"mu", 2000.0 / 3}, {"亩", 2000.0 / 3}, {NULL, 0.0}};
    return with_unit(text, units, 1e10, m2);
}

bool units_length_m(const char *text, double *m)
{
    static const struct unit units[] = {{"cm", 0.01}, {"m", 1}, {NULL, 0.0}};
    return with_unit(text, units, 1e3, m);
}

bool units_mass_kg(const char *text, double *kg)
{
    static const struct unit units[] = {{"kg", 1},   {"公斤", 1}, {"jin", 0.5},
                                        {"斤", 0.5}, {"t", 1000}, {NULL, 0.0}};
    return with_unit(text, units, 1e7, kg);
}

bool units_host(const char *text, char *host, size_t size, uint16_t *port)
{
    const char *start = text, *end, *colon;
    if (*text == '[') {
        start = text + 1;
        end = strchr(start, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        colon = end[1] == ':' ? end + 1 : NULL;
    } else {
        colon = strrchr(text, ':');
        end = colon != NULL ? colon : text + strlen(text);
    }
    int64_t number = *port;
    if (end == start || (size_t)(end - start) >= size ||
        (colon != NULL && (!units_integer(colon + 1, &number) || number < 1 || number > 65535)))
        return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = (uint16_t)number;
    return strchr(host, ' ') == NULL && strchr(host, '/') == NULL;
}
