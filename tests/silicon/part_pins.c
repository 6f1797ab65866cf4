/* SPDX-License-Identifier: Apache-2.0 */
/* Pins with the pull-ups of the board, the bit-banged two-wire buses with their parts, external
 * interrupt of the rain contact, ADC with fixed voltages. */
#include "tests/silicon/part.h"

enum {
    PIN_ANALOG = 0x0,
    PIN_FLOATING = 0x4,
    ADC_SOIL = 1400,
    ADC_SUPPLY_MV = 12000 / 11,
};

static unsigned mode_of(const struct part *p, unsigned port, unsigned pin)
{
    uint32_t cr = pin < 8 ? p->port[port].crl : p->port[port].crh;
    return cr >> pin % 8 * 4 & 15;
}

bool pin_is_output(const struct part *p, unsigned port, unsigned pin)
{
    return p->powered && (mode_of(p, port, pin) & 3) != 0;
}

bool pin_is_high(const struct part *p, unsigned port, unsigned pin)
{
    return p->port[port].odr >> pin & 1;
}

static bool held_low(const struct part *p, unsigned port, unsigned pin)
{
    return pin_is_output(p, port, pin) && !pin_is_high(p, port, pin);
}

/* ---- two wires ---- */

/* Sensors without power clamp the wires through their protection diodes. */
static bool is_clamped(const struct part *p, const struct wires *w)
{
    bool rail = pin_is_output(p, 1, 13) && pin_is_high(p, 1, 13);
    for (unsigned i = 0; i < w->count; i++)
        if (w->slave[i]->shorted || (w->slave[i]->near && w->slave[i]->clamps && !rail))
            return true;
    return false;
}

bool wires_level(const struct part *p, const struct wires *w, bool clock)
{
    if (is_clamped(p, w) || held_low(p, 1, clock ? w->scl : w->sda))
        return false;
    return clock || w->sda_slave;
}

static struct wire_slave *find(const struct part *p, const struct wires *w, uint8_t address)
{
    bool rail = pin_is_output(p, 1, 13) && pin_is_high(p, 1, 13);
    for (unsigned i = 0; i < w->count; i++) {
        struct wire_slave *s = w->slave[i];
        if (s->address == address && p->now >= s->silent_until && (!s->near || rail) &&
            p->supply_mv >= s->least_mv)
            return s;
    }
    return NULL;
}

/* The clock falls after 8 bits: the receiver acknowledges, or the sender lets go. */
static void end_byte(struct part *p, struct wires *w)
{
    if (!w->addressed) {
        w->selected = find(p, w, w->shift >> 1);
        w->reading = w->shift & 1;
        w->addressed = true;
        w->index = 0;
        w->sda_slave = w->selected == NULL;
    } else if (w->selected != NULL && !w->reading) {
        w->selected->write(w->selected, w->index++, w->shift);
        w->sda_slave = false;
    } else {
        w->sda_slave = true;
    }
}

static void offer_bit(struct wires *w)
{
    w->sda_slave = !(w->selected != NULL && w->reading) || w->shift >> (7 - w->bit) & 1;
}

static void next_byte(struct wires *w)
{
    if (w->selected != NULL && w->reading && w->index > 0 && !w->acked) {
        w->selected = NULL; /* the master wants no more */
        w->sda_slave = true;
    }
    w->bit = 0;
    if (w->selected != NULL && w->reading) {
        w->shift = w->selected->read(w->selected, w->index++);
        offer_bit(w);
    } else {
        w->shift = 0;
        w->sda_slave = true;
    }
}

void wires_step(struct part *p, struct wires *w)
{
    bool scl = wires_level(p, w, true), sda = wires_level(p, w, false);
    if (scl && w->scl_was && sda != w->sda_was) {
        w->bit = sda ? -1 : 0; /* STOP, START */
        w->addressed = w->reading = false;
        w->selected = NULL;
        w->shift = 0;
        w->sda_slave = true;
        w->started = !sda;
    } else if (scl && !w->scl_was && w->bit >= 0 && w->bit < 8) {
        if (!(w->selected != NULL && w->reading))
            w->shift = (uint8_t)(w->shift << 1 | sda);
    } else if (scl && !w->scl_was && w->bit == 8) {
        w->acked = !sda;
    } else if (!scl && w->scl_was && w->bit >= 0) {
        if (w->started) {
            w->started = false; /* the first bit begins */
        } else if (++w->bit < 8) {
            offer_bit(w);
        } else if (w->bit == 8) {
            end_byte(p, w);
        } else {
            next_byte(w);
        }
    }
    w->scl_was = scl;
    w->sda_was = wires_level(p, w, false);
}

