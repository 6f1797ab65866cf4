/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a profile, for who writes it. First the daemon's own reader, going on after
 * each error; then what that takes because a device could mean it, though none does: a document's
 * register numbers, a metric's name nearly spelled, a unit that is not the metric's. A line that
 * the reader found wrong is not judged by what it was read as. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/profile.h"
#include "protocols/modbus/pdu.h"

struct check {
    struct yaml_source *source;
    const struct profile_config *profile;
    unsigned read_errors; /* so many are the reader's */
};

/* A key's value; NULL when the mapping has none. */
static const yaml_node_t *value_of(const struct check *check, const yaml_node_t *mapping,
                                   const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = yaml_text(yaml_at(check->source, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return yaml_at(check->source, pair->value);
    }
    return NULL;
}

static const yaml_node_t *item_of(const struct check *check, const char *list, unsigned index)
{
    const yaml_node_t *node = value_of(check, yaml_root(check->source), list);
    if (node == NULL || node->type != YAML_SEQUENCE_NODE)
        return NULL;
    const yaml_node_item_t *item = node->data.sequence.items.start + index;
    return item < node->data.sequence.items.top ? yaml_at(check->source, *item) : NULL;
}

/* Did the reader find nothing wrong from the first line of an item to its last? */
static bool was_read(const struct check *check, const yaml_node_t *item)
{
    int first = yaml_line(item), last = (int)item->end_mark.line + 1;
    if (item->type == YAML_MAPPING_NODE && item->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
        last > first)
        last--; /* an indented one ends where the next thing begins */
    for (unsigned i = 0; i < check->read_errors; i++) {
        int line = check->source->all->list[i].line;
        if (line >= first && line <= last)
            return false;
    }
    return true;
}

/* ---- Register numbers as documents have them ---- */

/* 40011, or 400011, is what documents call the eleventh holding register. */
struct document_number {
    unsigned address, read_function;
    const char *what;
};

static bool is_document_number(const char *text, unsigned read_function,
                               struct document_number *number)
{
    static const struct {
        char digit;
        unsigned function;
        const char *what;
    } kinds[] = {{'4', 3, N_("a holding register")},
                 {'3', 4, N_("an input register")},
                 {'1', 2, N_("a discrete input")}};
    int64_t value = 0;
    size_t size = strlen(text);
    if ((size != 5 && size != 6) || strspn(text, "0123456789") != size ||
        !units_integer(text, &value))
        return false;
    int64_t base = size == 5 ? 10000 : 100000;
    int64_t rest = value % base;
    if (rest < 1 || rest > 65536 || value < base)
        return false; /* six digits that begin with 0 are a plain number */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        /* five digits may be an address: only registers are counted so far, and bits rarely */
        bool registers =
            kinds[i].function >= MODBUS_READ_HOLDING && read_function >= MODBUS_READ_HOLDING;
        if (text[0] == kinds[i].digit &&
            (size == 6 || registers || kinds[i].function == read_function)) {
            *number =
                (struct document_number){(unsigned)rest - 1, kinds[i].function, kinds[i].what};
            return true;
        }
    }
    return false;
}

/* The reader's own words on a number that is too large are no help: these take their place. */
static void say_register(const struct check *check, int line, const char *key, const char *number,
                         const char *text)
{
    char begin[64];
    struct yaml_errors *all = check->source->all;
    (void)snprintf(begin, sizeof begin, "%s: %.20s ", key, number);
    for (unsigned i = 0; i < check->read_errors; i++) {
        struct yaml_line_error *said = &all->list[i];
        if (said->line == line && strncmp(said->text, begin, strlen(begin)) == 0) {
            (void)snprintf(said->text, sizeof said->text, "%s", text);
            return;
        }
    }
    (void)yaml_error(check->source, line, "%s", text);
}

/* A register number of a mapping, behind `key`, that is read with `function`; `writes`: that is
 * written. */
