/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/native/native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "boards/native/pace.h"
#include "boards/native/wire.h"
#include "firmware/hal.h"
#include "firmware/node/redundant_record.h"
#include "protocols/image/factory.h"

/* The other end is a process too, and may have to wait for the processor. */
#define I2C_WAIT_MS  500
#define FACTORY_ROOM 1024
#define KEEP_NAME    "BAIYE_NODE_RETAINED"

struct native {
    struct wire bus, sdi, rain;
    struct pace pace;
    uint32_t pulses; /* a byte of the rain gauge's wire is a closure of its contact */
    int i2c, nv;
    unsigned i2c_owed; /* answers that came too late are still to be read and thrown away */
    struct timespec start;
    uint32_t serial, firmware_crc;
    bool warm;
    bool sent; /* something was sent: hal_sleep() returns once, as after transmit-complete */
    char **argv;
    _Alignas(8) uint8_t retained[HAL_RETAINED_SIZE];
    uint8_t factory[FACTORY_ROOM];
    size_t factory_size;
};

static struct native native;
static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* ---- opening ---- */

static bool open_nv(const char *path)
{
    native.nv = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (native.nv >= 0 && ftruncate(native.nv, HAL_NV_SIZE) == 0)
        return true;
    (void)fprintf(stderr, "baiye-node: %s: %s\n", path, strerror(errno));
    return false;
}

static bool open_factory(const char *path)
{
    struct factory factory;
    if (path == NULL)
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, native.factory, sizeof native.factory) : -1;
    if (fd >= 0)
        close(fd);
    if (size >= 0 && factory_read(native.factory, (size_t)size, &factory)) {
        native.factory_size = (size_t)size;
        native.serial = factory.serial;
        return true;
    }
    (void)fprintf(stderr, "baiye-node: %s: %s\n", path,
                  size < 0 ? strerror(errno) : "not a factory page");
    return false;
}

static void read_own_program(void)
{
    uint8_t part[4096];
    ssize_t n;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0)
        native.firmware_crc = redundant_record_crc(native.firmware_crc, part, (size_t)n);
    if (fd >= 0)
        close(fd);
}

/* What hal_reset() left for the process that it became. */
static void restore_retained(void)
{
    const char *text = getenv(KEEP_NAME);
    for (size_t i = 0; text != NULL && i < HAL_RETAINED_SIZE && text[2 * i] && text[2 * i + 1];
         i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        native.retained[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

bool native_open(const struct native_options *options)
{
    struct wire i2c, pace;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    clock_gettime(CLOCK_MONOTONIC, &native.start);
    native.serial = options->serial;
    native.warm = options->warm;
    native.argv = options->argv;
    if (options->warm)
        restore_retained();
    read_own_program();
    if (!open_factory(options->factory) || !open_nv(options->nv) ||
        !wire_open(&native.bus, options->bus) || !wire_open(&native.sdi, options->sdi) ||
        !wire_open(&native.rain, options->rain) || !wire_open(&i2c, options->i2c) ||
        !wire_open(&pace, options->pace))
        return false;
    native.i2c = i2c.fd;
    native.pace.fd = pace.fd;
    return true;
}

/* ---- time ---- */

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - native.start.tv_sec) * 1000000 +
                      (now.tv_nsec - native.start.tv_nsec) / 1000);
}

uint64_t hal_now_us(void)
{
    return native.pace.held ? pace_now_us(&native.pace) : clock_us();
}

static bool receive(struct wire *wire, struct hal_byte *byte)
{
    bool overrun = false;
    if (!wire_get(wire, &byte->value, &byte->time_us, &overrun))
        return false;
    byte->errors = overrun ? HAL_BYTE_OVERRUN : 0;
    return true;
}

static void take_wires(void)
{
    uint64_t now_us = hal_now_us();
    bool bus = native.bus.fd < 0 || wire_take(&native.bus, now_us);
    bool sdi = native.sdi.fd < 0 || wire_take(&native.sdi, now_us);
    bool rain = native.rain.fd < 0 || wire_take(&native.rain, now_us);
    for (struct hal_byte byte; receive(&native.rain, &byte);)
        native.pulses++;
    if (stopped || !bus || !sdi || !rain)
        exit(0); /* the garden was switched off */
}

/* The line keeps the time. */
static void sleep_paced(uint64_t until_us)
{
    bool heard = false, sent = native.sent;
    native.sent = false;
    if (!sent && !pace_sleep(&native.pace, until_us, &heard))
        exit(0);
    take_wires();
    if (heard)
        wire_heard(&native.bus, 0xFF, hal_now_us());
}

void hal_sleep(uint64_t until_us)
{
    struct pollfd fds[4] = {{.fd = native.bus.fd, .events = POLLIN},
                            {.fd = native.sdi.fd, .events = POLLIN},
                            {.fd = native.rain.fd, .events = POLLIN},
                            {.fd = native.pace.fd, .events = POLLIN}};
    if (native.pace.held) {
        sleep_paced(until_us);
        return;
    }
    uint64_t now_us = hal_now_us();
    uint64_t wait_us = until_us > now_us && !native.sent ? until_us - now_us : 0;
    if (wait_us > 3600000000u)
        wait_us = 3600000000u;
    native.sent = false;
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                            .tv_nsec = (long)(wait_us % 1000000 * 1000)};
    (void)ppoll(fds, 4, &wait, NULL);
    take_wires();
    if (!pace_look(&native.pace, clock_us()))
        exit(0);
    if (native.pace.held)
        take_wires(); /* what was said before */
}

