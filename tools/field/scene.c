/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/scene.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array)  ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define OPTIONAL      CYAML_FLAG_OPTIONAL
#define STRICT_OPTION (CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT)
#define NAME_MAX_LEN  32

static const cyaml_strval_t unit_kinds[] = {
    {"native", UNIT_NATIVE},       {"qemu", UNIT_QEMU},
    {"xy-md02", UNIT_XY_MD02},     {"rs-ws-n01-tr", UNIT_RS_WS_N01_TR},
    {"zts-3001", UNIT_ZTS_3001},   {"relay", UNIT_RELAY},
    {"responder", UNIT_RESPONDER}, {"master", UNIT_MASTER},
};

static const cyaml_strval_t line_types[] = {
    {"rtu", LINE_RTU}, {"tcp", LINE_TCP}, {"rtu-over-tcp", LINE_RTU_OVER_TCP}};

static const cyaml_strval_t fault_kinds[] = {
    {"flip", FAULT_FLIP},           {"drop", FAULT_DROP},         {"insert", FAULT_INSERT},
    {"double", FAULT_DOUBLE},       {"truncate", FAULT_TRUNCATE}, {"stray", FAULT_STRAY},
    {"late", FAULT_LATE},           {"drip", FAULT_DRIP},         {"foreign", FAULT_FOREIGN},
    {"duplicate", FAULT_DUPLICATE}, {"request", FAULT_REQUEST},   {"babble", FAULT_BABBLE},
    {"dead", FAULT_DEAD},           {"ringing", FAULT_RINGING},   {"swapped", FAULT_SWAPPED},
    {"rate", FAULT_RATE},           {"refuse", FAULT_REFUSE},     {"size", FAULT_SIZE},
    {"glitch", FAULT_GLITCH},       {"frozen", FAULT_FROZEN},
};

static const cyaml_schema_field_t fault_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct scene_fault, kind, fault_kinds,
                     COUNT(fault_kinds)),
    CYAML_FIELD_FLOAT("probability", CYAML_FLAG_DEFAULT, struct scene_fault, probability),
    CYAML_FIELD_UINT("ms", OPTIONAL, struct scene_fault, ms),
    CYAML_FIELD_UINT("max_ms", OPTIONAL, struct scene_fault, max_ms), CYAML_FIELD_END};

static const cyaml_schema_value_t fault_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scene_fault, fault_fields)};

static const cyaml_schema_field_t unit_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct scene_unit, kind, unit_kinds,
                     COUNT(unit_kinds)),
    CYAML_FIELD_UINT("address", CYAML_FLAG_DEFAULT, struct scene_unit, address),
    CYAML_FIELD_STRING_PTR("name", OPTIONAL, struct scene_unit, name, 1, NAME_MAX_LEN),
    CYAML_FIELD_UINT("count", OPTIONAL, struct scene_unit, count),
    CYAML_FIELD_UINT("registers", OPTIONAL, struct scene_unit, registers),
    CYAML_FIELD_UINT("delay_us", OPTIONAL, struct scene_unit, delay_us),
    CYAML_FIELD_FLOAT("silence", OPTIONAL, struct scene_unit, silence),
    CYAML_FIELD_UINT("baud", OPTIONAL, struct scene_unit, baud),
    CYAML_FIELD_STRING_PTR("parity", OPTIONAL, struct scene_unit, parity, 1, 8),
    CYAML_FIELD_UINT("period_s", OPTIONAL, struct scene_unit, period_s),
    CYAML_FIELD_UINT("serial", OPTIONAL, struct scene_unit, serial),
    CYAML_FIELD_FLOAT("bucket_mm", OPTIONAL, struct scene_unit, bucket_mm),
    CYAML_FIELD_FLOAT("waters_pct_s", OPTIONAL, struct scene_unit, waters_pct_s),
    CYAML_FIELD_UINT("every_ms", OPTIONAL, struct scene_unit, every_ms),
    CYAML_FIELD_SEQUENCE("faults", OPTIONAL | CYAML_FLAG_POINTER, struct scene_unit, faults,
                         &fault_schema, 0, FAULT_KIND_COUNT),
    CYAML_FIELD_END};

