/* SPDX-License-Identifier: Apache-2.0 */
/* Which of our metrics a value is: by the words of its name, then also of what it stands under, and
 * by its unit. What is not sure keeps its own name, and `profile check` says what is like it. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/common/unit_convert.h"
#include "protocols/metric/metric.h"
#include "tools/cli/import/import.h"

/* ---- Units ---- */

static const char *usual_unit(const char *unit)
{
    static const struct {
        const char *said, *usual;
    } units[] = {
        {"C", "°C"},
        {"℃", "°C"},
        {"degC", "°C"},
        {"deg C", "°C"},
        {"F", "°F"},
        {"lux", "lx"},
        {"Lux", "lx"},
        {"uS/cm", "µS/cm"},
        {"us/cm", "µS/cm"},
        {"μS/cm", "µS/cm"},
        {"m3", "m³"},
        {"m^3", "m³"},
        {"l", "L"},
        {"W/m2", "W/m²"},
        {"m3/h", "m³/h"},
        {"m^3/h", "m³/h"},
        {"deg", "°"},
        {"degrees", "°"},
        {"rpm", "1/min"},
        {"RPM", "1/min"},
        {"ug/m3", "µg/m³"},
        {"μg/m³", "µg/m³"},
        {"dB(A)", "dB"},
        {"dBA", "dB"},
        {"umol/m2s", "µmol/m²/s"},
        {"kWh ", "kWh"},
        {"kwh", "kWh"},
        {"hz", "Hz"},
        {"mBar", "mbar"},
        {"km/h ", "km/h"},
        {"kph", "km/h"},
        {"mg/l", "mg/L"},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].said, unit) == 0)
            return units[i].usual;
    }
    return unit;
}

/* value × *factor + *add is in unit `to`. */
static bool conversion(const char *from, const char *to, double *factor, double *add)
{
    static const struct {
        const char *from, *to;
        double factor;
    } more[] = {{"kW", "W", 1e3},    {"MW", "W", 1e6},        {"Wh", "kWh", 1e-3},
                {"MWh", "kWh", 1e3}, {"mA", "A", 1e-3},       {"kV", "V", 1e3},
                {"kHz", "Hz", 1e3},  {"L/min", "m³/h", 0.06}, {"L/h", "m³/h", 1e-3}};
    double one = 1;
    *factor = 1;
    *add = 0;
    if (from[0] == '\0' || strcmp(from, to) == 0)
        return true;
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        if (strcmp(more[i].from, from) == 0 && strcmp(more[i].to, to) == 0) {
            *factor = more[i].factor;
            return true;
        }
    }
    if (!unit_convert(from, to, add) || !unit_convert(from, to, &one))
        return false;
    *factor = one - *add;
    if (fabs(*add) < 1e-9) /* 273.15 - 273.15 */
        *add = 0;
    *factor = round(*factor * 1e9) / 1e9;
    return true;
}

/* ---- Words ---- */

