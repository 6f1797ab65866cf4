/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/board.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/keys.h"
#include "gateway/common/units.h"

#define ID_MASK     0xFFFu /* of DBGMCU_IDCODE; the rest is the revision */
#define UNIQUE_MAX  16
#define DATA_FILE   "flash.yaml"
#define COUNT(list) (sizeof(list) / sizeof *(list))

const char *const probe_names[PROBE_KINDS + 1] = {"openocd", "st-link", "serial",
                                                  "dfu",     "uf2",     NULL};

/* ---- areas ---- */

#define AREA(m) KEY_MEMBER(struct board_area, m)

static bool read_area(struct yaml_source *source, const yaml_node_t *value, const char *what,
                      struct board_area *area)
{
    static const struct key keys[] = {
        {.name = "at", .kind = KEY_INTEGER, AREA(at), .example = "0x08000000", .required = true},
        {.name = "size",
         .kind = KEY_BYTES,
         AREA(size),
         .min = 1,
         .max = 16 << 20,
         .example = "15KiB",
         .required = true},
        {.name = "file", .kind = KEY_TEXT, AREA(file), .example = "baiye-boot.bin"},
        {.name = "vectors", .kind = KEY_INTEGER, AREA(vectors), .example = "0x100"},
        {.name = "exports", .kind = KEY_INTEGER, AREA(exports), .example = "0x40"},
        {.name = "slot", .kind = KEY_INTEGER, AREA(slot), .max = 1, .example = "0"},
    };
    area->line = yaml_line(value);
    return keys_read(source, value, what, keys, COUNT(keys), area);
}

static bool read_boot(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct board_area *area = &((struct board *)target)->boot;
    return read_area(source, value, "boot", area) &&
           (area->file[0] != '\0' || yaml_error(source, area->line,
                                                "boot has no file; add for example file: "
                                                "baiye-boot.bin"));
}

static bool read_factory(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_area(source, value, "factory", &((struct board *)target)->factory);
}

static bool read_image(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct board_area *area = &((struct board *)target)->image;
    return read_area(source, value, "image", area) &&
           (area->file[0] != '\0' || yaml_error(source, area->line,
                                                "image has no file; add for example file: "
                                                "baiye-node.img"));
}

/* ---- chip ---- */

static bool read_chip(struct yaml_source *source, const yaml_node_t *value, void *target)
{
#define CHIP(m) KEY_MEMBER(struct board, chip.m)
    static const struct key keys[] = {
        {.name = "name", .kind = KEY_TEXT, CHIP(name), .example = "STM32F103CB", .required = true},
        {.name = "id", .kind = KEY_INTEGER, CHIP(id), .example = "0x410"},
        {.name = "id_register", .kind = KEY_INTEGER, CHIP(id_register), .example = "0xE0042000"},
        {.name = "id_mask", .kind = KEY_INTEGER, CHIP(id_mask), .example = "0xFFF"},
        {.name = "unique_id", .kind = KEY_INTEGER, CHIP(unique_id), .example = "0x1FFFF7E8"},
        {.name = "unique_size",
         .kind = KEY_INTEGER,
         CHIP(unique_size),
         .min = 4,
         .max = UNIQUE_MAX,
         .example = "12"},
        {.name = "protection", .kind = KEY_INTEGER, CHIP(protection), .example = "0x4002201C"},
        {.name = "protection_mask", .kind = KEY_INTEGER, CHIP(protection_mask), .example = "0x2"},
        {.name = "flash",
         .kind = KEY_INTEGER,
         CHIP(flash),
         .example = "0x08000000",
         .required = true},
        {.name = "flash_size",
         .kind = KEY_BYTES,
         CHIP(flash_size),
         .min = 1024,
         .max = 16 << 20,
         .example = "128KiB",
         .required = true},
        {.name = "page",
         .kind = KEY_INTEGER,
         CHIP(page),
         .min = 16,
         .max = 1 << 20,
         .example = "1024",
         .required = true},
    };
    return keys_read(source, value, "chip", keys, COUNT(keys), target);
}

/* ---- probes ---- */

#define PROBE(m) KEY_MEMBER(struct board_probe, m)

