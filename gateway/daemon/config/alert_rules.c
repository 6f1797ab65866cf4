/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of alerts: those of the file, and the shipped ones where it has none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/unit_convert.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/draft.h"
#include "protocols/metric/metric.h"
#include "protocols/mqtt/alert_level.h"

static const char *const scopes[] = {"garden", "plot", "device", NULL};

#define NAMES_LOOKED_AT 1024 /* for one that is like an unknown one */

/* ---- Keys ---- */

static bool take_limit(struct yaml_source *source, const yaml_node_t *value,
                       struct draft_alert *draft)
{
    if (draft->limits++)
        return yaml_error(source, yaml_line(value),
                          "an alert has more than one of above, below and change; keep one");
    return true;
}

static bool read_limit(struct yaml_source *source, const yaml_node_t *value, void *target,
                       bool above)
{
    struct draft_alert *draft = target;
    const struct key key = {
        .name = above ? "above" : "below", .kind = KEY_NUMBER, .size = 8, .example = "4"};
    draft->alert.above = above;
    return take_limit(source, value, draft) &&
           keys_read_one(source, value, &key, &draft->alert.limit);
}

static bool read_above(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_limit(source, value, target, true);
}

static bool read_below(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_limit(source, value, target, false);
}

static bool read_change(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_alert *draft = target;
    const char *text = yaml_text(value), *per = text != NULL ? strstr(text, " per ") : NULL;
    char number[32];
    uint64_t us = 0;
    double limit = 0;
    if (!take_limit(source, value, draft))
        return false;
    if (per != NULL && (size_t)(per - text) < sizeof number) {
        (void)snprintf(number, sizeof number, "%.*s", (int)(per - text), text);
        if (units_number(number, &limit) && limit != 0 && units_duration_us(per + 5, &us) &&
            us >= 60000000 && us <= UINT64_C(604800000000)) {
            draft->alert.limit = limit;
            draft->alert.above = limit > 0;
            draft->alert.per_s = (uint32_t)(us / 1000000);
            return true;
        }
    }
    return yaml_error(source, yaml_line(value),
                      "change: \"%.40s\" is not a change within 1min to 7d; write for example "
                      "change: -3 per 1h",
                      text != NULL ? text : "");
}

static bool read_clear(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_alert *draft = target;
    static const struct key key = {.name = "clear", .kind = KEY_NUMBER, .size = 8, .example = "5"};
    draft->clear_set = true;
    return keys_read_one(source, value, &key, &draft->alert.clear);
}

/* One or two digits. */
static bool read_digits(const char **at, unsigned *number)
{
    const char *from = *at;
    *number = 0;
    while (**at >= '0' && **at <= '9' && *at - from < 2)
        *number = *number * 10 + (unsigned)(*(*at)++ - '0');
    return *at > from;
}

/* "18:00" to 1080, "24:00" too. */
bool draft_minute(const char **at, uint16_t *minute)
{
    unsigned hours = 0, minutes = 0;
    if (!read_digits(at, &hours) || *(*at)++ != ':' || !read_digits(at, &minutes) || minutes > 59 ||
        hours * 60 + minutes > 1440)
        return false;
    *minute = (uint16_t)(hours * 60 + minutes);
    return true;
}

static bool read_hours(struct yaml_source *source, const yaml_node_t *value, const char *name,
                       struct alert_hours *hours)
{
    const char *text = yaml_text(value), *at = text;
    if (text != NULL && draft_minute(&at, &hours->from) && *at++ == '-' &&
        draft_minute(&at, &hours->to) && *at == '\0' && hours->from != hours->to)
        return true;
    return yaml_error(source, yaml_line(value),
                      "%s: \"%.40s\" is not a part of the day; write for example "
                      "%s: 18:00-09:00",
                      name, text != NULL ? text : "", name);
}

static bool read_rule_hours(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_hours(source, value, "hours", &((struct draft_alert *)target)->alert.hours);
}

static bool read_quiet(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_hours(source, value, "quiet", &((struct draft_alert *)target)->alert.quiet);
}

