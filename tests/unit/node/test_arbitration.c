/* SPDX-License-Identifier: Apache-2.0 */
/* Several nodes on one line in virtual time: scan, arbitration and requests by serial number. Each
 * node is whole from its link down; the line carries every byte to all but its sender, and garbles
 * what two say at once unless it is the same byte at the same time. The transcript is the published
 * one of two Wiren Board devices (wb-modbus-ext-scanner, docs/article.en.md). */
#include "tests/unit/node/unit.h"

#include "firmware/node/link.h"
#include "protocols/modbus/crc16.h"

enum { NODES_MAX = 8, RING = 64, HEARD = 128 };

struct station {
    struct link link;
    struct modbus_server server;
    struct settings settings;
    uint32_t serial;
    uint32_t lag_us; /* this node's main loop comes so much later than it wanted */
    struct hal_byte ring[RING];
    unsigned in, out;
    uint64_t sending_until_us;
    uint64_t wake_us;
};

static struct station stations[NODES_MAX];
static unsigned station_count, current;
static uint64_t now_us;
static uint32_t baud;
static uint8_t heard[HEARD]; /* by the master, in order of their ends */
static unsigned heard_count;
static uint64_t line_start_us, line_end_us; /* of the newest byte on the line */
static uint8_t line_byte;
static unsigned garbled;

static uint64_t byte_us(void)
{
    return 10 * 1000000 / baud;
}

/* ---- hal: each function is of the station whose turn it is ---- */

uint64_t hal_now_us(void)
{
    return now_us;
}

uint32_t hal_serial(void)
{
    return stations[current].serial;
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    assert_int_equal(line->baud, baud);
    return HAL_OK;
}

void hal_bus_watch(bool on)
{
    (void)on;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    struct station *s = &stations[current];
    if (s->in == s->out || s->ring[s->out % RING].time_us > now_us)
        return false;
    *byte = s->ring[s->out++ % RING];
    return true;
}

bool hal_bus_sending(void)
{
    return now_us < stations[current].sending_until_us;
}

uint32_t hal_bus_silence_floor_us(void)
{
    return 0;
}

/* Every byte reaches all others at its end. */
static void put_on_line(int sender, uint8_t value, uint64_t start_us)
{
    uint64_t end_us = start_us + byte_us();
    bool together = start_us < line_end_us;
    if (together && !(value == line_byte && start_us == line_start_us))
        garbled++;
    if (!together || value != line_byte) {
        assert_true(heard_count < HEARD);
        heard[heard_count++] = value;
    }
    line_start_us = start_us;
    line_end_us = end_us;
    line_byte = value;
    for (unsigned i = 0; i < station_count; i++) {
        struct station *s = &stations[i];
        if ((int)i == sender || start_us < s->sending_until_us)
            continue; /* half duplex */
        s->ring[s->in++ % RING] = (struct hal_byte){.time_us = end_us, .value = value};
        assert_true(s->in - s->out <= RING);
    }
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    stations[current].sending_until_us = now_us + size * byte_us();
    for (size_t i = 0; i < size; i++)
        put_on_line((int)current, data[i], now_us + i * byte_us());
}

/* settings.c and redundant_record.c are linked, and never used. */
enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size)
{
    (void)offset;
    memset(data, 0xFF, size);
    return HAL_OK;
}

enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size)
{
    (void)offset;
    (void)data;
    (void)size;
    return HAL_OK;
}

/* ---- the model behind the server: one register that tells whose it is ---- */

static enum modbus_exception read_registers(void *context, bool input, uint16_t address,
                                            uint16_t count, uint16_t *values)
{
    const struct station *s = context;
    (void)input;
    for (unsigned i = 0; i < count; i++)
        values[i] = (uint16_t)(s->serial + address + i);
    return MODBUS_OK;
}

static enum modbus_exception write_registers(void *context, uint16_t address, uint16_t count,
                                             const uint16_t *values, bool broadcast)
{
    struct station *s = context;
    struct line_settings line = s->settings.line;
    if (address != 0x07D0 || count != 1 || broadcast)
        return MODBUS_ILLEGAL_ADDRESS;
    line.address = (uint8_t)values[0];
    link_want_line(&s->link, &line);
    return MODBUS_OK;
}

/* ---- time ---- */

