/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/rs485.h"

#include <errno.h>
#include <linux/serial.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define POLARITY (SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND)

/* A driver without it answers ENOTTY, one that can't do what it is asked for EINVAL. */
static int cannot(int error)
{
    return error == ENOTTY || error == EINVAL || error == ENOSYS ? EOPNOTSUPP : error;
}

/* Reading is no question: the kernel answers with zeros for a port that can't. */
static int set_with(int fd, uint32_t flags)
{
    struct serial_rs485 wish = {0};
    if (ioctl(fd, TIOCGRS485, &wish) != 0)
        return cannot(errno);
    wish.flags |= flags;
    if ((flags & SER_RS485_ENABLED) && (wish.flags & POLARITY) == 0)
        wish.flags |= SER_RS485_RTS_ON_SEND;
    if (ioctl(fd, TIOCSRS485, &wish) != 0)
        return cannot(errno);
    return (wish.flags & flags) == flags ? 0 : EOPNOTSUPP; /* it says what it has taken */
}

int rs485_by_kernel(int fd)
{
    return set_with(fd, SER_RS485_ENABLED);
}

int rs485_possible(int fd)
{
    return set_with(fd, 0);
}
