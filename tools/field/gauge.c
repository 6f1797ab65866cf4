/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/gauge.h"

#include <math.h>
#include <string.h>

#define LOOK_NS   250000000 /* a bucket tips on its own, not all of a sample's rain at once */
#define BURST_MAX 64

void gauge_tip(struct gauge *gauge, uint64_t tips)
{
    static const uint8_t closures[BURST_MAX] = {0};
    if (!endpoint_connected(&gauge->contact))
        return;
    gauge->counted += tips;
    while (tips > 0) {
        size_t now = tips < BURST_MAX ? (size_t)tips : BURST_MAX;
        endpoint_send(&gauge->contact, closures, now);
        tips -= now;
    }
}

static void look(void *context, int64_t now_ns)
{
    struct gauge *gauge = context;
    double now_s = garden_time_s(gauge->garden, now_ns);
    gauge->mm += weather_rain_mm(&gauge->garden->weather, gauge->rained_until_s, now_s);
    gauge->rained_until_s = now_s;
    uint64_t tips = (uint64_t)floor(gauge->mm / gauge->bucket_mm);
    gauge_tip(gauge, tips - gauge->tips);
    gauge->tips = tips;
    loop_arm(&gauge->garden->loop, &gauge->timer, now_ns + LOOK_NS);
}

/* The contact only closes: nothing comes back. */
static void ignore(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

void gauge_init(struct gauge *gauge, struct garden *garden, double bucket_mm)
{
    *gauge = (struct gauge){.garden = garden, .bucket_mm = bucket_mm};
    gauge->timer = (struct loop_timer){.fire = look, .context = gauge};
    endpoint_init(&gauge->contact, &garden->loop, ignore, gauge);
}

bool gauge_open(struct gauge *gauge, const char *path)
{
    gauge->rained_until_s = garden_time_s(gauge->garden, gauge->garden->started_ns);
    loop_arm(&gauge->garden->loop, &gauge->timer, loop_now_ns() + LOOK_NS);
    return endpoint_open(&gauge->contact, path);
}

void gauge_close(struct gauge *gauge)
{
    loop_disarm(&gauge->garden->loop, &gauge->timer);
    endpoint_close(&gauge->contact);
}
