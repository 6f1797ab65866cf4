/* SPDX-License-Identifier: Apache-2.0 */
/* The wiring of this board: which sensor gives which channel. */
#include "boards/lm3s6965evb/lm3s.h"
#include "firmware/drivers/atmos14.h"
#include "firmware/drivers/teros12.h"
#include "firmware/drivers/tmp105.h"
#include "firmware/node/node.h"

static struct sdi12_line sdi;
static struct tmp105 air;
static struct teros12 soil;
static struct atmos14 humidity;

static const struct node_probe probes[] = {
    {&air.sensor, {CHANNEL_AIR_TEMPERATURE, -1, -1, -1}, 0},
    {&soil.probe.sensor,
     {CHANNEL_SOIL_MOISTURE, CHANNEL_SOIL_TEMPERATURE, CHANNEL_SOIL_CONDUCTIVITY, -1},
     0},
    {&humidity.probe.sensor, {CHANNEL_AIR_HUMIDITY, -1, -1, -1}, 0},
};

int main(void)
{
    static struct node node;
    static const struct node_config config = {.probes = probes,
                                              .probe_count = sizeof probes / sizeof *probes};
    board_start();
    console_line("baiye-node lm3s6965evb");
    sdi12_line_init(&sdi);
    tmp105_init(&air, 0x48);
    teros12_init(&soil, &sdi, '0');
    atmos14_init(&humidity, &sdi, '1');
    node_init(&node, &config);
    node_run(&node);
}
