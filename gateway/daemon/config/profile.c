/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/profile.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/keys.h"
#include "protocols/modbus/pdu.h"

#define PROFILE_FIELDS_MAX 64
#define PROFILE_WRITES_MAX 32
#define PROFILE_BLOCKS_MAX 16
#define PROFILES_LISTED    256

static const char *const parity_names[] = {"none", "even", "odd", NULL};
static const char parity_letters[] = "NEO";

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
                     (void **)&profile->fields, &profile->field_count, profile_read_field);
}

static const struct key block_keys[] = {
    {.name = "function",
     .kind = KEY_INTEGER,
     KEY_MEMBER(struct block_config, function),
     .min = 1,
     .max = 4,
     .example = "3"},
    {.name = "register",
     .kind = KEY_INTEGER,
     KEY_MEMBER(struct block_config, address),
     .required = true,
     .example = "0x0100"},
    {.name = "count",
     .kind = KEY_INTEGER,
     KEY_MEMBER(struct block_config, count),
     .min = 1,
     .max = 125,
     .required = true,
     .example = "20"},
};

static bool read_block(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct block_config *block = target;
    block->line = yaml_line(item);
    block->function = MODBUS_READ_HOLDING;
    if (!keys_read(source, item, "a block", block_keys, sizeof block_keys / sizeof *block_keys,
                   block))
        return false;
    if (block->address + block->count > 65536)
        return yaml_error(source, block->line,
                          "the block reaches past register 0xFFFF; check register and count");
    return true;
}

static bool read_blocks(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct profile_config *profile = target;
    return keys_list(source, value, "blocks", PROFILE_BLOCKS_MAX, sizeof *profile->blocks,
                     (void **)&profile->blocks, &profile->block_count, read_block);
}

static bool read_writes(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct profile_config *profile = target;
    return keys_list(source, value, "writes", PROFILE_WRITES_MAX, sizeof *profile->writes,
                     (void **)&profile->writes, &profile->write_count, profile_read_write);
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
    {.name = "blocks", .kind = KEY_FUNCTION, .read = read_blocks},
};

static bool touches(const struct block_config *block, const struct field_config *field)
{
    return !field->not_measured && field->function == block->function &&
           field->address < block->address + block->count &&
           field->address + field_type_addresses(field) > block->address;
}

/* All of a field lies in one block, or nothing of it in any. */
static bool check_block(struct yaml_source *source, const struct profile_config *profile,
                        const struct field_config *field)
{
    unsigned end = field->address + field_type_addresses(field);
    for (unsigned i = 0; i < profile->block_count; i++) {
        const struct block_config *block = &profile->blocks[i];
        unsigned block_end = block->address + block->count;
        if (!touches(block, field))
            continue;
        if (field->address < block->address || end > block_end)
            return yaml_error(
                source, field->line,
                "%s lies only partly in the block of line %d; make the block larger, or "
                "smaller",
                profile_field_name(field), block->line);
        if (field->address_words > 1)
            return yaml_error(source, field->line,
                              "%s has width: 32 and lies in the block of line %d; blocks are of "
                              "registers of 16 bits",
                              profile_field_name(field), block->line);
    }
    return true;
}

/* What is read of a device: at most so many things. */
static bool check_items(struct yaml_source *source, const struct profile_config *profile)
{
    unsigned items = profile->block_count;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        bool seen = field->scale_sign == 0;
        for (unsigned j = 0; j < i; j++)
            seen = seen || (profile->fields[j].scale_sign != 0 &&
                            profile->fields[j].scale_address == field->scale_address &&
                            profile->fields[j].function == field->function);
        items += !field->not_measured + (unsigned)!seen;
    }
    return items <= PROFILE_FIELDS_MAX ||
           yaml_error(source, 1,
                      "fields, registers of scales and blocks are %u together; at most %d are "
                      "possible: make two profiles",
                      items, PROFILE_FIELDS_MAX);
}

