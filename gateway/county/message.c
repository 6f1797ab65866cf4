/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"
#include "gateway/county/json_reader.h"
#include "protocols/metric/metric.h"

#define NUMBER_MAX  INT64_C(4294967295) /* boots and sequence numbers */
#define HOUR_MS     INT64_C(3600000)
#define GLANCE_SIZE 160 /* of either end of a message: longer than any that a gateway writes */

static bool is_name(const char *text, char joint)
{
    size_t size = 0;
    while ((text[size] >= 'a' && text[size] <= 'z') || (text[size] >= '0' && text[size] <= '9') ||
           text[size] == joint)
        size++;
    return size > 0 && size < MESSAGE_NAME_SIZE && text[size] == '\0';
}

static bool is_device(const char *text)
{
    return is_name(text, '-');
}

static bool is_metric(const char *text)
{
    return is_name(text, '_');
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

/* ---- Lists ---- */

static struct message_value *add_value(struct message *m)
{
    struct message_value *list =
        grow_array(m->values, &m->rooms[MESSAGE_VALUES], m->value_count + 1, sizeof *m->values);
    if (list == NULL)
        return NULL;
    m->values = list;
    return &list[m->value_count++];
}

static struct message_flag *add_flag(struct message *m)
{
    struct message_flag *list =
        grow_array(m->flags, &m->rooms[MESSAGE_FLAGS], m->flag_count + 1, sizeof *m->flags);
    if (list == NULL)
        return NULL;
    m->flags = list;
    return &list[m->flag_count++];
}

static bool add_reading(struct message *m, const struct message_reading *reading)
{
    struct message_reading *list = grow_array(m->readings, &m->rooms[MESSAGE_READINGS],
                                              m->reading_count + 1, sizeof *m->readings);
    if (list == NULL)
        return false;
    m->readings = list;
    list[m->reading_count++] = *reading;
    return true;
}

static bool add_gap(struct message *m, const struct message_gap *gap)
{
    struct message_gap *list =
        grow_array(m->gaps, &m->rooms[MESSAGE_GAPS], m->gap_count + 1, sizeof *m->gaps);
    if (list == NULL)
        return false;
    m->gaps = list;
    list[m->gap_count++] = *gap;
    return true;
}

static bool add_mean(struct message *m, const struct message_mean *mean)
{
    struct message_mean *list =
        grow_array(m->means, &m->rooms[MESSAGE_MEANS], m->mean_count + 1, sizeof *m->means);
    if (list == NULL)
        return false;
    m->means = list;
    list[m->mean_count++] = *mean;
    return true;
}

static bool add_correction(struct message *m, const struct message_correction *correction)
{
    struct message_correction *list = grow_array(m->corrections, &m->rooms[MESSAGE_CORRECTIONS],
                                                 m->correction_count + 1, sizeof *m->corrections);
    if (list == NULL)
        return false;
    m->corrections = list;
    list[m->correction_count++] = *correction;
    return true;
}

/* ---- Items ---- */

/* The keys that items have, and which of them each kind needs and may have. */
enum {
    HAS_DEVICE = 1u << 0,
    HAS_BOOT = 1u << 1,
    HAS_SEQ = 1u << 2,
    HAS_TS = 1u << 3,
    HAS_VALUES = 1u << 4,
    HAS_FLAGS = 1u << 5,
    HAS_GATEWAY_BOOT = 1u << 6,
    HAS_SERIAL = 1u << 7,
    HAS_GAP = 1u << 8,
    HAS_WHY = 1u << 9,
    HAS_OF = 1u << 10,
    HAS_HOUR = 1u << 11,
    HAS_MEANS = 1u << 12,
    HAS_BAD = 1u << 13,
    HAS_ADD = 1u << 14,
    HAS_ID = 1u << 15,
};
static const struct {
    const char *name;
    unsigned bit;
} keys[] = {
    {"d", HAS_DEVICE},      {"boot", HAS_BOOT},   {"seq", HAS_SEQ},    {"ts", HAS_TS},
    {"values", HAS_VALUES}, {"flags", HAS_FLAGS}, {"s", HAS_SERIAL},   {"gb", HAS_GATEWAY_BOOT},
    {"gap", HAS_GAP},       {"why", HAS_WHY},     {"of", HAS_OF},      {"hour", HAS_HOUR},
    {"means", HAS_MEANS},   {"bad", HAS_BAD},     {"add_ms", HAS_ADD}, {"id", HAS_ID},
};

/* One item of whatever kind, as it is read. */
struct item {
    unsigned has; /* HAS_… */
    const char *device, *why;
    int64_t boot, seq, ts_ms, gateway_boot, serial, hour_ms, add_ms, id;
    int64_t first, last; /* of `gap` or `of` */
    size_t values_from, flags_from, means_from;
};

static bool read_values(struct json_reader *reader, struct message *message)
{
    size_t from = message->value_count;
    const char *metric = NULL;
    if (!json_reader_open(reader, '{'))
        return false;
    while ((metric = json_reader_key(reader)) != NULL) {
        double number = 0;
        struct message_value *value = NULL;
        bool twice = !is_metric(metric);
        for (size_t i = from; !twice && i < message->value_count; i++)
            twice = strcmp(message->values[i].metric, metric) == 0;
        if (twice || message->value_count - from >= MESSAGE_VALUES_MAX ||
            !json_reader_number(reader, &number) || (value = add_value(message)) == NULL)
            return json_reader_refuse(reader);
        *value = (struct message_value){metric, number, true};
    }
    return !reader->failed;
}

static bool read_flags(struct json_reader *reader, struct message *message)
{
    size_t from = message->flag_count;
    const char *metric = NULL;
    if (!json_reader_open(reader, '{'))
        return false;
    while ((metric = json_reader_key(reader)) != NULL) {
        enum metric_flag known = METRIC_GOOD;
        struct message_flag *flag = NULL;
        const char *text = json_reader_string(reader);
        bool wrong = text == NULL || !is_metric(metric) || !metric_flag_parse(text, &known) ||
                     known == METRIC_GOOD || message->flag_count - from >= MESSAGE_VALUES_MAX;
        for (size_t i = from; !wrong && i < message->flag_count; i++)
            wrong = strcmp(message->flags[i].metric, metric) == 0;
        if (wrong || (flag = add_flag(message)) == NULL)
            return json_reader_refuse(reader);
        *flag = (struct message_flag){metric, text};
    }
    return !reader->failed;
}

/* [n, min, mean, max] */
static bool read_mean(struct json_reader *reader, struct message_mean *mean)
{
    double *const numbers[] = {&mean->n, &mean->min, &mean->mean, &mean->max};
    if (!json_reader_open(reader, '['))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        if (!json_reader_item(reader) || !json_reader_number(reader, numbers[i]))
            return json_reader_refuse(reader);
    }
    bool good =
        !json_reader_item(reader) && mean->n >= 1 && mean->n <= 1e9 && mean->min <= mean->max;
    return good || json_reader_refuse(reader);
}

