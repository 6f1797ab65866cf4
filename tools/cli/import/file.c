/* SPDX-License-Identifier: Apache-2.0 */
/* A file of one of the formats as a tree: JSON is YAML once its comments are gone, TOML is parsed
 * by toml.c. Which format it is, its content says. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/import/import.h"
#include "tools/cli/import/toml.h"

static const struct import_format formats[] = {
    {"wb-mqtt-serial", "wb-mqtt-serial", import_is_wb, import_wb},
    {"telegraf", "Telegraf", import_is_telegraf, import_telegraf},
    {"mqmgateway", "mqmgateway", import_is_mqmgateway, import_mqmgateway},
    {"esphome", "ESPHome", import_is_esphome, import_esphome},
    {"home-assistant", "Home Assistant", import_is_home_assistant, import_home_assistant},
};

const struct import_format *import_format_at(size_t index)
{
    return index < sizeof formats / sizeof formats[0] ? &formats[index] : NULL;
}

/* A line that begins with [inputs… or with key = value, and none of YAML's or JSON's. */
static bool looks_like_toml(const char *text, size_t size)
{
    const char *end = text + size;
    for (const char *line = text; line != NULL && line < end;) {
        while (line < end && (*line == ' ' || *line == '\t'))
            line++;
        size_t word = 0;
        while (line + word < end && (size_t)(end - line) > word &&
               strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
                      line[word]) != NULL &&
               line[word] != '\0')
            word++;
        size_t blanks = word;
        while (line + blanks < end && line[blanks] == ' ')
            blanks++;
        if (word > 0 && line + blanks < end)
            return line[blanks] == '=';
        if (end - line > 8 && (strncmp(line, "[[", 2) == 0 || strncmp(line, "[agent]", 7) == 0 ||
                               strncmp(line, "[global", 7) == 0))
            return true;
        if (line < end && *line != '#' && *line != '\n' && *line != '\r')
            return false;
        line = memchr(line, '\n', (size_t)(end - line));
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}

/* Comments of JSON become blanks, so that lines stay. Tabs too: libyaml takes them for indents. */
static void blank_comments(char *text, size_t size)
{
    bool quoted = false, line = false, block = false;
    for (size_t i = 0; i < size; i++) {
        char next = (char)(i + 1 < size ? text[i + 1] : '\0');
        if (line || block) {
            bool ends = block && text[i] == '*' && next == '/';
            line = line && text[i] != '\n';
            if (ends)
                text[i + 1] = ' ';
            block = block && !ends;
            if (text[i] != '\n')
                text[i] = ' ';
        } else if (quoted) {
            quoted = text[i] != '"';
            i += text[i] == '\\' && next != '\0';
        } else if (text[i] == '/' && (next == '/' || next == '*')) {
            line = next == '/';
            block = next == '*';
            text[i] = ' ';
            text[++i] = ' ';
        } else {
            quoted = text[i] == '"';
            if (text[i] == '\t')
                text[i] = ' ';
        }
    }
}

static bool read_toml(struct import *import, const char *text, size_t size)
{
    int line = 0;
    const char *why = NULL;
    import->source.error = &import->error;
    (void)snprintf(import->source.file, sizeof import->source.file, "%s", import->file);
    import->source.loaded = toml_parse(text, size, &import->source.document, &line, &why);
    return import->source.loaded || yaml_error(&import->source, line, "not TOML: %s", gettext(why));
}

static bool read_yaml(struct import *import, char *text, size_t size)
{
    size_t first = strspn(text, " \t\r\n");
    if (strstr(text, "{%") != NULL && first < size && text[first] == '{') {
        import->source.error = &import->error;
        (void)snprintf(import->source.file, sizeof import->source.file, "%s", import->file);
        return yaml_error(&import->source, 1,
                          "the file is a Jinja template of a template; give the JSON that its "
                          "build makes of it");
    }
    if (first < size && (text[first] == '{' || text[first] == '/'))
        blank_comments(text, size);
    FILE *stream = fmemopen(text, size, "re");
    if (stream == NULL) {
        import->source.error = &import->error;
        return yaml_error(&import->source, 1, "out of memory");
    }
    bool good = yaml_open_stream(&import->source, import->file, stream, &import->error);
    (void)fclose(stream);
    return good;
}

bool import_read(struct import *import, const char *file, const char *text, size_t size,
                 const struct import_format *format)
{
    import->file = file;
    char *own = calloc(1, size + 1); /* ends with a zero */
    if (own == NULL || size == 0) {
        free(own);
        import->source.error = &import->error;
        (void)snprintf(import->source.file, sizeof import->source.file, "%s", file);
        return yaml_error(&import->source, 1, "the file is empty");
    }
    memcpy(own, text, size);
    bool good =
        looks_like_toml(own, size) ? read_toml(import, own, size) : read_yaml(import, own, size);
    free(own);
    if (!good)
        return false;
    const yaml_node_t *root = yaml_root(&import->source);
    for (size_t i = 0; format == NULL && i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].looks_so(import, root))
            format = &formats[i];
    }
    if (format == NULL)
        return yaml_error(&import->source, 1,
                          "it is none of wb-mqtt-serial's templates, Telegraf's inputs.modbus, "
                          "mqmgateway's, Home Assistant's modbus and ESPHome's modbus_controller");
    import->format = format->title;
    format->read(import, root);
    if (import->value_count == 0 && import->write_count == 0)
        return yaml_error(&import->source, 1, "there is no register in it that %s would read",
                          format->title);
    return true;
}

void import_close(struct import *import)
{
    yaml_close(&import->source);
}
