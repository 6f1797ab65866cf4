/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bus/virtual_line.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/line.h"
#include "protocols/modbus/rtu.h"

#define LOOK_NS 200 /* what passes between two looks at the clock */
#define PENDING 32

struct virtual_line virtual_line;

static atomic_llong clock_ns = 1000000000000;
static int64_t gone_ns = INT64_MAX;
static struct {
    int64_t at_ns; /* 0: free */
    size_t size;
    uint8_t bytes[RTU_FRAME_MAX];
} pending[PENDING];

void virtual_line_reset(void)
{
    virtual_line = (struct virtual_line){0};
    memset(pending, 0, sizeof pending);
    gone_ns = INT64_MAX;
}

void virtual_line_say(int64_t at_ns, const void *bytes, size_t size)
{
    unsigned i = 0;
    while (i < PENDING && pending[i].at_ns)
        i++;
    if (i == PENDING || size > sizeof pending[i].bytes)
        abort();
    pending[i].at_ns = at_ns;
    pending[i].size = size;
    memcpy(pending[i].bytes, bytes, size);
}

void virtual_line_go(int64_t at_ns)
{
    gone_ns = at_ns;
}

/* The earliest of what is still to be read; -1: nothing. */
static int earliest(void)
{
    int first = -1;
    for (int i = 0; i < PENDING; i++)
        if (pending[i].at_ns && (first < 0 || pending[i].at_ns < pending[first].at_ns))
            first = i;
    return first;
}

int64_t line_now_ns(void)
{
    return atomic_fetch_add(&clock_ns, LOOK_NS);
}

static void pass(int64_t until_ns)
{
    long long now = atomic_load(&clock_ns);
    while (now < until_ns && !atomic_compare_exchange_weak(&clock_ns, &now, until_ns))
        ;
}

static bool woken(const struct line *line)
{
    struct pollfd wake = {.fd = line->wake_fd, .events = POLLIN};
    return line->wake_fd >= 0 && poll(&wake, 1, 0) == 1;
}

enum line_event line_wait(const struct line *line, int64_t until_ns, bool wakes)
{
    for (;;) {
        if (virtual_line.hold != NULL)
            virtual_line.hold();
        int64_t now = line_now_ns(), next = until_ns + virtual_line.late_ns;
        int first = earliest();
        if (first >= 0 && pending[first].at_ns <= now)
            return LINE_BYTES;
        if (gone_ns <= now)
            return LINE_GONE;
        if (wakes && woken(line))
            return LINE_WOKEN;
        if (until_ns <= now)
            return LINE_TIME;
        if (first >= 0 && pending[first].at_ns < next)
            next = pending[first].at_ns;
        pass(next < gone_ns ? next : gone_ns);
    }
}

int line_read(struct line *line, uint8_t *bytes, size_t size)
{
    int first = earliest();
    int64_t now = line_now_ns();
    (void)line;
    if (first < 0 || pending[first].at_ns > now)
        return gone_ns <= now ? -1 : 0;
    if (size > pending[first].size)
        size = pending[first].size;
    memcpy(bytes, pending[first].bytes, size);
    pending[first].size -= size;
    memmove(pending[first].bytes, pending[first].bytes + size, pending[first].size);
    if (pending[first].size == 0)
        pending[first].at_ns = 0;
    return (int)size;
}

bool line_send(struct line *line, uint8_t unit, const uint8_t *pdu, size_t pdu_size)
{
    uint8_t frame[RTU_FRAME_MAX];
    size_t size = rtu_build(unit, pdu, pdu_size, frame, sizeof frame);
    if (gone_ns <= line_now_ns() || line->fd < 0 || size == 0)
        return false;
    if (virtual_line.hears != NULL)
        virtual_line.hears(frame, size);
    return true;
}

bool line_write(struct line *line, const uint8_t *bytes, size_t size)
{
    (void)line;
    (void)bytes;
    (void)size;
    return false; /* no connections here */
}

bool line_set(struct line *line, const struct serial_timing *wire)
{
    if (line->wire.baud == wire->baud && line->wire.parity == wire->parity &&
        line->wire.stop_bits == wire->stop_bits)
        return true;
    line->wire = *wire;
    virtual_line.sets++;
    virtual_line.set_at_ns = line_now_ns();
    return true;
}

void line_adopt(struct line *line, int fd)
{
    (void)line;
    (void)fd; /* no connections here */
}

void line_init(struct line *line, const struct bus_config *bus, int wake_fd)
{
    *line = (struct line){
        .bus = bus, .fd = -1, .wake_fd = wake_fd, .wire = {bus->baud, bus->parity, bus->stop_bits}};
}

int line_open(struct line *line)
{
    line->fd = 0;
    line->last_ns = virtual_line.open_at_ns = line_now_ns();
    virtual_line.opens++;
    return 0;
}

void line_close(struct line *line)
{
    line->fd = -1;
}

void line_end(struct line *line)
{
    line_close(line);
}

const char *bus_open_text(int error, const char *port, char text[BUS_OPEN_TEXT_SIZE])
{
    (void)port;
    (void)text;
    return strerror(error);
}
