/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/transact.h"

#include <string.h>

#include "gateway/daemon/bus/registration.h"
#include "protocols/modbus/tcp.h"

#define SLICE_NS          500000000LL  /* an end asked for is noticed so soon */
#define BABBLE_NS         1000000000LL /* a line that is not silent for so long is babbled on */
#define READ_PDU_SIZE     5u
#define NOISE_BYTES       2 /* bytes lost or won by noise for which a frame is still that frame */
#define TCP_ENDED         (-100)      /* besides the ends of tcp_parse_answer() */
#define BITS_OF_EIGHT     3           /* bytes of bits in an answer of eight bytes */
#define LEFT_TO_OTHERS_NS 100000000LL /* for the answer to another master's request */
#define GARBLED_NS        20000000LL  /* no adapter holds the rest of a frame back for so long */
#define BEHIND_NS         50000000LL  /* the rest of a frame that was torn comes so soon */

void transact_init(struct transact *t, struct line *line)
{
    memset(t, 0, sizeof *t);
    t->line = line;
    const struct bus_config *bus = line->bus;
    struct serial_timing wire = {bus->baud, bus->parity, bus->stop_bits};
    t->silence_ns = serial_timing_silence_ns(&wire);
    if (bus->silence_us * 1000LL > t->silence_ns)
        t->silence_ns = bus->silence_us * 1000LL;
}

/* Has the last answer come once more? */
static void watch(struct transact *t, const uint8_t *bytes, size_t count)
{
    if (!t->watching || rtu_client_feed(&t->given, bytes, count) == RTU_CLIENT_WAITING)
        return;
    t->watching = false;
    t->twice = true;
}

/* Is it the answer that was missed? While another unit is `asked` a frame may be that one's, with
 * the wrong address: then it is counted, and the true one may still come. */
static void listen_for_late(struct transact *t, const uint8_t *bytes, size_t count,
                            const struct transact_request *asked)
{
    if (!t->listening || rtu_client_feed(&t->missed, bytes, count) == RTU_CLIENT_WAITING)
        return;
    t->listening = false;
    if (t->missed.state == RTU_CLIENT_EXCEPTION && asked != NULL && asked->unit == t->missed.unit)
        return; /* of which of the two? */
    t->late_unit = t->missed.unit;
    t->late_after_ns = line_now_ns() - t->missed_ns;
    t->late_over = asked == NULL;
}

static void expect(struct rtu_client *client, const struct transact_request *request)
{
    rtu_client_expect(client, request->unit, request->pdu, request->pdu_size);
    if (request->wide_registers)
        client->register_bytes = 4;
}

/* A read request that somebody sent? An answer of eight bytes can look like one only to the
 * functions for bits, and only in reply to one of those. Asked of each byte: the CRC comes last. */
static bool is_read_request(uint64_t window, uint8_t frame[8])
{
    unsigned function = window >> 48 & 0xFF, count = window >> 16 & 0xFFFF;
    if (function < MODBUS_READ_COILS || function > MODBUS_READ_INPUT || count < 1 ||
        count > (function <= MODBUS_READ_DISCRETE ? 2000u : 125u) || window >> 56 == 0)
        return false;
    for (unsigned i = 0; i < 8; i++)
        frame[i] = (uint8_t)(window >> (56 - 8 * i));
    return rtu_check(frame, 8);
}

static void count_request(struct transact *t)
{
    t->overheard.requests++;
    t->overheard.foreign += !echoes_of_before(&t->echoes, line_now_ns());
}

