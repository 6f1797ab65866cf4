/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/profile.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/keys.h"

#define PROFILE_FIELDS_MAX 64
#define PROFILE_WRITES_MAX 32
#define PROFILES_LISTED    256

static const char *const type_names[] = {"u16", "s16", "u32", "s32", "f32", "bits", "bool", NULL};
static const char *const order_names[] = {"abcd", "cdab", "badc", "dcba", NULL};
static const char *const role_names[] = {"metric", "counter", "boot",        "seq", "age",
                                         "flags",  "status",  "map_version", NULL};
static const char *const parity_names[] = {"none", "even", "odd", NULL};
static const char parity_letters[] = "NEO";

unsigned profile_field_registers(const struct field_config *field)
{
    return field->type == FIELD_U32 || field->type == FIELD_S32 || field->type == FIELD_F32 ? 2 : 1;
}

const char *profile_field_name(const struct field_config *field)
{
    return field->metric[0] ? field->metric : role_names[field->role];
}

const char *profile_type_name(unsigned type)
{
    return type < sizeof type_names / sizeof *type_names - 1 ? type_names[type] : "?";
}

/* One of no_value, as written: a code of the field's width, negative for signed types. */
static bool read_no_value_code(struct yaml_source *source, const yaml_node_t *value,
                               struct field_config *field)
{
    static const struct key key = {.name = "no_value",
                                   .kind = KEY_SIGNED,
                                   .size = 8,
                                   .min = -2147483648.0,
                                   .max = 4294967295.0,
                                   .example = "0x8000"};
    int64_t code = 0;
    if (!keys_read_one(source, value, &key, &code))
        return false;
    field->no_values[field->no_value_count++] = (uint32_t)(uint64_t)code;
    return true;
}

