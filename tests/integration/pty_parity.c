/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program that insists on a parity bit: Linux's pseudo terminals have none and
 * drop the flag, so the program believes that its settings failed. Shows it the flag that it set;
 * that it checks parity (INPCK) and which one (PARODD), the other end still sees. */
#include <dlfcn.h>
#include <stddef.h>
#include <termios.h>

#define FDS 64

static tcflag_t parity[FDS];

int tcsetattr(int fd, int when, const struct termios *settings)
{
    static int (*real)(int, int, const struct termios *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "tcsetattr");
    if (fd >= 0 && fd < FDS)
        parity[fd] = settings->c_cflag & PARENB;
    return real(fd, when, settings);
}

int tcgetattr(int fd, struct termios *settings)
{
    static int (*real)(int, struct termios *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "tcgetattr");
    int result = real(fd, settings);
    if (result == 0 && fd >= 0 && fd < FDS)
        settings->c_cflag |= parity[fd];
    return result;
}
