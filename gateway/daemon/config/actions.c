/* SPDX-License-Identifier: Apache-2.0 */
/* What switches an output: actions of the file, and ways to people that are an output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/write_request.h"
#include "protocols/metric/metric.h"
#include "protocols/modbus/pdu.h"

static const char *const fails[] = {"off", "keep", NULL};

/* ---- Keys ---- */

static bool add_time(struct action_config *action, const char *text)
{
    uint16_t minute = 0;
    const char *at = text;
    if (text == NULL || action->time_count == ACTION_TIMES_MAX || !draft_minute(&at, &minute) ||
        *at != '\0' || minute >= 1440)
        return false;
    action->times[action->time_count++] = minute;
    return true;
}

static bool read_at(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct action_config *action = &((struct draft_action *)target)->action;
    bool list = value->type == YAML_SEQUENCE_NODE;
    bool good = list ? value->data.sequence.items.start < value->data.sequence.items.top
                     : add_time(action, yaml_text(value));
    for (const yaml_node_item_t *item = list ? value->data.sequence.items.start : NULL;
         good && list && item < value->data.sequence.items.top; item++)
        good = add_time(action, yaml_text(yaml_at(source, *item)));
    return good || yaml_error(source, yaml_line(value),
                              "at: one to %d times of the day are needed; write for example "
                              "at: \"06:00\" or at: [\"06:00\", \"18:30\"]",
                              ACTION_TIMES_MAX);
}

/* "soil_moisture above 28" */
static bool read_until(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct action_config *action = &((struct draft_action *)target)->action;
    const char *text = yaml_text(value), *side = text != NULL ? strchr(text, ' ') : NULL;
    size_t length = side != NULL ? (size_t)(side - text) : 0;
    bool above = side != NULL && strncmp(side, " above ", 7) == 0;
    if (length > 0 && length < sizeof action->until_metric &&
        (above || strncmp(side, " below ", 7) == 0) &&
        units_number(side + 7, &action->until_limit)) {
        memcpy(action->until_metric, text, length);
        action->until_metric[length] = '\0';
        action->until_above = above;
        return true;
    }
    return yaml_error(source, yaml_line(value),
                      "until: \"%.60s\" is not a metric with its limit; write for example "
                      "until: soil_moisture above 28",
                      text != NULL ? text : "");
}

#define RAIN_LEAST_MM 0.1
#define RAIN_MOST_MM  500
#define RAIN_LEAST_S  3600
#define RAIN_MOST_S   (3 * 86400)

/* "5mm within 12h" */
static bool read_rain(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const char between[] = "mm within ";
    struct action_config *action = &((struct draft_action *)target)->action;
    const char *text = yaml_text(value), *unit = text != NULL ? strstr(text, between) : NULL;
    char number[16];
    uint64_t us = 0;
    if (unit != NULL &&
        snprintf(number, sizeof number, "%.*s", (int)(unit - text), text) < (int)sizeof number &&
        units_number(number, &action->rain_mm) && action->rain_mm >= RAIN_LEAST_MM &&
        action->rain_mm <= RAIN_MOST_MM && units_duration_us(unit + strlen(between), &us) &&
        us / 1000000 >= RAIN_LEAST_S && us / 1000000 <= RAIN_MOST_S) {
        action->rain_s = (uint32_t)(us / 1000000);
        return true;
    }
    return yaml_error(source, yaml_line(value),
                      "skip_when_rain: \"%.60s\" is not so much rain (0.1mm to 500mm) within so "
                      "long (1h to 3d); write for example skip_when_rain: 5mm within 12h",
                      text != NULL ? text : "");
}

#define ACTION(member) KEY_MEMBER(struct draft_action, action.member)
#define DRAFT(member)  KEY_MEMBER(struct draft_action, member)

static bool read_value(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "value", .kind = KEY_SIGNED, .size = 4, .example = "1"};
    struct draft_action *draft = target;
    draft->on_set = true;
    return keys_read_one(source, value, &key, &draft->action.on);
}

static bool read_off(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "off", .kind = KEY_SIGNED, .size = 4, .example = "0"};
    struct draft_action *draft = target;
    draft->off_set = true;
    return keys_read_one(source, value, &key, &draft->action.off);
}

static bool read_fail(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "fail", .kind = KEY_CHOICE, .size = 1, .choices = fails};
    struct draft_action *draft = target;
    draft->fail_set = true;
    return keys_read_one(source, value, &key, &draft->fail);
}

static bool read_plots(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return draft_names(source, value, "plots", &((struct draft_action *)target)->plots);
}

static bool read_devices(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return draft_names(source, value, "devices", &((struct draft_action *)target)->devices);
}

