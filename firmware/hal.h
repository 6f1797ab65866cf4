/* SPDX-License-Identifier: Apache-2.0 */
/* What a board must give the node application and the drivers. A board is a folder under boards/
 * that defines every function below; the linker picks it, nothing else in firmware/ knows which.
 *
 * One thread: all functions are called from the main loop, never from an interrupt. A board's
 * interrupts only store bytes and end hal_sleep(). No call waits longer than its comment states.
 * The board's main() brings clocks and pins up, fills a struct node_config and calls node_run(). */
#ifndef BAIYE_HAL_H
#define BAIYE_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Negative, append only. */
enum hal_result {
    HAL_OK = 0,
    HAL_NAK = -1,     /* no one answered at that address */
    HAL_TIMEOUT = -2, /* the bound of the wait was reached */
    HAL_STUCK = -3,   /* a bus line is held down, and recovery did not free it */
    HAL_RANGE = -4,   /* the caller requested what the board does not have */
    HAL_FAULT = -5    /* the part answered with an error, or a write did not read back */
};

/* ---- time ---- */

/* Microseconds since power-up or reset, monotonic, 64 bits so that it never wraps: the board
 * extends its counter. Resolution 10 us or better while awake, 1 ms over deep sleep. */
uint64_t hal_now_us(void);

/* Sleeps until `until_us`, or until an interrupt stored something to look at (a byte received, a
 * transmission ended, a pulse); may return early for any reason. Past: returns at once.
 * This is the one-shot timer: it times t3.5, so it may be late by 50 us at most on real parts. */
void hal_sleep(uint64_t until_us);

/* Busy wait for the few bit-timed protocols; at most 1,000 us. */
void hal_delay_us(uint32_t us);

/* The clock has no crystal behind it: percents off, not millionths. May change with a reset
 * only. */
bool hal_clock_is_coarse(void);

/* A clock of UTC that goes on over every reset. HAL_RANGE: the board has none, or it was not set
 * since power-up. At most 10 ms each. */
enum hal_result hal_rtc_read(uint32_t *seconds, uint16_t *ms);
void hal_rtc_write(uint32_t seconds, uint16_t ms);

/* ---- RS-485 line ---- */

struct hal_line {
    uint32_t baud;     /* 1200..115200 */
    char parity;       /* 'N', 'E', 'O' */
    uint8_t stop_bits; /* 1 or 2 */
};

enum hal_byte_error {
    HAL_BYTE_FRAMING = 1, /* no stop bit, or a break */
    HAL_BYTE_PARITY = 2,
    HAL_BYTE_OVERRUN = 4 /* bytes were lost before this one */
};

struct hal_byte {
    uint64_t time_us; /* end of the byte; a board with DMA computes it from the idle line */
    uint8_t value;
    uint8_t errors; /* or of enum hal_byte_error */
};

/* (Re)opens the receiver and transmitter; drops what was received before. HAL_RANGE: the part
 * cannot do these settings, and the line is as it was. */
enum hal_result hal_bus_open(const struct hal_line *line);
/* Next received byte; false when there is none. The board buffers at least 520 bytes, two of the
 * longest frames. What the node sends itself is not received. */
bool hal_bus_receive(struct hal_byte *byte);
/* While watched, each byte ends hal_sleep() and its time is good to 50 us even in the midst of a
 * burst: for arbitration, where it counts which bit a byte stands for. Costs an interrupt a byte.
 * hal_bus_open() ends it. */
void hal_bus_watch(bool on);
/* Drives the line and sends; returns at once. `data` stays untouched until hal_bus_sending() is
 * false. The driver is let go when the last stop bit has left (transmit complete), by interrupt. */
void hal_bus_send(const uint8_t *data, size_t size);
bool hal_bus_sending(void);
/* Least silence that this board can distinguish from a pause inside a frame, 0: no floor but the
 * standard's. Emulated boards get their bytes in bursts and name some 20,000. */
uint32_t hal_bus_silence_floor_us(void);

/* ---- SDI-12 line: 1200 baud, 7 data bits, even parity, one wire ---- */

