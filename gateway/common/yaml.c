/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/common/file_help.h"
#include "gateway/common/language.h"
#include "gateway/common/yaml_slip.h"

#define FILE_SIZE_MAX (1024L * 1024)
#define DEPTH_MAX     32 /* ours have 6 */
#define ANCHORS_MAX   256

bool yaml_error(struct yaml_source *source, int line, const char *format, ...)
{
    if (source->failed && source->all == NULL)
        return false;
    source->failed = true;
    char text[sizeof source->all->list[0].text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, gettext(format), arguments);
    va_end(arguments);
    if (source->all != NULL) {
        if (source->all->count < YAML_ERRORS_MAX) {
            struct yaml_line_error *error = &source->all->list[source->all->count++];
            error->line = line;
            memcpy(error->text, text, sizeof text);
        }
        return false;
    }
    (void)snprintf(source->error->text, sizeof source->error->text, "%.100s:%d: %s", source->file,
                   line, text);
    return false;
}

static bool open_error(struct yaml_source *source, int error)
{
    static const char format[] = N_("can't read the file: %s; %s");
    const struct file_reader reader = file_reader_self();
    char help[FILE_HELP_SIZE];
    file_help(&reader, source->file, error, gettext(format) != format, help);
    return yaml_error(source, 1, format, strerror(error), help);
}

/* The reader reports what it cannot decode by its byte only. */
static int line_at(FILE *stream, size_t offset)
{
    int line = 1;
    rewind(stream);
    for (int c = 0; offset > 0 && (c = getc(stream)) != EOF; offset--)
        line += c == '\n';
    return line;
}

/* libyaml's time grows with the square of depth and of the number of anchors: 100 kB of "[" took 14
 * seconds. So the file is first gone through without building anything, up to where it is deeper or
 * has more of them than any file of ours. What is not YAML is left to the second time. */
static bool is_modest(struct yaml_source *source, FILE *stream)
{
    yaml_parser_t parser;
    yaml_event_t event;
    unsigned depth = 0, anchors = 0;
    int line = 0;
    if (!yaml_parser_initialize(&parser))
        return yaml_error(source, 1, "out of memory");
    yaml_parser_set_input_file(&parser, stream);
    for (bool more = true; more && line == 0 && yaml_parser_parse(&parser, &event);) {
        bool begins =
            event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
        bool ends = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        depth = depth + begins - ends;
        anchors +=
            (event.type == YAML_SCALAR_EVENT && event.data.scalar.anchor != NULL) ||
            (event.type == YAML_SEQUENCE_START_EVENT && event.data.sequence_start.anchor != NULL) ||
            (event.type == YAML_MAPPING_START_EVENT && event.data.mapping_start.anchor != NULL);
        if (depth > DEPTH_MAX || anchors > ANCHORS_MAX)
            line = (int)event.start_mark.line + 1;
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    rewind(stream);
    if (line != 0)
        return yaml_error(source, line,
                          "more than %d levels of brackets or indentation, or more than %d "
                          "anchors; write it flatter",
                          DEPTH_MAX, ANCHORS_MAX);
    return true;
}

/* A parser's words and place are no help to who typed a tab. */
static void no_yaml(struct yaml_source *source, FILE *stream, const yaml_parser_t *parser)
{
    static const char indent[] =
        N_("not YAML: the line begins with %u blanks and the one above with "
           "%u; give keys of one list or mapping the same");
    static const char *const texts[] = {
        [YAML_SLIP_NONE] = N_("not YAML: %s; check indentation, colons and quotes"),
        [YAML_SLIP_TAB] = N_("not YAML: the line begins with a tab; write blanks"),
        [YAML_SLIP_WIDE] =
            N_("not YAML: the full-width \"%s\" is no sign of it; write : , { } [ ] ' or a blank"),
        [YAML_SLIP_NO_BLANK] =
            N_("not YAML: there is no blank behind the colon; write \"%s: \" and the value"),
        [YAML_SLIP_EQUALS] = N_("not YAML: = is no sign of it; write \"%s: \" and the value"),
        [YAML_SLIP_QUOTE] = N_("not YAML: a quote does not end; write it before and behind"),
        [YAML_SLIP_BRACKET] = N_("not YAML: a bracket does not end; write } or ] at its end"),
        [YAML_SLIP_COMMA] =
            N_("not YAML: a comma is missing between two keys; write { a: 1, b: 2 }"),
        [YAML_SLIP_DASH] = N_("not YAML: the line begins no item of the list; write - { ... }"),
        [YAML_SLIP_INDENT] = indent,
    };
    struct yaml_slip slip;
    yaml_slip_find(stream, (int)parser->problem_mark.line + 1, &slip);
    if (slip.kind == YAML_SLIP_INDENT)
        yaml_error(source, slip.line, texts[YAML_SLIP_INDENT], slip.columns, slip.above);
    else if (slip.kind == YAML_SLIP_NONE)
        yaml_error(source, slip.line, texts[YAML_SLIP_NONE],
                   parser->problem != NULL ? parser->problem : "unreadable");
    else if (slip.sign[0] != '\0')
        yaml_error(source, slip.line, texts[slip.kind], slip.sign);
    else
        yaml_error(source, slip.line, "%s", gettext(texts[slip.kind]));
}

static bool parse(struct yaml_source *source, FILE *stream)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return yaml_error(source, 1, "out of memory");
    yaml_parser_set_input_file(&parser, stream);
    if (!yaml_parser_load(&parser, &source->document)) {
        if (parser.error == YAML_READER_ERROR)
            yaml_error(source, line_at(stream, parser.problem_offset),
                       "not UTF-8 text: %s; save the file with the encoding UTF-8",
                       parser.problem != NULL ? parser.problem : "unreadable");
        else
            no_yaml(source, stream, &parser);
    } else {
        source->loaded = true;
        if (yaml_document_get_root_node(&source->document) == NULL)
            yaml_error(source, 1, "the file is empty; it needs lines of \"key: value\"");
    }
    yaml_parser_delete(&parser);
    return !source->failed;
}

