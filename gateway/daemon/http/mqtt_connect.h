/* SPDX-License-Identifier: Apache-2.0 */
/* The first packet that a browser sends through the bridge: it must be a CONNECT (MQTT 3.1.1 §3.1,
 * MQTT 5 §3.1) of a sane size, before the broker sees a byte of it. Pure. */
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

#endif
