/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <modbus.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/rs485.h"
#include "gateway/daemon/bus/bus_result.h"
#include "gateway/daemon/bus/port_kind.h"
#include "gateway/daemon/bus/resolver.h"
#include "protocols/modbus/rtu.h"

#define CONNECT_LOOK_MS 200 /* an end asked for is noticed so soon */
#define KEEPALIVE_COUNT 3

/* When a connection is looked after, and when it is dead: data without ACK for so long. */
struct watch_times {
    int idle_s, every_s, unacked_ms;
};
static const struct watch_times near = {20, 5, 10000};
static const struct watch_times mobile = {60, 10, 30000}; /* each look costs data; cells change */

int64_t line_now_ns(void)
{
    return clock_mono_ns();
}

void line_init(struct line *line, const struct bus_config *bus, int wake_fd)
{
    *line = (struct line){.bus = bus,
                          .fd = -1,
                          .connecting = -1,
                          .wake_fd = wake_fd,
                          .epoll_fd = -1,
                          .wire = {bus->baud, bus->parity, bus->stop_bits}};
}

/* ---- serial port ---- */

/* USB adapters hold bytes back for up to 16 ms unless asked not to. Not every driver knows it. */
static void ask_for_low_latency(int fd)
{
    struct serial_struct serial;
    if (ioctl(fd, TIOCGSERIAL, &serial) == 0) {
        serial.flags = (int)((unsigned)serial.flags | ASYNC_LOW_LATENCY);
        (void)ioctl(fd, TIOCSSERIAL, &serial);
    }
}

/* TIOCEXCL keeps other programs from opening it later; the lock tells those that ask, and finds
 * one that was there before (root passes TIOCEXCL). */
static int take_exclusively(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    return ioctl(fd, TIOCEXCL) == 0 ? 0 : errno;
}

static int open_serial(struct line *line)
{
    const struct bus_config *bus = line->bus;
    modbus_t *modbus = modbus_new_rtu(bus->port, (int)bus->baud, bus->parity, 8, bus->stop_bits);
    if (modbus == NULL)
        return errno;
    if (modbus_connect(modbus) != 0) {
        int error = errno ? errno : EIO;
        modbus_free(modbus);
        return error;
    }
    int fd = modbus_get_socket(modbus);
    int error = fd < FD_SETSIZE ? take_exclusively(fd) : EMFILE;
    if (error == 0 && bus->rs485 == RS485_KERNEL)
        error = rs485_by_kernel(fd);
    line->modbus = modbus;
    line->fd = fd;
    line->wire = (struct serial_timing){bus->baud, bus->parity, bus->stop_bits};
    if (error) {
        line_close(line);
        return error;
    }
    ask_for_low_latency(fd);
    (void)tcflush(fd, TCIOFLUSH);
    return 0;
}

static speed_t speed_of(uint32_t baud)
{
    static const struct {
        uint32_t baud;
        speed_t speed;
    } speeds[] = {{300, B300},      {600, B600},       {1200, B1200},     {2400, B2400},
                  {4800, B4800},    {9600, B9600},     {19200, B19200},   {38400, B38400},
                  {57600, B57600},  {115200, B115200}, {230400, B230400}, {460800, B460800},
                  {921600, B921600}};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud)
            return speeds[i].speed;
    }
    return B0;
}

bool line_set(struct line *line, const struct serial_timing *wire)
{
    bool same = line->wire.baud == wire->baud && line->wire.parity == wire->parity &&
                line->wire.stop_bits == wire->stop_bits;
    if (line->bus->type != BUS_RTU || same)
        return true;
    struct termios settings;
    speed_t speed = speed_of(wire->baud);
    if (speed == B0 || tcgetattr(line->fd, &settings) != 0)
        return false;
    tcflag_t clear = PARENB | PARODD | CSTOPB;
    settings.c_cflag &= ~clear;
    settings.c_cflag |= wire->parity == 'N' ? 0u : wire->parity == 'O' ? PARENB | PARODD : PARENB;
    settings.c_cflag |= wire->stop_bits == 2 ? CSTOPB : 0u;
    settings.c_iflag &= ~(tcflag_t)INPCK;
    settings.c_iflag |= wire->parity == 'N' ? 0u : INPCK;
    if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0 ||
        tcsetattr(line->fd, TCSANOW, &settings) != 0)
        return false;
    line->wire = *wire;
    return true;
}