void hal_delay_us(uint32_t us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* ---- RS-485: the hub keeps rate, parity and timing of the line ---- */

enum hal_result hal_bus_open(const struct hal_line *line)
{
    (void)line;
    return HAL_OK;
}

/* Each read of the line wakes the node anyway. */
void hal_bus_watch(bool on)
{
    native.pace.watching = on;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    return receive(&native.bus, byte);
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    if (native.pace.held && native.pace.watching && size == 1)
        native.pace.said = true;
    else
        wire_put(&native.bus, data, size);
    native.sent = true;
}

bool hal_bus_sending(void)
{
    return false;
}

uint32_t hal_bus_silence_floor_us(void)
{
    return 0;
}

/* ---- SDI-12: text only, there is no break on a socket ---- */

void hal_sdi_break(bool on)
{
    (void)on;
}

void hal_sdi_send(const char *text, size_t size)
{
    wire_put(&native.sdi, text, size);
    native.sent = true;
}

bool hal_sdi_sending(void)
{
    return false;
}

bool hal_sdi_receive(struct hal_byte *byte)
{
    return receive(&native.sdi, byte);
}

/* ---- rain ---- */

uint32_t hal_pulse_count(void)
{
    return native.pulses;
}

/* ---- I2C: "48 w 00 r 2\n" -> "ok 1940\n" or "nak\n" ---- */

/* One line within the wait; false: it did not come. */
static bool read_line(char *line, size_t size)
{
    size_t at = 0;
    while (at + 1 < size) {
        struct pollfd fd = {.fd = native.i2c, .events = POLLIN};
        if (poll(&fd, 1, I2C_WAIT_MS) != 1 || read(native.i2c, line + at, 1) != 1)
            return false;
        if (line[at] == '\n')
            break;
        at++;
    }
    line[at] = '\0';
    return true;
}

static void write_request(uint8_t address, const uint8_t *data, size_t size, size_t read_size)
{
    char line[200];
    int at = snprintf(line, sizeof line, "%02x w ", address);
    for (size_t i = 0; i < size; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%02x", data[i]);
    at += snprintf(line + at, sizeof line - (size_t)at, " r %zu\n", read_size);
    if (write(native.i2c, line, (size_t)at) != at)
        exit(0);
}

static bool parse_bytes(const char *hex, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {hex[2 * i]};
        if (pair[0])
            pair[1] = hex[2 * i + 1];
        char *end;
        data[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            return false;
    }
    return true;
}

enum hal_result hal_i2c_transfer(uint8_t address, const uint8_t *write_data, size_t write_size,
                                 uint8_t *read_data, size_t read_size)
{
    char line[200];
    if (write_size > 64 || read_size > 64)
        return HAL_RANGE;
    if (native.i2c < 0)
        return HAL_NAK;
    write_request(address, write_data, write_size, read_size);
    native.i2c_owed++;
    do {
        if (!read_line(line, sizeof line))
            return HAL_TIMEOUT;
    } while (--native.i2c_owed > 0);
    if (strncmp(line, "ok", 2) != 0)
        return HAL_NAK;
    const char *hex = line[2] == ' ' ? line + 3 : line + 2;
    return parse_bytes(hex, read_data, read_size) ? HAL_OK : HAL_FAULT;
}

/* ---- outputs that this board does not have; its inputs: boards/no_inputs.c ---- */

void hal_rails(uint8_t on_mask)
{
    (void)on_mask;
}

void hal_indicator(bool on)
{
    (void)on;
}

/* ---- memory that stays: a returned pwrite() outlives the process, whatever ends it ---- */

enum hal_result hal_nv_read(uint32_t offset, void *data, size_t size)
{
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    return pread(native.nv, data, size, (off_t)offset) == (ssize_t)size ? HAL_OK : HAL_FAULT;
}

enum hal_result hal_nv_write(uint32_t offset, const void *data, size_t size)
{
    if (offset > HAL_NV_SIZE || size > HAL_NV_SIZE - offset)
        return HAL_RANGE;
    return pwrite(native.nv, data, size, (off_t)offset) == (ssize_t)size ? HAL_OK : HAL_FAULT;
}

void *hal_retained(void)
{
    return native.retained;
}

/* ---- life ---- */

enum hal_reset_cause hal_reset_cause(void)
{
    return native.warm ? HAL_RESET_SOFTWARE : HAL_RESET_POWER;
}

struct hal_fault hal_fault(void)
{
    return (struct hal_fault){0};
}

void hal_watchdog_feed(void)
{
}

/* Becomes a new process with the same arguments; what RAM would keep goes along. */
_Noreturn void hal_reset(void)
{
    char text[2 * HAL_RETAINED_SIZE + 1];
    for (size_t i = 0; i < HAL_RETAINED_SIZE; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", native.retained[i]);
    if (setenv(KEEP_NAME, text, 1) == 0)
        execv("/proc/self/exe", native.argv);
    _exit(1);
}

uint32_t hal_stack_free(void)
{
    return UINT32_MAX;
}

uint32_t hal_serial(void)
{
    return native.serial;
}

const uint8_t *hal_factory_page(size_t *size)
{
    *size = native.factory_size;
    return native.factory_size > 0 ? native.factory : NULL;
}

uint32_t hal_firmware_crc(void)
{
    return native.firmware_crc;
}

bool hal_clock_is_coarse(void)
{
    return false;
}

const char *hal_board_name(void)
{
    return "native";
}
