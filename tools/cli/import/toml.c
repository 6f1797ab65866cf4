/* SPDX-License-Identifier: Apache-2.0 */
/* A TOML file is gone through once, from its first byte to its last. `table` is the mapping that
 * the lines go into: [a.b] looks it up from the root. Nodes are known by their index, because
 * libyaml moves them as they become more. */
#include "tools/cli/import/toml.h"

#include <stdint.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/common/language.h"

#define DEPTH_MAX   16   /* of brackets */
#define LOOKUPS_MAX 8192 /* of keys: each goes through a whole table */
#define KEY_MAX     128
#define TEXT_MAX    4096 /* of one string */

struct toml {
    const char *at, *end;
    yaml_document_t *document;
    int line;
    const char *why;
    unsigned lookups;
    char text[TEXT_MAX]; /* the string just read */
    size_t text_size;
};

static bool fail(struct toml *toml, const char *why)
{
    if (toml->why == NULL)
        toml->why = why;
    return false;
}

/* ---- Nodes ---- */

static int placed(struct toml *toml, int node)
{
    if (node == 0) {
        (void)fail(toml, N_("it is no UTF-8 text"));
        return 0;
    }
    yaml_document_get_node(toml->document, node)->start_mark.line = (size_t)toml->line - 1;
    return node;
}

static int new_scalar(struct toml *toml, const char *text, size_t size)
{
    return placed(toml, yaml_document_add_scalar(toml->document, NULL, (const yaml_char_t *)text,
                                                 (int)size, YAML_ANY_SCALAR_STYLE));
}

static int new_mapping(struct toml *toml)
{
    return placed(toml, yaml_document_add_mapping(toml->document, NULL, YAML_ANY_MAPPING_STYLE));
}

static int new_sequence(struct toml *toml)
{
    return placed(toml, yaml_document_add_sequence(toml->document, NULL, YAML_ANY_SEQUENCE_STYLE));
}

static int find(struct toml *toml, int mapping, const char *key)
{
    const yaml_node_t *node = yaml_document_get_node(toml->document, mapping);
    if (++toml->lookups > LOOKUPS_MAX)
        (void)fail(toml, N_("there are too many tables"));
    if (node->type != YAML_MAPPING_NODE)
        return 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(toml->document, pair->key);
        if (strcmp((const char *)name->data.scalar.value, key) == 0)
            return pair->value;
    }
    return 0;
}

static bool put(struct toml *toml, int mapping, const char *key, int value)
{
    if (yaml_document_get_node(toml->document, mapping)->type != YAML_MAPPING_NODE)
        return fail(toml, N_("a value is used as a table"));
    int name = value != 0 ? new_scalar(toml, key, strlen(key)) : 0;
    if (name == 0)
        return false;
    return yaml_document_append_mapping_pair(toml->document, mapping, name, value) == 1 ||
           fail(toml, N_("out of memory"));
}

/* The table of that name; of a list of tables the last. */
static int enter(struct toml *toml, int mapping, const char *key)
{
    int found = find(toml, mapping, key);
    if (found == 0) {
        found = new_mapping(toml);
        return put(toml, mapping, key, found) ? found : 0;
    }
    const yaml_node_t *node = yaml_document_get_node(toml->document, found);
    if (node->type == YAML_SEQUENCE_NODE &&
        node->data.sequence.items.top > node->data.sequence.items.start)
        found = node->data.sequence.items.top[-1];
    if (yaml_document_get_node(toml->document, found)->type != YAML_MAPPING_NODE) {
        (void)fail(toml, N_("a value is used as a table"));
        return 0;
    }
    return found;
}

static int enter_new_item(struct toml *toml, int mapping, const char *key)
{
    int list = find(toml, mapping, key), item = new_mapping(toml);
    if (list == 0) {
        list = new_sequence(toml);
        if (!put(toml, mapping, key, list))
            return 0;
    }
    if (item == 0 || yaml_document_get_node(toml->document, list)->type != YAML_SEQUENCE_NODE ||
        yaml_document_append_sequence_item(toml->document, list, item) != 1) {
        (void)fail(toml, N_("a value is used as a table"));
        return 0;
    }
    return item;
}

/* ---- Characters ---- */

static int peek(const struct toml *toml)
{
    return toml->at < toml->end ? (unsigned char)*toml->at : -1;
}

static bool take(struct toml *toml, char c)
{
    if (peek(toml) != c)
        return false;
    toml->at++;
    return true;
}

static void skip_blanks(struct toml *toml)
{
    while (peek(toml) == ' ' || peek(toml) == '\t' || peek(toml) == '\r')
        toml->at++;
}

static void skip_comment(struct toml *toml)
{
    while (peek(toml) >= 0 && peek(toml) != '\n')
        toml->at++;
}

