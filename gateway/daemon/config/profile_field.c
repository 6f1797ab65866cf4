/* SPDX-License-Identifier: Apache-2.0 */
/* One field of a profile: its keys, and what they ask of each other. */
#include "gateway/daemon/config/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/unit_convert.h"
#include "gateway/daemon/config/field_type.h"
#include "protocols/modbus/pdu.h"

/* What is read of a field besides the field; the field must be the first. */
struct field_draft {
    struct field_config field;
    char depth[8], at[8];
    bool every_set;
    uint8_t no_value_numbers; /* bit i: no_values[i] was written as a number, not as hexadecimal */
    double numbers[FIELD_NO_VALUES_MAX];
};

#define TWO_POW_64    18446744073709551616.0
#define TEXT_EVERY_MS 3600000 /* what a device says of itself changes with a new one */

static const char *const order_names[] = {"abcd", "cdab", "badc", "dcba", NULL};
static const char *const role_names[] = {"metric", "counter", "boot",     "seq",
                                         "age",    "flags",   "status",   "map_version",
                                         "model",  "serial",  "firmware", NULL};
static const char *const byte_names[] = {"low", "high", NULL};

const char *profile_field_name(const struct field_config *field)
{
    return field->metric[0] ? field->metric : role_names[field->role];
}

const char *profile_type_name(unsigned type)
{
    return type <= FIELD_TEXT ? field_type_names[type] : "?";
}

/* One of no_value, as written: a code of the field's width, negative for signed types; of a real
 * type the number itself, or its code in hexadecimal. */
static bool read_no_value_code(struct yaml_source *source, const yaml_node_t *value,
                               struct field_draft *draft)
{
    struct field_config *field = &draft->field;
    const char *text = yaml_text(value);
    bool negative = text != NULL && *text == '-';
    const char *digits = text != NULL ? text + negative : "";
    bool hexadecimal = strncmp(digits, "0x", 2) == 0 || strncmp(digits, "0X", 2) == 0;
    const char *allowed = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789.eE+-";
    const char *begin = hexadecimal ? digits + 2 : digits;
    char *end = NULL;
    errno = 0;
    uint64_t code = strtoull(digits, &end, hexadecimal ? 16 : 10);
    bool whole = *end == '\0' && errno == 0;
    double number = hexadecimal ? 0 : strtod(digits, &end);
    if (!whole && fabs(number) < TWO_POW_64) /* "1e3" */
        code = (uint64_t)number;
    if (*begin == '\0' || strchr("+-", *begin) != NULL || begin[strspn(begin, allowed)] != '\0' ||
        *end != '\0' || (hexadecimal && !whole))
        return yaml_error(source, yaml_line(value),
                          "no_value: \"%.40s\" is not a code of up to 64 bits; write for example "
                          "no_value: 0x8000",
                          text != NULL ? text : _("(a list or mapping)"));
    unsigned at = field->no_value_count++;
    field->no_value_negative |= (uint8_t)(negative << at);
    draft->no_value_numbers |= (uint8_t)(!hexadecimal << at);
    draft->numbers[at] = negative ? -number : number;
    field->no_values[at] = negative ? UINT64_C(0) - code : code;
    return true;
}

/* A code, or a list of them. */
static bool read_no_value(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct field_draft *draft = target;
    if (value->type != YAML_SEQUENCE_NODE)
        return read_no_value_code(source, value, draft);
    const yaml_node_item_t *item = value->data.sequence.items.start;
    if (value->data.sequence.items.top - item < 1 ||
        value->data.sequence.items.top - item > FIELD_NO_VALUES_MAX)
        return yaml_error(source, yaml_line(value),
                          "no_value has 1 to %d codes; write for example [32765, 32766, 32767]",
                          FIELD_NO_VALUES_MAX);
    for (; item < value->data.sequence.items.top; item++) {
        if (!read_no_value_code(source, yaml_at(source, *item), draft))
            return false;
    }
    return true;
}

static bool read_values(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct field_config *field = target;
    static const struct key key = {
        .name = "values", .kind = KEY_NUMBER, .size = 8, .example = "45"};
    const yaml_node_item_t *item = value->data.sequence.items.start;
    size_t room = sizeof field->enum_values / sizeof field->enum_values[0];
    if (value->type != YAML_SEQUENCE_NODE || value->data.sequence.items.top - item < 1 ||
        (size_t)(value->data.sequence.items.top - item) > room)
        return yaml_error(
            source, yaml_line(value),
            "values must be a list of 1 to %zu numbers; write what raw codes 0, 1, … mean", room);
    for (; item < value->data.sequence.items.top; item++) {
        if (!keys_read_one(source, yaml_at(source, *item), &key,
                           &field->enum_values[field->enum_count]))
            return false;
        field->enum_count++;
    }
    return true;
}

