/* SPDX-License-Identifier: Apache-2.0 */
/* The screen's connection to its broker (gateway/common/mqtt_reconnect.h). Everything is called
 * from one thread; Paho's own threads only put what came into an inbox and wake that thread through
 * mqtt_fd(). */
#ifndef BAIYE_LED_MQTT_H
#define BAIYE_LED_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/led/config.h"

struct mqtt;

/* What the connection reports to its owner, from mqtt_step(). */
struct mqtt_events {
    void *context;
    void (*link)(void *context, bool connected);
    /* `topic` is without "baiye/<site>/", and terminated. */
    void (*message)(void *context, const char *topic, const void *payload, size_t size,
                    bool retained);
};

/* `topics`: filters without "baiye/<site>/", NULL-terminated, valid as long as the connection.
 * NULL and `error` when it cannot be set up (a missing password file, no memory). */
struct mqtt *mqtt_open(const struct led_config *config, const char *const *topics,
                       const struct mqtt_events *events, char *error, size_t error_size);
void mqtt_close(struct mqtt *mqtt);

/* Readable when mqtt_step() has something to do. */
int mqtt_fd(const struct mqtt *mqtt);
/* Hands over what came, connects when it is time. Gives the milliseconds until it wants to be
 * called again in any case. */
int64_t mqtt_step(struct mqtt *mqtt, int64_t mono_ms);
/* QoS 0, topic without "baiye/<site>/"; nothing happens without a connection. */
void mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t size,
                  bool retained);
/* Calls a method of the gateway: rpc/<user>/<method>, the answer comes as a message on
 * answer/<user>/<id>. */
void mqtt_call(struct mqtt *mqtt, const char *method, const char *id, const char *request);

#endif