/* `asked` is what we are waiting for ourselves, or NULL. */
static void hear_request(struct transact *t, const uint8_t frame[8],
                         const struct transact_request *asked)
{
    bool bits = frame[1] == MODBUS_READ_COILS || frame[1] == MODBUS_READ_DISCRETE;
    bool own_unit = asked != NULL && asked->unit == frame[0];
    bool same = own_unit && asked->pdu_size == 5 && memcmp(asked->pdu, frame + 1, 5) == 0;
    /* An echo may come late, as an answer may: when nothing is asked, or something else. */
    if (echoes_take(&t->echoes, frame, line_now_ns()))
        return;
    if (same) {
        if (!echoes_possible(&t->echoes))
            count_request(t); /* of somebody else; the answer is right for both */
        return;
    }
    if (bits && frame[2] == BITS_OF_EIGHT &&
        ((own_unit && asked->pdu[0] == frame[1] && asked->answer_size == 8) ||
         (t->owed != NULL && owed_function(&t->owed[frame[0]], frame[1]))))
        return; /* may be an answer */
    int64_t now = t->line->last_ns;
    uint16_t answer_size = rtu_answer_size(frame + 1, READ_PDU_SIZE);
    count_request(t);
    if (frame[0] == t->missed.unit && frame[1] == t->missed.request[0] &&
        answer_size == t->missed_size)
        t->listening = false; /* what comes now may be the answer to this */
    t->overheard.answer_awaited = true;
    t->overheard.until_ns = now + LEFT_TO_OTHERS_NS;
    rtu_client_expect(&t->overheard.client, frame[0], frame + 1, 5);
    if (own_unit && asked->pdu[0] == frame[1] && asked->answer_size == answer_size)
        t->spoken_between = true;
    else if (t->owed != NULL)
        owed_add(&t->owed[frame[0]], frame[1], answer_size, false, now);
}

/* The answer that another master waits for, in one byte more. */
static void overhear_answer(struct transact *t, uint8_t byte)
{
    struct overheard *o = &t->overheard;
    if (!o->answer_awaited || rtu_client_feed(&o->client, &byte, 1) == RTU_CLIENT_WAITING)
        return;
    o->answer_awaited = false;
    o->until_ns = 0;
    if (t->owed != NULL && !t->spoken_between)
        owed_overheard(&t->owed[o->client.unit], o->client.request[0],
                       rtu_answer_size(o->client.request, READ_PDU_SIZE));
}

static void overhear(struct transact *t, const uint8_t *bytes, size_t count,
                     const struct transact_request *asked)
{
    struct overheard *o = &t->overheard;
    uint8_t frame[8];
    for (size_t i = 0; i < count; i++) {
        overhear_answer(t, bytes[i]);
        o->window = o->window << 8 | bytes[i];
        o->filled = o->filled < sizeof frame ? (uint8_t)(o->filled + 1) : o->filled;
        if (o->filled == sizeof frame && is_read_request(o->window, frame)) {
            hear_request(t, frame, asked);
            o->filled = 0;
        }
    }
}

/* What came since the request and was not listened to yet, now that it is known what of it is the
 * answer: values may look like a request, CRC and all, once in some ten thousand long answers. */
static void overhear_run(struct transact *t, const struct transact_request *asked)
{
    const struct rtu_client *client = &t->client;
    size_t size = client->size; /* less than before when heartbeats were taken out */
    size_t heard = t->overheard.run_heard < size ? t->overheard.run_heard : size;
    size_t begin = client->answers > 0 ? client->at : size, end = begin + client->answers;
    begin = begin > heard ? begin : heard;
    end = end > heard ? end : heard;
    overhear(t, client->run + heard, begin - heard, asked);
    if (end > begin)
        t->overheard.filled = 0;
    for (size_t i = begin; i < end && t->overheard.answer_awaited; i++)
        overhear_answer(t, client->run[i]);
    overhear(t, client->run + end, size - end, asked);
    t->overheard.run_heard = client->size;
}

/* Takes in what has come of the answer. What babbles fills the run: then its oldest bytes go. */
static void take_in(struct transact *t, const uint8_t *bytes, size_t count,
                    const struct transact_request *request)
{
    bool full = t->client.size + count > sizeof t->client.run;
    if (full) {
        overhear_run(t, request);
        overhear(t, bytes, count, request);
    }
    (void)rtu_client_feed(&t->client, bytes, count);
    if (full)
        t->overheard.run_heard = t->client.size;
}

/* Bytes that no one requested. Heartbeats are no sign of a bad line. */
static void count_stray(struct transact *t, const uint8_t *bytes, size_t count)
{
    const struct dial_in_config *dial_in = t->line->bus->dial_in;
    uint8_t left[256];
    if (dial_in != NULL && count <= sizeof left) {
        count = registration_strip(dial_in, bytes, count, left);
        if (registration_begins(dial_in, left, count))
            return;
    }
    t->stray_bytes += count;
}

