/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/link.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/node_map/node_map.h"

#define SECOND_US   UINT64_C(1000000)
#define POWER_UP_US (5 * SECOND_US)
#define ANSWER_US   500000u /* a master without an answer by then sends its request again */
#define ANY_UNIT    0xFFu
#define WRAPPING    6u /* 46 08 and the serial number, before a plain request */

static const struct hal_line power_up_line = {.baud = 19200, .parity = 'E', .stop_bits = 1};

/* The board's receiver and the silence that goes with the rate; keeps the old line when the part
 * cannot do the new one. */
static bool open_line(struct link *l, const struct hal_line *line)
{
    if (hal_bus_open(line) != HAL_OK)
        return false;
    uint32_t silence_us = rtu_silence_us(line->baud);
    if (silence_us < hal_bus_silence_floor_us())
        silence_us = hal_bus_silence_floor_us();
    if (l->forced_silence_us)
        silence_us = l->forced_silence_us;
    l->receiver.silence_us = silence_us;
    l->baud = line->baud;
    return true;
}

static void open_own_line(struct link *l)
{
    struct hal_line line = line_settings_hal(&l->line);
    l->power_up_until_us = 0;
    open_line(l, &line);
}

void link_init(struct link *l, const struct modbus_model *model, struct settings *settings,
               const struct link_options *options, uint64_t now_us)
{
    memset(l, 0, sizeof *l);
    modbus_server_init(&l->server, model);
    rtu_receiver_init(&l->receiver, 0);
    l->settings = settings;
    l->line = settings->line;
    l->forced_silence_us = options->silence_us;
    if (options->power_up && open_line(l, &power_up_line))
        l->power_up_until_us = now_us + POWER_UP_US;
    else
        open_own_line(l);
}

void link_want_line(struct link *l, const struct line_settings *line)
{
    l->wanted = *line;
    l->change = true;
}

static void change_line(struct link *l, uint64_t now_us)
{
    struct line_settings before = l->line;
    struct hal_line line = line_settings_hal(&l->wanted);
    l->change = false;
    l->line = l->wanted;
    bool same_port = before.baud_code == l->line.baud_code && before.parity == l->line.parity;
    /* During the power-up window the port stays as it is: whoever speaks there goes on there. */
    if (!same_port && l->power_up_until_us == 0 && !open_line(l, &line)) {
        l->line = before;
        return;
    }
    bool stored = memcmp(&l->line, &l->settings->line, sizeof l->line) == 0;
    l->trial_until_us = stored ? 0 : now_us + NODE_PROVISIONAL_S * SECOND_US;
    l->tried_us = 0;
}

static void end_trial(struct link *l)
{
    l->trial_until_us = 0;
    l->line = l->settings->line;
    if (l->power_up_until_us == 0)
        open_own_line(l);
}

/* The address on trial may be a slip of the pen, and another node's. The first request to it is
 * left for that one to answer; who hears an answer has its old address again. Writes of one word
 * look like their answers: what comes in the time of an answer is taken for one. False: not ours,
 * yet. */
static bool may_serve(struct link *l, const struct rtu_frame *frame)
{
    if (l->trial_until_us == 0 || l->line.address == l->settings->line.address)
        return true;
    bool first = l->tried_us == 0;
    bool answer = !(frame->kinds & RTU_REQUEST) ||
                  (!first && frame->kinds & RTU_ANSWER && frame->end_us < l->tried_us + ANSWER_US);
    if (answer) {
        l->duplicates++;
        end_trial(l);
        return false;
    }
    l->tried_us = frame->end_us;
    return !first;
}

/* Somebody speaks to the node on what is on trial: it stays so. */
static void confirm_trial(struct link *l)
{
    if (l->trial_until_us != 0 && settings_store_line(l->settings, &l->line) == HAL_OK)
        l->trial_until_us = 0;
}

/* The silence of the line, and the wait that a technician set. */
static uint64_t answer_wait_us(const struct link *l)
{
    return l->receiver.silence_us + l->settings->value[INDEX_SETTING_DELAY] * UINT64_C(1000);
}

