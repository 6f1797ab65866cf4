/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/mqtt_reconnect.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/common/backoff.h"
#include "gateway/common/clock.h"

#define BACKOFF_MOST_MS 30000
#define TRY_MOST_MS     30000 /* an attempt without a result for so long is given up */
#define STEADY_MS       10000 /* up for so long, the next wait is a first one again */
#define DRAIN_MS        500   /* for what is under way when it ends */

/* ---- Paho's threads ---- */

static void report(struct mqtt_reconnect *connection, const struct mqtt_reconnect_news *news)
{
    struct mqtt_reconnect_news *all = &connection->news;
    (void)pthread_mutex_lock(&connection->lock);
    if (news->result == MQTT_RECONNECT_WORKED)
        all->lost = false; /* that was an earlier connection */
    if (news->result != MQTT_RECONNECT_UNKNOWN)
        all->result = news->result;
    all->subscribed += news->subscribed;
    if (news->refused != 0)
        all->refused = news->refused;
    if (news->why[0] != '\0')
        memcpy(all->why, news->why, sizeof all->why);
    all->lost = all->lost || news->lost;
    all->ended = all->ended || news->ended;
    (void)pthread_mutex_unlock(&connection->lock);
    (void)eventfd_write(connection->wake_fd, 1);
}

static void on_connected(void *context, const struct mqtt_session_grant *grant)
{
    struct mqtt_reconnect_news news = {.result = MQTT_RECONNECT_WORKED};
    (void)grant;
    report(context, &news);
}

static void on_failed(void *context, int reason, const char *why)
{
    struct mqtt_reconnect_news news = {.result = MQTT_RECONNECT_FAILED};
    (void)reason;
    (void)snprintf(news.why, sizeof news.why, "%s", why[0] != '\0' ? why : "it does not answer");
    report(context, &news);
}

static void on_lost(void *context, int reason, const char *why)
{
    struct mqtt_reconnect_news news = {.lost = true};
    (void)reason;
    (void)snprintf(news.why, sizeof news.why, "%s", why);
    report(context, &news);
}

static void on_ended(void *context)
{
    struct mqtt_reconnect_news news = {.ended = true};
    report(context, &news);
}

static void on_subscribed(void *context)
{
    struct mqtt_reconnect_news news = {.subscribed = 1};
    report(context, &news);
}

static void on_unsubscribed(void *context, int reason)
{
    struct mqtt_reconnect_news news = {
        .refused = reason != 0 ? reason : (int)MQTTREASONCODE_UNSPECIFIED_ERROR};
    report(context, &news);
}

static bool on_message(void *context, char *topic, size_t topic_size, MQTTAsync_message *message)
{
    const struct mqtt_reconnect_setup *setup = &((struct mqtt_reconnect *)context)->setup;
    return setup->message(setup->context, topic, topic_size, message);
}

/* ---- The owner's thread ---- */

/* Replaces what was reported. */
static struct mqtt_reconnect_news take_news(struct mqtt_reconnect *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    struct mqtt_reconnect_news news = connection->news;
    connection->news = (struct mqtt_reconnect_news){.lost = false};
    (void)pthread_mutex_unlock(&connection->lock);
    return news;
}

bool mqtt_reconnect_create(struct mqtt_reconnect *connection,
                           const struct mqtt_reconnect_setup *setup)
{
    struct mqtt_session_events events = {.context = connection,
                                         .connected = on_connected,
                                         .failed = on_failed,
                                         .lost = on_lost,
                                         .ended = on_ended,
                                         .subscribed = on_subscribed,
                                         .unsubscribed = on_unsubscribed,
                                         .message = on_message};
    *connection = (struct mqtt_reconnect){.setup = *setup, .wait_ms = BACKOFF_FIRST_MS};
    (void)pthread_mutex_init(&connection->lock, NULL);
    connection->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (connection->wake_fd >= 0 &&
        mqtt_session_create(&connection->session, setup->url, setup->client_id, &events))
        return true;
    mqtt_reconnect_close(connection);
    return false;
}

void mqtt_reconnect_close(struct mqtt_reconnect *connection)
{
    mqtt_session_close(&connection->session);
    if (connection->wake_fd >= 0)
        (void)close(connection->wake_fd);
    connection->wake_fd = -1;
    (void)pthread_mutex_destroy(&connection->lock);
}

