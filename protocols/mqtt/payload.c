/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/mqtt/payload.h"

#include "protocols/metric/metric.h"

size_t payload_scalar(char *out, const struct payload_value *value)
{
    if (!value->present)
        return 0;
    if (value->form == PAYLOAD_SCALED)
        return json_decimal_text(out, value->scaled, value->decimals);
    return json_real_text(out, value->real, value->form == PAYLOAD_SINGLE);
}

static void put_value(struct json_out *o, const struct payload_value *value)
{
    if (value->form == PAYLOAD_SCALED)
        json_decimal(o, value->scaled, value->decimals);
    else
        json_real(o, value->real, value->form == PAYLOAD_SINGLE);
}

/* A good value of an untrusted time says so; a worse flag says more and stays. A value that is
 * missing is never good. */
static enum metric_flag flag_of(const struct payload_reading *reading, size_t i)
{
    const struct payload_value *value = &reading->values[i];
    if (value->flag == METRIC_GOOD && !value->present)
        return METRIC_ABSENT;
    if (value->flag == METRIC_GOOD && reading->clock_untrusted)
        return METRIC_CLOCK;
    return (enum metric_flag)value->flag;
}

static void values_and_flags(struct json_out *o, const struct payload_reading *reading)
{
    json_key(o, "values");
    json_open(o, '{');
    for (size_t i = 0; i < reading->count; i++) {
        if (!reading->values[i].present)
            continue;
        json_key(o, reading->metrics[i]);
        put_value(o, &reading->values[i]);
    }
    json_close(o, '}');
    json_key(o, "flags");
    json_open(o, '{');
    for (size_t i = 0; i < reading->count; i++) {
        enum metric_flag flag = flag_of(reading, i);
        if (flag == METRIC_GOOD)
            continue;
        json_key(o, reading->metrics[i]);
        json_string(o, metric_flag_name(flag));
    }
    json_close(o, '}');
}

void payload_item(struct json_out *o, const struct payload_reading *reading)
{
    json_open(o, '{');
    json_key(o, "d");
    json_string(o, reading->device);
    json_key(o, "boot");
    json_unsigned(o, reading->boot);
    json_key(o, "seq");
    json_unsigned(o, reading->seq);
    json_key(o, "ts");
    json_integer(o, reading->ts_ms);
    if (reading->clock_untrusted) {
        json_key(o, "gb");
        json_unsigned(o, reading->gateway_boot);
    }
    values_and_flags(o, reading);
    json_close(o, '}');
}

void payload_gap(struct json_out *o, const char *device, uint32_t boot, uint32_t first,
                 uint32_t last, const char *why)
{
    json_open(o, '{');
    json_key(o, "d");
    json_string(o, device);
    json_key(o, "boot");
    json_unsigned(o, boot);
    json_key(o, "gap");
    json_open(o, '[');
    json_unsigned(o, first);
    json_unsigned(o, last);
    json_close(o, ']');
    json_key(o, "why");
    json_string(o, why);
    json_close(o, '}');
}

void payload_correction(struct json_out *o, uint32_t boot, int64_t add_ms)
{
    json_open(o, '{');
    json_key(o, "boot");
    json_unsigned(o, boot);
    json_key(o, "add_ms");
    json_integer(o, add_ms);
    json_close(o, '}');
}

void payload_batch_begin(struct json_out *o, const char *gateway)
{
    json_open(o, '{');
    json_key(o, "v");
    json_unsigned(o, 1);
    json_key(o, "gw");
    json_string(o, gateway);
    json_key(o, "readings");
    json_open(o, '[');
}

void payload_batch_end(struct json_out *o)
{
    json_close(o, ']');
    json_close(o, '}');
}

void payload_live(struct json_out *o, const struct payload_reading *reading, uint32_t every_ms)
{
    json_open(o, '{');
    json_key(o, "ts");
    json_integer(o, reading->ts_ms);
    json_key(o, "every_s");
    json_decimal(o, every_ms, 3);
    json_key(o, "boot");
    json_unsigned(o, reading->boot);
    json_key(o, "seq");
    json_unsigned(o, reading->seq);
    values_and_flags(o, reading);
    json_close(o, '}');
}