static void hold_answer(struct link *l, const struct rtu_frame *frame, const uint8_t *pdu,
                        size_t size)
{
    l->answer_size = (uint16_t)rtu_build(frame->unit, pdu, size, l->answer, sizeof l->answer);
    l->send_by_us = frame->end_us + answer_wait_us(l) + ANSWER_US;
}

static void serve(struct link *l, const struct rtu_frame *frame)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    bool broadcast = frame->unit == MODBUS_BROADCAST;
    l->request_end_us = frame->end_us;
    if (!broadcast)
        confirm_trial(l);
    size_t size = modbus_serve(&l->server, frame->pdu, frame->pdu_size, broadcast, pdu);
    if (size > 0)
        hold_answer(l, frame, pdu, size);
}

/* A plain request to a serial number, answered in the same wrapping. */
static void serve_by_serial(struct link *l, const struct rtu_frame *frame)
{
    uint8_t pdu[WRAPPING + MODBUS_PDU_MAX];
    struct byte_reader r = byte_reader_init(frame->pdu + 2, 4);
    if (byte_read_u32(&r) != hal_serial())
        return;
    l->request_end_us = frame->end_us;
    confirm_trial(l);
    size_t size = modbus_serve(&l->server, frame->pdu + WRAPPING,
                               frame->pdu_size - (size_t)WRAPPING, false, pdu + WRAPPING);
    if (size == 0)
        return;
    if (size > MODBUS_PDU_MAX - WRAPPING) {
        pdu[WRAPPING] |= MODBUS_EXCEPTION_BIT; /* longer than the wrapping leaves room for */
        pdu[WRAPPING + 1] = MODBUS_ILLEGAL_VALUE;
        size = 2;
    }
    memcpy(pdu, frame->pdu, WRAPPING);
    pdu[1] = FAST_ANSWER;
    hold_answer(l, frame, pdu, size + WRAPPING);
}

static void serve_fast(struct link *l, const struct rtu_frame *frame)
{
    if (frame->pdu_size < 2 || frame->pdu[0] != MODBUS_FAST)
        return;
    uint8_t what = frame->pdu[1];
    if (what == FAST_SCAN_START || what == FAST_SCAN_CONTINUE)
        scan_begin(&l->scan, hal_serial(), what == FAST_SCAN_START, l->baud, frame->end_us);
    else if (what == FAST_REQUEST && frame->pdu_size > WRAPPING)
        serve_by_serial(l, frame);
}

static void take_frame(struct link *l, const struct rtu_frame *frame)
{
    if (l->sending)
        return; /* no one else has the line now */
    l->server.counters.bus_messages++;
    if (l->answer_size > 0) {
        l->answer_size = 0;
        l->dropped++;
    }
    bool known = l->line.address != 0;
    bool own = known && frame->unit == l->line.address;
    if (own && !may_serve(l, frame))
        return;
    if (own && !(frame->kinds & RTU_REQUEST)) {
        l->duplicates++;
        return;
    }
    if (own || frame->unit == MODBUS_BROADCAST ||
        (frame->unit == ANY_UNIT && known && !l->foreign_heard))
        serve(l, frame);
    else if (frame->unit == MODBUS_FAST_UNIT)
        serve_fast(l, frame);
    else if (frame->unit != ANY_UNIT)
        l->foreign_heard = true;
}

static void take_byte(struct link *l, const struct hal_byte *byte)
{
    struct rtu_frame frame;
    scan_heard(&l->scan, byte->time_us);
    hal_bus_watch(l->scan.active);
    if (l->scan.active)
        return; /* the others' arbitration, no frame */
    uint8_t bad = byte->errors & (HAL_BYTE_FRAMING | HAL_BYTE_PARITY);
    while (rtu_receiver_idle(&l->receiver, byte->time_us, &frame))
        take_frame(l, &frame);
    if (byte->errors & HAL_BYTE_FRAMING)
        l->framing_errors++;
    if (byte->errors & HAL_BYTE_PARITY)
        l->parity_errors++;
    if (byte->errors & HAL_BYTE_OVERRUN)
        l->server.counters.overruns++;
    if (bad && l->power_up_until_us != 0)
        open_own_line(l); /* the line runs at another rate */
    if (rtu_receiver_feed(&l->receiver, byte->value, byte->errors == 0, byte->time_us, &frame))
        take_frame(l, &frame);
}

