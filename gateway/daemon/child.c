/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/child_hello.h"

#define SOCKET_BYTES   262144 /* several of the longest messages */
#define HERE_MOST_MS   30000
#define MANAGER_MS     20000 /* until the service manager is tried again, doubled each time */
#define MANAGER_MOST   12    /* times: nearly a day */
#define FILE_MOST      (1u << 20)
#define SERVICE_SOCKET "BAIYED_CHILDREN"

extern char **environ;

/* ---- Its files ---- */

void child_reads(struct child *child, const char *path)
{
    if (path[0] != '\0' && strlen(path) < CHILD_PATH_SIZE && child->file_count < CHILD_FILES_MAX)
        child->files[child->file_count++] = path;
}

static uint64_t mix(uint64_t hash, uint64_t number)
{
    return (hash ^ number) * UINT64_C(1099511628211); /* FNV-1a, by words */
}

static uint64_t see_files(const struct child *child)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (unsigned i = 0; i < child->file_count; i++) {
        struct stat found = {0};
        (void)stat(child->files[i], &found);
        hash = mix(mix(hash, found.st_dev), found.st_ino);
        hash = mix(mix(hash, (uint64_t)found.st_size), (uint64_t)found.st_ctim.tv_sec);
        hash = mix(hash, (uint64_t)found.st_ctim.tv_nsec);
    }
    return hash;
}

bool child_is_stale(const struct child *child)
{
    return child->file_count > 0 && see_files(child) != child->seen;
}

static bool copy_bytes(int from, int to)
{
    char bytes[4096];
    size_t copied = 0;
    for (;;) {
        ssize_t got = read(from, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && copied > 0;
        if (copied + (size_t)got > FILE_MOST || write(to, bytes, (size_t)got) != got)
            return false;
        copied += (size_t)got;
    }
}

/* Bytes of a file that any user may read who has the descriptor, and nobody may change; -1: it
 * can't be read, or has none. */
static int open_copy(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO keeps nobody waiting */
    int copy = from >= 0 ? memfd_create("key", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    bool good =
        copy >= 0 && copy_bytes(from, copy) &&
        fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
    if (from >= 0)
        close(from);
    if (copy >= 0 && !good)
        close(copy);
    return good ? copy : -1;
}

/* ---- The first message ---- */

/* libcurl's proxies: the service manager gives a child an environment of its own. */
static void copy_environment(char out[CHILD_ENVIRONMENT_SIZE])
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                                        "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        size_t room = CHILD_ENVIRONMENT_SIZE - 1 - at;
        if (value == NULL || strlen(names[i]) + strlen(value) + 2 > room)
            continue;
        at += (size_t)snprintf(out + at, room, "%s=%s", names[i], value) + 1;
    }
}

static bool send_hello(const struct child *child, enum child_role role)
{
    struct child_hello *hello = calloc(1, sizeof *hello);
    int fds[1 + CHILD_FILES_MAX] = {STDERR_FILENO};
    unsigned count = 1;
    if (hello == NULL)
        return false;
    hello->role = (uint8_t)role;
    hello->file_count = (uint8_t)child->file_count;
    copy_environment(hello->environment);
    for (unsigned i = 0; i < child->file_count; i++) {
        (void)snprintf(hello->files[i], sizeof hello->files[i], "%s", child->files[i]);
        fds[count] = open_copy(child->files[i]);
        hello->given[i] = fds[count] >= 0;
        count += hello->given[i];
    }
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {0};
    struct iovec part = {.iov_base = hello, .iov_len = sizeof *hello};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof fds[0])};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                             .cmsg_type = SCM_RIGHTS,
                             .cmsg_len = CMSG_LEN(count * sizeof fds[0])};
    memcpy(CMSG_DATA(head), fds, count * sizeof fds[0]);
    bool sent = sendmsg(child->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *hello;
    int error = errno;
    for (unsigned i = 1; i < count; i++)
        close(fds[i]);
    free(hello);
    errno = error;
    return sent;
}

