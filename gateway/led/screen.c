/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/log.h"
#include "gateway/led/brightness.h"
#include "gateway/led/check.h"
#include "gateway/led/modbus_display.h"
#include "gateway/led/mqtt.h"
#include "gateway/led/output.h"
#include "gateway/led/png_file.h"
#include "gateway/led/rpc_reply.h"
#include "gateway/led/view.h"

#define FRAME_MIN_MS   100 /* between two pictures, however fast values come */
#define PREVIEW_MIN_MS 5000
#define TIME_EVERY_MS  600000 /* 10 min */
#define TIME_AGAIN_MS  15000  /* while it was never answered */
#define TIME_LATE_MS   5000   /* a later answer would only be worse than none */
#define DAY_STEP_MS    2000
#define DAY_AGAIN_MS   600000 /* 10 min */
#define TOPICS_MAX     (STATE_SOURCES_MAX + 8)

struct screen_output {
    const struct output_kind *kind;
    void *self;
    int64_t shown_ms; /* monotonic */
    struct log_state log;
};

struct screen {
    const struct led_config *config;
    struct state *state;
    struct font_set *fonts;
    struct view view;
    struct mqtt *mqtt;
    int lux_slot;                              /* -1: no sensor */
    struct canvas picture, shown, dimmed, lit; /* drawn; shown last; at its brightness; sent last */
    bool any_shown, changed;
    int output_count;
    struct screen_output outputs[LED_OUTPUTS_MAX];
    int64_t drawn_ms, drawn_second;
    int64_t preview_ms, asked_ms, day_ms;
    int64_t day_asked_ms[STATE_SLOTS_MAX];
    bool preview_due;
    struct modbus_display boards[LED_BOARDS_MAX];
    struct log_state board_logs[LED_BOARDS_MAX];
    uint8_t *png;
    size_t png_size;
    char topic_text[TOPICS_MAX][80];
    const char *topics[TOPICS_MAX + 1];
};

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0, 0};
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Where the screen's own file names no timezone the site's is taken: boxes are often set to UTC,
 * and a screen that is eight hours off is dark by day. */
static void follow_timezone(const struct screen *screen)
{
    const char *now = getenv("TZ"), *wanted = screen->state->timezone;
    if (screen->config->timezone[0] != '\0' || wanted[0] == '\0' ||
        (now != NULL && strcmp(now, wanted) == 0))
        return;
    (void)setenv("TZ", wanted, 1);
    tzset();
}

static struct led_now read_now(const struct state *state)
{
    struct led_now now = {.mono_ms = read_clock(CLOCK_BOOTTIME),
                          .wall_ms = read_clock(CLOCK_REALTIME)};
    time_t seconds = (time_t)(state_clock_ms(state, &now) / 1000);
    struct tm tm;
    if (localtime_r(&seconds, &tm) != NULL)
        now.utc_offset_s = (int32_t)tm.tm_gmtoff;
    return now;
}

/* ---- the broker ---- */

static void ask_time(struct screen *screen, int64_t mono_ms)
{
    screen->asked_ms = mono_ms;
    mqtt_call(screen->mqtt, "time", "led-time", "{}");
}

static void on_link(void *context, bool connected)
{
    struct screen *screen = context;
    struct led_now now = read_now(screen->state);
    state_link(screen->state, connected, &now);
    screen->changed = true;
    for (int i = 0; i < screen->config->board_count; i++)
        modbus_display_forget(&screen->boards[i]);
    if (connected) {
        screen->preview_due = true;
        ask_time(screen, now.mono_ms);
    }
}

#define DAY_ID   "led-day-"
#define BOARD_ID "led-board-"

/* One question at a time, each at most every ten minutes: a screen is no burden. */
static void ask_day(struct screen *screen, const struct led_now *now)
{
    if (now->mono_ms - screen->day_ms < DAY_STEP_MS)
        return;
    for (int i = 0; i < screen->state->slot_count; i++) {
        int64_t *asked = &screen->day_asked_ms[i];
        if ((*asked != 0 && now->mono_ms - *asked < DAY_AGAIN_MS) ||
            !state_wants_day(screen->state, i, now))
            continue;
        char request[256], id[32];
        rpc_reply_day_request(screen->state, i, now, request, sizeof request);
        (void)snprintf(id, sizeof id, DAY_ID "%d", i);
        mqtt_call(screen->mqtt, "history", id, request);
        screen->day_ms = *asked = now->mono_ms;
        return;
    }
}

