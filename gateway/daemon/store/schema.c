/* SPDX-License-Identifier: Apache-2.0 */
/* Which decimals a device's values need, and the text form in which the store remembers that. */
#include <math.h>
#include <string.h>

#include "gateway/daemon/config/field_type.h"
#include "gateway/daemon/store/record.h"
#include "protocols/metric/metric.h"

#define DECIMALS_MAX 9

/* The fewest decimals that write `number` exactly, DECIMALS_MAX + 1 when none do. */
static unsigned decimals_of(double number)
{
    double scaled = fabs(number);
    unsigned decimals = 0;
    while (decimals <= DECIMALS_MAX && fabs(scaled - nearbyint(scaled)) > 1e-9 * (scaled + 1)) {
        scaled *= 10;
        decimals++;
    }
    return decimals;
}

static uint8_t kind_of(const char *metric)
{
    const struct metric_info *info = metric_find(metric);
    return info != NULL ? info->kind : (uint8_t)METRIC_MEAN;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void field_form(const struct field_config *field, struct stream_schema_field *schema)
{
    schema->decimals = 0;
    schema->form =
        field->type == FIELD_F32 && field->scale_sign == 0 ? PAYLOAD_SINGLE : PAYLOAD_DOUBLE;
    if (field_type_kind(field) == FIELD_REAL || field->scale_sign != 0)
        return; /* as many decimals as it gives */
    unsigned decimals = larger(decimals_of(field->scale), decimals_of(field->offset));
    for (unsigned i = 0; i < field->enum_count; i++)
        decimals = larger(decimals, decimals_of(field->enum_values[i]));
    schema->form = decimals > DECIMALS_MAX ? PAYLOAD_DOUBLE : PAYLOAD_SCALED;
    schema->decimals = decimals > DECIMALS_MAX ? 0 : (uint8_t)decimals;
}

/* One digit more where a scale makes any number of them; what an offset has. */
static void adjust_form(const struct device_adjust *adjust, struct stream_schema_field *schema)
{
    if (schema->form != PAYLOAD_SCALED)
        return;
    unsigned decimals = schema->decimals + (adjust->scale != 1 ? 1u : 0u);
    decimals = larger(decimals, decimals_of(adjust->offset));
    schema->decimals = (uint8_t)(decimals < DECIMALS_MAX ? decimals : DECIMALS_MAX);
}

void stream_schema_of_device(const struct device_config *device, struct stream_schema *schema)
{
    memset(schema, 0, sizeof *schema);
    schema->count = device->metric_count;
    for (unsigned i = 0; i < schema->count; i++) {
        const struct field_config *field = device->metrics[i];
        memcpy(schema->fields[i].metric, field->metric, sizeof schema->fields[i].metric);
        schema->fields[i].kind = kind_of(field->metric);
        field_form(field, &schema->fields[i]);
        if (device->adjusted)
            adjust_form(&device->adjust[i], &schema->fields[i]);
    }
}

void stream_schema_text(const struct stream_schema *schema, char *text)
{
    static const char digits[] = "0123456789", forms[] = {'\0', 'f', 'd'};
    char *at = text;
    for (unsigned i = 0; i < schema->count; i++) {
        const struct stream_schema_field *field = &schema->fields[i];
        size_t length = strlen(field->metric);
        if (i > 0)
            *at++ = ' ';
        memcpy(at, field->metric, length);
        at += length;
        *at++ = ':';
        const char *form = forms + field->form;
        if (field->form == PAYLOAD_SCALED)
            form = digits + field->decimals;
        *at++ = *form;
    }
    *at = '\0';
}

static bool parse_field(const char *text, size_t length, struct stream_schema_field *field)
{
    if (length < 3 || length - 2 >= sizeof field->metric || text[length - 2] != ':')
        return false;
    memcpy(field->metric, text, length - 2);
    field->metric[length - 2] = '\0';
    field->kind = kind_of(field->metric);
    char form = text[length - 1];
    if (form >= '0' && form <= '9') {
        field->form = PAYLOAD_SCALED;
        field->decimals = (uint8_t)(form - '0');
        return true;
    }
    field->form = form == 'f' ? PAYLOAD_SINGLE : PAYLOAD_DOUBLE;
    return form == 'f' || form == 'd';
}

bool stream_schema_parse(const char *text, struct stream_schema *schema)
{
    memset(schema, 0, sizeof *schema);
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (schema->count == READING_VALUES_MAX ||
            !parse_field(text, length, &schema->fields[schema->count]))
            return false;
        schema->count++;
        text += length;
        if (*text == ' ' && *++text == '\0')
            return false;
    }
    return true;
}
