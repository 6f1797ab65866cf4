/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/registers.h"

#include <string.h>

#include "firmware/node/identity.h"

#define SECOND_US UINT64_C(1000000)

enum commit_command { COMMIT_STORE = 1, COMMIT_FORGET = 2, COMMIT_FACTORY = 3 };
enum coil { COIL_INDICATE = 0, COIL_SAMPLE = 1, COIL_SELF_TEST = 2, COIL_COUNT };

/* A stretch of registers. fill() writes all of them as they are at this instant, so that an answer
 * is consistent; write() checks everything before it does anything. NULL: read only. */
struct block {
    void (*fill)(struct node *node, uint16_t *words);
    enum modbus_exception (*write)(struct node *node, uint16_t offset, uint16_t count,
                                   const uint16_t *values);
    uint16_t first, count;
    bool broadcast; /* may be written by broadcast */
};

/* ---- snapshot ---- */

static void fill_snapshot(struct node *node, uint16_t *words)
{
    static const struct node_values nothing = {
        .value = {NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE,
                  NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE, NODE_NO_VALUE},
        .flag = {METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT,
                 METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT}};
    _Static_assert(CHANNEL_COUNT == 10, "say what a new channel is before the first sample");
    const struct sample *sample = &node->sampler.sample;
    uint64_t now_us = hal_now_us();
    uint64_t age_ds = (now_us - sample->taken_us) / 100000;
    words[NODE_MAP_VERSION] = NODE_MAP_VERSION_NUMBER;
    words[NODE_BOOT] = node->black_box.boot;
    node_u32_put(words + NODE_SEQ, sample->seq);
    words[NODE_AGE] = sample->seq == 0 || age_ds > 0xFFFE ? 0xFFFF : (uint16_t)age_ds;
    words[NODE_STATUS] = node_status(node, now_us);
    words[NODE_PERIOD] = node->settings.value[INDEX_SETTING_PERIOD];
    node_values_put(sample->seq ? &sample->values : &nothing, words);
}

static void fill_raw(struct node *node, uint16_t *words)
{
    const struct sample *sample = &node->sampler.sample;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        node_u32_put(words + i * (size_t)2,
                     sample->seq ? (uint32_t)sample->raw[i] : (uint32_t)SENSOR_NO_VALUE);
}

/* ---- black box ---- */

static void fill_sensor_errors(const struct sampler *s, uint16_t *words)
{
    for (size_t i = 0; i < s->probe_count; i++) {
        const struct sensor_errors *e = &s->probes[i].sensor->errors;
        const uint16_t counts[] = {e->absent, e->corrupt, e->late, e->retries};
        memcpy(words + 4 * i, counts, sizeof counts);
    }
}

static void fill_line_counts(const struct link *l, uint16_t *words)
{
    const struct modbus_counters *c = &l->server.counters;
    const uint16_t counts[] = {c->bus_messages,
                               c->bus_errors,
                               c->exceptions,
                               c->server_messages,
                               c->no_responses,
                               c->naks,
                               c->busy,
                               c->overruns,
                               l->framing_errors,
                               l->parity_errors,
                               (uint16_t)l->receiver.noise_bytes,
                               l->dropped};
    memcpy(words, counts, sizeof counts);
}

