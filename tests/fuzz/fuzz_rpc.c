/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of strangers, by the control socket and by MQTT. The first byte chooses:
 *
 *   's'    the rest goes over a real UNIX socket, line by line
 *   l w z  the rest is one MQTT request of li (farmer), wang (technician) or zhang (nobody): its
 *          method up to the first line end, then its payload; capitals: a retained one
 *
 * Whatever comes: answers are JSON of one kind each, a line that asks for something gets one, none
 * is too long for a message, and nobody does what is not his to do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/daemon/rpc/control.h"
#include "tests/unit/rpc/fakes.h"

#define ROUNDS 2000 /* a scan of all units takes one for each */
/* What one input left over (an update, a switched valve) is gone after so many. */
#define RENEW 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/baiye-fuzz-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct loop *loop;
static struct rpc *rpc;
static struct control *control;

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void clean_up(void)
{
    (void)unlink(address.sun_path);
    char users[CONFIG_PATH_SIZE];
    if (users_path(fake_config.file, users, sizeof users))
        (void)unlink(users);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    char users[CONFIG_PATH_SIZE];
    expect(mkdtemp(folder) != NULL);
    (void)atexit(clean_up);
    expect(snprintf(fake_config.file, sizeof fake_config.file, "%s/baiye.yaml", folder) > 0);
    expect(snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", folder) > 0);
    expect(users_path(fake_config.file, users, sizeof users));
    FILE *file = fopen(users, "we");
    expect(file != NULL && fputs("li farmer\nwang technician\n", file) >= 0 && fclose(file) == 0);
}

static void renew(void)
{
    static unsigned inputs;
    if (inputs == 0)
        make_folder();
    if (inputs++ % RENEW != 0)
        return;
    if (loop != NULL) {
        loop_end(loop);
        loop_drop_tasks(loop);
        control_close(control);
        rpc_close(rpc);
        loop_close(loop);
    }
    fakes = (struct fakes){.now = {1795293274123, TIME_TRUSTED}};
    struct rpc_parts parts = {.publish = fake_publish,
                              .alerts = fake_alerts,
                              .notifier = fake_notifier,
                              .buses = fake_buses};
    loop = loop_open(false);
    rpc = rpc_open(loop, &fake_config, &parts);
    control = control_open(loop, address.sun_path, rpc);
}

/* One round of the loop that never waits. */
static void turn(void)
{
    lws_cancel_service(loop_context(loop));
    expect(loop_step(loop));
}

/* ---- by the control socket ---- */

static char heard[2 * CONTROL_OUT_MAX];

/* Every line is one JSON object of one kind; how many of them end a call. */
static size_t answers_in(size_t size)
{
    size_t ends = 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(heard + at, '\n', size - at);
        if (end == NULL)
            break;
        size_t length = (size_t)(end - (heard + at));
        json_t *line = json_loadb(heard + at, length, 0, NULL);
        bool result = json_object_get(line, "result") != NULL;
        bool error = json_object_get(line, "error") != NULL;
        bool progress = json_object_get(line, "progress") != NULL;
        expect(json_object_get(line, "id") != NULL && result + error + progress == 1);
        ends += !progress;
        json_decref(line);
        at += length + 1;
    }
    return ends;
}

static size_t lines_in(const uint8_t *data, size_t size)
{
    size_t lines = 0;
    for (size_t i = 1; i < size; i++)
        lines += data[i] == '\n' && data[i - 1] != '\n';
    return lines;
}

/* An update takes its time: it may be the one call that is not over yet. */
static bool may_take_long(const uint8_t *data, size_t size)
{
    return memmem(data, size, "update", 6) != NULL || memmem(data, size, "\\u", 2) != NULL;
}

static void by_socket(const uint8_t *data, size_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    size_t sent = 0, got = 0, asked = lines_in(data, size);
    bool open = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    expect(open);
    for (unsigned round = 0; round < ROUNDS && open; round++) {
        ssize_t wrote = sent < size ? send(fd, data + sent, size - sent, MSG_NOSIGNAL) : 0;
        sent += wrote > 0 ? (size_t)wrote : 0;
        turn();
        ssize_t more = recv(fd, heard + got, sizeof heard - got, 0);
        got += more > 0 ? (size_t)more : 0;
        open = more > 0 || (more < 0 && errno == EAGAIN);
        if (sent == size && answers_in(got) >= asked)
            break;
    }
    size_t ends = answers_in(got);
    expect(ends <= asked && (ends == asked || may_take_long(data, size)));
    expect(open);
    close(fd);
    turn();
    turn();
}

/* ---- by MQTT ---- */

static void copy_text(char *out, size_t room, const uint8_t *data, size_t size)
{
    size_t length = size < room - 1 ? size : room - 1;
    if (length > 0)
        memcpy(out, data, length);
    out[length] = '\0';
}

/* What he may not do was not done. */
static void check_rights(char who, bool retained, const struct fakes *before)
{
    bool same_offset = fakes.registers[4] == before->registers[4];
    expect(who == 'w' || same_offset);
    if (who != 'z' && !retained)
        return;
    expect(fakes.bus_requests == before->bus_requests && fakes.pick_count == before->pick_count);
    expect(strcmp(fakes.acked_by, before->acked_by) == 0 && same_offset);
    expect(memcmp(&fakes.resend, &before->resend, sizeof fakes.resend) == 0);
}

static void by_mqtt(char kind, const uint8_t *data, size_t size)
{
    static struct fakes before;
    static uint32_t number;
    char who = (char)(kind | 0x20);
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t name = end != NULL ? (size_t)(end - data) : size;
    size_t body = end != NULL ? name + 1 : size;
    const char *user = who == 'l' ? "li" : who == 'w' ? "wang" : "zhang";
    struct publish_request request = {.payload = (const char *)data + body,
                                      .payload_size = size - body,
                                      .retained = kind != who,
                                      .has_response = true,
                                      .correlation_size = sizeof number};
    copy_text(request.user, sizeof request.user, (const uint8_t *)user, strlen(user));
    copy_text(request.method, sizeof request.method, data, name);
    expect(snprintf(request.response, sizeof request.response, "baiye/baiye-1/answer/%s/1", user) >
           0);
    memcpy(request.correlation, &number, sizeof number);
    number++;
    before = fakes;
    rpc_mqtt(rpc, &request);
    check_rights(who, request.retained, &before); /* before timers of earlier inputs run */
    for (unsigned round = 0; round < ROUNDS && fakes.answers == before.answers; round++) {
        if (request.retained && round > 4)
            break;
        turn();
    }
    expect(fakes.answers == before.answers + !request.retained);
    if (request.retained)
        return;
    json_t *answer = json_loads(fakes.answer, 0, NULL);
    expect(json_is_object(answer) && strlen(fakes.answer) <= 65536);
    expect(strcmp(fakes.answer_topic, request.response) == 0);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_set_level(LOG_LEVEL_ERROR);
    renew();
    fakes.history_points = 2000;
    if (size > 0 && data[0] == 's')
        by_socket(data + 1, size - 1);
    else if (size > 0 && strchr("lwzLWZ", data[0]) != NULL && data[0] != '\0')
        by_mqtt((char)data[0], data + 1, size - 1);
    return 0;
}
