/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <MQTTAsync.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/daemon/publish/worker/paho.h"

/* Inside of Paho: what it connects by, and what its sending thread waits for. */
int Heap_initialize(void);
void Heap_terminate(void);
int Socket_new(const char *host, size_t host_size, int port, int *fd, long timeout_ms);
int Socket_close(int fd);
void Socket_outInitialize(void);
void Socket_outTerminate(void);
int Thread_signal_cond(void *cond);
int Thread_wait_cond(void *cond, int timeout_ms);
pthread_t Thread_getid(void);
/* … and what it notes of itself. */
struct paho_heap_info {
    size_t now, most;
};
struct paho_heap_info *Heap_get_info(void);
void *mymalloc(const char *file, int line, size_t size);
void *myrealloc(const char *file, int line, void *old, size_t size);
void myfree(const char *file, int line, void *memory);
void StackTrace_entry(const char *name, int line, int level);
void StackTrace_exit(const char *name, int line, void *result, int level);
char *StackTrace_get(pthread_t thread, char *text, int size);

#define PATIENCE_MS 60000

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
    (void)Socket_new("127.0.0.1", strlen("127.0.0.1"), ntohs(address.sin_port), &fd, 1000);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &value_size), 0);
    assert_int_not_equal(value, 0);
    (void)Socket_close(fd);
    assert_int_equal(close(listener), 0);
}

static void a_host_that_is_not_found_has_no_socket(void **state)
{
    int fd = 0;
    (void)state;
    assert_int_not_equal(Socket_new("nowhere.invalid", strlen("nowhere.invalid"), 1883, &fd, 1000),
                         0);
    assert_true(fd < 0);
}

static void a_message_given_just_before_the_thread_waits_is_not_left_lying(void **state)
{
    (void)state;
    assert_int_equal(Thread_signal_cond(NULL), 0);
    assert_int_equal(Thread_wait_cond(NULL, PATIENCE_MS), 0);
    assert_int_equal(Thread_wait_cond(NULL, 1), ETIMEDOUT);
}

static void what_is_held_goes_out_by_one_wake(void **state)
{
    (void)state;
    paho_hold();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(Thread_signal_cond(NULL), 0);
    assert_int_equal(Thread_wait_cond(NULL, 1), ETIMEDOUT);
    paho_release();
    assert_int_equal(Thread_wait_cond(NULL, PATIENCE_MS), 0);
    assert_int_equal(Thread_wait_cond(NULL, 1), ETIMEDOUT);
}

static void nothing_held_wakes_no_one(void **state)
{
    (void)state;
    paho_hold();
    paho_release();
    assert_int_equal(Thread_wait_cond(NULL, 1), ETIMEDOUT);
}

/* Under one lock for all threads, as it was. */
static void no_piece_of_memory_is_noted(void **state)
{
    (void)state;
    char *memory = mymalloc(__FILE__, __LINE__, 3);
    assert_non_null(memory);
    memcpy(memory, "abc", 3);
    memory = myrealloc(__FILE__, __LINE__, memory, 60000);
    assert_non_null(memory);
    assert_memory_equal(memory, "abc", 3);
    assert_int_equal(Heap_get_info()->now, 0);
    myfree(__FILE__, __LINE__, memory);
    assert_int_equal(Heap_get_info()->most, 0);
}

static void no_name_of_a_function_is_noted(void **state)
{
    char text[200] = "";
    (void)state;
    StackTrace_entry("a_function", __LINE__, -1);
    assert_null(strstr(StackTrace_get(Thread_getid(), text, sizeof text) != NULL ? text : "",
                       "a_function"));
    StackTrace_exit("a_function", __LINE__, NULL, -1);
}

/* As Paho does for its first client, and after its last. */
static int begin(void **state)
{
    (void)state;
    (void)Heap_initialize();
    Socket_outInitialize();
    return 0;
}

static int end(void **state)
{
    (void)state;
    Socket_outTerminate();
    Heap_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_messages_do_not_wait_for_an_ack),
        cmocka_unit_test(a_host_that_is_not_found_has_no_socket),
        cmocka_unit_test(a_message_given_just_before_the_thread_waits_is_not_left_lying),
        cmocka_unit_test(what_is_held_goes_out_by_one_wake),
        cmocka_unit_test(nothing_held_wakes_no_one),
        cmocka_unit_test(no_piece_of_memory_is_noted),
        cmocka_unit_test(no_name_of_a_function_is_noted),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
