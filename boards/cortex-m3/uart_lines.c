/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/uart_lines.h"

#include "boards/cortex-m3/board.h"

#define SILENCE_FLOOR_US 20000
#define SDI_BITS         0x7F /* the eighth is the parity */

void console_line(const char *text)
{
    while (*text)
        uart_console_put(*text++);
    uart_console_put('\r');
    uart_console_put('\n');
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    bool parity = line->parity == 'N' || line->parity == 'E' || line->parity == 'O';
    if (line->baud < 1200 || line->baud > 115200 || line->stop_bits < 1 || line->stop_bits > 2 ||
        !parity)
        return HAL_RANGE;
    uart_bus_open(line);
    return HAL_OK;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    return byte_ring_get(&uart_bus.ring, byte);
}

/* Each byte has an interrupt of its own here. */
void hal_bus_watch(bool on)
{
    (void)on;
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    uart_send(&uart_bus, data, size);
}

bool hal_bus_sending(void)
{
    return uart_sending(&uart_bus);
}

/* An emulator hands bytes over as its main loop turns, whatever the baud. */
uint32_t hal_bus_silence_floor_us(void)
{
    return SILENCE_FLOOR_US;
}

void hal_sdi_send(const char *text, size_t size)
{
    uart_send(&uart_sdi, (const uint8_t *)text, size);
}

bool hal_sdi_sending(void)
{
    return uart_sending(&uart_sdi);
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    bool got = byte_ring_get(&uart_sdi.ring, byte);
    if (got)
        byte->value &= SDI_BITS;
    return got;
}