static void check_register(const struct check *check, const yaml_node_t *mapping, const char *key,
                           unsigned function, bool writes)
{
    const yaml_node_t *node = value_of(check, mapping, key);
    const char *text = node != NULL ? yaml_text(node) : NULL;
    struct document_number number;
    char instead[40] = "", otherwise[80] = "", said[300];
    if (text == NULL || !is_document_number(text, function, &number))
        return;
    if (!writes && number.read_function != function)
        (void)snprintf(instead, sizeof instead, "function: %u, ", number.read_function);
    if (strlen(text) == 5)
        (void)snprintf(otherwise, sizeof otherwise,
                       _("; if the device does count so far, write 0x%04X"),
                       (unsigned)strtoul(text, NULL, 10));
    if (writes && number.read_function != MODBUS_READ_HOLDING)
        (void)snprintf(said, sizeof said,
                       _("register %s is what documents call %s, which can't be written; write the "
                         "number of its holding register%s"),
                       text, gettext(number.what), otherwise);
    else
        (void)snprintf(said, sizeof said,
                       _("%s %s is what documents call %s; counted from 0 it is %u: write %s%s: "
                         "%u%s"),
                       key, text, gettext(number.what), number.address, instead, key,
                       number.address, otherwise);
    say_register(check, yaml_line(node), key, text, said);
}

/* ---- Metrics and units ---- */

static const struct {
    const char *said, *meant;
} metric_habits[] = {
    {"co2", "carbon_dioxide"},
    {"conductivity", "soil_conductivity"},
    {"ec", "soil_conductivity"},
    {"light", "illuminance"},
    {"light_intensity", "illuminance"},
    {"lux", "illuminance"},
    {"par", "photosynthetic_radiation"},
    {"precipitation", "rainfall"},
    {"rain", "rainfall"},
    {"rssi", "signal_strength"},
    {"salinity", "soil_salinity"},
    {"soil_ec", "soil_conductivity"},
    {"soil_humidity", "soil_moisture"},
    {"soil_k", "soil_potassium"},
    {"soil_n", "soil_nitrogen"},
    {"soil_p", "soil_phosphorus"},
    {"soil_water", "soil_moisture"},
    {"soil_water_content", "soil_moisture"},
    {"temp", "air_temperature"},
    {"uv", "ultraviolet_index"},
    {"uv_index", "ultraviolet_index"},
    {"vpd", "vapour_pressure_deficit"},
    {"wind_dir", "wind_direction"},
};

/* "temperature" in "air_temperature": whole words at the end. */
static bool ends_with_word(const char *name, const char *word)
{
    size_t size = strlen(name), tail = strlen(word);
    return size > tail + 1 && name[size - tail - 1] == '_' && strcmp(name + size - tail, word) == 0;
}

/* "soil_temperature_2" is somebody's second one, and no slip. */
static bool is_another_of(const char *name)
{
    const struct metric_info *info;
    for (size_t i = 0; (info = metric_at(i)) != NULL; i++) {
        size_t size = strlen(info->name);
        if (strncmp(name, info->name, size) == 0 && name[size] == '_')
            return true;
    }
    return false;
}

static const char *nearest_metric(const char *name)
{
    const char *names[128] = {NULL};
    const struct metric_info *info;
    for (size_t i = 0; i + 1 < sizeof names / sizeof names[0] && (info = metric_at(i)) != NULL; i++)
        names[i] = info->name;
    return yaml_nearest(name, names);
}

/* Which known metrics were meant, as text; "" when the name is the writer's own. */
static void meant_metrics(const char *name, char *meant, size_t size)
{
    *meant = '\0';
    for (size_t i = 0; i < sizeof metric_habits / sizeof metric_habits[0]; i++) {
        if (strcmp(name, metric_habits[i].said) == 0) {
            (void)snprintf(meant, size, "%s", metric_habits[i].meant);
            return;
        }
    }
    const struct metric_info *info;
    for (size_t i = 0; (info = metric_at(i)) != NULL; i++) {
        size_t used = strlen(meant);
        if (ends_with_word(info->name, name) && used + strlen(info->name) + 3 < size)
            (void)snprintf(meant + used, size - used, "%s%s", used ? ", " : "", info->name);
    }
    const char *near = *meant || is_another_of(name) ? NULL : nearest_metric(name);
    if (near != NULL)
        (void)snprintf(meant, size, "%s", near);
}

static void check_metric(const struct check *check, const yaml_node_t *item)
{
    const yaml_node_t *node = value_of(check, item, "metric");
    const char *name = node != NULL ? yaml_text(node) : NULL;
    char meant[200];
    if (name == NULL || metric_find(name) != NULL)
        return;
    meant_metrics(name, meant, sizeof meant);
    if (*meant)
        (void)yaml_error(check->source, yaml_line(node),
                         "\"%.40s\" is no known metric; write %s%s, or a name of your own that is "
                         "not so much like it",
                         name, strchr(meant, ',') != NULL ? _("one of ") : "", meant);
}