/* A code, or a list of them. */
static bool read_no_value(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct field_config *field = target;
    if (value->type != YAML_SEQUENCE_NODE)
        return read_no_value_code(source, value, field);
    const yaml_node_item_t *item = value->data.sequence.items.start;
    if (value->data.sequence.items.top - item < 1 ||
        value->data.sequence.items.top - item > FIELD_NO_VALUES_MAX)
        return yaml_error(source, yaml_line(value),
                          "no_value has 1 to %d codes; write for example [32765, 32766, 32767]",
                          FIELD_NO_VALUES_MAX);
    for (; item < value->data.sequence.items.top; item++) {
        if (!read_no_value_code(source, yaml_at(source, *item), field))
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

#define FIELD(member) KEY_MEMBER(struct field_config, member)
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
    {.name = "type", .kind = KEY_CHOICE, FIELD(type), .choices = type_names},
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
     .max = UINT32_MAX,
     .example = "10000"},
    {.name = "expect", .kind = KEY_INTEGER, FIELD(expect), .example = "1"},
    {.name = "values", .kind = KEY_FUNCTION, .read = read_values},
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

/* Codes that the field's registers can't hold would never be seen. */
static bool check_codes(struct yaml_source *source, int line, const struct field_config *field)
{
    bool good = true;
    bool wide = profile_field_registers(field) == 2;
    bool is_signed = field->type == FIELD_S16 || field->type == FIELD_S32;
    int64_t most = wide ? INT64_C(0xFFFFFFFF) : 0xFFFF;
    int64_t least = !is_signed && field->type != FIELD_F32 ? 0 : wide ? INT32_MIN : INT16_MIN;
    for (unsigned i = 0; i < field->no_value_count; i++) {
        int64_t code = (int32_t)field->no_values[i] < 0 && field->no_values[i] > most
                           ? (int32_t)field->no_values[i]
                           : (int64_t)field->no_values[i];
        if (code < least || code > most)
            good =
                yaml_error(source, line, "no_value %lld does not fit the type; write %lld to %lld",
                           (long long)code, (long long)least, (long long)most);
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
    if (known && typed && field->role == ROLE_COUNTER && field->type != FIELD_U16 &&
        field->type != FIELD_U32)
        good = yaml_error(source, line,
                          "role: counter counts whole codes from 0 up; write type: u16 or u32");
    if (known && published && !field->metric[0] && sound(wrong, "metric"))
        good = yaml_error(source, line,
                          "a field has no metric; add for example metric: air_temperature"
                          ", or the role it has (boot, seq, age, flags, status, map_version)");
    if (known && !published && field->metric[0])
        good =
            yaml_error(source, line, "metric \"%s\" on a field with role %s; leave the metric out",
                       field->metric, role_names[field->role]);
    if (typed && sound(wrong, "function") && field->function <= 2 && field->type != FIELD_BOOL)
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

static bool check_numbers(struct yaml_source *source, int line, const struct field_config *field,
                          uint32_t wrong)
{
    bool good = true;
    bool typed = sound(wrong, "type");
    if (sound(wrong, "role") && field->wraps && field->role != ROLE_COUNTER)
        good = yaml_error(source, line,
                          "wraps is where a counter begins again; write role: counter, or leave "
                          "wraps out");
    if (typed && field->wraps > 65536 && profile_field_registers(field) == 1)
        good = yaml_error(source, line, "one register cannot count to %u; write type: u32",
                          field->wraps);
    if (sound(wrong, "scale") && field->scale == 0)
        good = yaml_error(source, line, "scale is 0; write for example scale: 0.1");
    if (typed && field->address + profile_field_registers(field) > 65536)
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
    bool numbers = check_numbers(source, line, field, wrong);
    return codes && role && numbers;
}

static bool read_field(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct field_config *field = target;
    *field = (struct field_config){
        .function = 3, .scale = 1, .channel = -1, .min = NAN, .max = NAN, .most_per_hour = NAN};
    field->line = yaml_line(item);
    bool good = keys_read(source, item, "a field", field_keys,
                          sizeof field_keys / sizeof *field_keys, field);
    uint32_t wrong = good ? 0 : source->wrong;
    if (!good && source->all == NULL)
        return false;
    const struct metric_info *known = field->metric[0] ? metric_find(field->metric) : NULL;
    if (isnan(field->min))
        field->min = known ? known->min : -1e12;
    if (isnan(field->max))
        field->max = known ? known->max : 1e12;
    bool same_unit = known && (!field->unit[0] || strcmp(field->unit, known->unit) == 0);
    if (isnan(field->most_per_hour))
        field->most_per_hour = same_unit ? known->most_per_hour : 0;
    if (known && !field->unit[0])
        strncpy(field->unit, known->unit, sizeof field->unit - 1);
    return check_field(source, field->line, field, wrong) && good;
}

static const char *const write_functions[] = {"5", "6", "15", "16", NULL};

static bool read_write_function(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const uint8_t codes[] = {5, 6, 15, 16};
    static const struct key key = {
        .name = "function", .kind = KEY_CHOICE, .choices = write_functions};
    uint8_t index;
    if (!keys_read_one(source, value, &key, &index))
        return false;
    ((struct write_config *)target)->function = codes[index];
    return true;
}

#define WRITE(member) KEY_MEMBER(struct write_config, member)
static const struct key write_keys[] = {
    {.name = "name", .kind = KEY_NAME, WRITE(name), .required = true, .example = "clear-rain"},
    {.name = "function", .kind = KEY_FUNCTION, .read = read_write_function},
    {.name = "register",
     .kind = KEY_INTEGER,
     WRITE(address),
     .required = true,
     .example = "0x6002"},
    {.name = "min", .kind = KEY_SIGNED, WRITE(min), .required = true, .example = "0"},
    {.name = "max", .kind = KEY_SIGNED, WRITE(max), .required = true, .example = "1"},
    {.name = "max_on", .kind = KEY_S, WRITE(max_on_s), .example = "30min"},
    {.name = "technician", .kind = KEY_BOOL, WRITE(technician), .example = "true"},
};

static bool read_write(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct write_config *write = target;
    write->function = 6;
    if (!keys_read(source, item, "a write", write_keys, sizeof write_keys / sizeof *write_keys,
                   write))
        return false;
    if (write->min > write->max)
        return yaml_error(source, yaml_line(item), "min %d is above max %d; exchange them",
                          write->min, write->max);
    return true;
}

#define PROFILE(member) KEY_MEMBER(struct profile_config, member)
static bool read_parity(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "parity", .kind = KEY_CHOICE, .choices = parity_names};
    uint8_t index;
    if (!keys_read_one(source, value, &key, &index))
        return false;
    ((struct profile_config *)target)->parity = parity_letters[index];
    return true;
}

static bool read_serial(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "baud",
         .kind = KEY_INTEGER,
         PROFILE(baud),
         .min = 300,
         .max = 921600,
         .example = "9600"},
        {.name = "parity", .kind = KEY_FUNCTION, .read = read_parity},
        {.name = "stop_bits",
         .kind = KEY_INTEGER,
         PROFILE(stop_bits),
         .min = 1,
         .max = 2,
         .example = "1"},
    };
    return keys_read(source, value, "serial", keys, sizeof keys / sizeof *keys, target);
}

