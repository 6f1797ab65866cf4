/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/qmp.h"

#include <stdio.h>
#include <string.h>

static void send_air(struct qmp *qmp)
{
    char text[160];
    int size = snprintf(text, sizeof(text),
                        "{\"execute\":\"qom-set\",\"arguments\":{\"path\":"
                        "\"/machine/peripheral/air\",\"property\":\"temperature\","
                        "\"value\":%d}}\n",
                        qmp->millidegrees);
    endpoint_send(&qmp->endpoint, text, (size_t)size);
}

/* The first thing QEMU says is its greeting; its answers need no looking at. */
static void qmp_bytes(void *context, const uint8_t *bytes, size_t size)
{
    static const char capabilities[] = "{\"execute\":\"qmp_capabilities\"}\n";
    static const char run[] = "{\"execute\":\"cont\"}\n";
    struct qmp *qmp = context;
    if (memmem(bytes, size, "\"QMP\"", 5) == NULL)
        return;
    endpoint_send(&qmp->endpoint, capabilities, sizeof(capabilities) - 1);
    qmp->ready = true;
    send_air(qmp); /* a TMP105 that was never set is at 0 degrees, which is a value */
    endpoint_send(&qmp->endpoint, run, sizeof(run) - 1);
}

void qmp_init(struct qmp *qmp, struct loop *loop, int32_t millidegrees)
{
    qmp->ready = false;
    qmp->millidegrees = millidegrees;
    endpoint_init(&qmp->endpoint, loop, qmp_bytes, qmp);
}

bool qmp_open(struct qmp *qmp, const char *path)
{
    return endpoint_open(&qmp->endpoint, path);
}

void qmp_close(struct qmp *qmp)
{
    endpoint_close(&qmp->endpoint);
}

void qmp_set_air(struct qmp *qmp, int32_t millidegrees)
{
    qmp->millidegrees = millidegrees;
    if (qmp->ready)
        send_air(qmp);
}
