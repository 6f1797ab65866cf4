/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/supply.h"

#include "firmware/drivers/convert.h"
#include "firmware/hal.h"

enum { LEAST = 700, MOST = 3000 };

static void supply_start(struct sensor *sensor, uint64_t now_us)
{
    (void)now_us;
    sensor_begin(sensor);
}

static uint64_t supply_poll(struct sensor *sensor, uint64_t now_us)
{
    (void)now_us;
    uint16_t mv = 0;
    enum hal_result result = hal_supply_mv(&mv);
    if (result == HAL_OK)
        sensor->values[0] = sensor_checked(divide_rounded(mv, 10), mv, LEAST, MOST);
    else
        sensor_failed(sensor, result == HAL_RANGE ? HAL_NAK : result);
    return SENSOR_DONE;
}

static const struct sensor_driver supply_driver = {
    .name = "supply",
    .values = 1,
    .warm_ms = 0,
    .bound_ms = 5,
    .start = supply_start,
    .poll = supply_poll,
};

void supply_init(struct supply *supply)
{
    *supply = (struct supply){.sensor = {.driver = &supply_driver, .values = supply->value}};
    sensor_begin(&supply->sensor);
}
