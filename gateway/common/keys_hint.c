/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/keys_hint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/common/units.h"

struct word {
    const char *said, *meant;
};

/* ---- keys ---- */

static const struct word keys_said[] = {
    {"interval", "every"},
    {"period", "every"},
    {"poll", "every"},
    {"slave", "address"},
    {"slave_id", "address"},
    {"unit", "address"},
    {"unit_id", "address"},
    {"id", "address"},
    {"addr", "address"},
    {"baudrate", "baud"},
    {"baud_rate", "baud"},
    {"speed", "baud"},
    {"device", "port"},
    {"tty", "port"},
    {"serial_port", "port"},
    {"latitude", "lat"},
    {"longitude", "lon"},
    {"lng", "lon"},
    {"tz", "timezone"},
    {"username", "user"},
    {"stopbits", "stop_bits"},
    {"timeout", "response"},
    {"model", "profile"},
    {"type", "profile"},
    {"template", "profile"},
    {"threshold", "above"},
    {"max", "above"},
    {"min", "below"},
    {"broker", "url"},
    {"server", "url"},
    {"host", "url"},
    {"title", "label"},
    {"description", "label"},
    {"alias", "label"},
    {"points", "fields"},
    {"registers", "fields"},
    {"sensors", "devices"},
    {"slaves", "devices"},
    {"lines", "buses"},
    {"rules", "alerts"},
    {"alarms", "alerts"},
    {"brokers", "mqtt"},
    {"factor", "scale"},
    {"multiplier", "scale"},
    {"datatype", "type"},
    {"data_type", "type"},
    {"format", "type"},
    {"byte_order", "order"},
    {"word_order", "order"},
    {"reg", "register"},
    {"address", "register"},
    {"fc", "function"},
    {"function_code", "function"},
    {"codes", "values"},
    {"enum", "values"},
    {"map", "values"},
    {"minimum", "min"},
    {"maximum", "max"},
    {"max_gap", "read_gap"},
    {"rule", "when"},
    {"alert", "when"},
    {"trigger", "when"},
};

static const char *in_list(const char *word, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, word) == 0)
            return *names;
    }
    return NULL;
}

/* "password" is password_file, where only one key begins so. */
static const char *begun(const char *word, const char *const *names)
{
    const char *only = NULL;
    size_t size = strlen(word);
    for (; *names != NULL; names++) {
        if (strncmp(*names, word, size) != 0 || (*names)[size] != '_')
            continue;
        if (only != NULL)
            return NULL;
        only = *names;
    }
    return only;
}

const char *keys_meant(const char *word, const char *const *names)
{
    char plain[KEYS_HINT_SIZE];
    size_t size = strcspn(word, ":"),
           wide = strstr(word, "：") != NULL ? (size_t)(strstr(word, "：") - word) : size;
    size = wide < size ? wide : size;
    (void)snprintf(plain, sizeof plain, "%.*s", (int)(size < 40 ? size : 40), word);
    for (char *at = plain; *at != '\0'; at++)
        *at = (char)(*at == '-' || *at == ' ' ? '_' : tolower((unsigned char)*at));
    const char *same = in_list(plain, names);
    if (same != NULL || plain[0] == '\0')
        return same;
    const char *longer = begun(plain, names), *near = yaml_nearest(plain, names);
    if (near != NULL && strncmp(near, plain, strlen(plain)) == 0 && near[strlen(plain)] != '_')
        return near; /* "device" is devices, and no port */
    for (size_t i = 0; i < sizeof keys_said / sizeof keys_said[0]; i++) {
        if (strcmp(keys_said[i].said, plain) == 0 && in_list(keys_said[i].meant, names) != NULL)
            return in_list(keys_said[i].meant, names);
    }
    return longer != NULL ? longer : near;
}

/* ---- values ---- */

static const struct word durations[] = {
    {"sec", "s"},  {"secs", "s"},   {"second", "s"}, {"seconds", "s"},  {"秒", "s"},
    {"S", "s"},    {"m", "min"},    {"mins", "min"}, {"minute", "min"}, {"minutes", "min"},
    {"分", "min"}, {"分钟", "min"}, {"M", "min"},    {"hour", "h"},     {"hours", "h"},
    {"hr", "h"},   {"小时", "h"},   {"H", "h"},      {"day", "d"},      {"days", "d"},
    {"天", "d"},   {"msec", "ms"},  {"毫秒", "ms"},  {"", "s"},
};
static const struct word sizes[] = {{"M", "MB"},  {"mb", "MB"}, {"Mb", "MB"}, {"m", "MB"},
                                    {"K", "kB"},  {"k", "kB"},  {"KB", "kB"}, {"kb", "kB"},
                                    {"G", "GB"},  {"g", "GB"},  {"gb", "GB"}, {"Gb", "GB"},
                                    {"兆", "MB"}, {"", "MB"}};
static const struct word areas[] = {{"", "mu"}, {"公顷", "ha"}, {"Mu", "mu"}, {"sqm", "m2"}};

/* A number, and a unit that is in the list. */
static bool with_unit(const char *text, const struct word *units, size_t count, char *hint)
{
    size_t digits = strspn(text, "0123456789."), blanks = strspn(text + digits, " ");
    for (size_t i = 0; digits > 0 && digits < 16 && i < count; i++) {
        if (strcmp(text + digits + blanks, units[i].said) == 0) {
            (void)snprintf(hint, KEYS_HINT_SIZE, "%.*s%s", (int)digits, text, units[i].meant);
            return true;
        }
    }
    return false;
}