static const cyaml_schema_value_t unit_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scene_unit, unit_fields)};

static const cyaml_schema_field_t line_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_DEFAULT, struct scene_line, name, 1, NAME_MAX_LEN),
    CYAML_FIELD_ENUM("type", STRICT_OPTION, struct scene_line, type, line_types, COUNT(line_types)),
    CYAML_FIELD_UINT("baud", OPTIONAL, struct scene_line, baud),
    CYAML_FIELD_STRING_PTR("parity", OPTIONAL, struct scene_line, parity, 1, 8),
    CYAML_FIELD_UINT("stop_bits", OPTIONAL, struct scene_line, stop_bits),
    CYAML_FIELD_UINT("silence_ms", OPTIONAL, struct scene_line, silence_ms),
    CYAML_FIELD_UINT("port", OPTIONAL, struct scene_line, port),
    CYAML_FIELD_BOOL("strict", OPTIONAL, struct scene_line, strict),
    CYAML_FIELD_BOOL("quiet", OPTIONAL, struct scene_line, quiet),
    CYAML_FIELD_BOOL("echo", OPTIONAL, struct scene_line, echo),
    CYAML_FIELD_BOOL("swapped", OPTIONAL, struct scene_line, swapped),
    CYAML_FIELD_BOOL("biased", OPTIONAL, struct scene_line, biased),
    CYAML_FIELD_BOOL("deaf", OPTIONAL, struct scene_line, deaf),
    CYAML_FIELD_FLOAT("floating", OPTIONAL, struct scene_line, floating),
    CYAML_FIELD_FLOAT("joint", OPTIONAL, struct scene_line, joint),
    CYAML_FIELD_UINT("joint_after", OPTIONAL, struct scene_line, joint_after),
    CYAML_FIELD_BOOL("parity_blind", OPTIONAL, struct scene_line, parity_blind),
    CYAML_FIELD_SEQUENCE("units", CYAML_FLAG_POINTER, struct scene_line, units, &unit_schema, 0,
                         247),
    CYAML_FIELD_END};

static const cyaml_schema_value_t line_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scene_line, line_fields)};

static const cyaml_schema_field_t weather_fields[] = {
    CYAML_FIELD_STRING_PTR("start", OPTIONAL, struct scene_weather, start, 1, 32),
    CYAML_FIELD_FLOAT("latitude", OPTIONAL, struct scene_weather, latitude),
    CYAML_FIELD_FLOAT("speed", OPTIONAL, struct scene_weather, speed),
    CYAML_FIELD_STRING_PTR("csv", OPTIONAL, struct scene_weather, csv, 1, 255), CYAML_FIELD_END};

static const cyaml_schema_field_t scene_fields[] = {
    CYAML_FIELD_MAPPING("weather", OPTIONAL, struct scene, weather, weather_fields),
    CYAML_FIELD_SEQUENCE("lines", CYAML_FLAG_POINTER, struct scene, lines, &line_schema, 1, 1024),
    CYAML_FIELD_END};

static const cyaml_schema_value_t scene_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct scene, scene_fields)};

/* libcyaml explains an error in lines of its log; they are joined into one text. */
static void keep_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct scene_error *error = context;
    size_t used = strlen(error->text);
    (void)level;
    if (used + 1 < sizeof(error->text))
        (void)vsnprintf(error->text + used, sizeof(error->text) - used, format, args);
}

