/* SPDX-License-Identifier: Apache-2.0 */
/* The queue over a restart: one JSON document in the store, with a version. */
#include "gateway/daemon/notifier/queue.h"
#include "gateway/daemon/notifier/queue_lists.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define DOC_VERSION 1

static void put_case(struct json_out *o, const struct notified *notified)
{
    static const char *const languages[METRIC_LANGUAGES] = {"zh", "en"};
    json_out_open(o, '{');
    json_out_key_string(o, "id", notified->id);
    json_out_key_integer(o, "level", notified->level);
    json_out_key_integer(o, "stage", notified->stage);
    json_out_key_integer(o, "rounds", notified->rounds);
    json_out_key_integer(o, "since", notified->since_ms);
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++) {
        json_out_key(o, languages[l]);
        json_out_open(o, '[');
        json_out_string(o, notified->words[l].what);
        json_out_string(o, notified->words[l].place);
        json_out_close(o, ']');
    }
    json_out_close(o, '}');
}

static void put_notice(struct json_out *o, const struct queue *queue, const struct notice *notice)
{
    json_out_open(o, '{');
    json_out_key_string(o, "way", queue->config->ways[notice->way].name);
    json_out_key_integer(o, "kind", notice->kind);
    json_out_key_integer(o, "level", notice->level);
    json_out_key_string(o, "alert", notice->alert);
    json_out_key_integer(o, "made", notice->made_ms);
    if (notice->tried != 0)
        json_out_key_integer(o, "tried", (int64_t)notice->tried);
    json_out_key_string(o, "text", notice->text);
    json_out_close(o, '}');
}

/* By the ways' names: of the file that is in force then. */
static void put_troubles(struct json_out *o, const struct queue *queue)
{
    json_out_key(o, "troubles");
    json_out_open(o, '{');
    for (uint16_t w = 0; w < queue->config->way_count; w++) {
        if (queue->ways[w].trouble[0] != '\0')
            json_out_key_string(o, queue->config->ways[w].name, queue->ways[w].trouble);
    }
    json_out_close(o, '}');
}

/* Room for the brackets that close what is open. */
static bool has_room(const struct json_out *o, size_t most)
{
    return !o->failed && o->at + 8 < most;
}

size_t queue_write(const struct queue *queue, char *doc, size_t most)
{
    struct json_out o = json_out_init(doc, most), mark;
    json_out_open(&o, '{');
    json_out_key_integer(&o, "v", DOC_VERSION);
    json_out_key_integer(&o, "beat", queue->beat_day);
    put_troubles(&o, queue);
    json_out_key(&o, "notices");
    json_out_open(&o, '[');
    for (const struct notice *notice = queue->first; notice != NULL; notice = notice->next) {
        mark = o;
        put_notice(&o, queue, notice);
        if (!has_room(&o, most / 2)) {
            o = mark;
            break;
        }
    }
    json_out_close(&o, ']');
    json_out_key(&o, "cases");
    json_out_open(&o, '[');
    for (const struct notified *notified = queue->cases; notified != NULL;
         notified = notified->next) {
        mark = o;
        if (notified->stage > 0)
            put_case(&o, notified);
        if (!has_room(&o, most)) {
            o = mark;
            break;
        }
    }
    json_out_close(&o, ']');
    json_out_close(&o, '}');
    return o.failed ? 0 : o.at;
}

static void get_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static uint8_t get_small(const json_t *object, const char *name, uint8_t most)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value >= 0 && value <= most ? (uint8_t)value : most;
}

static void read_case(struct queue *queue, const json_t *item, const struct queue_now *now)
{
    static const char *const languages[METRIC_LANGUAGES] = {"zh", "en"};
    const char *id = json_string_value(json_object_get(item, "id"));
    struct notified *notified =
        id != NULL && queue_find_case(queue, id) == NULL ? queue_add_case(queue, id) : NULL;
    if (notified == NULL)
        return;
    notified->level = get_small(item, "level", ALERT_ALARM);
    notified->stage = get_small(item, "stage", WAY_GROUPS_MAX);
    notified->rounds = get_small(item, "rounds", UINT8_MAX);
    notified->since_ms = json_integer_value(json_object_get(item, "since"));
    notified->stage_mono_ms = now->mono_ms;
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++) {
        const json_t *words = json_object_get(item, languages[l]);
        get_text(json_array_get(words, 0), notified->words[l].what, ALERT_WHAT_SIZE);
        get_text(json_array_get(words, 1), notified->words[l].place, ALERT_PLACE_SIZE);
    }
}

static void read_notice(struct queue *queue, const json_t *item, const struct queue_now *now)
{
    const char *name = json_string_value(json_object_get(item, "way"));
    for (uint16_t w = 0; name != NULL && w < queue->config->way_count; w++) {
        if (strcmp(queue->config->ways[w].name, name) != 0 || queue_is_output(queue, w))
            continue;
        struct notice *notice = queue_add(queue, w, get_small(item, "kind", NOTICE_HEARTBEAT),
                                          now->mono_ms, now->wall.ms);
        if (notice == NULL)
            return;
        notice->level = get_small(item, "level", ALERT_ALARM);
        notice->made_ms = json_integer_value(json_object_get(item, "made"));
        notice->tried = (uint64_t)json_integer_value(json_object_get(item, "tried"));
        get_text(json_object_get(item, "alert"), notice->alert, sizeof notice->alert);
        get_text(json_object_get(item, "text"), notice->text, sizeof notice->text);
    }
}

void queue_read(struct queue *queue, const char *doc, size_t size, const struct queue_now *now)
{
    json_t *root = json_loadb(doc, size, 0, NULL);
    const json_t *notices = json_object_get(root, "notices");
    const json_t *cases = json_object_get(root, "cases");
    bool known = json_integer_value(json_object_get(root, "v")) == DOC_VERSION;
    if (known)
        queue->beat_day = (int32_t)json_integer_value(json_object_get(root, "beat"));
    for (uint16_t w = 0; known && w < queue->config->way_count; w++)
        get_text(json_object_get(json_object_get(root, "troubles"), queue->config->ways[w].name),
                 queue->ways[w].trouble, sizeof queue->ways[w].trouble);
    for (size_t i = 0; known && i < json_array_size(notices); i++)
        read_notice(queue, json_array_get(notices, i), now);
    for (size_t i = 0; known && i < json_array_size(cases); i++)
        read_case(queue, json_array_get(cases, i), now);
    json_decref(root);
}
