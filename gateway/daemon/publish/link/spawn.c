/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/daemon/publish/link/link.h"

#define SOCKET_BYTES 262144 /* several of the longest messages */

extern char **environ;

/* The child gets its socket as WIRE_FD, the standard three, and nothing else of ours. */
static int spawn_with(int child_fd, pid_t *pid)
{
    static char name[] = "baiyed", option[] = "--publisher";
    char *const arguments[] = {name, option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, child_fd, IPC_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, IPC_FD + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

bool spawn_publisher(struct broker *broker)
{
    int fds[2];
    int size = SOCKET_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    /* dup2() onto the same number would keep close-on-exec set: move out of its way. */
    int child = fcntl(fds[1], F_DUPFD_CLOEXEC, IPC_FD + 1);
    close(fds[1]);
    int error = child < 0 ? errno : spawn_with(child, &broker->pid);
    if (child >= 0)
        close(child);
    if (error != 0) {
        close(fds[0]);
        broker->pid = 0;
        errno = error;
        return false;
    }
    broker->fd = fds[0];
    return true;
}

void spawn_reap(struct broker *broker, int64_t wait_ms)
{
    int64_t until = clock_now().mono_ms + wait_ms;
    if (broker->fd >= 0)
        close(broker->fd); /* tells it that we are gone, if it has not heard yet */
    broker->fd = -1;
    while (broker->pid > 0) {
        int status = 0;
        pid_t ended = waitpid(broker->pid, &status, WNOHANG);
        if (ended != 0)
            break;
        if (clock_now().mono_ms >= until) {
            (void)kill(broker->pid, SIGKILL);
            (void)waitpid(broker->pid, &status, 0);
            break;
        }
        (void)usleep(5000); /* ends within milliseconds as a rule; nothing else can be waited on */
    }
    broker->pid = 0;
}
