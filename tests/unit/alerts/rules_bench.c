/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerts/rules_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct bench b;

static void told(void *context, const struct rules_cause *cause)
{
    static bool stood[64];
    size_t index = (size_t)(cause->rule - b.config->alerts) * 8 +
                   (size_t)(cause->plot >= 0 ? cause->plot + 1 : cause->device + 1);
    (void)context;
    if (b.told++ == 0)
        memset(stood, 0, sizeof stood);
    b.begun += cause->stands && !stood[index];
    b.ended += !cause->stands && stood[index];
    stood[index] = cause->stands;
}

static void add_id(void *context, const struct rules_cause *cause)
{
    char id[RULES_ID_SIZE];
    size_t at = strlen(b.standing);
    (void)context;
    rules_id(b.rules, cause, id);
    (void)snprintf(b.standing + at, sizeof b.standing - at, "%s%s", at > 0 ? " " : "", id);
}

const char *standing(void)
{
    b.standing[0] = '\0';
    rules_each(b.rules, add_id, NULL);
    return b.standing;
}

void begin(const struct alert_rule *rules, unsigned count)
{
    rules_destroy(b.rules);
    b = (struct bench){.config = garden_with(rules, count), .now_ms = HOUR};
    b.rules = rules_create(b.config, told, NULL);
    assert_non_null(b.rules);
}

void restart(void)
{
    rules_destroy(b.rules);
    b.rules = rules_create(b.config, told, NULL);
    b.told = b.begun = b.ended = 0;
    b.now_ms = 5000;
}

int end(void **state)
{
    (void)state;
    rules_destroy(b.rules);
    b.rules = NULL;
    return 0;
}

void give(uint16_t device, unsigned field, double value, uint8_t flag, bool late)
{
    struct reading reading = {.device = device,
                              .value_count = FIELDS,
                              .late = late,
                              .taken = {.ms = b.now_ms},
                              .time = {.ms = b.now_ms, .trust = TIME_TRUSTED}};
    reading.values[field] = (struct reading_value){.value = value, .present = true, .flag = flag};
    rules_reading(b.rules, &reading);
}

void air(uint16_t device, double value)
{
    give(device, AIR, value, METRIC_GOOD, false);
}

void air_each_minute(uint16_t device, unsigned minutes, double value)
{
    for (unsigned i = 0; i < minutes; i++) {
        b.now_ms += MINUTE;
        air(device, value);
    }
}

const struct alert_rule frost = {.name = "frost",
                                 .label = "霜冻",
                                 .label_en = "Frost",
                                 .todo = "盖膜",
                                 .todo_en = "cover the buds",
                                 .metric = "air_temperature",
                                 .limit = 2,
                                 .clear = 3,
                                 .for_s = 600,
                                 .level = 2};

struct alert_rule at_once(uint8_t scope)
{
    struct alert_rule rule = frost;
    rule.for_s = 0;
    rule.scope = scope;
    return rule;
}

struct alert_rule downpour(void)
{
    struct alert_rule rule = at_once(ALERT_GARDEN);
    (void)snprintf(rule.name, sizeof rule.name, "rain");
    (void)snprintf(rule.metric, sizeof rule.metric, "rainfall");
    rule.above = true;
    rule.per_s = 3600;
    rule.limit = 20;
    rule.clear = 10;
    return rule;
}

void rain(double mm)
{
    b.now_ms += MINUTE;
    give(0, RAIN, mm, METRIC_GOOD, false);
}