static bool read_means(struct json_reader *reader, struct message *message)
{
    size_t from = message->mean_count;
    struct message_mean mean = {0};
    if (!json_reader_open(reader, '{'))
        return false;
    while ((mean.metric = json_reader_key(reader)) != NULL) {
        bool wrong = !is_metric(mean.metric) || message->mean_count - from >= MESSAGE_VALUES_MAX;
        for (size_t i = from; !wrong && i < message->mean_count; i++)
            wrong = strcmp(message->means[i].metric, mean.metric) == 0;
        if (wrong || !read_mean(reader, &mean) || !add_mean(message, &mean))
            return json_reader_refuse(reader);
    }
    return !reader->failed;
}

/* How many readings of a mean's hour are not in it: not kept, but it has to be what it should. */
static bool read_bad(struct json_reader *reader)
{
    const char *metric = NULL;
    int64_t number = 0;
    if (!json_reader_open(reader, '{'))
        return false;
    while ((metric = json_reader_key(reader)) != NULL) {
        if (!is_metric(metric) || !json_reader_integer(reader, &number))
            return json_reader_refuse(reader);
    }
    return !reader->failed;
}

static bool read_range(struct json_reader *reader, int64_t *first, int64_t *last)
{
    bool good = json_reader_open(reader, '[') && json_reader_item(reader) &&
                json_reader_integer(reader, first) && json_reader_item(reader) &&
                json_reader_integer(reader, last) && !json_reader_item(reader);
    return (good && !reader->failed) || json_reader_refuse(reader);
}