/* Spacing (on) or marking (off) without data: the break. */
void hal_sdi_break(bool on);
/* As hal_bus_send(); the board adds parity, and turns the wire round after the last stop bit. */
void hal_sdi_send(const char *text, size_t size);
bool hal_sdi_sending(void);
/* As hal_bus_receive(); value is the 7-bit character. Buffers at least 96. */
bool hal_sdi_receive(struct hal_byte *byte);

/* ---- I2C ---- */

/* Writes, then reads (either may be 0 bytes; both 0: probes the address). A board may put a STOP
 * between the two. At most 64 bytes each; takes at most 10 ms, whatever the bus does: HAL_STUCK
 * after the board clocked a held line nine times in vain. */
enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write, size_t write_size,
                                 uint8_t *read, size_t read_size);

/* ---- other inputs ---- */

/* Ratiometric, 0..65535 of full scale. Takes at most 1 ms. */
enum hal_result hal_adc_read(uint8_t channel, uint16_t *value);
/* Debounced closures of the rain gauge's contact since reset; wraps. */
uint32_t hal_pulse_count(void);
/* 1-Wire: presence after reset (takes < 1 ms); one slot that writes `bit` and returns what was on
 * the wire (a read is a written 1). Timing is the board's. */
bool hal_onewire_reset(void);
bool hal_onewire_slot(bool bit);
/* Supply in millivolts; HAL_RANGE when the board cannot measure it. */
enum hal_result hal_supply_mv(uint16_t *mv);

/* ---- outputs ---- */

/* Power to the sensors: bit i is rail i. A board without switches ignores it. */
void hal_rails(uint8_t on_mask);
/* The lamp that shows "this one": steady off otherwise. */
void hal_indicator(bool on);

/* ---- memory that stays ---- */

/* Byte-addressable and rewritable in place (FRAM, EEPROM, a file). A power cut during a write
 * leaves a prefix of it written and at most one torn byte (FRAM) or one torn page of up to 64 bytes
 * (EEPROM); bytes outside are untouched. A returned write is durable. Each takes at most 20 ms per
 * 64 bytes. */
#define HAL_NV_SIZE 32768u
/* A board that measures its supply refuses both (HAL_FAULT) while it is too low for memory. */
enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size);
enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size);

/* RAM that keeps its bytes over every reset but not over power loss; 8-byte aligned. Where a part
 * does not report the cause of a reset, the node finds it by a marker in here. */
#define HAL_RETAINED_SIZE 64u
void *hal_retained(void);

/* ---- life ---- */

enum hal_reset_cause {
    HAL_RESET_UNKNOWN = 0, /* the part does not report it: the node looks at its own marker */
    HAL_RESET_POWER,
    HAL_RESET_BROWN_OUT,
    HAL_RESET_WATCHDOG,
    HAL_RESET_SOFTWARE,
    HAL_RESET_FAULT, /* a processor exception; see hal_fault() */
    HAL_RESET_PIN,
    HAL_RESET_CAUSE_COUNT
};
enum hal_reset_cause hal_reset_cause(void);

/* What the processor stood at when it last faulted; all 0 when it did not since power-up. The
 * board's fault handler keeps it over the reset that follows. */
struct hal_fault {
    uint32_t pc, lr, status; /* status: CFSR on Cortex-M */
};
struct hal_fault hal_fault(void);

/* The watchdog runs from before main() on and bites after 8 s (4..16 as the part can). */
void hal_watchdog_feed(void);
_Noreturn void hal_reset(void);

/* Bytes of stack never touched since reset; UINT32_MAX when the board cannot know. */
uint32_t hal_stack_free(void);
/* The same on every start of this piece of hardware, and no other's; never 0. */
uint32_t hal_serial(void);
/* The page that was written by wire for this piece of hardware: protocols/image/factory.h. Stays in
 * place. NULL: the board has none. */
const uint8_t *hal_factory_page(size_t *size);
/* CRC-32 of the program in flash, computed by the build or at start. */
uint32_t hal_firmware_crc(void);
/* "native", "lm3s6965evb", ... */
const char *hal_board_name(void);

#endif
