/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers for the web server, over real connections. The first byte chooses:
 *
 *   'r'  the rest is sent as it is
 *   't'  the rest is the target of a GET
 *   'q'  the rest is the query of the CSV export
 *   'a'  the rest is an Authorization header
 *
 * Whatever comes: an answer is one of HTTP with a status of ours, no file outside the app's folder
 * and no page that needs a user is given away, what the store is asked for makes sense, and nothing
 * of the connection is left. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/daemon/http/csv.h"
#include "tests/unit/rpc/fakes.h"

#define ROUNDS 200
#define SECRET "nobody reads this"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/baiye-fuzz-XXXXXX", app[64];
static struct loop *loop;
static struct http *http;
static struct csv *csv;
static struct sockaddr_in address = {.sin_family = AF_INET};

/* Says which: what depends on the network may not come again with the same bytes. */
#define expect(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))

static void give_up(const char *condition, int line)
{
    (void)fprintf(stderr, "fuzz_http.c:%d: not so: %s (%s)\n", line, condition, strerror(errno));
    abort();
}

static void path_in(const char *name, char *out, size_t size)
{
    int length = snprintf(out, size, "%s/%s", folder, name);
    expect(length > 0 && (size_t)length < size);
}

static void put_file(const char *name, const char *text)
{
    char path[96];
    path_in(name, path, sizeof path);
    FILE *file = fopen(path, "we");
    expect(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void clean_up(void)
{
    static const char *const names[] = {"secret", "app/index.html", "app/a.js", "app", "."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[96];
        path_in(names[i], path, sizeof path);
        (void)remove(path);
    }
    (void)rmdir(folder);
}

static void csv_page(void *context, struct http_request *request)
{
    csv_get(context, request);
}

static void secret_page(void *context, struct http_request *request)
{
    (void)context;
    http_reply(request, 200, "text/plain", SECRET, sizeof SECRET - 1);
}

static void start(void)
{
    static const struct http_page pages[] = {
        {.path = "/export.csv", .open = true, .get = csv_page},
        {.path = "/secret", .get = secret_page},
        {.path = NULL},
    };
    expect(mkdtemp(folder) != NULL);
    (void)atexit(clean_up);
    path_in("app", app, sizeof app);
    expect(mkdir(app, 0700) == 0);
    put_file("secret", SECRET);
    put_file("app/index.html", "<!doctype html>\n");
    put_file("app/a.js", "let a = 1;\n");
    log_set_level(LOG_LEVEL_ERROR);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(bind(probe, (struct sockaddr *)&address, sizeof address) == 0 &&
           getsockname(probe, (struct sockaddr *)&address, &size) == 0);
    close(probe);
    loop = loop_open(false);
    csv = csv_open(loop, &fake_config, NULL);
    struct http_options options = {.host = "127.0.0.1",
                                   .port = ntohs(address.sin_port),
                                   .cert_file = "",
                                   .key_file = "",
                                   .app_dir = app,
                                   .pages = pages,
                                   .context = csv};
    http = http_open(loop, &options);
    expect(http != NULL);
}

/* One round of the loop that never waits. */
static void turn(void)
{
    lws_cancel_service(loop_context(loop));
    expect(loop_step(loop));
}

static void check_question(void)
{
    const struct store_history_query *asked = &fakes.history;
    if (asked->max_points == 0)
        return; /* nothing was asked */
    expect(asked->from_ms >= 0 && asked->from_ms < asked->to_ms && asked->plot == -1);
    const struct device_config *device = &fake_config.devices[0];
    bool measured = false;
    for (unsigned i = 0; i < device->metric_count; i++)
        measured = measured || strcmp(asked->metric, device->metrics[i]->metric) == 0;
    expect(asked->device == 0 && measured);
    expect(asked->step >= STORE_RAW && asked->step <= STORE_DAY);
}

static void check_answer(const char *text, size_t size)
{
    static const unsigned good[] = {200, 304, 400, 401, 403, 404, 405, 413, 414, 421, 431, 503};
    if (size == 0)
        return; /* hung up without a word: it was no HTTP */
    expect(memmem(text, size, SECRET, sizeof SECRET - 1) == NULL);
    expect(size > 12 && (memcmp(text, "HTTP/1.1 ", 9) == 0 || memcmp(text, "HTTP/1.0 ", 9) == 0));
    unsigned status = (unsigned)strtoul(text + 9, NULL, 10);
    bool known = false;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        known = known || status == good[i];
    expect(known);
}

/* The fuzzer's own alarm may interrupt it: then it goes on by itself. */
static bool connected(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
    int error = 0, ready = 0;
    socklen_t size = sizeof error;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return true;
    if (errno != EINTR)
        return false;
    do {
        ready = poll(&pollfd, 1, 1000);
    } while (ready < 0 && errno == EINTR);
    return ready == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* Ends with a reset on both sides: a connection that is closed in order would keep its port for a
 * minute, and there are thousands a second. */
static int connect_anew(void)
{
    struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    expect(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    expect(connected(fd));
    expect(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* A reset is there at once, but on a machine that is busy elsewhere. */
static bool all_closed(void)
{
    struct http_stats stats = {.connections = 1};
    for (unsigned round = 0; round < ROUNDS + 1000 && stats.connections > 0; round++) {
        if (round >= ROUNDS)
            (void)poll(NULL, 0, 2);
        turn();
        http_stats(http, &stats);
    }
    return stats.connections == 0;
}

static void by_connection(const char *bytes, size_t size)
{
    static char heard[1 << 20];
    size_t sent = 0, got = 0;
    bool open = true, quiet = false;
    int fd = connect_anew();
    fakes = (struct fakes){.history_points = 600};
    for (unsigned round = 0, idle = 0; round < ROUNDS && open && idle < 6; round++, idle += quiet) {
        ssize_t wrote = sent < size ? send(fd, bytes + sent, size - sent, MSG_NOSIGNAL) : 0;
        sent += wrote > 0 ? (size_t)wrote : 0;
        turn();
        ssize_t more = recv(fd, heard + got, sizeof heard - 1 - got, 0);
        got += more > 0 ? (size_t)more : 0;
        open = more > 0 || (more < 0 && errno == EAGAIN);
        quiet = more <= 0 && wrote <= 0;
    }
    heard[got] = '\0';
    check_answer(heard, got);
    check_question();
    close(fd);
    expect(all_closed());
}

/* "HEAD data TAIL" on a connection. */
static void wrapped(const char *head, const uint8_t *data, size_t size, const char *tail)
{
    size_t room = strlen(head) + size + strlen(tail);
    char *text = malloc(room);
    expect(text != NULL);
    memcpy(text, head, strlen(head));
    if (size > 0)
        memcpy(text + strlen(head), data, size);
    memcpy(text + strlen(head) + size, tail, strlen(tail));
    by_connection(text, room);
    free(text);
}

static void check_basic(const uint8_t *data, size_t size)
{
    char text[320], user[BROKER_CHECK_NAME_MAX + 1], password[BROKER_CHECK_SECRET_MAX + 1];
    size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    if (length > 0)
        memcpy(text, data, length);
    text[length] = '\0';
    if (auth_basic(text, user, password))
        expect(user[0] != '\0' && strchr(user, ':') == NULL &&
               strlen(user) <= BROKER_CHECK_NAME_MAX &&
               strlen(password) <= BROKER_CHECK_SECRET_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char tail[] = " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    if (loop == NULL)
        start();
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'r':
        by_connection((const char *)data + 1, size - 1);
        break;
    case 't':
        wrapped("GET ", data + 1, size - 1, tail);
        break;
    case 'q':
        wrapped("GET /export.csv?", data + 1, size - 1, tail);
        break;
    case 'a':
        check_basic(data + 1, size - 1);
        wrapped("GET /secret HTTP/1.1\r\nAuthorization: ", data + 1, size - 1,
                "\r\nHost: 127.0.0.1\r\n\r\n");
        break;
    default:
        break;
    }
    return 0;
}
