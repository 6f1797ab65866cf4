/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/active.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/alerts/late.h"

#define DOC_VERSION 1

/* Ended while the rows of before the start were not known yet. */
struct ended {
    struct ended *next;
    char id[ALERT_ID_SIZE];
};

struct active {
    struct alert *first;
    uint32_t count;
    struct ended *ended;
    bool restored;
};

struct active *active_create(void)
{
    return calloc(1, sizeof(struct active));
}

static struct ended **find_ended(struct active *active, const char *id)
{
    struct ended **at = &active->ended;
    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static void forget_ended(struct ended **at)
{
    struct ended *ended = *at;
    if (ended != NULL) {
        *at = ended->next;
        free(ended);
    }
}

static void note_ended(struct active *active, const char *id)
{
    struct ended **at = find_ended(active, id);
    if (active->restored || *at != NULL || (*at = calloc(1, sizeof **at)) == NULL)
        return;
    (void)snprintf((*at)->id, sizeof(*at)->id, "%s", id);
}

bool active_ended(struct active *active, const char *id)
{
    return *find_ended(active, id) != NULL;
}

void active_restored(struct active *active)
{
    active->restored = true;
    while (active->ended != NULL)
        forget_ended(&active->ended);
}

void active_destroy(struct active *active)
{
    if (active != NULL)
        active_restored(active);
    while (active != NULL && active->first != NULL) {
        struct alert *alert = active->first;
        active->first = alert->next;
        free(alert);
    }
    free(active);
}

struct alert *active_first(const struct active *active)
{
    return active->first;
}

uint32_t active_count(const struct active *active)
{
    uint32_t count = 0;
    for (const struct alert *alert = active->first; alert != NULL; alert = alert->next)
        count += alert->ended_ms == 0;
    return count;
}

struct alert *active_find(const struct active *active, const char *id)
{
    struct alert *alert = active->first;
    while (alert != NULL && (alert->ended_ms != 0 || strcmp(alert->text.id, id) != 0))
        alert = alert->next;
    return alert;
}

static struct alert *add(struct active *active, const char *id)
{
    struct alert **end = &active->first;
    struct alert *alert = active->count < ALERT_MOST ? calloc(1, sizeof *alert) : NULL;
    if (alert == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = alert;
    active->count++;
    (void)snprintf(alert->text.id, sizeof alert->text.id, "%s", id);
    return alert;
}

static void mark(struct alert *alert, bool now)
{
    alert->publish = alert->follow = alert->save = true;
    alert->publish_now |= now;
    alert->save_now |= now;
}

/* ---- Changes ---- */

static bool same_words(const struct alert_words *a, const struct alert_words *b)
{
    return strcmp(a->what, b->what) == 0 && strcmp(a->place, b->place) == 0 &&
           strcmp(a->todo, b->todo) == 0;
}

static bool same_text(const struct alert_text *a, const struct alert_text *b)
{
    return a->level == b->level && strcmp(a->where, b->where) == 0 &&
           strcmp(a->devices, b->devices) == 0 &&
           same_words(&a->words[METRIC_ZH], &b->words[METRIC_ZH]) &&
           same_words(&a->words[METRIC_EN], &b->words[METRIC_EN]);
}

static int64_t wall_of(int64_t since_mono_ms, const struct active_now *now)
{
    return now->wall.ms - (now->mono_ms - since_mono_ms);
}

bool active_set(struct active *active, const struct alert_text *text, int64_t since_mono_ms,
                int64_t since_ms, const struct active_now *now)
{
    struct alert *alert = active_find(active, text->id);
    bool begins = alert == NULL;
    forget_ended(find_ended(active, text->id));
    if (begins)
        alert = add(active, text->id);
    if (alert == NULL)
        return false;
    if (begins) {
        alert->begun_ms = now->wall.ms;
        alert->since_mono_ms = since_mono_ms;
        alert->since_ms = since_mono_ms > 0 ? wall_of(since_mono_ms, now) : since_ms;
    }
    if (begins || !same_text(&alert->text, text))
        mark(alert, begins || alert->text.level != text->level ||
                        strcmp(alert->text.where, text->where) != 0);
    alert->text = *text;
    return begins;
}

void active_end(struct active *active, const char *id, const struct active_now *now)
{
    struct alert *alert = active_find(active, id);
    note_ended(active, id);
    if (alert == NULL)
        return;
    alert->ended_ms = now->wall.ms > alert->since_ms ? now->wall.ms : alert->since_ms + 1;
    mark(alert, true);
}

bool active_acknowledge(struct active *active, const char *id, const char *user, int64_t at_ms)
{
    struct alert *alert = active_find(active, id);
    if (alert == NULL)
        return false;
    (void)snprintf(alert->acked_by, sizeof alert->acked_by, "%s", user);
    alert->acked_ms = at_ms;
    mark(alert, true);
    return true;
}

void active_clock(struct active *active, const struct active_now *now)
{
    for (struct alert *alert = active->first; alert != NULL; alert = alert->next) {
        if (alert->since_mono_ms == 0 || alert->ended_ms != 0)
            continue;
        int64_t since_ms = wall_of(alert->since_mono_ms, now);
        if (llabs(since_ms - alert->since_ms) >= CLOCK_STEP_MS) {
            alert->since_ms = since_ms;
            mark(alert, true);
        }
    }
}

void active_ghost(struct active *active, const char *id)
{
    struct alert *alert = active_find(active, id) == NULL ? add(active, id) : NULL;
    if (alert == NULL)
        return;
    alert->ended_ms = 1;
    alert->publish = alert->publish_now = true;
}

void active_sweep(struct active *active)
{
    struct alert **at = &active->first;
    while (*at != NULL) {
        struct alert *alert = *at;
        if (alert->ended_ms != 0 && !alert->publish && !alert->save && !alert->saving) {
            *at = alert->next;
            active->count--;
            free(alert);
        } else {
            at = &alert->next;
        }
    }
}

/* ---- As JSON ---- */

static void put_words(struct json_out *o, const struct alert_words *words)
{
    json_out_key_string(o, "what", words->what);
    if (words->place[0] != '\0')
        json_out_key_string(o, "place", words->place);
    json_out_key_string(o, "todo", words->todo);
    if (words->label[0] != '\0')
        json_out_key_string(o, "label", words->label);
    if (words->quantity[0] != '\0')
        json_out_key_string(o, "quantity", words->quantity);
}

static void put_number(struct json_out *o, const char *name, double value, unsigned decimals)
{
    double scaled = round(value * pow(10, decimals));
    if (!(fabs(scaled) < 1e15))
        return;
    json_out_key(o, name);
    json_out_decimal(o, (int64_t)scaled, decimals);
}

static void put_body(struct json_out *o, const struct alert *alert)
{
    const struct alert_text *text = &alert->text;
    json_out_key_string(o, "id", text->id);
    if (text->rule[0] != '\0')
        json_out_key_string(o, "rule", text->rule);
    json_out_key_string(o, "level", alert_level_name(text->level));
    json_out_key_string(o, "where", text->where);
    json_out_key_integer(o, "since", alert->since_ms);
    put_words(o, &text->words[METRIC_EN]);
    if (text->words[METRIC_ZH].what[0] != '\0') {
        json_out_key(o, "zh");
        json_out_open(o, '{');
        put_words(o, &text->words[METRIC_ZH]);
        json_out_close(o, '}');
    }
    if (text->measured) {
        put_number(o, "value", text->value, text->decimals);
        if (text->stale) {
            json_out_key(o, "stale");
            json_out_bool(o, true);
        }
        put_number(o, "extreme", text->extreme, text->decimals);
        json_out_key_string(o, "unit", text->unit);
        json_out_key_integer(o, "decimals", text->decimals);
    }
    if (alert->acked_by[0] != '\0') {
        json_out_key_string(o, "acked_by", alert->acked_by);
        json_out_key_integer(o, "acked_ts", alert->acked_ms);
    }
}

void active_json(struct json_out *o, const struct alert *alert)
{
    json_out_open(o, '{');
    put_body(o, alert);
    json_out_close(o, '}');
}

void active_doc(struct json_out *o, const struct alert *alert)
{
    json_out_open(o, '{');
    json_out_key_integer(o, "v", DOC_VERSION);
    put_body(o, alert);
    json_out_key_string(o, "devices", alert->text.devices);
    if (alert->heard_ms > 0 && alert->ended_ms - alert->heard_ms > LATE_GAP_MS)
        json_out_key_integer(o, "heard", alert->heard_ms);
    if (alert->held_to_ms > 0) {
        json_out_key_integer(o, "held_from", alert->held_from_ms);
        json_out_key_integer(o, "held_to", alert->held_to_ms);
    }
    json_out_close(o, '}');
}

/* ---- From JSON ---- */

static void get_text(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void get_words(const json_t *object, struct alert_words *words)
{
    get_text(object, "what", words->what, sizeof words->what);
    get_text(object, "place", words->place, sizeof words->place);
    get_text(object, "todo", words->todo, sizeof words->todo);
    get_text(object, "label", words->label, sizeof words->label);
    get_text(object, "quantity", words->quantity, sizeof words->quantity);
}

uint8_t alert_level_of(const char *name)
{
    enum alert_level level = ALERT_ALARM;
    (void)alert_level_find(name, &level);
    return (uint8_t)level;
}

static uint8_t get_level(const json_t *object)
{
    char level[8];
    get_text(object, "level", level, sizeof level);
    return alert_level_of(level);
}

static void get_alert(const json_t *doc, struct alert *alert)
{
    struct alert_text *text = &alert->text;
    const json_t *value = json_object_get(doc, "value"), *extreme = json_object_get(doc, "extreme");
    get_text(doc, "rule", text->rule, sizeof text->rule);
    get_text(doc, "where", text->where, sizeof text->where);
    text->level = get_level(doc);
    get_words(doc, &text->words[METRIC_EN]);
    get_words(json_object_get(doc, "zh"), &text->words[METRIC_ZH]);
    text->measured = json_is_number(value) && json_is_number(extreme);
    text->stale = json_is_true(json_object_get(doc, "stale"));
    text->value = json_number_value(value);
    text->extreme = json_number_value(extreme);
    json_int_t decimals = json_integer_value(json_object_get(doc, "decimals"));
    text->decimals = decimals >= 0 && decimals <= 9 ? (uint8_t)decimals : 0;
    get_text(doc, "unit", text->unit, sizeof text->unit);
    get_text(doc, "devices", text->devices, sizeof text->devices);
    alert->since_ms = json_integer_value(json_object_get(doc, "since"));
    get_text(doc, "acked_by", alert->acked_by, sizeof alert->acked_by);
    alert->acked_ms = json_integer_value(json_object_get(doc, "acked_ts"));
    alert->heard_ms = json_integer_value(json_object_get(doc, "heard"));
    alert->held_from_ms = json_integer_value(json_object_get(doc, "held_from"));
    alert->held_to_ms = json_integer_value(json_object_get(doc, "held_to"));
}

/* What has been raised since the start is newer than its row, but not when it began. */
static void merge(struct alert *alert, const struct alert *row)
{
    alert->since_ms = row->since_ms;
    if (alert->acked_by[0] == '\0') {
        memcpy(alert->acked_by, row->acked_by, sizeof alert->acked_by);
        alert->acked_ms = row->acked_ms;
    }
}

bool active_restore(struct active *active, const char *id, int64_t begun_ms, const char *doc,
                    size_t size)
{
    struct alert row = {0};
    json_t *root = json_loadb(doc, size, 0, NULL);
    bool good = json_integer_value(json_object_get(root, "v")) >= 1;
    if (good)
        get_alert(root, &row);
    json_decref(root);
    good = good && row.text.words[METRIC_EN].what[0] != '\0';
    struct alert *alert = good ? active_find(active, id) : NULL;
    if (good && alert == NULL) {
        alert = add(active, id);
        if (alert != NULL)
            alert->text = row.text;
        if (alert != NULL)
            (void)snprintf(alert->text.id, sizeof alert->text.id, "%s", id);
    }
    if (alert == NULL)
        return false;
    merge(alert, &row);
    alert->begun_ms = begun_ms;
    alert->since_mono_ms = 0;
    mark(alert, true);
    return true;
}

/* ---- What comes late ---- */

/* An alert of a device that fell silent stands until it is back: it held as long as it was heard,
 * and as its log says. */
static bool take_stretch(struct alert *row, const struct late_stretch *stretch)
{
    bool known = row->held_to_ms > 0;
    int64_t from_ms = known ? row->held_from_ms : row->since_ms;
    int64_t to_ms = known ? row->held_to_ms : row->heard_ms > 0 ? row->heard_ms : row->ended_ms;
    if (stretch->to_ms < from_ms - LATE_GAP_MS || stretch->from_ms > to_ms + LATE_GAP_MS)
        return false;
    struct alert_text *text = &row->text;
    bool worse = text->measured && (stretch->above ? stretch->extreme > text->extreme
                                                   : stretch->extreme < text->extreme);
    if (worse)
        text->extreme = stretch->extreme;
    row->held_from_ms = stretch->from_ms < from_ms ? stretch->from_ms : from_ms;
    row->held_to_ms = stretch->to_ms > to_ms ? stretch->to_ms : to_ms;
    bool as_it_was = row->held_from_ms == from_ms && row->held_to_ms == to_ms;
    if (!known && row->held_from_ms == row->since_ms && row->held_to_ms == row->ended_ms)
        row->held_from_ms = row->held_to_ms = 0;
    return worse || !as_it_was || (!known && row->held_to_ms > 0);
}

bool active_annotate(struct json_out *o, const char *doc, size_t size, int64_t ended_ms,
                     const struct late_stretch *stretch)
{
    struct alert row = {.ended_ms = ended_ms};
    json_t *root = json_loadb(doc, size, 0, NULL);
    bool good = json_integer_value(json_object_get(root, "v")) >= 1;
    if (good)
        get_alert(root, &row);
    json_decref(root);
    memcpy(row.text.id, stretch->id, sizeof row.text.id);
    if (!good || row.text.words[METRIC_EN].what[0] == '\0' || !take_stretch(&row, stretch))
        return false;
    active_doc(o, &row);
    return !o->failed;
}
