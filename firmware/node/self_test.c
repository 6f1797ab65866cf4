/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/self_test.h"

#include <stdbool.h>
#include <string.h>

#include "firmware/hal.h"
#include "firmware/node/layout.h"

#define SUPPLY_LEAST_MV 7000u

/* The bytes there, inverted: every cell takes the other value. */
static bool memory_works(void)
{
    uint8_t bytes[32];
    uint8_t again[32];
    if (hal_nv_read(LAYOUT_SELF_TEST, bytes, sizeof bytes) != HAL_OK)
        return false;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)~bytes[i];
    return hal_nv_write(LAYOUT_SELF_TEST, bytes, sizeof bytes) == HAL_OK &&
           hal_nv_read(LAYOUT_SELF_TEST, again, sizeof again) == HAL_OK &&
           memcmp(bytes, again, sizeof bytes) == 0;
}

static bool sensors_answer(const struct sampler *sampler)
{
    const struct node_values *values = &sampler->sample.values;
    for (unsigned i = 0; sampler->sample.seq != 0 && i < sampler->probe_count; i++) {
        const struct node_probe *probe = &sampler->probes[i];
        bool shown = false;
        bool given = false;
        for (unsigned k = 0; k < probe->sensor->driver->values; k++) {
            shown |= probe->channel[k] >= 0;
            given |= probe->channel[k] >= 0 && values->value[probe->channel[k]] != NODE_NO_VALUE;
        }
        if (shown && !given)
            return false;
    }
    return true;
}

uint16_t self_test(const struct settings *settings, const struct sampler *sampler)
{
    unsigned result = 0;
    uint16_t mv;
    if (settings->damaged)
        result |= SELF_TEST_SETTINGS;
    if (!memory_works())
        result |= SELF_TEST_MEMORY;
    if (!sensors_answer(sampler))
        result |= SELF_TEST_SENSORS;
    if (hal_supply_mv(&mv) == HAL_OK && mv < SUPPLY_LEAST_MV)
        result |= SELF_TEST_SUPPLY;
    return (uint16_t)result;
}
