/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/keys_hint.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"

#define KEYS_MAX 32

static const char *kind_name(enum key_kind kind)
{
    switch (kind) {
    case KEY_NAME:
        return _("a name of 1 to 32 small letters, digits and hyphens");
    case KEY_METRIC:
        return _("a name of 1 to 32 small letters, digits and underscores");
    case KEY_INTEGER:
    case KEY_SIGNED:
        return _("a whole number");
    case KEY_NUMBER:
        return _("a number");
    case KEY_BOOL:
        return _("true or false");
    case KEY_US:
    case KEY_MS:
    case KEY_S:
        return _("a duration with its unit (us, ms, s, min, h, d)");
    case KEY_BYTES:
        return _("a size with its unit (kB, MB, GB)");
    case KEY_AREA:
        return _("an area with its unit (m2, ha, mu)");
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_CHOICE:
    case KEY_FUNCTION:
        break;
    }
    return _("a text");
}

static bool wrong_kind(struct yaml_source *source, const yaml_node_t *value, const struct key *key)
{
    const char *text = yaml_text(value);
    char hint[KEYS_HINT_SIZE];
    keys_hint(key, text, hint);
    if (key->kind == KEY_NAME && text != NULL && text[0] & 0x80)
        return yaml_error(source, yaml_line(value),
                          "%s: \"%.60s\" is not %s; write for example %s: %s, and label: %.60s for "
                          "people",
                          key->name, text, kind_name(key->kind), key->name, hint, text);
    return yaml_error(source, yaml_line(value), "%s: \"%.60s\" is not %s; write for example %s: %s",
                      key->name, text != NULL ? text : _("(a list or mapping)"),
                      kind_name(key->kind), key->name, hint);
}

static bool is_name(const char *text, const char *allowed)
{
    size_t size = strspn(text, allowed);
    return size > 0 && size < CONFIG_NAME_SIZE && text[size] == '\0';
}

static bool store_text(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                       const char *text, char *member)
{
    size_t size = strlen(text);
    if (size == 0 || size >= key->size)
        return yaml_error(source, yaml_line(value), "%s: %zu bytes of text; write 1 to %zu",
                          key->name, size, key->size - 1);
    memcpy(member, text, size + 1);
    return true;
}

/* Whole number into an integer of 1, 2, 4 or 8 bytes; two's complement serves both signs. */
static void store_integer(int64_t number, size_t size, void *member)
{
    uint64_t bits = (uint64_t)number;
    uint8_t b1 = (uint8_t)bits;
    uint16_t b2 = (uint16_t)bits;
    uint32_t b4 = (uint32_t)bits;
    const void *from = size == 1   ? (void *)&b1
                       : size == 2 ? (void *)&b2
                       : size == 4 ? (void *)&b4
                                   : (void *)&bits;
    memcpy(member, from, size);
}

static bool in_range(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                     double number)
{
    double min = key->min, max = key->max;
    if (min == 0 && max == 0) {
        double span = ldexp(1, (int)(8 * (key->size < 8 ? key->size : 6)));
        min = key->kind == KEY_SIGNED ? -span / 2 : 0;
        max = key->kind == KEY_SIGNED ? span / 2 - 1 : span - 1;
        if (key->kind == KEY_NUMBER)
            return true;
    }
    if (number >= min && number <= max)
        return true;
    /* TRANSLATORS: keep "%s: %s " at the begin; the check of profiles knows it by that. */
    return yaml_error(source, yaml_line(value),
                      "%s: %s is outside %.10g..%.10g%s; write for example "
                      "%s: %s",
                      key->name, yaml_text(value), min, max,
                      key->kind == KEY_US   ? " us"
                      : key->kind == KEY_MS ? " ms"
                      : key->kind == KEY_S  ? " s"
                                            : "",
                      key->name, key->example != NULL ? key->example : "x");
}