#define DAY_S 86400

static const struct key action_keys[] = {
    {.name = "name", .kind = KEY_NAME, ACTION(name), .required = true, .example = "water-upper"},
    {.name = "label", .kind = KEY_TEXT, ACTION(label), .example = "上坡浇水"},
    {.name = "device", .kind = KEY_NAME, DRAFT(device), .required = true, .example = "relay-1"},
    {.name = "write", .kind = KEY_NAME, DRAFT(write), .required = true, .example = "out-1"},
    {.name = "value", .kind = KEY_FUNCTION, .read = read_value},
    {.name = "off", .kind = KEY_FUNCTION, .read = read_off},
    {.name = "when", .kind = KEY_NAME, DRAFT(rule), .example = "dry"},
    {.name = "at", .kind = KEY_FUNCTION, .read = read_at},
    {.name = "plots", .kind = KEY_FUNCTION, .read = read_plots},
    {.name = "devices", .kind = KEY_FUNCTION, .read = read_devices},
    {.name = "until", .kind = KEY_FUNCTION, .read = read_until},
    {.name = "skip_when_rain", .kind = KEY_FUNCTION, .read = read_rain},
    {.name = "for", .kind = KEY_S, ACTION(for_s), .min = 1, .max = DAY_S, .example = "20min"},
    {.name = "pause",
     .kind = KEY_S,
     ACTION(pause_s),
     .min = 1,
     .max = 7.0 * DAY_S,
     .example = "2h"},
    {.name = "override",
     .kind = KEY_S,
     ACTION(override_s),
     .min = 1,
     .max = 7.0 * DAY_S,
     .example = "2h"},
    {.name = "fail", .kind = KEY_FUNCTION, .read = read_fail},
};

static bool check_action(struct yaml_source *source, int line, const struct draft_action *draft)
{
    const struct action_config *action = &draft->action;
    if ((draft->rule[0] != '\0') == (action->time_count > 0))
        return yaml_error(source, line,
                          "action \"%s\" has %s; write when: with the name of a rule, or at: with "
                          "times of the day",
                          action->name,
                          action->time_count > 0 ? _("when and at") : _("nothing that begins it"));
    if ((draft->rule[0] != '\0' || action->until_metric[0] != '\0') && !draft->fail_set)
        return yaml_error(source, line,
                          "action \"%s\" goes by measured values; say what happens when there are "
                          "none: fail: off, or fail: keep (it stays on until its time is over)",
                          action->name);
    return true;
}

bool draft_action(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct draft_action *draft = target;
    draft->action.line = yaml_line(item);
    draft->action.rule = draft->action.way = -1;
    draft->action.pause_s = 300;
    draft->action.override_s = 7200;
    if (!keys_read(source, item, "an action", action_keys, sizeof action_keys / sizeof *action_keys,
                   draft) ||
        !check_action(source, yaml_line(item), draft))
        return false;
    draft->action.keep = draft->fail == 1;
    if (draft->action.label[0] == '\0')
        memcpy(draft->action.label, draft->action.name, sizeof draft->action.name);
    return true;
}

/* ---- Tying: what is switched ---- */

static bool no_write(struct yaml_source *source, const struct draft_action *from,
                     const struct device_config *device)
{
    const char *words[65] = {NULL};
    for (unsigned i = 0; i < device->profile->write_count && i < 64; i++)
        words[i] = device->profile->writes[i].name;
    const char *near = yaml_nearest(from->write, words);
    if (words[0] == NULL)
        return yaml_error(source, from->action.line,
                          "action \"%s\": device \"%s\" has nothing that may be written; its "
                          "profile %s needs writes:",
                          from->action.name, device->name, device->profile->name);
    return yaml_error(source, from->action.line,
                      "action \"%s\": device \"%s\" has no write \"%s\"; %s \"%s\"%s",
                      from->action.name, device->name, from->write,
                      near != NULL ? _("did you mean") : _("write for example"),
                      near != NULL ? near : words[0], near != NULL ? "?" : "");
}

bool write_is_same(const struct write_config *a, const struct write_config *b)
{
    bool bit = a->function == MODBUS_WRITE_COIL || a->function == MODBUS_WRITE_COILS;
    return a->address == b->address &&
           bit == (b->function == MODBUS_WRITE_COIL || b->function == MODBUS_WRITE_COILS);
}

bool config_acts(const struct config *config, uint16_t device, const struct write_config *write)
{
    for (uint16_t i = 0; i < config->action_count; i++) {
        if (config->actions[i].device == device && write_is_same(config->actions[i].write, write))
            return true;
    }
    return false;
}