/* ---- Where it is, and which of several ---- */

/* "20cm" or "0.2m": so far below the ground. */
static bool read_depth(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct field_draft *draft = target;
    const char *text = yaml_text(value);
    char *end = NULL;
    double depth = text != NULL ? strtod(text, &end) : 0;
    double cm = end == NULL              ? 0
                : strcmp(end, "cm") == 0 ? depth
                : strcmp(end, "m") == 0  ? depth * 100
                : strcmp(end, "mm") == 0 ? depth / 10
                                         : 0;
    if (!(cm >= 1 && cm <= 999) || fabs(cm - nearbyint(cm)) > 1e-6)
        return yaml_error(source, yaml_line(value),
                          "depth: \"%.40s\" is no depth of 1cm to 999cm; write for example depth: "
                          "20cm",
                          text != NULL ? text : _("(a list or mapping)"));
    (void)snprintf(draft->depth, sizeof draft->depth, "%dcm", (int)nearbyint(cm));
    return true;
}

static bool read_at(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct field_draft *draft = target;
    const char *text = yaml_text(value);
    if (text == NULL || !metric_channel(text))
        return yaml_error(
            source, yaml_line(value),
            "at: \"%.40s\" is not which of several it is: a number, or a letter and a "
            "number; write for example at: l1",
            text != NULL ? text : _("(a list or mapping)"));
    (void)snprintf(draft->at, sizeof draft->at, "%s", text);
    return true;
}

/* Its channel becomes part of its name: "soil_moisture_20cm". */
static bool name_channel(struct yaml_source *source, const struct field_draft *draft,
                         struct field_config *field)
{
    const char *channel = draft->depth[0] ? draft->depth : draft->at;
    size_t used = strlen(field->metric);
    if (*channel == '\0')
        return true;
    if (draft->depth[0] && draft->at[0])
        return yaml_error(source, field->line,
                          "depth and at both say which of several it is; keep one");
    if (used == 0)
        return yaml_error(source, field->line, "%s is for a field with a metric; leave it out",
                          draft->depth[0] ? "depth" : "at");
    if (used + 1 + strlen(channel) >= sizeof field->metric)
        return yaml_error(
            source, field->line,
            "the metric's name and \"%s\" are more than %zu letters together; write a "
            "shorter name",
            channel, sizeof field->metric - 1);
    (void)snprintf(field->metric + used, sizeof field->metric - used, "_%s", channel);
    return true;
}

static bool read_scale_register(struct yaml_source *source, const yaml_node_t *value,
                                struct field_config *field, const struct key *key, int8_t sign)
{
    if (field->scale_sign != 0)
        return yaml_error(source, yaml_line(value),
                          "scale_from and decimals_from are two ways of one thing; keep one");
    field->scale_sign = sign;
    return keys_read_one(source, value, key, field);
}

#define FIELD(member) KEY_MEMBER(struct field_config, member)

static bool read_scale_from(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "scale_from", .kind = KEY_INTEGER, FIELD(scale_address), .example = "40206"};
    return read_scale_register(source, value, target, &key, 1);
}

static bool read_decimals_from(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "decimals_from", .kind = KEY_INTEGER, FIELD(scale_address), .example = "3"};
    return read_scale_register(source, value, target, &key, -1);
}

/* Bits behind one register number. */
static bool read_width(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const char *const widths[] = {"16", "32", NULL};
    static const struct key key = {.name = "width", .kind = KEY_CHOICE, .choices = widths};
    uint8_t choice = 0;
    if (!keys_read_one(source, value, &key, &choice))
        return false;
    ((struct field_config *)target)->address_words = (uint8_t)(choice + 1);
    return true;
}

static bool read_every(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "every",
                                   .kind = KEY_MS,
                                   FIELD(every_ms),
                                   .min = 1,
                                   .max = 86400e3,
                                   .example = "10min"};
    ((struct field_draft *)target)->every_set = true;
    return keys_read_one(source, value, &key, target);
}

