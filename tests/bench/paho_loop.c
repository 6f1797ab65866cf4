/* SPDX-License-Identifier: Apache-2.0 */
/* A bare Paho client as the yardstick: bench-paho PORT USER PASSWORD COUNT BYTES WINDOW publishes
 * COUNT messages of BYTES at QoS 1 with WINDOW in flight, and prints how many a second. */
#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sem_t window, connected;

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    sem_post(&connected);
}

static void on_acked(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    sem_post(&window);
}

static void on_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)context;
    (void)data;
    exit(1);
}

static double now_s(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
    connect.maxInflight = 100;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_failed;
    if (MQTTAsync_createWithOptions(client, url, "bench-paho", MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS ||
        MQTTAsync_connect(*client, &connect) != MQTTASYNC_SUCCESS)
        return false;
    return sem_wait(&connected) == 0;
}

int main(int argc, char **argv)
{
    MQTTAsync client = NULL;
    if (argc != 7)
        return 2;
    unsigned long count = strtoul(argv[4], NULL, 10), bytes = strtoul(argv[5], NULL, 10);
    unsigned in_flight = (unsigned)strtoul(argv[6], NULL, 10);
    char *payload = malloc(bytes);
    sem_init(&window, 0, in_flight);
    sem_init(&connected, 0, 0);
    if (payload == NULL || !begin(&client, argv[1], argv[2], argv[3]))
        return 1;
    memset(payload, 'x', bytes);
    double began = now_s();
    for (unsigned long i = 0; i < count; i++) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        MQTTAsync_message message = MQTTAsync_message_initializer;
        (void)sem_wait(&window);
        options.onSuccess5 = on_acked;
        options.onFailure5 = on_failed;
        message.payload = payload;
        message.payloadlen = (int)bytes;
        message.qos = 1;
        if (MQTTAsync_sendMessage(client, "baiye/garden/readings", &message, &options) !=
            MQTTASYNC_SUCCESS)
            return 1;
    }
    for (unsigned i = 0; i < in_flight; i++)
        (void)sem_wait(&window);
    printf("%.1f\n", (double)count / (now_s() - began));
    free(payload);
    return 0;
}
