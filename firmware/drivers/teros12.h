/* SPDX-License-Identifier: Apache-2.0 */
/* METER TEROS 12 on SDI-12: volumetric water content by the manual's line for mineral soil,
 * 3.879e-4 RAW - 0.6956 m3/m3, soil temperature, bulk conductivity. The probe's numbers are
 * RAW counts, °C, µS/cm. values[] in the order of the enum; raw is the probe's number x 100. */
#ifndef BAIYE_TEROS12_H
#define BAIYE_TEROS12_H

#include "firmware/drivers/sdi12_sensor.h"

enum { TEROS12_MOISTURE, TEROS12_TEMPERATURE, TEROS12_CONDUCTIVITY };

struct teros12 {
    struct sdi12_sensor probe;
    /* Compensation to 25 °C added here, in 0.01 % a kelvin. 0, the default, since a TEROS 12
     * compensates itself (by 1.9 % a kelvin); 190 for probes of its command set that don't. */
    uint16_t coefficient;
};

void teros12_init(struct teros12 *teros12, struct sdi12_line *line, char address);

#endif
