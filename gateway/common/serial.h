/* SPDX-License-Identifier: Apache-2.0 */
/* A node's serial number as people read, say and type it: eight hex digits in two groups and a
 * check digit, "0000-03E8-5". The check digit is the sum of the digits, each times another power of
 * x, in the field of 16 elements with x^4 = x + 1: any one wrong digit and any two exchanged ones
 * change it. Pure. */
#ifndef BAIYE_COMMON_SERIAL_H
#define BAIYE_COMMON_SERIAL_H

#include <stdint.h>

#define SERIAL_TEXT_SIZE 12 /* with its NUL */

void serial_print(uint32_t serial, char text[SERIAL_TEXT_SIZE]);

enum serial_result {
    SERIAL_OK = 0,
    SERIAL_NONE = -1,  /* it is no serial number */
    SERIAL_WRONG = -2, /* its check digit is another one: a slip */
};

/* Takes what is on a label or in its code: blanks and dashes anywhere, small letters, leading zeros
 * or none, the check digit (the ninth digit, or one alone behind the last dash) or none, and
 * "baiye:SERIAL:…" as the code has it. `*serial` only when it is SERIAL_OK. */
enum serial_result serial_parse(const char *text, uint32_t *serial);

#endif