static void fill_black_box(struct node *node, uint16_t *words)
{
    const struct black_box *box = &node->black_box;
    uint64_t now_us = hal_now_us();
    uint32_t stack = hal_stack_free();
    struct hal_fault fault = hal_fault();
    node_u32_put(words, (uint32_t)(now_us / SECOND_US));
    node_u32_put(words + (NODE_LIFETIME - NODE_UPTIME), box->lifetime_h);
    words[NODE_RESET_CAUSE - NODE_UPTIME] = (uint16_t)box->cause;
    memcpy(words + (NODE_RESET_COUNTS - NODE_UPTIME), box->reset_counts, sizeof box->reset_counts);
    node_u32_put(words + (NODE_FAULT - NODE_UPTIME), fault.pc);
    node_u32_put(words + (NODE_FAULT - NODE_UPTIME) + 2, fault.lr);
    node_u32_put(words + (NODE_FAULT - NODE_UPTIME) + 4, fault.status);
    words[NODE_STACK_FREE - NODE_UPTIME] = stack > 0xFFFE ? 0xFFFF : (uint16_t)stack;
    words[NODE_AWAKE - NODE_UPTIME] = node_awake(node, now_us);
    fill_line_counts(&node->link, words + (NODE_LINE_COUNTS - NODE_UPTIME));
    fill_sensor_errors(&node->sampler, words + (NODE_SENSOR_ERRORS - NODE_UPTIME));
    words[NODE_NV_ERRORS - NODE_UPTIME] = box->nv_errors;
    words[NODE_SAMPLES_LATE - NODE_UPTIME] = node->sampler.late;
    words[NODE_DUPLICATES - NODE_UPTIME] = node->link.duplicates;
    words[NODE_SELF_TEST - NODE_UPTIME] = node->self_test;
    words[NODE_MISSED_CHECK_IN - NODE_UPTIME] = box->missed_task;
    words[NODE_SUPPLY_LEAST - NODE_UPTIME] = node->supply_least_mv;
    words[NODE_LATE_MOST - NODE_UPTIME] = node->late_most;
}

/* ---- identity ---- */

static void fill_identity(struct node *node, uint16_t *words)
{
    node_u32_put(words, hal_serial());
    uint32_t version = node_version(node);
    words[NODE_VERSION - NODE_SERIAL] = (uint16_t)(version >> 24);
    words[NODE_VERSION - NODE_SERIAL + 1] = version >> 16 & 255;
    words[NODE_VERSION - NODE_SERIAL + 2] = (uint16_t)version;
    node_u32_put(words + (NODE_FIRMWARE_CRC - NODE_SERIAL), hal_firmware_crc());
    const char *name = hal_board_name();
    for (size_t i = 0; i < 16 && name[i]; i++) {
        unsigned character = (uint8_t)name[i];
        uint16_t *word = &words[NODE_BOARD - NODE_SERIAL + i / 2];
        *word = (uint16_t)(*word | character << (i % 2 ? 0 : 8));
    }
    node_u32_put(words + (NODE_SETTINGS_SEQUENCE - NODE_SERIAL), node->settings.record.sequence);
}

/* ---- lock and settings ---- */

static void fill_lock(struct node *node, uint16_t *words)
{
    words[0] = node_unlocked(node, hal_now_us());
}

static enum modbus_exception commit(struct node *node, uint16_t command)
{
    enum hal_result result = HAL_OK;
    if (!node_unlocked(node, hal_now_us()))
        return MODBUS_DEVICE_FAILURE;
    switch (command) {
    case COMMIT_STORE:
        result = settings_commit(&node->settings);
        break;
    case COMMIT_FORGET:
        settings_forget(&node->settings);
        break;
    case COMMIT_FACTORY:
        result = settings_factory(&node->settings);
        break;
    default:
        return MODBUS_ILLEGAL_VALUE;
    }
    black_box_nv(&node->black_box, result);
    if (result != HAL_OK)
        return MODBUS_DEVICE_FAILURE;
    sampler_set_period(&node->sampler, node->settings.value[INDEX_SETTING_PERIOD], hal_now_us());
    return MODBUS_OK;
}

static enum modbus_exception write_lock(struct node *node, uint16_t offset, uint16_t count,
                                        const uint16_t *values)
{
    if (count != 1)
        return MODBUS_ILLEGAL_VALUE;
    if (offset == NODE_COMMIT - NODE_UNLOCK)
        return commit(node, values[0]);
    if (values[0] != NODE_UNLOCK_KEY && values[0] != 0)
        return MODBUS_ILLEGAL_VALUE;
    node->unlocked_until_us = hal_now_us() + (values[0] ? NODE_UNLOCK_S * SECOND_US : 0);
    return MODBUS_OK;
}