/* A script of the board is found beside the data file; others are OpenOCD's own. */
static bool read_script(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    char beside[CONFIG_PATH_SIZE];
    const char *text = yaml_text(item);
    if (text == NULL || strlen(text) >= CONFIG_PATH_SIZE)
        return yaml_error(source, yaml_line(item),
                          "a script is a file's name; write for example interface/stlink.cfg");
    if (!keys_path(source, item, beside, sizeof beside))
        return false;
    (void)snprintf(target, CONFIG_PATH_SIZE, "%s", access(beside, R_OK) == 0 ? beside : text);
    return true;
}

static bool read_scripts(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct board_probe *probe = target;
    void *list = NULL;
    bool good = keys_list(source, value, "scripts", BOARD_SCRIPTS_MAX, CONFIG_PATH_SIZE, &list,
                          &probe->script_count, read_script);
    if (good)
        memcpy(probe->scripts, list, (size_t)probe->script_count * CONFIG_PATH_SIZE);
    free(list);
    return good;
}

bool probe_is_by_name(uint8_t kind)
{
    return kind == PROBE_DFU || kind == PROBE_UF2;
}

/* What a probe of this kind can't do without. */
static bool check_probe(struct yaml_source *source, const struct board *board,
                        const struct board_probe *probe)
{
    int line = probe->line;
    const char *lacks = NULL;
    if (probe->kind == PROBE_OPENOCD && probe->script_count == 0)
        lacks = "scripts: [interface/stlink.cfg, target/stm32f1x.cfg]";
    if (probe->kind == PROBE_DFU && probe->memory[0] == '\0')
        lacks = "memory: \"@Internal Flash  /0x08000000/04*016Kg\", as dfu-util -l shows it";
    if (probe->kind == PROBE_DFU && probe->usb[0] == '\0')
        lacks = "usb: \"0483:df11\"";
    if (probe->kind == PROBE_UF2 && probe->memory[0] == '\0')
        lacks = "memory: RPI-RP2, the Board-ID of INFO_UF2.TXT on its drive";
    if (probe->kind == PROBE_UF2 && probe->family == 0)
        lacks = "family: 0xE48BFF56";
    if (probe->kind == PROBE_OPENOCD && board->chip.id_register == 0)
        return yaml_error(source, line,
                          "a debug probe finds the chip by chip: id_register; "
                          "add for example id_register: 0xE0042000");
    if (!probe_is_by_name(probe->kind) && board->chip.id == 0)
        return yaml_error(source, line,
                          "the chip has no id to be checked by; add for example "
                          "id: 0x410 under chip");
    return lacks == NULL ||
           yaml_error(source, line, "a probe of kind %s needs more; add for example %s",
                      probe_names[probe->kind], lacks);
}

static bool read_probe(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    static const struct key keys[] = {
        {.name = "kind",
         .kind = KEY_CHOICE,
         PROBE(kind),
         .choices = probe_names,
         .example = "openocd",
         .required = true},
        {.name = "scripts", .kind = KEY_FUNCTION, .read = read_scripts},
        {.name = "unlock", .kind = KEY_TEXT, PROBE(unlock), .example = "stm32f1x unlock 0"},
        {.name = "baud",
         .kind = KEY_INTEGER,
         PROBE(baud),
         .min = 1200,
         .max = 1000000,
         .example = "115200"},
        {.name = "usb", .kind = KEY_TEXT, PROBE(usb), .example = "\"0483:df11\""},
        {.name = "memory", .kind = KEY_TEXT, PROBE(memory), .example = "\"@Internal Flash\""},
        {.name = "family", .kind = KEY_INTEGER, PROBE(family), .example = "0xE48BFF56"},
        {.name = "clear", .kind = KEY_INTEGER, PROBE(clear), .example = "0x10050000"},
        {.name = "before", .kind = KEY_TEXT, PROBE(before), .example = "\"BOOT0 up, reset\""},
        {.name = "after", .kind = KEY_TEXT, PROBE(after), .example = "\"BOOT0 down\""},
    };
    ((struct board_probe *)target)->baud = 115200;
    ((struct board_probe *)target)->line = yaml_line(item);
    return keys_read(source, item, "a probe", keys, COUNT(keys), target);
}

static bool read_probes(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct board *board = target;
    void *list = NULL;
    bool good = keys_list(source, value, "probes", BOARD_PROBES_MAX, sizeof *board->probes, &list,
                          &board->probe_count, read_probe);
    if (good)
        memcpy(board->probes, list, board->probe_count * sizeof *board->probes);
    free(list);
    return good;
}