static void turn(unsigned index)
{
    current = index;
    uint64_t due_us = link_poll(&stations[index].link, now_us);
    stations[index].wake_us = due_us == UINT64_MAX ? UINT64_MAX : due_us + stations[index].lag_us;
}

static uint64_t next_event_us(unsigned index)
{
    const struct station *s = &stations[index];
    uint64_t at_us = s->wake_us;
    if (s->in != s->out && s->ring[s->out % RING].time_us < at_us)
        at_us = s->ring[s->out % RING].time_us;
    if (s->sending_until_us > now_us && s->sending_until_us < at_us)
        at_us = s->sending_until_us;
    return at_us > now_us ? at_us : now_us + 1;
}

static void run_until(uint64_t until_us)
{
    for (;;) {
        uint64_t at_us = until_us;
        for (unsigned i = 0; i < station_count; i++)
            if (next_event_us(i) < at_us)
                at_us = next_event_us(i);
        if (at_us >= until_us)
            break;
        /* All that is due at one instant happens at it, whoever comes first. */
        bool due[NODES_MAX];
        for (unsigned i = 0; i < station_count; i++)
            due[i] = next_event_us(i) == at_us;
        now_us = at_us;
        for (unsigned i = 0; i < station_count; i++)
            if (due[i])
                turn(i);
    }
    now_us = until_us;
}

static struct modbus_model models[NODES_MAX];

static void begin(uint32_t rate, const uint32_t *serials, unsigned count)
{
    baud = rate;
    station_count = count;
    now_us = 1000000;
    line_end_us = 0;
    garbled = 0;
    memset(stations, 0, sizeof stations);
    for (unsigned i = 0; i < count; i++) {
        struct station *s = &stations[i];
        s->serial = serials[i];
        s->settings.line = (struct line_settings){.address = 247, .baud_code = 2};
        for (uint8_t code = 0; node_baud(code); code++)
            if (node_baud(code) == rate)
                s->settings.line.baud_code = code;
        models[i] = (struct modbus_model){
            .context = s, .read_registers = read_registers, .write_registers = write_registers};
        current = i;
        link_init(&s->link, &models[i], &s->settings, &(struct link_options){0}, now_us);
        s->wake_us = UINT64_MAX;
    }
}

/* What the master hears after its request, until nobody can say anything any more. */
static void ask(const void *pdu, size_t size)
{
    uint8_t frame[RTU_FRAME_MAX];
    size_t n = rtu_build(MODBUS_FAST_UNIT, pdu, size, frame, sizeof frame);
    for (size_t i = 0; i < n; i++)
        put_on_line(-1, frame[i], now_us + i * byte_us());
    heard_count = 0;
    run_until(now_us + n * byte_us() + 100000 + 1000 * 1000000 / baud);
}

static unsigned dominant_bits(void)
{
    unsigned n = 0;
    while (n < heard_count && heard[n] == 0xFF)
        n++;
    return n;
}

/* The serial number of the one that answered; 0: "there is no other", which is also an answer. */
static uint32_t found(void)
{
    const uint8_t *answer = heard + dominant_bits();
    unsigned size = heard_count - dominant_bits();
    assert_true(rtu_check(answer, size));
    assert_int_equal(answer[0], 0xFD);
    assert_int_equal(answer[1], 0x46);
    if (answer[2] == 0x04) {
        assert_int_equal(size, 5);
        return 0;
    }
    assert_int_equal(answer[2], 0x03);
    assert_int_equal(size, 10);
    return (uint32_t)answer[3] << 24 | (uint32_t)answer[4] << 16 | (uint32_t)answer[5] << 8 |
           answer[6];
}

static const uint8_t scan_start[] = {0x46, 0x01}, scan_next[] = {0x46, 0x02};

static void published_transcript_is_repeated_byte_for_byte(void **state)
{
    (void)state;
    static const uint32_t serials[] = {0xFED2A3A6, 0xFE4000AC};
    begin(115200, serials, 2);
    stations[0].settings.line.address = stations[0].link.line.address = 0xF1;
    stations[1].settings.line.address = stations[1].link.line.address = 0x14;
    ask(scan_start, 2);
    assert_int_equal(dominant_bits(), 22);
    assert_int_equal(heard_count, 22 + 10);
    assert_memory_equal(heard + 22, "\xFD\x46\x03\xFE\x40\x00\xAC\x14\xE8\x3A", 10);
    ask(scan_next, 2);
    assert_int_equal(found(), 0xFED2A3A6);
    ask(scan_next, 2);
    assert_int_equal(dominant_bits(), 20);
    assert_memory_equal(heard + 20, "\xFD\x46\x04\xD3\x93", 5);
    assert_int_equal(garbled, 0);
}

