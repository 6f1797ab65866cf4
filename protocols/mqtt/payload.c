/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/mqtt/payload.h"

#include <string.h>

#include "protocols/metric/metric.h"

size_t payload_scalar(char *out, const struct payload_value *value)
{
    if (!value->present)
        return 0;
    if (value->form == PAYLOAD_SCALED)
        return json_out_decimal_text(out, value->scaled, value->decimals);
    return json_out_real_text(out, value->real, value->form == PAYLOAD_SINGLE);
}

static void put_value(struct json_out *o, const struct payload_value *value)
{
    if (value->form == PAYLOAD_SCALED)
        json_out_decimal(o, value->scaled, value->decimals);
    else
        json_out_real(o, value->real, value->form == PAYLOAD_SINGLE);
}

/* A good value of an untrusted time says so; a worse flag says more and stays. A value that is
 * missing and good was not asked for this time: it stands neither among the values nor here. */
static enum metric_flag flag_of(const struct payload_reading *reading, size_t i)
{
    const struct payload_value *value = &reading->values[i];
    if (value->flag == METRIC_GOOD && value->present && reading->clock_untrusted)
        return METRIC_CLOCK;
    return (enum metric_flag)value->flag;
}

static void values_and_flags(struct json_out *o, const struct payload_reading *reading)
{
    json_out_key(o, "values");
    json_out_open(o, '{');
    for (size_t i = 0; i < reading->count; i++) {
        if (!reading->values[i].present)
            continue;
        json_out_key(o, reading->metrics[i]);
        put_value(o, &reading->values[i]);
    }
    json_out_close(o, '}');
    json_out_key(o, "flags");
    json_out_open(o, '{');
    for (size_t i = 0; i < reading->count; i++) {
        enum metric_flag flag = flag_of(reading, i);
        if (flag == METRIC_GOOD)
            continue;
        json_out_key(o, reading->metrics[i]);
        json_out_string(o, metric_flag_name(flag));
    }
    json_out_close(o, '}');
}

/* ---- Items ---- */

/* A backlog is millions of items, nearly all of them good in every value. Those are written in one
 * go, by a pointer, when there is room for the longest possible; the others piece by piece. Both
 * give the same bytes. */

#define NUMBER_MOST 40u /* of a value, with its comma */
#define FRAME_MOST  200u

void payload_fields_make(struct payload_fields *fields, const char *const *metrics, uint8_t count)
{
    memset(fields, 0, sizeof *fields);
    fields->room = FRAME_MOST;
    fields->usable = count <= PAYLOAD_VALUES_MAX;
    for (uint8_t i = 0; fields->usable && i < count; i++) {
        struct json_out o = json_out_init(fields->fields[i].text, sizeof fields->fields[i].text);
        json_out_key(&o, metrics[i]);
        fields->fields[i].size = (uint8_t)o.at;
        fields->room = (uint16_t)(fields->room + sizeof fields->fields[i].text + NUMBER_MOST);
        fields->usable = !o.failed;
    }
}

static bool is_plain(const struct json_out *o, const struct payload_reading *reading,
                     size_t device_size)
{
    if (reading->fields == NULL || !reading->fields->usable || reading->clock_untrusted ||
        o->failed || o->size - o->at < reading->fields->room || device_size > 64)
        return false;
    bool plain = true;
    for (unsigned i = 0; i < reading->count; i++)
        plain = plain & reading->values[i].present & (reading->values[i].flag == METRIC_GOOD);
    return plain;
}