static bool read_key(struct json_reader *reader, struct message *message, struct item *item,
                     unsigned key)
{
    switch (key) {
    case HAS_DEVICE:
        return (item->device = json_reader_string(reader)) != NULL;
    case HAS_WHY:
        return (item->why = json_reader_string(reader)) != NULL;
    case HAS_BOOT:
        return json_reader_integer(reader, &item->boot);
    case HAS_SEQ:
        return json_reader_integer(reader, &item->seq);
    case HAS_TS:
        return json_reader_integer(reader, &item->ts_ms);
    case HAS_GATEWAY_BOOT:
        return json_reader_integer(reader, &item->gateway_boot);
    case HAS_SERIAL:
        return json_reader_integer(reader, &item->serial);
    case HAS_HOUR:
        return json_reader_integer(reader, &item->hour_ms);
    case HAS_ADD:
        return json_reader_integer(reader, &item->add_ms);
    case HAS_ID:
        return json_reader_integer(reader, &item->id);
    case HAS_VALUES:
        return read_values(reader, message);
    case HAS_FLAGS:
        return read_flags(reader, message);
    case HAS_MEANS:
        return read_means(reader, message);
    case HAS_BAD:
        return read_bad(reader);
    case HAS_GAP:
    case HAS_OF:
        return read_range(reader, &item->first, &item->last);
    default:
        return json_reader_refuse(reader);
    }
}

/* No other key than those, and those all. */
static bool has_keys(const struct item *item, unsigned needed, unsigned allowed)
{
    return (item->has & needed) == needed && (item->has & ~(needed | allowed)) == 0;
}

static void judge_values(struct message *message, const struct item *item)
{
    for (size_t i = item->flags_from; i < message->flag_count; i++) {
        if (message_believes(message->flags[i].flag))
            continue;
        for (size_t k = item->values_from; k < message->value_count; k++) {
            if (strcmp(message->values[k].metric, message->flags[i].metric) == 0)
                message->values[k].believed = false;
        }
    }
}

static bool take_reading(struct message *message, const struct item *item)
{
    bool dated = (item->has & HAS_GATEWAY_BOOT) == 0, numbered = (item->has & HAS_SERIAL) != 0;
    if (!has_keys(item, HAS_DEVICE | HAS_BOOT | HAS_SEQ | HAS_TS | HAS_VALUES | HAS_FLAGS,
                  HAS_GATEWAY_BOOT | HAS_SERIAL) ||
        !is_number(item->seq) || item->ts_ms < 0 || item->ts_ms > MESSAGE_TIME_MAX_MS ||
        (!dated && !is_number(item->gateway_boot)) || (numbered && item->serial == 0))
        return false;
    judge_values(message, item);
    const struct message_reading reading = {.device = item->device,
                                            .serial = item->serial,
                                            .boot = item->boot,
                                            .seq = item->seq,
                                            .ts_ms = item->ts_ms,
                                            .gateway_boot = dated ? -1 : item->gateway_boot,
                                            .value_at = item->values_from,
                                            .flag_at = item->flags_from,
                                            .value_count = message->value_count - item->values_from,
                                            .flag_count = message->flag_count - item->flags_from};
    return add_reading(message, &reading);
}

static bool take_gap(struct message *message, const struct item *item)
{
    static const char *const whys[] = {"timeout",  "garbled", "exception", "bus_down",
                                       "overflow", "quota",   "node_log",  "damaged"};
    bool known = false;
    if (!has_keys(item, HAS_DEVICE | HAS_BOOT | HAS_GAP | HAS_WHY, HAS_SERIAL) || item->why == NULL)
        return false;
    for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++)
        known = known || strcmp(item->why, whys[i]) == 0;
    const struct message_gap gap = {item->device, item->serial, item->boot, item->first,
                                    item->last};
    return known && is_number(gap.first) && is_number(gap.last) && gap.last >= gap.first &&
           add_gap(message, &gap);
}

