/* SPDX-License-Identifier: Apache-2.0 */
/* The first packet that a browser sends through the bridge: it must be a CONNECT (MQTT 3.1.1 §3.1,
 * MQTT 5 §3.1) of a sane size, before the broker sees a byte of it; and what is answered. Pure. */
#ifndef BAIYE_HTTP_MQTT_CONNECT_H
#define BAIYE_HTTP_MQTT_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#define MQTT_CONNECT_MAX  4096 /* bytes of the whole packet */
#define MQTT_CONNECT_USER 65   /* of a name, with its end */

enum mqtt_connect {
    MQTT_CONNECT_MORE, /* so far it may become one */
    MQTT_CONNECT_GOOD, /* `user` is its user name, "" for none */
    MQTT_CONNECT_BAD   /* another packet, too large, or it contradicts itself */
};

enum mqtt_connect mqtt_connect_parse(const uint8_t *bytes, size_t size,
                                     char user[MQTT_CONNECT_USER]);

/* The CONNACK that says "not now" to a GOOD one: quota exceeded, for 3.1.1 server unavailable. Its
 * size. */
#define MQTT_CONNACK_SIZE 5
size_t mqtt_connack_later(const uint8_t *bytes, uint8_t out[MQTT_CONNACK_SIZE]);

enum mqtt_answer {
    MQTT_ANSWER_YES,
    MQTT_ANSWER_NO,   /* user or password are wrong */
    MQTT_ANSWER_OTHER /* no CONNACK, or another reason */
};
/* What the first bytes of an answer to it say, of MQTT 3.1.1 and 5. `size` at least 4. */
enum mqtt_answer mqtt_connack_parse(const uint8_t *bytes, size_t size);

#endif
