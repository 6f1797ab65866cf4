/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "tests/unit/node/lone_node.h"

struct node node;
struct fake_sensor air, soil;
static struct node_probe probes[2];

void start_node(bool power_up_line)
{
    fake_sensor_init(&air);
    fake_sensor_init(&soil);
    probes[0] = (struct node_probe){
        &air.sensor, {CHANNEL_AIR_TEMPERATURE, CHANNEL_AIR_HUMIDITY, -1, -1}, 1};
    probes[1] = (struct node_probe){
        &soil.sensor,
        {CHANNEL_SOIL_MOISTURE, CHANNEL_SOIL_TEMPERATURE, CHANNEL_SOIL_CONDUCTIVITY, -1},
        2};
    const struct node_config config = {
        .probes = probes, .probe_count = 2, .no_power_up_line = !power_up_line};
    node_init(&node, &config);
}

int fresh(void **state)
{
    (void)state;
    board_init();
    start_node(false);
    return 0;
}

/* Lets the node live until `until_us`, sleeping as it asks. */
void run_until(uint64_t until_us)
{
    for (;;) {
        uint64_t due_us = node_poll(&node);
        uint64_t wake_us = due_us;
        if (board.received_at < board.received_count &&
            board.received[board.received_at].time_us < wake_us)
            wake_us = board.received[board.received_at].time_us;
        if (board.sending_until_us > board.now_us && board.sending_until_us < wake_us)
            wake_us = board.sending_until_us;
        if (wake_us > until_us)
            break;
        if (wake_us > board.now_us)
            board.now_us = wake_us;
        else
            board.now_us++; /* a step that takes no time would stand still */
    }
    if (board.now_us < until_us) /* a slow step may have gone past it */
        board.now_us = until_us;
    node_poll(&node);
}

void run(uint64_t us)
{
    run_until(board.now_us + us);
}

/* Bytes that begin to arrive now, one character after the other; returns the end of the last. */
uint64_t arrive(const void *bytes, size_t size, uint8_t errors)
{
    uint64_t at_us = board.now_us;
    uint32_t byte_us = 10 * 1000000 / board.line.baud;
    if (board.received_count > 0 && board.received[board.received_count - 1].time_us > at_us)
        at_us = board.received[board.received_count - 1].time_us;
    for (size_t i = 0; i < size; i++) {
        at_us += byte_us;
        board.received[board.received_count++] = (struct hal_byte){
            .time_us = at_us, .value = ((const uint8_t *)bytes)[i], .errors = errors};
    }
    return at_us;
}

uint64_t arrive_frame(uint8_t unit, const void *pdu, size_t size)
{
    uint8_t frame[RTU_FRAME_MAX];
    return arrive(frame, rtu_build(unit, pdu, size, frame, sizeof frame), 0);
}

/* Sends a request, waits 100 ms; the answer's PDU and its size, NULL when there was none. */
const uint8_t *ask(uint8_t unit, const void *pdu, size_t size, size_t *answer_size)
{
    unsigned before = board.sent_frames;
    uint64_t end_us = arrive_frame(unit, pdu, size);
    run_until(end_us + 100000 + 300 * 10 * SECOND_US / board.line.baud);
    if (board.sent_frames == before)
        return NULL;
    assert_int_equal(board.sent_frames, before + 1);
    assert_true(rtu_check(board.sent, board.sent_size));
    assert_int_equal(board.sent[0], unit);
    *answer_size = board.sent_size - 3;
    return board.sent + 1;
}

bool silent(uint8_t unit, const void *pdu, size_t size)
{
    size_t n;
    return ask(unit, pdu, size, &n) == NULL;
}

uint8_t address(void)
{
    return node.link.line.address;
}

void read_words(uint16_t first, uint16_t count, uint16_t *words)
{
    const uint8_t pdu[] = {4, (uint8_t)(first >> 8), (uint8_t)first, 0, (uint8_t)count};
    size_t size;
    const uint8_t *answer = ask(address(), pdu, sizeof pdu, &size);
    assert_non_null(answer);
    assert_int_equal(answer[0], 4);
    assert_int_equal(size, 2u + 2u * count);
    for (unsigned i = 0; i < count; i++)
        words[i] = (uint16_t)(answer[2 + 2 * i] << 8 | answer[3 + 2 * i]);
}

uint16_t read_word(uint16_t first)
{
    uint16_t word;
    read_words(first, 1, &word);
    return word;
}

/* Exception code, 0 when the write was done. */
uint8_t write_words(uint16_t first, uint16_t count, const uint16_t *words)
{
    uint8_t pdu[6 + 2 * 125] = {16, (uint8_t)(first >> 8), (uint8_t)first,
                                0,  (uint8_t)count,        (uint8_t)(2 * count)};
    for (unsigned i = 0; i < count; i++) {
        pdu[6 + 2 * i] = (uint8_t)(words[i] >> 8);
        pdu[7 + 2 * i] = (uint8_t)words[i];
    }
    size_t size;
    const uint8_t *answer = ask(address(), pdu, 6u + 2u * count, &size);
    assert_non_null(answer);
    return answer[0] == 16 ? 0 : answer[1];
}

uint8_t write_word(uint16_t first, uint16_t word)
{
    return write_words(first, 1, &word);
}

const uint8_t read_head[5] = {4, 0, 0, 0, 6};
