/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 15000

void helper_forget(struct helper *helper)
{
    loop_timer_stop(&helper->timer);
    loop_unwatch(&helper->fd);
}

static void end(struct helper *helper, const char *line)
{
    helper_forget(helper);
    helper->answered(helper, line);
}

static void came(struct loop_fd *fd, enum loop_event event)
{
    struct helper *helper = fd->context;
    if (event == LOOP_WRITABLE)
        return;
    ssize_t got = event == LOOP_READABLE ? read(fd->fd, helper->answer + helper->size,
                                                sizeof helper->answer - 1 - helper->size)
                                         : 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    helper->size += got > 0 ? (size_t)got : 0;
    helper->answer[helper->size] = '\0';
    if (got > 0 && strchr(helper->answer, '\n') == NULL && helper->size < sizeof helper->answer - 1)
        return;
    helper->answer[strcspn(helper->answer, "\n")] = '\0';
    end(helper, helper->answer);
}

static void too_late(struct loop_timer *timer)
{
    end(timer->context, "");
}

/* Connected, and the whole question in its buffer: a socket of this machine takes some 200 KiB at
 * once. -1: nobody listens. */
static int open_to(const char *path, const char *question, size_t size)
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

bool helper_request(struct helper *helper, struct loop *loop, const char *path,
                    const char *question, size_t size)
{
    helper->size = 0;
    helper->fd =
        (struct loop_fd){.fd = open_to(path, question, size), .context = helper, .event = came};
    if (helper->fd.fd < 0 || loop_watch(loop, &helper->fd) != 0)
        return false;
    helper->timer = (struct loop_timer){.context = helper, .expired = too_late};
    loop_timer_start(loop, &helper->timer, ANSWER_MS);
    return true;
}
