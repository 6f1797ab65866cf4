/* SPDX-License-Identifier: Apache-2.0 */
/* How a line is opened: a port exclusively, by whatever name, without the adapter's delays; a
 * connection that does not stay half-open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/line.h"

static struct bus_config bus;
static char text[BUS_OPEN_TEXT_SIZE];
static struct line line;
static unsigned serial_flags;  /* of the pretended adapter */
static const char *sysfs_link; /* of /dev/null, which stands for a port; NULL: there is none */
static struct {
    struct serial_rs485 set; /* in force */
    uint32_t known;          /* flags that the driver takes; it drops the others */
    int refuses;             /* an errno */
    unsigned asked;
} driver; /* of a UART that switches the direction; as the kernel's serial_core.c */

static int set_rs485(struct serial_rs485 *wish)
{
    driver.asked++;
    errno = driver.refuses;
    if (driver.refuses)
        return -1;
    wish->flags &= driver.known;
    driver.set = *wish;
    return 0;
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);

/* A pseudo-terminal knows no struct serial_struct; an adapter's driver does. */
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    struct serial_struct *serial = argument;
    if (request == TIOCGSERIAL) {
        *serial = (struct serial_struct){.flags = (int)serial_flags};
        return 0;
    }
    if (request == TIOCSSERIAL) {
        serial_flags = (unsigned)serial->flags;
        return 0;
    }
    if (request == TIOCGRS485 && driver.known) {
        *(struct serial_rs485 *)argument = driver.set;
        return 0;
    }
    if (request == TIOCSRS485 && driver.known)
        return set_rs485(argument);
    return __real_ioctl(fd, request, argument);
}

ssize_t __real_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);

ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
    if (strcmp(path, "/sys/dev/char/1:3") != 0)
        return __real_readlink(path, target, size);
    errno = ENOENT;
    if (sysfs_link == NULL)
        return -1;
    size_t length = strlen(sysfs_link);
    assert_true(length < size);
    memcpy(target, sysfs_link, length);
    return (ssize_t)length;
}

static int open_master(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    return master;
}

static void use_port(const char *path)
{
    bus = (struct bus_config){.type = BUS_RTU, .baud = 19200, .parity = 'E', .stop_bits = 1};
    (void)snprintf(bus.port, sizeof bus.port, "%s", path);
    line_init(&line, &bus, -1);
}

