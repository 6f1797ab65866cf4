/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/common/grow.h"
#include "gateway/common/log.h"

#define RETRY_MS   5000
#define GROUPS_MAX 64 /* of a peer; one with more is let in by its first group only */

struct client;

struct asked {             /* one call under way */
    struct client *client; /* NULL: free */
    json_t *id;
    struct rpc_call *call;
};

struct client {
    struct control *control; /* NULL: free */
    struct loop_fd fd;
    struct rpc_caller caller;
    struct asked asked[CONTROL_CALLS_MAX];
    char *in; /* CONTROL_LINE_MAX, taken when the client comes */
    size_t in_size;
    char *out;
    size_t out_size, out_room;
    bool broken; /* to be cut at the next step */
};

struct control {
    struct loop *loop;
    struct rpc *rpc;
    struct sockaddr_un address;
    struct loop_fd listener;
    struct loop_timer retry;
    struct log_state said;
    struct log_rate refused;
    struct client clients[CONTROL_CLIENTS_MAX];
};

static void drop(struct client *client)
{
    for (size_t i = 0; i < CONTROL_CALLS_MAX; i++) {
        struct asked *asked = &client->asked[i];
        if (asked->client != NULL && asked->call != NULL)
            rpc_forget(asked->call);
        json_decref(asked->id);
        *asked = (struct asked){0};
    }
    loop_unwatch(&client->fd);
    free(client->in);
    free(client->out);
    client->in = NULL;
    client->out = NULL;
    client->control = NULL;
}

/* ---- Out ---- */

static void flush(struct client *client)
{
    ssize_t sent = send(client->fd.fd, client->out, client->out_size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        client->broken = true;
        return;
    }
    if (sent > 0) {
        client->out_size -= (size_t)sent;
        memmove(client->out, client->out + sent, client->out_size);
    }
    if (client->out_size > 0)
        loop_want_write(&client->fd);
}

static bool make_room(struct client *client, size_t more)
{
    size_t wanted = client->out_size + more;
    if (wanted <= client->out_room)
        return true;
    if (wanted > CONTROL_OUT_MAX)
        return false;
    char *bigger = grow_array(client->out, &client->out_room, wanted, 1);
    if (bigger != NULL)
        client->out = bigger;
    return bigger != NULL;
}

/* {"id":…} and the members of `body` as they are. */
static void say(struct client *client, json_t *id, const char *what, const json_t *body)
{
    json_t *line = json_object();
    const json_t *error = what == NULL ? json_object_get(body, "error") : NULL;
    (void)json_object_set(line, "id", id != NULL ? id : json_null());
    if (error != NULL)
        (void)json_object_set_new(line, "error", json_deep_copy(error));
    else
        (void)json_object_set_new(line, what != NULL ? what : "result", json_deep_copy(body));
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(8));
    size_t size = text != NULL ? strlen(text) : 0;
    if (size == 0 || !make_room(client, size + 1)) {
        client->broken = true;
    } else {
        bool idle = client->out_size == 0;
        memcpy(client->out + client->out_size, text, size);
        client->out[client->out_size + size] = '\n';
        client->out_size += size + 1;
        if (idle)
            flush(client);
    }
    free(text);
    json_decref(line);
    if (client->broken)
        loop_want_write(&client->fd); /* not here: somebody up the stack still uses it */
}

static void answered(void *context, bool progress, const json_t *body)
{
    struct asked *asked = context;
    struct client *client = asked->client;
    if (body != NULL)
        say(client, asked->id, progress ? "progress" : NULL, body);
    if (!progress) {
        json_decref(asked->id);
        *asked = (struct asked){0};
    }
}

/* ---- In ---- */

static void complain(struct client *client, json_t *id, const char *code, const char *message)
{
    json_t *body = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "message", message, "hint",
                             "write {\"id\":1,\"method\":\"time\",\"params\":{}} in one line");
    say(client, id, NULL, body);
    json_decref(body);
}

static void take_line(struct client *client, const char *line, size_t size)
{
    struct asked *asked = NULL;
    json_t *request = json_loadb(line, size, 0, NULL);
    json_t *id = json_object_get(request, "id");
    const char *method = json_string_value(json_object_get(request, "method"));
    json_t *params = json_object_get(request, "params");
    for (size_t i = 0; i < CONTROL_CALLS_MAX && asked == NULL; i++) {
        if (client->asked[i].client == NULL)
            asked = &client->asked[i];
    }
    if (method == NULL || (params != NULL && !json_is_object(params))) {
        complain(client, id, "invalid", "this is no request");
    } else if (asked == NULL) {
        complain(client, id, "busy", "too many of your requests are under way");
    } else {
        json_t *none = params == NULL ? json_object() : NULL;
        *asked = (struct asked){.client = client, .id = json_incref(id)};
        struct rpc_call *call = rpc_call(client->control->rpc, &client->caller, method,
                                         params != NULL ? params : none, "", answered, asked);
        if (call != NULL)
            asked->call = call;
        json_decref(none);
    }
    json_decref(request);
}