static void receive(struct link *l, uint64_t now_us)
{
    struct hal_byte byte;
    struct rtu_frame frame;
    /* No more than the board can hold, so that a babbling line leaves time for the rest. */
    for (unsigned i = 0; i < 600 && hal_bus_receive(&byte); i++)
        take_byte(l, &byte);
    while (rtu_receiver_idle(&l->receiver, now_us, &frame))
        take_frame(l, &frame);
    l->server.counters.bus_errors = (uint16_t)l->receiver.bad_runs;
}

/* When the answer may leave: silence since the last byte of whatever kind, and the delay asked
 * for. */
static uint64_t answer_due_us(const struct link *l)
{
    return l->receiver.last_us + answer_wait_us(l);
}

/* The node has won the arbitration: it gives its number, or says that there is no one else. */
static void answer_scan(struct link *l)
{
    uint8_t pdu[7] = {MODBUS_FAST, l->scan.found ? FAST_SCAN_END : FAST_SCAN_ANSWER};
    struct byte_writer w = byte_writer_init(pdu + 2, 5);
    byte_write_u32(&w, hal_serial());
    byte_write_u8(&w, l->line.address);
    l->answer_size = (uint16_t)rtu_build(MODBUS_FAST_UNIT, pdu, l->scan.found ? 2 : 7, l->answer,
                                         sizeof l->answer);
    l->scan.found = true;
    l->sending = true;
    hal_bus_send(l->answer, l->answer_size);
}

static void arbitrate(struct link *l, uint64_t now_us)
{
    static const uint8_t dominant = 0xFF;
    enum scan_step step = scan_poll(&l->scan, now_us);
    hal_bus_watch(l->scan.active);
    if (step == SCAN_DOMINANT)
        hal_bus_send(&dominant, 1);
    else if (step == SCAN_WON)
        answer_scan(l);
}

static void transmit(struct link *l, uint64_t now_us)
{
    if (l->answer_size > 0 && !l->sending && now_us > l->send_by_us) {
        l->answer_size = 0;
        l->dropped++;
    }
    if (l->answer_size > 0 && !l->sending && now_us >= answer_due_us(l)) {
        l->sending = true;
        hal_bus_send(l->answer, l->answer_size);
    }
    if (l->sending && !hal_bus_sending()) {
        l->sending = false;
        l->answer_size = 0;
    }
    if (l->answer_size == 0 && l->change)
        change_line(l, now_us);
}

/* Nothing is under way, so that opening the line anew cuts nothing off. */
static bool is_idle(const struct link *l, uint64_t now_us)
{
    return l->answer_size == 0 && now_us >= l->receiver.last_us + l->receiver.silence_us;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_due_us(const struct link *l, uint64_t now_us)
{
    uint64_t due_us = earlier(rtu_receiver_due_us(&l->receiver), scan_due_us(&l->scan));
    if (l->trial_until_us != 0)
        due_us = earlier(due_us, l->trial_until_us);
    if (l->sending)
        return earlier(due_us, now_us + SECOND_US); /* its end wakes the node before that */
    if (l->answer_size > 0)
        return earlier(due_us, answer_due_us(l));
    if (l->power_up_until_us != 0) {
        uint64_t quiet_us = l->receiver.last_us + l->receiver.silence_us;
        bool over = l->power_up_until_us <= quiet_us;
        due_us = earlier(due_us, over ? quiet_us : l->power_up_until_us);
    }
    return due_us;
}

uint64_t link_poll(struct link *l, uint64_t now_us)
{
    if (l->sending)
        transmit(l, now_us);
    receive(l, now_us);
    arbitrate(l, now_us);
    transmit(l, now_us);
    if (l->power_up_until_us != 0 && now_us >= l->power_up_until_us && is_idle(l, now_us))
        open_own_line(l);
    if (l->trial_until_us != 0 && now_us >= l->trial_until_us)
        end_trial(l);
    return next_due_us(l, now_us);
}

bool link_is_well(const struct link *l, uint64_t now_us)
{
    /* The longest frame at 1,200 baud takes 2.4 s. */
    return !l->sending || now_us < l->send_by_us + 3 * SECOND_US;
}
