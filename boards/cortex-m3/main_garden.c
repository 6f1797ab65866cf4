/* SPDX-License-Identifier: Apache-2.0 */
/* main() of the boards for the garden, and their wiring: which sensor gives which channel. What is
 * not mounted shows as absent: SHT3x 0x44 air, TEROS 12 soil, BH1750 0x23 light, capacitive probe,
 * DS18B20 canopy, rain gauge, its own supply. */
#include "boards/cortex-m3/board.h"
#include "firmware/drivers/bh1750.h"
#include "firmware/drivers/ds18b20.h"
#include "firmware/drivers/rain_gauge.h"
#include "firmware/drivers/sht3x.h"
#include "firmware/drivers/soil_probe.h"
#include "firmware/drivers/supply.h"
#include "firmware/drivers/teros12.h"
#include "firmware/node/node.h"

enum { RAIL_SDI = 1 << 0, RAIL_NEAR = 1 << 1, ADC_SOIL = 0 };

static struct sdi12_line sdi;
static struct sht3x air;
static struct teros12 soil;
static struct bh1750 light;
static struct soil_probe wetness;
static struct ds18b20 canopy;
static struct rain_gauge rain;
static struct supply supply;

static const struct node_probe probes[] = {
    {&air.sensor, {CHANNEL_AIR_TEMPERATURE, CHANNEL_AIR_HUMIDITY, -1, -1}, RAIL_NEAR},
    {&soil.probe.sensor,
     {CHANNEL_SOIL_MOISTURE, CHANNEL_SOIL_TEMPERATURE, CHANNEL_SOIL_CONDUCTIVITY, -1},
     RAIL_SDI},
    {&light.sensor, {CHANNEL_ILLUMINANCE, -1, -1, -1}, RAIL_NEAR},
    {&wetness.sensor, {CHANNEL_SOIL_WETNESS, -1, -1, -1}, RAIL_NEAR},
    {&canopy.sensor, {CHANNEL_CANOPY_TEMPERATURE, -1, -1, -1}, RAIL_NEAR},
    {&rain.sensor, {CHANNEL_RAINFALL, -1, -1, -1}, 0},
    {&supply.sensor, {CHANNEL_BATTERY_VOLTAGE, -1, -1, -1}, 0},
};

int main(void)
{
    static struct node node;
    struct node_config config = {
        .probes = probes, .probe_count = sizeof probes / sizeof *probes, .sdi = &sdi};
    board_begin(&config);
    sdi12_line_init(&sdi);
    sht3x_init(&air, 0x44);
    teros12_init(&soil, &sdi, '0');
    bh1750_init(&light, 0x23);
    soil_probe_init(&wetness, ADC_SOIL);
    ds18b20_init(&canopy);
    rain_gauge_init(&rain, &node.settings.value[INDEX_SETTING_TIP]);
    supply_init(&supply);
    node_init(&node, &config);
    node_run(&node);
}
