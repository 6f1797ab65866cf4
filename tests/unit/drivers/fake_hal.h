/* SPDX-License-Identifier: Apache-2.0 */
/* A board made of virtual time and misbehaving parts, for the drivers' tests: an I2C bus, an
 * SDI-12 line with probes that answer at the standard's pace, a 1-Wire bus, inputs. */
#ifndef BAIYE_FAKE_HAL_H
#define BAIYE_FAKE_HAL_H

#include "firmware/drivers/sensor.h"
#include "firmware/hal.h"
#include "protocols/sdi12/probe.h"

struct fake_i2c {
    uint8_t address;
    /* What the part says to one transfer. */
    enum hal_result (*transfer)(const uint8_t *write, size_t write_size, uint8_t *read,
                                size_t read_size);
};

enum fake_sdi_fault {
    SDI_FINE,
    SDI_MUTE,       /* hears nothing */
    SDI_PARITY,     /* one character of the answer arrives with wrong parity */
    SDI_FLIPPED,    /* two bits of one character flipped: parity says fine */
    SDI_CUT,        /* the answer ends in the middle */
    SDI_BABBLE,     /* never ends */
    SDI_GLITCH,     /* a 0 with a framing error before the answer, as turning the wire makes */
    SDI_FOREIGN,    /* answers as another address */
    SDI_NO_REQUEST, /* measures, but sends no service request */
    SDI_ABORTED,    /* its measurement ends without values or service request */
    SDI_SLOW,       /* the first two commands after a break are lost: it takes 100 ms to wake */
};

struct fake {
    uint64_t now_us;
    const struct fake_i2c *i2c;
    size_t i2c_count;
    unsigned i2c_nak; /* that many transfers get no answer */
    unsigned i2c_calls;
    bool i2c_stuck; /* all are HAL_STUCK */

    struct sdi12_probe *probes;
    size_t probe_count;
    enum fake_sdi_fault sdi_fault;
    unsigned sdi_faults; /* that many answers have the fault, then it heals */
    bool sdi_sloppy;     /* a command came without break or marking before it: the test fails */
    unsigned sdi_commands;
    bool sdi_no_crc; /* probes that don't know MC and CC */

    bool wire_present, wire_held;
    uint8_t wire_scratchpad[9];
    unsigned wire_flip; /* bit of the scratchpad that arrives wrong, 0: none, 1: the first */

    uint16_t adc;
    enum hal_result adc_result;
    uint32_t pulses;
    uint16_t supply_mv;
};

extern struct fake fake;

/* All healthy and empty, at a time near the wrap of 32-bit microseconds. */
void fake_reset(void);
/* Runs one measurement to its end; fails the test when it takes longer than the driver's bound or
 * asks to be called more often than every 10 us. Gives the milliseconds it took. */
uint32_t fake_measure(struct sensor *sensor);
/* The same for two at once. */
uint32_t fake_measure_both(struct sensor *a, struct sensor *b);

#endif