/* Who it is the kernel says, whatever the child claims. */
static bool hear_it(struct child *child)
{
    char byte;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct pollfd waits = {.fd = child->fd, .events = POLLIN};
    struct ucred who = {0};
    int no = 0;
    errno = ETIMEDOUT;
    if (poll(&waits, 1, HERE_MOST_MS) != 1)
        return false;
    ssize_t got = recvmsg(child->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (got >= 0)
        errno = ECONNRESET; /* it has ended */
    if (head == NULL || head->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(&who, CMSG_DATA(head), sizeof who);
    if (!child->ours)
        child->pid = who.pid;
    return setsockopt(child->fd, SOL_SOCKET, SO_PASSCRED, &no, sizeof no) == 0 && child->pid > 0;
}

/* ---- Started by the service manager ---- */

static bool reach_manager(struct child *child)
{
    const char *path = getenv(SERVICE_SOCKET);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int size = SOCKET_BYTES, yes = 1;
    if (path == NULL || path[0] == '\0')
        return false;
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    child->ours = false;
    child->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (child->fd < 0)
        return false;
    (void)setsockopt(child->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(child->fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    return connect(child->fd, (const struct sockaddr *)&to, sizeof to) == 0;
}

static bool start_by_manager(struct child *child, enum child_role role)
{
    if (getenv(SERVICE_SOCKET) == NULL)
        return false;
    if (reach_manager(child) && send_hello(child, role) && hear_it(child))
        return true;
    log_write(LOG_LEVEL_WARNING,
              "the service manager starts no process for us at %s (%s): we start it "
              "ourselves and try again later",
              getenv(SERVICE_SOCKET), strerror(errno));
    child_end(child, 0);
    return false;
}

/* ---- Started by us ---- */

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

static bool start_ourselves(struct child *child, enum child_role role)
{
    int fds[2], size = SOCKET_BYTES, yes = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    /* dup2() onto the same number would keep close-on-exec set: move out of its way. */
    int other = fcntl(fds[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
    int error = errno;
    if (other >= 0)
        error =
            spawn_with(role == CHILD_PUBLISHER ? "--publisher" : "--notifier", other, &child->pid);
    close(fds[1]);
    if (other >= 0)
        close(other);
    child->fd = fds[0];
    child->ours = error == 0;
    if (error != 0)
        child->pid = 0;
    errno = error;
    return error == 0 && send_hello(child, role) && hear_it(child);
}

static void try_manager_later(struct child *child)
{
    unsigned doubled = child->refused < MANAGER_MOST ? child->refused++ : MANAGER_MOST;
    child->manager_ms = clock_now().mono_ms + ((int64_t)MANAGER_MS << doubled);
}

bool child_may_move(const struct child *child, int64_t now_ms)
{
    return child->manager_ms != 0 && now_ms >= child->manager_ms;
}

bool child_start(struct child *child, enum child_role role)
{
    child->fd = -1;
    child->pid = 0;
    child->seen = see_files(child);
    child->manager_ms = 0;
    if (start_by_manager(child, role)) {
        child->refused = 0;
        return true;
    }
    if (start_ourselves(child, role)) {
        if (getenv(SERVICE_SOCKET) != NULL)
            try_manager_later(child);
        return true;
    }
    int error = errno;
    child_end(child, 0);
    errno = error;
    return false;
}

/* ---- Its end ---- */

void child_kill(const struct child *child)
{
    if (child->fd >= 0 && !child->ours)
        (void)shutdown(child->fd, SHUT_RDWR);
    else if (child->pid > 0)
        (void)kill(child->pid, SIGKILL);
}

/* A process that is nobody's child but the service manager's has ended when its socket has. */
static void wait_for_end(const struct child *child, int64_t wait_ms)
{
    struct pollfd end = {.fd = child->fd};
    if (child->fd >= 0 && wait_ms > 0)
        (void)poll(&end, 1, (int)wait_ms);
}

static void reap(const struct child *child, int64_t wait_ms)
{
    int64_t until = clock_now().mono_ms + wait_ms;
    int status = 0;
    while (waitpid(child->pid, &status, WNOHANG) == 0) {
        if (clock_now().mono_ms >= until) {
            (void)kill(child->pid, SIGKILL);
            (void)waitpid(child->pid, &status, 0);
            return;
        }
        (void)usleep(5000); /* ends within milliseconds as a rule; nothing else can be waited on */
    }
}

void child_end(struct child *child, int64_t wait_ms)
{
    if (child->fd >= 0 && !child->ours) {
        (void)shutdown(child->fd, SHUT_WR); /* tells it that we are gone, if it has not heard yet */
        wait_for_end(child, wait_ms);
    }
    if (child->fd >= 0)
        close(child->fd);
    if (child->ours && child->pid > 0)
        reap(child, wait_ms);
    child->fd = -1;
    child->pid = 0;
    child->ours = false;
}