/* Reads and drops what no one requested. False: the line is gone. */
static bool drain(struct transact *t)
{
    uint8_t bytes[256];
    int got;
    while ((got = line_read(t->line, bytes, sizeof bytes)) > 0) {
        count_stray(t, bytes, (size_t)got);
        t->line->last_ns = line_now_ns();
        watch(t, bytes, (size_t)got);
        listen_for_late(t, bytes, (size_t)got, NULL);
        overhear(t, bytes, (size_t)got, NULL);
        if ((size_t)got < sizeof bytes)
            break;
    }
    return got >= 0;
}

bool transact_drop(struct transact *t)
{
    uint8_t bytes[256];
    int got;
    while ((got = line_read(t->line, bytes, sizeof bytes)) > 0)
        count_stray(t, bytes, (size_t)got);
    return got == 0;
}

enum line_event transact_idle(struct transact *t, int64_t until_ns, bool wakes)
{
    for (;;) {
        enum line_event event = line_wait(t->line, until_ns, wakes);
        bool tcp = t->line->bus->type == BUS_TCP;
        if (event == LINE_BYTES && !(tcp ? transact_drop(t) : drain(t)))
            return LINE_GONE; /* the other end closed */
        if (event == LINE_WOKEN || event == LINE_GONE)
            return event;
        if (line_now_ns() >= until_ns)
            return LINE_TIME;
    }
}

/* Until the line has been silent long enough. LINE_TIME: it is; LINE_BYTES: it babbles. */
static enum line_event wait_for_silence(struct transact *t, int64_t silence_ns)
{
    int64_t begun = line_now_ns();
    if (t->line->last_ns > begun) /* a broadcast is still being sent or carried out */
        begun = t->line->last_ns;
    for (;;) {
        int64_t asleep = line_now_ns(), slice = asleep + SLICE_NS;
        int64_t free_ns = t->line->last_ns + silence_ns;
        if (t->overheard.until_ns > free_ns)
            free_ns = t->overheard.until_ns; /* another master sent a request */
        int64_t aimed_ns = wake_latency_at(&t->aim, free_ns);
        enum line_event event = line_wait(t->line, slice < aimed_ns ? slice : aimed_ns, false);
        if (event == LINE_GONE || (event == LINE_BYTES && !drain(t)) || atomic_load(&t->stopping))
            return LINE_GONE;
        int64_t now = line_now_ns();
        if (event == LINE_TIME && asleep < aimed_ns && aimed_ns < slice)
            wake_latency_woke(&t->aim, aimed_ns, now);
        if (event == LINE_TIME && now >= t->line->last_ns + silence_ns &&
            now >= t->overheard.until_ns)
            return LINE_TIME;
        if (now - begun > BABBLE_NS)
            return LINE_BYTES;
    }
}

/* What came is the answer, spoilt: it begins like it, has about its size, and is no good frame of
 * anybody else. Then nothing more is to be expected from the unit. */
static bool is_spoilt(const struct transact *t, const struct transact_request *request)
{
    const struct rtu_client *client = &t->client;
    size_t got = client->size, answer_size = request->answer_size;
    if (t->line->bus->dial_in != NULL || client->state != RTU_CLIENT_WAITING)
        return false; /* a mobile network holds the rest of a frame back for long */
    return got > 1 && client->run[0] == client->unit && got + NOISE_BYTES >= answer_size &&
           got <= answer_size + NOISE_BYTES && !rtu_check(client->run, got);
}

/* Is our own request among what came before the answer? */
static bool is_heard(const struct rtu_client *client)
{
    size_t size = client->request_size + 1u;
    for (size_t at = 0; at + size + 2 <= client->at; at++) {
        if (client->run[at] == client->unit &&
            memcmp(client->run + at + 1, client->request, client->request_size) == 0)
            return true;
    }
    return false;
}

/* Our own request, echoed by the adapter? Where others came without it was another master's. The
 * answer to some writes is the request once more: it can't be told from an echo. */
