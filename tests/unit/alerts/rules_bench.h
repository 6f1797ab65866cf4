/* SPDX-License-Identifier: Apache-2.0 */
/* Rules over the garden, and what they have told. */
#ifndef BAIYE_TESTS_RULES_BENCH_H
#define BAIYE_TESTS_RULES_BENCH_H

#include "gateway/daemon/alerts/rules.h"
#include "gateway/daemon/alerts/text.h"
#include "tests/unit/alerts/garden.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

struct bench {
    const struct config *config;
    struct rules *rules;
    int64_t now_ms;
    unsigned begun, ended, told;
    char standing[512]; /* ids, in the order of rules */
};
extern struct bench b;

const char *standing(void);
void begin(const struct alert_rule *rules, unsigned count);

/* Another run of the program: what was raised is forgotten. */
void restart(void);
int end(void **state);
void give(uint16_t device, unsigned field, double value, uint8_t flag, bool late);
void air(uint16_t device, double value);

/* A reading a minute. */
void air_each_minute(uint16_t device, unsigned minutes, double value);
extern const struct alert_rule frost;

struct alert_rule at_once(uint8_t scope);
struct alert_rule downpour(void);
void rain(double mm);

#endif
