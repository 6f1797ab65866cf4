/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/alerts/text.h"

#define PERIODS       5
#define LEAST_MS      10000
#define AWAY_MS       60000 /* a converter that dials in again does so sooner */
#define DEVICE_PREFIX "silent-"
#define LINE_PREFIX   "line-"
#define STUCK_PREFIX  "stuck-"

struct listened {
    bool known; /* its health has been reported */
    struct device_health health;
    int64_t since_ms;             /* monotonic: since when it is known not to answer; 0: it does */
    uint64_t exceptions;          /* counted until then */
    char stuck[CONFIG_NAME_SIZE]; /* a metric that does not move; "": none */
};

struct offline {
    const struct config *config;
    struct listened *devices;
};

struct offline *offline_create(const struct config *config)
{
    struct offline *offline = calloc(1, sizeof *offline);
    if (offline == NULL)
        return NULL;
    offline->config = config;
    offline->devices = calloc((size_t)config->device_count + 1, sizeof *offline->devices);
    if (offline->devices == NULL) {
        free(offline);
        return NULL;
    }
    return offline;
}

void offline_destroy(struct offline *offline)
{
    if (offline == NULL)
        return;
    free(offline->devices);
    free(offline);
}

void offline_health(struct offline *offline, const struct device_health *health)
{
    struct listened *device = &offline->devices[health->device];
    if (!device->known || health->online)
        device->exceptions = health->exceptions;
    if (device->health.away && !health->away)
        device->since_ms = 0; /* its converter is back: it has its time again */
    device->known = true;
    device->health = *health;
}

void offline_reading(struct offline *offline, const struct reading *reading)
{
    struct listened *device = &offline->devices[reading->device];
    const struct device_config *config = &offline->config->devices[reading->device];
    if (reading->late)
        return;
    bool stuck = device->stuck[0] != '\0';
    for (unsigned i = 0; stuck && i < reading->value_count && i < config->metric_count; i++) {
        if (reading_value_rests(&reading->values[i]) &&
            strcmp(device->stuck, config->metrics[i]->metric) == 0)
            return; /* as far as is known */
    }
    device->stuck[0] = '\0';
    for (unsigned i = 0; i < reading->value_count && i < config->metric_count; i++) {
        if (reading->values[i].flag == METRIC_STUCK && device->stuck[0] == '\0')
            (void)snprintf(device->stuck, sizeof device->stuck, "%s", config->metrics[i]->metric);
    }
}

enum voice { VOICE_UNKNOWN, VOICE_ANSWERS, VOICE_WAITED_FOR, VOICE_SILENT, VOICE_COUNT };

static enum voice listen_to(struct offline *offline, uint16_t index, int64_t now_ms)
{
    struct listened *device = &offline->devices[index];
    int64_t wait_ms = (int64_t)offline->config->devices[index].every_ms * PERIODS;
    if (!device->known)
        return VOICE_UNKNOWN;
    if (device->health.online) {
        device->since_ms = 0;
        return VOICE_ANSWERS;
    }
    if (device->since_ms == 0)
        device->since_ms = now_ms;
    if (device->health.away && wait_ms > AWAY_MS)
        wait_ms = AWAY_MS;
    return now_ms - device->since_ms >= (wait_ms > LEAST_MS ? wait_ms : LEAST_MS)
               ? VOICE_SILENT
               : VOICE_WAITED_FOR;
}

/* ---- Words ---- */

static void say_what(struct alert_text *text, const char *en, const char *zh)
{
    (void)snprintf(text->words[METRIC_EN].what, ALERT_WHAT_SIZE, "%s", en);
    (void)snprintf(text->words[METRIC_ZH].what, ALERT_WHAT_SIZE, "%s", zh);
}

/* What to do: by the hint, or where there is none in general. */
static void advise(struct alert_text *text, struct hint hint, enum hint_id otherwise)
{
    _Static_assert(CONFIG_ADVICE_SIZE >= HINT_TEXT_SIZE, "a hint is advice");
    if (hint.id == HINT_NONE)
        hint.id = (uint8_t)otherwise;
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        (void)hint_text(hint, (enum metric_language)l, text->words[l].todo);
}

static struct alert_text device_text(const struct offline *offline, const char *prefix,
                                     const struct device_config *device)
{
    struct alert_text text = {.level = ALERT_WATCH};
    (void)snprintf(text.id, sizeof text.id, "%s%s", prefix, device->name);
    (void)snprintf(text.where, sizeof text.where, "%s", device->name);
    (void)snprintf(text.devices, sizeof text.devices, "%s", device->name);
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        text_device_place(offline->config, device, text.words[l].place, sizeof text.words[l].place);
    return text;
}

static void raise_device(struct offline *offline, struct active *active,
                         const struct device_config *device, const struct active_now *now)
{
    const struct device_health *health = &offline->devices[device->index].health;
    struct alert_text text = device_text(offline, DEVICE_PREFIX, device);
    if (health->exceptions > offline->devices[device->index].exceptions) {
        say_what(&text, "answers only with error codes, no new data", "只回错误码，没有新数据");
        advise(&text, health->hint, HINT_CHECK_PROFILE);
    } else {
        say_what(&text, "no answer, no new data", "没有应答，没有新数据");
        advise(&text, health->hint, HINT_CHECK_POWER);
    }
    (void)active_set(active, &text, 0,
                     health->last_seen.ms > 0 ? health->last_seen.ms : now->wall.ms, now);
}

