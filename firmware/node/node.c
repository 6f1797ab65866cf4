/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/node.h"

#include <string.h>

#include "firmware/node/registers.h"
#include "firmware/node/self_test.h"

#define POWER_UP_US  UINT64_C(5000000) /* from then on no one expects it at 19,200 8E1 */
#define RECALL_US    100000u           /* from one try at the memory to the next */
#define ANSWERING_US 100000u           /* the end of an answer wakes the node before that */

/* What the board's clock kept over a reset. */
static void find_wall_time(struct node *node)
{
    uint32_t seconds;
    uint16_t ms;
    if (hal_rtc_read(&seconds, &ms) == HAL_OK)
        (void)wall_set(&node->wall, seconds, ms, hal_now_us());
}

/* What the memory holds, all of it or nothing: while it does not answer (a slow ramp of the supply,
 * a loose wire) the node does not know its own address. Reads first, then the boot is counted. */
static bool recall(struct node *node, uint64_t now_us)
{
    enum hal_result result = settings_load(&node->settings);
    if (result == HAL_OK)
        result = calibration_load(&node->calibration);
    if (result == HAL_OK)
        result = log_open(&node->log, 0);
    enum hal_result counted = black_box_open(&node->black_box, now_us);
    if (result == HAL_OK)
        result = counted;
    node->log.boot = node->black_box.boot;
    if (result != HAL_OK)
        node->settings.line.address = 0;
    black_box_nv(&node->black_box, result);
    return result == HAL_OK;
}

/* From the beginning, as far as the memory lets it come. */
static void begin(struct node *node)
{
    const struct node_config *config = &node->config;
    uint64_t now_us = hal_now_us();
    node->remembers = recall(node, now_us);
    hal_watchdog_feed(); /* reading the log may have taken a second */
    now_us = hal_now_us();
    node->recall_us = now_us + RECALL_US;
    find_wall_time(node);
    sampler_init(&node->sampler, config->probes, config->probe_count,
                 node->settings.value[INDEX_SETTING_PERIOD], now_us);
    statistics_init(&node->statistics, now_us);
    const struct link_options options = {
        .silence_us = config->silence_us,
        .power_up = !config->no_power_up_line && !node->black_box.warm &&
                    now_us < node->started_us + POWER_UP_US,
    };
    link_init(&node->link, &node->model, &node->settings, &options, now_us);
}

void node_init(struct node *node, const struct node_config *config)
{
    uint64_t now_us = hal_now_us();
    memset(node, 0, sizeof *node);
    node->config = *config;
    node->started_us = now_us;
    node->supply_least_mv = UINT16_MAX;
    task_watchdog_init(&node->watch, now_us);
    node->sdi_pass.line = config->sdi;
    registers_model(node, &node->model);
    begin(node);
}

/* Tries again between two answers. */
static uint64_t poll_memory(struct node *node, uint64_t now_us)
{
    if (node->remembers)
        return UINT64_MAX;
    if (now_us >= node->recall_us && node->link.answer_size == 0 && !hal_bus_sending()) {
        node->recall_us = now_us + RECALL_US;
        uint8_t byte;
        if (hal_nv_read(0, &byte, 1) == HAL_OK)
            begin(node);
    }
    return node->recall_us;
}

/* The log has the sample before the bus shows it: what was seen is kept. The first one tells which
 * sensors are there, so the self-test of power-up follows it. */
static void keep_sample(struct node *node)
{
    const struct sample *sample = &node->sampler.sample;
    int32_t supply_mv = sample->raw[CHANNEL_BATTERY_VOLTAGE];
    if (supply_mv >= 0 && supply_mv < node->supply_least_mv)
        node->supply_least_mv = (uint16_t)supply_mv;
    uint32_t uptime_ds = (uint32_t)(sample->taken_us / 100000);
    black_box_nv(&node->black_box,
                 log_append(&node->log, sample->seq, uptime_ds, (uint16_t)node->sampler.interval_ds,
                            node->wall.known ? node->wall.log_s : 0, &sample->values));
    statistics_add(&node->statistics, &sample->values, sample->seq, sample->taken_us,
                   node->settings.value[INDEX_SETTING_WINDOW]);
    if (sample->seq == 1)
        node_self_test(node);
}