/* All that a technician does with a bag of new nodes, all at address 247. */
static void new_nodes_are_found_and_addressed_one_by_one(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1200, 9600, 19200, 115200};
    for (unsigned r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        static const uint32_t serials[] = {0x0D000107, 0x0D000003, 0x0D00FFFF, 0x0D000106,
                                           0x01234567, 0x0FFFFFFF, 0x00000001, 0x0D000002};
        begin(rates[r], serials, NODES_MAX);
        uint32_t before = 0;
        for (unsigned i = 0; i < NODES_MAX; i++) {
            ask(i == 0 ? scan_start : scan_next, 2);
            uint32_t serial = found();
            assert_true(serial > before); /* the smallest that is left */
            before = serial;
            uint8_t address[] = {0x46, 8, 0, 0, 0, 0, 6, 0x07, 0xD0, 0, (uint8_t)(10 + i)};
            for (unsigned k = 0; k < 4; k++)
                address[2 + k] = (uint8_t)(serial >> (24 - 8 * k));
            ask(address, sizeof address);
            assert_int_equal(heard[2], 9);
            assert_memory_equal(heard + 3, address + 2, 9);
        }
        ask(scan_next, 2);
        assert_int_equal(found(), 0);
        ask(scan_start, 2); /* a new scan begins anew */
        assert_int_equal(found(), 1);
        assert_int_equal(garbled, 0);
        bool used[NODES_MAX] = {false};
        for (unsigned i = 0; i < NODES_MAX; i++) {
            unsigned address = stations[i].link.line.address;
            assert_in_range(address, 10, 10 + NODES_MAX - 1);
            assert_false(used[address - 10]);
            used[address - 10] = true;
        }
    }
}

static void only_the_one_meant_answers_a_request_by_serial_number(void **state)
{
    (void)state;
    static const uint32_t serials[] = {7, 8, 9};
    begin(9600, serials, 3);
    for (uint8_t serial = 7; serial <= 9; serial++) {
        const uint8_t request[] = {0x46, 8, 0, 0, 0, serial, 3, 0x01, 0x00, 0, 1};
        ask(request, sizeof request);
        const uint8_t answer[] = {0xFD, 0x46, 9, 0, 0, 0, serial, 3, 2, 0x01, serial};
        assert_int_equal(heard_count, sizeof answer + 2);
        assert_memory_equal(heard, answer, sizeof answer);
    }
    const uint8_t stranger[] = {0x46, 8, 0, 0, 0, 6, 3, 0x01, 0x00, 0, 1};
    ask(stranger, sizeof stranger);
    assert_int_equal(heard_count, 0);
}

/* Their clocks differ, as interrupts delay them: a bit or two is within the windows. A node that
 * comes a whole window late stays out, and is found in the next round. */
static void nodes_may_be_late_by_some_bits_and_never_talk_over_another(void **state)
{
    (void)state;
    static const uint32_t serials[] = {0x0D000001, 0x0D000002, 0x0D000003};
    begin(9600, serials, 3);
    stations[0].lag_us = 150;
    stations[2].lag_us = 90;
    ask(scan_start, 2);
    assert_int_equal(found(), 0x0D000001);
    stations[1].lag_us = 1500; /* a window is 1,355 us */
    ask(scan_next, 2);
    assert_int_equal(found(), 0x0D000003);
    stations[1].lag_us = 0;
    ask(scan_next, 2);
    assert_int_equal(found(), 0x0D000002);
    ask(scan_next, 2);
    assert_int_equal(found(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_transcript_is_repeated_byte_for_byte),
        cmocka_unit_test(new_nodes_are_found_and_addressed_one_by_one),
        cmocka_unit_test(only_the_one_meant_answers_a_request_by_serial_number),
        cmocka_unit_test(nodes_may_be_late_by_some_bits_and_never_talk_over_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
