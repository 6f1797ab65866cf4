/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a gateway can be: libmodbus polls units 1..N of one Modbus TCP server, one after
 * another at a rate, and Paho publishes each poll as one message with QoS 1. Nothing is stored. The
 * yardstick of the rest benchmark.
 *   bench-rest MODBUS-PORT UNITS REGISTERS RATE SECONDS MQTT-PORT USER PASSWORD
 * Prints one line: polls=N seconds=S cpu=S wakeups=N */
#include <MQTTAsync.h>
#include <errno.h>
#include <modbus.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define PATIENCE_S 10 /* with a simulator that waits for a processor */

static sem_t connected;

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    (void)sem_post(&connected);
}

static void on_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    (void)data;
    exit(1);
}

static bool begin(MQTTAsync *client, const char *port, const char *user, const char *password)
{
    char url[64];
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%s", port);
    connect.username = user;
    connect.password = password;
    connect.cleanstart = 1;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_failed;
    return MQTTAsync_createWithOptions(client, url, "bench-rest", MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                       &create) == MQTTASYNC_SUCCESS &&
           MQTTAsync_connect(*client, &connect) == MQTTASYNC_SUCCESS && sem_wait(&connected) == 0;
}

static bool publish(MQTTAsync client, int unit, const uint16_t *values, int count)
{
    char payload[2048];
    size_t at = 0;
    struct timespec now;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    at = (size_t)snprintf(payload, sizeof payload, "{\"d\":%d,\"ts\":%lld%03ld", unit,
                          (long long)now.tv_sec, now.tv_nsec / 1000000);
    for (int i = 0; i < count && at < sizeof payload - 32; i++)
        at += (size_t)snprintf(payload + at, sizeof payload - at, ",\"r%d\":%u", i, values[i]);
    at += (size_t)snprintf(payload + at, sizeof payload - at, "}");
    message.payload = payload;
    message.payloadlen = (int)at;
    message.qos = 1;
    return MQTTAsync_sendMessage(client, "baiye/garden/readings", &message, NULL) ==
           MQTTASYNC_SUCCESS;
}

static double seconds_of(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_ns(struct timespec *t, int64_t ns)
{
    ns += t->tv_nsec;
    t->tv_sec += ns / 1000000000;
    t->tv_nsec = ns % 1000000000;
}

struct used {
    double cpu;
    long wakeups;
};

static struct used used(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (struct used){(double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                             (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
                         u.ru_nvcsw};
}

int main(int argc, char **argv)
{
    uint16_t values[MODBUS_MAX_READ_REGISTERS];
    MQTTAsync client = NULL;
    if (argc != 9 || sem_init(&connected, 0, 0) != 0)
        return 64;
    int units = (int)strtol(argv[2], NULL, 10), registers = (int)strtol(argv[3], NULL, 10);
    double rate = strtod(argv[4], NULL), wanted = strtod(argv[5], NULL);
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", (int)strtol(argv[1], NULL, 10));
    if (modbus == NULL || modbus_set_response_timeout(modbus, PATIENCE_S, 0) != 0 ||
        modbus_connect(modbus) != 0 || !begin(&client, argv[6], argv[7], argv[8]))
        return 1;
    struct timespec begun, due, now;
    struct used before = used();
    unsigned long polls = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &begun);
    due = now = begun;
    for (int unit = 1; seconds_of(now) - seconds_of(begun) < wanted; unit = unit % units + 1) {
        (void)modbus_set_slave(modbus, unit);
        if (modbus_read_registers(modbus, 0, registers, values) != registers) {
            (void)fprintf(stderr, "bench-rest: unit %d: %s\n", unit, modbus_strerror(errno));
            return 1;
        }
        if (!publish(client, unit, values, registers)) {
            (void)fprintf(stderr, "bench-rest: Paho takes no message more\n");
            return 1;
        }
        polls++;
        add_ns(&due, (int64_t)(1e9 / rate));
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            ;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    }
    struct used after = used();
    (void)printf("polls=%lu seconds=%.3f cpu=%.6f wakeups=%ld\n", polls,
                 seconds_of(now) - seconds_of(begun), after.cpu - before.cpu,
                 after.wakeups - before.wakeups);
    return 0; /* the threads end with the process */
}