static bool check_blocks(struct yaml_source *source, const struct profile_config *profile)
{
    bool good = true;
    for (unsigned i = 0; i < profile->block_count; i++) {
        const struct block_config *block = &profile->blocks[i];
        bool used = false;
        if (!modbus_reads_bits(block->function) && block->count > profile->max_registers)
            good = yaml_error(source, block->line,
                              "a block is larger than max_registers %u; raise the limit",
                              profile->max_registers);
        for (unsigned j = 0; j < profile->field_count; j++)
            used = used || touches(block, &profile->fields[j]);
        for (unsigned j = 0; j < i; j++) {
            const struct block_config *other = &profile->blocks[j];
            if (block->function == other->function &&
                block->address < other->address + other->count &&
                other->address < block->address + block->count)
                good = yaml_error(source, block->line,
                                  "the blocks of lines %d and %d overlap; make one of them",
                                  other->line, block->line);
        }
        if (!used && block->count > 0 && profile->field_count > 0)
            good = yaml_error(source, block->line,
                              "no field lies in the block; check its function and register, or "
                              "leave it out");
    }
    return good;
}

/* Something must come with each poll. */
static bool check_periods(struct yaml_source *source, const struct profile_config *profile)
{
    unsigned published = 0, always = 0;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        bool counts = field->metric[0] && !field->not_measured;
        published += counts;
        always += counts && field->every_ms == 0;
    }
    return published == 0 || always > 0 ||
           yaml_error(source, 1,
                      "each metric has an every of its own; leave it out where the device's is "
                      "meant");
}

static bool check_fields(struct yaml_source *source, const struct profile_config *profile)
{
    unsigned published = 0;
    bool all_read = !source->failed, good = true;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        published += field->metric[0] && !field->not_measured;
        if (field_type_words(field) > profile->max_registers)
            good = yaml_error(source, field->line,
                              "a field is wider than max_registers %u; raise the limit",
                              profile->max_registers);
        good = check_block(source, profile, field) && good;
        for (unsigned j = 0; j < i && (field->metric[0] || field->role >= ROLE_MODEL); j++) {
            const char *name = profile_field_name(field);
            if (strcmp(name, profile_field_name(&profile->fields[j])) == 0)
                good = yaml_error(source, field->line,
                                  "%s \"%s\" stands twice; give each field its own%s",
                                  field->metric[0] ? "metric" : "role", name,
                                  field->metric[0] ? ", or say which of several it is, for example "
                                                     "depth: 20cm or at: l1"
                                                   : "");
        }
    }
    if ((published == 0 && (all_read || (profile->fields != NULL && profile->field_count == 0))) ||
        published > READING_VALUES_MAX)
        good = yaml_error(source, 1, "%u measured metrics; a profile has 1 to %d", published,
                          READING_VALUES_MAX);
    good = check_blocks(source, profile) && good;
    good = (!all_read || check_periods(source, profile)) && good;
    return check_items(source, profile) && good;
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
    free(profile->blocks);
    profile->blocks = NULL;
    profile->fields = NULL;
    profile->writes = NULL;
}

/* One that is there and can't be read is found: opening it says so. Else the package's of the same
 * name would take its place, with other registers. So is one of which nobody knows whether it is
 * there, in a folder that does not let in. */
static bool file_in(const char *folder, const char *name, char *path, size_t size)
{
    int written = snprintf(path, size, "%s/%s.yaml", folder, name);
    return written > 0 && (size_t)written < size &&
           (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

bool profile_find(const char *name, const char *profile_dir, char *path, size_t size)
{
    return (profile_dir != NULL && file_in(profile_dir, name, path, size)) ||
           file_in(BAIYE_PROFILE_DIR, name, path, size);
}

static size_t list_folder(const char *folder, char (*names)[CONFIG_NAME_SIZE], size_t count)
{
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (dir != NULL && count < PROFILES_LISTED && (entry = readdir(dir)) != NULL) {
        const char *end = strstr(entry->d_name, ".yaml");
        size_t size = end != NULL ? (size_t)(end - entry->d_name) : 0;
        if (size == 0 || size >= CONFIG_NAME_SIZE)
            continue;
        memcpy(names[count], entry->d_name, size);
        names[count++][size] = '\0';
    }
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

void profile_nearest(const char *name, const char *profile_dir, char *nearest, size_t size)
{
    char(*names)[CONFIG_NAME_SIZE] = calloc(PROFILES_LISTED, CONFIG_NAME_SIZE);
    const char *words[PROFILES_LISTED + 1] = {NULL};
    *nearest = '\0';
    if (names == NULL)
        return;
    size_t count = list_folder(BAIYE_PROFILE_DIR, names, list_folder(profile_dir, names, 0));
    for (size_t i = 0; i < count; i++)
        words[i] = names[i];
    const char *found = yaml_nearest(name, words);
    if (found != NULL)
        (void)snprintf(nearest, size, "%s", found);
    free(names);
}