static void step_boards(struct screen *screen, const struct led_now *now)
{
    for (int i = 0; i < screen->config->board_count; i++) {
        char request[256], id[32];
        if (!modbus_display_step(&screen->boards[i], &screen->config->boards[i], screen->state, now,
                                 request, sizeof request))
            continue;
        (void)snprintf(id, sizeof id, BOARD_ID "%d", i);
        mqtt_call(screen->mqtt, "write", id, request);
    }
}

/* The number behind `prefix` in an answer's id, below `count`; -1: it is another kind of id. */
static int id_index(const char *id, const char *prefix, int count)
{
    char *end = NULL;
    if (strncmp(id, prefix, strlen(prefix)) != 0)
        return -1;
    long index = strtol(id + strlen(prefix), &end, 10);
    return *end == '\0' && index >= 0 && index < count ? (int)index : -1;
}

static void take_board_answer(struct screen *screen, int index, const void *payload, size_t size,
                              const struct led_now *now)
{
    bool good = rpc_reply_good(payload, size);
    modbus_display_answered(&screen->boards[index], good, now);
    log_change(&screen->board_logs[index], good ? 0 : 1,
               good ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "board %s: %s",
               screen->config->boards[index].device,
               good ? "shows" : "the gateway could not write to it");
}

static void take_day(struct state *state, int slot, const void *payload, size_t size,
                     const struct led_now *now)
{
    double min = 0, max = 0, sum = 0;
    if (state->slots[slot].sums) {
        if (rpc_reply_day_sum(payload, size, &sum))
            state_day_sum(state, slot, sum, now);
    } else if (rpc_reply_day(payload, size, &min, &max)) {
        state_day(state, slot, min, max, now);
    }
}

static void take_answer(struct screen *screen, const char *id, const void *payload, size_t size,
                        const struct led_now *now)
{
    int64_t gateway_ms = 0;
    if (strcmp(id, "led-time") == 0) {
        bool prompt = screen->asked_ms > 0 && now->mono_ms - screen->asked_ms <= TIME_LATE_MS;
        if (prompt && rpc_reply_time(payload, size, &gateway_ms))
            state_time(screen->state, gateway_ms, screen->asked_ms, now);
        return;
    }
    int slot = id_index(id, DAY_ID, screen->state->slot_count);
    int board = id_index(id, BOARD_ID, screen->config->board_count);
    if (slot >= 0 && screen->day_asked_ms[slot] != 0)
        take_day(screen->state, slot, payload, size, now);
    if (board >= 0)
        take_board_answer(screen, board, payload, size, now);
}

static void on_message(void *context, const char *topic, const void *payload, size_t size,
                       bool retained)
{
    struct screen *screen = context;
    struct led_now now = read_now(screen->state);
    screen->changed = true;
    if (strncmp(topic, "answer/", 7) != 0) {
        state_message(screen->state, topic, payload, size, retained, &now);
        follow_timezone(screen);
        return;
    }
    if (!retained)
        take_answer(screen, strrchr(topic, '/') + 1, payload, size, &now);
}

static void add_topic(struct screen *screen, int *count, const char *format, const char *name)
{
    (void)snprintf(screen->topic_text[*count], sizeof screen->topic_text[0], "%s%s%s",
                   strcmp(format, "answer") == 0 ? "answer/" : format, name,
                   strcmp(format, "answer") == 0 ? "/+"
                   : name[0]                     ? "/live"
                                                 : "");
    screen->topics[*count] = screen->topic_text[*count];
    (*count)++;
}

static void list_topics(struct screen *screen)
{
    int count = 0;
    add_topic(screen, &count, "gateway/status", "");
    add_topic(screen, &count, "site", "");
    add_topic(screen, &count, "forecast", "");
    add_topic(screen, &count, "alert/+", "");
    add_topic(screen, &count, "answer", screen->config->mqtt.user);
    for (int i = 0; i < screen->state->source_count; i++) {
        const struct state_source *source = &screen->state->sources[i];
        if (source->kind != SOURCE_FORECAST)
            add_topic(screen, &count, source->kind == SOURCE_PLOT ? "plot/" : "dev/", source->name);
    }
    screen->topics[count] = NULL;
}

/* ---- pictures ---- */