/* Blanks, comments and ends of lines. */
static void skip_lines(struct toml *toml)
{
    for (;;) {
        skip_blanks(toml);
        if (peek(toml) == '#')
            skip_comment(toml);
        if (!take(toml, '\n'))
            return;
        toml->line++;
    }
}

static bool end_of_line(struct toml *toml)
{
    skip_blanks(toml);
    if (peek(toml) == '#')
        skip_comment(toml);
    return peek(toml) == '\n' || peek(toml) < 0 || fail(toml, N_("something follows a value"));
}

/* ---- Strings ---- */

static bool add(struct toml *toml, char c)
{
    if (toml->text_size + 1 >= TEXT_MAX)
        return fail(toml, N_("a text is longer than 4096 bytes"));
    toml->text[toml->text_size++] = c;
    return true;
}

static bool add_code(struct toml *toml, unsigned digits)
{
    uint32_t code = 0;
    for (; digits > 0; digits--) {
        int c = peek(toml);
        int digit = c > 0 && c < 0x80 ? hex_digit((char)c) : -1;
        if (digit < 0)
            return fail(toml, N_("a \\u has no hexadecimal number"));
        code = code << 4 | (uint32_t)digit;
        toml->at++;
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return fail(toml, N_("a \\u is no character"));
    if (code < 0x80)
        return add(toml, (char)code);
    if (code < 0x800)
        return add(toml, (char)(0xC0 | code >> 6)) && add(toml, (char)(0x80 | (code & 0x3F)));
    if (code < 0x10000)
        return add(toml, (char)(0xE0 | code >> 12)) &&
               add(toml, (char)(0x80 | (code >> 6 & 0x3F))) &&
               add(toml, (char)(0x80 | (code & 0x3F)));
    return add(toml, (char)(0xF0 | code >> 18)) && add(toml, (char)(0x80 | (code >> 12 & 0x3F))) &&
           add(toml, (char)(0x80 | (code >> 6 & 0x3F))) && add(toml, (char)(0x80 | (code & 0x3F)));
}

static bool read_escape(struct toml *toml)
{
    static const char signs[] = "btnfr\"\\e", means[] = "\b\t\n\f\r\"\\\033";
    int c = peek(toml);
    const char *sign = c > 0 ? strchr(signs, c) : NULL;
    if (c < 0)
        return fail(toml, N_("a text does not end"));
    toml->at++;
    if (c == 'u' || c == 'U')
        return add_code(toml, c == 'u' ? 4 : 8);
    if (sign != NULL)
        return add(toml, means[sign - signs]);
    if (c != '\n' && c != ' ' && c != '\t' && c != '\r')
        return fail(toml, N_("an unknown \\ in a text"));
    toml->at--; /* a line that goes on */
    while (peek(toml) == ' ' || peek(toml) == '\t' || peek(toml) == '\r' || peek(toml) == '\n') {
        toml->line += peek(toml) == '\n';
        toml->at++;
    }
    return true;
}

/* Into toml->text; `quote` is the next byte. */
static bool read_string(struct toml *toml, char quote)
{
    bool lines = toml->end - toml->at >= 3 && toml->at[1] == quote && toml->at[2] == quote;
    toml->text_size = 0;
    toml->at += lines ? 3 : 1;
    if (lines && take(toml, '\n'))
        toml->line++;
    for (;;) {
        int c = peek(toml);
        if (c < 0 || (c == '\n' && !lines) || c == '\0')
            return fail(toml, N_("a text does not end"));
        bool ends =
            c == quote &&
            (!lines || (toml->end - toml->at >= 3 && toml->at[1] == quote && toml->at[2] == quote));
        toml->at += ends && lines ? 3 : 1;
        toml->line += c == '\n';
        if (ends)
            break;
        if (!(c == '\\' && quote == '"' ? read_escape(toml) : add(toml, (char)c)))
            return false;
    }
    toml->text[toml->text_size] = '\0';
    return true;
}

/* ---- Keys ---- */

static bool read_key(struct toml *toml, char key[KEY_MAX])
{
    size_t size = 0;
    skip_blanks(toml);
    if (peek(toml) == '"' || peek(toml) == '\'') {
        if (!read_string(toml, *toml->at) || toml->text_size >= KEY_MAX)
            return fail(toml, N_("a key is longer than 127 bytes"));
        memcpy(key, toml->text, toml->text_size + 1);
        skip_blanks(toml);
        return true;
    }
    for (int c = peek(toml); (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-';
         c = peek(toml)) {
        if (size + 1 >= KEY_MAX)
            return fail(toml, N_("a key is longer than 127 bytes"));
        key[size++] = (char)c;
        toml->at++;
    }
    key[size] = '\0';
    skip_blanks(toml);
    return size > 0 || fail(toml, N_("a key is missing"));
}

/* a.b.c: the table of the last one, and its name. 0: wrong. */
static int read_path(struct toml *toml, int mapping, char key[KEY_MAX])
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (!read_key(toml, key))
            return 0;
        if (!take(toml, '.'))
            return mapping;
        mapping = enter(toml, mapping, key);
        if (mapping == 0)
            return 0;
    }
    (void)fail(toml, N_("brackets are too deep"));
    return 0;
}

