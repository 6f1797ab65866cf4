/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <MQTTAsync.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Inside of Paho: what it connects by. */
int Socket_new(const char *host, size_t host_size, int port, int *fd, long timeout_ms);
void Socket_outInitialize(void);

static void small_messages_do_not_wait_for_an_ack(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address, value_size = sizeof(int);
    int value = 0, fd = -1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    Socket_outInitialize();
    (void)Socket_new("127.0.0.1", strlen("127.0.0.1"), ntohs(address.sin_port), &fd, 1000);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &value_size), 0);
    assert_int_not_equal(value, 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(listener), 0);
}

static void a_host_that_is_not_found_has_no_socket(void **state)
{
    int fd = 0;
    (void)state;
    Socket_outInitialize();
    assert_int_not_equal(Socket_new("nowhere.invalid", strlen("nowhere.invalid"), 1883, &fd, 1000),
                         0);
    assert_true(fd < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_messages_do_not_wait_for_an_ack),
        cmocka_unit_test(a_host_that_is_not_found_has_no_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