/* "2-5", through the new year as "11-3"; or one month. */
static bool add_months(const char *text, uint16_t *months)
{
    unsigned first = 0, last = 0;
    if (text == NULL || !read_digits(&text, &first))
        return false;
    last = first;
    if (*text == '-' && (text++, !read_digits(&text, &last)))
        return false;
    if (*text != '\0' || first < 1 || first > 12 || last < 1 || last > 12)
        return false;
    for (unsigned m = first;; m = m % 12 + 1) {
        *months |= (uint16_t)(1u << (m - 1));
        if (m == last)
            return true;
    }
}

static bool read_months(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    uint16_t *months = &((struct draft_alert *)target)->alert.months;
    bool list = value->type == YAML_SEQUENCE_NODE;
    bool good = list ? value->data.sequence.items.start < value->data.sequence.items.top
                     : add_months(yaml_text(value), months);
    for (const yaml_node_item_t *item = list ? value->data.sequence.items.start : NULL;
         good && list && item < value->data.sequence.items.top; item++)
        good = add_months(yaml_text(yaml_at(source, *item)), months);
    return good || yaml_error(source, yaml_line(value),
                              "months: numbers of months are needed; write for example months: 2-5 "
                              "or months: [3, 4, 11]");
}

bool draft_names(struct yaml_source *source, const yaml_node_t *value, const char *name,
                 const yaml_node_t **names)
{
    *names = value;
    if (value->type == YAML_SEQUENCE_NODE &&
        value->data.sequence.items.start < value->data.sequence.items.top)
        return true;
    return yaml_error(source, yaml_line(value),
                      "%s must be a list of names; write for example %s: [%s]", name, name,
                      strcmp(name, "plots") == 0 ? "upper" : "soil-7");
}

static bool read_rule_plots(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return draft_names(source, value, "plots", &((struct draft_alert *)target)->plots);
}

static bool read_rule_devices(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return draft_names(source, value, "devices", &((struct draft_alert *)target)->devices);
}

#define ALERT(member) KEY_MEMBER(struct draft_alert, alert.member)
static const struct key alert_keys[] = {
    {.name = "name", .kind = KEY_NAME, ALERT(name), .required = true, .example = "frost"},
    {.name = "label", .kind = KEY_TEXT, ALERT(label), .example = "霜冻"},
    {.name = "label_en", .kind = KEY_TEXT, ALERT(label_en), .example = "Frost"},
    {.name = "todo", .kind = KEY_TEXT, ALERT(todo), .example = "给茶芽盖膜"},
    {.name = "todo_en", .kind = KEY_TEXT, ALERT(todo_en), .example = "cover the buds"},
    {.name = "metric",
     .kind = KEY_METRIC,
     ALERT(metric),
     .required = true,
     .example = "air_temperature"},
    {.name = "above", .kind = KEY_FUNCTION, .read = read_above},
    {.name = "below", .kind = KEY_FUNCTION, .read = read_below},
    {.name = "change", .kind = KEY_FUNCTION, .read = read_change},
    {.name = "clear", .kind = KEY_FUNCTION, .read = read_clear},
    {.name = "for", .kind = KEY_S, ALERT(for_s), .min = 0, .max = 86400, .example = "10min"},
    {.name = "level", .kind = KEY_CHOICE, ALERT(level), .choices = alert_level_names},
    {.name = "scope", .kind = KEY_CHOICE, ALERT(scope), .choices = scopes},
    {.name = "plots", .kind = KEY_FUNCTION, .read = read_rule_plots},
    {.name = "devices", .kind = KEY_FUNCTION, .read = read_rule_devices},
    {.name = "hours", .kind = KEY_FUNCTION, .read = read_rule_hours},
    {.name = "months", .kind = KEY_FUNCTION, .read = read_months},
    {.name = "quiet", .kind = KEY_FUNCTION, .read = read_quiet},
};

/* The gateway's own alerts are called so, each with a name of a device, line, broker or way behind
 * it: a rule's would be taken for one of them. */
