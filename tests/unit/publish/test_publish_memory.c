/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of the publisher's own code fails, for every n: nothing is left out of the
 * messages without a word, and the process ends with the code on which it is started anew. */
#include <MQTTAsync.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/log.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/publish/worker/doc_queue.h"
#include "gateway/daemon/publish/worker/lane.h"
#include "gateway/daemon/publish/worker/ready.h"
#include "tests/unit/store/failing_malloc.h"
#include "tests/unit/store/garden_config.h"

#define NOON    1795233600000
#define STREAMS 3u
#define BODIES  6u
#define IN_BODY 10u

int __real_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *url, const char *id,
                                       int persistence, void *context,
                                       MQTTAsync_createOptions *options);
int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *url, const char *id,
                                       int persistence, void *context,
                                       MQTTAsync_createOptions *options);

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *url, const char *id,
                                       int persistence, void *context,
                                       MQTTAsync_createOptions *options)
{
    atomic_store(&failing_malloc->left_out, true); /* Paho's own: it is in the same program */
    int result = __real_MQTTAsync_createWithOptions(handle, url, id, persistence, context, options);
    atomic_store(&failing_malloc->left_out, false);
    return result;
}

static int prepare(void **state)
{
    (void)state;
    void *shared = mmap(NULL, sizeof *failing_malloc, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* with the child processes */
    assert_ptr_not_equal(shared, MAP_FAILED);
    failing_malloc = shared;
    log_set_level(LOG_LEVEL_ERROR - 1);
    return 0;
}

/* ---- What the daemon would send ---- */

struct example {
    struct ipc_stream streams[STREAMS];
    struct ipc_body heads[BODIES];
    uint8_t bodies[BODIES][1024];
    uint32_t sizes[BODIES];
    uint8_t doc[sizeof(struct ipc_doc) + 16];
};

/* Streams of two schemas, and bodies whose records go through all streams. */
static void make_example(struct example *example)
{
    memset(example, 0, sizeof *example);
    struct config *config = garden_config(STREAMS, 1, "");
    struct stream_schema schemas[STREAMS];
    for (uint32_t i = 0; i < STREAMS; i++) {
        struct ipc_stream *stream = &example->streams[i];
        stream_schema_of_device(&config->devices[i], &schemas[i]);
        if (i > 0)
            schemas[i].fields[0].metric[0] = 'x';
        stream->type = IPC_STREAM;
        stream->stream.id = 1 + i * 70; /* the table must grow in between */
        (void)snprintf(stream->stream.device, sizeof stream->stream.device, "plot-%u", i);
        stream->schema = schemas[i];
    }
    garden_config_free(config);
    for (uint32_t b = 0; b < BODIES; b++) {
        struct body_base base = {.boot = 3, .wall_ms = NOON, .mono_ms = 1000};
        struct body body;
        body_begin(&body, example->bodies[b], sizeof example->bodies[b], &base);
        for (uint32_t i = 0; i < IN_BODY; i++) {
            uint32_t of = (b + i) % STREAMS, seq = b * IN_BODY + i + 1;
            struct reading reading = garden_reading((uint16_t)of, 3, seq, NOON + i);
            assert_true(
                body_reading(&body, example->streams[of].stream.id, &schemas[of], &reading));
        }
        body_seal(&body);
        example->heads[b] =
            (struct ipc_body){.type = IPC_BODY, .count = IN_BODY, .first_id = b * IN_BODY + 1};
        example->sizes[b] = body.used;
    }
    struct ipc_doc head = {
        .type = IPC_DOC, .topic_size = 4, .payload_size = 12, .live = true, .retain = true};
    memcpy(example->doc, &head, sizeof head);
    memcpy(example->doc + sizeof head, "liveof the value", 16);
}

/* ---- The parts, one by one ---- */

/* How many readings were made into messages. */
static uint32_t make_all(struct lane *lane, const struct streams *streams)
{
    static struct ready_ring ring;
    struct ready_style style = {.streams = streams, .gateway = "gw", .deflate = true};
    uint32_t records = 0;
    memset(&ring, 0, sizeof ring);
    while (ready_make(&ring, lane, 0, &style, 2048) == READY_MADE) {
        records += ready_head(&ring)->made.records;
        ready_pop(&ring);
    }
    return records;
}

/* false: it was said that there is no memory. */
static bool go_through(const struct example *example, struct streams *streams, uint32_t *records)
{
    struct lane lane = {0};
    struct doc_queue docs = {0};
    bool done = streams != NULL;
    lane_reset(&lane, 1);
    for (uint32_t i = 0; done && i < STREAMS; i++)
        done = streams_add(streams, &example->streams[i]);
    for (uint32_t b = 0; done && b < BODIES; b++)
        done = lane_add(&lane, &example->heads[b], example->bodies[b], example->sizes[b]);
    size_t at = 0;
    struct queued_doc *doc = done ? doc_take(example->doc, sizeof example->doc, &at) : NULL;
    if (doc != NULL)
        doc_push(&docs, doc);
    done = doc != NULL;
    *records = done ? make_all(&lane, streams) : 0;
    lane_reset(&lane, 1);
    (void)doc_drop_all(&docs);
    return done;
}

static void no_memory_is_said_and_nothing_left_out(void **state)
{
    static struct example example;
    (void)state;
    make_example(&example);
    long n = 1;
    do {
        uint32_t records = 0;
        failing_malloc_begin(n++, false);
        struct streams *streams = streams_create();
        bool done = go_through(&example, streams, &records);
        failing_malloc_end();
        assert_int_equal(done, !failing_malloc->failed);
        assert_int_equal(records, done ? BODIES * IN_BODY : 0);
        if (streams != NULL)
            streams_destroy(streams);
    } while (failing_malloc->failed);
    assert_true(n > 1 + (long)(STREAMS + BODIES)); /* it did fail at each of them */
}

/* ---- The process ---- */

static void say(int fd, const void *head, size_t head_size, const void *data, size_t size)
{
    uint8_t message[2048];
    memcpy(message, head, head_size);
    if (size > 0)
        memcpy(message + head_size, data, size);
    assert_int_equal(send(fd, message, head_size + size, MSG_NOSIGNAL), head_size + size);
}

static void say_all(int fd, const struct example *example)
{
    struct ipc_hello hello = {.type = IPC_HELLO, .site = "garden", .uuid = "gw"};
    struct ipc_reset reset = {.type = IPC_RESET, .lane = LANE_BACKLOG, .id = 1};
    static const uint8_t stop = IPC_STOP;
    (void)snprintf(hello.broker.name, sizeof hello.broker.name, "broker");
    (void)snprintf(hello.broker.url.host, sizeof hello.broker.url.host, "127.0.0.1");
    hello.broker.url.port = 1; /* it is told to stop before it connects */
    hello.broker.keepalive_s = 20;
    assert_int_equal(send(fd, &hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
    say(fd, &reset, sizeof reset, NULL, 0);
    for (uint32_t i = 0; i < STREAMS; i++)
        assert_int_equal(send(fd, &example->streams[i], sizeof example->streams[i], MSG_NOSIGNAL),
                         sizeof example->streams[i]);
    for (uint32_t b = 0; b < BODIES; b++)
        say(fd, &example->heads[b], sizeof example->heads[b], example->bodies[b],
            example->sizes[b]);
    say(fd, example->doc, sizeof example->doc, NULL, 0);
    say(fd, &stop, sizeof stop, NULL, 0);
}

static void assert_nothing_acknowledged(int fd)
{
    static uint8_t message[IPC_MAX];
    while (recv(fd, message, sizeof message, MSG_DONTWAIT) > 0)
        assert_int_not_equal(message[0], IPC_ACK);
}

/* Its exit code, -1 when a signal ended it. */
static int run_process(const struct example *example)
{
    static const struct child_files no_files;
    int fds[2], status = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    say_all(fds[0], example);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(20);
        if (fds[1] == CHILD_FD || dup2(fds[1], CHILD_FD) == CHILD_FD)
            _exit(publisher_main(&no_files));
        _exit(EX_SOFTWARE);
    }
    close(fds[1]);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_nothing_acknowledged(fds[0]);
    close(fds[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_process_ends_to_be_started_anew(void **state)
{
    static struct example example;
    (void)state;
    make_example(&example);
    long n = 1;
    do {
        failing_malloc_begin(n++, false);
        int code = run_process(&example);
        assert_int_equal(code, failing_malloc->failed ? EX_OSERR : EX_OK);
    } while (failing_malloc->failed);
    assert_true(n > 2 + (long)(STREAMS + BODIES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_is_said_and_nothing_left_out),
        cmocka_unit_test(the_process_ends_to_be_started_anew),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
