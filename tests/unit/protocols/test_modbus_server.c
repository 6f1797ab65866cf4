/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "protocols/modbus/server.h"
#include "protocols/modbus/tcp.h"

/* A model of 32 registers and 20 bits from address 0. */
struct fake {
    uint16_t registers[32];
    bool bits[20];
    unsigned writes;
    bool broadcast;
};

static enum modbus_exception fake_read(void *context, bool input, uint16_t address, uint16_t count,
                                       uint16_t *values)
{
    const struct fake *f = context;
    if (address + count > 32)
        return MODBUS_ILLEGAL_ADDRESS;
    for (uint16_t i = 0; i < count; i++)
        values[i] = (uint16_t)(f->registers[address + i] + (input ? 0x1000 : 0));
    return MODBUS_OK;
}

static enum modbus_exception fake_write(void *context, uint16_t address, uint16_t count,
                                        const uint16_t *values, bool broadcast)
{
    struct fake *f = context;
    if (address + count > 32)
        return MODBUS_ILLEGAL_ADDRESS;
    if (values[0] == 0xDEAD)
        return MODBUS_DEVICE_FAILURE;
    memcpy(f->registers + address, values, count * sizeof *values);
    f->writes++;
    f->broadcast = broadcast;
    return MODBUS_OK;
}

static enum modbus_exception fake_read_bits(void *context, bool input, uint16_t address,
                                            uint16_t count, uint8_t *bits)
{
    const struct fake *f = context;
    (void)input;
    if (address + count > 20)
        return MODBUS_ILLEGAL_ADDRESS;
    for (uint16_t i = 0; i < count; i++)
        bits[i / 8] |= (uint8_t)(f->bits[address + i] << i % 8);
    return MODBUS_OK;
}

static enum modbus_exception fake_write_bits(void *context, uint16_t address, uint16_t count,
                                             const uint8_t *bits, bool broadcast)
{
    struct fake *f = context;
    (void)broadcast;
    if (address + count > 20)
        return MODBUS_ILLEGAL_ADDRESS;
    for (uint16_t i = 0; i < count; i++)
        f->bits[address + i] = bits[i / 8] >> i % 8 & 1;
    return MODBUS_OK;
}

static size_t fake_id(void *context, uint8_t *data, size_t size)
{
    (void)context;
    (void)size;
    memcpy(data, "\x42\xFF", 2);
    return 2;
}

static const char *fake_object(void *context, uint8_t id)
{
    static const char long_text[] =
        "0123456789012345678901234567890123456789012345678901234567890123"
        "456789012345678901234567890123456789012345678901234567890123456";
    (void)context;
    switch (id) {
    case 0:
        return "vendor";
    case 1:
        return "product";
    case 2:
        return "1.0";
    case 3:
    case 0x80:
        return long_text;
    default:
        return NULL;
    }
}

static uint16_t fake_status(void *context)
{
    (void)context;
    return 0x1234;
}

static struct fake fake;
static const struct modbus_model model = {
    .context = &fake,
    .read_registers = fake_read,
    .write_registers = fake_write,
    .read_bits = fake_read_bits,
    .write_bits = fake_write_bits,
    .report_id = fake_id,
    .object = fake_object,
    .status = fake_status,
};
static struct modbus_server server;

static int fresh(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    for (uint16_t i = 0; i < 32; i++)
        fake.registers[i] = i;
    modbus_server_init(&server, &model);
    return 0;
}

/* Asks, and compares the answer with the bytes wanted. */
static void ask(const char *request, size_t size, const char *want, size_t want_size)
{
    uint8_t answer[MODBUS_PDU_MAX];
    size_t n = modbus_serve(&server, (const uint8_t *)request, size, false, answer);
    assert_int_equal(n, want_size);
    if (want_size > 0)
        assert_memory_equal(answer, want, want_size);
}

#define ASK(request, want) ask(request, sizeof(request) - 1, want, sizeof(want) - 1)