static const struct key field_keys[] = {
    {.name = "metric", .kind = KEY_METRIC, FIELD(metric), .example = "air_temperature"},
    {.name = "label", .kind = KEY_TEXT, FIELD(label), .example = "Leaf temperature"},
    {.name = "unit", .kind = KEY_TEXT, FIELD(unit), .example = "°C"},
    {.name = "role", .kind = KEY_CHOICE, FIELD(role), .choices = role_names},
    {.name = "function", .kind = KEY_INTEGER, FIELD(function), .min = 1, .max = 4, .example = "3"},
    {.name = "register",
     .kind = KEY_INTEGER,
     FIELD(address),
     .required = true,
     .example = "0x0000"},
    {.name = "type", .kind = KEY_CHOICE, FIELD(type), .choices = field_type_names},
    {.name = "order", .kind = KEY_CHOICE, FIELD(order), .choices = order_names},
    {.name = "bit", .kind = KEY_INTEGER, FIELD(bit), .min = 0, .max = 15, .example = "4"},
    {.name = "bits", .kind = KEY_INTEGER, FIELD(bit_count), .min = 1, .max = 16, .example = "3"},
    {.name = "channel", .kind = KEY_SIGNED, FIELD(channel), .min = 0, .max = 15, .example = "2"},
    {.name = "scale", .kind = KEY_NUMBER, FIELD(scale), .example = "0.1"},
    {.name = "offset", .kind = KEY_NUMBER, FIELD(offset), .example = "-40"},
    {.name = "min", .kind = KEY_NUMBER, FIELD(min), .example = "-40"},
    {.name = "max", .kind = KEY_NUMBER, FIELD(max), .example = "80"},
    {.name = "no_value", .kind = KEY_FUNCTION, .read = read_no_value},
    {.name = "not_measured", .kind = KEY_BOOL, FIELD(not_measured), .example = "true"},
    {.name = "stuck", .kind = KEY_S, FIELD(stuck_s), .max = 31536000, .example = "48h"},
    {.name = "most_per_hour",
     .kind = KEY_NUMBER,
     FIELD(most_per_hour),
     .min = 0,
     .max = 1e9,
     .example = "300"},
    {.name = "wraps",
     .kind = KEY_INTEGER,
     FIELD(wraps),
     .min = 2,
     .max = 9007199254740992.0, /* 2^53 */
     .example = "10000"},
    {.name = "expect", .kind = KEY_INTEGER, FIELD(expect), .example = "1"},
    {.name = "values", .kind = KEY_FUNCTION, .read = read_values},
    {.name = "byte", .kind = KEY_CHOICE, FIELD(byte), .choices = byte_names},
    {.name = "width", .kind = KEY_FUNCTION, .read = read_width},
    {.name = "length",
     .kind = KEY_INTEGER,
     FIELD(text_registers),
     .min = 1,
     .max = 32,
     .example = "8"},
    {.name = "scale_from", .kind = KEY_FUNCTION, .read = read_scale_from},
    {.name = "decimals_from", .kind = KEY_FUNCTION, .read = read_decimals_from},
    {.name = "every", .kind = KEY_FUNCTION, .read = read_every},
    {.name = "depth", .kind = KEY_FUNCTION, .read = read_depth},
    {.name = "at", .kind = KEY_FUNCTION, .read = read_at},
};

/* Has what was read of this key of a field a meaning? Always, unless all errors are collected. */
static bool sound(uint32_t wrong, const char *name)
{
    for (size_t i = 0; i < sizeof field_keys / sizeof *field_keys; i++) {
        if (strcmp(field_keys[i].name, name) == 0)
            return !(wrong >> i & 1);
    }
    return false;
}

/* What was written as a number is the code that the field's registers have for it. */
static bool encode_no_values(struct yaml_source *source, const struct field_draft *draft,
                             struct field_config *field)
{
    bool good = true;
    for (unsigned i = 0; i < field->no_value_count; i++) {
        double number = draft->numbers[i];
        float single = (float)number;
        uint32_t low;
        if (!(draft->no_value_numbers >> i & 1))
            continue;
        if (field->type == FIELD_F32) {
            memcpy(&low, &single, sizeof low);
            field->no_values[i] = low;
        } else if (field->type == FIELD_F64) {
            memcpy(&field->no_values[i], &number, sizeof number);
        } else if (number != nearbyint(number) || fabs(number) >= TWO_POW_64) {
            good = yaml_error(source, field->line,
                              "no_value %.17g is no code of type %s; write a whole number of at "
                              "most 64 bits",
                              number, profile_type_name(field->type));
        }
        if (field_type_kind(field) == FIELD_REAL)
            field->no_value_negative &= (uint8_t) ~(1u << i); /* it is in the code */
    }
    return good;
}