static bool read_number(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                        const char *text, void *member)
{
    int64_t whole = 0;
    double number = 0;
    uint64_t amount = 0;
    bool understood = false;
    switch (key->kind) {
    case KEY_INTEGER:
    case KEY_SIGNED:
        understood = units_integer(text, &whole);
        number = (double)whole;
        break;
    case KEY_US:
    case KEY_MS:
    case KEY_S:
        understood = units_duration_us(text, &amount);
        whole = (int64_t)(amount / (key->kind == KEY_US   ? 1u
                                    : key->kind == KEY_MS ? 1000u
                                                          : 1000000u));
        number = (double)whole;
        break;
    case KEY_BYTES:
        understood = units_bytes(text, &amount);
        whole = (int64_t)amount;
        number = (double)whole;
        break;
    case KEY_AREA:
        understood = units_area_m2(text, &number);
        break;
    default:
        understood = units_number(text, &number);
        break;
    }
    if (!understood)
        return wrong_kind(source, value, key);
    if (!in_range(source, value, key, number))
        return false;
    if (key->kind == KEY_NUMBER || key->kind == KEY_AREA)
        memcpy(member, &number, sizeof number);
    else
        store_integer(whole, key->size, member);
    return true;
}

static bool read_choice(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                        const char *text, uint8_t *member)
{
    char list[160] = "";
    for (uint8_t i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) == 0) {
            *member = i;
            return true;
        }
        if (strlen(list) + strlen(key->choices[i]) + 3 < sizeof list) {
            strcat(list, i ? ", " : "");
            strcat(list, key->choices[i]);
        }
    }
    const char *meant = keys_choice_meant(text, key->choices);
    if (meant != NULL)
        return yaml_error(source, yaml_line(value),
                          "%s: \"%.60s\" is unknown; write one of %s; did you mean %s?", key->name,
                          text, list, meant);
    return yaml_error(source, yaml_line(value), "%s: \"%.60s\" is unknown; write one of %s",
                      key->name, text, list);
}

static bool read_bool(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                      const char *text, bool *member)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return wrong_kind(source, value, key);
    *member = yes;
    return true;
}

bool keys_path(struct yaml_source *source, const yaml_node_t *value, char *path, size_t size)
{
    const char *text = yaml_text(value);
    if (text == NULL || !*text)
        return yaml_error(source, yaml_line(value), "a path is missing; write a file's name");
    const char *slash = strrchr(source->file, '/');
    int folder = *text == '/' || slash == NULL ? 0 : (int)(slash - source->file + 1);
    int written = snprintf(path, size, "%.*s%s", folder, source->file, text);
    if (written < 0 || (size_t)written >= size)
        return yaml_error(source, yaml_line(value), "the path is longer than %zu bytes; shorten it",
                          size - 1);
    return true;
}

/* They are letters to YAML. */
static bool has_wide_quotes(const yaml_node_t *value)
{
    const char *text = yaml_text(value);
    return text != NULL && (strncmp(text, "“", 3) == 0 || strncmp(text, "‘", 3) == 0 ||
                            strncmp(text, "”", 3) == 0 || strncmp(text, "＂", 3) == 0);
}

bool keys_read_one(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                   void *target)
{
    char *member = (char *)target + key->offset;
    if (key->kind != KEY_TEXT && strcmp(key->name, "label") != 0 && has_wide_quotes(value))
        return yaml_error(source, yaml_line(value),
                          "%s: %.60s has full-width quotes; write ' or no quotes", key->name,
                          yaml_text(value));
    if (key->kind == KEY_FUNCTION)
        return key->read(source, value, target) && (source->all != NULL || !source->failed);
    const char *text = yaml_text(value);
    if (text == NULL)
        return wrong_kind(source, value, key);
    switch (key->kind) {
    case KEY_NAME:
    case KEY_METRIC:
        if (!is_name(text, key->kind == KEY_NAME ? "abcdefghijklmnopqrstuvwxyz0123456789-"
                                                 : "abcdefghijklmnopqrstuvwxyz0123456789_"))
            return wrong_kind(source, value, key);
        return store_text(source, value, key, text, member);
    case KEY_TEXT:
        return store_text(source, value, key, text, member);
    case KEY_PATH:
        return keys_path(source, value, member, key->size);
    case KEY_BOOL:
        return read_bool(source, value, key, text, (bool *)(void *)member);
    case KEY_CHOICE:
        return read_choice(source, value, key, text, (uint8_t *)member);
    default:
        return read_number(source, value, key, text, member);
    }
}

