/* SPDX-License-Identifier: Apache-2.0 */
/* A bus's two clocks: the monotonic one, and the sink's wall time, which may cost a lock. */
#include "gateway/common/clock.h"
#include "gateway/daemon/bus/impl.h"

int64_t bus_now_ms(void)
{
    return line_now_ns() / MS;
}

/* The sink's clock may cost a lock: asked ten times a second, in between it runs on. */
struct wall_ms bus_wall(struct bus *bus, int64_t mono_ms)
{
    if (mono_ms - bus->wall.at_ms >= 100 || bus->wall.at_ms == 0) {
        struct wall_ms now = {0, TIME_TRUSTED};
        if (bus->sink->now != NULL) {
            now = bus->sink->now(bus->sink->context);
        } else {
            now.ms = clock_now().wall_ms;
        }
        bus->wall.offset_ms = now.ms - mono_ms;
        bus->wall.trust = now.trust;
        bus->wall.at_ms = mono_ms;
    }
    return (struct wall_ms){bus->wall.offset_ms + mono_ms, bus->wall.trust};
}
