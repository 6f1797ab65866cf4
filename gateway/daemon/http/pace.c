/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/pace.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include <linux/tcp.h> /* the C library's struct ends before what is needed */

void pace_frame(struct pace *pace, uint32_t size)
{
    pace->frames++;
    pace->payload += size;
}

static bool is_flood(const struct pace *pace, uint64_t received)
{
    uint64_t came = received > pace->received ? received - pace->received : 0;
    return pace->frames > PACE_FRAMES ||
           came > pace->payload + (uint64_t)pace->frames * PACE_FRAME + PACE_OVERHEAD;
}

bool pace_tick(struct pace *pace, uint64_t received, int64_t now_ms)
{
    bool flood = is_flood(pace, received), waits = now_ms < pace->until_ms;
    pace->received = received;
    pace->frames = pace->payload = 0;
    if (waits)
        return false; /* what came fills the kernel's buffer, and is not looked at */
    if (flood) {
        pace->wait_ms = pace->wait_ms == 0 ? PACE_FIRST_MS : pace->wait_ms * 2;
        if (pace->wait_ms > PACE_LONGEST_MS)
            pace->wait_ms = PACE_LONGEST_MS;
        pace->until_ms = now_ms + pace->wait_ms;
        return false;
    }
    if (now_ms - pace->until_ms > pace->wait_ms)
        pace->wait_ms = 0;
    return true;
}

uint64_t pace_received(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return 0;
    return info.tcpi_bytes_received;
}