static bool note_echo(struct transact *t)
{
    size_t size;
    const uint8_t *pdu = rtu_client_pdu(&t->client, &size);
    bool heard = is_heard(&t->client);
    bool alike =
        pdu != NULL && size == t->client.request_size && memcmp(pdu, t->client.request, size) == 0;
    return echoes_ended(&t->echoes, pdu != NULL && !alike, heard);
}

/* The answer came sooner than this unit can: it belongs to an earlier request and came twice. It is
 * stepped over; the true one still has to come. */
static void refuse_too_fast(struct transact *t, const struct transact_request *request,
                            int64_t asked_ns, int64_t now_ns, struct transact_answer *answer)
{
    size_t size;
    if (rtu_client_pdu(&t->client, &size) == NULL)
        return;
    int64_t frame_ns = serial_timing_bytes_ns(&t->line->wire, size + 3);
    int64_t turnaround_ns = now_ns - asked_ns - frame_ns;
    if (turnaround_ns + frame_ns / 4 >= request->fastest_ns)
        return;
    answer->too_fast = true;
    answer->too_fast_ns = turnaround_ns;
    t->twice = true;
    t->stray_bytes += size + 3;
    overhear_run(t, request);
    expect(&t->client, request);
    t->overheard.run_heard = 0;
}

/* The answer as it came, but for heartbeats: they may stand in its midst, too. It has its CRC, so
 * bytes of it that only look like one are not lost: then it was an answer before. */
static void take_heartbeats_out(struct transact *t, const struct transact_request *request)
{
    const struct dial_in_config *dial_in = t->line->bus->dial_in;
    struct rtu_client *client = &t->client, bare;
    uint8_t left[sizeof client->run];
    if (dial_in == NULL)
        return;
    if (client->state != RTU_CLIENT_WAITING) {
        client->stray = (uint32_t)registration_strip(dial_in, client->run, client->at, left);
        return;
    }
    size_t size = registration_strip(dial_in, client->run, client->size, left);
    expect(&bare, request);
    if (rtu_client_feed(&bare, left, size) != RTU_CLIENT_WAITING)
        *client = bare;
}

/* The deadline has come: what came besides heartbeats? */
static void forget_heartbeats(struct transact *t, const struct transact_request *request)
{
    const struct dial_in_config *dial_in = t->line->bus->dial_in;
    uint8_t left[sizeof t->client.run];
    if (dial_in == NULL || t->client.state != RTU_CLIENT_WAITING)
        return;
    size_t size = registration_strip(dial_in, t->client.run, t->client.size, left);
    expect(&t->client, request);
    (void)rtu_client_feed(&t->client, left, size);
}

/* Collects bytes until the answer, the deadline, or the end of a spoilt answer. False: gone. What
 * comes while all ends is heard out, but not who babbles: a reading is not thrown away for an end
 * that was asked for some milliseconds before. */
static bool listen(struct transact *t, const struct transact_request *request, int64_t asked_ns,
                   int64_t deadline_ns, struct transact_answer *answer)
{
    uint8_t bytes[RTU_FRAME_MAX];
    int64_t until = deadline_ns, ends_ns = INT64_MAX;
    while (t->client.state == RTU_CLIENT_WAITING) {
        int64_t slice = line_now_ns() + SLICE_NS;
        enum line_event event = line_wait(t->line, slice < until ? slice : until, false);
        if (event == LINE_GONE)
            return false;
        if (event == LINE_TIME && line_now_ns() >= until)
            break;
        if (atomic_load(&t->stopping) && ends_ns == INT64_MAX)
            ends_ns = line_now_ns() + SLICE_NS;
        if (ends_ns != INT64_MAX && (event == LINE_TIME || line_now_ns() >= ends_ns)) {
            t->broken_off = request->unit;
            return false;
        }
        if (event == LINE_TIME)
            continue;
        int got = line_read(t->line, bytes, sizeof bytes);
        if (got < 0)
            return false;
        int64_t now = line_now_ns();
        if (got > 0)
            t->line->last_ns = now;
        if (request->unit != t->given.unit)
            watch(t, bytes, (size_t)got);
        listen_for_late(t, bytes, (size_t)got, request);
        take_in(t, bytes, (size_t)got, request);
        take_heartbeats_out(t, request);
        refuse_too_fast(t, request, asked_ns, now, answer);
        until = deadline_ns;
        if (is_spoilt(t, request) && now + GARBLED_NS < deadline_ns)
            until = now + GARBLED_NS;
        if (now >= deadline_ns)
            break;
    }
    return true;
}

