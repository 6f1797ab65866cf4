/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/calibration.h"

#include <string.h>

#include "firmware/node/layout.h"
#include "protocols/bytes/bytes.h"
#include "protocols/image/factory.h"

enum {
    SCHEMA = 1,
    POINTS = NODE_CALIBRATION_POINTS_MAX,
    STORED_SIZE = CALIBRATION_SIZE,
    /* Offsets of the registers from NODE_CALIBRATION_CHANNEL. */
    AT_COMMAND = NODE_CALIBRATION_COMMAND - NODE_CALIBRATION_CHANNEL,
    AT_DATE = NODE_CALIBRATION_DATE - NODE_CALIBRATION_CHANNEL,
    AT_OPERATOR = NODE_CALIBRATION_OPERATOR - NODE_CALIBRATION_CHANNEL,
    AT_POINTS = NODE_CALIBRATION_POINTS - NODE_CALIBRATION_CHANNEL,
    AT_TABLE = NODE_CALIBRATION_TABLE - NODE_CALIBRATION_CHANNEL
};

_Static_assert(STORED_SIZE + REDUNDANT_RECORD_OVERHEAD <= LAYOUT_CALIBRATION_ROOM,
               "calibration outgrew it");
_Static_assert(AT_TABLE + 4 * POINTS == CALIBRATION_WORDS, "registers and table differ");

/* What was written by wire; nothing there: every channel by the sensor's own conversion. */
static void read_page(uint8_t stored[STORED_SIZE])
{
    size_t size = 0;
    struct factory factory;
    const uint8_t *page = hal_factory_page(&size);
    if (page != NULL && factory_read(page, size, &factory))
        memcpy(stored, factory.calibration,
               factory.calibration_size < STORED_SIZE ? factory.calibration_size : STORED_SIZE);
}

static enum hal_result load_from(struct calibration *c, struct redundant_record *record)
{
    uint8_t stored[STORED_SIZE] = {0};
    enum hal_result result = redundant_record_load(record, stored, sizeof stored);
    if (result == HAL_RANGE)
        read_page(stored);
    else if (result != HAL_OK)
        return result;
    struct byte_reader r = byte_reader_init(stored, sizeof stored);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        calibration_table_read(&c->table[i], &r);
    c->edit = c->table[c->channel];
    return HAL_OK;
}

static enum hal_result store_to(const struct calibration *c, struct redundant_record *record)
{
    uint8_t stored[STORED_SIZE];
    struct byte_writer w = byte_writer_init(stored, sizeof stored);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        calibration_table_write(&c->table[i], &w);
    return redundant_record_save(record, stored, sizeof stored);
}

enum hal_result calibration_load(struct calibration *c)
{
    memset(c, 0, sizeof *c);
    redundant_record_init(&c->record, LAYOUT_CALIBRATION, LAYOUT_CALIBRATION_ROOM, SCHEMA);
    return load_from(c, &c->record);
}

/* On the line through the two points around `raw`, or the last two beyond the ends. */
static int32_t interpolate(const struct calibration_table *t, int32_t raw)
{
    bool rising = t->raw[1] > t->raw[0];
    unsigned i = 1;
    while (i + 1 < t->points && (rising ? raw > t->raw[i] : raw < t->raw[i]))
        i++;
    int64_t run = (int64_t)t->raw[i] - t->raw[i - 1];
    int64_t rise = (int64_t)t->hundredths[i] - t->hundredths[i - 1];
    int64_t product = ((int64_t)raw - t->raw[i - 1]) * rise;
    if (run < 0) {
        run = -run;
        product = -product;
    }
    int64_t value =
        t->hundredths[i - 1] + (product >= 0 ? product + run / 2 : product - run / 2) / run;
    if (value > INT32_MAX)
        return INT32_MAX;
    return value < -INT32_MAX ? -INT32_MAX : (int32_t)value;
}

bool calibration_apply(const struct calibration *c, unsigned channel, int32_t raw,
                       int32_t *hundredths, uint8_t *flag)
{
    const struct calibration_table *t = &c->table[channel];
    if (t->points == 0)
        return false;
    if (t->points == 1) {
        *hundredths += t->hundredths[0];
        return true;
    }
    *hundredths = interpolate(t, raw);
    if (*flag == METRIC_UNCALIBRATED)
        *flag = METRIC_GOOD;
    return true;
}