/* All of the words, and what they mean; the more of them, the earlier. */
static const struct {
    const char *words, *metric;
} meanings[] = {
    {"soil water potential", "soil_water_potential"},
    {"soil moisture", "soil_moisture"},
    {"soil humidity", "soil_moisture"},
    {"soil water", "soil_moisture"},
    {"vwc", "soil_moisture"},
    {"soil temperature", "soil_temperature"},
    {"soil conductivity", "soil_conductivity"},
    {"soil ec", "soil_conductivity"},
    {"soil ph", "soil_ph"},
    {"soil salinity", "soil_salinity"},
    {"nitrogen", "soil_nitrogen"},
    {"phosphorus", "soil_phosphorus"},
    {"potassium", "soil_potassium"},
    {"leaf wetness", "leaf_wetness"},
    {"leaf temperature", "leaf_temperature"},
    {"canopy temperature", "canopy_temperature"},
    {"dew point", "dew_point"},
    {"dewpoint", "dew_point"},
    {"water temperature", "water_temperature"},
    {"water level", "water_level"},
    {"water flow", "water_flow"},
    {"water pressure", "water_pressure"},
    {"water ph", "water_ph"},
    {"water conductivity", "water_conductivity"},
    {"battery voltage", "battery_voltage"},
    {"battery level", "battery_level"},
    {"battery charge", "battery_level"},
    {"battery soc", "battery_level"},
    {"battery power", ""},
    {"battery current", ""},
    {"battery temperature", ""},
    {"panel voltage", "panel_voltage"},
    {"pv voltage", "panel_voltage"},
    {"panel power", "panel_power"},
    {"pv power", "panel_power"},
    {"pv current", ""},
    {"device temperature", "device_temperature"},
    {"internal temperature", "device_temperature"},
    {"heatsink temperature", "device_temperature"},
    {"board temperature", "device_temperature"},
    {"air temperature", "air_temperature"},
    {"outdoor temperature", "air_temperature"},
    {"outside temperature", "air_temperature"},
    {"ambient temperature", "air_temperature"},
    {"relative humidity", "air_humidity"},
    {"absolute humidity", ""},
    {"humidity", "air_humidity"},
    {"carbon dioxide", "carbon_dioxide"},
    {"co2", "carbon_dioxide"},
    {"illuminance", "illuminance"},
    {"illumination", "illuminance"},
    {"lux", "illuminance"},
    {"solar radiation", "solar_radiation"},
    {"solar irradiance", "solar_radiation"},
    {"irradiance", "solar_radiation"},
    {"par", "photosynthetic_radiation"},
    {"uv index", "ultraviolet_index"},
    {"wind speed", "wind_speed"},
    {"wind direction", "wind_direction"},
    {"wind gust", "wind_gust"},
    {"atmospheric pressure", "air_pressure"},
    {"barometric pressure", "air_pressure"},
    {"air pressure", "air_pressure"},
    {"pm25", "pm2_5"},
    {"pm10", "pm10"},
    {"noise", "noise"},
    {"sound level", "noise"},
    {"dissolved oxygen", "dissolved_oxygen"},
    {"turbidity", "turbidity"},
    {"power factor", "power_factor"},
    {"cos phi", "power_factor"},
    {"pf", "power_factor"},
    {"motor speed", "motor_speed"},
    {"reactive", ""},
    {"apparent", ""},
    {"neutral", ""},
    {"thd", ""},
    {"frequency", "frequency"},
    {"energy", "energy_total"},
    {"power", "power"},
    {"voltage", "voltage"},
    {"current", "current"},
    {"rssi", "signal_strength"},
};

/* A word that makes another thing of what it stands beside. */
static const char others[] = " setpoint set target threshold alarm limit max min maximum minimum "
                             "offset correction calibration status state mode error reverse export "
                             "exported demand count ";

static bool has_word(const char *text, const char *word, size_t size)
{
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        size_t own = strcspn(at, " ");
        if (own == size && (at == text || at[-1] == ' '))
            return true;
    }
    return false;
}

static bool has_words(const char *text, const char *words)
{
    for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
        char one[24];
        size_t size = strcspn(word, " ");
        (void)snprintf(one, sizeof one, "%.*s", (int)size, word);
        if (!has_word(text, one, size))
            return false;
        word += size;
    }
    return true;
}

/* Small letters and blanks; short words in full; a unit's word says as much as a name's. */
static void words_of(const char *name, char *words, size_t size)
{
    static const struct {
        const char *is, *full;
    } shorts[] = {{"temp", "temperature"}, {"hum", "humidity"},      {"humid", "humidity"},
                  {"volt", "voltage"},     {"volts", "voltage"},     {"freq", "frequency"},
                  {"amps", "current"},     {"watts", "power"},       {"bat", "battery"},
                  {"batt", "battery"},     {"direct", "direction"},  {"dir", "direction"},
                  {"atm", "atmospheric"},  {"moist", "moisture"},    {"cond", "conductivity"},
                  {"rh", "humidity"},      {"solar", "solar"},       {"lumen", "lux"},
                  {"photovoltaic", "pv"},  {"array", "pv"},          {"outdoors", "outdoor"},
                  {"kwh", "energy"},       {"consumption", "energy"}};
    char slug[CONFIG_NAME_SIZE];
    words[0] = '\0';
    import_slug(name, ' ', slug);
    for (char *word = slug; *word != '\0';) {
        size_t length = strcspn(word, " ");
        bool more = word[length] != '\0';
        word[length] = '\0';
        const char *full = word;
        for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
            full = strcmp(shorts[i].is, word) == 0 ? shorts[i].full : full;
        (void)text_add(words, size, "%s%s", words[0] != '\0' ? " " : "", full);
        word += length + more;
    }
}

/* ---- Metrics ---- */

/* Which of several the words say: l1, 20cm, 2; "" none. */
static void channel_of(const char *words, char channel[METRIC_CHANNEL_MAX + 1])
{
    channel[0] = '\0';
    for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
        size_t size = strcspn(word, " ");
        char one[METRIC_CHANNEL_MAX + 1];
        (void)snprintf(one, sizeof one, "%.*s", (int)size, word);
        bool phase = one[0] == 'l' && isdigit((unsigned char)one[1]) != 0;
        if (size <= METRIC_CHANNEL_MAX && metric_channel(one) &&
            (phase || isdigit((unsigned char)one[0]) != 0))
            (void)snprintf(channel, METRIC_CHANNEL_MAX + 1, "%s", one);
        word += size;
    }
}

