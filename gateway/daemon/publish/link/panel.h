/* SPDX-License-Identifier: Apache-2.0 */
/* Plain numbers for panel apps (`v/METRIC`), for one broker. The link thread's. */
#ifndef BAIYE_PUBLISH_LINK_PANEL_H
#define BAIYE_PUBLISH_LINK_PANEL_H

#include <stdint.h>

struct broker;
struct panel;
struct payload_reading;
struct publish;

/* NULL: no memory. */
struct panel *panel_create(uint16_t devices);
void panel_destroy(struct panel *panel);
/* The broker is there (again), and no one is known to subscribe. */
void panel_up(struct panel *panel);
/* Somebody subscribes to what was sent of that device. */
void panel_heard(struct panel *panel, uint16_t device, int64_t now_ms);
/* The values that differ from what the panel shows; as many as the rate allows. */
void panel_send(struct panel *panel, struct publish *publish, struct broker *broker,
                uint16_t device, const struct payload_reading *payload, int64_t now_ms);

#endif