/* A good answer of the unit in what came, but not to this request: not when somebody else asked. */
static void note_other(const struct transact *t, const struct transact_request *request,
                       struct transact_answer *answer)
{
    const struct rtu_client *client = &t->client;
    for (size_t at = 0; at + 5 < client->size; at++) {
        const uint8_t *frame = client->run + at;
        size_t size = frame[2] + 5u;
        if (frame[0] != request->unit || frame[1] < MODBUS_READ_COILS ||
            frame[1] > MODBUS_READ_INPUT || frame[2] == 0 || at + size > client->size ||
            !rtu_check(frame, size))
            continue;
        answer->other_function = frame[1];
        answer->other_bytes = frame[2];
        answer->other_size = frame[1] == request->pdu[0];
        return;
    }
}

static enum bus_result conclude(struct transact *t, const struct transact_request *request,
                                int64_t deadline_ns, struct transact_answer *answer)
{
    overhear_run(t, request);
    forget_heartbeats(t, request);
    bool spoilt = is_spoilt(t, request);
    enum rtu_client_state state = rtu_client_finish(&t->client);
    answer->echo = note_echo(t);
    t->stray_bytes += t->client.stray;
    if ((state == RTU_CLIENT_ANSWER || state == RTU_CLIENT_EXCEPTION) && t->spoken_between) {
        answer->quiet_ns = deadline_ns + request->late_ns; /* ours may still come */
        return BUS_GARBLED;
    }
    if (state == RTU_CLIENT_ANSWER || state == RTU_CLIENT_EXCEPTION) {
        if (answer->end_ns > deadline_ns) { /* this process slept: no one knows when it came */
            t->late_unit = request->unit;
            t->late_after_ns = 0; /* not known: it was this process that was late */
            t->late_over = true;
            return BUS_TIMEOUT;
        }
        expect(&t->given, request);
        t->watching = true;
        answer->pdu = rtu_client_pdu(&t->client, &answer->pdu_size);
        return state == RTU_CLIENT_ANSWER ? BUS_OK : BUS_EXCEPTION;
    }
    if (state == RTU_CLIENT_FOREIGN && request->pdu[0] <= MODBUS_READ_INPUT)
        note_other(t, request, answer);
    /* Far more than an answer came, and it still goes on. */
    answer->babble = state == RTU_CLIENT_GARBLED && t->client.stray > 2u * request->answer_size &&
                     answer->end_ns - t->line->last_ns < GARBLED_NS;
    if (!spoilt || state != RTU_CLIENT_GARBLED) {
        answer->quiet_ns = deadline_ns + request->late_ns;
        expect(&t->missed, request);
        t->missed_ns = answer->sent_ns;
        t->missed_size = request->answer_size;
        t->listening = true;
    }
    /* Good frames of others are no sign of life of this unit. */
    return state == RTU_CLIENT_GARBLED ? BUS_GARBLED : BUS_TIMEOUT;
}

/* Not before `rest_ns` after the end. */
static void leave_alone(struct transact_answer *answer, int64_t rest_ns)
{
    if (answer->quiet_ns < answer->end_ns + rest_ns)
        answer->quiet_ns = answer->end_ns + rest_ns;
}

