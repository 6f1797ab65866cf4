/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration by the phone: what can be renamed, limited, added and removed, and edits of the
 * file's text that keep its comments. An edited text goes the way of any other from afar: judged,
 * tried, and undone by itself unless whoever asked confirms it (methods_config.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/daemon/config/trial.h"
#include "gateway/daemon/config/whole_file.h"
#include "gateway/daemon/config/yaml_edit.h"
#include "gateway/daemon/rpc/methods_config.h"
#include "protocols/mqtt/alert_level.h"

#define EDITS_MAX  128 /* a line of 64 devices, each with its plot */
#define STEPS_MAX  8
#define VALUE_SIZE 2048

/* ---- JSON to one line of YAML ---- */

/* Control characters, and what YAML takes for the end of a line. */
static bool is_printable(const unsigned char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text == 0x7F || (text[0] == 0xC2 && text[1] < 0xA0) ||
            (text[0] == 0xE2 && text[1] == 0x80 && (text[2] == 0xA8 || text[2] == 0xA9)))
            return false;
    }
    return true;
}

/* Letters of any script and digits, and nothing that YAML reads as something else. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    static const char signs[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0)
            return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (((unsigned char)*at & 0x80) == 0 && strchr(signs, *at) == NULL)
            return false;
    }
    return text[0] != '\0' && text[0] != '-' && text[0] != '_' && (text[0] < '0' || text[0] > '9');
}

static bool put_text(char *out, size_t size, const char *text)
{
    bool good = is_printable((const unsigned char *)text);
    if (good && is_plain(text))
        return text_add(out, size, "%s", text);
    good = good && text_add(out, size, "\"");
    for (const char *at = text; good && *at != '\0'; at++)
        good = text_add(out, size, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
    return good && text_add(out, size, "\"");
}

static bool put_number(char *out, size_t size, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    bool good = text != NULL && text_add(out, size, "%s", text);
    free(text);
    return good;
}

static bool put_scalar(char *out, size_t size, const json_t *value)
{
    if (json_is_string(value))
        return strlen(json_string_value(value)) == json_string_length(value) &&
               put_text(out, size, json_string_value(value));
    if (json_is_boolean(value))
        return text_add(out, size, "%s", json_is_true(value) ? "true" : "false");
    return json_is_number(value) && put_number(out, size, value);
}

static bool is_key(const char *key)
{
    return key[0] != '\0' && strspn(key, "abcdefghijklmnopqrstuvwxyz_") == strlen(key);
}

/* At most two collections in each other: an entry, and a list in it. */
static bool put_value(char *out, size_t size, json_t *value, unsigned depth)
{
    const char *key;
    json_t *one;
    size_t i, n = 0;
    bool good = depth < 3;
    if (json_is_object(value)) {
        good = good && text_add(out, size, "{ ");
        json_object_foreach (value, key, one) {
            good = good && is_key(key) && text_add(out, size, "%s%s: ", n++ > 0 ? ", " : "", key) &&
                   put_value(out, size, one, depth + 1);
        }
        return good && n > 0 && text_add(out, size, " }");
    }
    if (!json_is_array(value))
        return good && put_scalar(out, size, value);
    good = good && text_add(out, size, "[");
    json_array_foreach (value, i, one) {
        good = good && text_add(out, size, "%s", i > 0 ? ", " : "") &&
               put_value(out, size, one, depth + 1);
    }
    return good && text_add(out, size, "]");
}

/* ---- config_edit ---- */

/* Points into `edit`. */
static bool read_path(const json_t *edit, const char *steps[STEPS_MAX], struct yaml_path *path)
{
    const json_t *list = json_object_get(edit, "path");
    path->steps = steps;
    path->count = 0;
    for (size_t i = 0; i < json_array_size(list) && i < STEPS_MAX; i++) {
        const char *step = json_string_value(json_array_get(list, i));
        if (step == NULL || step[0] == '\0' || strlen(step) > 64)
            return false;
        steps[path->count++] = step;
    }
    return path->count > 0 && json_array_size(list) <= STEPS_MAX && is_key(steps[0]);
}