static void registers_are_read_and_written(void **state)
{
    (void)state;
    ASK("\x03\x00\x02\x00\x02", "\x03\x04\x00\x02\x00\x03");
    ASK("\x04\x00\x02\x00\x01", "\x04\x02\x10\x02");
    ASK("\x06\x00\x05\x12\x34", "\x06\x00\x05\x12\x34");
    ASK("\x10\x00\x06\x00\x02\x04\xAA\xBB\xCC\xDD", "\x10\x00\x06\x00\x02");
    ASK("\x03\x00\x05\x00\x03", "\x03\x06\x12\x34\xAA\xBB\xCC\xDD");
    ASK("\x16\x00\x05\x00\xF2\x00\x25", "\x16\x00\x05\x00\xF2\x00\x25");
    assert_int_equal(fake.registers[5], (0x1234 & 0xF2) | (0x25 & ~0xF2));
}

static void read_write_writes_before_it_reads(void **state)
{
    (void)state;
    ASK("\x17\x00\x08\x00\x02\x00\x08\x00\x01\x02\x77\x88", "\x17\x04\x77\x88\x00\x09");
}

static void bits_are_packed_lowest_first(void **state)
{
    (void)state;
    ASK("\x05\x00\x01\xFF\x00", "\x05\x00\x01\xFF\x00");
    ASK("\x0F\x00\x08\x00\x0A\x02\xCD\x01", "\x0F\x00\x08\x00\x0A");
    ASK("\x01\x00\x00\x00\x0A", "\x01\x02\x02\x01");
    ASK("\x02\x00\x08\x00\x0A", "\x02\x02\xCD\x01");
    ASK("\x05\x00\x01\x00\x01", "\x85\x03");
}

static void wrong_requests_get_the_right_exception(void **state)
{
    (void)state;
    ASK("\x65", "\xE5\x01");
    ASK("\x03\x00\x1F\x00\x02", "\x83\x02");
    ASK("\x03\xFF\xFF\x00\x02", "\x83\x02");
    ASK("\x03\x00\x00\x00\x00", "\x83\x03");
    ASK("\x03\x00\x00\x00\x7E", "\x83\x03");
    ASK("\x03\x00\x00\x00", "\x83\x03");
    ASK("\x03\x00\x00\x00\x01\x00", "\x83\x03");
    ASK("\x01\x00\x00\x07\xD1", "\x81\x03");
    ASK("\x10\x00\x00\x00\x02\x03\x00\x01\x00", "\x90\x03");
    ASK("\x10\x00\x00\x00\x02\x04\x00\x01\x00", "\x90\x03");
    ASK("\x17\x00\x00\x00\x01\x00\x00\x00\x01\x04\x00\x01", "\x97\x03");
    ASK("\x06\x00\x00\xDE\xAD", "\x86\x04");
    ASK("\x2B\x0D\x01\x00", "\xAB\x01");
    ASK("\x2B\x0E\x05\x00", "\xAB\x03");
    ASK("\x2B\x0E\x04\x30", "\xAB\x02");
    assert_int_equal(server.counters.exceptions, 15);
    assert_int_equal(fake.writes, 0);
}

static void exception_answers_are_not_taken_for_requests(void **state)
{
    (void)state;
    ASK("\x83\x02", "");
    ASK("", "");
}

static void diagnostics_count_and_clear(void **state)
{
    (void)state;
    ASK("\x08\x00\x00\xA5\x37\x01", "\x08\x00\x00\xA5\x37\x01");
    ASK("\x65", "\xE5\x01");
    server.counters.bus_messages = 9;
    server.counters.bus_errors = 4;
    server.counters.overruns = 2;
    ASK("\x08\x00\x02\x00\x00", "\x08\x00\x02\x12\x34");
    ASK("\x08\x00\x0B\x00\x00", "\x08\x00\x0B\x00\x09");
    ASK("\x08\x00\x0C\x00\x00", "\x08\x00\x0C\x00\x04");
    ASK("\x08\x00\x0D\x00\x00", "\x08\x00\x0D\x00\x01");
    ASK("\x08\x00\x0E\x00\x00", "\x08\x00\x0E\x00\x07");
    ASK("\x08\x00\x0F\x00\x00", "\x08\x00\x0F\x00\x00");
    ASK("\x08\x00\x10\x00\x00", "\x08\x00\x10\x00\x00");
    ASK("\x08\x00\x11\x00\x00", "\x08\x00\x11\x00\x00");
    ASK("\x08\x00\x12\x00\x00", "\x08\x00\x12\x00\x02");
    ASK("\x08\x00\x14\x00\x00", "\x08\x00\x14\x00\x00");
    ASK("\x08\x00\x12\x00\x00", "\x08\x00\x12\x00\x00");
    ASK("\x08\x00\x0A\x00\x00", "\x08\x00\x0A\x00\x00");
    ASK("\x08\x00\x0B\x00\x00", "\x08\x00\x0B\x00\x00");
    ASK("\x08\x00\x13\x00\x00", "\x88\x01");
    ASK("\x08\x00\x0B\x00\x01", "\x88\x03");
}