static void do_rtu(struct transact *t, const struct transact_request *request,
                   struct transact_answer *answer)
{
    struct line *line = t->line;
    int64_t own_ns = serial_timing_silence_ns(request->wire != NULL ? request->wire : &line->wire);
    /* A device may be slower than its line. */
    int64_t silence_ns = own_ns > t->silence_ns ? own_ns : t->silence_ns;
    int64_t kept_ns =
        own_ns + serial_timing_guard_ns(request->wire != NULL ? request->wire : &line->wire);
    kept_ns = (kept_ns > silence_ns ? kept_ns : silence_ns) + request->before_ns;
    uint64_t overheard = t->overheard.requests;
    enum line_event event = wait_for_silence(t, kept_ns);
    answer->end_ns = answer->quiet_ns = line_now_ns();
    answer->babble = event == LINE_BYTES;
    answer->result = event == LINE_GONE ? BUS_DOWN : BUS_GARBLED;
    if (event != LINE_TIME)
        return;
    if (t->overheard.requests != overheard && t->owed != NULL &&
        request->unit != MODBUS_BROADCAST &&
        owed_blocks(&t->owed[request->unit], request->pdu[0], request->answer_size, answer->end_ns))
        return; /* another master has just asked the unit for the same form: not now */
    if (request->unit == t->missed.unit && request->pdu[0] == t->missed.request[0] &&
        request->answer_size == t->missed_size)
        t->listening = false; /* what comes now may be the answer to this */
    expect(&t->client, request);
    t->overheard.run_heard = 0;
    t->spoken_between = false;
    if (request->wire != NULL && !line_set(line, request->wire)) {
        answer->result = BUS_DOWN;
        return;
    }
    answer->sent_ns = line_now_ns();
    echoes_sent(&t->echoes, request->unit, request->pdu, request->pdu_size, answer->sent_ns);
    answer->gap_ns = answer->sent_ns - line->last_ns;
    if (answer->gap_ns < own_ns)
        t->silence_violations++;
    if (!line_send(line, request->unit, request->pdu, request->pdu_size)) {
        answer->result = BUS_DOWN;
        return;
    }
    int64_t asked_ns = answer->sent_ns + serial_timing_bytes_ns(&line->wire, request->pdu_size + 3);
    line->last_ns =
        line_now_ns() + (asked_ns - answer->sent_ns); /* the last bit is not sooner out */
    if (request->unit == MODBUS_BROADCAST) {
        answer->result = BUS_OK; /* no one answers; give all of them their turnaround */
        answer->end_ns = asked_ns;
        line->last_ns = asked_ns + request->timeout_ns;
        return;
    }
    int64_t deadline_ns = asked_ns + own_ns + request->timeout_ns + TRANSACT_SLACK_NS +
                          serial_timing_bytes_ns(&line->wire, request->answer_size);
    bool heard = listen(t, request, asked_ns, deadline_ns, answer);
    answer->end_ns = answer->quiet_ns = line_now_ns();
    if (!heard) {
        answer->result = BUS_DOWN;
        return;
    }
    answer->result = conclude(t, request, deadline_ns, answer);
    if (t->overheard.requests != overheard)
        answer->other_function = 0; /* it may be the answer to that */
    answer->turnaround_ns =
        answer->end_ns - asked_ns - serial_timing_bytes_ns(&line->wire, answer->pdu_size + 3);
    if (request->extra_ns > 0)
        leave_alone(answer, silence_ns + request->extra_ns);
    t->busy_ns += (uint64_t)(answer->end_ns - answer->sent_ns + silence_ns);
}

