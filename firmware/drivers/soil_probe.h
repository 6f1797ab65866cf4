/* SPDX-License-Identifier: Apache-2.0 */
/* Capacitive soil probe (SEN0193 and its many kin) on a ratiometric ADC input: relative wetness in
 * percent between two counts, one taken dry and one saturated, of this very probe in this very
 * soil. Not a water content: boards of one name differ in frequency and parts. The probe's voltage
 * falls as the soil gets wet, but either order of the two counts works. values[0] = %. */
#ifndef BAIYE_SOIL_PROBE_H
#define BAIYE_SOIL_PROBE_H

#include "firmware/drivers/sensor.h"

struct soil_probe {
    struct sensor sensor;
    struct sensor_value value[1];
    uint8_t channel;
    /* 0..65535 of full scale. Both 0, or closer than a hundredth of the scale: not calibrated, and
     * the maker's typical counts are used. Set by the owner at any time. */
    uint16_t dry, saturated;
};

void soil_probe_init(struct soil_probe *probe, uint8_t adc_channel);

#endif
