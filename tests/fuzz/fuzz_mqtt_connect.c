/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of whoever opens the bridge: however they are cut, the verdict on the whole is
 * the same, and a name is a text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/http/mqtt_connect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char user[MQTT_CONNECT_USER];
    enum mqtt_connect whole = mqtt_connect_parse(data, size, user);
    if (strlen(user) >= MQTT_CONNECT_USER)
        abort();
    for (size_t part = 0; part < size; part++) {
        enum mqtt_connect first = mqtt_connect_parse(data, part, user);
        if (first == MQTT_CONNECT_GOOD && whole != MQTT_CONNECT_GOOD)
            abort(); /* more bytes do not unmake a CONNECT */
        if (first == MQTT_CONNECT_BAD && whole == MQTT_CONNECT_GOOD)
            abort();
    }
    return 0;
}