static void fill_settings(struct node *node, uint16_t *words)
{
    memcpy(words, node->settings.written, sizeof node->settings.written);
}

static enum modbus_exception write_settings(struct node *node, uint16_t offset, uint16_t count,
                                            const uint16_t *values)
{
    if (!node_unlocked(node, hal_now_us()))
        return MODBUS_DEVICE_FAILURE;
    for (unsigned i = 0; i < count; i++) {
        const struct node_setting *setting = &node_settings[offset + i];
        if (values[i] < setting->min || values[i] > setting->max)
            return MODBUS_ILLEGAL_VALUE;
    }
    memcpy(node->settings.written + offset, values, count * sizeof *values);
    return MODBUS_OK;
}

/* ---- statistics and calibration ---- */

static void fill_statistics(struct node *node, uint16_t *words)
{
    statistics_fill(&node->statistics, hal_now_us(), words);
}

static void fill_calibration(struct node *node, uint16_t *words)
{
    calibration_fill(&node->calibration, words);
}

static enum modbus_exception do_calibration(struct node *node, uint16_t command)
{
    const struct sample *sample = &node->sampler.sample;
    int32_t raw = sample->seq ? sample->raw[node->calibration.channel] : SENSOR_NO_VALUE;
    int32_t saturated =
        node_saturated(node->calibration.channel, node->settings.value[INDEX_SETTING_SOIL]);
    enum hal_result result =
        calibration_do(&node->calibration, (enum calibration_command)command, raw, saturated);
    if (result == HAL_RANGE)
        return MODBUS_ILLEGAL_VALUE;
    black_box_nv(&node->black_box, result);
    return result == HAL_OK ? MODBUS_OK : MODBUS_DEVICE_FAILURE;
}

static enum modbus_exception write_calibration(struct node *node, uint16_t offset, uint16_t count,
                                               const uint16_t *values)
{
    /* Which channel is looked at is no setting. */
    if (offset != 0 && !node_unlocked(node, hal_now_us()))
        return MODBUS_DEVICE_FAILURE;
    if (offset == NODE_CALIBRATION_COMMAND - NODE_CALIBRATION_CHANNEL && count == 1)
        return do_calibration(node, values[0]);
    return calibration_write(&node->calibration, offset, count, values) ? MODBUS_OK
                                                                        : MODBUS_ILLEGAL_VALUE;
}

/* ---- SDI-12 ---- */

static void fill_sdi(struct node *node, uint16_t *words)
{
    sdi_pass_fill(&node->sdi_pass, words);
}

static enum modbus_exception write_sdi(struct node *node, uint16_t offset, uint16_t count,
                                       const uint16_t *values)
{
    if (!node_unlocked(node, hal_now_us()))
        return MODBUS_DEVICE_FAILURE;
    if (offset != 0 || count > SDI_PASS_COMMAND_WORDS)
        return MODBUS_ILLEGAL_VALUE;
    if (node->sdi_pass.state == SDI_PASS_BUSY)
        return MODBUS_DEVICE_BUSY;
    return sdi_pass_write(&node->sdi_pass, values, count) ? MODBUS_OK : MODBUS_ILLEGAL_VALUE;
}

/* ---- log ---- */

static void fill_log_wanted(struct node *node, uint16_t *words)
{
    memcpy(words, node->log_wanted, sizeof node->log_wanted);
}

static void fill_log_window(struct node *node, uint16_t *words)
{
    memcpy(words, node->log_words, sizeof node->log_words);
}

/* The window is put together here and stays until the next write, so that a tool which reads it in
 * several requests reads one window. */
static enum modbus_exception write_log_wanted(struct node *node, uint16_t offset, uint16_t count,
                                              const uint16_t *values)
{
    struct node_log_window window;
    uint64_t now_us = hal_now_us();
    if (offset != 0 || count != 3)
        return MODBUS_ILLEGAL_VALUE;
    memcpy(node->log_wanted, values, sizeof node->log_wanted);
    log_window(&node->log, values[0], node_u32_get(values + 1), &window);
    window.now_ds = (uint32_t)(now_us / 100000);
    if (window.count > 0 && window.boot == node->black_box.boot)
        wall_at(&node->wall, window.uptime_ds * (uint64_t)100000, &window.wall_s, &window.wall_ms);
    node_log_window_write(&window, node->log_words);
    return MODBUS_OK;
}