/* Codes that the field's registers can't hold would never be seen. */
static bool check_codes(struct yaml_source *source, int line, const struct field_config *field)
{
    bool good = true;
    enum field_kind kind = field_type_kind(field);
    bool is_signed = kind == FIELD_SIGNED || kind == FIELD_REAL;
    uint64_t most = field->type == FIELD_BITS || field->type == FIELD_BOOL
                        ? 0xFFFF /* what is less says profile_check() */
                        : field_type_mask(field);
    uint64_t depth = is_signed ? most / 2 + 1 : 0; /* so far below 0 */
    for (unsigned i = 0; i < field->no_value_count; i++) {
        bool negative = field->no_value_negative >> i & 1;
        uint64_t size = negative ? UINT64_C(0) - field->no_values[i] : field->no_values[i];
        if (size <= (negative ? depth : most))
            continue;
        good =
            yaml_error(source, line, "no_value %s%llu does not fit the type; write %s%llu to %llu",
                       negative ? "-" : "", (unsigned long long)size, depth ? "-" : "",
                       (unsigned long long)depth, (unsigned long long)most);
    }
    return good;
}

/* What role and metric ask of each other and of the type. */
static bool check_role(struct yaml_source *source, int line, const struct field_config *field,
                       uint32_t wrong)
{
    bool good = true;
    bool published = field->role == ROLE_METRIC || field->role == ROLE_COUNTER;
    bool known = sound(wrong, "role"), typed = sound(wrong, "type");
    if (known && typed && field->role == ROLE_COUNTER && !field_type_counts(field))
        good =
            yaml_error(source, line,
                       "role: counter counts whole codes from 0 up; write type: u16 or u32, u64, "
                       "or bcd16, bcd32, bcd64");
    if (known && published && !field->metric[0] && sound(wrong, "metric"))
        good =
            yaml_error(source, line,
                       "a field has no metric; add for example metric: air_temperature"
                       ", or the role it has (boot, seq, age, flags, status, map_version, model, "
                       "serial, firmware)");
    if (known && !published && field->metric[0])
        good =
            yaml_error(source, line, "metric \"%s\" on a field with role %s; leave the metric out",
                       field->metric, role_names[field->role]);
    if (typed && sound(wrong, "function") && field->function <= MODBUS_READ_DISCRETE &&
        field->type != FIELD_BOOL)
        good = yaml_error(source, line, "function %u reads single bits; write type: bool",
                          field->function);
    if (typed && sound(wrong, "bit") && sound(wrong, "bits") && field->type == FIELD_BITS &&
        (field->bit_count == 0 || field->bit + field->bit_count > 16))
        good = yaml_error(source, line,
                          "type bits needs bit and bits within one register; write for "
                          "example bit: 4, bits: 3");
    if (known && sound(wrong, "channel") && field->role == ROLE_FLAGS && field->channel < 0)
        good = yaml_error(source, line,
                          "a flags field needs the channel in its lowest four bits; "
                          "write for example channel: 0");
    return good;
}

/* What the type asks of the keys around it. */
static bool check_shape(struct yaml_source *source, int line, const struct field_config *field,
                        uint32_t wrong)
{
    bool good = true;
    bool text = field->type == FIELD_TEXT;
    bool bits = field->function <= MODBUS_READ_DISCRETE;
    if (!sound(wrong, "type"))
        return true;
    if (sound(wrong, "role") && text && field->role < ROLE_MODEL)
        good = yaml_error(source, line,
                          "a text is no measurement; write role: model, serial or firmware");
    if (sound(wrong, "length") && text && field->text_registers == 0)
        good = yaml_error(source, line,
                          "type text needs its length in registers; write for example length: 8");
    if (sound(wrong, "length") && !text && field->text_registers != 0)
        good = yaml_error(source, line, "length is for type: text; leave it out");
    if (sound(wrong, "byte") && field->byte && field_type_bits(field) != 8)
        good = yaml_error(source, line, "byte is for type: u8 or s8; leave it out");
    if (sound(wrong, "width") && field->address_words > 1 &&
        (bits || (!text && field_type_words(field) < 2)))
        good = yaml_error(source, line,
                          "width: 32 is for types of 32 bits and more; leave it out, or write for "
                          "example type: u32");
    if (field->scale_sign != 0 && (bits || text || field->enum_count > 0))
        good = yaml_error(source, line,
                          "a register of the scale is for numbers; leave scale_from and "
                          "decimals_from out");
    if (sound(wrong, "role") && field->scale_sign != 0 && !field->metric[0])
        good = yaml_error(source, line,
                          "a register of the scale is for a field with a metric; leave scale_from "
                          "and decimals_from out");
    return good;
}