/* ---- calibration ---- */

struct channel_draft {
    char channel[CONFIG_NAME_SIZE];
    struct calibration_table table;
};

static bool hundredths(const char *text, int32_t *out)
{
    double value;
    if (text == NULL || !units_number(text, &value) || value > 300000 || value < -300000)
        return false;
    *out = (int32_t)(value * 100 + (value < 0 ? -0.5 : 0.5));
    return true;
}

/* points: [[raw count, value in the channel's unit], …] */
static bool read_points(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct calibration_table *table = &((struct channel_draft *)target)->table;
    const char *wrong = "points are pairs [raw count, value], at most 5, raw counts rising or "
                        "falling; write for example [[412, 0], [880, 100]]";
    if (value->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(value), "%s", wrong);
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++) {
        const yaml_node_t *pair = yaml_at(source, *item);
        int64_t raw;
        if (table->points >= NODE_CALIBRATION_POINTS_MAX || pair->type != YAML_SEQUENCE_NODE ||
            pair->data.sequence.items.top - pair->data.sequence.items.start != 2)
            return yaml_error(source, yaml_line(pair), "%s", wrong);
        const yaml_node_item_t *two = pair->data.sequence.items.start;
        const char *text = yaml_text(yaml_at(source, two[0]));
        if (text == NULL || !units_integer(text, &raw) || raw > INT32_MAX || raw < -INT32_MAX ||
            !hundredths(yaml_text(yaml_at(source, two[1])), &table->hundredths[table->points]))
            return yaml_error(source, yaml_line(pair), "%s", wrong);
        table->raw[table->points++] = (int32_t)raw;
    }
    return calibration_table_valid(table) || yaml_error(source, yaml_line(value), "%s", wrong);
}

static bool read_channel(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    static const struct key keys[] = {
        {.name = "channel",
         .kind = KEY_METRIC,
         KEY_MEMBER(struct channel_draft, channel),
         .example = "soil_wetness",
         .required = true},
        {.name = "date",
         .kind = KEY_INTEGER,
         KEY_MEMBER(struct channel_draft, table.date),
         .min = 20000101,
         .max = 21001231,
         .example = "20261122"},
        {.name = "operator",
         .kind = KEY_INTEGER,
         KEY_MEMBER(struct channel_draft, table.operator_id),
         .example = "17"},
        {.name = "points", .kind = KEY_FUNCTION, .read = read_points, .required = true},
    };
    static const char *const names[CHANNEL_COUNT + 1] = {
#define CHANNEL(id, name, ...) [CHANNEL_##id] = (name),
#include "protocols/node_map/registers.def"
    };
    struct channel_draft draft = {0};
    if (!keys_read(source, item, "a calibration", keys, COUNT(keys), &draft))
        return false;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (strcmp(names[i], draft.channel) == 0) {
            ((struct board *)target)->calibration[i] = draft.table;
            return true;
        }
    }
    const char *near = yaml_nearest(draft.channel, names);
    return yaml_error(source, yaml_line(item), "channel: \"%s\" is none of the node's; write %s",
                      draft.channel, near != NULL ? near : "for example soil_wetness");
}

