/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/text.h"
#include "protocols/metric/metric.h"

#define PLACES_SHOWN 3

/* ---- Numbers ---- */

struct quantity {
    char name[METRIC_LANGUAGES][CONFIG_LABEL_SIZE];
    const char *unit;
    unsigned decimals;
    bool sums;
    bool contact; /* on or off */
};

const struct field_config *text_field(const struct device_config *device, const char *metric)
{
    for (uint8_t i = 0; i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, metric) == 0)
            return device->metrics[i];
    }
    return NULL;
}

/* A metric that the table does not have: in the words of the profiles, where they agree. */
static struct quantity foreign_quantity(const struct config *config, const struct alert_rule *rule)
{
    struct quantity quantity = {.unit = "", .decimals = 2, .contact = rule->per_s == 0};
    const char *label = "";
    for (uint16_t i = 0; i < rule->device_count; i++) {
        const struct field_config *field =
            text_field(&config->devices[rule->devices[i]], rule->metric);
        if (field == NULL)
            continue;
        bool first = i == 0;
        quantity.unit = first || strcmp(quantity.unit, field->unit) == 0 ? field->unit : "";
        label = first || strcmp(label, field->label) == 0 ? field->label : "";
        quantity.contact = quantity.contact && field->type == FIELD_BOOL;
    }
    quantity.decimals = quantity.contact ? 0 : quantity.decimals;
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        (void)snprintf(quantity.name[l], sizeof quantity.name[l], "%s",
                       label[0] != '\0' ? label : rule->metric);
    return quantity;
}

static struct quantity quantity_of(const struct config *config, const struct alert_rule *rule)
{
    const struct metric_info *metric = metric_find(rule->metric);
    const char *channel = metric_channel_of(rule->metric);
    if (metric == NULL)
        return foreign_quantity(config, rule);
    struct quantity quantity = {
        .unit = metric->shown, .decimals = metric->decimals, .sums = metric->kind == METRIC_SUM};
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        (void)snprintf(quantity.name[l], sizeof quantity.name[l], "%s%s%s", metric->text[l],
                       *channel ? " " : "", channel);
    return quantity;
}

/* Not "2.0 °C, below 2 °C": one digit more where the limit would be shown. */
static void number_text(char out[32], double value, unsigned decimals, double limit)
{
    for (unsigned more = 0; more < 3; more++) {
        (void)snprintf(out, 32, "%.*f", (int)(decimals + more), value);
        if (fabs(strtod(out, NULL) - limit) > 0 || !(fabs(value - limit) > 0))
            break;
    }
    if (strtod(out, NULL) == 0 && out[0] == '-')
        memmove(out, out + 1, strlen(out)); /* no -0.0 */
}

static void duration_text(char *out, size_t size, uint32_t seconds, enum metric_language language)
{
    bool zh = language == METRIC_ZH;
    if (seconds % 3600 == 0)
        (void)snprintf(out, size, zh ? "%u 小时" : "%u h", seconds / 3600);
    else
        (void)snprintf(out, size, zh ? "%u 分钟" : "%u min", (seconds + 30) / 60);
}

/* ---- What ---- */

static void say_value(const struct rules_cause *cause, const struct quantity *quantity,
                      const char *value, const char *limit, enum metric_language language,
                      char *what, size_t size)
{
    static const char *const sides[METRIC_LANGUAGES][2] = {{"低于", "高于"}, {"below", "above"}};
    const struct alert_rule *rule = cause->rule;
    const char *space = quantity->unit[0] != '\0' ? " " : "";
    (void)text_add(what, size, "%s %s%s%s", quantity->name[language], value, space, quantity->unit);
    if (rule->above ? cause->value > rule->limit : cause->value < rule->limit) /* not up to clear */
        (void)text_add(what, size, language == METRIC_ZH ? "，%s %s%s%s" : ", %s %s%s%s",
                       sides[language][rule->above], limit, space, quantity->unit);
}

static void say_contact(const struct rules_cause *cause, const struct quantity *quantity,
                        enum metric_language language, char *what, size_t size)
{
    static const char *const words[METRIC_LANGUAGES][2] = {{"断开", "接通"}, {"off", "on"}};
    (void)text_add(what, size, "%s %s", quantity->name[language],
                   words[language][cause->value > 0]);
}