/* {path, set} or {path, add} or {path, remove: true}. NULL: `why`. */
static char *edit_once(const char *text, const json_t *edit, char *why, size_t size)
{
    const char *steps[STEPS_MAX];
    char value[VALUE_SIZE] = "";
    struct yaml_path path;
    json_t *set = json_object_get(edit, "set"), *add = json_object_get(edit, "add");
    bool removed = json_is_true(json_object_get(edit, "remove"));
    (void)snprintf(why, size,
                   _("an edit is {path, and set, add or remove}, and its text is short "
                     "and on one line"));
    if (!read_path(edit, steps, &path) || (set != NULL) + (add != NULL) + removed != 1)
        return NULL;
    if (removed)
        return yaml_remove(text, &path, why, size);
    if (set != NULL && !is_key(steps[path.count - 1]))
        return NULL;
    if (!put_value(value, sizeof value, set != NULL ? set : add, 0))
        return NULL;
    return set != NULL ? yaml_set(text, &path, value, why, size)
                       : yaml_add(text, &path, value, why, size);
}

/* `text` is taken over. */
static char *edit_all(char *text, const json_t *edits, char *why, size_t size)
{
    for (size_t i = 0; text != NULL && i < json_array_size(edits); i++) {
        char *next = edit_once(text, json_array_get(edits, i), why, size);
        free(text);
        text = next;
    }
    return text;
}

/* What was edited, for the audit: values may be nobody's business. */
static void note_paths(struct rpc_call *call, const json_t *edits)
{
    for (size_t i = 0; i < json_array_size(edits); i++) {
        const char *steps[STEPS_MAX];
        struct yaml_path path;
        if (!read_path(json_array_get(edits, i), steps, &path))
            continue;
        for (unsigned s = 0; s < path.count; s++)
            (void)text_add(call->detail, sizeof call->detail, "%s%s",
                           s > 0 ? "/" : (i > 0 ? " " : ""), steps[s]);
    }
}

/* The file that `hash_old` is of; NULL: the call has failed. */
static char *read_file(struct rpc_call *call, const char *hash_old)
{
    char hash[TRIAL_HASH_SIZE] = "";
    size_t size = 0;
    char *text = whole_file_read(call->rpc->config->file, &size);
    if (text != NULL)
        config_trial_hash(text, size, hash);
    if (text != NULL && strcmp(hash, hash_old) == 0 && strlen(text) == size)
        return text;
    free(text);
    rpc_fail(call, "changed", "the file was changed just now", "look at it, then ask anew");
    return NULL;
}

/* {sha256_old, edits, confirm_s [, lang]} */
static void run_edit(struct rpc_call *call)
{
    char why[256];
    int64_t confirm_s;
    const json_t *edits = json_object_get(call->params, "edits");
    const char *hash_old = rpc_text(call, "sha256_old");
    if (hash_old == NULL ||
        !rpc_integer(call, "confirm_s", CONFIG_CONFIRM_LEAST_S, CONFIG_CONFIRM_MOST_S, &confirm_s))
        return;
    if (json_array_size(edits) < 1 || json_array_size(edits) > EDITS_MAX) {
        rpc_fail(call, "invalid", "edits: a list of 1 to 128 is needed", "");
        return;
    }
    note_paths(call, edits);
    char *text = config_may_try(call, hash_old) ? read_file(call, hash_old) : NULL;
    if (text == NULL)
        return;
    const char *lang = json_string_value(json_object_get(call->params, "lang"));
    language_here(lang != NULL && strcmp(lang, "zh") == 0);
    text = edit_all(text, edits, why, sizeof why);
    language_here(false);
    if (text == NULL)
        rpc_fail(call, "refused", why, "the configuration that is in force stays so");
    else
        config_try(call, text, strlen(text), confirm_s);
    free(text);
}

/* ---- config_shown ---- */

static json_t *plots_json(const struct config *config)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < config->plot_count; i++) {
        const struct plot_config *plot = &config->plots[i];
        json_t *devices = json_array();
        for (unsigned d = 0; d < plot->device_count; d++)
            (void)json_array_append_new(devices,
                                        json_string(config->devices[plot->devices[d]].name));
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:o}", "name", plot->name, "label",
                            plot->label[0] != '\0' ? plot->label : plot->name, "devices", devices));
    }
    return list;
}