static void table_fill(const struct calibration_table *t, uint16_t *words)
{
    node_u32_put(words + AT_DATE, t->date);
    words[AT_OPERATOR] = t->operator_id;
    words[AT_POINTS] = t->points;
    for (size_t i = 0; i < POINTS; i++) {
        node_u32_put(words + AT_TABLE + 4 * i, (uint32_t)t->raw[i]);
        node_u32_put(words + AT_TABLE + 4 * i + 2, (uint32_t)t->hundredths[i]);
    }
}

void calibration_fill(const struct calibration *c, uint16_t *words)
{
    words[0] = c->channel;
    table_fill(&c->edit, words);
}

bool calibration_write(struct calibration *c, uint16_t offset, uint16_t count,
                       const uint16_t *words)
{
    uint16_t all[CALIBRATION_WORDS] = {0};
    if (offset == 0) { /* another channel is looked at: what is stored of it comes first */
        if (words[0] >= CHANNEL_COUNT || count != 1)
            return false;
        c->channel = (uint8_t)words[0];
        c->edit = c->table[c->channel];
        return true;
    }
    if (offset <= AT_COMMAND)
        return false;
    calibration_fill(c, all);
    memcpy(all + offset, words, count * sizeof *words);
    if (all[AT_POINTS] > POINTS)
        return false;
    c->edit.date = node_u32_get(all + AT_DATE);
    c->edit.operator_id = all[AT_OPERATOR];
    c->edit.points = (uint8_t)all[AT_POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        c->edit.raw[i] = (int32_t)node_u32_get(all + AT_TABLE + 4 * i);
        c->edit.hundredths[i] = (int32_t)node_u32_get(all + AT_TABLE + 4 * i + 2);
    }
    return true;
}

static enum hal_result store_edit(struct calibration *c)
{
    struct calibration_table before = c->table[c->channel];
    if (!calibration_table_valid(&c->edit))
        return HAL_RANGE;
    c->table[c->channel] = c->edit;
    enum hal_result result = store_to(c, &c->record);
    if (result != HAL_OK)
        c->table[c->channel] = before;
    return result;
}

/* Point 0 is dry, point 1 saturated, whichever is taken first; with both there are two points. */
static enum hal_result capture(struct calibration *c, unsigned point, int32_t raw,
                               int32_t hundredths)
{
    if (raw == INT32_MIN)
        return HAL_RANGE;
    c->edit.raw[point] = raw;
    c->edit.hundredths[point] = hundredths;
    c->edit.points = 2;
    return HAL_OK;
}

static enum hal_result restore(struct calibration *c)
{
    struct redundant_record factory;
    redundant_record_init(&factory, LAYOUT_CALIBRATION_FACTORY, LAYOUT_CALIBRATION_ROOM, SCHEMA);
    enum hal_result result = load_from(c, &factory);
    return result == HAL_OK ? store_to(c, &c->record) : result;
}

static enum hal_result make_factory(const struct calibration *c)
{
    uint8_t none;
    struct redundant_record factory;
    redundant_record_init(&factory, LAYOUT_CALIBRATION_FACTORY, LAYOUT_CALIBRATION_ROOM, SCHEMA);
    (void)redundant_record_load(&factory, &none, 0); /* to learn which copy is the newer */
    return store_to(c, &factory);
}

enum hal_result calibration_do(struct calibration *c, enum calibration_command command, int32_t raw,
                               int32_t saturated)
{
    switch (command) {
    case CALIBRATION_STORE:
        return store_edit(c);
    case CALIBRATION_DRY:
        return capture(c, 0, raw, 0);
    case CALIBRATION_SATURATED:
        return capture(c, 1, raw, saturated);
    case CALIBRATION_RESTORE:
        return restore(c);
    case CALIBRATION_CLEAR:
        c->edit = (struct calibration_table){0};
        return store_edit(c);
    case CALIBRATION_FACTORY:
        return make_factory(c);
    default:
        return HAL_RANGE;
    }
}
