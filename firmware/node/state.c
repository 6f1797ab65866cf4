/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/state.h"

#include "firmware/node/self_test.h"
#include "protocols/node_map/node_map.h"

bool node_unlocked(const struct node *node, uint64_t now_us)
{
    return now_us < node->unlocked_until_us;
}

uint16_t node_status(const struct node *node, uint64_t now_us)
{
    const struct black_box *box = &node->black_box;
    unsigned status = 0;
    if (node->wall.known)
        status |= NODE_STATUS_TIME;
    if (node->settings.defaults)
        status |= NODE_STATUS_DEFAULTS;
    if (box->nv_errors > 0)
        status |= NODE_STATUS_NV;
    if (node->self_test != 0)
        status |= NODE_STATUS_SELF_TEST;
    if (node_unlocked(node, now_us))
        status |= NODE_STATUS_UNLOCKED;
    if (node->link.trial_until_us != 0)
        status |= NODE_STATUS_PROVISIONAL;
    if (settings_uncommitted(&node->settings))
        status |= NODE_STATUS_UNCOMMITTED;
    if (box->cause == HAL_RESET_WATCHDOG || box->cause == HAL_RESET_FAULT)
        status |= NODE_STATUS_WATCHDOG;
    if (node->link.power_up_until_us != 0)
        status |= NODE_STATUS_POWER_UP;
    if (node->link.duplicates > 0)
        status |= NODE_STATUS_DUPLICATE;
    if (hal_clock_is_coarse())
        status |= NODE_STATUS_COARSE;
    return (uint16_t)status;
}

void node_self_test(struct node *node)
{
    node->self_test = self_test(&node->settings, &node->sampler);
    if (node->config.update != NULL && node->sampler.sample.seq > 0)
        node->config.update->tested(node->self_test);
}

uint32_t node_version(const struct node *node)
{
    return node->config.update != NULL
               ? node->config.update->version()
               : (uint32_t)NODE_VERSION_MAJOR << 24 | NODE_VERSION_MINOR << 16 | NODE_VERSION_PATCH;
}

uint16_t node_awake(const struct node *node, uint64_t now_us)
{
    if (now_us == 0)
        return 1000;
    return (uint16_t)((now_us - node->asleep_us) * 1000 / now_us);
}