static void say_change(const struct rules_cause *cause, const struct quantity *quantity,
                       const char *value, enum metric_language language, char *what, size_t size)
{
    char within[24];
    const char *space = quantity->unit[0] != '\0' ? " " : "";
    bool zh = language == METRIC_ZH, rose = cause->rule->above;
    duration_text(within, sizeof within, cause->rule->per_s, language);
    if (quantity->sums)
        (void)text_add(what, size, zh ? "%s %s内 %s%s%s" : "%s within %s: %s%s%s",
                       quantity->name[language], within, value, space, quantity->unit);
    else if (zh)
        (void)text_add(what, size, "%s %s内%s %s%s%s", quantity->name[language], within,
                       rose ? "升了" : "降了", value, space, quantity->unit);
    else
        (void)text_add(what, size, "%s %s %s%s%s within %s", quantity->name[language],
                       rose ? "rose by" : "fell by", value, space, quantity->unit, within);
}

static void say_extreme(const struct rules_cause *cause, const char *now, const char *extreme,
                        enum metric_language language, char *what, size_t size)
{
    static const char *const words[METRIC_LANGUAGES][2] = {{"最低", "最高"}, {"lowest", "highest"}};
    if (strcmp(now, extreme) == 0 || cause->rule->per_s > 0)
        return;
    (void)text_add(what, size, language == METRIC_ZH ? "（%s %s）" : " (%s %s)",
                   words[language][cause->rule->above], extreme);
}

static void say_what(const struct rules_cause *cause, const struct quantity *quantity,
                     enum metric_language language, char *what, size_t size)
{
    const struct alert_rule *rule = cause->rule;
    bool change = rule->per_s > 0 && !quantity->sums;
    char now[32], extreme[32], limit[32];
    number_text(now, change ? fabs(cause->value) : cause->value, quantity->decimals, rule->limit);
    number_text(extreme, cause->extreme, quantity->decimals, rule->limit);
    (void)snprintf(limit, sizeof limit, "%g", rule->limit);
    (void)snprintf(what, size, language == METRIC_ZH ? "%s：" : "%s: ",
                   language == METRIC_ZH ? rule->label : rule->label_en);
    if (cause->silent)
        (void)text_add(what, size, "%s",
                       language == METRIC_ZH ? "没有新数据，最后是" : "no new data, last: ");
    if (isnan(cause->value))
        (void)text_add(what, size, "%s", quantity->name[language]);
    else if (quantity->contact)
        say_contact(cause, quantity, language, what, size);
    else if (rule->per_s > 0)
        say_change(cause, quantity, now, language, what, size);
    else
        say_value(cause, quantity, now, limit, language, what, size);
    if (!isnan(cause->value) && !quantity->contact)
        say_extreme(cause, now, extreme, language, what, size);
}

/* ---- Where ---- */

static const struct plot_config *plot_of(const struct config *config, uint16_t device)
{
    for (uint16_t p = 0; p < config->plot_count; p++) {
        for (uint16_t i = 0; i < config->plots[p].device_count; i++) {
            if (config->plots[p].devices[i] == device)
                return &config->plots[p];
        }
    }
    return NULL;
}

static const char *label_of(const char *label, const char *name)
{
    return label[0] != '\0' ? label : name;
}

void text_device_place(const struct config *config, const struct device_config *device, char *out,
                       size_t size)
{
    const struct plot_config *plot = plot_of(config, device->index);
    out[0] = '\0';
    if (plot != NULL)
        (void)text_add(out, size, "%s · ", label_of(plot->label, plot->name));
    (void)text_add(out, size, "%s", label_of(device->label, device->name));
}