/* 1, where that is in the range and not off. */
static int32_t plain_on(const struct write_config *write)
{
    int32_t on = write->max < 1 ? write->max : write->min > 1 ? write->min : 1;
    return on != write->off ? on : on > write->min ? write->min : write->max;
}

static bool tie_output(struct yaml_source *source, const struct config *config,
                       const struct draft_action *from, struct action_config *action)
{
    const struct device_config *device = config_device(config, from->device);
    if (device == NULL)
        return yaml_error(source, action->line,
                          "action \"%s\" switches the unknown device \"%s\"; write one that the "
                          "file has",
                          action->name, from->device);
    action->device = device->index;
    for (unsigned i = 0; i < device->profile->write_count; i++) {
        if (strcmp(device->profile->writes[i].name, from->write) == 0)
            action->write = &device->profile->writes[i];
    }
    if (action->write == NULL)
        return no_write(source, from, device);
    const struct write_config *write = action->write;
    if (!from->on_set)
        action->on = plain_on(write);
    if (!from->off_set)
        action->off = write->off;
    if (action->on < write->min || action->on > write->max || action->off < write->min ||
        action->off > write->max || action->on == action->off)
        return yaml_error(source, action->line,
                          "action \"%s\": value %d and off %d must differ and be within %d..%d, as "
                          "write %s of profile %s has it",
                          action->name, action->on, action->off, write->min, write->max,
                          write->name, device->profile->name);
    return true;
}

/* The longest time on: never without one, never beyond the device's. */
static bool tie_longest(struct yaml_source *source, struct action_config *action)
{
    const struct write_config *write = action->write;
    if (action->for_s == 0)
        action->for_s = write->max_on_s;
    if (action->for_s == 0)
        return yaml_error(source, action->line,
                          "action \"%s\" has no longest time on; add for example for: 20min",
                          action->name);
    if (write->max_on_s > 0 && action->for_s > write->max_on_s)
        return yaml_error(source, action->line,
                          "action \"%s\": for is longer than the %u s that the profile allows "
                          "(max_on of %s)",
                          action->name, write->max_on_s, write->name);
    uint64_t most_ms = (uint64_t)write_request_most(write) * write->limit_step_ms;
    if (write_request_is_limited(write, action->off) && (uint64_t)action->for_s * 1000 > most_ms)
        return yaml_error(source, action->line,
                          "action \"%s\": for is longer than the %u s that the device itself can "
                          "count (limit of %s)",
                          action->name, (uint32_t)(most_ms / 1000), write->name);
    return true;
}

/* ---- Tying: what it goes by ---- */

static int field_of(const struct device_config *device, const char *metric)
{
    for (int i = 0; i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, metric) == 0)
            return i;
    }
    return -1;
}

static bool tie_rule(struct yaml_source *source, const struct config *config,
                     const struct draft_action *from, struct action_config *action,
                     const bool *named)
{
    const char *words[257] = {NULL};
    for (uint16_t r = 0; r < config->alert_count; r++) {
        if (r < 256)
            words[r] = config->alerts[r].name;
        if (strcmp(config->alerts[r].name, from->rule) == 0)
            action->rule = r;
    }
    const char *near = yaml_nearest(from->rule, words);
    if (action->rule < 0)
        return yaml_error(source, action->line,
                          "action \"%s\": there is no rule \"%s\" of alerts, or no device measures "
                          "its metric; %s%s%s",
                          action->name, from->rule,
                          near != NULL ? _("did you mean \"") : _("write one"),
                          near != NULL ? near : "", near != NULL ? "\"?" : "");
    const struct alert_rule *rule = &config->alerts[action->rule];
    action->rule_devices = calloc((size_t)rule->device_count + 1, sizeof *action->rule_devices);
    if (action->rule_devices == NULL)
        return yaml_error(source, action->line, "out of memory");
    for (uint16_t i = 0; i < rule->device_count; i++) {
        if (named[rule->devices[i]])
            action->rule_devices[action->rule_device_count++] = rule->devices[i];
    }
    return action->rule_device_count > 0 ||
           yaml_error(source, action->line,
                      "action \"%s\": rule %s looks at none of its plots and devices, so it would "
                      "never come",
                      action->name, rule->name);
}