/* "9600 8N1" and "9,600" are 9600, "0,1" is 0.1; a point or a sign only where the kind has them. */
static bool number_in(const struct key *key, const char *text, char *hint)
{
    char digits[24] = "";
    size_t used = 0;
    bool decimal = key->kind == KEY_NUMBER || key->kind == KEY_FUNCTION;
    double number;
    for (const char *at = text; *at != '\0' && used + 1 < sizeof digits; at++) {
        bool digit = isdigit((unsigned char)*at) != 0 || (decimal && *at == '.' && used > 0) ||
                     (*at == '-' && used == 0 && key->kind != KEY_INTEGER);
        bool comma = *at == ',' && isdigit((unsigned char)at[1]) != 0;
        if (!digit && !comma)
            break;
        if (digit || decimal)
            digits[used++] = (char)(comma ? '.' : *at);
    }
    digits[used] = '\0';
    bool limits = key->min != 0 || key->max != 0;
    if (!units_number(digits, &number) || strncmp(text, "0x", 2) == 0 ||
        (limits && (number < key->min || number > key->max)))
        return false;
    (void)snprintf(hint, KEYS_HINT_SIZE, "%s", digits);
    return true;
}

/* "1/10" is 0.1. */
static bool fraction_in(const struct key *key, const char *text, char *hint)
{
    double above, below;
    char first[24];
    const char *slash = strchr(text, '/');
    if (key->kind != KEY_NUMBER || slash == NULL || (size_t)(slash - text) >= sizeof first)
        return false;
    (void)snprintf(first, sizeof first, "%.*s", (int)(slash - text), text);
    if (!units_number(first, &above) || !units_number(slash + 1, &below) || !(below > 0))
        return false;
    (void)snprintf(hint, KEYS_HINT_SIZE, "%.9g", above / below);
    return true;
}

/* "Soil_7" is soil-7, where only signs are wrong. */
static bool name_in(const char *text, char between, char *hint)
{
    const char *end = strstr(text, ".yaml");
    size_t size = end != NULL ? (size_t)(end - text) : strlen(text);
    if (size == 0 || size >= CONFIG_NAME_SIZE)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (isalnum(c) == 0 && strchr(" _-.", c) == NULL)
            return false;
        hint[i] = isalnum(c) != 0 ? (char)tolower(c) : between;
    }
    hint[size] = '\0';
    return true;
}

static bool bool_in(const char *text, char *hint)
{
    static const char *const yes[] = {"yes", "on", "1", "是", NULL};
    static const char *const no[] = {"no", "off", "0", "否", NULL};
    bool is_no = false, is_yes = false;
    for (size_t i = 0; yes[i] != NULL; i++) {
        is_yes = is_yes || strcasecmp(text, yes[i]) == 0;
        is_no = is_no || strcasecmp(text, no[i]) == 0;
    }
    bool same = strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
    if (same)
        is_yes = tolower((unsigned char)text[0]) == 't';
    (void)snprintf(hint, KEYS_HINT_SIZE, "%s", is_yes ? "true" : "false");
    return is_yes || is_no || same;
}

static bool meant(const struct key *key, const char *text, char *hint)
{
    switch (key->kind) {
    case KEY_NAME:
        return name_in(text, '-', hint);
    case KEY_METRIC:
        return name_in(text, '_', hint);
    case KEY_INTEGER:
    case KEY_SIGNED:
    case KEY_NUMBER:
        return fraction_in(key, text, hint) || number_in(key, text, hint);
    case KEY_US:
    case KEY_MS:
    case KEY_S:
        return with_unit(text, durations, sizeof durations / sizeof durations[0], hint);
    case KEY_BYTES:
        return with_unit(text, sizes, sizeof sizes / sizeof sizes[0], hint);
    case KEY_AREA:
        return with_unit(text, areas, sizeof areas / sizeof areas[0], hint);
    case KEY_BOOL:
        return bool_in(text, hint);
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_CHOICE:
    case KEY_FUNCTION:
        break;
    }
    return false;
}

void keys_hint(const struct key *key, const char *text, char hint[KEYS_HINT_SIZE])
{
    if (text == NULL || !meant(key, text, hint))
        (void)snprintf(hint, KEYS_HINT_SIZE, "%s", key->example != NULL ? key->example : "x");
}

static const struct word choices_said[] = {
    {"int8", "s8"},       {"uint8", "u8"},     {"int16", "s16"},      {"uint16", "u16"},
    {"int32", "s32"},     {"uint32", "u32"},   {"int64", "s64"},      {"uint64", "u64"},
    {"float", "f32"},     {"float32", "f32"},  {"double", "f64"},     {"float64", "f64"},
    {"short", "s16"},     {"signed", "s16"},   {"unsigned", "u16"},   {"word", "u16"},
    {"string", "text"},   {"boolean", "bool"}, {"critical", "alarm"}, {"error", "alarm"},
    {"warning", "watch"}, {"warn", "watch"},   {"little", "dcba"},    {"big", "abcd"},
};

const char *keys_choice_meant(const char *text, const char *const *choices)
{
    for (size_t i = 0; i < sizeof choices_said / sizeof choices_said[0]; i++) {
        const char *there = in_list(choices_said[i].meant, choices);
        if (strcasecmp(text, choices_said[i].said) == 0 && there != NULL)
            return there;
    }
    const char *begins = NULL;
    bool several = false;
    size_t size = strlen(text);
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcasecmp(text, choices[i]) == 0)
            return choices[i];
        if (size > 0 && strncasecmp(text, choices[i], size) == 0) {
            several = begins != NULL;
            begins = choices[i];
        }
    }
    return several ? NULL : begins != NULL ? begins : yaml_nearest(text, choices);
}
