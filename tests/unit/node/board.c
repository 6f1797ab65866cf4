/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/board.h"

#include <stdlib.h>
#include <string.h>

struct board board;

void board_init(void)
{
    memset(&board, 0, sizeof board);
    memset(board.nv, 0xFF, sizeof board.nv);
    board.cause = HAL_RESET_UNKNOWN;
    board.serial = 0x0D001234;
    board.supply_mv = -1;
}

void board_power_cycle(void)
{
    static struct board before;
    before = board;
    board_init();
    memcpy(board.nv, before.nv, sizeof board.nv);
    board.nv_written = before.nv_written;
    board.serial = before.serial;
}

uint64_t hal_now_us(void)
{
    board.now_us += board.look_us;
    return board.now_us;
}

void hal_sleep(uint64_t until_us)
{
    if (until_us <= board.now_us)
        return;
    board.slept_us += until_us - board.now_us;
    board.now_us = until_us;
}

void hal_delay_us(uint32_t us)
{
    board.now_us += us;
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    board.line = *line;
    board.opened++;
    board.received_at = board.received_count;
    return HAL_OK;
}

void hal_bus_watch(bool on)
{
    (void)on;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    if (board.received_at == board.received_count ||
        board.received[board.received_at].time_us > board.now_us)
        return false;
    *byte = board.received[board.received_at++];
    if (board.received_at == board.received_count)
        board.received_at = board.received_count = 0;
    return true;
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    memcpy(board.sent, data, size);
    board.sent_size = size;
    board.sent_frames++;
    board.sent_us = board.now_us;
    board.sending_until_us = board.now_us + size * 10 * 1000000 / board.line.baud;
}

bool hal_bus_sending(void)
{
    return board.stuck_sending || board.now_us < board.sending_until_us;
}

uint32_t hal_bus_silence_floor_us(void)
{
    return 0;
}

void hal_sdi_break(bool on)
{
    (void)on;
}

void hal_sdi_send(const char *text, size_t size)
{
    (void)text;
    (void)size;
}

bool hal_sdi_sending(void)
{
    return false;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    (void)byte;
    return false;
}

enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write, size_t write_size,
                                 uint8_t *read, size_t read_size)
{
    (void)address;
    (void)write;
    (void)write_size;
    (void)read;
    (void)read_size;
    return HAL_NAK;
}

enum hal_result hal_adc_read(uint8_t channel, uint16_t *value)
{
    (void)channel;
    (void)value;
    return HAL_RANGE;
}

uint32_t hal_pulse_count(void)
{
    return board.pulses;
}

bool hal_onewire_reset(void)
{
    return false;
}

bool hal_onewire_slot(bool bit)
{
    return bit;
}

enum hal_result hal_supply_mv(uint16_t *mv)
{
    if (board.supply_mv < 0)
        return HAL_RANGE;
    *mv = (uint16_t)board.supply_mv;
    return HAL_OK;
}

void hal_rails(uint8_t on_mask)
{
    board.rails = on_mask;
}

void hal_indicator(bool on)
{
    board.indicator = on;
}

enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size)
{
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    board.nv_reads++;
    if (board.nv_fails != 0 && board.nv_reads >= board.nv_fails)
        return HAL_NAK;
    memcpy(data, board.nv + offset, size);
    return HAL_OK;
}

/* Byte by byte; the byte at which power fails is torn: some of its bits are new. */
enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    if (board.nv_broken)
        return HAL_FAULT;
    for (size_t i = 0; i < size; i++) {
        board.nv_written++;
        if (board.cut_at != 0 && board.nv_written >= board.cut_at) {
            board.nv[offset + i] = (uint8_t)((board.nv[offset + i] & 0x0F) | (bytes[i] & 0xF0));
            longjmp(board.cut, 1);
        }
        board.nv[offset + i] = bytes[i];
    }
    return HAL_OK;
}

void *hal_retained(void)
{
    return board.retained;
}

enum hal_reset_cause hal_reset_cause(void)
{
    return board.cause;
}

struct hal_fault hal_fault(void)
{
    return board.fault;
}

void hal_watchdog_feed(void)
{
    board.fed++;
}

_Noreturn void hal_reset(void)
{
    longjmp(board.cut, 2);
}

uint32_t hal_stack_free(void)
{
    return UINT32_MAX;
}

uint32_t hal_serial(void)
{
    return board.serial;
}

const uint8_t *hal_factory_page(size_t *size)
{
    *size = sizeof board.factory_page;
    return board.has_factory_page ? board.factory_page : NULL;
}

uint32_t hal_firmware_crc(void)
{
    return 0xC0FFEE01;
}

bool hal_clock_is_coarse(void)
{
    return board.coarse;
}

const char *hal_board_name(void)
{
    return "virtual";
}

enum hal_result hal_rtc_read(uint32_t *seconds, uint16_t *ms)
{
    uint64_t now_ms = board.rtc_ms + (board.now_us - board.rtc_us) / 1000;
    *seconds = board.rtc_s + (uint32_t)(now_ms / 1000);
    *ms = (uint16_t)(now_ms % 1000);
    return board.rtc_set ? HAL_OK : HAL_RANGE;
}

void hal_rtc_write(uint32_t seconds, uint16_t ms)
{
    board.rtc_set = true;
    board.rtc_s = seconds;
    board.rtc_ms = ms;
    board.rtc_us = board.now_us;
}

static void fake_start(struct sensor *sensor, uint64_t now_us)
{
    struct fake_sensor *fake = (struct fake_sensor *)sensor;
    fake->done_us = now_us + fake->takes_us;
    fake->starts++;
}

static uint64_t fake_poll(struct sensor *sensor, uint64_t now_us)
{
    struct fake_sensor *fake = (struct fake_sensor *)sensor;
    if (fake->hangs)
        return now_us + 10000;
    if (now_us < fake->done_us)
        return fake->done_us;
    for (unsigned i = 0; i < SENSOR_VALUES_MAX; i++)
        sensor->values[i] = (struct sensor_value){
            .hundredths = fake->hundredths[i], .raw = fake->raw[i], .flag = fake->flag[i]};
    return SENSOR_DONE;
}

void fake_sensor_init(struct fake_sensor *fake)
{
    static const struct sensor_driver driver = {.name = "fake",
                                                .values = SENSOR_VALUES_MAX,
                                                .warm_ms = 0,
                                                .bound_ms = 2000,
                                                .start = fake_start,
                                                .poll = fake_poll};
    memset(fake, 0, sizeof *fake);
    fake->sensor = (struct sensor){.driver = &driver, .values = fake->value};
    fake->takes_us = 20000;
    for (unsigned i = 0; i < SENSOR_VALUES_MAX; i++) {
        fake->hundredths[i] = 1234;
        fake->raw[i] = 4321;
    }
}