static bool calibrate(const void *context, unsigned channel, int32_t raw, int32_t *hundredths,
                      uint8_t *flag)
{
    return calibration_apply(context, channel, raw, hundredths, flag);
}

static uint64_t poll_sampler(struct node *node, uint64_t now_us)
{
    if (!node->remembers)
        return UINT64_MAX; /* a sample without a boot and a place in the log is none */
    const struct sampler_rules rules = {
        .conductivity = node->settings.value[INDEX_SETTING_CONDUCTIVITY],
        .stuck_h = node->settings.value[INDEX_SETTING_STUCK],
        .calibrate = calibrate,
        .context = &node->calibration,
    };
    uint64_t due_us;
    if (sampler_poll(&node->sampler, &rules, now_us, &due_us))
        keep_sample(node);
    return due_us;
}

/* Settings that were not committed are forgotten when the lock falls shut. */
static uint64_t poll_lock(struct node *node, uint64_t now_us)
{
    if (node->unlocked_until_us != 0 && now_us >= node->unlocked_until_us) {
        node->unlocked_until_us = 0;
        settings_forget(&node->settings);
    }
    return node->unlocked_until_us ? node->unlocked_until_us : UINT64_MAX;
}

static uint64_t poll_indicator(struct node *node, uint64_t now_us)
{
    if (node->indicate_until_us != 0 && now_us >= node->indicate_until_us) {
        node->indicate_until_us = 0;
        hal_indicator(false);
    }
    return node->indicate_until_us ? node->indicate_until_us : UINT64_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What an update asks for is done between two answers, which wait for the line's silence first: a
 * core that stands still would keep the driver on for too long. A program on trial that no one
 * confirms starts over, which the boot loader counts: it may be one that cannot hear. */
static uint64_t poll_update(struct node *node, uint64_t now_us)
{
    const struct node_update *update = node->config.update;
    if (update == NULL)
        return UINT64_MAX;
    if (update->on_trial() && now_us >= NODE_TRIAL_US)
        black_box_restart();
    if (!node->well && now_us >= NODE_WELL_US) {
        node->well = true;
        update->well();
    }
    if (node->link.answer_size > 0 || hal_bus_sending())
        return now_us + ANSWERING_US;
    bool more = update->step();
    if (update->restart())
        black_box_restart();
    if (more)
        return now_us;
    uint64_t due_us = node->well ? UINT64_MAX : NODE_WELL_US;
    return update->on_trial() ? earlier(due_us, NODE_TRIAL_US) : due_us;
}

/* By how long interrupts, or a turn of the loop itself, have put it off. */
static void note_lateness(struct node *node, uint64_t now_us)
{
    if (node->wanted_us == 0 || now_us <= node->wanted_us)
        return;
    uint64_t late = (now_us - node->wanted_us) / 100;
    if (late > node->late_most)
        node->late_most = late < UINT16_MAX ? (uint16_t)late : UINT16_MAX;
}

uint64_t node_poll(struct node *node)
{
    uint64_t now_us = hal_now_us();
    note_lateness(node, now_us);
    uint64_t due_us = link_poll(&node->link, now_us);
    if (link_is_well(&node->link, now_us))
        task_watchdog_check_in(&node->watch, TASK_WATCHDOG_LINK, now_us);
    due_us = earlier(due_us, poll_memory(node, now_us));
    due_us = earlier(due_us, poll_sampler(node, now_us));
    task_watchdog_check_in(&node->watch, TASK_WATCHDOG_SAMPLER, now_us);
    due_us = earlier(due_us, sdi_pass_poll(&node->sdi_pass, now_us));
    due_us = earlier(due_us, poll_lock(node, now_us));
    due_us = earlier(due_us, poll_indicator(node, now_us));
    due_us = earlier(due_us, poll_update(node, now_us));
    due_us = earlier(due_us, black_box_poll(&node->black_box, now_us));
    node->wanted_us = earlier(due_us, task_watchdog_poll(&node->watch, now_us));
    return node->wanted_us;
}

void node_turn(struct node *node)
{
    uint64_t due_us = node_poll(node);
    uint64_t before_us = hal_now_us();
    hal_sleep(due_us);
    node->asleep_us += hal_now_us() - before_us;
}

_Noreturn void node_run(struct node *node)
{
    for (;;)
        node_turn(node);
}