static void listen_only_is_left_by_restart_alone(void **state)
{
    (void)state;
    ASK("\x08\x00\x04\x00\x00", "");
    ASK("\x03\x00\x00\x00\x01", "");
    ASK("\x06\x00\x00\x00\x07", "");
    assert_int_equal(fake.writes, 0);
    ASK("\x08\x00\x01\x00\x00", "");
    ASK("\x03\x00\x00\x00\x01", "\x03\x02\x00\x00");
    ASK("\x08\x00\x01\xFF\x00", "\x08\x00\x01\xFF\x00");
}

static void broadcast_writes_and_never_answers(void **state)
{
    (void)state;
    uint8_t answer[MODBUS_PDU_MAX];
    assert_int_equal(
        modbus_serve(&server, (const uint8_t *)"\x06\x00\x01\x00\x63", 5, true, answer), 0);
    assert_int_equal(fake.registers[1], 99);
    assert_true(fake.broadcast);
    assert_int_equal(
        modbus_serve(&server, (const uint8_t *)"\x03\x00\x01\x00\x01", 5, true, answer), 0);
    assert_int_equal(
        modbus_serve(&server, (const uint8_t *)"\x06\x00\xFF\x00\x63", 5, true, answer), 0);
    assert_int_equal(server.counters.no_responses, 3);
}

static void event_counter_counts_what_went_well(void **state)
{
    (void)state;
    ASK("\x0B", "\x0B\x00\x00\x00\x00");
    ASK("\x03\x00\x00\x00\x01", "\x03\x02\x00\x00");
    ASK("\x65", "\xE5\x01");
    ASK("\x0B", "\x0B\x00\x00\x00\x01");
    ASK("\x07", "\x07\x34");
    ASK("\x11", "\x11\x02\x42\xFF");
}

static void identification_streams_and_goes_on_where_it_stopped(void **state)
{
    (void)state;
    ASK("\x2B\x0E\x01\x00", "\x2B\x0E\x01\x83\x00\x00\x03\x00\x06vendor\x01\x07product\x02\x03"
                            "1.0");
    ASK("\x2B\x0E\x04\x02", "\x2B\x0E\x04\x83\x00\x00\x01\x02\x03"
                            "1.0");
    uint8_t answer[MODBUS_PDU_MAX];
    size_t n = modbus_serve(&server, (const uint8_t *)"\x2B\x0E\x03\x00", 4, false, answer);
    assert_in_range(n, 100, MODBUS_PDU_MAX);
    assert_memory_equal(answer, "\x2B\x0E\x03\x83\xFF\x80\x04", 7);
    n = modbus_serve(&server, (const uint8_t *)"\x2B\x0E\x03\x80", 4, false, answer);
    assert_memory_equal(answer, "\x2B\x0E\x03\x83\x00\x00\x01\x80", 8);
    assert_int_equal(modbus_answer_size(answer, n), (int)n);
    /* An object that does not exist: from the beginning. */
    modbus_serve(&server, (const uint8_t *)"\x2B\x0E\x01\x55", 4, false, answer);
    assert_int_equal(answer[6], 3);
}

