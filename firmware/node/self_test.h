/* SPDX-License-Identifier: Apache-2.0 */
/* The node looks at itself, at power-up and on command. */
#ifndef BAIYE_NODE_SELF_TEST_H
#define BAIYE_NODE_SELF_TEST_H

#include <stdint.h>

#include "firmware/node/sampler.h"
#include "firmware/node/settings.h"

/* Bits of NODE_SELF_TEST. */
enum self_test_bit {
    SELF_TEST_SETTINGS = 1, /* both copies are damaged */
    SELF_TEST_MEMORY = 2,   /* does not give back what was written */
    SELF_TEST_SENSORS = 4,  /* one gave nothing in the last sample */
    SELF_TEST_SUPPLY = 8    /* below what the probes need, 7 V */
};

/* 0: passed. Takes one write and one read of 32 bytes. */
uint16_t self_test(const struct settings *settings, const struct sampler *sampler);

#endif
