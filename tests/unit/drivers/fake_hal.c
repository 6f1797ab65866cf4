/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/drivers/fake_hal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CHARACTER_US = 8334, BREAK_US = 12000, MARKING_US = 8330, SLEEP_US = 100000 };

struct fake fake;

/* Bytes on their way to the node. */
static struct hal_byte queue[512];
static size_t queue_head, queue_tail;
static uint64_t break_since, break_end, sent_at, line_quiet_at;
static bool breaking, awake;
static unsigned since_break;

void fake_reset(void)
{
    fake = (struct fake){.now_us = UINT64_C(0xFFFFF000)};
    queue_head = queue_tail = 0;
    break_since = break_end = sent_at = line_quiet_at = 0;
    breaking = awake = false;
    since_break = 0;
}

uint64_t hal_now_us(void)
{
    return fake.now_us;
}

void hal_delay_us(uint32_t us)
{
    fake.now_us += us;
}

/* ---- I2C ---- */

enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write, size_t write_size,
                                 uint8_t *read, size_t read_size)
{
    fake.i2c_calls++;
    fake.now_us += 90 * (2 + write_size + read_size); /* 100 kHz */
    if (fake.i2c_stuck)
        return HAL_STUCK;
    if (fake.i2c_nak) {
        fake.i2c_nak--;
        return HAL_NAK;
    }
    for (size_t i = 0; i < fake.i2c_count; i++)
        if (fake.i2c[i].address == address)
            return fake.i2c[i].transfer(write, write_size, read, read_size);
    return HAL_NAK;
}

/* ---- SDI-12 ---- */

void hal_sdi_break(bool on)
{
    if (on && !breaking) {
        break_since = fake.now_us;
        queue_head = queue_tail = 0; /* whoever is talking falls silent */
    }
    if (!on && breaking) {
        awake = fake.now_us - break_since >= BREAK_US;
        break_end = fake.now_us;
        since_break = 0;
    }
    breaking = on;
}

static void arrive(uint64_t time_us, uint8_t value, uint8_t errors)
{
    assert_true(queue_tail < sizeof queue / sizeof *queue);
    queue[queue_tail++] = (struct hal_byte){.time_us = time_us, .value = value, .errors = errors};
    line_quiet_at = time_us;
}

/* Sends the text with the fault of the day; it begins 10 ms after `from_us`. */
static void answer(uint64_t from_us, const char *text, size_t length, enum fake_sdi_fault fault)
{
    uint64_t at = from_us + 10000;
    if (fault == SDI_GLITCH)
        arrive(at - 5000, 0, HAL_BYTE_FRAMING);
    size_t victim = length / 2;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)text[i];
        uint8_t errors = 0;
        at += CHARACTER_US;
        if (fault == SDI_CUT && i > victim)
            return;
        if (fault == SDI_PARITY && i == victim)
            errors = HAL_BYTE_PARITY;
        if (fault == SDI_FLIPPED && i == victim)
            c ^= 0x03;
        if (fault == SDI_FOREIGN && i == 0)
            c = '9';
        arrive(at, c, errors);
    }
    if (fault == SDI_BABBLE)
        for (int i = 0; i < 100; i++)
            arrive(at += CHARACTER_US, 'U', 0);
}

static void probe_hears(struct sdi12_probe *probe, const char *text, size_t size, uint64_t end_us,
                        enum fake_sdi_fault fault)
{
    char reply[SDI12_ANSWER_MAX];
    if (fake.sdi_no_crc && size > 3 && text[2] == 'C')
        return;
    size_t length = sdi12_probe_answer(probe, text, size, reply, sizeof reply);
    if (!length)
        return;
    if (fake.sdi_faults && fault != SDI_SLOW && fault != SDI_NO_REQUEST)
        fake.sdi_faults--;
    answer(end_us, reply, length - (fault == SDI_BABBLE ? 2 : 0), fault);
    if (fault == SDI_ABORTED)
        return;
    uint64_t ready_us = end_us + 300000; /* before its second is over */
    length = sdi12_probe_ready(probe, reply, sizeof reply);
    if (length && fault != SDI_NO_REQUEST)
        answer(ready_us, reply, length, SDI_FINE);
}