static void take_lines(struct client *client)
{
    size_t start = 0;
    for (;;) {
        const char *end = memchr(client->in + start, '\n', client->in_size - start);
        if (end == NULL || client->broken)
            break;
        size_t size = (size_t)(end - client->in) - start;
        if (size > 0)
            take_line(client, client->in + start, size);
        start += size + 1;
    }
    client->in_size -= start;
    memmove(client->in, client->in + start, client->in_size);
    if (client->in_size == CONTROL_LINE_MAX) {
        complain(client, NULL, "invalid", "the line is longer than 256 KiB");
        client->broken = true;
    }
}

static void client_event(struct loop_fd *fd, enum loop_event event)
{
    struct client *client = fd->context;
    if (event == LOOP_READABLE) {
        ssize_t got =
            recv(fd->fd, client->in + client->in_size, CONTROL_LINE_MAX - client->in_size, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got > 0) {
            client->in_size += (size_t)got;
            take_lines(client);
        } else {
            client->broken = true;
        }
    } else if (event == LOOP_WRITABLE && !client->broken) {
        flush(client);
    }
    if (client->broken || event == LOOP_CLOSED)
        drop(client);
}

/* Is the group one of those the peer has? */
static bool peer_has_group(int fd, const struct ucred *peer, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;
    if (peer->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

/* Who it is is asked of the kernel, and not left to the socket's mode alone, which a chmod or a
 * folder of another can open to everybody: root, the daemon's own user, and its group. */
static bool name_caller(struct client *client)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(client->fd.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    if (peer.uid != 0 && peer.uid != geteuid() &&
        !peer_has_group(client->fd.fd, &peer, getegid())) {
        log_limited(&client->control->refused, LOG_LEVEL_WARNING,
                    "control: uid %u, pid %d is neither root nor in the gateway's group: refused",
                    (unsigned)peer.uid, (int)peer.pid);
        return false;
    }
    client->caller = (struct rpc_caller){.broker = -1, .role = USER_TECHNICIAN};
    (void)snprintf(client->caller.user, sizeof client->caller.user, "uid-%u", (unsigned)peer.uid);
    (void)snprintf(client->caller.via, sizeof client->caller.via, "socket");
    return true;
}

static void accept_client(struct loop_fd *listener, enum loop_event event)
{
    struct control *control = listener->context;
    struct client *client = NULL;
    if (event != LOOP_READABLE)
        return;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX && client == NULL; i++) {
        if (control->clients[i].control == NULL)
            client = &control->clients[i];
    }
    char *in = client != NULL ? malloc(CONTROL_LINE_MAX) : NULL;
    if (in == NULL) {
        close(fd);
        return;
    }
    *client = (struct client){.control = control, .in = in};
    client->fd = (struct loop_fd){.fd = fd, .context = client, .event = client_event};
    if (!name_caller(client)) {
        static const char no[] =
            "{\"id\":null,\"error\":{\"code\":\"forbidden\",\"message\":\"you "
            "may not ask this gateway\",\"hint\":\"be root or in its group\"}}\n";
        (void)!send(fd, no, sizeof no - 1, MSG_NOSIGNAL);
        close(fd);
        free(in);
        *client = (struct client){0};
        return;
    }
    if (loop_watch(control->loop, &client->fd) < 0)
        drop(client);
}

/* ---- The socket ---- */

/* Does somebody listen there? Then it is not ours to replace. */
static bool taken(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0)
        close(fd);
    return answers;
}

static int listen_fd(const struct sockaddr_un *address)
{
    if (taken(address)) {
        errno = EADDRINUSE;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)unlink(address->sun_path);
    mode_t before = umask(0117); /* 0660 from its first moment */
    int bound = bind(fd, (const struct sockaddr *)address, sizeof *address);
    umask(before);
    if (bound < 0 || listen(fd, CONTROL_CLIENTS_MAX) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void listen_now(struct loop_timer *timer)
{
    struct control *control = timer->context;
    control->listener = (struct loop_fd){.context = control, .event = accept_client};
    control->listener.fd = listen_fd(&control->address);
    bool ok = control->listener.fd >= 0 && loop_watch(control->loop, &control->listener) == 0;
    log_change(&control->said, ok, ok ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
               ok ? "control: %s is open%s" : "control: can't open %s: %s; trying again",
               control->address.sun_path, ok ? "" : strerror(errno));
    if (!ok)
        loop_timer_start(control->loop, timer, RETRY_MS);
}

struct control *control_open(struct loop *loop, const char *path, struct rpc *rpc)
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL)
        return NULL;
    control->loop = loop;
    control->rpc = rpc;
    control->address.sun_family = AF_UNIX;
    control->retry = (struct loop_timer){.context = control, .expired = listen_now};
    int length = snprintf(control->address.sun_path, sizeof control->address.sun_path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof control->address.sun_path)
        log_write(LOG_LEVEL_ERROR,
                  "control: the path %s is longer than a socket's may be, %zu bytes; write a "
                  "shorter one in the configuration",
                  path, sizeof control->address.sun_path - 1);
    else
        listen_now(&control->retry);
    return control;
}

void control_close(struct control *control)
{
    if (control == NULL)
        return;
    loop_timer_stop(&control->retry);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].control != NULL)
            drop(&control->clients[i]);
    }
    if (control->said.known && control->said.logged == 1)
        (void)unlink(control->address.sun_path);
    free(control);
}