static const cyaml_config_t *reader(struct scene_error *error)
{
    static cyaml_config_t config;
    config = (cyaml_config_t){
        .log_fn = keep_log, .log_ctx = error, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
    return &config;
}

static bool fail(struct scene_error *error, const char *line, const char *what)
{
    (void)snprintf(error->text, sizeof(error->text), "line '%s': %s", line, what);
    return false;
}

static bool unit_complete(struct scene_unit *unit, const struct scene_line *line,
                          struct scene_error *error)
{
    if (unit->count == 0)
        unit->count = 1;
    if (unit->registers == 0)
        unit->registers = 10;
    if (unit->address == 0 ||
        unit->address + unit->count - 1 > (line->type == LINE_TCP ? 255 : 247))
        return fail(error, line->name, "a unit's address is not in 1..247 (255 on TCP)");
    if (unit->count > 1 && unit->kind != UNIT_RESPONDER)
        return fail(error, line->name, "only a responder may have a count");
    if (unit->bucket_mm < 0 || (unit->bucket_mm > 0 && unit->kind != UNIT_NATIVE))
        return fail(error, line->name, "bucket_mm: only a native node has a gauge, above 0 mm");
    if (unit->waters_pct_s < 0 || (unit->waters_pct_s > 0 && unit->kind != UNIT_RELAY))
        return fail(error, line->name, "waters_pct_s: only a relay waters, above 0 % a second");
    if ((unit->every_ms > 0) != (unit->kind == UNIT_MASTER))
        return fail(error, line->name, "every_ms: another master has one, and nobody else");
    if (line->type == LINE_TCP && unit->kind == UNIT_MASTER)
        return fail(error, line->name, "another master shares a wire: rtu or rtu-over-tcp");
    if (unit->parity != NULL && !scene_parity(unit->parity))
        return fail(error, line->name, "a unit's parity is not none, even or odd");
    if (line->type == LINE_TCP && (unit->kind == UNIT_NATIVE || unit->kind == UNIT_QEMU))
        return fail(error, line->name, "nodes hang on rtu or rtu-over-tcp lines only");
    return true;
}

static bool line_complete(struct scene_line *line, struct scene_error *error)
{
    if (strspn(line->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(line->name))
        return fail(error, line->name, "a name has only a-z, 0-9 and -");
    if (line->baud == 0)
        line->baud = 9600;
    if (line->stop_bits == 0)
        line->stop_bits = 1;
    if (line->stop_bits > 2)
        return fail(error, line->name, "stop_bits is not 1 or 2");
    if (line->parity != NULL && !scene_parity(line->parity))
        return fail(error, line->name, "parity is not none, even or odd");
    for (unsigned i = 0; i < line->units_count; i++)
        if (!unit_complete(&line->units[i], line, error))
            return false;
    return true;
}

static bool scene_complete(struct scene *scene, struct scene_error *error)
{
    if (scene->weather.speed <= 0)
        scene->weather.speed = 1;
    if (scene->weather.latitude == 0)
        scene->weather.latitude = 26.5;
    for (unsigned i = 0; i < scene->lines_count; i++) {
        if (!line_complete(&scene->lines[i], error))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (strcmp(scene->lines[i].name, scene->lines[k].name) == 0)
                return fail(error, scene->lines[i].name, "there are two of that name");
    }
    return true;
}

struct scene *scene_load(const char *file, struct scene_error *error)
{
    struct scene *scene = NULL;
    error->text[0] = '\0';
    cyaml_err_t result =
        cyaml_load_file(file, reader(error), &scene_schema, (cyaml_data_t **)&scene, NULL);
    if (result != CYAML_OK) {
        if (error->text[0] == '\0')
            (void)snprintf(error->text, sizeof(error->text), "%s", cyaml_strerror(result));
        return NULL;
    }
    if (!scene_complete(scene, error)) {
        scene_free(scene);
        return NULL;
    }
    return scene;
}

void scene_free(struct scene *scene)
{
    struct scene_error ignored = {""};
    if (scene != NULL)
        (void)cyaml_free(reader(&ignored), &scene_schema, scene, 0);
}

const char *scene_fault_name(enum fault_kind kind)
{
    for (uint32_t i = 0; i < COUNT(fault_kinds); i++)
        if (fault_kinds[i].val == (int64_t)kind)
            return fault_kinds[i].str;
    return "?";
}

bool scene_fault_parse(const char *name, enum fault_kind *kind)
{
    for (uint32_t i = 0; i < COUNT(fault_kinds); i++) {
        if (strcmp(fault_kinds[i].str, name) == 0) {
            *kind = (enum fault_kind)fault_kinds[i].val;
            return true;
        }
    }
    return false;
}

const char *scene_unit_kind_name(enum unit_kind kind)
{
    return unit_kinds[kind].str;
}

char scene_parity(const char *name)
{
    if (name == NULL || strcmp(name, "none") == 0)
        return 'N';
    if (strcmp(name, "even") == 0)
        return 'E';
    return strcmp(name, "odd") == 0 ? 'O' : '\0';
}