static bool take_means(struct message *message, const struct item *item)
{
    if (!has_keys(item, HAS_DEVICE | HAS_BOOT | HAS_OF | HAS_HOUR | HAS_MEANS, HAS_BAD) ||
        !is_number(item->first) || !is_number(item->last) || item->last < item->first ||
        item->hour_ms < 0 || item->hour_ms > MESSAGE_TIME_MAX_MS || item->hour_ms % HOUR_MS != 0)
        return false;
    for (size_t i = item->means_from; i < message->mean_count; i++) {
        struct message_mean *mean = &message->means[i];
        mean->device = item->device;
        mean->boot = item->boot;
        mean->first = item->first;
        mean->last = item->last;
        mean->hour_ms = item->hour_ms;
    }
    return true;
}

static bool take_correction(struct message *message, const struct item *item)
{
    const struct message_correction correction = {item->boot, item->add_ms, item->id};
    return has_keys(item, HAS_BOOT | HAS_ADD, HAS_ID) && item->add_ms <= MESSAGE_TIME_MAX_MS &&
           item->add_ms >= -MESSAGE_TIME_MAX_MS && item->id >= 0 &&
           add_correction(message, &correction);
}

static bool read_item(struct json_reader *reader, struct message *message)
{
    const char *key = NULL;
    struct item item = {.values_from = message->value_count,
                        .flags_from = message->flag_count,
                        .means_from = message->mean_count};
    if (!json_reader_open(reader, '{'))
        return false;
    while ((key = json_reader_key(reader)) != NULL) {
        unsigned bit = 0;
        for (size_t i = 0; bit == 0 && i < sizeof keys / sizeof keys[0]; i++)
            bit = strcmp(keys[i].name, key) == 0 ? keys[i].bit : 0;
        if ((item.has & bit) != 0 || !read_key(reader, message, &item, bit))
            return json_reader_refuse(reader);
        item.has |= bit;
    }
    if (reader->failed || !is_number(item.boot) || !is_number(item.serial) ||
        (item.device != NULL && !is_device(item.device)))
        return json_reader_refuse(reader);
    bool good = (item.has & HAS_SEQ) != 0   ? take_reading(message, &item)
                : (item.has & HAS_GAP) != 0 ? take_gap(message, &item)
                : (item.has & HAS_OF) != 0  ? take_means(message, &item)
                                            : take_correction(message, &item);
    return good || json_reader_refuse(reader);
}

/* ---- The whole ---- */

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36 && text[8] == '-' &&
           text[13] == '-' && text[18] == '-' && text[23] == '-';
}

static bool is_ids(int64_t first, int64_t last)
{
    return first >= 1 && last >= first && last - first < MESSAGE_ITEMS_MAX;
}

static bool say(char *why, size_t why_size, const struct json_reader *reader, const char *text,
                const char *what)
{
    if (reader->malformed)
        (void)snprintf(why, why_size, "not JSON: at byte %td", reader->at - text);
    else
        (void)snprintf(why, why_size, "schema: %s", what);
    return false;
}

static bool read_items(struct json_reader *reader, struct message *message, char *why,
                       size_t why_size)
{
    size_t at = 0;
    char what[64];
    if (!json_reader_open(reader, '['))
        return say(why, why_size, reader, message->text, "readings are no list");
    for (; json_reader_item(reader); at++) {
        (void)snprintf(what, sizeof what, "readings[%zu] is not as it should be", at);
        if (at >= MESSAGE_ITEMS_MAX || !read_item(reader, message))
            return say(why, why_size, reader, message->text, what);
    }
    (void)snprintf(what, sizeof what, "readings are no list of 1 to %u", MESSAGE_ITEMS_MAX);
    return (!reader->failed && at > 0) || say(why, why_size, reader, message->text, what);
}

/* What stands around the readings. */
struct head {
    int64_t version;
    const char *gateway;
    bool readings, ids;
};

