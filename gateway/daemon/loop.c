/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"

#define STEP_MS 1000 /* the loop comes round at least this often: the watchdog looks at it */
#define NAP_MS  50   /* while the process has no descriptor left */

struct loop {
    struct lws_context *lws;
    struct lws_vhost *fds; /* owns the watched descriptors; listens to nothing */
    struct loop_timer step;
    pthread_mutex_t lock; /* guards the queue */
    struct loop_task *first, **last;
    bool ending;
    int probe_fd;
    bool crowded;
    struct log_state said_crowded;
    atomic_bool stopping;
};

static int fd_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t size);

static const struct lws_protocols fd_protocols[] = {
    {.name = "fd", .callback = fd_callback},
    {.name = NULL},
};

int64_t loop_now_ms(void)
{
    return clock_mono_ms();
}

/* libwebsockets' own lines: it says much that is no fault of ours, so they are rate-limited. Its
 * logging knows no context. */
static struct log_rate lws_rate;

static void lws_line(int level, const char *line)
{
    size_t size = strcspn(line, "\n");
    log_limited(&lws_rate, level & LLL_ERR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "http: %.*s",
                (int)size, line);
}

/* Could another descriptor be had? While not, whoever waits to be accepted stays in the queue and
 * the listener stays readable. */
static void look_at_descriptors(struct loop *loop)
{
    int probe = fcntl(loop->probe_fd, F_DUPFD_CLOEXEC, 0);
    loop->crowded = probe < 0 && errno == EMFILE;
    if (probe >= 0)
        close(probe);
    log_change(&loop->said_crowded, !loop->crowded,
               loop->crowded ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE,
               loop->crowded ? "no file descriptor is left: nobody is let in; raise LimitNOFILE"
                             : "there are file descriptors again");
}

static void step(struct loop_timer *timer)
{
    struct loop *loop = timer->context;
    look_at_descriptors(loop);
    loop_timer_start(loop, timer, STEP_MS);
}

struct loop *loop_open(bool tls)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->last = &loop->first;
    loop->probe_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_state_init(&loop->said_crowded, 1);
    pthread_mutex_init(&loop->lock, NULL);
    lws_set_log_level(LLL_ERR | LLL_WARN, lws_line);
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   (tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = fd_protocols,
        .vhost_name = "fd",
        .user = loop,
        .fd_limit_per_thread = LOOP_FDS_MAX,
        .max_http_header_pool = LOOP_REQUESTS_MAX,
        .max_http_header_data = 4096,
        .pt_serv_buf_size = 8192,
        .timeout_secs = 10,
    };
    loop->lws = lws_create_context(&info);
    loop->fds = loop->lws != NULL ? lws_create_vhost(loop->lws, &info) : NULL;
    if (loop->fds == NULL) {
        loop_close(loop);
        return NULL;
    }
    loop->step.context = loop;
    loop->step.expired = step;
    step(&loop->step);
    return loop;
}

void loop_end(struct loop *loop)
{
    if (loop == NULL || loop->lws == NULL)
        return;
    pthread_mutex_lock(&loop->lock); /* from now on nobody wakes it */
    loop->ending = true;
    pthread_mutex_unlock(&loop->lock);
    lws_context_destroy(loop->lws);
    loop->lws = NULL;
}

void loop_drop_tasks(struct loop *loop)
{
    while (loop->first != NULL) {
        struct loop_task *task = loop->first;
        loop->first = task->next;
        if (task->drop != NULL)
            task->drop(task);
    }
    loop->last = &loop->first;
}

void loop_close(struct loop *loop)
{
    if (loop == NULL)
        return;
    loop_end(loop);
    loop_drop_tasks(loop);
    if (loop->probe_fd >= 0)
        close(loop->probe_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

struct lws_context *loop_context(struct loop *loop)
{
    return loop->lws;
}

static void run_tasks(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_task *task = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (task != NULL) {
        struct loop_task *next = task->next;
        task->run(task);
        task = next;
    }
}

bool loop_crowded(const struct loop *loop)
{
    return loop->crowded;
}

bool loop_step(struct loop *loop)
{
    static const struct timespec nap = {.tv_nsec = NAP_MS * 1000000};
    if (loop->crowded) /* else it would turn without end around those it can't accept */
        (void)nanosleep(&nap, NULL);
    bool ok = lws_service(loop->lws, 0) >= 0;
    run_tasks(loop);
    return ok;
}

void loop_run(struct loop *loop)
{
    while (!atomic_load(&loop->stopping)) {
        if (!loop_step(loop)) {
            log_write(LOG_LEVEL_ERROR, "http: the event loop failed");
            break;
        }
    }
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    lws_cancel_service(loop->lws);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&loop->lock);
    *loop->last = task;
    loop->last = &task->next;
    if (!loop->ending)
        lws_cancel_service(loop->lws);
    pthread_mutex_unlock(&loop->lock);
}

static int fd_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t size)
{
    (void)user;
    (void)in;
    (void)size;
    bool ours = reason == LWS_CALLBACK_RAW_RX_FILE || reason == LWS_CALLBACK_RAW_WRITEABLE_FILE ||
                reason == LWS_CALLBACK_RAW_CLOSE_FILE;
    struct loop_fd *self = ours ? lws_get_opaque_user_data(wsi) : NULL;
    if (self == NULL)
        return 0;
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE) {
        self->wsi = NULL;
        self->event(self, LOOP_CLOSED);
    } else {
        self->event(self, reason == LWS_CALLBACK_RAW_RX_FILE ? LOOP_READABLE : LOOP_WRITABLE);
    }
    return 0;
}

int loop_watch(struct loop *loop, struct loop_fd *self)
{
    lws_sock_file_fd_type fd = {.filefd = self->fd};
    self->wsi = NULL;
    if (!loop->ending)
        self->wsi = lws_adopt_descriptor_vhost(loop->fds, LWS_ADOPT_RAW_FILE_DESC, fd, "fd", NULL);
    if (self->wsi == NULL) {
        close(self->fd);
        return -1;
    }
    lws_set_opaque_user_data(self->wsi, self);
    return 0;
}

void loop_want_write(struct loop_fd *self)
{
    if (self->wsi != NULL)
        lws_callback_on_writable(self->wsi);
}

void loop_want_read(struct loop_fd *self, bool wanted)
{
    if (self->wsi != NULL)
        lws_rx_flow_control(self->wsi, wanted ? 1 : 0);
}

void loop_unwatch(struct loop_fd *self)
{
    if (self->wsi == NULL)
        return;
    lws_set_opaque_user_data(self->wsi, NULL);
    lws_rx_flow_control(self->wsi, 0);
    lws_set_timeout(self->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    self->wsi = NULL;
}

static void timer_expired(lws_sorted_usec_list_t *sul)
{
    struct loop_timer *timer = lws_container_of(sul, struct loop_timer, sul);
    timer->expired(timer);
}

void loop_timer_start(struct loop *loop, struct loop_timer *self, int64_t after_ms)
{
    self->loop = loop;
    if (loop->ending)
        return;
    lws_sul_schedule(loop->lws, 0, &self->sul, timer_expired,
                     after_ms > 0 ? after_ms * LWS_USEC_PER_SEC / 1000 : 1);
}

void loop_timer_stop(struct loop_timer *self)
{
    if (self->loop != NULL && !self->loop->ending)
        lws_sul_cancel(&self->sul);
}