static unsigned level_now(const struct screen *screen, const struct led_now *now)
{
    const struct state *state = screen->state;
    struct light light = {
        .utc_ms = state_clock_ms(state, now),
        .utc_offset_s = now->utc_offset_s,
        .located = screen->config->located || state->located,
        .latitude = screen->config->located ? screen->config->latitude : state->latitude,
        .longitude = screen->config->located ? screen->config->longitude : state->longitude,
        .lux = -1,
        .alert = state_alert_count(state, 1) > 0,
    };
    if (screen->lux_slot >= 0) {
        struct led_value lux = state_value(state, screen->lux_slot, now);
        if (lux.shown == SHOWN_GOOD || lux.shown == SHOWN_MARKED)
            light.lux = lux.value;
    }
    return brightness_level(&screen->config->brightness, &light);
}

static void show_on(struct screen *screen, struct screen_output *output, bool changed,
                    int64_t mono_ms)
{
    int64_t since = mono_ms - output->shown_ms;
    bool keep = output->kind->keep_alive_ms > 0 && since >= output->kind->keep_alive_ms;
    bool never = output->shown_ms == 0;
    if (!changed && !keep && !never)
        return;
    bool good =
        output->kind->show(output->self, output->kind->dims ? &screen->lit : &screen->shown);
    output->shown_ms = mono_ms;
    if (good)
        log_change(&output->log, 0, LOG_LEVEL_NOTICE, "%s: shows", output->kind->name);
    else
        log_change(&output->log, 1, LOG_LEVEL_WARNING, "%s: cannot show: %s", output->kind->name,
                   strerror(errno));
}

static void draw(struct screen *screen, const struct led_now *now)
{
    struct scene scene = {
        .fonts = screen->fonts,
        .state = screen->state,
        .now = now,
        .wanted = wanted_height(screen->config),
    };
    state_settle(screen->state, now);
    view_draw(&screen->view, &scene, &screen->picture);
    brightness_apply(&screen->picture, level_now(screen, now),
                     screen->config->brightness.power_limit, &screen->dimmed);
    size_t size = canvas_size(&screen->picture);
    bool first = !screen->any_shown;
    bool plain = first || memcmp(screen->picture.pixels, screen->shown.pixels, size) != 0;
    bool lit = first || memcmp(screen->dimmed.pixels, screen->lit.pixels, size) != 0;
    memcpy(screen->shown.pixels, screen->picture.pixels, size);
    memcpy(screen->lit.pixels, screen->dimmed.pixels, size);
    screen->any_shown = true;
    screen->preview_due = screen->preview_due || plain;
    for (int i = 0; i < screen->output_count; i++) {
        struct screen_output *output = &screen->outputs[i];
        show_on(screen, output, output->kind->dims ? lit : plain, now->mono_ms);
    }
}

static void publish_preview(struct screen *screen, const struct led_now *now)
{
    if (!screen->config->mqtt.preview || !screen->preview_due || !screen->state->connected ||
        now->mono_ms - screen->preview_ms < PREVIEW_MIN_MS)
        return;
    size_t size = png_write(&screen->shown, screen->png, screen->png_size);
    mqtt_publish(screen->mqtt, "led/preview", screen->png, size, true);
    screen->preview_ms = now->mono_ms;
    screen->preview_due = false;
}

static int64_t keep_alive_due(const struct screen *screen, int64_t mono_ms)
{
    int64_t wait = 1000;
    for (int i = 0; i < screen->output_count; i++) {
        const struct screen_output *output = &screen->outputs[i];
        int64_t left = output->shown_ms + output->kind->keep_alive_ms - mono_ms;
        if (output->kind->keep_alive_ms > 0 && left < wait)
            wait = left;
    }
    return wait;
}

int screen_step(struct screen *screen)
{
    int64_t wait = mqtt_step(screen->mqtt, read_clock(CLOCK_BOOTTIME));
    struct led_now now = read_now(screen->state);
    int64_t second = state_clock_ms(screen->state, &now) / 1000;
    int64_t since = now.mono_ms - screen->drawn_ms;
    bool due = screen->changed || second != screen->drawn_second || since >= 1000 || since < 0;
    if (due && (since >= FRAME_MIN_MS || since < 0 || !screen->any_shown)) {
        draw(screen, &now);
        screen->drawn_ms = now.mono_ms;
        screen->drawn_second = second;
        screen->changed = false;
    } else {
        for (int i = 0; i < screen->output_count; i++)
            show_on(screen, &screen->outputs[i], false, now.mono_ms);
    }
    publish_preview(screen, &now);
    int64_t again = screen->state->clock_known ? TIME_EVERY_MS : TIME_AGAIN_MS;
    if (screen->state->connected && now.mono_ms - screen->asked_ms >= again)
        ask_time(screen, now.mono_ms);
    if (screen->state->connected) {
        ask_day(screen, &now);
        step_boards(screen, &now);
    }
    int64_t next_second = 1000 - state_clock_ms(screen->state, &now) % 1000;
    int64_t keep = keep_alive_due(screen, now.mono_ms);
    wait = next_second < wait ? next_second : wait;
    wait = keep < wait ? keep : wait;
    if (screen->changed && FRAME_MIN_MS - since < wait)
        wait = FRAME_MIN_MS - since;
    return wait < 0 ? 0 : wait > 1000 ? 1000 : (int)wait;
}

