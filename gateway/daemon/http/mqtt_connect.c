/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/mqtt_connect.h"

#include <stdbool.h>
#include <string.h>

#define TYPE_CONNECT   0x10u
#define FLAG_USER      0x80u
#define FLAG_WILL      0x04u
#define FLAG_RESERVED  0x01u
#define VERSION_3_1_1  4u
#define VERSION_5      5u
#define FIXED_SIZE_MAX 4u /* bytes of a length */

/* Reads in order; sticky: what is beyond the end makes it bad. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static uint32_t take(struct reader *r, unsigned bytes)
{
    uint32_t value = 0;
    if ((size_t)(r->end - r->at) < bytes)
        r->bad = true;
    for (; !r->bad && bytes > 0; bytes--)
        value = value << 8 | *r->at++;
    return value;
}

static const uint8_t *take_block(struct reader *r, size_t size)
{
    const uint8_t *block = r->at;
    if ((size_t)(r->end - r->at) < size)
        r->bad = true;
    else
        r->at += size;
    return block;
}

static uint32_t take_length(struct reader *r)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < FIXED_SIZE_MAX; i++) {
        uint32_t byte = take(r, 1);
        value |= (byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0)
            return value;
    }
    r->bad = true;
    return 0;
}

static void skip_text(struct reader *r)
{
    (void)take_block(r, take(r, 2));
}

static void skip_properties(struct reader *r, uint32_t version)
{
    if (version == VERSION_5)
        (void)take_block(r, take_length(r));
}

static bool take_user(struct reader *r, char user[MQTT_CONNECT_USER])
{
    size_t size = take(r, 2);
    const uint8_t *name = take_block(r, size);
    if (r->bad || size >= MQTT_CONNECT_USER || memchr(name, '\0', size) != NULL)
        return false;
    memcpy(user, name, size);
    user[size] = '\0';
    return true;
}

static enum mqtt_connect body(struct reader *r, char user[MQTT_CONNECT_USER])
{
    size_t name_size = take(r, 2);
    const uint8_t *name = take_block(r, name_size);
    uint32_t version = take(r, 1), flags = take(r, 1);
    (void)take(r, 2); /* keep alive */
    if (r->bad || name_size != 4 || memcmp(name, "MQTT", 4) != 0 ||
        (version != VERSION_3_1_1 && version != VERSION_5) || (flags & FLAG_RESERVED) != 0)
        return MQTT_CONNECT_BAD;
    skip_properties(r, version);
    skip_text(r); /* client identifier */
    if (flags & FLAG_WILL) {
        skip_properties(r, version);
        skip_text(r);
        skip_text(r);
    }
    if ((flags & FLAG_USER) && !take_user(r, user))
        return MQTT_CONNECT_BAD;
    return r->bad ? MQTT_CONNECT_BAD : MQTT_CONNECT_GOOD;
}

enum mqtt_connect mqtt_connect_parse(const uint8_t *bytes, size_t size,
                                     char user[MQTT_CONNECT_USER])
{
    struct reader r = {bytes, bytes + size, false};
    user[0] = '\0';
    if (size == 0)
        return MQTT_CONNECT_MORE;
    if (take(&r, 1) != TYPE_CONNECT)
        return MQTT_CONNECT_BAD;
    uint32_t length = take_length(&r);
    if (r.bad)
        return size > FIXED_SIZE_MAX ? MQTT_CONNECT_BAD : MQTT_CONNECT_MORE;
    if (length > MQTT_CONNECT_MAX)
        return MQTT_CONNECT_BAD;
    if ((size_t)(r.end - r.at) < length)
        return MQTT_CONNECT_MORE;
    r.end = r.at + length;
    return body(&r, user);
}

size_t mqtt_connack_later(const uint8_t *bytes, uint8_t out[MQTT_CONNACK_SIZE])
{
    static const uint8_t v5[] = {0x20, 3, 0, 0x97, 0}, v3[] = {0x20, 2, 0, 3};
    size_t at = 1;
    while (bytes[at] & 0x80)
        at++;
    bool is_5 = bytes[at + 1 + 2 + 4] == VERSION_5; /* length, "MQTT" with its size */
    memcpy(out, is_5 ? v5 : v3, is_5 ? sizeof v5 : sizeof v3);
    return is_5 ? sizeof v5 : sizeof v3;
}

enum mqtt_answer mqtt_connack_parse(const uint8_t *bytes, size_t size)
{
    size_t at = bytes[1] & 0x80 ? 3 : 2; /* flags are 0 or 1, so these bytes decide */
    if (bytes[0] != 0x20 || at + 2 > size || bytes[at] > 1)
        return MQTT_ANSWER_OTHER;
    switch (bytes[at + 1]) {
    case 0:
        return MQTT_ANSWER_YES;
    case 4: /* 3.1.1: bad user name or password; not authorised */
    case 5:
    case 0x86: /* 5: the same */
    case 0x87:
        return MQTT_ANSWER_NO;
    default:
        return MQTT_ANSWER_OTHER;
    }
}