/* `meant`: the row that was, if one was nearly named; else left alone. */
static bool unknown_key(struct yaml_source *source, const yaml_node_t *node, const char *what,
                        const struct key *keys, size_t key_count, size_t *meant)
{
    const char *names[KEYS_MAX + 1] = {0};
    char list[300] = "";
    for (size_t i = 0; i < key_count; i++) {
        names[i] = keys[i].name;
        if (strlen(list) + strlen(names[i]) + 3 < sizeof list) {
            strcat(list, i ? ", " : "");
            strcat(list, names[i]);
        }
    }
    const char *text = yaml_text(node);
    const char *near = text != NULL ? keys_meant(text, names) : NULL;
    for (size_t i = 0; near != NULL && i < key_count; i++) {
        if (names[i] == near)
            *meant = i;
    }
    if (near != NULL && (strchr(text, ':') != NULL || strstr(text, "：") != NULL))
        return yaml_error(source, yaml_line(node),
                          "unknown key \"%.60s\" in %s; write \"%s: \", with a : and a blank", text,
                          gettext(what), near);
    if (near != NULL)
        return yaml_error(source, yaml_line(node),
                          "unknown key \"%.60s\" in %s; did you mean \"%s\"?", text, gettext(what),
                          near);
    return yaml_error(source, yaml_line(node), "unknown key \"%.60s\" in %s; known are %s",
                      text != NULL ? text : "?", gettext(what), list);
}

/* One pair into its row. `row`: which, or which was meant; key_count when there is none. */
static bool read_pair(struct yaml_source *source, const yaml_node_pair_t *pair, const char *what,
                      const struct key *keys, size_t key_count, uint32_t *seen, size_t *row,
                      void *target)
{
    const yaml_node_t *name = yaml_at(source, pair->key), *value = yaml_at(source, pair->value);
    const char *text = yaml_text(name);
    size_t i = 0;
    while (i < key_count && (text == NULL || strcmp(text, keys[i].name) != 0))
        i++;
    *row = i;
    if (i == key_count)
        return unknown_key(source, name, what, keys, key_count, row);
    if (*seen >> i & 1)
        return yaml_error(source, yaml_line(name), "key \"%s\" stands twice in %s; keep one", text,
                          gettext(what));
    *seen |= UINT32_C(1) << i;
    return keys_read_one(source, value, &keys[i], target);
}

bool keys_read(struct yaml_source *source, const yaml_node_t *mapping, const char *what,
               const struct key *keys, size_t key_count, void *target)
{
    uint32_t seen = 0, wrong = 0; /* KEYS_MAX bits */
    bool all_good = true;
    source->wrong = UINT32_MAX;
    if (mapping->type != YAML_MAPPING_NODE)
        return yaml_error(source, yaml_line(mapping),
                          "%s must be a mapping; write \"key: value\" lines", gettext(what));
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        size_t row;
        bool good = read_pair(source, pair, what, keys, key_count, &seen, &row, target);
        if (!good && source->all == NULL)
            return false;
        wrong |= !good && row < key_count ? UINT32_C(1) << row : 0;
        all_good = all_good && good;
    }
    for (size_t i = 0; i < key_count; i++) {
        if (!keys[i].required || ((seen | wrong) >> i & 1))
            continue;
        (void)yaml_error(source, yaml_line(mapping), "%s has no %s; add for example %s: %s",
                         gettext(what), keys[i].name, keys[i].name,
                         keys[i].example != NULL ? keys[i].example : "x");
        if (source->all == NULL)
            return false;
        all_good = false;
        wrong |= UINT32_C(1) << i;
    }
    source->wrong = wrong;
    return all_good;
}

bool keys_list(struct yaml_source *source, const yaml_node_t *sequence, const char *what,
               size_t max, size_t size, void **items, uint16_t *count,
               bool (*read)(struct yaml_source *source, const yaml_node_t *item, void *target))
{
    if (sequence->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(sequence),
                          "%s must be a list; write \"- …\" items or [a, b]", gettext(what));
    const yaml_node_item_t *item = sequence->data.sequence.items.start;
    size_t total = (size_t)(sequence->data.sequence.items.top - item);
    if (total > max)
        return yaml_error(source, yaml_line(sequence), "%s has %zu items; at most %zu are possible",
                          gettext(what), total, max);
    *items = calloc(total ? total : 1, size);
    if (*items == NULL)
        return yaml_error(source, yaml_line(sequence), "out of memory");
    bool good = true;
    for (size_t i = 0; i < total && (good || source->all != NULL); i++) {
        *count = (uint16_t)(i + 1);
        good = read(source, yaml_at(source, item[i]), (char *)*items + i * size) && good;
    }
    return good;
}