void hal_sdi_send(const char *text, size_t size)
{
    fake.sdi_commands++;
    since_break++;
    if (!awake || breaking || (since_break == 1 && fake.now_us - break_end < MARKING_US))
        fake.sdi_sloppy = true;
    if (since_break > 1 && line_quiet_at < fake.now_us && fake.now_us - line_quiet_at > SLEEP_US)
        awake = false;
    sent_at = fake.now_us + size * CHARACTER_US;
    line_quiet_at = sent_at;
    enum fake_sdi_fault fault = fake.sdi_faults ? fake.sdi_fault : SDI_FINE;
    if (fault == SDI_MUTE) {
        fake.sdi_faults--;
        return;
    }
    if (!awake || (fault == SDI_SLOW && since_break < 3))
        return;
    for (size_t i = 0; i < fake.probe_count; i++)
        probe_hears(&fake.probes[i], text, size, sent_at, fault);
}

bool hal_sdi_sending(void)
{
    return fake.now_us < sent_at;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    if (queue_head == queue_tail) {
        queue_head = queue_tail = 0;
        return false;
    }
    if (queue[queue_head].time_us > fake.now_us)
        return false;
    *byte = queue[queue_head++];
    return true;
}

/* ---- 1-Wire: one DS18B20 that knows skip ROM, convert and read ---- */

static struct {
    unsigned bits_in, command_count;
    uint8_t command, commands[4];
    unsigned bits_out;
    bool reading;
} wire;

bool hal_onewire_reset(void)
{
    memset(&wire, 0, sizeof wire);
    fake.now_us += 960;
    return fake.wire_present && !fake.wire_held;
}

bool hal_onewire_slot(bool bit)
{
    fake.now_us += 70;
    if (fake.wire_held)
        return false;
    if (!fake.wire_present)
        return bit;
    if (wire.reading) {
        unsigned at = wire.bits_out++;
        bool out = at < 72 ? fake.wire_scratchpad[at / 8] >> (at % 8) & 1 : true;
        return fake.wire_flip && at == fake.wire_flip - 1 ? !out : out;
    }
    wire.command = (uint8_t)(wire.command >> 1 | (bit ? 0x80 : 0));
    if (++wire.bits_in % 8 == 0 && wire.command_count < sizeof wire.commands) {
        wire.commands[wire.command_count++] = wire.command;
        wire.reading = wire.command == 0xBE;
    }
    return bit;
}

/* ---- other inputs ---- */

enum hal_result hal_adc_read(uint8_t channel, uint16_t *value)
{
    *value = fake.adc;
    return channel == 0 ? fake.adc_result : HAL_RANGE;
}

uint32_t hal_pulse_count(void)
{
    return fake.pulses;
}

enum hal_result hal_supply_mv(uint16_t *mv)
{
    *mv = fake.supply_mv;
    return fake.supply_mv ? HAL_OK : HAL_RANGE;
}

/* ---- running ---- */

uint32_t fake_measure_both(struct sensor *a, struct sensor *b)
{
    struct sensor *sensors[2] = {a, b};
    uint64_t next[2] = {0, 0};
    uint64_t begin = fake.now_us;
    for (int i = 0; i < 2; i++) {
        if (sensors[i] != NULL)
            sensors[i]->driver->start(sensors[i], fake.now_us);
        else
            next[i] = SENSOR_DONE;
    }
    for (unsigned calls = 0; next[0] != SENSOR_DONE || next[1] != SENSOR_DONE; calls++) {
        assert_true(calls < 20000);
        for (int i = 0; i < 2; i++) {
            if (next[i] == SENSOR_DONE || next[i] > fake.now_us)
                continue;
            uint64_t bound_us = sensors[i]->driver->bound_ms * UINT64_C(1000);
            next[i] = sensors[i]->driver->poll(sensors[i], fake.now_us);
            assert_true(fake.now_us - begin <= bound_us);
        }
        uint64_t sooner = next[0] < next[1] ? next[0] : next[1];
        if (sooner != SENSOR_DONE)
            fake.now_us = sooner > fake.now_us ? sooner : fake.now_us + 10;
    }
    return (uint32_t)((fake.now_us - begin) / 1000);
}

uint32_t fake_measure(struct sensor *sensor)
{
    return fake_measure_both(sensor, NULL);
}
