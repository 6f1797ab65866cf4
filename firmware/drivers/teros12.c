/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/teros12.h"

#include "firmware/drivers/convert.h"

static void teros12_convert(struct sdi12_sensor *probe, const struct sdi12_number *numbers)
{
    const struct teros12 *teros12 = (const struct teros12 *)probe;
    struct sensor_value *values = probe->sensor.values;

    struct sensor_value raw = sdi12_value(numbers[0], 2, 0, INT32_MAX);
    values[TEROS12_MOISTURE] = raw;
    if (raw.flag != METRIC_FAULT)
        values[TEROS12_MOISTURE] = sensor_checked(
            divide_rounded((int64_t)raw.hundredths * 3879 - INT64_C(695600000), 100000), raw.raw, 0,
            10000);

    values[TEROS12_TEMPERATURE] = sdi12_value(numbers[1], 2, -4000, 6000);

    struct sensor_value bulk = sdi12_value(numbers[2], 2, 0, 2000000);
    if (bulk.flag == METRIC_GOOD && teros12->coefficient) {
        if (values[TEROS12_TEMPERATURE].flag == METRIC_GOOD)
            bulk.hundredths = conductivity_at_25(
                bulk.hundredths, values[TEROS12_TEMPERATURE].hundredths, teros12->coefficient);
        else /* can't be compensated without a temperature, and is wrong as it is */
            bulk = (struct sensor_value){SENSOR_NO_VALUE, bulk.raw, METRIC_FAULT};
    }
    values[TEROS12_CONDUCTIVITY] = bulk;
}

static const struct sdi12_kind teros12_kind = {.numbers = 3, .convert = teros12_convert};

static const struct sensor_driver teros12_driver = {
    .name = "teros12",
    .values = 3,
    .warm_ms = 245,
    .bound_ms = SDI12_SENSOR_BOUND_MS,
    .start = sdi12_sensor_start,
    .poll = sdi12_sensor_poll,
};

void teros12_init(struct teros12 *teros12, struct sdi12_line *line, char address)
{
    sdi12_sensor_init(&teros12->probe, &teros12_driver, &teros12_kind, line, address);
    teros12->coefficient = 0;
}