/* ---- Values ---- */

static int read_value(struct toml *toml, unsigned depth);

static bool read_pair(struct toml *toml, int mapping, unsigned depth)
{
    char key[KEY_MAX];
    int table = read_path(toml, mapping, key);
    if (table == 0)
        return false;
    if (!take(toml, '='))
        return fail(toml, N_("there is no = behind a key"));
    return put(toml, table, key, read_value(toml, depth));
}

static int read_array(struct toml *toml, unsigned depth)
{
    int list = new_sequence(toml);
    toml->at++;
    for (skip_lines(toml); list != 0 && !take(toml, ']'); skip_lines(toml)) {
        int item = read_value(toml, depth + 1);
        if (item == 0 || yaml_document_append_sequence_item(toml->document, list, item) != 1)
            return 0;
        skip_lines(toml);
        if (!take(toml, ',') && peek(toml) != ']') {
            (void)fail(toml, N_("a list does not end"));
            return 0;
        }
    }
    return list;
}

/* With ends of lines, which 1.0 forbids and many write. */
static int read_inline_table(struct toml *toml, unsigned depth)
{
    int mapping = new_mapping(toml);
    toml->at++;
    for (skip_lines(toml); mapping != 0 && !take(toml, '}'); skip_lines(toml)) {
        if (!read_pair(toml, mapping, depth + 1))
            return 0;
        skip_lines(toml);
        if (!take(toml, ',') && peek(toml) != '}') {
            (void)fail(toml, N_("a } is missing"));
            return 0;
        }
    }
    return mapping;
}

/* Numbers, truth and dates: as they are written, without the _ of numbers. */
static int read_plain(struct toml *toml)
{
    char word[64];
    size_t size = 0;
    for (int c = peek(toml); c > ' ' && strchr(",]}#", c) == NULL; c = peek(toml)) {
        if (size == sizeof word) {
            (void)fail(toml, N_("a text has no quotes"));
            return 0;
        }
        if (c != '_')
            word[size++] = (char)c;
        toml->at++;
    }
    if (size == 0) {
        (void)fail(toml, N_("a value is missing"));
        return 0;
    }
    return new_scalar(toml, word + (word[0] == '+'), size - (word[0] == '+'));
}

static int read_value(struct toml *toml, unsigned depth)
{
    skip_blanks(toml);
    if (depth > DEPTH_MAX) {
        (void)fail(toml, N_("brackets are too deep"));
        return 0;
    }
    switch (peek(toml)) {
    case '"':
    case '\'':
        return read_string(toml, *toml->at) ? new_scalar(toml, toml->text, toml->text_size) : 0;
    case '[':
        return read_array(toml, depth);
    case '{':
        return read_inline_table(toml, depth);
    default:
        return read_plain(toml);
    }
}

/* [a.b] or [[a.b]]: the table that what follows goes into. */
static int read_header(struct toml *toml, int root)
{
    char key[KEY_MAX];
    toml->at++;
    bool list = take(toml, '[');
    int table = read_path(toml, root, key);
    if (table != 0 && (!take(toml, ']') || (list && !take(toml, ']')))) {
        (void)fail(toml, N_("a ] is missing"));
        return 0;
    }
    return table == 0 ? 0 : list ? enter_new_item(toml, table, key) : enter(toml, table, key);
}

bool toml_parse(const char *text, size_t size, yaml_document_t *document, int *line,
                const char **why)
{
    struct toml toml = {.at = text, .end = text + size, .document = document, .line = 1};
    *why = N_("out of memory");
    *line = 1;
    if (yaml_document_initialize(document, NULL, NULL, NULL, 1, 1) != 1)
        return false;
    int table = new_mapping(&toml), root = table;
    for (skip_lines(&toml); table != 0 && peek(&toml) >= 0 && toml.why == NULL; skip_lines(&toml)) {
        if (peek(&toml) == '[')
            table = read_header(&toml, root);
        else if (!read_pair(&toml, table, 0))
            break;
        if (table == 0 || !end_of_line(&toml))
            break;
    }
    if (toml.why == NULL && table != 0 && peek(&toml) < 0)
        return true;
    *line = toml.line;
    *why = toml.why != NULL ? toml.why : *why;
    yaml_document_delete(document);
    return false;
}