static void opens_a_port_as_it_should_be(void **state)
{
    (void)state;
    int master = open_master(), exclusive = 0;
    struct termios settings;
    serial_flags = 0;
    use_port(ptsname(master));
    assert_int_equal(line_open(&line), 0);
    assert_true(serial_flags & ASYNC_LOW_LATENCY);
    assert_int_equal(ioctl(line.fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 1);
    assert_int_equal(tcgetattr(line.fd, &settings), 0);
    assert_int_equal(cfgetospeed(&settings), B19200);
    /* A pseudo-terminal forgets PARENB; that parity is checked stands elsewhere as well. */
    assert_int_equal(settings.c_cflag & (PARODD | CSTOPB), 0);
    assert_int_equal(settings.c_iflag & INPCK, INPCK);
    static const struct serial_timing slow = {2400, 'O', 2};
    assert_true(line_set(&line, &slow));
    assert_int_equal(tcgetattr(line.fd, &settings), 0);
    assert_int_equal(cfgetospeed(&settings), B2400);
    assert_int_equal(settings.c_cflag & (PARODD | CSTOPB), PARODD | CSTOPB);
    assert_int_equal(settings.c_iflag & INPCK, INPCK);
    line_end(&line);
    assert_int_equal(close(master), 0);
}

#define BOTH (SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND)

/* Polarity and delays are the board's; nothing is set where nobody asks for it. */
static void the_kernel_switches_the_direction_when_asked_to(void **state)
{
    (void)state;
    int master = open_master();
    for (unsigned low = 0; low < 2; low++) {
        uint32_t of_board = low ? SER_RS485_RTS_AFTER_SEND : 0;
        driver.set = (struct serial_rs485){.flags = of_board, .delay_rts_before_send = 7};
        driver.known = BOTH;
        driver.asked = 0;
        use_port(ptsname(master));
        assert_int_equal(line_open(&line), 0);
        line_end(&line);
        assert_int_equal(driver.asked, 0);
        bus.rs485 = RS485_KERNEL;
        assert_int_equal(line_open(&line), 0);
        assert_int_equal(driver.set.flags, SER_RS485_ENABLED | (low ? SER_RS485_RTS_AFTER_SEND
                                                                    : SER_RS485_RTS_ON_SEND));
        assert_int_equal(driver.set.delay_rts_before_send, 7);
        line_end(&line);
    }
    driver.known = 0;
    assert_int_equal(close(master), 0);
}

/* A pseudo-terminal's driver can't; others refuse, or take it and leave out what was asked for. */
static void a_driver_that_cannot_switch_the_direction_is_told(void **state)
{
    (void)state;
    int master = open_master();
    use_port(ptsname(master));
    bus.rs485 = RS485_KERNEL;
    assert_int_equal(line_open(&line), EOPNOTSUPP);
    assert_int_equal(line.fd, -1);
    static const int refusals[] = {ENOTTY, EINVAL, 0};
    for (unsigned i = 0; i < 3; i++) {
        driver.known = refusals[i] ? BOTH : SER_RS485_RTS_ON_SEND;
        driver.refuses = refusals[i];
        assert_int_equal(line_open(&line), EOPNOTSUPP);
    }
    driver.known = BOTH;
    driver.refuses = EIO; /* that is another matter */
    assert_int_equal(line_open(&line), EIO);
    assert_non_null(strstr(bus_open_text(EOPNOTSUPP, bus.port, text), "rs485: kernel"));
    driver.known = 0;
    line_end(&line);
    assert_int_equal(close(master), 0);
}

/* Whoever was there first, in whatever way, keeps it; the message says what is the matter. */
static void a_port_that_another_program_has_is_left_alone(void **state)
{
    (void)state;
    int master = open_master();
    int other = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(flock(other, LOCK_EX), 0);
    use_port(ptsname(master));
    assert_int_equal(line_open(&line), EBUSY);
    assert_int_equal(line.fd, -1);
    assert_non_null(strstr(bus_open_text(EBUSY, bus.port, text), "another program"));
    assert_int_equal(flock(other, LOCK_UN), 0);
    assert_int_equal(line_open(&line), 0);
    line_end(&line);
    assert_int_equal(close(other), 0);
    assert_int_equal(close(master), 0);
}

/* /dev/serial/by-id/x is a link; after a replug it shows to another device file. */
static void a_port_is_found_again_under_its_link(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_line.XXXXXX", name[64];
    int masters[2] = {open_master(), open_master()};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof name, "%s/by-id", folder);
    use_port(name);
    assert_int_equal(line_open(&line), ENOENT);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t byte = 0;
        assert_int_equal(symlink(ptsname(masters[i]), name), 0);
        assert_int_equal(line_open(&line), 0);
        assert_int_equal(write(masters[i], "\x55", 1), 1);
        assert_int_equal(line_wait(&line, line_now_ns() + 5000000000, false), LINE_BYTES);
        assert_int_equal(line_read(&line, &byte, 1), 1);
        assert_int_equal(close(masters[i]), 0);
        enum line_event event = line_wait(&line, line_now_ns() + 5000000000, false);
        assert_true(event == LINE_GONE || event == LINE_BYTES);
        assert_int_equal(line_read(&line, &byte, 1), -1);
        line_close(&line);
        assert_int_equal(unlink(name), 0);
    }
    line_end(&line);
    assert_int_equal(rmdir(folder), 0);
}

/* What systemd tells to a program that it starts: the program's own number. */
static void be_service(pid_t pid)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%ld", (long)pid);
    assert_int_equal(setenv("SYSTEMD_EXEC_PID", number, 1), 0);
}