static void no_request_is_read_past_its_end_nor_answered_too_long(void **state)
{
    (void)state;
    uint32_t seed = 4711;
    for (uint32_t i = 0; i < test_count(200000, 2000000); i++) {
        uint8_t answer[MODBUS_PDU_MAX];
        size_t size = test_random(&seed) % 20;
        uint8_t *request = malloc(size + 1);
        for (size_t k = 0; k < size; k++)
            request[k] = (uint8_t)(test_random(&seed) % (k < 5 ? 40 : 256));
        size_t n = modbus_serve(&server, request, size, false, answer);
        assert_in_range(n, 0, MODBUS_PDU_MAX);
        if (n > 0)
            assert_int_equal(answer[0] & 0x7F, request[0]);
        free(request);
    }
}

static void tcp_header_is_checked(void **state)
{
    (void)state;
    uint8_t frame[TCP_FRAME_MAX];
    size_t n =
        tcp_build(0x1234, 9, (const uint8_t *)"\x03\x00\x00\x00\x01", 5, frame, sizeof frame);
    assert_int_equal(n, 12);
    assert_memory_equal(frame, "\x12\x34\x00\x00\x00\x06\x09\x03\x00\x00\x00\x01", 12);
    struct tcp_frame parsed;
    assert_int_equal(tcp_parse(frame, 11, &parsed), TCP_MORE);
    assert_int_equal(tcp_parse(frame, 12, &parsed), 12);
    assert_int_equal(parsed.transaction, 0x1234);
    assert_int_equal(parsed.unit, 9);
    assert_int_equal(parsed.pdu_size, 5);
    frame[2] = 1;
    assert_int_equal(tcp_parse(frame, 12, &parsed), TCP_BAD);
    frame[2] = 0;
    frame[4] = 1;
    assert_int_equal(tcp_parse(frame, 12, &parsed), TCP_BAD);
    assert_int_equal(tcp_build(1, 1, frame, 5, frame, 11), 0);
}

static void an_answer_whose_length_is_one_off_is_as_long_as_its_pdu(void **state)
{
    (void)state;
    struct tcp_frame parsed;
    const uint8_t *longer = (const uint8_t *)"\x00\x07\x00\x00\x00\x04\x01\x83\x02";
    assert_int_equal(tcp_parse(longer, 9, &parsed), TCP_MORE);
    assert_int_equal(tcp_parse_answer(longer, 9, &parsed), 9);
    assert_int_equal(parsed.pdu_size, 2);
    const uint8_t *shorter = (const uint8_t *)"\x00\x07\x00\x00\x00\x04\x01\x03\x02\x00\x2A";
    for (size_t have = 0; have < 11; have++)
        assert_int_equal(tcp_parse_answer(shorter, have, &parsed), TCP_MORE);
    assert_int_equal(tcp_parse_answer(shorter, 11, &parsed), 11);
    assert_int_equal(parsed.pdu_size, 4);
    /* Two off is no slip of counting: what the header says stands, and the PDU does not fit. */
    const uint8_t *wrong = (const uint8_t *)"\x00\x07\x00\x00\x00\x03\x01\x03\x02\x00\x2A";
    assert_int_equal(tcp_parse_answer(wrong, 11, &parsed), 9);
    assert_int_equal(tcp_parse_answer((const uint8_t *)"HTTP/1.1", 8, &parsed), TCP_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_whose_length_is_one_off_is_as_long_as_its_pdu),
        cmocka_unit_test_setup(registers_are_read_and_written, fresh),
        cmocka_unit_test_setup(read_write_writes_before_it_reads, fresh),
        cmocka_unit_test_setup(bits_are_packed_lowest_first, fresh),
        cmocka_unit_test_setup(wrong_requests_get_the_right_exception, fresh),
        cmocka_unit_test_setup(exception_answers_are_not_taken_for_requests, fresh),
        cmocka_unit_test_setup(diagnostics_count_and_clear, fresh),
        cmocka_unit_test_setup(listen_only_is_left_by_restart_alone, fresh),
        cmocka_unit_test_setup(broadcast_writes_and_never_answers, fresh),
        cmocka_unit_test_setup(event_counter_counts_what_went_well, fresh),
        cmocka_unit_test_setup(identification_streams_and_goes_on_where_it_stopped, fresh),
        cmocka_unit_test_setup(no_request_is_read_past_its_end_nor_answered_too_long, fresh),
        cmocka_unit_test(tcp_header_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