static enum mqtt_reconnect_change go_down(struct mqtt_reconnect *connection, int64_t now_ms)
{
    if (connection->state == MQTT_RECONNECT_UP && now_ms - connection->since_ms > STEADY_MS)
        connection->wait_ms = BACKOFF_FIRST_MS;
    connection->state = MQTT_RECONNECT_WAITS;
    connection->since_ms = now_ms;
    connection->next_ms = now_ms + backoff_next_up_to(&connection->wait_ms, BACKOFF_MOST_MS);
    return MQTT_RECONNECT_WENT;
}

static enum mqtt_reconnect_change try_now(struct mqtt_reconnect *connection, int64_t now_ms,
                                          char why[MQTT_RECONNECT_WHY_SIZE])
{
    (void)take_news(connection); /* of an earlier connection */
    connection->state = MQTT_RECONNECT_TRIES;
    connection->since_ms = now_ms;
    if (mqtt_session_connect(&connection->session, &connection->setup.options, why,
                             MQTT_RECONNECT_WHY_SIZE))
        return MQTT_RECONNECT_SAME;
    return go_down(connection, now_ms);
}

static enum mqtt_reconnect_change follow_try(struct mqtt_reconnect *connection,
                                             const struct mqtt_reconnect_news *news, int64_t now_ms,
                                             char why[MQTT_RECONNECT_WHY_SIZE])
{
    if (news->result == MQTT_RECONNECT_WORKED && !news->lost) {
        connection->state = MQTT_RECONNECT_UP;
        connection->since_ms = now_ms;
        connection->subscriptions = 0;
        return MQTT_RECONNECT_CAME;
    }
    if (news->result != MQTT_RECONNECT_UNKNOWN)
        return go_down(connection, now_ms);
    if (now_ms - connection->since_ms <= TRY_MOST_MS)
        return MQTT_RECONNECT_SAME;
    (void)snprintf(why, MQTT_RECONNECT_WHY_SIZE, "it does not answer");
    mqtt_session_disconnect(&connection->session, 0, 0);
    return go_down(connection, now_ms);
}

static enum mqtt_reconnect_change follow_connection(struct mqtt_reconnect *connection,
                                                    const struct mqtt_reconnect_news *news,
                                                    int64_t now_ms,
                                                    char why[MQTT_RECONNECT_WHY_SIZE])
{
    bool refused = news->refused != 0 && connection->setup.every_subscription;
    connection->subscriptions += news->subscribed;
    if (!news->lost && !refused)
        return MQTT_RECONNECT_SAME;
    if (!news->lost) {
        (void)snprintf(why, MQTT_RECONNECT_WHY_SIZE,
                       "a subscription is refused (0x%02x): look at its ACL",
                       (unsigned)news->refused);
        mqtt_session_disconnect(&connection->session, 0, 0);
    }
    return go_down(connection, now_ms);
}

enum mqtt_reconnect_change mqtt_reconnect_step(struct mqtt_reconnect *connection, int64_t now_ms,
                                               char why[MQTT_RECONNECT_WHY_SIZE])
{
    eventfd_t count = 0;
    (void)eventfd_read(connection->wake_fd, &count); /* nothing to read is fine: called by time */
    struct mqtt_reconnect_news news = take_news(connection);
    memcpy(why, news.why, sizeof news.why);
    if (connection->state == MQTT_RECONNECT_TRIES)
        return follow_try(connection, &news, now_ms, why);
    if (connection->state == MQTT_RECONNECT_UP)
        return follow_connection(connection, &news, now_ms, why);
    return now_ms >= connection->next_ms ? try_now(connection, now_ms, why) : MQTT_RECONNECT_SAME;
}

void mqtt_reconnect_leave(struct mqtt_reconnect *connection, uint32_t most_ms)
{
    int64_t end_ms = clock_now().mono_ms + most_ms;
    if (connection->state != MQTT_RECONNECT_UP)
        return;
    connection->state = MQTT_RECONNECT_WAITS;
    mqtt_session_disconnect(&connection->session, 0, most_ms < DRAIN_MS ? most_ms : DRAIN_MS);
    for (;;) {
        struct pollfd fd = {.fd = connection->wake_fd, .events = POLLIN};
        struct mqtt_reconnect_news news = take_news(connection);
        int64_t left_ms = end_ms - clock_now().mono_ms;
        eventfd_t count = 0;
        if (news.ended || news.lost || left_ms <= 0)
            return;
        if (poll(&fd, 1, (int)left_ms) > 0)
            (void)eventfd_read(connection->wake_fd, &count);
    }
}