static bool read_root(struct json_reader *reader, struct message *message, struct head *head,
                      char *why, size_t why_size)
{
    const char *key = NULL;
    bool good = json_reader_open(reader, '{');
    while (good && (key = json_reader_key(reader)) != NULL) {
        if (strcmp(key, "v") == 0 && head->version < 0) {
            good = json_reader_integer(reader, &head->version);
        } else if (strcmp(key, "gw") == 0 && head->gateway == NULL) {
            good = (head->gateway = json_reader_string(reader)) != NULL;
        } else if (strcmp(key, "ids") == 0 && !head->ids) {
            head->ids = true;
            good = read_range(reader, &message->first_id, &message->last_id);
        } else if (strcmp(key, "readings") == 0 && !head->readings) {
            head->readings = true;
            if (!read_items(reader, message, why, why_size))
                return false;
        } else {
            good = json_reader_refuse(reader);
        }
    }
    good = good && json_reader_end(reader);
    return good || say(why, why_size, reader, message->text,
                       "keys other than v, gw, readings and ids, or values that are not theirs");
}

static bool judge_head(struct message *message, const struct head *head, char *why, size_t why_size)
{
    if (head->version < 0 || head->gateway == NULL || !head->readings)
        (void)snprintf(why, why_size, "schema: v, gw or readings are missing");
    else if (head->version != 1)
        (void)snprintf(why, why_size, "schema: version %lld is not known here",
                       (long long)head->version);
    else if (!is_uuid(head->gateway))
        (void)snprintf(why, why_size, "schema: gw is no uuid");
    else if (head->ids && !is_ids(message->first_id, message->last_id))
        (void)snprintf(why, why_size, "schema: ids are no range");
    else {
        memcpy(message->gateway, head->gateway, sizeof message->gateway);
        return true;
    }
    return false;
}

bool message_read(struct message *message, char *why, size_t why_size)
{
    struct json_reader reader;
    struct head head = {.version = -1};
    message->first_id = message->last_id = 0;
    message->reading_count = message->value_count = message->flag_count = 0;
    message->gap_count = message->mean_count = message->correction_count = 0;
    json_reader_begin(&reader, message->text, message->size);
    return read_root(&reader, message, &head, why, why_size) &&
           judge_head(message, &head, why, why_size);
}

/* {"v":1,"gw":"…" */
static bool glance_at_head(struct message *message)
{
    char text[GLANCE_SIZE];
    struct json_reader reader;
    int64_t version = 0;
    const char *key = NULL, *gateway = NULL;
    size_t size = message->size < sizeof text ? message->size : sizeof text - 1;
    memcpy(text, message->text, size);
    text[size] = '\0';
    json_reader_begin(&reader, text, size);
    bool good = json_reader_open(&reader, '{') && (key = json_reader_key(&reader)) != NULL &&
                strcmp(key, "v") == 0 && json_reader_integer(&reader, &version) && version == 1 &&
                (key = json_reader_key(&reader)) != NULL && strcmp(key, "gw") == 0 &&
                (gateway = json_reader_string(&reader)) != NULL && is_uuid(gateway);
    if (good)
        memcpy(message->gateway, gateway, sizeof message->gateway);
    return good;
}

/* "ids":[7,10]}, where one bracket closes the whole: so they are the message's and nothing
 * within it. */
static bool glance_at_tail(struct message *message)
{
    char text[GLANCE_SIZE];
    struct json_reader reader;
    size_t size = message->size < sizeof text ? message->size : sizeof text - 1;
    memcpy(text, message->text + message->size - size, size);
    text[size] = '\0';
    char *found = NULL;
    for (char *at = text; (at = strstr(at, "\"ids\"")) != NULL; at++)
        found = at;
    if (found == NULL)
        return false;
    json_reader_begin(&reader, found, size - (size_t)(found - text));
    reader.fresh = true; /* as behind the whole's first bracket */
    return json_reader_key(&reader) != NULL &&
           read_range(&reader, &message->first_id, &message->last_id) &&
           json_reader_key(&reader) == NULL && json_reader_end(&reader) &&
           is_ids(message->first_id, message->last_id);
}

bool message_glance(struct message *message)
{
    return glance_at_head(message) && glance_at_tail(message);
}
