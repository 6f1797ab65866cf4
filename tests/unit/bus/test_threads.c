/* SPDX-License-Identifier: Apache-2.0 */
/* What a line's thread takes: hundreds of converters must cost memory for their devices only. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/bus/bus.h"

#ifdef __SANITIZE_THREAD__
#define STACK_MOST 0x600000 /* ThreadSanitizer adds its own; less than the 8 MiB of default */
#else
#define STACK_MOST 0x40000
#endif

static struct {
    sem_t told;
    size_t stack, guard;
} own;

/* Called by the thread of the bus, of which nothing is reached. */
static void note_stack(void)
{
    pthread_attr_t attributes;
    if (own.stack != 0 || pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    (void)pthread_attr_getstacksize(&attributes, &own.stack);
    (void)pthread_attr_getguardsize(&attributes, &own.guard);
    (void)pthread_attr_destroy(&attributes);
    (void)sem_post(&own.told);
}

static void take_gap(void *context, const struct reading_gap *gap)
{
    (void)context;
    (void)gap;
    note_stack();
}

static void take_reading(void *context, const struct reading *reading)
{
    (void)context;
    (void)reading;
    note_stack();
}

static void take_health(void *context, const struct device_health *health)
{
    (void)context;
    (void)health;
    note_stack();
}

static struct config *one_line(char *folder)
{
    struct config_error error;
    char path[64];
    FILE *file = NULL;
    (void)snprintf(path, sizeof path, "%s/p.yaml", mkdtemp(folder));
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("label: p\nfields:\n  - { metric: m0, register: 0 }\n", file);
    (void)fclose(file);
    (void)snprintf(path, sizeof path, "%s/gateway.yaml", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "site: s\nprofiles: %s\nbuses:\n  - name: b\n    type: rtu-over-tcp\n"
                  "    port: 127.0.0.1:1\n    devices:\n"
                  "      - { name: a, profile: p, address: 1, every: 1s }\n",
                  folder);
    (void)fclose(file);
    struct config *config = config_load(path, NULL, &error);
    if (config == NULL)
        fail_msg("%s", error.text);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/p.yaml", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    return config;
}

static void a_line_of_rtu_over_tcp_has_a_small_stack_with_a_guard(void **state)
{
    char folder[] = "/tmp/test_threads.XXXXXX";
    struct config *config = one_line(folder);
    const struct reading_sink sink = {
        .reading = take_reading, .gap = take_gap, .health = take_health};
    (void)state;
    (void)sem_init(&own.told, 0, 0);
    struct bus *bus = bus_start(config, 0, 1, &sink);
    assert_non_null(bus);
    (void)sem_wait(&own.told);
    bus_stop(bus);
    config_free(config);
    assert_in_range(own.stack, 1, STACK_MOST);
    assert_true(own.guard > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_rtu_over_tcp_has_a_small_stack_with_a_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
