/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT topics of a site, below "baiye/<site>/". Pure functions on caller's memory. */
#ifndef BAIYE_TOPIC_H
#define BAIYE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_SIZE 192 /* the longest of ours, with NUL */

/* Below the root; those ending in '/' are followed by a name. */
#define TOPIC_STATUS   "gateway/status"
#define TOPIC_LOG      "gateway/log"
#define TOPIC_SITE     "site"
#define TOPIC_READINGS "readings"
#define TOPIC_FORECAST "forecast"
#define TOPIC_ALERT    "alert/"
#define TOPIC_ANSWER   "answer/"
#define TOPIC_RPC      "rpc/"

/* "baiye/<site>/<suffix>". false: does not fit in `size`. */
bool topic_make(char *out, size_t size, const char *site, const char *suffix);
/* "dev/<device>/<leaf>", leaf being "live", "health" or "v/<metric>", or "plot/<plot>/live". */
bool topic_device(char *out, size_t size, const char *device, const char *leaf);
bool topic_plot(char *out, size_t size, const char *plot);

/* Where "baiye/<site>/" begins in a topic that a broker has handed out: behind what the broker puts
 * before it (`mount_point` of mosquitto, which does not take it away again). 0: it is not there. */
size_t topic_behind_mount(const char *topic, size_t length, const char *site);
/* Takes "baiye/<site>/rpc/<user>/<method>" apart. false when it is not that, when a part is empty
 * or does not fit. `length` is the topic's (it need not end with NUL). */
bool topic_parse_rpc(const char *topic, size_t length, const char *site, char *user,
                     size_t user_size, char *method, size_t method_size);
/* May an answer to `user` go to this topic: below "baiye/<site>/answer/<user>/", no wildcards,
 * no control characters? */
bool topic_may_answer(const char *topic, const char *site, const char *user);

#endif