static bool read_limits(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "max_registers",
         .kind = KEY_INTEGER,
         PROFILE(max_registers),
         .min = 1,
         .max = 125,
         .example = "32"},
        {.name = "read_gap",
         .kind = KEY_INTEGER,
         PROFILE(read_gap),
         .min = 0,
         .max = 124,
         .example = "8"},
        {.name = "extra_silence",
         .kind = KEY_US,
         PROFILE(extra_silence_us),
         .min = 0,
         .max = 1e6,
         .example = "20ms"},
        {.name = "response_max",
         .kind = KEY_MS,
         PROFILE(response_max_ms),
         .min = 20,
         .max = 10000,
         .example = "1s"},
    };
    return keys_read(source, value, "limits", keys, sizeof keys / sizeof *keys, target);
}

static bool read_address(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "register", .kind = KEY_INTEGER, PROFILE(address_register), .example = "0x07D0"},
        {.name = "default",
         .kind = KEY_INTEGER,
         PROFILE(address_default),
         .min = 1,
         .max = 255,
         .example = "1"},
    };
    return keys_read(source, value, "address", keys, sizeof keys / sizeof *keys, target);
}

static bool read_codes(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct profile_config *profile = target;
    static const struct key key = {
        .name = "codes", .kind = KEY_INTEGER, .size = 4, .max = 1e6, .example = "9600"};
    size_t room = sizeof profile->baud_codes / sizeof profile->baud_codes[0];
    const yaml_node_item_t *item = value->data.sequence.items.start;
    if (value->type != YAML_SEQUENCE_NODE || (size_t)(value->data.sequence.items.top - item) > room)
        return yaml_error(
            source, yaml_line(value),
            "codes must be a list of at most %zu rates; write for example [2400, 4800, 9600]",
            room);
    for (; item < value->data.sequence.items.top; item++) {
        if (!keys_read_one(source, yaml_at(source, *item), &key,
                           &profile->baud_codes[profile->baud_code_count]))
            return false;
        profile->baud_code_count++;
    }
    return true;
}

static bool read_rate(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "register", .kind = KEY_INTEGER, PROFILE(baud_register), .example = "0x07D1"},
        {.name = "codes", .kind = KEY_FUNCTION, .read = read_codes},
        {.name = "power_cycle",
         .kind = KEY_BOOL,
         PROFILE(power_cycle_after_change),
         .example = "true"},
    };
    return keys_read(source, value, "rate", keys, sizeof keys / sizeof *keys, target);
}

static bool read_fields(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct profile_config *profile = target;
    return keys_list(source, value, "fields", PROFILE_FIELDS_MAX, sizeof *profile->fields,
                     (void **)&profile->fields, &profile->field_count, read_field);
}

static bool read_writes(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct profile_config *profile = target;
    return keys_list(source, value, "writes", PROFILE_WRITES_MAX, sizeof *profile->writes,
                     (void **)&profile->writes, &profile->write_count, read_write);
}

static const char *const zero_names[] = {"value", "nothing", NULL};

static bool read_all_zero(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "all_zero", .kind = KEY_CHOICE, .choices = zero_names, .example = "nothing"};
    uint8_t choice = 0;
    if (!keys_read_one(source, value, &key, &choice))
        return false;
    ((struct profile_config *)target)->all_zero_is_nothing = choice == 1;
    return true;
}

static const struct key profile_keys[] = {
    {.name = "label",
     .kind = KEY_TEXT,
     PROFILE(label),
     .required = true,
     .example = "XY-MD02, air"},
    {.name = "serial", .kind = KEY_FUNCTION, .read = read_serial},
    {.name = "limits", .kind = KEY_FUNCTION, .read = read_limits},
    {.name = "address", .kind = KEY_FUNCTION, .read = read_address},
    {.name = "rate", .kind = KEY_FUNCTION, .read = read_rate},
    {.name = "warm_up", .kind = KEY_MS, PROFILE(warm_up_ms), .max = 3600000, .example = "30s"},
    {.name = "all_zero", .kind = KEY_FUNCTION, .read = read_all_zero},
    {.name = "node", .kind = KEY_BOOL, PROFILE(node), .example = "true"},
    {.name = "fields",
     .kind = KEY_FUNCTION,
     .read = read_fields,
     .required = true,
     .example = "[{ metric: air_temperature, register: 0, type: s16, scale: 0.1 }]"},
    {.name = "writes", .kind = KEY_FUNCTION, .read = read_writes},
};