/* ---- TCP ---- */

static void watch_connection(int fd, const struct watch_times *times)
{
    const struct {
        int level, option;
        int value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, times->idle_s},
        {IPPROTO_TCP, TCP_KEEPINTVL, times->every_s},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, times->unacked_ms},
        {IPPROTO_TCP, TCP_NODELAY, 1},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                         sizeof options[i].value);
}

/* False: whoever waits for the line would never hear of it. */
static bool watch_epoll(const struct line *line, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = line->token};
    if (line->epoll_fd < 0 || epoll_ctl(line->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return true;
    return errno == EEXIST && epoll_ctl(line->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

static void end_connecting(struct line *line)
{
    if (line->connecting >= 0)
        (void)close(line->connecting);
    line->connecting = -1;
}

/* A lost SYN is sent again after a second: that must have its time. */
static int begin_connecting(struct line *line)
{
    char address[RESOLVER_ADDRESS_SIZE], port[8];
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (line->resolver == NULL)
        line->resolver = resolver_new(line->bus->port);
    if (line->resolver == NULL)
        return ENOMEM;
    if (!resolver_get(line->resolver, address))
        return EINPROGRESS;
    (void)snprintf(port, sizeof port, "%u", line->bus->tcp_port);
    if (getaddrinfo(address, port, &hints, &found) != 0)
        return EINVAL;
    int error = 0;
    line->connecting = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (line->connecting < 0 ||
        (connect(line->connecting, found->ai_addr, found->ai_addrlen) != 0 &&
         errno != EINPROGRESS) ||
        !watch_epoll(line, line->connecting, EPOLLOUT))
        error = errno;
    freeaddrinfo(found);
    line->connect_until_ns = line_now_ns() + line->bus->connect_ms * 1000000LL;
    if (error)
        end_connecting(line);
    return error;
}

static int open_tcp(struct line *line)
{
    int error = line->connecting < 0 ? begin_connecting(line) : 0;
    socklen_t size = sizeof error;
    if (error)
        return error;
    struct pollfd made = {.fd = line->connecting, .events = POLLOUT};
    int ready = poll(&made, 1, line->epoll_fd < 0 ? CONNECT_LOOK_MS : 0);
    if (ready <= 0 && line_now_ns() < line->connect_until_ns)
        return EALREADY;
    if (ready <= 0)
        error = ETIMEDOUT;
    else if (getsockopt(line->connecting, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ||
             (error == 0 && !watch_epoll(line, line->connecting, EPOLLIN)))
        error = errno;
    if (error) {
        end_connecting(line);
        return error;
    }
    line->fd = line->connecting;
    line->connecting = -1;
    line->transaction = 0;
    line->ended = false;
    watch_connection(line->fd, &near);
    return 0;
}

/* ---- both ---- */

int line_open(struct line *line)
{
    line_close(line);
    int error = line->bus->type == BUS_RTU ? open_serial(line) : open_tcp(line);
    line->last_ns = line_now_ns();
    return error;
}

void line_close(struct line *line)
{
    if (line->modbus != NULL) {
        if (line->fd >= 0) {
            (void)tcflush(line->fd, TCIOFLUSH); /* or close() waits for unsent bytes */
            modbus_close(line->modbus);
        }
        modbus_free(line->modbus);
    } else if (line->fd >= 0) {
        (void)close(line->fd);
    }
    line->modbus = NULL;
    line->fd = -1;
}

void line_adopt(struct line *line, int fd)
{
    line_close(line);
    line->fd = fd;
    line->transaction = 0;
    line->ended = false;
    line->last_ns = line_now_ns();
    watch_connection(fd, &mobile);
    if (!watch_epoll(line, fd, EPOLLIN))
        line_close(line); /* then sending fails */
}

void line_end(struct line *line)
{
    line_close(line);
    end_connecting(line);
    resolver_free(line->resolver);
    line->resolver = NULL;
}

enum line_event line_wait(const struct line *line, int64_t until_ns, bool wakes)
{
    struct pollfd fds[2] = {{.fd = line->fd, .events = POLLIN},
                            {.fd = wakes ? line->wake_fd : -1, .events = POLLIN}};
    int64_t left = until_ns - line_now_ns();
    if (left < 0)
        left = 0;
    struct timespec limit = clock_timespec(left);
    int ready = ppoll(fds, 2, &limit, NULL);
    if (ready <= 0)
        return LINE_TIME; /* an interrupted wait is looked at again by the caller's clock */
    if (fds[0].revents & POLLIN)
        return LINE_BYTES;
    if (fds[0].revents)
        return LINE_GONE;
    return LINE_WOKEN;
}

bool line_await(const struct line *line, int64_t until_ns)
{
    struct pollfd open = {.fd = line->fd, .events = POLLIN};
    int64_t left = until_ns - line_now_ns();
    struct timespec limit = clock_timespec(left > 0 ? left : 0);
    if (line->fd < 0 && line->connecting >= 0)
        open = (struct pollfd){.fd = line->connecting, .events = POLLOUT};
    return ppoll(&open, 1, &limit, NULL) > 0;
}

int line_read(struct line *line, uint8_t *bytes, size_t size)
{
    ssize_t got = line->bus->type == BUS_RTU ? read(line->fd, bytes, size)
                                             : recv(line->fd, bytes, size, MSG_DONTWAIT);
    if (got > 0)
        return (int)got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    line->ended = got == 0 || errno == ECONNRESET;
    return -1;
}

bool line_write(struct line *line, const uint8_t *bytes, size_t size)
{
    return send(line->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

bool line_send(struct line *line, uint8_t unit, const uint8_t *pdu, size_t pdu_size)
{
    uint8_t frame[RTU_FRAME_MAX];
    if (pdu_size + 3 > sizeof frame)
        return false;
    if (line->bus->type != BUS_RTU) {
        size_t size = rtu_build(unit, pdu, pdu_size, frame, sizeof frame);
        return line_write(line, frame, size);
    }
    frame[0] = unit;
    memcpy(frame + 1, pdu, pdu_size);
    return modbus_send_raw_request(line->modbus, frame, (int)pdu_size + 1) == (int)pdu_size + 3;
}

/* Started by systemd itself; what a service or a session has started inherits the number. */
static bool is_service(void)
{
    const char *pid = getenv("SYSTEMD_EXEC_PID"); /* systemd.exec(5) */
    return pid != NULL && strtol(pid, NULL, 10) == (long)getpid();
}

/* The list of devices of its unit (DevicePolicy=closed) has no such kind; or had none when it
 * started, as the driver came later. A person's shell has no list that a line could be added to. */
static const char *not_listed_text(const char *port, char text[BUS_OPEN_TEXT_SIZE])
{
    char kind[CONFIG_PATH_SIZE];
    if (!is_service())
        return _("this shell may not open this kind of port: use sudo, or a user of group dialout; "
                 "a container must be given the device");
    port_kind(port, kind, sizeof kind);
    (void)snprintf(
        text, BUS_OPEN_TEXT_SIZE,
        _("the service may not open this kind of port: `systemctl restart baiyed`; if that is not "
          "enough, `systemctl edit baiyed`, write [Service] and below it DeviceAllow=%s rw, and "
          "restart it again"),
        kind);
    return text;
}

const char *bus_open_text(int error, const char *port, char text[BUS_OPEN_TEXT_SIZE])
{
    switch (error) {
    case EBUSY:
        return _("another program holds the port");
    case ENOENT:
        return _("the adapter is not plugged in (no such device file)");
    case EACCES:
        return _("no right to open it (is the user in group dialout?)");
    case EPERM:
        return not_listed_text(port, text);
    case EIO:
    case ENXIO:
    case ENODEV:
        return _("the adapter is gone or broken: plug it out and in");
    case ENOTTY:
    case EINVAL:
        return _("it is no serial port, or can't do this rate");
    case EOPNOTSUPP:
        return _("its driver can't switch the direction of RS-485 (rs485: kernel): leave rs485 out "
                 "if "
                 "the adapter or board switches by itself; else the board's device tree must give "
                 "this port its RTS line (rts-gpios), or another driver");
    case EINPROGRESS:
        return _("its name is being resolved; no name server? then write its number");
    case ETIMEDOUT:
    case EHOSTUNREACH:
        return _("no answer to the connection: is it switched on, is the address right?");
    case ENOTCONN:
        return _("its converter has not dialled in");
    case ECONNREFUSED:
        return _("nobody listens there: is the port right, is its Modbus service on?");
    default:
        return strerror(error);
    }
}