/* ---- registers ---- */

static void watch_outputs(struct part *p)
{
    static const uint8_t watched[PINS_WATCHED][2] = {{0, 8}, {0, 1}, {1, 12}, {1, 13}};
    for (unsigned i = 0; i < PINS_WATCHED; i++) {
        bool low = held_low(p, watched[i][0], watched[i][1]);
        if (low && p->low_at[i] == NEVER)
            p->low_at[i] = p->now;
        if (p->low_at[i] != NEVER && !pin_is_output(p, watched[i][0], watched[i][1]))
            p->let_go++;
    }
    for (unsigned i = 0; i < p->wire_buses; i++)
        wires_step(p, &p->wires[i]);
    onewire_step(p);
}

void pins_reset(struct part *p)
{
    for (unsigned i = 0; i < 3; i++)
        p->port[i] = (struct port){.crl = 0x44444444, .crh = 0x44444444};
    p->exti_imr = p->exti_ftsr = p->exti_pr = 0;
    p->adc_cr2 = 0;
    for (unsigned i = 0; i < PINS_WATCHED; i++)
        p->low_at[i] = NEVER;
    watch_outputs(p);
}

static uint32_t read_inputs(const struct part *p, unsigned port)
{
    uint32_t levels = 0;
    for (unsigned pin = 0; pin < 16; pin++) {
        bool high = !held_low(p, port, pin);
        if (port == 1 && pin == 0 && onewire_pulls(p))
            high = false;
        if (port == 1)
            for (unsigned i = 0; i < p->wire_buses; i++) {
                const struct wires *w = &p->wires[i];
                if (pin == w->scl || pin == w->sda)
                    high = wires_level(p, w, pin == w->scl);
            }
        levels |= (uint32_t)high << pin;
    }
    return levels;
}

uint32_t pins_read(struct part *p, uint32_t address)
{
    if (address >= 0x40010800 && address < 0x40011400) {
        unsigned n = (address - 0x40010800) / 0x400;
        switch (address & 0x3FF) {
        case 0x00:
            return p->port[n].crl;
        case 0x04:
            return p->port[n].crh;
        case 0x08:
            return read_inputs(p, n);
        case 0x0C:
            return p->port[n].odr;
        default:
            return 0;
        }
    }
    switch (address) {
    case 0x40010400:
        return p->exti_imr;
    case 0x40010414:
        return p->exti_pr;
    case 0x40012400:
        return 2; /* done */
    case 0x40012408:
        return p->adc_cr2;
    case 0x4001244C:
        if (p->adc_channel == 17)
            return 1200 * 4095 / (p->supply_mv ? p->supply_mv : 1);
        if (p->adc_channel == 4)
            return ADC_SUPPLY_MV * 4095 / (p->supply_mv ? p->supply_mv : 1);
        return ADC_SOIL;
    default:
        return 0;
    }
}

void pins_write(struct part *p, uint32_t address, uint32_t value)
{
    if (address >= 0x40010800 && address < 0x40011400) {
        unsigned n = (address - 0x40010800) / 0x400;
        struct port *port = &p->port[n];
        if (!(p->apb2enr >> (2 + n) & 1))
            return; /* no clock, no write */
        switch (address & 0x3FF) {
        case 0x00:
            port->crl = value;
            break;
        case 0x04:
            port->crh = value;
            break;
        case 0x0C:
            port->odr = value & 0xFFFF;
            break;
        case 0x10:
            port->odr = (port->odr & ~(value >> 16)) | (value & 0xFFFF);
            break;
        case 0x14:
            port->odr &= ~value;
            break;
        default:
            break;
        }
        watch_outputs(p);
        return;
    }
    switch (address) {
    case 0x40010400:
        p->exti_imr = value;
        break;
    case 0x4001040C:
        p->exti_ftsr = value;
        break;
    case 0x40010414:
        p->exti_pr &= ~value;
        break;
    case 0x40012408:
        p->adc_cr2 = value & ~UINT32_C(0xC); /* calibrates at once */
        break;
    case 0x40012434:
        p->adc_channel = (uint16_t)(value & 31);
        break;
    default:
        break;
    }
}
