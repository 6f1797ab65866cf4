/* SPDX-License-Identifier: Apache-2.0 */
/* main() of the emulated boards, and their wiring, which is the native node's: a TMP105 at 0x48, a
 * TEROS 12 at SDI-12 address 0 and an ATMOS 14 at 1. */
#include "boards/cortex-m3/board.h"
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
    struct node_config config = {
        .probes = probes, .probe_count = sizeof probes / sizeof *probes, .sdi = &sdi};
    board_begin(&config);
    sdi12_line_init(&sdi);
    tmp105_init(&air, 0x48);
    teros12_init(&soil, &sdi, '0');
    atmos14_init(&humidity, &sdi, '1');
    node_init(&node, &config);
    node_run(&node);
}