static bool check_numbers(struct yaml_source *source, int line, const struct field_config *field,
                          uint32_t wrong)
{
    bool good = true;
    bool typed = sound(wrong, "type");
    if (sound(wrong, "role") && field->wraps && field->role != ROLE_COUNTER)
        good = yaml_error(source, line,
                          "wraps is where a counter begins again; write role: counter, or leave "
                          "wraps out");
    uint64_t codes = field_type_codes(field);
    if (typed && field->role == ROLE_COUNTER && field_type_counts(field) && codes != 0 &&
        field->wraps > codes)
        good = yaml_error(source, line, "type %s cannot count to %llu; write type: %s",
                          profile_type_name(field->type), (unsigned long long)field->wraps,
                          field_type_words(field) == 1 ? "u32" : "u64");
    if (sound(wrong, "scale") && field->scale == 0)
        good = yaml_error(source, line, "scale is 0; write for example scale: 0.1");
    if (typed && field->address + field_type_addresses(field) > 65536)
        good = yaml_error(source, line,
                          "the field reaches past register 0xFFFF; check register and type");
    if (sound(wrong, "min") && sound(wrong, "max") && field->min >= field->max)
        good = yaml_error(source, line, "min %g is not below max %g; exchange them", field->min,
                          field->max);
    return good;
}

/* What a field says must agree with itself. `wrong`: the keys that could not be read, if it goes on
 * nevertheless: what follows from them is no error of its own. */
static bool check_field(struct yaml_source *source, int line, const struct field_config *field,
                        uint32_t wrong)
{
    bool codes =
        !sound(wrong, "no_value") || !sound(wrong, "type") || check_codes(source, line, field);
    bool role = check_role(source, line, field, wrong);
    bool shape = check_shape(source, line, field, wrong);
    bool numbers = check_numbers(source, line, field, wrong);
    return codes && role && shape && numbers;
}

#define NO_LIMIT 1e12

/* The metric's limits are in its own unit. What that has to do with the device's may not be known:
 * then nothing is known of limits either. */
static void limit_as_metric(struct field_config *field, const struct metric_info *known)
{
    double min = known != NULL ? known->min : -NO_LIMIT;
    double max = known != NULL ? known->max : NO_LIMIT;
    bool own_unit = known != NULL && field->unit[0] != '\0';
    if (own_unit && !(unit_convert(known->unit, field->unit, &min) &&
                      unit_convert(known->unit, field->unit, &max))) {
        min = -NO_LIMIT;
        max = NO_LIMIT;
    }
    if (isnan(field->min))
        field->min = min;
    if (isnan(field->max))
        field->max = max;
}

bool profile_read_field(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct field_config *field = target;
    struct field_draft draft = {.field = {.function = MODBUS_READ_HOLDING,
                                          .scale = 1,
                                          .channel = -1,
                                          .address_words = 1,
                                          .min = (double)NAN,
                                          .max = (double)NAN,
                                          .most_per_hour = (double)NAN,
                                          .stuck_s = UINT32_MAX,
                                          .line = yaml_line(item)}};
    bool good = keys_read(source, item, "a field", field_keys,
                          sizeof field_keys / sizeof *field_keys, &draft);
    uint32_t wrong = good ? 0 : source->wrong;
    *field = draft.field;
    if (!good && source->all == NULL)
        return false;
    const struct metric_info *known = field->metric[0] ? metric_find(field->metric) : NULL;
    limit_as_metric(field, known);
    bool same_unit = known != NULL && (!field->unit[0] || strcmp(field->unit, known->unit) == 0);
    if (isnan(field->most_per_hour))
        field->most_per_hour = same_unit ? known->most_per_hour : 0;
    if (field->stuck_s == UINT32_MAX)
        field->stuck_s = known != NULL ? known->stuck_h * 3600u : 0;
    if (known != NULL && !field->unit[0])
        (void)snprintf(field->unit, sizeof field->unit, "%s", known->unit);
    if (field->role >= ROLE_MODEL && !draft.every_set)
        field->every_ms = TEXT_EVERY_MS;
    field->angle = same_unit && known->kind == METRIC_ANGLE;
    bool named = name_channel(source, &draft, field);
    bool coded = !sound(wrong, "no_value") || !sound(wrong, "type") ||
                 encode_no_values(source, &draft, field);
    return check_field(source, field->line, field, wrong) && good && named && coded;
}
