/* SPDX-License-Identifier: Apache-2.0 */
/* The bench of each bus test: four units that answer, and the usual devices. */
#ifndef BAIYE_TESTS_BUS_FIXTURE_H
#define BAIYE_TESTS_BUS_FIXTURE_H

#include "gateway/daemon/bus/impl.h"
#include "tests/unit/bus/bus_bench.h"

#define PROFILE                                                                                    \
    "label: p\nlimits: { response_max: 150ms }\n"                                                  \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"
#define EACH_SECOND "      - { name: a, profile: p, address: 1, every: 1s }\n"
#define FLAT_OUT(name, address)                                                                    \
    "      - { name: " name ", profile: p, address: " address ", every: 1ms }\n"
#define SELDOM(name, address)                                                                      \
    "      - { name: " name ", profile: p, address: " address ", every: 1h }\n"

/* Two blocks of one size, which can't be read together: a late answer to one fits the other. */
#define TWO_BLOCKS                                                                                 \
    "label: p\nlimits: { response_max: 50ms }\n"                                                   \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"                  \
    "  - { metric: m2, register: 8 }\n  - { metric: m3, register: 9 }\n"

#define BUS_TEST(name) cmocka_unit_test_setup_teardown(name, bus_set_up, bus_tear_down)
int bus_set_up(void **state);
int bus_tear_down(void **state);

#endif