/* The plots of the devices, and the devices that are in none; each once. */
static void say_places(const struct config *config, const char *devices, uint32_t holding,
                       struct alert_words words[METRIC_LANGUAGES])
{
    const char *shown[PLACES_SHOWN];
    uint32_t count = 0, listed = 0;
    char names[ALERT_DEVICES_SIZE], *rest = NULL;
    const void *seen[64];
    (void)snprintf(names, sizeof names, "%s", devices);
    for (const char *name = strtok_r(names, " ", &rest); name != NULL;
         name = strtok_r(NULL, " ", &rest)) {
        const struct device_config *device = config_device(config, name);
        const struct plot_config *plot = device != NULL ? plot_of(config, device->index) : NULL;
        const void *place = plot != NULL ? (const void *)plot : device;
        bool known = place == NULL;
        for (uint32_t i = 0; i < count && i < 64; i++)
            known = known || seen[i] == place;
        listed++;
        if (known)
            continue;
        if (count < PLACES_SHOWN)
            shown[count] = plot != NULL ? label_of(plot->label, plot->name)
                                        : label_of(device->label, device->name);
        if (count < 64)
            seen[count] = place;
        count++;
    }
    uint32_t more = count > PLACES_SHOWN ? count - PLACES_SHOWN : 0;
    more += holding > listed ? holding - listed : 0;
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++) {
        char *place = words[l].place;
        place[0] = '\0';
        for (uint32_t i = 0; i < count && i < PLACES_SHOWN; i++)
            (void)text_add(place, sizeof words[l].place, "%s%s",
                           i == 0 ? "" : (l == METRIC_ZH ? "、" : ", "), shown[i]);
        if (more > 0)
            (void)text_add(place, sizeof words[l].place,
                           l == METRIC_ZH ? " 等 %u 处" : " and %u more",
                           l == METRIC_ZH ? more + PLACES_SHOWN : more);
    }
}

static void say_one_place(const char *place, struct alert_words words[METRIC_LANGUAGES])
{
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        (void)snprintf(words[l].place, sizeof words[l].place, "%s", place);
}

/* Of the number alone: a change must not be read as a temperature. */
static void say_quantity(const struct alert_rule *rule, const struct quantity *quantity,
                         enum metric_language language, char *out, size_t size)
{
    char within[24];
    bool zh = language == METRIC_ZH;
    out[0] = '\0';
    (void)text_add(out, size, "%s", quantity->name[language]);
    if (rule->per_s == 0)
        return;
    duration_text(within, sizeof within, rule->per_s, language);
    if (quantity->sums)
        (void)text_add(out, size, zh ? " %s内" : " within %s", within);
    else
        (void)text_add(out, size, zh ? " %s内变化" : ", change within %s", within);
}

void text_of_cause(const struct config *config, const struct rules_cause *cause,
                   const char *devices, uint32_t holding, struct alert_text *text)
{
    const struct alert_rule *rule = cause->rule;
    const struct quantity quantity = quantity_of(config, rule);
    char place[ALERT_PLACE_SIZE];
    (void)snprintf(text->rule, sizeof text->rule, "%s", rule->name);
    text->level = rule->level;
    text->decimals = (uint8_t)quantity.decimals;
    (void)snprintf(text->unit, sizeof text->unit, "%s", quantity.unit);
    text->measured = !isnan(cause->value) && !isnan(cause->extreme) && !quantity.contact;
    text->stale = cause->silent;
    text->value = cause->value;
    text->extreme = cause->extreme;
    (void)snprintf(text->devices, sizeof text->devices, "%s", devices);
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++) {
        struct alert_words *words = &text->words[l];
        say_what(cause, &quantity, l, words->what, sizeof words->what);
        (void)snprintf(words->todo, sizeof words->todo, "%s",
                       l == METRIC_ZH ? rule->todo : rule->todo_en);
        (void)snprintf(words->label, sizeof words->label, "%s",
                       l == METRIC_ZH ? rule->label : rule->label_en);
        say_quantity(rule, &quantity, l, words->quantity, sizeof words->quantity);
    }
    const char *name = "garden";
    if (cause->plot >= 0) {
        name = config->plots[cause->plot].name;
        say_one_place(label_of(config->plots[cause->plot].label, name), text->words);
    } else if (cause->device >= 0) {
        const struct device_config *device = &config->devices[cause->device];
        name = device->name;
        text_device_place(config, device, place, sizeof place);
        say_one_place(place, text->words);
    } else {
        say_places(config, devices, holding, text->words);
    }
    (void)snprintf(text->where, sizeof text->where, "%s", name);
}
