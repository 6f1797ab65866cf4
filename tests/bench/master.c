/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a correct master does: one request after another to units 1..N, t3.5 kept after
 * each answer, nothing else. A yardstick for the simulated line and for the daemon.
 *   bench-master PORT BAUD PARITY UNITS REGISTERS SECONDS
 * Prints one line: polls=N seconds=S bad=N */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "protocols/modbus/rtu.h"
#include "tools/field/wire.h"

#define NS_PER_S   1000000000ll
#define TIMEOUT_MS 500

struct master {
    int fd;
    int64_t silence_ns, heard_ns;
    uint64_t polls, bad;
};

static int64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static speed_t speed_of(uint32_t baud)
{
    return baud == 115200 ? B115200 : baud == 19200 ? B19200 : B9600;
}

static int open_line(const char *path, const struct wire_rate *rate)
{
    struct termios tios;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &tios) != 0)
        return -1;
    cfmakeraw(&tios);
    if (rate->parity != 'N')
        tios.c_iflag |= INPCK;
    tios.c_cflag &= (tcflag_t)~PARODD;
    (void)cfsetspeed(&tios, speed_of(rate->baud));
    return tcsetattr(fd, TCSANOW, &tios) == 0 ? fd : -1;
}

/* Waits for `size` bytes; true when they are a good answer of `unit`. */
static bool hear(struct master *m, uint8_t unit, size_t size)
{
    uint8_t frame[RTU_FRAME_MAX] = {0};
    size_t got = 0;
    struct pollfd ready = {.fd = m->fd, .events = POLLIN};
    while (got < size && poll(&ready, 1, TIMEOUT_MS) == 1) {
        ssize_t more = read(m->fd, frame + got, sizeof(frame) - got);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    m->heard_ns = now_ns();
    return got == size && frame[0] == unit && rtu_check(frame, size);
}

static void ask(struct master *m, uint8_t unit, uint16_t registers)
{
    const uint8_t pdu[5] = {3, 0, 0, (uint8_t)(registers >> 8), (uint8_t)registers};
    uint8_t frame[8];
    int64_t at = m->heard_ns + m->silence_ns;
    struct timespec until = {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)};
    (void)rtu_build(unit, pdu, sizeof(pdu), frame, sizeof(frame));
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    m->polls++;
    if (write(m->fd, frame, sizeof(frame)) != (ssize_t)sizeof(frame) ||
        !hear(m, unit, 5u + 2u * registers))
        m->bad++;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: bench-master PORT BAUD PARITY UNITS REGISTERS SECONDS\n");
        return 64;
    }
    struct wire_rate rate = {(uint32_t)strtoul(argv[2], NULL, 10), argv[3][0], 1};
    unsigned long units = strtoul(argv[4], NULL, 10);
    uint16_t registers = (uint16_t)strtoul(argv[5], NULL, 10);
    struct master master = {.fd = open_line(argv[1], &rate), .silence_ns = wire_silence_ns(&rate)};
    if (master.fd < 0) {
        perror(argv[1]);
        return 1;
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    int64_t start = now_ns(), end = start + (int64_t)(strtod(argv[6], NULL) * (double)NS_PER_S);
    while (now_ns() < end)
        ask(&master, (uint8_t)(1 + master.polls % units), registers);
    (void)printf("polls=%llu seconds=%.6f bad=%llu\n", (unsigned long long)master.polls,
                 (double)(now_ns() - start) / (double)NS_PER_S, (unsigned long long)master.bad);
    return 0;
}
