/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/soil_probe.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum {
    SAMPLES = 8,
    TYPICAL_DRY = 33312, /* 520 and 260 of 1023, the maker's air and water */
    TYPICAL_SATURATED = 16656,
    LEAST_SPAN = 655,
    OPEN_LOW = 1310,   /* an input pulled down with no probe on it; no probe goes below 0.5 V */
    OPEN_HIGH = 64225, /* shorted to the supply */
    NOISE = 3277,      /* samples differ by more than a twentieth of the scale */
    SLACK = 1000,      /* hundredths of % beyond the two counts that are still 0 and 100 % */
};

static void soil_probe_start(struct sensor *sensor, uint64_t now_us)
{
    (void)now_us;
    sensor_begin(sensor);
}

/* Mean of the samples without the highest and the lowest. */
static enum hal_result measure(uint8_t channel, uint16_t *count, uint16_t *spread)
{
    uint32_t sum = 0;
    uint16_t low = UINT16_MAX, high = 0;
    for (int i = 0; i < SAMPLES; i++) {
        uint16_t value;
        enum hal_result result = hal_adc_read(channel, &value);
        if (result != HAL_OK)
            return result;
        sum += value;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    *count = (uint16_t)((sum - low - high + (SAMPLES - 2) / 2) / (SAMPLES - 2));
    *spread = (uint16_t)(high - low);
    return HAL_OK;
}

static struct sensor_value convert(const struct soil_probe *probe, uint16_t count)
{
    int32_t dry = probe->dry, saturated = probe->saturated;
    int32_t span = dry > saturated ? dry - saturated : saturated - dry;
    bool calibrated = span >= LEAST_SPAN;
    if (!calibrated) {
        dry = TYPICAL_DRY;
        saturated = TYPICAL_SATURATED;
    }
    int32_t sign = dry > saturated ? 1 : -1;
    int32_t wetness =
        divide_rounded((dry - count) * INT64_C(10000) * sign, (dry - saturated) * sign);
    struct sensor_value value = sensor_checked(wetness, count, -SLACK, 10000 + SLACK);
    if (value.flag == METRIC_GOOD) {
        value.hundredths = wetness < 0 ? 0 : wetness > 10000 ? 10000 : wetness;
        if (!calibrated)
            value.flag = METRIC_UNCALIBRATED;
    }
    return value;
}

static uint64_t soil_probe_poll(struct sensor *sensor, uint64_t now_us)
{
    struct soil_probe *probe = (struct soil_probe *)sensor;
    (void)now_us;
    uint16_t count = 0, spread = 0;
    enum hal_result result = measure(probe->channel, &count, &spread);
    if (result == HAL_OK && spread > NOISE)
        result = HAL_FAULT;
    if (result == HAL_RANGE || (result == HAL_OK && (count < OPEN_LOW || count > OPEN_HIGH)))
        result = HAL_NAK;
    if (result == HAL_OK)
        sensor->values[0] = convert(probe, count);
    else
        sensor_failed(sensor, result);
    return SENSOR_DONE;
}

static const struct sensor_driver soil_probe_driver = {
    .name = "soil_probe",
    .values = 1,
    .warm_ms = 300, /* its rectifier settles */
    .bound_ms = 10,
    .start = soil_probe_start,
    .poll = soil_probe_poll,
};

void soil_probe_init(struct soil_probe *probe, uint8_t adc_channel)
{
    *probe = (struct soil_probe){.sensor = {.driver = &soil_probe_driver, .values = probe->value},
                                 .channel = adc_channel};
    sensor_begin(&probe->sensor);
}