static char *append(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define APPEND(at, text) append(at, text, sizeof(text) - 1)

static void put_plain(struct json_out *o, const struct payload_reading *reading, size_t device_size)
{
    char *at = o->data + o->at;
    if (o->comma)
        *at++ = ',';
    at = APPEND(at, "{\"d\":\"");
    at = append(at, reading->device, device_size);
    *at++ = '"';
    if (reading->serial != 0) {
        at = APPEND(at, ",\"s\":");
        at += json_out_unsigned_text(at, reading->serial);
    }
    at = APPEND(at, ",\"boot\":");
    at += json_out_unsigned_text(at, reading->boot);
    at = APPEND(at, ",\"seq\":");
    at += json_out_unsigned_text(at, reading->seq);
    at = APPEND(at, ",\"ts\":");
    at += json_out_decimal_text(at, reading->ts_ms, 0);
    at = APPEND(at, ",\"values\":{");
    for (unsigned i = 0; i < reading->count; i++) {
        if (i > 0)
            *at++ = ',';
        /* All of the field's memory, whose size is a constant: no call. */
        memcpy(at, reading->fields->fields[i].text, sizeof reading->fields->fields[i].text);
        at += reading->fields->fields[i].size;
        at += payload_scalar(at, &reading->values[i]);
    }
    at = APPEND(at, "},\"flags\":{}}");
    o->at = (size_t)(at - o->data);
    o->comma = true;
}

static void put_serial(struct json_out *o, uint32_t serial)
{
    if (serial == 0)
        return;
    json_out_key_unsigned(o, "s", serial);
}

void payload_item(struct json_out *o, const struct payload_reading *reading)
{
    size_t device_size = strlen(reading->device);
    if (is_plain(o, reading, device_size)) {
        put_plain(o, reading, device_size);
        return;
    }
    json_out_open(o, '{');
    json_out_key_string(o, "d", reading->device);
    put_serial(o, reading->serial);
    json_out_key_unsigned(o, "boot", reading->boot);
    json_out_key_unsigned(o, "seq", reading->seq);
    json_out_key_integer(o, "ts", reading->ts_ms);
    if (reading->clock_untrusted) {
        json_out_key_unsigned(o, "gb", reading->gateway_boot);
    }
    values_and_flags(o, reading);
    json_out_close(o, '}');
}

void payload_gap(struct json_out *o, const char *device, uint32_t serial, uint32_t boot,
                 uint32_t first, uint32_t last, const char *why)
{
    json_out_open(o, '{');
    json_out_key_string(o, "d", device);
    put_serial(o, serial);
    json_out_key_unsigned(o, "boot", boot);
    json_out_key(o, "gap");
    json_out_open(o, '[');
    json_out_unsigned(o, first);
    json_out_unsigned(o, last);
    json_out_close(o, ']');
    json_out_key_string(o, "why", why);
    json_out_close(o, '}');
}

/* A mean has one digit more than the values it is made of. */
static void put_mean_number(struct json_out *o, const struct payload_mean_value *value,
                            double number, unsigned more)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};
    double scaled = number * powers[value->decimals + more];
    if (value->form == PAYLOAD_SCALED && scaled > -9e15 && scaled < 9e15)
        json_out_decimal(o, (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5),
                         value->decimals + more);
    else
        json_out_real(o, number, true);
}

static void put_mean(struct json_out *o, const struct payload_mean_value *value)
{
    json_out_key(o, value->metric);
    json_out_open(o, '[');
    json_out_unsigned(o, value->n);
    put_mean_number(o, value, value->min, 0);
    put_mean_number(o, value, value->mean, 1);
    put_mean_number(o, value, value->max, 0);
    json_out_close(o, ']');
}

void payload_mean(struct json_out *o, const struct payload_mean *mean)
{
    bool bad = false;
    json_out_open(o, '{');
    json_out_key_string(o, "d", mean->device);
    json_out_key_unsigned(o, "boot", mean->boot);
    json_out_key(o, "of");
    json_out_open(o, '[');
    json_out_unsigned(o, mean->first);
    json_out_unsigned(o, mean->last);
    json_out_close(o, ']');
    json_out_key_integer(o, "hour", mean->hour_ms);
    json_out_key(o, "means");
    json_out_open(o, '{');
    for (unsigned i = 0; i < mean->count; i++) {
        if (mean->values[i].n > 0)
            put_mean(o, &mean->values[i]);
        bad = bad || mean->values[i].bad > 0;
    }
    json_out_close(o, '}');
    if (bad) {
        json_out_key(o, "bad");
        json_out_open(o, '{');
        for (unsigned i = 0; i < mean->count; i++) {
            if (mean->values[i].bad == 0)
                continue;
            json_out_key(o, mean->values[i].metric);
            json_out_unsigned(o, mean->values[i].bad);
        }
        json_out_close(o, '}');
    }
    json_out_close(o, '}');
}

void payload_correction(struct json_out *o, uint32_t boot, int64_t add_ms, uint64_t id)
{
    json_out_open(o, '{');
    json_out_key_unsigned(o, "boot", boot);
    json_out_key_integer(o, "add_ms", add_ms);
    if (id != 0) {
        json_out_key_unsigned(o, "id", id);
    }
    json_out_close(o, '}');
}

void payload_batch_begin(struct json_out *o, const char *gateway)
{
    json_out_open(o, '{');
    json_out_key_unsigned(o, "v", 1);
    json_out_key_string(o, "gw", gateway);
    json_out_key(o, "readings");
    json_out_open(o, '[');
}

void payload_batch_end(struct json_out *o, uint64_t first_id, uint64_t last_id)
{
    json_out_close(o, ']');
    if (first_id != 0) {
        json_out_key(o, "ids");
        json_out_open(o, '[');
        json_out_unsigned(o, first_id);
        json_out_unsigned(o, last_id);
        json_out_close(o, ']');
    }
    json_out_close(o, '}');
}

void payload_live(struct json_out *o, const struct payload_reading *reading, uint32_t every_ms)
{
    json_out_open(o, '{');
    json_out_key_integer(o, "ts", reading->ts_ms);
    json_out_key(o, "every_s");
    json_out_decimal(o, every_ms, 3);
    json_out_key_unsigned(o, "boot", reading->boot);
    json_out_key_unsigned(o, "seq", reading->seq);
    values_and_flags(o, reading);
    json_out_close(o, '}');
}