/* How other units become ours: value × factor + add. */
static const struct {
    const char *from, *to;
    double factor, add;
} conversions[] = {
    {"°F", "°C", 5.0 / 9, -160.0 / 9},
    {"K", "°C", 1, -273.15},
    {"Pa", "kPa", 0.001, 0},
    {"hPa", "kPa", 0.1, 0},
    {"mbar", "kPa", 0.1, 0},
    {"bar", "kPa", 100, 0},
    {"MPa", "kPa", 1000, 0},
    {"mS/cm", "µS/cm", 1000, 0},
    {"dS/m", "µS/cm", 1000, 0},
    {"mS/m", "µS/cm", 10, 0},
    {"S/m", "µS/cm", 10000, 0},
    {"km/h", "m/s", 1 / 3.6, 0},
    {"mph", "m/s", 0.44704, 0},
    {"kn", "m/s", 0.514444, 0},
    {"in", "mm", 25.4, 0},
    {"cm", "mm", 10, 0},
    {"cm", "m", 0.01, 0},
    {"mm", "m", 0.001, 0},
    {"mV", "V", 0.001, 0},
    {"klx", "lx", 1000, 0},
    {"g/kg", "mg/kg", 1000, 0},
    {"g/L", "mg/L", 1000, 0},
    {"L", "m³", 0.001, 0},
    {"L/min", "m³/h", 0.06, 0},
    {"L/h", "m³/h", 0.001, 0},
    {"m³/m³", "%", 100, 0},
};

static void check_unit(const struct check *check, const yaml_node_t *item,
                       const struct field_config *field)
{
    const yaml_node_t *node = value_of(check, item, "unit");
    const char *unit = node != NULL ? yaml_text(node) : NULL;
    const struct metric_info *info = field->metric[0] ? metric_find(field->metric) : NULL;
    char how[120];
    if (unit == NULL || info == NULL || strcmp(unit, info->unit) == 0)
        return;
    (void)snprintf(how, sizeof how, "%s", _("leave unit out"));
    for (size_t i = 0; i < sizeof conversions / sizeof conversions[0]; i++) {
        double factor = conversions[i].factor;
        double offset = field->offset * factor + conversions[i].add;
        if (strcmp(unit, conversions[i].from) != 0 || strcmp(info->unit, conversions[i].to) != 0)
            continue;
        (void)snprintf(how, sizeof how, _("leave unit out and write scale: %.6g"),
                       field->scale * factor);
        if (offset != 0)
            (void)text_add(how, sizeof how, ", offset: %.6g", offset);
    }
    (void)yaml_error(check->source, yaml_line(node),
                     "unit \"%.20s\" is not that of %s, which is %s; %s", unit, info->name,
                     info->unit[0] ? info->unit : _("a number without unit"), how);
}

/* ---- Codes and ranges ---- */

/* The highest code of a type of whole numbers from 0 up; 0 for others. */
static uint64_t most_code(const struct field_config *field)
{
    return field_type_kind(field) == FIELD_UNSIGNED ? field_type_mask(field) : 0;
}

static void check_codes(const struct check *check, const yaml_node_t *item,
                        const struct field_config *field)
{
    uint64_t most = most_code(field);
    int line = field->line;
    for (unsigned i = 0; i < field->no_value_count; i++) {
        const yaml_node_t *node = value_of(check, item, "no_value");
        if ((field->type == FIELD_BITS || field->type == FIELD_BOOL) && field->no_values[i] > most)
            (void)yaml_error(check->source, node != NULL ? yaml_line(node) : line,
                             "no_value %llu can't be seen in %s of %s; write 0 to %llu",
                             (unsigned long long)field->no_values[i],
                             field->type == FIELD_BOOL ? _("the one bit") : _("the bits"),
                             profile_field_name(field), (unsigned long long)most);
    }
    if (field->role == ROLE_MAP_VERSION && most > 0 && field->expect > most)
        (void)yaml_error(check->source, line, "expect %u does not fit the type; write 0 to %llu",
                         field->expect, (unsigned long long)most);
    if (field->enum_count > 0 && most == 0)
        (void)yaml_error(check->source, line,
                         "values are for the codes 0, 1, …, which type %s does not count in; write "
                         "type: u16, or bits",
                         profile_type_name(field->type));
    else if (field->enum_count > 0 && field->enum_count - 1u > most)
        (void)yaml_error(check->source, line,
                         "values has %u numbers, but there are only %llu codes", field->enum_count,
                         (unsigned long long)most + 1);
}

