/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/line/exchange.h"

#include <string.h>

#include "protocols/modbus/request.h"

#define REQUEST_SIZE   8 /* of functions 1 to 6 */
#define EXCEPTION_SIZE 5
#define BREAKS_MAX     2
#define REST_MOST_NS   200000000LL /* a line that never rests is spoken on all the same */
#define PART_NS        40000000LL  /* a host may hand a frame over in parts so far apart */

/* ---- pure ---- */

bool exchange_read(struct exchange *x, uint8_t unit, uint8_t function, uint16_t address,
                   uint16_t count)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    size_t size = modbus_read(pdu, function, address, count);
    x->heard_size = x->before = x->before_kept = 0;
    x->request_size = size > 0 ? rtu_build(unit, pdu, size, x->request, sizeof x->request) : 0;
    x->answer_size = size > 0 ? rtu_answer_size(pdu, size) : 0;
    return x->request_size > 0;
}

bool exchange_is_request(const uint8_t *bytes, size_t size)
{
    return size == REQUEST_SIZE && bytes[1] >= 1 && bytes[1] <= 6 && rtu_check(bytes, size);
}

/* The length of the answer that begins there; 0: none does. */
static size_t answer_at(const struct exchange *x, size_t at)
{
    const uint8_t *bytes = x->heard + at;
    size_t left = x->heard_size - at;
    if (left < EXCEPTION_SIZE || bytes[0] != x->request[0])
        return 0;
    if (bytes[1] == x->request[1] && left >= x->answer_size && rtu_check(bytes, x->answer_size))
        return x->answer_size;
    bool refused =
        bytes[1] == (x->request[1] | MODBUS_EXCEPTION_BIT) && rtu_check(bytes, EXCEPTION_SIZE);
    return refused ? EXCEPTION_SIZE : 0;
}

static bool own_at(const struct exchange *x, size_t at)
{
    return x->heard_size - at >= x->request_size &&
           memcmp(x->heard + at, x->request, x->request_size) == 0;
}

static void take_answer(const struct exchange *x, size_t at, size_t size, int64_t byte_ns,
                        struct exchange_judged *out)
{
    if (out->size > 0) {
        out->again = true;
        return;
    }
    bool refused = x->heard[at + 1] != x->request[1];
    out->answer = at;
    out->size = size;
    out->end = refused ? EXCHANGE_REFUSED : EXCHANGE_GOOD;
    out->code = refused ? x->heard[at + 2] : 0;
    out->turnaround_ns = x->at_ns[at + size - 1] - (int64_t)size * byte_ns - x->sent_end_ns;
}

void exchange_judge(const struct exchange *x, int64_t byte_ns, struct exchange_judged *out)
{
    bool zeros = true;
    *out = (struct exchange_judged){.end = EXCHANGE_SILENT, .echoes = x->echoes};
    echoes_sent(&out->echoes, x->request[0], x->request + 1, x->request_size - 3, x->sent_ns);
    for (size_t at = 0; at < x->heard_size;) {
        size_t size = answer_at(x, at);
        if (own_at(x, at) && out->size == 0 && !out->echo) {
            out->echo = true;
            (void)echoes_take(&out->echoes, x->request, x->sent_ns);
            at += x->request_size;
        } else if (size > 0) {
            take_answer(x, at, size, byte_ns, out);
            at += size;
        } else if (x->heard_size - at >= REQUEST_SIZE &&
                   exchange_is_request(x->heard + at, REQUEST_SIZE)) {
            out->others += !echoes_take(&out->echoes, x->heard + at, x->sent_ns);
            at += REQUEST_SIZE;
        } else {
            zeros = zeros && x->heard[at] == 0;
            out->stray++;
            at++;
        }
    }
    /* The answer to a write is the request once more. */
    (void)echoes_ended(&out->echoes, out->size > 0 && x->request[1] <= MODBUS_READ_INPUT,
                       out->echo);
    if (out->size > 0)
        return;
    out->broke = zeros && out->stray > 0 && out->stray <= BREAKS_MAX;
    if (out->stray > 0 && !out->broke)
        out->end = EXCHANGE_GARBLED;
}

/* ---- on the line ---- */

static bool take_bytes(struct line *line, struct exchange *x)
{
    uint8_t bytes[RTU_FRAME_MAX];
    int got = line_read(line, bytes, sizeof bytes);
    int64_t now = line_now_ns();
    for (int i = 0; i < got && x->heard_size < EXCHANGE_HEARD; i++) {
        x->heard[x->heard_size] = bytes[i];
        x->at_ns[x->heard_size++] = now;
    }
    line->last_ns = now;
    return got >= 0;
}

/* Until nothing has come for t3.5 and a bit; what comes meanwhile belongs to nobody. */
static bool rest(struct line *line, const struct serial_timing *wire, struct exchange *x)
{
    int64_t silence = serial_timing_silence_ns(wire), own = line->bus->silence_us * 1000LL;
    silence = (own > silence ? own : silence) + serial_timing_guard_ns(wire);
    int64_t end = line_now_ns() + REST_MOST_NS;
    while (line_now_ns() < line->last_ns + silence && line_now_ns() < end) {
        enum line_event event = line_wait(line, line->last_ns + silence, false);
        uint8_t bytes[64];
        int got = event == LINE_BYTES ? line_read(line, bytes, sizeof bytes) : 0;
        if (event == LINE_GONE || got < 0)
            return false;
        for (int i = 0; i < got && x->before_kept < sizeof x->before_bytes; i++)
            x->before_bytes[x->before_kept++] = bytes[i];
        x->before += (size_t)got;
        if (got > 0)
            line->last_ns = line_now_ns();
    }
    return true;
}

bool exchange_do(struct line *line, const struct serial_timing *wire, struct exchange *x,
                 int64_t wait_ns, int64_t after_ns)
{
    struct exchange_judged judged;
    int64_t byte_ns = serial_timing_bytes_ns(wire, 1);
    if (!line_set(line, wire) || !rest(line, wire, x))
        return false;
    x->sent_ns = line_now_ns();
    if (!line_send(line, x->request[0], x->request + 1, x->request_size - 3))
        return false;
    x->sent_end_ns = x->sent_ns + (int64_t)x->request_size * byte_ns;
    line->last_ns = x->sent_end_ns;
    int64_t until = x->sent_end_ns + wait_ns + (int64_t)x->answer_size * byte_ns;
    for (bool whole = false; line_now_ns() < until;) {
        enum line_event event = line_wait(line, until, false);
        if (event == LINE_GONE || (event == LINE_BYTES && !take_bytes(line, x)))
            return false;
        exchange_judge(x, byte_ns, &judged);
        int64_t end = line->last_ns + (judged.size > 0 ? after_ns : PART_NS + after_ns);
        bool over = judged.size > 0 || (judged.stray >= x->answer_size && event == LINE_BYTES);
        if (over && !whole && end < until)
            until = end;
        whole = whole || over;
    }
    return true;
}
