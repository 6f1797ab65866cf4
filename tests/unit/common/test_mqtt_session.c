/* SPDX-License-Identifier: Apache-2.0 */
/* A session and its reconnection against a Paho that the test plays: in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/mqtt_reconnect.h"

/* ---- Paho ---- */

static struct paho {
    char url[MQTT_SESSION_URL_SIZE];
    void *context;
    MQTTAsync_connectionLost *lost;
    MQTTAsync_messageArrived *arrived;
    MQTTAsync_disconnected *disconnected;
    MQTTAsync_connectOptions connect;
    MQTTAsync_SSLOptions tls;
    MQTTAsync_responseOptions subscribe;
    MQTTAsync_disconnectOptions disconnect;
    int properties; /* added since the last connect */
    int connects, disconnects, subscribes, freed;
    int connect_result;
} paho;

int MQTTAsync_createWithOptions(MQTTAsync *handle, const char *url, const char *id, int persistence,
                                void *context, MQTTAsync_createOptions *options)
{
    (void)id;
    (void)context;
    assert_int_equal(persistence, MQTTCLIENT_PERSISTENCE_NONE);
    assert_int_equal(options->sendWhileDisconnected, 0);
    (void)snprintf(paho.url, sizeof paho.url, "%s", url);
    *handle = &paho;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_setCallbacks(MQTTAsync handle, void *context, MQTTAsync_connectionLost *lost,
                           MQTTAsync_messageArrived *arrived, MQTTAsync_deliveryComplete *delivered)
{
    assert_ptr_equal(handle, &paho);
    assert_null(delivered); /* called for what a broker refuses, too */
    paho.context = context;
    paho.lost = lost;
    paho.arrived = arrived;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_setDisconnected(MQTTAsync handle, void *context, MQTTAsync_disconnected *disconnected)
{
    (void)handle;
    (void)context;
    paho.disconnected = disconnected;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_connect(MQTTAsync handle, const MQTTAsync_connectOptions *options)
{
    (void)handle;
    paho.connect = *options;
    if (options->ssl != NULL)
        paho.tls = *options->ssl;
    paho.connects++;
    return paho.connect_result;
}

int MQTTAsync_disconnect(MQTTAsync handle, const MQTTAsync_disconnectOptions *options)
{
    (void)handle;
    paho.disconnect = *options;
    paho.disconnects++;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_subscribe(MQTTAsync handle, const char *topic, int qos,
                        MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    assert_int_equal(qos, 1);
    paho.subscribe = *response;
    paho.subscribes++;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_unsubscribe(MQTTAsync handle, const char *topic, MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    (void)response;
    return MQTTASYNC_SUCCESS;
}

int MQTTAsync_sendMessage(MQTTAsync handle, const char *topic, const MQTTAsync_message *message,
                          MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    (void)message;
    (void)response;
    return MQTTASYNC_SUCCESS;
}

void MQTTAsync_destroy(MQTTAsync *handle)
{
    *handle = NULL;
}

void MQTTAsync_freeMessage(MQTTAsync_message **message)
{
    *message = NULL;
    paho.freed++;
}

void MQTTAsync_free(void *ptr)
{
    (void)ptr;
}

void MQTTAsync_setTraceLevel(enum MQTTASYNC_TRACE_LEVELS level)
{
    (void)level;
}

const char *MQTTAsync_strerror(int code)
{
    (void)code;
    return "an error";
}

const char *MQTTReasonCode_toString(enum MQTTReasonCodes value)
{
    return value == MQTTREASONCODE_NOT_AUTHORIZED ? "Not authorized" : NULL;
}

int MQTTProperties_add(MQTTProperties *properties, const MQTTProperty *property)
{
    (void)property;
    properties->count++;
    paho.properties++;
    return 0;
}

void MQTTProperties_free(MQTTProperties *properties)
{
    properties->count = 0;
}

/* ---- Helpers ---- */

static bool keep;

static bool on_message(void *context, char *topic, size_t topic_size, MQTTAsync_message *message)
{
    (void)context;
    (void)message;
    assert_int_equal(topic_size, strlen(topic));
    return keep;
}

static struct mqtt_reconnect *make(bool every_subscription)
{
    static struct mqtt_reconnect connection;
    struct mqtt_reconnect_setup setup = {.url = "tcp://farm:1883",
                                         .client_id = "one",
                                         .options = {.keepalive_s = 20},
                                         .every_subscription = every_subscription,
                                         .message = on_message};
    paho = (struct paho){.connects = 0};
    assert_true(mqtt_reconnect_create(&connection, &setup));
    return &connection;
}

static char why[MQTT_RECONNECT_WHY_SIZE];

static void expect(struct mqtt_reconnect *connection, int64_t now_ms,
                   enum mqtt_reconnect_change change)
{
    assert_int_equal(mqtt_reconnect_step(connection, now_ms, why), change);
}

static void connect_works(void)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;
    paho.connect.onSuccess5(paho.connect.context, &data);
}

static void connect_fails(enum MQTTReasonCodes reason, const char *message)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;
    data.reasonCode = reason;
    data.code = MQTTASYNC_FAILURE;
    data.message = message;
    paho.connect.onFailure5(paho.connect.context, &data);
}

/* ---- The session ---- */

static void test_an_address_becomes_pahos_url(void **state)
{
    (void)state;
    static const struct {
        struct mqtt_session_address address;
        const char *url;
    } cases[] = {
        {{false, false, "farm.lan", 1883, ""}, "tcp://farm.lan:1883"},
        {{true, false, "10.0.0.1", 8883, ""}, "ssl://10.0.0.1:8883"},
        {{false, true, "farm.lan", 80, "/mqtt"}, "ws://farm.lan:80/mqtt"},
        {{true, true, "farm.lan", 443, "/mqtt"}, "wss://farm.lan:443/mqtt"},
        {{true, false, "fe80::1", 8883, ""}, "ssl://[fe80::1]:8883"},
    };
    char url[MQTT_SESSION_URL_SIZE], longest[MQTT_SESSION_URL_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(mqtt_session_url(url, &cases[i].address));
        assert_string_equal(url, cases[i].url);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct mqtt_session_address address = {.host = longest, .path = ""};
    assert_false(mqtt_session_url(url, &address));
}

static bool read_password_of(const char *text, size_t size, char *password)
{
    char path[] = "/tmp/test-mqtt-session-XXXXXX", said[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    assert_int_equal(close(fd), 0);
    bool read = mqtt_session_password(path, password, said, sizeof said);
    assert_true(read || strncmp(said, path, strlen(path)) == 0);
    assert_int_equal(unlink(path), 0);
    return read;
}

static void test_a_password_is_the_first_line_of_its_file(void **state)
{
    (void)state;
    char password[MQTT_SESSION_PASSWORD_SIZE], said[200], text[MQTT_SESSION_PASSWORD_SIZE + 2];
    assert_true(read_password_of("secret\nmore", 11, password));
    assert_string_equal(password, "secret");
    assert_true(read_password_of("secret\r\n", 8, password));
    assert_string_equal(password, "secret");
    assert_false(read_password_of("", 0, password));
    assert_false(read_password_of("\nsecret\n", 8, password));
    assert_string_equal(password, "");
    memset(text, 'a', sizeof text);
    text[MQTT_SESSION_PASSWORD_SIZE - 1] = '\r';
    text[MQTT_SESSION_PASSWORD_SIZE] = '\n';
    assert_true(read_password_of(text, MQTT_SESSION_PASSWORD_SIZE + 1, password));
    assert_int_equal(strlen(password), MQTT_SESSION_PASSWORD_SIZE - 1);
    text[MQTT_SESSION_PASSWORD_SIZE - 1] = 'a';
    assert_false(read_password_of(text, MQTT_SESSION_PASSWORD_SIZE + 1, password));
    assert_true(mqtt_session_password("", password, said, sizeof said));
    assert_string_equal(password, "");
    assert_false(mqtt_session_password("/tmp", password, said, sizeof said));
    assert_false(mqtt_session_password("/nowhere/at/all", password, said, sizeof said));
    assert_non_null(strstr(said, "No such file"));
}

static void test_tls_trusts_only_the_given_authority_and_looks_at_the_name(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    struct mqtt_session_options options = {.tls = true, .ca_file = "ca.pem", .key_file = ""};
    assert_true(mqtt_session_connect(&connection->session, &options, why, sizeof why));
    assert_int_equal(paho.tls.verify, 1);
    assert_int_equal(paho.tls.enableServerCertAuth, 1);
    assert_int_equal(paho.tls.disableDefaultTrustStore, 1);
    assert_int_equal(paho.tls.sslVersion, MQTT_SSL_VERSION_TLS_1_2);
    assert_null(paho.tls.privateKey);
    assert_null(paho.connect.username);
    assert_null(paho.connect.will);
    assert_int_equal(paho.connect.automaticReconnect, 0);
    assert_int_equal(paho.connect.cleanstart, 1);
    options.tls = false;
    assert_true(mqtt_session_connect(&connection->session, &options, why, sizeof why));
    assert_null(paho.connect.ssl);
    mqtt_reconnect_close(connection);
}

static void test_a_message_is_freed_unless_it_is_kept(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    MQTTAsync_message message = MQTTAsync_message_initializer;
    char topic[] = "a/b";
    keep = false;
    assert_int_equal(paho.arrived(paho.context, topic, 0, &message), 1);
    assert_int_equal(paho.freed, 1);
    keep = true;
    assert_int_equal(paho.arrived(paho.context, topic, 0, &message), 1);
    assert_int_equal(paho.freed, 1);
    mqtt_reconnect_close(connection);
}

static void test_a_session_that_the_broker_keeps_ends_with_its_disconnect(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    struct mqtt_session_options options = {.resume = true, .expiry_s = 60};
    assert_true(mqtt_session_connect(&connection->session, &options, why, sizeof why));
    assert_int_equal(paho.connect.cleanstart, 0);
    assert_int_equal(paho.properties, 1);
    mqtt_session_disconnect(&connection->session, 4, 500);
    assert_int_equal(paho.disconnect.reasonCode, 4);
    assert_int_equal(paho.disconnect.timeout, 500);
    assert_int_equal(paho.properties, 2);
    mqtt_reconnect_close(connection);
}

/* Its CONNACK says how long it waits. */
static void connect_asks_for(unsigned short keepalive_s)
{
    MQTTProperty asked = {.identifier = MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE,
                          .value.integer2 = keepalive_s};
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;
    data.properties.count = 1;
    data.properties.array = &asked;
    paho.connect.onSuccess5(paho.connect.context, &data);
}

/* Paho does not obey. So the broker may end one connection of who is silent, but not each. */
static void test_a_shorter_keep_alive_of_the_broker_holds_from_the_next_connection_on(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    expect(connection, 0, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connect.keepAliveInterval, 20);
    connect_asks_for(10);
    expect(connection, 1, MQTT_RECONNECT_CAME);
    paho.lost(paho.context, NULL);
    expect(connection, 2, MQTT_RECONNECT_WENT);
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connect.keepAliveInterval, 10);
    connect_works(); /* as it wants it: no word of it */
    expect(connection, connection->next_ms + 1, MQTT_RECONNECT_CAME);
    paho.lost(paho.context, NULL);
    expect(connection, connection->next_ms + 2, MQTT_RECONNECT_WENT);
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connect.keepAliveInterval, 10);
    connect_asks_for(60); /* a longer one costs nothing to fall short of */
    expect(connection, connection->next_ms + 1, MQTT_RECONNECT_CAME);
    paho.lost(paho.context, NULL);
    expect(connection, connection->next_ms + 2, MQTT_RECONNECT_WENT);
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connect.keepAliveInterval, 20);
    mqtt_reconnect_close(connection);
}

/* ---- Reconnecting ---- */

static void test_the_brokers_reason_is_told_before_pahos_words(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    expect(connection, 0, MQTT_RECONNECT_SAME);
    connect_fails(MQTTREASONCODE_NOT_AUTHORIZED, "CONNACK return code");
    expect(connection, 1, MQTT_RECONNECT_WENT);
    assert_string_equal(why, "Not authorized");
    expect(connection, 1000, MQTT_RECONNECT_SAME);
    connect_fails((enum MQTTReasonCodes)1, "CONNACK return code");
    expect(connection, 1001, MQTT_RECONNECT_WENT);
    assert_non_null(strstr(why, "does not speak MQTT 5"));
    expect(connection, 3000, MQTT_RECONNECT_SAME);
    connect_fails(MQTTREASONCODE_SUCCESS, "TCP connect timeout");
    expect(connection, 3001, MQTT_RECONNECT_WENT);
    assert_non_null(strstr(why, "no answer from its address"));
    mqtt_reconnect_close(connection);
}

/* Of the connection that is there: an earlier one's are of no worth. */
static void test_subscriptions_that_stand_are_counted(void **state)
{
    (void)state;
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;
    struct mqtt_reconnect *connection = make(true);
    for (int64_t now_ms = 0; now_ms < 200000; now_ms += 100000) {
        expect(connection, now_ms, MQTT_RECONNECT_SAME);
        connect_works();
        expect(connection, now_ms, MQTT_RECONNECT_CAME);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(connection->subscriptions, i);
            assert_true(mqtt_session_subscribe(&connection->session, "a/#", 0));
            paho.subscribe.onSuccess5(paho.subscribe.context, &data);
            expect(connection, now_ms, MQTT_RECONNECT_SAME);
        }
        paho.lost(paho.context, NULL);
        expect(connection, now_ms, MQTT_RECONNECT_WENT);
    }
    mqtt_reconnect_close(connection);
}

/* Paho calls both by one name: that nobody listens, and that the certificate is not believed. */
static void test_by_tls_it_may_be_the_certificate(void **state)
{
    (void)state;
    for (unsigned tls = 0; tls < 2; tls++) {
        struct mqtt_reconnect *connection = make(false);
        connection->setup.options.tls = tls != 0;
        expect(connection, 0, MQTT_RECONNECT_SAME);
        connect_fails(MQTTREASONCODE_SUCCESS, "TCP/TLS connect failure");
        expect(connection, 1, MQTT_RECONNECT_WENT);
        assert_non_null(strstr(why, tls != 0 ? "its certificate" : "nobody listens there"));
        mqtt_reconnect_close(connection);
    }
}

/* Paho calls it a failure of the TCP connection, which was there. */
static void test_a_broker_that_hangs_up_is_told_as_such(void **state)
{
    (void)state;
    static const char *const words[] = {"TCP connect completion failure", "socket error"};
    for (size_t i = 0; i < 2; i++) {
        struct mqtt_reconnect *connection = make(false);
        expect(connection, 0, MQTT_RECONNECT_SAME);
        connect_fails(MQTTREASONCODE_SUCCESS, words[i]);
        expect(connection, 1, MQTT_RECONNECT_WENT);
        assert_non_null(strstr(why, "it hangs up when we log in"));
        mqtt_reconnect_close(connection);
    }
}

static void test_waits_grow_to_thirty_seconds_and_begin_anew_after_a_steady_time(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    int64_t now_ms = 0, wait_ms = 0;
    for (int i = 0; i < 20; i++) {
        expect(connection, now_ms, MQTT_RECONNECT_SAME);
        assert_int_equal(paho.connects, i + 1);
        connect_works();
        expect(connection, now_ms, MQTT_RECONNECT_CAME);
        paho.lost(paho.context, NULL); /* at once: it shall not go on like that */
        expect(connection, now_ms, MQTT_RECONNECT_WENT);
        assert_string_equal(why, "connection closed");
        wait_ms = connection->next_ms - now_ms;
        assert_in_range(wait_ms, 150, 30000);
        expect(connection, connection->next_ms - 1, MQTT_RECONNECT_SAME);
        assert_int_equal(paho.connects, i + 1);
        now_ms = connection->next_ms;
    }
    assert_in_range(wait_ms, 15000, 30000);
    expect(connection, now_ms, MQTT_RECONNECT_SAME);
    connect_works();
    expect(connection, now_ms, MQTT_RECONNECT_CAME);
    paho.disconnected(paho.context, NULL, MQTTREASONCODE_NOT_AUTHORIZED);
    expect(connection, now_ms + 10001, MQTT_RECONNECT_WENT);
    assert_string_equal(why, "Not authorized");
    assert_in_range(connection->next_ms - now_ms - 10001, 150, 300);
    mqtt_reconnect_close(connection);
}

static void test_a_try_that_tells_nothing_is_given_up(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    expect(connection, 0, MQTT_RECONNECT_SAME);
    expect(connection, 30000, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.disconnects, 0);
    expect(connection, 30001, MQTT_RECONNECT_WENT);
    assert_string_equal(why, "it does not answer");
    assert_int_equal(paho.disconnects, 1);
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connects, 2);
    mqtt_reconnect_close(connection);
}

