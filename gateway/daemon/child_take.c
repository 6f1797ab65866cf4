/* SPDX-License-Identifier: Apache-2.0 */
/* The child's side of child.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/daemon/child.h"
#include "gateway/daemon/child_hello.h"

#define HELLO_MOST_MS 30000
#define SOCKET_BYTES  262144 /* several of the longest messages */
#define ALIVE_S       300

/* How many descriptors came with it; 0: it is no hello. */
static unsigned receive_hello(struct child_hello *hello, int fds[1 + CHILD_FILES_MAX])
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE((1 + CHILD_FILES_MAX) * sizeof fds[0])];
    struct iovec part = {.iov_base = hello, .iov_len = sizeof *hello};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct pollfd waits = {.fd = CHILD_FD, .events = POLLIN};
    if (poll(&waits, 1, HELLO_MOST_MS) != 1 ||
        recvmsg(CHILD_FD, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof *hello)
        return 0;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head == NULL || head->cmsg_type != SCM_RIGHTS || (message.msg_flags & MSG_CTRUNC) != 0)
        return 0;
    size_t size = head->cmsg_len - CMSG_LEN(0);
    memcpy(fds, CMSG_DATA(head), size);
    return (unsigned)(size / sizeof fds[0]);
}

static void take_environment(char *at)
{
    while (*at != '\0') {
        char *next = at + strlen(at) + 1, *value = strchr(at, '=');
        if (value != NULL) {
            *value = '\0';
            (void)setenv(at, value + 1, 1);
        }
        at = next;
    }
}

static bool take_files(struct child_files *files, const struct child_hello *hello, const int *fds,
                       unsigned count)
{
    unsigned used = 1;
    files->role = hello->role;
    files->count = 0;
    for (unsigned i = 0; i < hello->file_count && i < CHILD_FILES_MAX; i++) {
        if (!hello->given[i])
            continue;
        if (used == count)
            return false;
        memcpy(files->files[files->count].path, hello->files[i], CHILD_PATH_SIZE);
        (void)snprintf(files->files[files->count].opened, sizeof files->files[0].opened,
                       "/proc/self/fd/%d", fds[used++]);
        files->count++;
    }
    return used == count;
}

bool child_take(struct child_files *files)
{
    struct child_hello *hello = calloc(1, sizeof *hello);
    int fds[1 + CHILD_FILES_MAX], size = SOCKET_BYTES;
    unsigned count = hello != NULL ? receive_hello(hello, fds) : 0;
    bool good = count > 0 && take_files(files, hello, fds, count);
    if (good) {
        take_environment(hello->environment);
        good = dup2(fds[0], STDERR_FILENO) == STDERR_FILENO && close(fds[0]) == 0;
    }
    free(hello);
    if (!good)
        return false;
    (void)setsockopt(CHILD_FD, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return send(CHILD_FD, "", 1, MSG_NOSIGNAL) == 1;
}

const char *child_path(const struct child_files *files, const char *path)
{
    for (unsigned i = 0; i < files->count; i++) {
        if (strcmp(files->files[i].path, path) == 0)
            return files->files[i].opened;
    }
    return path;
}

bool child_is_other_user(void)
{
    struct ucred daemon = {0};
    socklen_t size = sizeof daemon;
    return getsockopt(CHILD_FD, SOL_SOCKET, SO_PEERCRED, &daemon, &size) == 0 &&
           daemon.uid != geteuid();
}

void child_alive(void)
{
    (void)alarm(ALIVE_S);
}
