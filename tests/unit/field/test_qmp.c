/* SPDX-License-Identifier: Apache-2.0 */
/* An emulated board runs when its thermometer shows the garden's air, not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/field/qmp.h"

enum { LOOK_NS = 1000000, PATIENCE_LOOKS = 20000 };

/* QEMU's side of the socket. */
struct machine {
    struct loop loop;
    struct loop_timer look;
    struct qmp qmp;
    const char *until; /* the last command that is waited for */
    int fd, looks;
    char heard[1024];
    size_t size;
};

static void look(void *context, int64_t now_ns)
{
    struct machine *m = context;
    ssize_t got = recv(m->fd, m->heard + m->size, sizeof(m->heard) - 1 - m->size, MSG_DONTWAIT);
    if (got > 0)
        m->size += (size_t)got;
    m->heard[m->size] = '\0';
    if (strstr(m->heard, m->until) != NULL || ++m->looks == PATIENCE_LOOKS)
        loop_stop(&m->loop);
    else
        loop_arm(&m->loop, &m->look, now_ns + LOOK_NS);
}

/* Greets, as QEMU does once it runs, and reads on until it was told `until`. */
static void machine_starts(struct machine *m, const char *path, int32_t millidegrees)
{
    static const char greeting[] = "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *m = (struct machine){.look = {.fire = look, .context = m}, .until = "\"cont\"", .fd = -1};
    assert_true(loop_init(&m->loop));
    qmp_init(&m->qmp, &m->loop, millidegrees);
    assert_true(qmp_open(&m->qmp, path));
    memcpy(address.sun_path, path, strlen(path));
    m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connect(m->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    assert_true(send(m->fd, greeting, sizeof(greeting) - 1, 0) > 0);
    loop_arm(&m->loop, &m->look, loop_now_ns());
    assert_true(loop_run(&m->loop));
}

static void test_a_board_starts_when_its_thermometer_is_set(void **state)
{
    (void)state;
    char path[] = "/tmp/baiye-qmp-XXXXXX";
    struct machine m;
    int placeholder = mkstemp(path);
    assert_true(placeholder >= 0 && close(placeholder) == 0);
    machine_starts(&m, path, 16375);
    const char *set = strstr(m.heard, "\"value\":16375"), *run = strstr(m.heard, "\"cont\"");
    assert_non_null(strstr(m.heard, "qmp_capabilities"));
    assert_non_null(set);
    assert_non_null(run);
    assert_true(set < run);
    m.size = 0; /* later on nothing starts it: who stopped it meant it */
    m.until = "\"value\":17000";
    qmp_set_air(&m.qmp, 17000);
    loop_arm(&m.loop, &m.look, loop_now_ns());
    m.loop.stop = false;
    assert_true(loop_run(&m.loop));
    assert_non_null(strstr(m.heard, m.until));
    assert_null(strstr(m.heard, "\"cont\""));
    qmp_close(&m.qmp);
    (void)close(m.fd);
    loop_free(&m.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_board_starts_when_its_thermometer_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
