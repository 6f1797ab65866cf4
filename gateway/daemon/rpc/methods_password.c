/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own password, changed by the present one. The daemon can't write the broker's password
 * file: it asks a small program of root's behind a socket (tools/cli/user_own.c), which looks at
 * the present password itself. So whoever takes the daemon over changes no password that he does
 * not know. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/rpc/password.h"

#define ANSWER_MS 15000

struct change {
    struct rpc_call *call;
    struct loop_fd fd;
    struct loop_timer timer;
    char answer[160];
    size_t size;
};

static void release(void *state)
{
    struct change *change = state;
    loop_timer_stop(&change->timer);
    loop_unwatch(&change->fd);
}

static void fail_broken(struct rpc_call *call)
{
    rpc_fail(call, "unavailable", "the password could not be changed",
             "on the gateway: systemctl status baiye-password.socket, or baiye user passwd");
}

static void answered(struct change *change)
{
    struct rpc_call *call = change->call;
    char *answer = change->answer, message[192];
    answer[change->size] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    if (strcmp(answer, "ok") == 0) {
        rpc_end(call, json_object());
    } else if (strcmp(answer, "wrong") == 0) {
        rpc_fail(call, "wrong-password", "the present password is wrong", "type it again");
    } else if (strncmp(answer, "refused: ", 9) == 0) {
        (void)snprintf(message, sizeof message, "this password can't be taken: %s", answer + 9);
        rpc_fail(call, "unfit", message, "take another one");
    } else {
        fail_broken(call);
    }
}

static void came(struct loop_fd *fd, enum loop_event event)
{
    struct change *change = fd->context;
    if (event == LOOP_WRITABLE)
        return;
    ssize_t got = event == LOOP_READABLE ? read(fd->fd, change->answer + change->size,
                                                sizeof change->answer - 1 - change->size)
                                         : 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    change->size += got > 0 ? (size_t)got : 0;
    if (got <= 0 || memchr(change->answer, '\n', change->size) != NULL ||
        change->size == sizeof change->answer - 1)
        answered(change);
}

static void too_late(struct loop_timer *timer)
{
    fail_broken(((struct change *)timer->context)->call);
}

/* Connected, and the whole question in its buffer: a socket of this machine takes so little at
 * once. -1: nobody listens. */
static int ask(const char *path, const char *question, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof address.sun_path)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
                    send(fd, question, size, MSG_NOSIGNAL) != (ssize_t)size)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool is_line(const char *text)
{
    return strlen(text) <= PASSWORD_MOST && strpbrk(text, "\r\n") == NULL;
}

/* The farm's own broker, which knows the passwords: what goes to another one is read there. */
static bool is_local(const struct rpc_call *call)
{
    const struct config *config = call->rpc->config;
    uint16_t i = 0;
    while (i < config->broker_count &&
           (config->brokers[i].url.tls || config->brokers[i].url.websocket))
        i++;
    return i < config->broker_count && call->caller.broker == (int)i;
}

static bool another_runs(const struct rpc_call *call)
{
    for (const struct rpc_call *at = call->rpc->calls; at != NULL; at = at->next) {
        if (at != call && at->method == call->method)
            return true;
    }
    return false;
}

static void begin(struct rpc_call *call, const char *old, const char *fresh)
{
    char question[3 * (PASSWORD_SIZE + 1)];
    struct change *change = rpc_attach(call, sizeof *change, release);
    if (change == NULL)
        return;
    int size = snprintf(question, sizeof question, "%s\n%s\n%s\n", call->caller.user, old, fresh);
    change->call = call;
    change->fd = (struct loop_fd){.context = change, .event = came};
    change->fd.fd = ask(call->rpc->config->password_socket, question, (size_t)size);
    explicit_bzero(question, sizeof question);
    if (change->fd.fd < 0 || loop_watch(call->rpc->loop, &change->fd) != 0) {
        fail_broken(call);
        return;
    }
    change->timer = (struct loop_timer){.context = change, .expired = too_late};
    loop_timer_start(call->rpc->loop, &change->timer, ANSWER_MS);
}

static void run_passwd(struct rpc_call *call)
{
    const char *old = rpc_text(call, "old");
    const char *fresh = old != NULL ? rpc_text(call, "new") : NULL;
    if (fresh == NULL)
        return;
    if (call->caller.broker < 0)
        rpc_fail(call, "invalid", "who asks here has no password of the broker",
                 "baiye user passwd NAME");
    else if (!is_local(call))
        rpc_fail(call, "forbidden", "passwords are changed by the farm's own broker only",
                 "do it in the app at the farm");
    else if (!is_line(old) || !is_line(fresh))
        rpc_fail(call, "invalid", "a password is one line of at most 128 bytes",
                 "take another one");
    else if (another_runs(call))
        rpc_fail(call, "busy", "another password is being changed", "again in a few seconds");
    else
        begin(call, old, fresh);
}

static const struct rpc_method list[] = {
    {.name = "passwd", .role = USER_SCREEN, .command = true, .secret = true, .run = run_passwd},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_password = {.list = list};