static bool check_fields(struct yaml_source *source, const struct profile_config *profile)
{
    unsigned published = 0;
    bool all_read = !source->failed, good = true;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        published += field->metric[0] && !field->not_measured;
        if (profile_field_registers(field) > profile->max_registers)
            good = yaml_error(source, field->line,
                              "a field is wider than max_registers %u; raise the limit",
                              profile->max_registers);
        for (unsigned j = 0; j < i && field->metric[0]; j++) {
            if (strcmp(field->metric, profile->fields[j].metric) == 0)
                good = yaml_error(source, field->line,
                                  "metric \"%s\" stands twice; give each field its own",
                                  field->metric);
        }
    }
    if ((published == 0 && (all_read || (profile->fields && profile->field_count == 0))) ||
        published > READING_VALUES_MAX)
        good = yaml_error(source, 1, "%u measured metrics; a profile has 1 to %d", published,
                          READING_VALUES_MAX);
    return good;
}

bool profile_read(struct yaml_source *source, const char *name, struct profile_config *profile)
{
    *profile = (struct profile_config){.baud = 9600,
                                       .parity = 'N',
                                       .stop_bits = 1,
                                       .max_registers = 125,
                                       .response_max_ms = 1000,
                                       .address_register = 0xFFFF,
                                       .baud_register = 0xFFFF,
                                       .address_default = 1};
    (void)snprintf(profile->name, sizeof profile->name, "%s", name);
    bool good = keys_read(source, yaml_root(source), "a profile", profile_keys,
                          sizeof profile_keys / sizeof *profile_keys, profile);
    if (!good && source->all == NULL)
        return false;
    return check_fields(source, profile) && good;
}

bool profile_load(const char *path, const char *name, struct profile_config *profile,
                  struct config_error *error)
{
    struct yaml_source source;
    *profile = (struct profile_config){0};
    bool good = yaml_open(&source, path, error) && profile_read(&source, name, profile);
    yaml_close(&source);
    return good;
}

void profile_free(struct profile_config *profile)
{
    free(profile->fields);
    free(profile->writes);
    profile->fields = NULL;
    profile->writes = NULL;
}

static bool file_in(const char *folder, const char *name, char *path, size_t size)
{
    int written = snprintf(path, size, "%s/%s.yaml", folder, name);
    return written > 0 && (size_t)written < size && access(path, R_OK) == 0;
}

bool profile_find(const char *name, const char *profile_dir, char *path, size_t size)
{
    return (profile_dir && file_in(profile_dir, name, path, size)) ||
           file_in(BAIYE_PROFILE_DIR, name, path, size);
}

static size_t list_folder(const char *folder, char (*names)[CONFIG_NAME_SIZE], size_t count)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (dir && count < PROFILES_LISTED && (entry = readdir(dir))) {
        const char *end = strstr(entry->d_name, ".yaml");
        size_t size = end ? (size_t)(end - entry->d_name) : 0;
        if (size == 0 || size >= CONFIG_NAME_SIZE)
            continue;
        memcpy(names[count], entry->d_name, size);
        names[count++][size] = '\0';
    }
    if (dir)
        (void)closedir(dir);
    return count;
}

void profile_nearest(const char *name, const char *profile_dir, char *nearest, size_t size)
{
    char(*names)[CONFIG_NAME_SIZE] = calloc(PROFILES_LISTED, CONFIG_NAME_SIZE);
    const char *words[PROFILES_LISTED + 1] = {NULL};
    *nearest = '\0';
    if (!names)
        return;
    size_t count = list_folder(BAIYE_PROFILE_DIR, names, list_folder(profile_dir, names, 0));
    for (size_t i = 0; i < count; i++)
        words[i] = names[i];
    const char *found = yaml_nearest(name, words);
    if (found)
        (void)snprintf(nearest, size, "%s", found);
    free(names);
}
