/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/identity.h"

#include <string.h>

#include "firmware/node/state.h"

/* printf would cost more flash than everything in this file. */
static const char *hex(char text[9], uint32_t value)
{
    for (unsigned i = 0; i < 8; i++)
        text[i] = "0123456789ABCDEF"[value >> (28 - 4 * i) & 15];
    text[8] = '\0';
    return text;
}

static char *decimal(char *at, uint32_t number)
{
    uint32_t power = 1;
    while (number / power > 9)
        power *= 10;
    for (; power > 0; power /= 10)
        *at++ = (char)('0' + number / power % 10);
    return at;
}

/* "255.255.65535" at the most. */
static const char *version_text(char text[14], uint32_t version)
{
    char *at = decimal(text, version >> 24);
    *at++ = '.';
    at = decimal(at, version >> 16 & 255);
    *at++ = '.';
    *decimal(at, version & 0xFFFF) = '\0';
    return text;
}

static size_t append(uint8_t *data, size_t at, size_t size, const char *text)
{
    while (*text && at < size)
        data[at++] = (uint8_t)*text++;
    return at;
}

size_t identity_report(void *context, uint8_t *data, size_t size)
{
    char serial[9], version[14];
    size_t at = append(data, 0, size,
                       "\xBA\xFF"
                       "Baiye node ");
    at = append(data, at, size, version_text(version, node_version(context)));
    at = append(data, at, size, " ");
    at = append(data, at, size, hal_board_name());
    at = append(data, at, size, " ");
    return append(data, at, size, hex(serial, hal_serial()));
}

const char *identity_object(void *context, uint8_t id)
{
    struct node *node = context;
    switch (id) {
    case 0:
        return "Baiye";
    case 1:
        return "BY-NODE";
    case 2:
        return version_text(node->text, node_version(node));
    case 3:
        return "";
    case 4:
        return "Baiye tea garden node";
    case 5:
        return hal_board_name();
    case 0x80:
        return hex(node->text, hal_serial());
    case 0x81:
        return hex(node->text, hal_firmware_crc());
    default:
        return NULL;
    }
}