/* ---- time ---- */

static void fill_time(struct node *node, uint16_t *words)
{
    uint32_t seconds;
    wall_at(&node->wall, hal_now_us(), &seconds, words + 2);
    node_u32_put(words, seconds);
}

static enum modbus_exception write_time(struct node *node, uint16_t offset, uint16_t count,
                                        const uint16_t *values)
{
    if (offset != 0 || count != 3 ||
        !wall_set(&node->wall, node_u32_get(values), values[2], node->link.request_end_us))
        return MODBUS_ILLEGAL_VALUE;
    uint32_t seconds;
    uint16_t ms;
    wall_at(&node->wall, hal_now_us(), &seconds, &ms);
    hal_rtc_write(seconds, ms);
    return MODBUS_OK;
}

/* ---- line ---- */

static struct line_settings coming_line(const struct link *l)
{
    return l->change ? l->wanted : l->line;
}

static void fill_line(struct node *node, uint16_t *words)
{
    struct line_settings line = coming_line(&node->link);
    words[0] = line.address;
    words[1] = line.baud_code;
    words[2] = line.parity;
}

static enum modbus_exception write_line(struct node *node, uint16_t offset, uint16_t count,
                                        const uint16_t *values)
{
    struct line_settings line = coming_line(&node->link);
    uint8_t *fields[] = {&line.address, &line.baud_code, &line.parity};
    for (unsigned i = 0; i < count; i++) {
        if (values[i] > 0xFF)
            return MODBUS_ILLEGAL_VALUE;
        *fields[offset + i] = (uint8_t)values[i];
    }
    if (!line_settings_valid(&line))
        return MODBUS_ILLEGAL_VALUE;
    link_want_line(&node->link, &line);
    return MODBUS_OK;
}

/* ---- all of them ---- */

static const struct block blocks[] = {
    {fill_snapshot, NULL, NODE_MAP_VERSION, NODE_SNAPSHOT_SIZE, false},
    {fill_raw, NULL, NODE_RAW, 2 * CHANNEL_COUNT, false},
    {fill_black_box, NULL, NODE_UPTIME, NODE_LATE_MOST - NODE_UPTIME + 1, false},
    {fill_identity, NULL, NODE_SERIAL, NODE_SETTINGS_SEQUENCE + 2 - NODE_SERIAL, false},
    {fill_lock, write_lock, NODE_UNLOCK, 2, false},
    {fill_settings, write_settings, NODE_SETTING_PERIOD, SETTING_COUNT, false},
    {fill_statistics, NULL, NODE_STATISTICS, STATISTICS_WORDS, false},
    {fill_calibration, write_calibration, NODE_CALIBRATION_CHANNEL, CALIBRATION_WORDS, false},
    {fill_sdi, write_sdi, NODE_SDI12_COMMAND, SDI_PASS_WORDS, false},
    {fill_log_wanted, write_log_wanted, NODE_LOG_WANTED, 3, false},
    {fill_log_window, NULL, NODE_LOG_WINDOW, NODE_LOG_WINDOW_WORDS, false},
    {fill_time, write_time, NODE_TIME, 3, true},
    {fill_line, write_line, NODE_ADDRESS, 3, false},
};

#define BLOCK_MAX 125u

static const struct node_update *update_at(const struct node *node, uint16_t address)
{
    bool inside = address >= NODE_UPDATE_FIRST && address <= NODE_UPDATE_LAST;
    return inside ? node->config.update : NULL;
}

static const struct block *find_block(uint16_t address)
{
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (address >= blocks[i].first && address - blocks[i].first < blocks[i].count)
            return &blocks[i];
    }
    return NULL;
}

