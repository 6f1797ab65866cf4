/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/serial.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 8

/* Times x. */
static unsigned next_power(unsigned element)
{
    element <<= 1;
    return element & 16 ? element ^ 19 : element;
}

static unsigned times(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b != 0; b >>= 1, a = next_power(a))
        product ^= b & 1 ? a : 0;
    return product;
}

/* The last digit times x, the one before times x², …: never by one, which the check digit is. */
static unsigned check_digit(uint32_t serial)
{
    unsigned sum = 0, power = 2;
    for (unsigned i = 0; i < DIGITS; i++, serial >>= 4, power = next_power(power))
        sum ^= times(serial & 15, power);
    return sum;
}

void serial_print(uint32_t serial, char text[SERIAL_TEXT_SIZE])
{
    (void)snprintf(text, SERIAL_TEXT_SIZE, "%04X-%04X-%X", serial >> 16, serial & 0xFFFF,
                   check_digit(serial) & 15u);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum serial_result serial_parse(const char *text, uint32_t *serial)
{
    static const char code[] = "baiye:";
    bool is_code = strncmp(text, code, sizeof code - 1) == 0;
    unsigned digits = 0, behind_dash = 0, dashes = 0;
    uint64_t value = 0;
    for (text += is_code ? sizeof code - 1 : 0; *text != '\0' && !(is_code && *text == ':');
         text++) {
        int digit = digit_of(*text);
        if (*text == '-' && digits > 0) {
            dashes++;
            behind_dash = 0;
        } else if (digit >= 0 && digits <= DIGITS) {
            value = value << 4 | (unsigned)digit;
            digits++;
            behind_dash++;
        } else if (*text != ' ') {
            return SERIAL_NONE;
        }
    }
    bool checked = digits == DIGITS + 1 || (dashes > 0 && behind_dash == 1 && digits > 1);
    if (digits == 0 || (digits > DIGITS && !checked))
        return SERIAL_NONE;
    uint32_t found = (uint32_t)(checked ? value >> 4 : value);
    if (checked && (value & 15) != check_digit(found))
        return SERIAL_WRONG;
    *serial = found;
    return SERIAL_OK;
}