/* Takes the metric if the unit allows it. */
static bool take_metric(struct import_value *value, const char *name, const char *words)
{
    const struct metric_info *info = metric_find(name);
    char channel[METRIC_CHANNEL_MAX + 1];
    double factor, add;
    if (info == NULL || info->kind == METRIC_SUM ||
        !conversion(usual_unit(value->unit), info->unit, &factor, &add) ||
        (value->unit[0] == '\0' && (value->type == FIELD_BOOL || value->type == FIELD_BITS)))
        return false;
    channel_of(words, channel);
    bool has_own = strcmp(info->name, name) != 0 || channel[0] == '\0';
    if (strcmp(info->name, "pm2_5") == 0 || strcmp(info->name, "pm10") == 0)
        has_own = true;
    (void)snprintf(value->metric, sizeof value->metric, "%s%s%s", name, has_own ? "" : "_",
                   has_own ? "" : channel);
    value->scale *= factor;
    value->offset = value->offset * factor + add;
    value->unit[0] = '\0';
    value->known = true;
    return true;
}

/* Does one of the words make another thing of it? */
static bool is_other(const char *words)
{
    for (const char *word = others; word[1] != '\0';) {
        char one[24];
        size_t size = strcspn(word + 1, " ");
        (void)snprintf(one, sizeof one, "%.*s", (int)size, word + 1);
        if (has_word(words, one, size))
            return true;
        word += size + 1;
    }
    return false;
}

/* The first meaning of at least so many words. `own`: of its name alone, which says the channel. */
static bool by_words(struct import_value *value, const char *words, const char *own, bool two)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if ((!two || strchr(meanings[i].words, ' ') != NULL) && has_words(words, meanings[i].words))
            return take_metric(value, meanings[i].metric, own);
    }
    return false;
}

/* What its name says fully; what it says with what it stands under ("Soil probe": "humidity"); what
 * it says shortly. */
static bool by_meaning(struct import_value *value, const char *words, const char *wider)
{
    return !is_other(words) &&
           (by_words(value, words, words, true) || by_words(value, wider, words, true) ||
            by_words(value, words, words, false) || by_words(value, wider, words, false));
}

static void own_name(struct import_value *value)
{
    import_slug(value->name, '_', value->metric);
    if (value->metric[0] == '\0')
        (void)snprintf(value->metric, sizeof value->metric, "register_%u", value->address);
    if (metric_find(value->metric) != NULL) { /* its unit, or its kind, says that it isn't that */
        size_t size = strlen(value->metric);
        if (size + 7 > sizeof value->metric)
            size = sizeof value->metric - 7;
        (void)snprintf(value->metric, sizeof value->metric, "other_%.*s", (int)size,
                       value->metric[0] != '\0' ? value->name : "");
        import_slug(value->metric, '_', value->metric);
    }
}

/* What a device says of itself has no metric. */
static void name_text(struct import *import, struct import_value *value)
{
    char words[120];
    words_of(value->name, words, sizeof words);
    value->role = has_word(words, "serial", 6)                                      ? ROLE_SERIAL
                  : has_word(words, "model", 5) || has_word(words, "type", 4)       ? ROLE_MODEL
                  : has_word(words, "firmware", 8) || has_word(words, "version", 7) ? ROLE_FIRMWARE
                                                                                    : ROLE_METRIC;
    value->left_out = value->role == ROLE_METRIC;
    for (const struct import_value *other = import->values; other < value; other++)
        value->left_out = value->left_out || (other->device == value->device &&
                                              other->role == value->role && !other->left_out);
    if (value->left_out)
        import_lose(import, value->line,
                    _("%.60s: a text; only model, serial number and firmware are taken, once each"),
                    value->name);
}

static bool is_taken(const struct import *import, const struct import_value *value)
{
    for (const struct import_value *other = import->values; other < value; other++) {
        if (other->device == value->device && !other->left_out &&
            strcmp(other->metric, value->metric) == 0)
            return true;
    }
    return false;
}

/* Two that would be called the same: the second keeps its own name, or gets a number. */
static void make_unique(const struct import *import, struct import_value *value)
{
    for (unsigned n = 2; n < 100 && is_taken(import, value); n++) {
        char base[CONFIG_NAME_SIZE];
        (void)snprintf(base, sizeof base, "%s", value->metric);
        for (char *tail = strrchr(base, '_'); n > 2 && tail != NULL; tail = NULL)
            *tail = '\0';
        (void)snprintf(value->metric, sizeof value->metric, "%.28s_%u", base, n);
    }
}

