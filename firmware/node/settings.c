/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/settings.h"

#include <string.h>

#include "firmware/node/layout.h"
#include "protocols/bytes/bytes.h"

enum { SCHEMA = 1, ROOM = 128, STORED_SIZE = 4 + 2 * SETTING_COUNT };

_Static_assert(STORED_SIZE + REDUNDANT_RECORD_OVERHEAD <= ROOM, "settings outgrew their room");

static const struct line_settings factory_line = {NODE_ADDRESS_FACTORY, NODE_BAUD_FACTORY, 0};

bool line_settings_valid(const struct line_settings *line)
{
    return line->address >= 1 && line->address <= 247 && node_baud(line->baud_code) != 0 &&
           line->parity <= 2;
}

struct hal_line line_settings_hal(const struct line_settings *line)
{
    return (struct hal_line){
        .baud = node_baud(line->baud_code), .parity = "NEO"[line->parity % 3], .stop_bits = 1};
}

static void put_factory(uint16_t *values)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        values[i] = node_settings[i].factory;
}

static void encode(const struct line_settings *line, const uint16_t *values,
                   uint8_t stored[STORED_SIZE])
{
    struct byte_writer w = byte_writer_init(stored, STORED_SIZE);
    byte_write_u8(&w, line->address);
    byte_write_u8(&w, line->baud_code);
    byte_write_u8(&w, line->parity);
    byte_write_u8(&w, 0);
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        byte_write_u16(&w, values[i]);
}

/* What is out of range, written by a firmware with other limits, becomes the factory's. */
static void decode(const uint8_t stored[STORED_SIZE], struct settings *s)
{
    struct byte_reader r = byte_reader_init(stored, STORED_SIZE);
    s->line.address = byte_read_u8(&r);
    s->line.baud_code = byte_read_u8(&r);
    s->line.parity = byte_read_u8(&r);
    byte_read_u8(&r);
    if (!line_settings_valid(&s->line))
        s->line = factory_line;
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        uint16_t value = byte_read_u16(&r);
        bool valid = value >= node_settings[i].min && value <= node_settings[i].max;
        s->value[i] = valid ? value : node_settings[i].factory;
    }
}

/* New memory is all of one byte. */
static bool is_blank(const struct redundant_record *record)
{
    uint8_t bytes[16];
    for (unsigned copy = 0; copy < 2; copy++) {
        if (hal_nv_read(record->offset + copy * record->room, bytes, sizeof bytes) != HAL_OK)
            return false;
        for (unsigned i = 0; i < sizeof bytes; i++) {
            if (bytes[i] != bytes[0])
                return false;
        }
    }
    return true;
}

enum hal_result settings_load(struct settings *s)
{
    uint8_t stored[STORED_SIZE];
    uint16_t factory[SETTING_COUNT];
    memset(s, 0, sizeof *s);
    redundant_record_init(&s->record, LAYOUT_SETTINGS, ROOM, SCHEMA);
    put_factory(factory);
    encode(&factory_line, factory, stored);
    enum hal_result result = redundant_record_load(&s->record, stored, STORED_SIZE);
    s->defaults = result != HAL_OK;
    s->damaged = result == HAL_RANGE && !is_blank(&s->record);
    decode(stored, s);
    settings_forget(s);
    if (result == HAL_RANGE)
        return HAL_OK;
    if (result != HAL_OK)
        s->line.address = 0;
    return result;
}

static enum hal_result store(struct settings *s, const struct line_settings *line,
                             const uint16_t *values)
{
    uint8_t stored[STORED_SIZE];
    encode(line, values, stored);
    enum hal_result result = redundant_record_save(&s->record, stored, STORED_SIZE);
    if (result == HAL_OK)
        s->defaults = s->damaged = false;
    return result;
}

enum hal_result settings_commit(struct settings *s)
{
    enum hal_result result = store(s, &s->line, s->written);
    if (result == HAL_OK)
        memcpy(s->value, s->written, sizeof s->value);
    return result;
}

void settings_forget(struct settings *s)
{
    memcpy(s->written, s->value, sizeof s->written);
}

enum hal_result settings_factory(struct settings *s)
{
    put_factory(s->written);
    return settings_commit(s);
}

enum hal_result settings_store_line(struct settings *s, const struct line_settings *line)
{
    enum hal_result result = store(s, line, s->value);
    if (result == HAL_OK)
        s->line = *line;
    return result;
}

bool settings_uncommitted(const struct settings *s)
{
    return memcmp(s->written, s->value, sizeof s->value) != 0;
}