static bool read_calibration(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    if (value->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, yaml_line(value),
                          "calibration must be a list; write \"- channel: …\" items or []");
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++) {
        if (!read_channel(source, yaml_at(source, *item), target))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool check_area(struct yaml_source *source, const struct board *board,
                       const struct board_area *area, const char *what)
{
    uint64_t begin = board->chip.flash, end = begin + board->chip.flash_size;
    if (area->size == 0)
        return true;
    if (area->at < begin || area->at + area->size > end)
        return yaml_error(source, area->line,
                          "%s: 0x%08X and %llu bytes are outside of the flash; the chip has "
                          "0x%08llX to 0x%08llX",
                          what, area->at, (unsigned long long)area->size, (unsigned long long)begin,
                          (unsigned long long)end);
    if (area->at % board->chip.page != 0)
        return yaml_error(source, area->line,
                          "%s: 0x%08X is no begin of a page; pages have %u "
                          "bytes",
                          what, area->at, board->chip.page);
    return true;
}

static bool apart(struct yaml_source *source, const struct board_area *a,
                  const struct board_area *b, const char *which)
{
    if (a->size == 0 || b->size == 0 || a->at + a->size <= b->at || b->at + b->size <= a->at)
        return true;
    return yaml_error(source, a->line, "%s lie in one another; give each its own pages", which);
}

static bool check(struct yaml_source *source, struct board *board)
{
    if (!check_area(source, board, &board->boot, "boot") ||
        !check_area(source, board, &board->factory, "factory") ||
        !check_area(source, board, &board->image, "image"))
        return false;
    if (!apart(source, &board->boot, &board->factory, "boot and factory") ||
        !apart(source, &board->boot, &board->image, "boot and image") ||
        !apart(source, &board->factory, &board->image, "factory and image"))
        return false;
    if (board->probe_count == 0)
        return yaml_error(source, 1, "no probes; add for example probes: [{ kind: serial }]");
    for (unsigned i = 0; i < board->probe_count; i++) {
        if (!check_probe(source, board, &board->probes[i]))
            return false;
    }
    if (board->reports[0] == '\0')
        memcpy(board->reports, board->name, sizeof board->reports);
    return true;
}

bool board_load(const char *folder, const char *name, struct board *board,
                struct config_error *error)
{
    static const struct key keys[] = {
        {.name = "reports",
         .kind = KEY_NAME,
         KEY_MEMBER(struct board, reports),
         .example = "stm32f103-rs485"},
        {.name = "hardware",
         .kind = KEY_INTEGER,
         KEY_MEMBER(struct board, hardware),
         .min = 1,
         .max = UINT32_MAX,
         .example = "0x42F10301",
         .required = true},
        {.name = "chip", .kind = KEY_FUNCTION, .read = read_chip, .required = true},
        {.name = "boot", .kind = KEY_FUNCTION, .read = read_boot},
        {.name = "factory", .kind = KEY_FUNCTION, .read = read_factory, .required = true},
        {.name = "image", .kind = KEY_FUNCTION, .read = read_image, .required = true},
        {.name = "probes", .kind = KEY_FUNCTION, .read = read_probes, .required = true},
        {.name = "calibration", .kind = KEY_FUNCTION, .read = read_calibration},
    };
    char path[CONFIG_PATH_SIZE], others[400];
    *board = (struct board){.chip.id_mask = ID_MASK};
    bool is_name = strlen(name) < sizeof board->name && strchr(name, '/') == NULL;
    if (is_name)
        (void)snprintf(board->name, sizeof board->name, "%s", name);
    int length = snprintf(path, sizeof path, "%s/%s/" DATA_FILE, folder, name);
    if (!is_name || length < 0 || (size_t)length >= sizeof path || access(path, F_OK) != 0) {
        unsigned count = board_list(folder, others, sizeof others);
        (void)snprintf(error->text, sizeof error->text,
                       "there is no board \"%.32s\" in %.60s; there %s %.300s", name, folder,
                       count == 1 ? "is" : "are", count > 0 ? others : "none");
        return false;
    }
    struct yaml_source source;
    bool good = yaml_open(&source, path, error) &&
                keys_read(&source, yaml_root(&source), "the board", keys, COUNT(keys), board) &&
                check(&source, board);
    yaml_close(&source);
    return good;
}

bool board_load_calibration(const char *file, struct board *board, struct config_error *error)
{
    struct yaml_source source;
    bool good =
        yaml_open(&source, file, error) && read_calibration(&source, yaml_root(&source), board);
    yaml_close(&source);
    return good;
}

static int is_board(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

unsigned board_list(const char *folder, char *out, size_t size)
{
    struct dirent **entries = NULL;
    unsigned found = 0;
    int count = scandir(folder, &entries, is_board, alphasort);
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        char path[2 * CONFIG_PATH_SIZE];
        size_t at = strlen(out);
        (void)snprintf(path, sizeof path, "%s/%.200s/" DATA_FILE, folder, entries[i]->d_name);
        if (access(path, R_OK) == 0 && at + strlen(entries[i]->d_name) + 3 < size) {
            (void)snprintf(out + at, size - at, "%s%s", found > 0 ? ", " : "", entries[i]->d_name);
            found++;
        }
        free(entries[i]);
    }
    free(entries);
    return found;
}
