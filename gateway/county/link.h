/* SPDX-License-Identifier: Apache-2.0 */
/* A county program's connection to its broker: kept up with back-off, TLS by its own authority,
 * receiving one message at a time. Paho's callback thread calls `message` and acknowledges when it
 * returns (1.3.12, MQTTProtocol_handlePublishes); everything else is the owner's thread. */
#ifndef BAIYE_COUNTY_LINK_H
#define BAIYE_COUNTY_LINK_H

#include <MQTTAsync.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/settings.h"

struct link;

/* Paho's thread. The message is freed by the link when it has returned. */
typedef void (*link_message)(void *context, const char *topic, MQTTAsync_message *message);

/* `uri`: one of the settings', valid as long as the link; `client`: the client identifier;
 * `session_s`: how long the broker keeps the session of who is away; `topics`: subscribed to at
 * each connection, NULL-terminated, valid as long as the link. NULL: no memory, or the password
 * can't be read (logged). */
struct link *link_create(const struct settings *settings, const char *uri, const char *client,
                         uint32_t session_s, const char *const *topics, link_message message,
                         void *context);
/* Readable when link_step() has something to do. */
int link_fd(const struct link *link);
void link_step(struct link *link, int64_t now_ms);
bool link_is_up(const struct link *link);
/* QoS 1, with a response topic if it is not NULL; true: on its way. */
bool link_publish(struct link *link, const char *topic, const char *payload,
                  const char *response_topic);
/* Takes leave: nothing more of `topic` (NULL: of none) is given to this client, what waits for it
 * is worked off (at most `most_ms`), and its session ends. */
void link_leave(struct link *link, const char *topic, int64_t most_ms);
/* Monotonic ms since which `message` has been running; 0: it is not. */
int64_t link_busy_since_ms(const struct link *link);

#endif