int screen_fd(const struct screen *screen)
{
    return mqtt_fd(screen->mqtt);
}

/* ---- beginning and end ---- */

static bool open_outputs(struct screen *screen, char *error, size_t error_size)
{
    char why[256] = "";
    for (int i = 0; i < screen->config->output_count; i++) {
        const struct output_config *config = &screen->config->outputs[i];
        struct screen_output *output = &screen->outputs[i];
        output->kind = output_kind_of(config->type);
        output->self = output->kind->open(config, screen->config->width, screen->config->height,
                                          why, sizeof why);
        if (output->self == NULL) {
            (void)snprintf(error, error_size, "output %s: %s", output->kind->name, why);
            return false;
        }
        screen->output_count++;
    }
    return true;
}

static bool take_memory(struct screen *screen, char *error, size_t error_size)
{
    int width = screen->config->width, height = screen->config->height;
    bool good = canvas_init(&screen->picture, width, height) &&
                canvas_init(&screen->shown, width, height) &&
                canvas_init(&screen->dimmed, width, height) &&
                canvas_init(&screen->lit, width, height);
    if (good) {
        screen->png_size = png_size_max(&screen->picture);
        screen->png = malloc(screen->png_size);
    }
    if (!good || screen->png == NULL)
        (void)snprintf(error, error_size, "no memory");
    return good && screen->png != NULL;
}

static bool watch_boards(struct screen *screen, char *error, size_t error_size)
{
    for (int i = 0; i < screen->config->board_count; i++) {
        const struct board_config *board = &screen->config->boards[i];
        screen->boards[i].slot = state_slot(screen->state, board->value);
        if (screen->boards[i].slot < 0) {
            (void)snprintf(error, error_size, "board %s: unknown value \"%.60s\"", board->device,
                           board->value);
            return false;
        }
    }
    return true;
}

struct screen *screen_open(const struct led_config *config, const struct pages *pages,
                           struct state *state, char *error, size_t error_size)
{
    struct screen *screen = calloc(1, sizeof *screen);
    if (screen == NULL) {
        (void)snprintf(error, error_size, "no memory");
        return NULL;
    }
    screen->config = config;
    screen->state = state;
    screen->lux_slot = config->brightness.lux[0] ? state_slot(state, config->brightness.lux) : -1;
    state->batch_ms = config->mqtt.batch_ms;
    utf8_copy(state->farm, sizeof state->farm, config->farm);
    view_init(&screen->view, pages, config->languages, config->language_count);
    if (!watch_boards(screen, error, error_size)) {
        screen_close(screen);
        return NULL;
    }
    list_topics(screen);
    struct mqtt_events events = {screen, on_link, on_message};
    struct led_now now = read_now(state);
    state->link_mono_ms = now.mono_ms;
    screen->fonts = font_open(config->fonts, error, error_size);
    if (screen->fonts != NULL && take_memory(screen, error, error_size) &&
        open_outputs(screen, error, error_size))
        screen->mqtt = mqtt_open(config, screen->topics, &events, error, error_size);
    if (screen->mqtt != NULL)
        return screen;
    screen_close(screen);
    return NULL;
}

void screen_close(struct screen *screen)
{
    if (screen->mqtt != NULL)
        mqtt_close(screen->mqtt);
    for (int i = 0; i < screen->output_count; i++)
        screen->outputs[i].kind->close(screen->outputs[i].self);
    font_close(screen->fonts);
    canvas_free(&screen->picture);
    canvas_free(&screen->shown);
    canvas_free(&screen->dimmed);
    canvas_free(&screen->lit);
    free(screen->png);
    free(screen);
}
