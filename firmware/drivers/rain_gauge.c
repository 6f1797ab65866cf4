/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/rain_gauge.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"
#include "protocols/node_map/node_map.h"

enum {
    MOST_MM_A_MINUTE = 40,  /* the record of any minute on earth is 38 */
    TIPS_WITHOUT_DOUBT = 3, /* in however short a time */
};

static void rain_gauge_start(struct sensor *sensor, uint64_t now_us)
{
    (void)now_us;
    sensor_begin(sensor);
}

static uint64_t rain_gauge_poll(struct sensor *sensor, uint64_t now_us)
{
    struct rain_gauge *gauge = (struct rain_gauge *)sensor;
    uint32_t tips_now = hal_pulse_count();
    uint32_t tips = tips_now - gauge->last_tips;
    uint64_t elapsed_us = now_us - gauge->last_us;
    gauge->last_tips = tips_now;
    gauge->last_us = now_us;
    gauge->tips += tips;

    uint32_t end = (uint32_t)node_channel_max(CHANNEL_RAINFALL) + 1;
    gauge->hundredths = (uint32_t)((gauge->hundredths + (uint64_t)tips * *gauge->tip) % end);
    uint64_t most_tips =
        TIPS_WITHOUT_DOUBT + elapsed_us * MOST_MM_A_MINUTE / 60 / (UINT64_C(10000) * *gauge->tip);
    sensor->values[0] = (struct sensor_value){
        .hundredths = (int32_t)gauge->hundredths,
        .raw = (int32_t)(gauge->tips & INT32_MAX),
        .flag = tips > most_tips ? METRIC_RANGE : METRIC_GOOD,
    };
    return SENSOR_DONE;
}

static const struct sensor_driver rain_gauge_driver = {
    .name = "rain_gauge",
    .values = 1,
    .warm_ms = 0,
    .bound_ms = 1,
    .start = rain_gauge_start,
    .poll = rain_gauge_poll,
};

void rain_gauge_init(struct rain_gauge *gauge, const uint16_t *tip)
{
    *gauge = (struct rain_gauge){
        .sensor = {.driver = &rain_gauge_driver, .values = gauge->value},
        .tip = tip,
        .last_tips = hal_pulse_count(),
        .last_us = hal_now_us(),
    };
    sensor_begin(&gauge->sensor);
}