/* What the request fixes of its answer agrees: the byte count of a read, the echo of a write. */
static bool answer_fits(const struct transact_request *request, const struct tcp_frame *answer)
{
    const uint8_t *asked = request->pdu, *got = answer->pdu;
    size_t size = answer->pdu_size;
    if (size < 2 || (got[0] & 0x7F) != asked[0])
        return false;
    if (got[0] & MODBUS_EXCEPTION_BIT)
        return size == 2;
    unsigned count = request->pdu_size >= 5 ? (unsigned)(asked[3] << 8 | asked[4]) : 0;
    switch (asked[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        return got[1] == (count + 7) / 8 && size == got[1] + 2u;
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_READ_WRITE:
        return got[1] == count * (request->wide_registers ? 4u : 2u) && size == got[1] + 2u;
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return size == 5 && memcmp(got, asked, 5) == 0;
    default:
        return true;
    }
}

/* Could the frame with this number begin so? */
static bool may_begin(uint16_t transaction, const uint8_t *bytes, size_t have)
{
    const uint8_t head[4] = {(uint8_t)(transaction >> 8), (uint8_t)transaction, 0, 0};
    return memcmp(bytes, head, have < sizeof head ? have : sizeof head) == 0;
}

/* Heartbeats where a frame would begin are dropped. What is left of the `have` bytes. */
static size_t drop_heartbeats(const struct transact *t, uint16_t transaction, uint8_t *bytes,
                              size_t have)
{
    const struct dial_in_config *dial_in = t->line->bus->dial_in;
    size_t size;
    while (dial_in != NULL && have > 0 && !may_begin(transaction, bytes, have) &&
           (size = registration_word(dial_in, bytes, have)) > 0) {
        have -= size;
        memmove(bytes, bytes + size, have);
    }
    return have;
}

/* Whole frames, heartbeats, and the begin of one: nothing else. */
static bool is_explained(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t have)
{
    struct tcp_frame frame;
    while (have > 0) {
        size_t size = registration_word(dial_in, bytes, have);
        int framed = size == 0 ? tcp_parse_answer(bytes, have, &frame) : 0;
        if (size == 0 && framed <= 0)
            return registration_begins(dial_in, bytes, have);
        size = size == 0 ? (size_t)framed : size;
        bytes += size;
        have -= size;
    }
    return true;
}

/* Modbus TCP has no check sum: were a heartbeat in the midst of a frame, its bytes would be taken
 * for data, and as many of the data come behind it. Where bytes of a frame could be one, those
 * behind it tell: they are waited for. TCP_MORE: until then. */
static int look_behind(struct transact *t, int size, int64_t now_ns)
{
    const struct dial_in_config *dial_in = t->line->bus->dial_in;
    const uint8_t *bytes = t->client.run;
    size_t have = t->awaited.have, behind = have - (size_t)size;
    if (dial_in == NULL || !registration_within(dial_in, bytes, (size_t)size))
        return size;
    if (t->awaited.behind_ns == 0)
        t->awaited.behind_ns = now_ns + BEHIND_NS;
    if (now_ns < t->awaited.behind_ns && have < sizeof t->client.run)
        return TCP_MORE;
    return is_explained(dial_in, bytes + size, behind) ? size : TCP_BAD;
}

/* The frame that answers, in what has come; others, such as the answer to a request that was given
 * up, are passed over. Its size, TCP_MORE, TCP_BAD when what comes is no Modbus TCP. What comes
 * behind it in one piece with it is of no one: nothing else was asked. */
static int find_tcp(struct transact *t, int64_t now_ns, struct tcp_frame *frame)
{
    uint8_t *bytes = t->client.run;
    uint16_t transaction = t->awaited.transaction;
    for (;;) {
        size_t have = t->awaited.have = drop_heartbeats(t, transaction, bytes, t->awaited.have);
        bool begun = t->line->bus->dial_in != NULL && !may_begin(transaction, bytes, have) &&
                     registration_begins(t->line->bus->dial_in, bytes, have);
        int size = begun ? TCP_MORE : tcp_parse_answer(bytes, have, frame);
        if (size > 0 && frame->transaction == transaction)
            return look_behind(t, size, now_ns);
        if (size <= 0)
            return size;
        t->awaited.have = have - (size_t)size;
        memmove(bytes, bytes + size, t->awaited.have);
        t->stray_bytes += (uint64_t)size;
    }
}

/* Reads what is there, at `now_ns`, and looks whether it is the answer: as above; TCP_ENDED: the
 * other end has closed, and what came before is no answer. */
static int hear_tcp(struct transact *t, struct tcp_frame *frame, int64_t *now_ns)
{
    bool behind = t->awaited.behind_ns != 0;
    size_t most = behind ? sizeof t->client.run : TCP_FRAME_MAX;
    uint8_t *bytes = t->client.run; /* large enough, and lives until the next transaction */
    int got = line_read(t->line, bytes + t->awaited.have, most - t->awaited.have);
    *now_ns = line_now_ns();
    if (got < 0 && !behind)
        return TCP_ENDED;
    t->awaited.have += got > 0 ? (size_t)got : 0;
    if (got < 0)
        t->awaited.behind_ns = *now_ns; /* what came is there all the same */
    return find_tcp(t, *now_ns, frame);
}

/* Many servers that are one device put 0 or 255 there, whatever was asked; the transaction says
 * that it is the answer. */
static bool is_of_unit(const struct tcp_frame *answer, uint8_t unit)
{
    return answer->unit == unit || answer->unit == 0 || answer->unit == 255;
}

static void note_other_tcp(const struct transact_request *request, const struct tcp_frame *frame,
                           struct transact_answer *answer)
{
    const uint8_t *pdu = frame->pdu;
    if (request->pdu[0] > MODBUS_READ_INPUT || frame->pdu_size < 3 || pdu[0] < MODBUS_READ_COILS ||
        pdu[0] > MODBUS_READ_INPUT || pdu[1] != frame->pdu_size - 2)
        return;
    answer->other_function = pdu[0];
    answer->other_bytes = pdu[1];
    answer->other_size = pdu[0] == request->pdu[0];
}

/* Frames are made and read here: libmodbus's raw request always carries transaction 0, so that a
 * late answer can't be told from the next, and its typed ones know few functions and no unit above
 * 247. Any error closes the connection. */
bool transact_begin(struct transact *t, const struct transact_request *request,
                    struct transact_answer *answer)
{
    uint8_t message[TCP_FRAME_MAX];
    *answer = (struct transact_answer){.result = BUS_INVALID, .end_ns = line_now_ns()};
    if (request->pdu_size == 0 || request->pdu_size > MODBUS_PDU_MAX)
        return true;
    uint16_t transaction = ++t->line->transaction;
    size_t size = tcp_build(transaction, request->unit, request->pdu, request->pdu_size, message,
                            sizeof message);
    answer->sent_ns = answer->end_ns;
    answer->result = BUS_DOWN;
    t->awaited.transaction = transaction;
    t->awaited.have = 0;
    t->awaited.deadline_ns = answer->sent_ns + request->timeout_ns;
    t->awaited.behind_ns = 0;
    return !transact_drop(t) || !line_write(t->line, message, size);
}

int64_t transact_until_ns(const struct transact *t)
{
    return t->awaited.behind_ns != 0 ? t->awaited.behind_ns : t->awaited.deadline_ns;
}

/* What a frame with the number of the request says. */
static void take_frame(const struct transact_request *request, const struct tcp_frame *frame,
                       struct transact_answer *answer)
{
    answer->result = BUS_GARBLED;
    if (!is_of_unit(frame, request->unit))
        return;
    if (!answer_fits(request, frame)) {
        note_other_tcp(request, frame, answer);
        return;
    }
    answer->result = frame->pdu[0] & MODBUS_EXCEPTION_BIT ? BUS_EXCEPTION : BUS_OK;
    answer->pdu = frame->pdu;
    answer->pdu_size = frame->pdu_size;
}

bool transact_go_on(struct transact *t, const struct transact_request *request,
                    struct transact_answer *answer)
{
    struct tcp_frame frame;
    int64_t now_ns;
    int got = hear_tcp(t, &frame, &now_ns);
    if (got == TCP_MORE && now_ns < transact_until_ns(t))
        return false;
    answer->end_ns = answer->quiet_ns = now_ns;
    answer->turnaround_ns = answer->end_ns - answer->sent_ns;
    leave_alone(answer, request->extra_ns);
    t->busy_ns += (uint64_t)answer->turnaround_ns;
    if (got > 0)
        take_frame(request, &frame, answer);
    else
        answer->result = got == TCP_MORE ? BUS_TIMEOUT : got == TCP_BAD ? BUS_GARBLED : BUS_DOWN;
    return true;
}

static void do_tcp(struct transact *t, const struct transact_request *request,
                   struct transact_answer *answer)
{
    bool over = transact_begin(t, request, answer);
    while (!over) {
        int64_t slice = line_now_ns() + SLICE_NS, until = transact_until_ns(t);
        enum line_event event = line_wait(t->line, slice < until ? slice : until, false);
        if (event == LINE_GONE || atomic_load(&t->stopping)) {
            answer->result = BUS_DOWN;
            return;
        }
        over = transact_go_on(t, request, answer);
    }
}

void transact_do(struct transact *t, const struct transact_request *request,
                 struct transact_answer *answer)
{
    *answer = (struct transact_answer){.result = BUS_INVALID, .end_ns = line_now_ns()};
    if (request->pdu_size == 0 || request->pdu_size > MODBUS_PDU_MAX)
        return;
    if (t->line->bus->type == BUS_TCP)
        do_tcp(t, request, answer);
    else
        do_rtu(t, request, answer);
}
