/* SPDX-License-Identifier: Apache-2.0 */
/* The sensors of one node: a TMP105 on I2C at 0x48, a TEROS 12 as SDI-12 probe 0, an ATMOS 14 as
 * probe 1. They measure the garden's weather, and tell the sampler what they answered. */
#ifndef BAIYE_FIELD_SENSORS_H
#define BAIYE_FIELD_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/sdi12/probe.h"
#include "tools/field/garden.h"
#include "tools/field/sampler.h"

#define SENSORS_TEXT_SIZE 128

struct sensors {
    struct garden *garden;
    uint32_t spot;
    struct sampler *sampler;
    struct sdi12_probe soil, air;
    /* TMP105 registers */
    uint8_t pointer, config;
    int16_t temperature; /* 1/256 °C */
};

void sensors_init(struct sensors *sensors, struct garden *garden, uint32_t spot,
                  struct sampler *sampler);
/* One SDI-12 command, up to and with its '!'. Length of the answer text, 0: silence. A service
 * request may follow: sensors_service(). */
size_t sensors_sdi12(struct sensors *sensors, const char *command, size_t length, char *answer,
                     size_t size);
/* The service request of a probe whose measurement is over, 0: none. */
size_t sensors_service(struct sensors *sensors, char *answer, size_t size);
/* One I2C transfer as a text line "48 w 00 r 2" to "ok 1940" or "nak", with newline. */
size_t sensors_i2c(struct sensors *sensors, const char *line, char *answer, size_t size);
/* Air temperature now in thousandths, as a TMP105 of 12 bits and of 9 bits show it alike. */
int32_t sensors_air_millidegrees(const struct sensors *sensors);

#endif