/* Input and holding registers are the same ones: cheap tools know only function 3. */
static enum modbus_exception read_registers(void *context, bool input, uint16_t address,
                                            uint16_t count, uint16_t *values)
{
    uint16_t words[BLOCK_MAX];
    const struct node_update *update = update_at(context, address);
    (void)input;
    if (update != NULL)
        return update->read(address, count, values) ? MODBUS_OK : MODBUS_ILLEGAL_ADDRESS;
    while (count > 0) {
        const struct block *block = find_block(address);
        if (block == NULL)
            return MODBUS_ILLEGAL_ADDRESS;
        uint16_t offset = (uint16_t)(address - block->first);
        uint16_t n = (uint16_t)(block->count - offset);
        if (n > count)
            n = count;
        memset(words, 0, sizeof words);
        block->fill(context, words);
        memcpy(values, words + offset, n * sizeof *values);
        values += n;
        address = (uint16_t)(address + n);
        count = (uint16_t)(count - n);
    }
    return MODBUS_OK;
}

static enum modbus_exception write_registers(void *context, uint16_t address, uint16_t count,
                                             const uint16_t *values, bool broadcast)
{
    const struct node_update *update = update_at(context, address);
    if (update != NULL) {
        bool unlocked = node_unlocked(context, hal_now_us());
        return update->write(address, count, values, unlocked) ? MODBUS_OK : MODBUS_ILLEGAL_ADDRESS;
    }
    const struct block *block = find_block(address);
    if (block == NULL || address - block->first + count > block->count)
        return MODBUS_ILLEGAL_ADDRESS;
    if (block->write == NULL || (broadcast && !block->broadcast))
        return MODBUS_ILLEGAL_VALUE;
    return block->write(context, (uint16_t)(address - block->first), count, values);
}

/* Coils: 0 the lamp (goes off by itself after a minute), 1 measure now, 2 self-test. Discrete
 * inputs: is the channel good. */
static enum modbus_exception read_bits(void *context, bool input, uint16_t address, uint16_t count,
                                       uint8_t *bits)
{
    const struct node *node = context;
    const struct sample *sample = &node->sampler.sample;
    unsigned present = input ? CHANNEL_COUNT : COIL_COUNT;
    if ((unsigned)address + count > present)
        return MODBUS_ILLEGAL_ADDRESS;
    for (unsigned i = 0; i < count; i++) {
        unsigned which = address + i;
        bool set = input ? sample->seq != 0 && sample->values.flag[which] == METRIC_GOOD
                         : which == COIL_INDICATE && node->indicate_until_us != 0;
        if (set)
            bits[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return MODBUS_OK;
}

static enum modbus_exception write_bits(void *context, uint16_t address, uint16_t count,
                                        const uint8_t *bits, bool broadcast)
{
    struct node *node = context;
    uint64_t now_us = hal_now_us();
    if ((unsigned)address + count > COIL_COUNT)
        return MODBUS_ILLEGAL_ADDRESS;
    if (broadcast)
        return MODBUS_ILLEGAL_VALUE;
    for (unsigned i = 0; i < count; i++) {
        bool on = bits[i / 8] >> i % 8 & 1;
        if (address + i == COIL_INDICATE) {
            node->indicate_until_us = on ? now_us + 60 * SECOND_US : 0;
            hal_indicator(on);
        } else if (on && address + i == COIL_SAMPLE) {
            sampler_now(&node->sampler, now_us);
        } else if (on) {
            node_self_test(node);
        }
    }
    return MODBUS_OK;
}

static uint16_t status(void *context)
{
    return node_status(context, hal_now_us());
}

void registers_model(struct node *node, struct modbus_model *model)
{
    *model = (struct modbus_model){
        .context = node,
        .read_registers = read_registers,
        .write_registers = write_registers,
        .read_bits = read_bits,
        .write_bits = write_bits,
        .report_id = identity_report,
        .object = identity_object,
        .status = status,
    };
}
