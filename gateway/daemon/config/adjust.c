/* SPDX-License-Identifier: Apache-2.0 */
/* What was found out about one probe beside a reference: `scale` and `offset` of its metrics, and
 * when it is to be compared again. */
#include <string.h>
#include <time.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/daemon/config/draft.h"

/* Which of the device's metrics a key names; false and an error: none. */
static bool metric_of(struct yaml_source *source, const yaml_node_t *node,
                      const struct device_config *device, unsigned *metric)
{
    const char *names[READING_VALUES_MAX + 1] = {NULL};
    const char *text = yaml_text(node);
    for (unsigned i = 0; i < device->metric_count; i++) {
        names[i] = device->metrics[i]->metric;
        *metric = i;
        if (text != NULL && strcmp(names[i], text) == 0)
            return true;
    }
    const char *near = text != NULL ? yaml_nearest(text, names) : NULL;
    return yaml_error(source, yaml_line(node), "device \"%s\" does not measure \"%.40s\"; %s%s%s",
                      device->name, text != NULL ? text : "?",
                      near != NULL ? _("did you mean \"") : _("write a metric of its profile"),
                      near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static bool read_numbers(struct yaml_source *source, const yaml_node_t *mapping,
                         const struct key *key, struct device_config *device)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return yaml_error(source, yaml_line(mapping),
                          "%s must name metrics; write for example %s: { air_temperature: %s }",
                          key->name, key->name, key->example);
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        unsigned metric = 0;
        if (!metric_of(source, yaml_at(source, pair->key), device, &metric) ||
            !keys_read_one(source, yaml_at(source, pair->value), key, &device->adjust[metric]))
            return false;
        const struct device_adjust *adjust = &device->adjust[metric];
        int line = yaml_line(yaml_at(source, pair->value));
        if (!(adjust->scale > 0))
            return yaml_error(source, line,
                              "scale %g turns %s over or makes nothing of it; write "
                              "for example 1.05",
                              adjust->scale, device->metrics[metric]->metric);
        if (adjust->offset != 0 && device->metrics[metric]->role == ROLE_COUNTER)
            return yaml_error(source, line,
                              "%s is a counter, what it shows is taken for what has come since: an "
                              "offset has no meaning; write scale",
                              device->metrics[metric]->metric);
    }
    return true;
}

bool draft_day(const char *text, int32_t *day)
{
    static const char form[] = "0000-00-00";
    if (text == NULL || strlen(text) != sizeof form - 1)
        return false;
    int32_t number = 0;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : text[i] != form[i])
            return false;
        number = digit ? number * 10 + (text[i] - '0') : number;
    }
    struct tm tm = {.tm_year = number / 10000 - 1900,
                    .tm_mon = number / 100 % 100 - 1,
                    .tm_mday = number % 100};
    struct tm same = tm;
    *day = number;
    return number / 10000 >= 1970 && timegm(&same) >= 0 && same.tm_mon == tm.tm_mon &&
           same.tm_mday == tm.tm_mday;
}

/* Also of nodes: they know when they were calibrated, not when it is to be done again. */
static bool read_dues(struct yaml_source *source, const yaml_node_t *mapping,
                      struct device_config *device)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return yaml_error(source, yaml_line(mapping),
                          "calibration_due must name metrics; write for example calibration_due: "
                          "{ soil_ph: 2027-09-01 }");
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        unsigned metric = 0;
        const yaml_node_t *value = yaml_at(source, pair->value);
        const char *text = yaml_text(value);
        if (!metric_of(source, yaml_at(source, pair->key), device, &metric))
            return false;
        if (!draft_day(text, &device->due[metric]))
            return yaml_error(source, yaml_line(value),
                              "calibration_due: \"%.40s\" is not a day; write for example %s: "
                              "2027-09-01",
                              text != NULL ? text : _("(a list or mapping)"),
                              device->metrics[metric]->metric);
    }
    return true;
}

bool draft_adjust(struct yaml_source *source, const struct draft_device *draft,
                  struct device_config *device)
{
    static const struct key scale = {.name = "scale",
                                     .kind = KEY_NUMBER,
                                     KEY_MEMBER(struct device_adjust, scale),
                                     .example = "1.05"};
    static const struct key offset = {.name = "offset",
                                      .kind = KEY_NUMBER,
                                      KEY_MEMBER(struct device_adjust, offset),
                                      .example = "-0.4"};
    device->adjusted = draft->scales != NULL || draft->offsets != NULL;
    if (!device->adjusted && (device->adjusted_on[0] || device->adjusted_by[0]))
        return yaml_error(
            source, device->line,
            "device \"%s\" says when it was adjusted, and not how; add offset or scale",
            device->name);
    if (device->adjusted && device->profile->node)
        return yaml_error(source, device->line,
                          "device \"%s\" is a node, which keeps its calibration itself; use `baiye "
                          "calibrate` instead of offset and scale",
                          device->name);
    for (unsigned i = 0; i < device->metric_count; i++)
        device->adjust[i] = (struct device_adjust){.scale = 1};
    return (draft->dues == NULL || read_dues(source, draft->dues, device)) &&
           (draft->scales == NULL || read_numbers(source, draft->scales, &scale, device)) &&
           (draft->offsets == NULL || read_numbers(source, draft->offsets, &offset, device));
}