static bool is_of_gateway(const char *name)
{
    static const char *const own[] = {"authority",   "board",       "broker", "budget",
                                      "calibration", "certificate", "line",   "notify",
                                      "output",      "silent",      "stuck",  "twin"};
    size_t i = 0;
    while (i < sizeof own / sizeof own[0] && strcmp(own[i], name) != 0)
        i++;
    return i < sizeof own / sizeof own[0];
}

bool draft_alert(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct draft_alert *draft = target;
    struct alert_rule *alert = &draft->alert;
    alert->level = 1;
    alert->line = yaml_line(item);
    if (!keys_read(source, item, "an alert", alert_keys, sizeof alert_keys / sizeof *alert_keys,
                   draft))
        return false;
    if (is_of_gateway(alert->name))
        return yaml_error(source, yaml_line(item),
                          "alert \"%s\": the gateway calls alerts of its own so; write another "
                          "name, such as my-%s",
                          alert->name, alert->name);
    if (!draft->limits)
        return yaml_error(
            source, yaml_line(item),
            "alert \"%s\" has no limit; add above: or below:, or change:", alert->name);
    if (!draft->clear_set)
        alert->clear = alert->limit;
    if (alert->above ? alert->clear > alert->limit : alert->clear < alert->limit)
        return yaml_error(source, yaml_line(item),
                          "alert \"%s\" would clear at %g before it fires at %g; "
                          "put clear on the other side of the limit",
                          alert->name, alert->clear, alert->limit);
    if (!alert->label[0])
        memcpy(alert->label, alert->name, sizeof alert->name);
    if (!alert->label_en[0])
        memcpy(alert->label_en, alert->name, sizeof alert->name);
    return true;
}

/* ---- Shipped ---- */

/* Of buds in leaf: frosts of the winter hurt no one. */
#define SPRING_NORTH 0x01E /* February to May */
#define SPRING_SOUTH 0x780 /* August to November */

static const struct alert_rule shipped[] = {
    {.name = "frost-watch",
     .label = "霜冻提醒",
     .label_en = "Frost watch",
     .todo = "睡前再看一次温度，准备好盖膜和喷水",
     .todo_en = "look at the thermometer again before you sleep; have covers and water ready",
     .metric = "air_temperature",
     .limit = 4,
     .clear = 5,
     .for_s = 600,
     .level = 1,
     .months = SPRING_NORTH},
    {.name = "frost",
     .label = "霜冻",
     .label_en = "Frost",
     .todo = "马上防霜：盖膜、喷水、开防霜扇",
     .todo_en = "protect the buds now: cover, sprinkle, move the air",
     .metric = "air_temperature",
     .limit = 2,
     .clear = 3,
     .for_s = 300,
     .level = 2,
     .months = SPRING_NORTH},
    {.name = "heat",
     .label = "高温",
     .label_en = "Heat",
     .todo = "早晚浇水，遮阴；中午不要采摘",
     .todo_en = "water in the morning and evening, give shade; do not pick at noon",
     .metric = "air_temperature",
     .above = true,
     .limit = 38,
     .clear = 36,
     .for_s = 1800,
     .level = 1},
    {.name = "dry",
     .label = "干旱",
     .label_en = "Dry soil",
     .todo = "浇水，行间盖草",
     .todo_en = "water it, and mulch between the rows",
     .metric = "soil_moisture",
     .limit = 12,
     .clear = 15,
     .for_s = 21600,
     .level = 1,
     .scope = ALERT_PLOT},
    {.name = "waterlogged",
     .label = "积水",
     .label_en = "Waterlogged",
     .todo = "清沟排水",
     .todo_en = "clear the ditches and drain it",
     .metric = "soil_moisture",
     .above = true,
     .limit = 50,
     .clear = 45,
     .for_s = 43200,
     .level = 1,
     .scope = ALERT_PLOT},
};

#define SHIPPED (sizeof shipped / sizeof *shipped)

/* ---- Tying to devices ---- */

static bool measures(const struct device_config *device, const char *metric)
{
    for (unsigned i = 0; i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, metric) == 0)
            return true;
    }
    return false;
}

