/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BYTES 262144 /* several of the longest messages */

extern char **environ;

static int spawn_with(const char *option, int child_fd, pid_t *pid)
{
    char name[] = "baiyed";
    char *const arguments[] = {name, (char *)(uintptr_t)option, NULL}; /* only read */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, child_fd, CHILD_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

bool child_start(const char *option, int *fd, pid_t *pid)
{
    int fds[2], size = SOCKET_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    /* dup2() onto the same number would keep close-on-exec set: move out of its way. */
    int child = fcntl(fds[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
    int error = child < 0 ? errno : spawn_with(option, child, pid);
    close(fds[1]);
    if (child >= 0)
        close(child);
    if (error != 0) {
        close(fds[0]);
        errno = error;
        return false;
    }
    *fd = fds[0];
    return true;
}