static void test_the_end_of_an_earlier_connection_does_not_end_the_next(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    expect(connection, 0, MQTT_RECONNECT_SAME);
    paho.lost(paho.context, NULL);
    connect_works();
    expect(connection, 1, MQTT_RECONNECT_CAME);
    expect(connection, 2, MQTT_RECONNECT_SAME);
    mqtt_reconnect_close(connection);
}

static void test_a_connection_that_ends_before_it_was_seen_went(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    expect(connection, 0, MQTT_RECONNECT_SAME);
    connect_works();
    paho.lost(paho.context, NULL);
    expect(connection, 1, MQTT_RECONNECT_WENT);
    mqtt_reconnect_close(connection);
}

static void refuse_a_subscription(struct mqtt_reconnect *connection)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;
    expect(connection, 0, MQTT_RECONNECT_SAME);
    connect_works();
    expect(connection, 1, MQTT_RECONNECT_CAME);
    assert_true(mqtt_session_subscribe(&connection->session, "a/#", MQTT_SESSION_NO_LOCAL));
    assert_int_equal(paho.subscribe.subscribeOptions.noLocal, 1);
    assert_int_equal(paho.subscribe.subscribeOptions.retainHandling, 0);
    data.reasonCode = MQTTREASONCODE_NOT_AUTHORIZED;
    paho.subscribe.onFailure5(paho.subscribe.context, &data);
}