/* Can any code mean something plausible? Of what has its scale from a register nobody knows. */
static void check_reach(const struct check *check, const struct field_config *field)
{
    uint64_t mask = field_type_mask(field), codes = field_type_codes(field);
    enum field_kind kind = field_type_kind(field);
    double low = 0, high = (double)mask;
    if (field->role != ROLE_METRIC || field->enum_count > 0 || kind == FIELD_REAL ||
        kind == FIELD_LETTERS || field->scale_sign != 0)
        return;
    if (kind == FIELD_SIGNED || kind == FIELD_MAGNITUDE) {
        high = (double)(mask >> 1);
        low = kind == FIELD_SIGNED ? -high - 1 : -high;
    } else if (kind == FIELD_DECIMAL) {
        high = (double)(codes - 1);
    }
    double a = low * field->scale + field->offset, b = high * field->scale + field->offset;
    low = a < b ? a : b;
    high = a < b ? b : a;
    if (low >= field->max || high <= field->min)
        (void)yaml_error(check->source, field->line,
                         "%s gives %.6g to %.6g, but %s is plausible from %.6g to %.6g only; check "
                         "type, scale and offset",
                         profile_type_name(field->type), low, high, profile_field_name(field),
                         field->min, field->max);
}

/* ---- Keys that do nothing ---- */

static bool has_flags(const struct profile_config *profile, int channel)
{
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        int at = channel - field->channel;
        if (field->role == ROLE_FLAGS && at >= 0 && at < 4 * (int)field_type_words(field))
            return true;
    }
    return false;
}

static void check_idle_keys(const struct check *check, const yaml_node_t *item,
                            const struct field_config *field)
{
    bool narrow = field_type_words(field) == 1;
    bool byte = field_type_bits(field) == 8;
    bool swaps_words = field->order == ORDER_CDAB || field->order == ORDER_DCBA;
    bool published = field->metric[0] != '\0';
    bool says = field->role >= ROLE_MODEL && field->type != FIELD_TEXT;
    const struct {
        const char *key;
        bool idle;
        const char *why;
    } rules[] = {
        {"bit", field->type != FIELD_BITS, N_("is for type: bits")},
        {"bits", field->type != FIELD_BITS, N_("is for type: bits")},
        {"byte", !byte, N_("is for type: u8 or s8")},
        {"order", narrow && swaps_words, N_("cdab and dcba exchange registers, and this is one")},
        {"order", byte, N_("has no effect on one byte; byte says which")},
        {"scale", field->enum_count > 0 || !(published || says), N_("has no effect here")},
        {"offset", field->enum_count > 0 || !(published || says) || field->role == ROLE_COUNTER,
         N_("has no effect here")},
        {"expect", field->role != ROLE_MAP_VERSION, N_("is for role: map_version")},
        {"most_per_hour", field->role != ROLE_COUNTER, N_("is for role: counter")},
        {"stuck", field->role != ROLE_METRIC || !published, N_("is for measurements")},
        {"channel", field->role != ROLE_FLAGS && !has_flags(check->profile, field->channel),
         N_("is a place in a field with role: flags, and no such field has it")},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const yaml_node_t *node = rules[i].idle ? value_of(check, item, rules[i].key) : NULL;
        if (node != NULL)
            (void)yaml_error(check->source, yaml_line(node), "%s %s; leave it out", rules[i].key,
                             gettext(rules[i].why));
    }
}

/* ---- Fields and writes among each other ---- */

/* The bits of its one register that a field takes; all where it takes more. */
static uint32_t bits_taken(const struct field_config *field)
{
    if (field->type == FIELD_BITS)
        return (uint32_t)field_type_mask(field) << field->bit;
    if (field_type_bits(field) == 8)
        return field->byte ? 0xFF00 : 0x00FF;
    return 0xFFFF;
}

static void check_overlap(const struct check *check, unsigned index)
{
    const struct field_config *field = &check->profile->fields[index];
    unsigned end = field->address + field_type_addresses(field);
    for (unsigned i = 0; i < index; i++) {
        const struct field_config *other = &check->profile->fields[i];
        unsigned other_end = other->address + field_type_addresses(other);
        const yaml_node_t *item = item_of(check, "fields", i);
        if (item == NULL || !was_read(check, item) || field->function != other->function ||
            field->address >= other_end || other->address >= end ||
            (bits_taken(field) & bits_taken(other)) == 0)
            continue;
        const struct field_config *lower = field->address < other->address ? field : other;
        (void)yaml_error(check->source, field->line,
                         "%s and %s (line %d) both take register %u%s; check register and type",
                         profile_field_name(field), profile_field_name(other), other->line,
                         field->address > other->address ? field->address : other->address,
                         field->address == other->address || field_type_addresses(lower) < 2 ? ""
                         : field_type_bits(lower) == 32 ? _(" (32 bits take two registers)")
                         : field_type_bits(lower) == 64 ? _(" (64 bits take four registers)")
                                                        : "");
        return;
    }
}