static void say_away(struct alert_text *text, const struct bus_config *bus)
{
    advise(text, (struct hint){.id = HINT_CHECK_CONVERTER}, HINT_NONE);
    (void)snprintf(text->words[METRIC_EN].what, sizeof text->words[METRIC_EN].what,
                   "the converter of line %s has not dialled in", bus->name);
    (void)snprintf(text->words[METRIC_ZH].what, sizeof text->words[METRIC_ZH].what,
                   "总线 %s 的转换器没有连上主机", bus->name);
}

static void raise_line(struct active *active, const struct bus_config *bus, bool away,
                       int64_t since_ms, const struct active_now *now)
{
    struct alert_text text = {.level = ALERT_WATCH};
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    (void)snprintf(text.id, sizeof text.id, LINE_PREFIX "%s", bus->name);
    (void)snprintf(text.where, sizeof text.where, "%s", bus->name);
    advise(&text, (struct hint){.id = HINT_CHECK_LINE}, HINT_NONE);
    (void)snprintf(en->what, sizeof en->what, "none of the %u devices on line %s answers",
                   bus->device_count, bus->name);
    (void)snprintf(zh->what, sizeof zh->what, "总线 %s 上的 %u 台设备都没有应答", bus->name,
                   bus->device_count);
    if (away)
        say_away(&text, bus);
    (void)snprintf(en->place, sizeof en->place, "line %s", bus->name);
    (void)snprintf(zh->place, sizeof zh->place, "总线 %s", bus->name);
    (void)active_set(active, &text, 0, since_ms > 0 ? since_ms : now->wall.ms, now);
}

static void end(struct active *active, const char *prefix, const char *name,
                const struct active_now *now)
{
    char id[ALERT_ID_SIZE];
    (void)snprintf(id, sizeof id, "%s%s", prefix, name);
    active_end(active, id, now);
}

/* ---- Looking ---- */

/* What is not known yet after a start, or waited for, stays as it stands. */
static void look_at_line(struct offline *offline, struct active *active,
                         const struct bus_config *bus, const struct active_now *now)
{
    unsigned voices[VOICE_COUNT] = {0};
    int64_t since_ms = 0;
    bool away = offline->devices[bus->devices[0]].health.away; /* then all of them are */
    for (uint16_t i = 0; i < bus->device_count; i++) {
        voices[listen_to(offline, bus->devices[i], now->mono_ms)]++;
        int64_t seen_ms = offline->devices[bus->devices[i]].health.last_seen.ms;
        if (seen_ms > since_ms)
            since_ms = seen_ms; /* of the last that fell silent */
    }
    /* A slow device, and one that has not been asked yet, are given their time only while others
     * of the line answer: else a line that is dead at the start is an alert of each device. */
    bool line =
        (bus->device_count > 1 || away) && voices[VOICE_SILENT] > 0 && voices[VOICE_ANSWERS] == 0;
    if (line)
        raise_line(active, bus, away, since_ms, now);
    else if (voices[VOICE_ANSWERS] > 0 || bus->device_count < 2)
        end(active, LINE_PREFIX, bus->name, now);
    for (uint16_t i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &offline->config->devices[bus->devices[i]];
        enum voice voice = listen_to(offline, device->index, now->mono_ms);
        if (voice == VOICE_SILENT && !line)
            raise_device(offline, active, device, now);
        else if (voice == VOICE_ANSWERS || line)
            end(active, DEVICE_PREFIX, device->name, now);
    }
}

static void raise_stuck(struct offline *offline, struct active *active,
                        const struct device_config *device, const struct active_now *now)
{
    const char *stuck = offline->devices[device->index].stuck;
    const struct metric_info *metric = metric_find(stuck);
    const struct field_config *field = text_field(device, stuck);
    const char *label = field != NULL && field->label[0] != '\0' ? field->label : stuck;
    struct alert_text text = device_text(offline, STUCK_PREFIX, device);
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    advise(&text, (struct hint){.id = HINT_CHECK_SENSOR}, HINT_NONE);
    (void)snprintf(en->what, sizeof en->what, "%s has not moved for hours",
                   metric != NULL ? metric->text[METRIC_EN] : label);
    (void)snprintf(zh->what, sizeof zh->what, "%s好几个小时没有变化",
                   metric != NULL ? metric->text[METRIC_ZH] : label);
    (void)active_set(active, &text, now->mono_ms, 0, now);
}

static void look_at_stuck(struct offline *offline, struct active *active,
                          const struct device_config *device, const struct active_now *now)
{
    const struct listened *listened = &offline->devices[device->index];
    if (!listened->known || !listened->health.online)
        return; /* what is silent says nothing about its sensors */
    if (listened->stuck[0] != '\0')
        raise_stuck(offline, active, device, now);
    else
        end(active, STUCK_PREFIX, device->name, now);
}

void offline_second(struct offline *offline, struct active *active, const struct active_now *now)
{
    const struct config *config = offline->config;
    for (uint16_t bus = 0; bus < config->bus_count; bus++)
        look_at_line(offline, active, &config->buses[bus], now);
    for (uint16_t i = 0; i < config->device_count; i++)
        look_at_stuck(offline, active, &config->devices[i], now);
}

static bool begins(const char *id, const char *prefix)
{
    return strncmp(id, prefix, strlen(prefix)) == 0;
}

bool offline_is_ours(const struct offline *offline, const char *id)
{
    const struct config *config = offline->config;
    if (begins(id, DEVICE_PREFIX))
        return config_device(config, id + strlen(DEVICE_PREFIX)) != NULL;
    if (begins(id, STUCK_PREFIX))
        return config_device(config, id + strlen(STUCK_PREFIX)) != NULL;
    for (uint16_t i = 0; begins(id, LINE_PREFIX) && i < config->bus_count; i++) {
        if (strcmp(config->buses[i].name, id + strlen(LINE_PREFIX)) == 0)
            return true;
    }
    return false;
}
