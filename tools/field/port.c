/* SPDX-License-Identifier: Apache-2.0 */
/* A pty says neither that no one has opened its other side in a way one could wait for, nor does
 * it carry parity: the kernel clears PARENB on it. So the descriptor is watched edge-triggered
 * (no wake-ups while it is hung up, one when bytes come), and parity is read from INPCK, which
 * libmodbus sets exactly with a parity. */
#include "tools/field/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static const struct {
    speed_t code;
    uint32_t baud;
} speeds[] = {{B1200, 1200},     {B2400, 2400},     {B4800, 4800},    {B9600, 9600},
              {B19200, 19200},   {B38400, 38400},   {B57600, 57600},  {B115200, 115200},
              {B230400, 230400}, {B460800, 460800}, {B921600, 921600}};

static speed_t speed_of(uint32_t baud)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (speeds[i].baud == baud)
            return speeds[i].code;
    return B9600;
}

static uint32_t baud_of(speed_t code)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (speeds[i].code == code)
            return speeds[i].baud;
    return 0;
}

static void stop_watch(struct port *port, struct loop_watch *watch)
{
    int fd = watch->fd;
    if (fd < 0)
        return;
    loop_unwatch(port->loop, watch);
    (void)close(fd);
}

static void hang_up(struct port *port)
{
    stop_watch(port, &port->watch);
}

static void master_ready(void *context, uint32_t events)
{
    struct port *port = context;
    uint8_t bytes[1024];
    (void)events;
    while (port->watch.fd >= 0) {
        ssize_t size = read(port->watch.fd, bytes, sizeof(bytes));
        if (size > 0) {
            port->bytes(port->context, bytes, (size_t)size);
            continue;
        }
        if (size < 0 && errno == EINTR)
            continue;
        /* A hung-up pty reads EIO and may be opened again; a connection is over. */
        if (port->tcp && (size == 0 || errno != EAGAIN))
            hang_up(port);
        return;
    }
}

static bool set_raw(const char *path, const struct wire_rate *rate)
{
    struct termios tios;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = tcgetattr(fd, &tios) == 0;
    cfmakeraw(&tios);
    if (rate->parity != 'N')
        tios.c_iflag |= INPCK;
    if (rate->parity == 'O')
        tios.c_cflag |= PARODD;
    good =
        good && cfsetspeed(&tios, speed_of(rate->baud)) == 0 && tcsetattr(fd, TCSANOW, &tios) == 0;
    (void)close(fd);
    return good;
}

bool port_open_pty(struct port *port, const char *link, const struct wire_rate *rate)
{
    char path[64];
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    port->tcp = false;
    port->watch.ready = master_ready;
    port->watch.context = port;
    (void)snprintf(port->link, sizeof(port->link), "%s", link);
    if (grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, path, sizeof(path)) != 0 ||
        !set_raw(path, rate) || (unlink(link) != 0 && errno != ENOENT) ||
        symlink(path, link) != 0 || !loop_watch(port->loop, &port->watch, fd, EPOLLIN | EPOLLET)) {
        int saved = errno;
        (void)close(fd);
        port->watch.fd = -1;
        errno = saved;
        return false;
    }
    return true;
}

static void listen_ready(void *context, uint32_t events)
{
    struct port *port = context;
    int one = 1;
    (void)events;
    int fd = accept4(port->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    hang_up(port); /* as serial servers do: the newest connection has the line */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (!loop_watch(port->loop, &port->watch, fd, EPOLLIN | EPOLLET)) {
        (void)close(fd);
        port->watch.fd = -1;
    }
}

/* Writes the number the kernel chose to the file. */
static bool write_number(int fd, const char *path)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    int written = fprintf(file, "%u\n", ntohs(address.sin_port));
    return fclose(file) == 0 && written > 0;
}

int port_listen(const char *path, uint16_t number)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(number),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 64) == 0 &&
        write_number(fd, path))
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

bool port_open_tcp(struct port *port, const char *link, uint16_t number)
{
    port->tcp = true;
    port->watch.ready = master_ready;
    port->watch.context = port;
    port->listen.ready = listen_ready;
    port->listen.context = port;
    (void)snprintf(port->link, sizeof(port->link), "%s", link);
    int fd = port_listen(link, number);
    if (fd >= 0 && loop_watch(port->loop, &port->listen, fd, EPOLLIN))
        return true;
    port->listen.fd = -1;
    if (fd >= 0)
        (void)close(fd);
    return false;
}

static void other_side_closed(void *context, uint32_t events)
{
    struct port *port = context;
    (void)events;
    stop_watch(port, &port->closes);
    port->closed(port->context);
}

bool port_hear_close(struct port *port)
{
    int number = port_pty(port);
    char path[32];
    (void)snprintf(path, sizeof(path), "/dev/pts/%d", number);
    stop_watch(port, &port->closes);
    port->closes.ready = other_side_closed;
    port->closes.context = port;
    int fd = number >= 0 ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
    if (fd >= 0 && inotify_add_watch(fd, path, IN_CLOSE) >= 0 &&
        loop_watch(port->loop, &port->closes, fd, EPOLLIN))
        return true;
    int saved = number >= 0 ? errno : ENOTTY;
    if (fd >= 0)
        (void)close(fd);
    port->closes.fd = -1;
    errno = saved;
    return false;
}

void port_close(struct port *port)
{
    hang_up(port);
    stop_watch(port, &port->listen);
    stop_watch(port, &port->closes);
    if (port->link[0])
        (void)unlink(port->link);
}

int port_pty(const struct port *port)
{
    unsigned number;
    if (port->tcp || port->watch.fd < 0 || ioctl(port->watch.fd, TIOCGPTN, &number) != 0)
        return -1;
    return (int)number;
}

void port_write(struct port *port, const uint8_t *bytes, size_t size)
{
    if (port->watch.fd < 0)
        return;
    struct pollfd state = {.fd = port->watch.fd, .events = POLLOUT};
    if (poll(&state, 1, 0) != 1 || (state.revents & POLLHUP) || !(state.revents & POLLOUT))
        return;
    ssize_t written = write(port->watch.fd, bytes, size);
    (void)written; /* what does not fit is lost: no one reads */
}

void port_rate(const struct port *port, bool parity, struct wire_rate *rate)
{
    struct termios tios;
    if (port->tcp || port->watch.fd < 0 || tcgetattr(port->watch.fd, &tios) != 0)
        return;
    rate->baud = baud_of(cfgetospeed(&tios));
    rate->stop_bits = tios.c_cflag & CSTOPB ? 2 : 1;
    if (parity)
        rate->parity = (char)(!(tios.c_iflag & INPCK) ? 'N' : tios.c_cflag & PARODD ? 'O' : 'E');
}