/* The device or plot of the file whose name is most like this one; NULL: none is near. */
static const char *nearest_name(const struct config *config, const char *name, bool plot)
{
    const char *words[NAMES_LOOKED_AT + 1] = {NULL};
    unsigned count = plot ? config->plot_count : config->device_count;
    for (unsigned i = 0; i < count && i < NAMES_LOOKED_AT; i++)
        words[i] = plot ? config->plots[i].name : config->devices[i].name;
    return name != NULL ? yaml_nearest(name, words) : NULL;
}

static bool unknown_name(struct yaml_source *source, const struct config *config,
                         const yaml_node_t *node, const char *kind, const char *of, bool plot)
{
    const char *name = yaml_text(node), *near = nearest_name(config, name, plot);
    return yaml_error(source, yaml_line(node),
                      plot ? N_("%s \"%s\" names the unknown plot \"%.40s\"; %s%s%s")
                           : N_("%s \"%s\" names the unknown device \"%.40s\"; %s%s%s"),
                      gettext(kind), of, name != NULL ? name : "?",
                      near != NULL ? _("did you mean \"") : _("write one that the file has"),
                      near != NULL ? near : "", near != NULL ? "\"?" : "");
}

bool draft_name_devices(struct yaml_source *source, const struct config *config,
                        const yaml_node_t *plots, const yaml_node_t *devices, const char *kind,
                        const char *of, bool *named)
{
    const yaml_node_item_t *item = devices != NULL ? devices->data.sequence.items.start : NULL;
    for (; item != NULL && item < devices->data.sequence.items.top; item++) {
        const yaml_node_t *node = yaml_at(source, *item);
        const char *name = yaml_text(node);
        const struct device_config *device = name != NULL ? config_device(config, name) : NULL;
        if (device == NULL)
            return unknown_name(source, config, node, kind, of, false);
        named[device->index] = true;
    }
    item = plots != NULL ? plots->data.sequence.items.start : NULL;
    for (; item != NULL && item < plots->data.sequence.items.top; item++) {
        const yaml_node_t *node = yaml_at(source, *item);
        const char *name = yaml_text(node);
        const struct plot_config *plot = name != NULL ? config_plot(config, name) : NULL;
        if (plot == NULL)
            return unknown_name(source, config, node, kind, of, true);
        for (unsigned i = 0; i < plot->device_count; i++)
            named[plot->devices[i]] = true;
    }
    return true;
}

/* Each once, as many as there is room for; false: there are none. */
static bool list_metrics(const char *const *words, char *list, size_t size)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        bool told = false;
        for (unsigned j = 0; j < i && !told; j++)
            told = strcmp(words[i], words[j]) == 0;
        size_t used = strlen(list);
        if (!told && used + strlen(words[i]) + 3 < size)
            (void)snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", words[i]);
    }
    return list[0] != '\0';
}

/* A metric that no one knows is a slip of the pen: no frost alarm in the night of the frost, for a
 * letter too few. */