static bool tie_until(struct yaml_source *source, const struct config *config,
                      struct action_config *action, const bool *named)
{
    const struct metric_info *metric = metric_find(action->until_metric);
    action->until_devices = calloc((size_t)config->device_count + 1, sizeof *action->until_devices);
    if (action->until_devices == NULL)
        return yaml_error(source, action->line, "out of memory");
    if (metric != NULL && (metric->kind == METRIC_SUM || metric->kind == METRIC_ANGLE))
        return yaml_error(
            source, action->line,
            "action \"%s\": until: %s is counted or an angle; write a metric that has "
            "a level, such as soil_moisture",
            action->name, action->until_metric);
    for (uint16_t d = 0; d < config->device_count; d++) {
        if (named[d] && field_of(&config->devices[d], action->until_metric) >= 0)
            action->until_devices[action->until_device_count++] = d;
    }
    return action->until_device_count > 0 ||
           yaml_error(source, action->line, "action \"%s\": until: none of its devices measures %s",
                      action->name, action->until_metric);
}

static bool tie_values(struct yaml_source *source, const struct config *config,
                       const struct draft_action *from, struct action_config *action)
{
    bool *named = calloc((size_t)config->device_count + 1, sizeof *named);
    if (named == NULL)
        return yaml_error(source, action->line, "out of memory");
    for (uint16_t d = 0; from->plots == NULL && from->devices == NULL && d < config->device_count;
         d++)
        named[d] = true;
    bool good = draft_name_devices(source, config, from->plots, from->devices, "action",
                                   action->name, named) &&
                (from->rule[0] == '\0' || tie_rule(source, config, from, action, named)) &&
                (action->until_metric[0] == '\0' || tie_until(source, config, action, named));
    free(named);
    return good;
}

/* Outputs are one thing, whoever switches them: what is off for one must not be on for another. */
static bool agrees(struct yaml_source *source, const struct config *config,
                   const struct action_config *action)
{
    for (uint16_t i = 0; i < config->action_count; i++) {
        const struct action_config *other = &config->actions[i];
        if (strcmp(other->name, action->name) == 0 && other->way < 0 && action->way < 0)
            return yaml_error(source, action->line,
                              "action \"%s\" stands twice; give each its own name", action->name);
        if (other->device == action->device && write_is_same(other->write, action->write) &&
            other->off != action->off)
            return yaml_error(source, action->line,
                              "actions \"%s\" and \"%s\" switch the same output and differ in off",
                              other->name, action->name);
    }
    return true;
}

/* Nothing would ever be left out. */
static bool has_ahead(struct yaml_source *source, const struct config *config,
                      const struct action_config *action)
{
    if (action->rain_s == 0)
        return true;
    if (config->forecast_file[0] == '\0' && config->forecast_url[0] == '\0')
        return yaml_error(source, action->line,
                          "action \"%s\": skip_when_rain goes by a weather forecast, and the file "
                          "names none; write for example "
                          "forecast: { file: /var/lib/baiye/weather.json }",
                          action->name);
    return config->plot_count > 0 ||
           yaml_error(
               source, action->line,
               "action \"%s\": skip_when_rain goes by the forecast, which is made for plots, "
               "and the file has none; write for example "
               "plots: [{ name: upper, devices: [soil-1] }]",
               action->name);
}

static bool add(struct yaml_source *source, struct config *config, const struct draft_action *from)
{
    struct action_config action = from->action;
    bool good = tie_output(source, config, from, &action) && tie_longest(source, &action) &&
                agrees(source, config, &action) && has_ahead(source, config, &action) &&
                tie_values(source, config, from, &action);
    config->actions[config->action_count++] = action; /* also to be freed */
    return good;
}

/* A siren: on for a while, and again until somebody has answered. */
static bool add_way(struct yaml_source *source, struct config *config, uint16_t index)
{
    const struct way_config *way = &config->ways[index];
    struct draft_action draft = {.on_set = way->output_value_set};
    struct action_config *action = &draft.action;
    action->line = way->line;
    action->rule = -1;
    action->way = index;
    action->on = way->output_value;
    action->for_s = way->output_for_s;
    action->pause_s = way->output_repeat_s - way->output_for_s;
    action->override_s = 7200;
    memcpy(action->name, way->name, sizeof action->name);
    memcpy(action->label, way->name, sizeof way->name);
    memcpy(draft.device, way->output_device, sizeof draft.device);
    memcpy(draft.write, way->output_write, sizeof draft.write);
    return add(source, config, &draft);
}

bool draft_actions_resolve(struct yaml_source *source, struct draft *draft)
{
    struct config *config = draft->config;
    config->actions =
        calloc((size_t)draft->action_count + config->way_count + 1, sizeof *config->actions);
    if (config->actions == NULL)
        return yaml_error(source, 1, "out of memory");
    for (unsigned i = 0; i < draft->action_count; i++) {
        if (!add(source, config, &draft->actions[i]))
            return false;
    }
    for (uint16_t w = 0; w < config->way_count; w++) {
        if (config->ways[w].kind == WAY_OUTPUT && !add_way(source, config, w))
            return false;
    }
    return true;
}