static json_t *buses_json(const struct config *config)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < config->bus_count; i++) {
        const struct bus_config *bus = &config->buses[i];
        json_t *devices = json_array();
        for (unsigned d = 0; d < bus->device_count; d++) {
            const struct device_config *device = &config->devices[bus->devices[d]];
            (void)json_array_append_new(devices,
                                        json_pack("{s:s,s:s,s:i}", "name", device->name, "label",
                                                  device->label, "address", (int)device->unit));
        }
        (void)json_array_append_new(list, json_pack("{s:s,s:b,s:o}", "name", bus->name, "serial",
                                                    bus->type == BUS_RTU, "devices", devices));
    }
    return list;
}

static json_t *rule_json(const struct alert_rule *rule)
{
    const struct alert_hours *hours = &rule->hours;
    char span[24] = "";
    if (hours->from != hours->to)
        (void)snprintf(span, sizeof span, "%02u:%02u-%02u:%02u", hours->from / 60u,
                       hours->from % 60u, hours->to / 60u, hours->to % 60u);
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:f,s:f,s:b,s:I,s:I,s:s,s:s}", "name", rule->name,
                     "label", rule->label, "label_en", rule->label_en, "metric", rule->metric,
                     "above", rule->above, "limit", rule->limit, "clear", rule->clear, "change",
                     rule->per_s > 0, "per_s", (json_int_t)rule->per_s, "for_s",
                     (json_int_t)rule->for_s, "level", alert_level_name(rule->level), "hours",
                     span);
}

/* As the file would say it. */
static json_t *shipped_json(const struct alert_rule *rule)
{
    static const char *const scopes[] = {"garden", "plot", "device"};
    char wait[24];
    (void)snprintf(wait, sizeof wait, "%us", rule->for_s);
    json_t *item = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:f,s:f,s:s,s:s,s:s}", "name", rule->name, "label", rule->label,
        "label_en", rule->label_en, "todo", rule->todo, "todo_en", rule->todo_en, "metric",
        rule->metric, rule->above ? "above" : "below", rule->limit, "clear", rule->clear, "for",
        wait, "level", alert_level_name(rule->level), "scope", scopes[rule->scope]);
    json_t *months = rule->months != 0 ? json_array() : NULL;
    for (unsigned m = 0; months != NULL && m < 12; m++) {
        if ((rule->months >> m & 1) != 0)
            (void)json_array_append_new(months, json_integer(m + 1));
    }
    if (months != NULL)
        (void)json_object_set_new(item, "months", months);
    return item;
}

/* Rules of the file; while it has none the shipped ones, also what nobody measures yet. */
static void put_rules(json_t *shown, const struct config *config)
{
    struct alert_rule rule;
    json_t *rules = json_array(), *shipped = json_array();
    bool own = config->alert_count > 0 && !config->alerts[0].shipped;
    for (unsigned i = 0; i < config->alert_count; i++)
        (void)json_array_append_new(rules, rule_json(&config->alerts[i]));
    for (unsigned i = 0; !own && config->alert_count > 0 && config_shipped_rule(config, i, &rule);
         i++)
        (void)json_array_append_new(shipped, shipped_json(&rule));
    (void)json_object_set_new(shown, "rules", rules);
    (void)json_object_set_new(shown, "shipped", shipped);
}

static void run_shown(struct rpc_call *call)
{
    char hash[TRIAL_HASH_SIZE];
    const struct config *config = call->rpc->config;
    (void)config_trial_hash_file(config->file, hash);
    json_t *shown =
        json_pack("{s:s,s:s,s:s,s:o,s:o}", "sha256", hash, "site", config->site, "label",
                  config->label, "plots", plots_json(config), "buses", buses_json(config));
    put_rules(shown, config);
    rpc_end(call, shown);
}

static const struct rpc_method methods[] = {
    {.name = "config_edit",
     .role = USER_TECHNICIAN,
     .command = true,
     .secret = true,
     .run = run_edit},
    {.name = "config_shown", .role = USER_TECHNICIAN, .run = run_shown},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_config_edit = {.list = methods};
