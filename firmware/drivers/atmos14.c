/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/atmos14.h"

#include "firmware/drivers/convert.h"

enum { SATURATED = 10000, SATURATED_STILL = 10500 };

static void atmos14_convert(struct sdi12_sensor *probe, const struct sdi12_number *numbers)
{
    struct sensor_value *values = probe->sensor.values;
    struct sensor_value humidity = sdi12_value(numbers[2], 4, 0, SATURATED_STILL);
    if (humidity.flag == METRIC_GOOD && humidity.hundredths > SATURATED)
        humidity.hundredths = SATURATED;
    values[ATMOS14_HUMIDITY] = humidity;
    values[ATMOS14_TEMPERATURE] = sdi12_value(numbers[1], 2, -4000, 8000);
    values[ATMOS14_VAPOUR_PRESSURE] = sdi12_value(numbers[0], 2, 0, 4700);
    values[ATMOS14_PRESSURE] = sdi12_value(numbers[3], 2, 4900, 10900);
}

static const struct sdi12_kind atmos14_kind = {.numbers = 4, .convert = atmos14_convert};

static const struct sensor_driver atmos14_driver = {
    .name = "atmos14",
    .values = 4,
    .warm_ms = 250,
    .bound_ms = SDI12_SENSOR_BOUND_MS,
    .start = sdi12_sensor_start,
    .poll = sdi12_sensor_poll,
};

void atmos14_init(struct atmos14 *atmos14, struct sdi12_line *line, char address)
{
    sdi12_sensor_init(&atmos14->probe, &atmos14_driver, &atmos14_kind, line, address);
}