static bool open_file(struct yaml_source *source, const char *file)
{
    (void)snprintf(source->file, sizeof source->file, "%s", file);
    FILE *stream = fopen(file, "re");
    if (stream == NULL)
        return open_error(source, errno);
    struct stat status;
    if (fstat(fileno(stream), &status) != 0)
        (void)open_error(source, errno);
    else if (S_ISDIR(status.st_mode))
        (void)open_error(source, EISDIR);
    else if (status.st_size > FILE_SIZE_MAX)
        yaml_error(source, 1, "the file is larger than 1 MiB; split it or name the right file");
    else if (!S_ISREG(status.st_mode) || is_modest(source, stream)) /* a pipe is read once */
        (void)parse(source, stream);
    (void)fclose(stream);
    return !source->failed;
}

bool yaml_open_stream(struct yaml_source *source, const char *file, FILE *stream,
                      struct config_error *error)
{
    *source = (struct yaml_source){.error = error};
    (void)snprintf(source->file, sizeof source->file, "%s", file);
    return is_modest(source, stream) && parse(source, stream);
}

bool yaml_open(struct yaml_source *source, const char *file, struct config_error *error)
{
    *source = (struct yaml_source){.error = error};
    return open_file(source, file);
}

bool yaml_open_all(struct yaml_source *source, const char *file, struct yaml_errors *all)
{
    *source = (struct yaml_source){.all = all};
    return open_file(source, file);
}

void yaml_close(struct yaml_source *source)
{
    if (source->loaded)
        yaml_document_delete(&source->document);
    source->loaded = false;
}

yaml_node_t *yaml_root(struct yaml_source *source)
{
    return yaml_document_get_root_node(&source->document);
}

yaml_node_t *yaml_at(struct yaml_source *source, int index)
{
    return yaml_document_get_node(&source->document, index);
}

int yaml_line(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}

const char *yaml_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return NULL;
    return (const char *)node->data.scalar.value;
}

#define WORD_MAX 32

/* Edit distance of two words of at most WORD_MAX bytes, row by row; two neighbours swapped, the
 * commonest slip of all, count as one. */
static unsigned distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX)
        return WORD_MAX;
    unsigned row[WORD_MAX + 1], above[WORD_MAX + 1] = {0}, before[WORD_MAX + 1] = {0};
    for (size_t j = 0; j <= b_size; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        memcpy(before, above, sizeof before);
        memcpy(above, row, sizeof above);
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            unsigned moved = (above[j] < row[j - 1] ? above[j] : row[j - 1]) + 1;
            row[j] = replaced < moved ? replaced : moved;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return row[b_size];
}

/* The only one that begins or ends with the word, at a - or _. */
static const char *only_part(const char *word, const char *const *words)
{
    const char *only = NULL;
    size_t size = strlen(word);
    for (; size >= 4 && *words != NULL; words++) {
        size_t own = strlen(*words);
        bool begins =
            own > size && strncmp(*words, word, size) == 0 && strchr("-_", (*words)[size]) != NULL;
        bool ends = own > size && strcmp(*words + own - size, word) == 0 &&
                    strchr("-_", (*words)[own - size - 1]) != NULL;
        if (!begins && !ends)
            continue;
        if (only != NULL && strcmp(only, *words) != 0)
            return NULL;
        only = *words;
    }
    return only;
}

const char *yaml_nearest(const char *word, const char *const *words)
{
    const char *best = NULL, *const *all = words;
    /* Nearer than this; of one letter any other is near. */
    unsigned best_distance = strlen(word) < 2 ? 1 : strlen(word) < 5 ? 2 : 3;
    for (; *words != NULL; words++) {
        unsigned d = distance(word, *words);
        if (d < best_distance) {
            best_distance = d;
            best = *words;
        }
    }
    return best != NULL ? best : only_part(word, all);
}
