/* SPDX-License-Identifier: Apache-2.0 */
/* Of plain numbers there are ten to a message of `live`, and mostly no one reads them. So those of
 * a device go with QoS 1 every ASK_EVERY_MS, which keeps what is retained fresh, and the broker's
 * PUBACK says whether somebody subscribes to one of them (MQTT 5, 0x10: no one does). While
 * somebody does, or the broker does not say, they go out as they change. */
#include "gateway/daemon/publish/link/panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/daemon/publish/link/link.h"

#define ASK_EVERY_MS 30000
#define ANSWER_TIMEOUT_MS                                                                          \
    10000                  /* for the answer, before somebody who was there is taken to be gone */
#define ASKS_A_SECOND 100u /* QoS 1, besides the live values */

struct panel {
    uint16_t devices;
    double *last;                 /* sent, by device and value; NAN: nothing yet */
    int64_t *asked_ms, *heard_ms; /* by device: when somebody subscribed to it */
    int64_t second_ms;            /* begin of the second in which were */
    uint32_t sent, asks;
};

struct panel *panel_create(uint16_t devices)
{
    struct panel *panel = calloc(1, sizeof *panel);
    if (panel == NULL)
        return NULL;
    panel->devices = devices;
    panel->last = calloc((size_t)devices * READING_VALUES_MAX + 1, sizeof *panel->last);
    panel->asked_ms = calloc(devices + 1u, sizeof *panel->asked_ms);
    panel->heard_ms = calloc(devices + 1u, sizeof *panel->heard_ms);
    if (panel->last != NULL && panel->asked_ms != NULL && panel->heard_ms != NULL)
        return panel;
    panel_destroy(panel);
    return NULL;
}

void panel_destroy(struct panel *panel)
{
    if (panel == NULL)
        return;
    free(panel->last);
    free(panel->asked_ms);
    free(panel->heard_ms);
    free(panel);
}

void panel_up(struct panel *panel)
{
    for (uint16_t i = 0; i < panel->devices; i++) {
        panel->asked_ms[i] = panel->heard_ms[i] = INT64_MIN / 2;
        for (unsigned v = 0; v < READING_VALUES_MAX; v++)
            panel->last[i * READING_VALUES_MAX + v] = (double)NAN;
    }
}

void panel_heard(struct panel *panel, uint16_t device, int64_t now_ms)
{
    panel->heard_ms[device] = now_ms;
}

static bool same_number(double a, double b)
{
    return a == b;
}

static bool is_heard(const struct panel *panel, uint16_t device, int64_t now_ms)
{
    return now_ms - panel->heard_ms[device] < ASK_EVERY_MS + ANSWER_TIMEOUT_MS;
}

static bool may_ask(const struct panel *panel, uint16_t device, int64_t now_ms)
{
    return now_ms - panel->asked_ms[device] >= ASK_EVERY_MS && panel->asks < ASKS_A_SECOND;
}

/* false: no room now. */
static bool send_scalar(struct publish *publish, struct broker *broker, uint16_t device,
                        const struct payload_value *value, const char *metric, bool ask)
{
    char topic[TOPIC_SIZE], leaf[CONFIG_NAME_SIZE + 2], text[48];
    struct ipc_document document = {.topic = topic,
                                    .payload = text,
                                    .size = payload_scalar(text, value),
                                    .qos = ask ? 1 : 0,
                                    .retain = true,
                                    .live = true,
                                    .ask = ask ? (uint16_t)(device + 1) : 0};
    (void)snprintf(leaf, sizeof leaf, "v/%s", metric);
    return document.size == 0 || !live_lane_topic(publish, device, leaf, topic) ||
           ipc_doc(broker, &document);
}

void panel_send(struct panel *panel, struct publish *publish, struct broker *broker,
                uint16_t device, const struct payload_reading *payload, int64_t now_ms)
{
    double *last = panel->last + (size_t)device * READING_VALUES_MAX;
    if (now_ms - panel->second_ms >= 1000) {
        panel->second_ms = now_ms;
        panel->sent = panel->asks = 0;
    }
    bool ask = may_ask(panel, device, now_ms), any = false;
    if (!ask && !is_heard(panel, device, now_ms))
        return;
    for (unsigned i = 0; i < payload->count; i++) {
        double number = payload_value_number(&payload->values[i]);
        if (same_number(number, last[i]))
            continue;
        if (panel->sent >= SCALARS_A_SECOND ||
            !send_scalar(publish, broker, device, &payload->values[i], payload->metrics[i], ask))
            return; /* the rest is asked for with the next value */
        last[i] = number;
        panel->sent++;
        panel->asks += ask;
        any = true;
    }
    if (ask && any)
        panel->asked_ms[device] = now_ms;
}