static void check_write(const struct check *check, unsigned index)
{
    const struct write_config *write = &check->profile->writes[index];
    const yaml_node_t *item = item_of(check, "writes", index);
    bool bit = write->function == MODBUS_WRITE_COIL || write->function == MODBUS_WRITE_COILS;
    int32_t least = bit ? 0 : -32768, most = bit ? 1 : 65535;
    if (item == NULL)
        return;
    check_register(check, item, "register", 3, true);
    if (!was_read(check, item))
        return;
    int line = yaml_line(item);
    if (write->min < least || write->max > most)
        (void)yaml_error(check->source, line,
                         "function %u writes %d to %d; %s has min %d, max %d: write a range inside",
                         write->function, least, most, write->name, write->min, write->max);
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(write->name, check->profile->writes[i].name) == 0)
            (void)yaml_error(check->source, line,
                             "the name \"%s\" stands twice in writes; give each its own",
                             write->name);
    }
}

static void check_counters(const struct check *check)
{
    unsigned counters = 0;
    for (unsigned i = 0; i < check->profile->field_count; i++) {
        const struct field_config *field = &check->profile->fields[i];
        counters += field->role == ROLE_COUNTER && !field->not_measured;
        if (field->role == ROLE_COUNTER && counters == READING_COUNTERS_MAX + 1)
            (void)yaml_error(check->source, field->line,
                             "%s is one counter more than the %d whose place is kept over a "
                             "restart; make two profiles",
                             field->metric, READING_COUNTERS_MAX);
    }
}

static void check_field(const struct check *check, unsigned index)
{
    const struct field_config *field = &check->profile->fields[index];
    const yaml_node_t *item = item_of(check, "fields", index);
    if (item == NULL)
        return;
    check_register(check, item, "register", field->function, false);
    check_register(check, item, "scale_from", field->function, false);
    check_register(check, item, "decimals_from", field->function, false);
    check_metric(check, item);
    check_unit(check, item, field);
    if (!was_read(check, item))
        return;
    check_codes(check, item, field);
    check_reach(check, field);
    check_idle_keys(check, item, field);
    check_overlap(check, index);
}

/* ---- The file ---- */

/* The profile's name is the file's. */
static void name_of(struct yaml_source *source, const char *path, char name[CONFIG_NAME_SIZE])
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    size_t size = strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789-");
    bool good = size > 0 && size < CONFIG_NAME_SIZE && strcmp(file + size, ".yaml") == 0;
    if (!good)
        (void)yaml_error(source, 1,
                         "the file's name is the profile's: call it NAME.yaml, with 1 to %d small "
                         "letters, digits and hyphens",
                         CONFIG_NAME_SIZE - 1);
    (void)snprintf(name, CONFIG_NAME_SIZE, "%.*s", good ? (int)size : 0, file);
}

static void sort_by_line(struct yaml_errors *errors)
{
    for (unsigned i = 1; i < errors->count; i++) {
        struct yaml_line_error moved = errors->list[i];
        unsigned at = i;
        for (; at > 0 && errors->list[at - 1].line > moved.line; at--)
            errors->list[at] = errors->list[at - 1];
        errors->list[at] = moved;
    }
}

bool profile_check(const char *path, struct profile_config *profile, struct yaml_errors *errors)
{
    struct yaml_source source;
    char name[CONFIG_NAME_SIZE];
    errors->count = 0;
    *profile = (struct profile_config){0};
    if (yaml_open_all(&source, path, errors)) {
        (void)profile_read(&source, "", profile);
        struct check check = {&source, profile, errors->count};
        for (unsigned i = 0; i < profile->field_count; i++)
            check_field(&check, i);
        for (unsigned i = 0; i < profile->write_count; i++)
            check_write(&check, i);
        for (unsigned i = 0; i < profile->block_count; i++)
            check_register(&check, item_of(&check, "blocks", i), "register",
                           profile->blocks[i].function, false);
        check_register(&check, value_of(&check, yaml_root(&source), "address"), "register", 3,
                       true);
        check_register(&check, value_of(&check, yaml_root(&source), "rate"), "register", 3, true);
        check_counters(&check);
        name_of(&source, path, name);
        memcpy(profile->name, name, sizeof profile->name);
    }
    yaml_close(&source);
    sort_by_line(errors);
    return errors->count == 0;
}