static void name_value(struct import *import, struct import_value *value)
{
    char words[120], wider[240], slug[CONFIG_NAME_SIZE];
    if (value->type == FIELD_TEXT) {
        name_text(import, value);
        return;
    }
    import_slug(value->name, '_', slug);
    words_of(value->name, words, sizeof words);
    words_of(value->context, wider, sizeof wider);
    (void)text_add(wider, sizeof wider, " %s", words);
    if (!take_metric(value, slug, "") && !by_meaning(value, words, wider))
        own_name(value);
    make_unique(import, value);
}

/* ---- Devices ---- */

static bool same_value(const struct import_value *a, const struct import_value *b)
{
    return a->function == b->function && a->address == b->address && a->type == b->type &&
           a->order == b->order && a->byte == b->byte && a->bit == b->bit && a->bits == b->bits &&
           a->scale == b->scale && a->offset == b->offset && strcmp(a->metric, b->metric) == 0 &&
           strcmp(a->unit, b->unit) == 0 && strcmp(a->no_value, b->no_value) == 0;
}

static bool same_write(const struct import_write *a, const struct import_write *b)
{
    return a->function == b->function && a->address == b->address && a->min == b->min &&
           a->max == b->max && strcmp(a->name, b->name) == 0;
}

/* Of each the values from `at` on that are its own, one by one. */
static bool same_registers(const struct import *import, unsigned one, unsigned two)
{
    unsigned a = 0, b = 0;
    for (;; a++, b++) {
        while (a < import->value_count && import->values[a].device != one)
            a++;
        while (b < import->value_count && import->values[b].device != two)
            b++;
        if (a == import->value_count || b == import->value_count)
            break;
        if (!same_value(&import->values[a], &import->values[b]))
            return false;
    }
    bool all = a == import->value_count && b == import->value_count;
    for (a = 0, b = 0; all; a++, b++) {
        while (a < import->write_count && import->writes[a].device != one)
            a++;
        while (b < import->write_count && import->writes[b].device != two)
            b++;
        if (a == import->write_count || b == import->write_count)
            return a == import->write_count && b == import->write_count;
        all = same_write(&import->writes[a], &import->writes[b]);
    }
    return false;
}

static void name_device(struct import *import, unsigned index)
{
    struct import_device *device = &import->devices[index];
    import_slug(device->label, '-', device->name);
    if (device->name[0] == '\0')
        (void)snprintf(device->name, sizeof device->name, "device");
    for (unsigned n = 0; n < index; n++) {
        if (strcmp(import->devices[n].name, device->name) != 0)
            continue;
        char base[CONFIG_NAME_SIZE];
        (void)snprintf(base, sizeof base, "%s", device->name);
        if (device->unit >= 0 && device->unit <= 255 && strstr(base, "-at-") == NULL)
            (void)snprintf(device->name, sizeof device->name, "%.20s-at-%d", base, device->unit);
        else
            (void)snprintf(device->name, sizeof device->name, "%.20s-%u", base, index + 1);
        n = (unsigned)-1; /* is that one free? */
    }
    for (unsigned first = 0; first < index; first++) {
        if (import->devices[first].same_as == first && same_registers(import, first, index)) {
            device->same_as = first;
            return;
        }
    }
}

#define VALUES_MAX 24 /* of a profile: READING_VALUES_MAX */

/* More than a profile may have are left out, and said once a device. */
static void limit_device(struct import *import, unsigned device)
{
    unsigned count = 0;
    for (unsigned i = 0; i < import->value_count; i++) {
        struct import_value *value = &import->values[i];
        if (value->device != device || value->left_out || value->type == FIELD_TEXT)
            continue;
        if (++count <= VALUES_MAX)
            continue;
        value->left_out = true;
        import_lose(import, value->line, _("%.60s: a profile has at most %d values"), value->name,
                    VALUES_MAX);
    }
}

bool import_has_values(const struct import *import, unsigned device)
{
    for (unsigned i = 0; i < import->value_count; i++) {
        if (import->values[i].device == device && !import->values[i].left_out)
            return true;
    }
    return false;
}

void import_name_values(struct import *import)
{
    for (unsigned i = 0; i < import->value_count; i++)
        name_value(import, &import->values[i]);
    for (unsigned i = 0; i < import->device_count; i++) {
        limit_device(import, i);
        if (!import_has_values(import, i))
            import_lose(import, import->devices[i].line, _("%.60s: nothing of it can be read"),
                        import->devices[i].label);
        name_device(import, i);
    }
}