static bool check_metric(struct yaml_source *source, const struct config *config,
                         const struct draft_alert *from)
{
    const char *words[1025] = {NULL};
    unsigned count = 0;
    if (metric_find(from->alert.metric) != NULL)
        return true;
    for (unsigned d = 0; d < config->device_count; d++) {
        if (measures(&config->devices[d], from->alert.metric))
            return true;
        for (unsigned i = 0; i < config->devices[d].metric_count && count < 1024; i++)
            words[count++] = config->devices[d].metrics[i]->metric;
    }
    const char *near = yaml_nearest(from->alert.metric, words);
    char list[200] = "";
    if (near == NULL && list_metrics(words, list, sizeof list))
        return yaml_error(source, from->alert.line,
                          "alert \"%s\": no device measures \"%.40s\", so it would never come; "
                          "write one of %s",
                          from->alert.name, from->alert.metric, list);
    return yaml_error(source, from->alert.line,
                      "alert \"%s\": no device measures \"%.40s\", so it would never come; %s%s%s",
                      from->alert.name, from->alert.metric,
                      near != NULL ? _("did you mean \"")
                                   : _("write a metric that a device's profile has"),
                      near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static bool add_alert(struct yaml_source *source, struct config *config,
                      const struct draft_alert *from)
{
    struct alert_rule *rule = &config->alerts[config->alert_count];
    bool all = from->devices == NULL && from->plots == NULL, good = false;
    bool *named = calloc((size_t)config->device_count + 1, sizeof *named);
    *rule = from->alert;
    rule->devices = calloc((size_t)config->device_count + 1, sizeof *rule->devices);
    config->alert_count++;
    if (named == NULL || rule->devices == NULL)
        (void)yaml_error(source, from->alert.line, "out of memory");
    else
        good = draft_name_devices(source, config, from->plots, from->devices, "alert",
                                  from->alert.name, named);
    for (uint16_t d = 0; good && d < config->device_count; d++) {
        if ((all || named[d]) && measures(&config->devices[d], rule->metric))
            rule->devices[rule->device_count++] = d;
    }
    free(named);
    return good;
}

bool config_shipped_rule(const struct config *config, unsigned number, struct alert_rule *rule)
{
    if (number >= SHIPPED)
        return false;
    *rule = shipped[number];
    rule->shipped = true;
    if (rule->months == SPRING_NORTH && config->latitude < 0)
        rule->months = SPRING_SOUTH;
    return true;
}

static bool add_shipped(struct yaml_source *source, struct config *config)
{
    struct draft_alert draft = {0};
    for (unsigned i = 0; config_shipped_rule(config, i, &draft.alert); i++) {
        if (!add_alert(source, config, &draft))
            return false;
        struct alert_rule *rule = &config->alerts[config->alert_count - 1];
        if (rule->device_count == 0) { /* nothing measures it here */
            free(rule->devices);
            config->alert_count--;
        }
    }
    return true;
}

bool draft_alerts_resolve(struct yaml_source *source, struct draft *draft)
{
    struct config *config = draft->config;
    config->alerts = calloc(draft->alert_count + SHIPPED, sizeof *config->alerts);
    if (config->alerts == NULL)
        return yaml_error(source, 1, "out of memory");
    for (unsigned i = 0; i < draft->alert_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(draft->alerts[i].alert.name, draft->alerts[j].alert.name) == 0)
                return yaml_error(source, draft->alerts[i].alert.line,
                                  "alert \"%s\" stands twice; give each its own name",
                                  draft->alerts[i].alert.name);
        }
        if (!check_metric(source, config, &draft->alerts[i]) ||
            !add_alert(source, config, &draft->alerts[i]))
            return false;
    }
    return draft->alert_count > 0 || draft->no_alerts || add_shipped(source, config);
}

/* ---- Rules that never come ---- */

/* What is outside is flagged by the device's profile, and what is flagged raises nothing. */
static bool in_reach(const struct alert_rule *rule, const struct device_config *device)
{
    const struct metric_info *metric = metric_find(rule->metric);
    for (unsigned i = 0; i < device->metric_count; i++) {
        const struct field_config *field = device->metrics[i];
        double limit = rule->limit; /* in the metric's own unit, unlike the field's */
        if (metric != NULL)
            (void)unit_convert(metric->unit, field->unit, &limit);
        if (strcmp(field->metric, rule->metric) == 0)
            return rule->per_s > 0 || (rule->above ? field->max > limit : field->min < limit);
    }
    return false;
}

bool config_alert_trouble(const struct config *config, const struct alert_rule *rule, char *why,
                          size_t size)
{
    bool reach = false;
    for (unsigned i = 0; i < rule->device_count; i++)
        reach = reach || in_reach(rule, &config->devices[rule->devices[i]]);
    if (rule->device_count == 0)
        (void)snprintf(why, size, _("none of its devices measures %s, so it never comes"),
                       rule->metric);
    else if (!reach)
        (void)snprintf(
            why, size,
            _("its limit %g is outside of what its devices can measure, so it never comes"),
            rule->limit);
    return rule->device_count == 0 || !reach;
}
