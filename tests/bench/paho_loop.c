/* SPDX-License-Identifier: Apache-2.0 */
/* A bare Paho client as the yardstick: bench-paho PORT USER PASSWORD COUNT BYTES WINDOW publishes
 * COUNT readings, in messages of at most BYTES as the gateway makes them, at QoS 1 with WINDOW in
 * flight, and prints how many readings a second. The messages are made before the clock starts, and
 * they are more than a processor's cache holds, as a backlog is. */
#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "protocols/mqtt/payload.h"

#define MESSAGES 1000u
#define DEVICES  100u

struct made {
    size_t size;
    unsigned long readings;
    char *payload;
};

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

/* A reading of that number, with values as tests/faults' gateway takes them. */
static void put_reading(struct json_out *o, const struct payload_fields *fields,
                        const char *const *metrics, uint8_t count, uint32_t number)
{
    char device[24];
    uint32_t seq = number / DEVICES + 1;
    struct payload_reading reading = {.device = device,
                                      .metrics = metrics,
                                      .fields = fields,
                                      .count = count,
                                      .boot = 1,
                                      .seq = seq,
                                      .ts_ms = INT64_C(1760000000000) + number};
    (void)snprintf(device, sizeof device, "plot-%02u", number % DEVICES);
    for (uint8_t i = 0; i < count; i++)
        reading.values[i] = (struct payload_value){
            .present = true, .decimals = 1, .scaled = seq * 7 % 1000 + 100 * i};
    payload_item(o, &reading);
}

static bool make_message(struct made *made, size_t most, uint32_t *number)
{
    static const char *const metrics[] = {
        "air_temperature",  "soil_ph",     "soil_conductivity", "air_humidity",    "soil_moisture",
        "soil_temperature", "illuminance", "wind_speed",        "battery_voltage", "leaf_wetness"};
    const uint8_t count = sizeof metrics / sizeof metrics[0];
    struct payload_fields fields;
    *made = (struct made){.payload = malloc(most)};
    if (made->payload == NULL)
        return false;
    struct json_out o = json_out_init(made->payload, most);
    payload_fields_make(&fields, metrics, count);
    payload_batch_begin(&o, "0123456789abcdef0123456789abcdef");
    for (;;) {
        struct json_out before = o;
        put_reading(&o, &fields, metrics, count, *number);
        if (o.failed || o.at > most - PAYLOAD_BATCH_END_SIZE) {
            o = before;
            break;
        }
        made->readings++;
        (*number)++;
    }
    payload_batch_end(&o, 0, 0);
    made->size = o.at;
    return made->readings > 0;
}

static bool make_messages(struct made *messages, size_t most)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (!make_message(&messages[i], most, &number))
            return false;
    }
    return true;
}

static bool send(MQTTAsync client, const struct made *made)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    (void)sem_wait(&window);
    options.onSuccess5 = on_acked;
    options.onFailure5 = on_failed;
    message.payload = made->payload;
    message.payloadlen = (int)made->size;
    message.qos = 1;
    return MQTTAsync_sendMessage(client, "baiye/garden/readings", &message, &options) ==
           MQTTASYNC_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct made messages[MESSAGES];
    MQTTAsync client = NULL;
    if (argc != 7)
        return 2;
    unsigned long count = strtoul(argv[4], NULL, 10), sent = 0;
    unsigned in_flight = (unsigned)strtoul(argv[6], NULL, 10);
    sem_init(&window, 0, in_flight);
    sem_init(&connected, 0, 0);
    if (!make_messages(messages, strtoul(argv[5], NULL, 10)) ||
        !begin(&client, argv[1], argv[2], argv[3]))
        return 1;
    double began = now_s();
    for (unsigned i = 0; sent < count; i = (i + 1) % MESSAGES) {
        if (!send(client, &messages[i]))
            return 1;
        sent += messages[i].readings;
    }
    for (unsigned i = 0; i < in_flight; i++)
        (void)sem_wait(&window);
    printf("%.1f\n", (double)sent / (now_s() - began));
    return 0;
}