static void test_a_refused_subscription_ends_the_connection_of_who_needs_it(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(true);
    refuse_a_subscription(connection);
    expect(connection, 2, MQTT_RECONNECT_WENT);
    assert_non_null(strstr(why, "0x87"));
    assert_int_equal(paho.disconnects, 1); /* else Paho says nothing to the next connect */
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connects, 2);
    mqtt_reconnect_close(connection);
}

static void test_a_refused_subscription_is_no_matter_to_others(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    refuse_a_subscription(connection);
    expect(connection, 2, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.disconnects, 0);
    mqtt_reconnect_close(connection);
}

static void test_a_paho_that_cannot_begin_is_asked_again(void **state)
{
    (void)state;
    struct mqtt_reconnect *connection = make(false);
    paho.connect_result = MQTTASYNC_FAILURE;
    expect(connection, 0, MQTT_RECONNECT_WENT);
    assert_string_equal(why, "cannot connect: an error");
    paho.connect_result = MQTTASYNC_SUCCESS;
    expect(connection, connection->next_ms, MQTT_RECONNECT_SAME);
    assert_int_equal(paho.connects, 2);
    mqtt_reconnect_close(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_becomes_pahos_url),
        cmocka_unit_test(test_a_password_is_the_first_line_of_its_file),
        cmocka_unit_test(test_tls_trusts_only_the_given_authority_and_looks_at_the_name),
        cmocka_unit_test(test_a_message_is_freed_unless_it_is_kept),
        cmocka_unit_test(test_a_session_that_the_broker_keeps_ends_with_its_disconnect),
        cmocka_unit_test(test_a_shorter_keep_alive_of_the_broker_holds_from_the_next_connection_on),
        cmocka_unit_test(test_the_brokers_reason_is_told_before_pahos_words),
        cmocka_unit_test(test_subscriptions_that_stand_are_counted),
        cmocka_unit_test(test_by_tls_it_may_be_the_certificate),
        cmocka_unit_test(test_a_broker_that_hangs_up_is_told_as_such),
        cmocka_unit_test(test_waits_grow_to_thirty_seconds_and_begin_anew_after_a_steady_time),
        cmocka_unit_test(test_a_try_that_tells_nothing_is_given_up),
        cmocka_unit_test(test_the_end_of_an_earlier_connection_does_not_end_the_next),
        cmocka_unit_test(test_a_connection_that_ends_before_it_was_seen_went),
        cmocka_unit_test(test_a_refused_subscription_ends_the_connection_of_who_needs_it),
        cmocka_unit_test(test_a_refused_subscription_is_no_matter_to_others),
        cmocka_unit_test(test_a_paho_that_cannot_begin_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
