/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "protocols/metric/metric.h"

#define NUMBER_MAX INT64_C(4294967295) /* boots and sequence numbers */
#define HOUR_MS    INT64_C(3600000)

static bool is_name(const char *text, const char *allowed)
{
    size_t size = strspn(text, allowed);
    return size > 0 && size < MESSAGE_NAME_SIZE && text[size] == '\0';
}

static bool is_device(const char *text)
{
    return is_name(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

static bool is_metric(const char *text)
{
    return is_name(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

static bool is_number(int64_t value)
{
    return value >= 0 && value <= NUMBER_MAX;
}

bool message_believes(const char *flag)
{
    enum metric_flag known = METRIC_FAULT;
    if (flag == NULL)
        return true;
    return metric_flag_parse(flag, &known) &&
           (known == METRIC_GOOD || known == METRIC_UNCALIBRATED || known == METRIC_CLOCK);
}

bool message_site(const char *topic, const char *leaf, char site[MESSAGE_NAME_SIZE])
{
    static const char prefix[] = "baiye/";
    if (strncmp(topic, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *name = topic + sizeof prefix - 1, *slash = strchr(name, '/');
    size_t size = slash != NULL ? (size_t)(slash - name) : 0;
    if (size == 0 || size >= MESSAGE_NAME_SIZE || strcmp(slash + 1, leaf) != 0)
        return false;
    memcpy(site, name, size);
    site[size] = '\0';
    return is_device(site);
}

/* ---- Items ---- */

static bool is_flags(json_t *flags)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (flags, name, value) {
        enum metric_flag flag = METRIC_GOOD;
        const char *text = json_string_value(value);
        if (!is_metric(name) || text == NULL || !metric_flag_parse(text, &flag) ||
            flag == METRIC_GOOD)
            return false;
    }
    return json_is_object(flags);
}

static bool is_values(json_t *values)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (values, name, value) {
        if (!is_metric(name) || !json_is_number(value) || !isfinite(json_number_value(value)))
            return false;
    }
    return json_is_object(values);
}

static bool take_reading(struct message *message, json_t *item)
{
    struct message_reading r = {.gateway_boot = -1};
    json_int_t boot = 0, seq = 0, ts = 0, gb = -1, serial = 0;
    if (json_unpack(item, "{s:s,s:I,s:I,s:I,s:o,s:o,s?I,s?I!}", "d", &r.device, "boot", &boot,
                    "seq", &seq, "ts", &ts, "values", &r.values, "flags", &r.flags, "gb", &gb, "s",
                    &serial) != 0)
        return false;
    if (!is_device(r.device) || !is_number(boot) || !is_number(seq) || ts < 0 ||
        ts > MESSAGE_TIME_MAX_MS || gb < -1 || gb > NUMBER_MAX ||
        (gb < 0 && json_object_get(item, "gb") != NULL) || !is_number(serial) ||
        (serial == 0 && json_object_get(item, "s") != NULL) || !is_values(r.values) ||
        !is_flags(r.flags))
        return false;
    r.boot = boot;
    r.seq = seq;
    r.ts_ms = ts;
    r.gateway_boot = gb;
    r.serial = serial;
    message->readings[message->reading_count++] = r;
    return true;
}

static bool take_gap(struct message *message, json_t *item)
{
    static const char *const whys[] = {"timeout",  "garbled", "exception", "bus_down",
                                       "overflow", "quota",   "node_log",  "damaged"};
    const char *device = NULL, *why = NULL;
    json_int_t boot = 0, first = 0, last = 0, serial = 0;
    bool known = false;
    if (json_unpack(item, "{s:s,s:I,s:[I,I!],s:s,s?I!}", "d", &device, "boot", &boot, "gap", &first,
                    &last, "why", &why, "s", &serial) != 0)
        return false;
    for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++)
        known = known || strcmp(why, whys[i]) == 0;
    if (!known || !is_device(device) || !is_number(boot) || !is_number(first) || !is_number(last) ||
        last < first || !is_number(serial))
        return false;
    message->gaps[message->gap_count++] = (struct message_gap){device, serial, boot, first, last};
    return true;
}

static bool is_mean(const char *name, json_t *mean)
{
    double n = 0, min = 0, middle = 0, max = 0;
    return is_metric(name) && json_unpack(mean, "[F,F,F,F!]", &n, &min, &middle, &max) == 0 &&
           n >= 1 && n <= 1e9 && isfinite(min) && isfinite(middle) && isfinite(max) && min <= max;
}

static bool take_mean(struct message *message, json_t *item)
{
    struct message_mean m = {.bad = NULL};
    json_int_t boot = 0, first = 0, last = 0, hour = 0;
    const char *name = NULL;
    json_t *value = NULL;
    if (json_unpack(item, "{s:s,s:I,s:[I,I!],s:I,s:o,s?o!}", "d", &m.device, "boot", &boot, "of",
                    &first, &last, "hour", &hour, "means", &m.means, "bad", &m.bad) != 0 ||
        !is_device(m.device) || !is_number(boot) || !is_number(first) || !is_number(last) ||
        last < first || hour < 0 || hour > MESSAGE_TIME_MAX_MS || hour % HOUR_MS != 0 ||
        !json_is_object(m.means) || (m.bad != NULL && !json_is_object(m.bad)))
        return false;
    json_object_foreach (m.means, name, value) {
        if (!is_mean(name, value))
            return false;
    }
    m.boot = boot;
    m.first = first;
    m.last = last;
    m.hour_ms = hour;
    message->means[message->mean_count++] = m;
    return true;
}

static bool take_correction(struct message *message, json_t *item)
{
    json_int_t boot = 0, add_ms = 0, id = 0;
    if (json_unpack(item, "{s:I,s:I,s?I!}", "boot", &boot, "add_ms", &add_ms, "id", &id) != 0 ||
        !is_number(boot) || add_ms > MESSAGE_TIME_MAX_MS || add_ms < -MESSAGE_TIME_MAX_MS || id < 0)
        return false;
    message->corrections[message->correction_count++] =
        (struct message_correction){boot, add_ms, id};
    return true;
}

static bool take_item(struct message *message, json_t *item)
{
    if (json_object_get(item, "seq") != NULL)
        return take_reading(message, item);
    if (json_object_get(item, "gap") != NULL)
        return take_gap(message, item);
    if (json_object_get(item, "of") != NULL)
        return take_mean(message, item);
    return take_correction(message, item);
}

/* ---- The whole ---- */

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36 && text[8] == '-' &&
           text[13] == '-' && text[18] == '-' && text[23] == '-';
}

static bool take_head(struct message *message, json_t **items, char *why, size_t why_size)
{
    json_error_t error;
    int version = 0;
    const char *gateway = NULL;
    json_int_t first = 0, last = 0;
    json_t *ids = json_object_get(message->root, "ids");
    if (json_unpack_ex(message->root, &error, 0, "{s:i,s:s,s:o,s?[I,I!]!}", "v", &version, "gw",
                       &gateway, "readings", items, "ids", &first, &last) != 0) {
        (void)snprintf(why, why_size, "schema: %.120s", error.text);
        return false;
    }
    if (version != 1)
        (void)snprintf(why, why_size, "schema: version %d is not known here", version);
    else if (!is_uuid(gateway))
        (void)snprintf(why, why_size, "schema: gw is no uuid");
    else if (ids != NULL && (first < 1 || last < first || last - first >= MESSAGE_ITEMS_MAX))
        (void)snprintf(why, why_size, "schema: ids are no range");
    else if (!json_is_array(*items) || json_array_size(*items) == 0 ||
             json_array_size(*items) > MESSAGE_ITEMS_MAX)
        (void)snprintf(why, why_size, "schema: readings are no list of 1 to %u", MESSAGE_ITEMS_MAX);
    else {
        memcpy(message->gateway, gateway, sizeof message->gateway);
        message->first_id = first;
        message->last_id = last;
        return true;
    }
    return false;
}

/* zlib stream to text; NULL: it is none, or larger than MESSAGE_BYTES_MAX. */
static char *inflated(const void *payload, size_t size, size_t *text_size)
{
    char *text = malloc(MESSAGE_BYTES_MAX);
    uLongf used = MESSAGE_BYTES_MAX;
    if (text == NULL || uncompress((Bytef *)text, &used, payload, (uLong)size) != Z_OK) {
        free(text);
        return NULL;
    }
    *text_size = used;
    return text;
}

static json_t *parse(const void *payload, size_t size, bool deflated, char *why, size_t why_size)
{
    json_error_t error;
    char *text = NULL;
    size_t text_size = size;
    if (deflated && (text = inflated(payload, size, &text_size)) == NULL) {
        (void)snprintf(why, why_size, "it does not inflate");
        return NULL;
    }
    json_t *root =
        json_loadb(text != NULL ? text : payload, text_size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        (void)snprintf(why, why_size, "not JSON: %.120s", error.text);
    free(text);
    return root;
}

bool message_parse(struct message *message, const void *payload, size_t size, bool deflated,
                   char *why, size_t why_size)
{
    json_t *items = NULL, *item = NULL;
    size_t at = 0;
    *message = (struct message){0};
    if (size > MESSAGE_BYTES_MAX) {
        (void)snprintf(why, why_size, "larger than %u bytes", MESSAGE_BYTES_MAX);
        return false;
    }
    message->root = parse(payload, size, deflated, why, why_size);
    if (message->root == NULL || !take_head(message, &items, why, why_size))
        return false;
    size_t count = json_array_size(items);
    message->readings = calloc(count, sizeof *message->readings);
    message->gaps = calloc(count, sizeof *message->gaps);
    message->means = calloc(count, sizeof *message->means);
    message->corrections = calloc(count, sizeof *message->corrections);
    if (message->readings == NULL || message->gaps == NULL || message->means == NULL ||
        message->corrections == NULL) {
        (void)snprintf(why, why_size, "no memory");
        return false;
    }
    json_array_foreach (items, at, item) {
        if (!take_item(message, item)) {
            (void)snprintf(why, why_size, "schema: readings[%zu] is not as it should be", at);
            return false;
        }
    }
    return true;
}

void message_free(struct message *message)
{
    json_decref(message->root);
    free(message->readings);
    free(message->gaps);
    free(message->means);
    free(message->corrections);
    *message = (struct message){0};
}