/* What is said of a port that the unit's list of devices leaves out. */
static void expect_line(const char *port, const char *link_to, const char *line_to_add)
{
    sysfs_link = link_to;
    be_service(getpid());
    assert_non_null(strstr(bus_open_text(EPERM, port, text), line_to_add));
}

/* The kind is its driver's, whatever the port's number, its device and the name in use. */
static void a_port_that_the_service_may_not_open_is_told_with_the_line_to_add(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_line.XXXXXX", name[64], itself[96];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(name, sizeof name, "%s/by-id", folder);
    (void)snprintf(itself, sizeof itself, " DeviceAllow=%s rw,", name);
    assert_int_equal(symlink("/dev/null", name), 0);
    expect_line(name, "../../devices/pci0/usb1/1-1/ttyFOO0/tty/ttyFOO12",
                " DeviceAllow=char-ttyFOO rw,");
    expect_line("/dev/null", "../../devices/virtual/tty/hvc0", " DeviceAllow=char-hvc rw,");
    expect_line("/dev/null", "../../devices/soc/serial/tty/ttyCH343USB3",
                " DeviceAllow=char-ttyCH343USB rw,");
    /* No terminal, or not known: then it alone. */
    expect_line(name, "../../devices/virtual/mem/null", itself);
    expect_line(name, "tty", itself);
    expect_line(name, NULL, itself);
    assert_int_equal(unlink(name), 0);
    expect_line(name, NULL, itself);
    assert_int_equal(rmdir(folder), 0);
}

/* A shell has no unit to write a line into, not even when systemd started what the shell is in. */
static void a_port_that_a_shell_may_not_open_is_told_with_what_helps_there(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("SYSTEMD_EXEC_PID"), 0);
    for (unsigned i = 0; i < 2; i++) {
        const char *told = bus_open_text(EPERM, "/dev/null", text);
        assert_non_null(strstr(told, "sudo"));
        assert_non_null(strstr(told, "group dialout"));
        assert_null(strstr(told, "service"));
        assert_null(strstr(told, "DeviceAllow"));
        be_service(getppid());
    }
}

static int option_of(int level, int option)
{
    int value = 0;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(line.fd, level, option, &value, &size), 0);
    return value;
}

/* A connection whose other end vanished is found out: idle in 35 s, with data on its way in 10
 * s. */
static void a_connection_is_watched(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    bus = (struct bus_config){.type = BUS_TCP, .tcp_port = ntohs(address.sin_port)};
    strcpy(bus.port, "127.0.0.1");
    line_init(&line, &bus, -1);
    assert_int_equal(line_open(&line), 0);
    assert_int_equal(option_of(SOL_SOCKET, SO_KEEPALIVE), 1);
    int idle_s = option_of(IPPROTO_TCP, TCP_KEEPIDLE);
    int every_s = option_of(IPPROTO_TCP, TCP_KEEPINTVL);
    assert_in_range(idle_s + every_s * option_of(IPPROTO_TCP, TCP_KEEPCNT), 1, 35);
    assert_in_range(option_of(IPPROTO_TCP, TCP_USER_TIMEOUT), 1, 10000);
    assert_int_equal(option_of(IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(close(listener), 0);
    line_end(&line);
    assert_int_equal(line_open(&line), ECONNREFUSED);
    line_end(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_port_as_it_should_be),
        cmocka_unit_test(the_kernel_switches_the_direction_when_asked_to),
        cmocka_unit_test(a_driver_that_cannot_switch_the_direction_is_told),
        cmocka_unit_test(a_port_that_another_program_has_is_left_alone),
        cmocka_unit_test(a_port_is_found_again_under_its_link),
        cmocka_unit_test(a_port_that_the_service_may_not_open_is_told_with_the_line_to_add),
        cmocka_unit_test(a_port_that_a_shell_may_not_open_is_told_with_what_helps_there),
        cmocka_unit_test(a_connection_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
