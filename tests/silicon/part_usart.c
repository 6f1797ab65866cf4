/* SPDX-License-Identifier: Apache-2.0 */
/* USARTs and the two DMA channels of USART1, RM0008 27 and 13. USART1 hangs on the line; what the
 * others send leaves, and they hear nobody. */
#include <string.h>

#include "tests/silicon/line.h"
#include "tests/silicon/part.h"

enum {
    SR_PARITY = 1,
    SR_FRAMING = 2,
    SR_NOISE = 4,
    SR_OVERRUN = 8,
    SR_IDLE = 16,
    SR_RECEIVED = 32,
    SR_SENT = 64,
    SR_EMPTY = 128,
    CR1_RECEIVE = 4,
    CR1_TRANSMIT = 8,
    CR1_ODD = 1 << 9,
    CR1_PARITY = 1 << 10,
    CR1_9_BIT = 1 << 12,
    CR1_ENABLE = 1 << 13,
    CR2_TWO_STOP = 2 << 12,
    CR3_DMA_RX = 1 << 6,
    CR3_DMA_TX = 1 << 7,
    DRIVE_PIN = 8,
};

uint64_t usart_bit_ticks(const struct part *p, unsigned n)
{
    uint32_t brr = p->usart[n].brr;
    uint32_t by = n == 0 ? 1 : 2; /* APB1 runs at half */
    if (n != 0 && !(p->rcc_cfgr >> 10 & 1))
        by = 1;
    return (uint64_t)(brr ? brr : 1) * p->ticks_a_cycle * by;
}

static unsigned data_bits(const struct usart *u)
{
    return u->cr1 & CR1_9_BIT ? 9 : 8;
}

static unsigned frame_bits(const struct usart *u)
{
    return data_bits(u) + 2 + (u->cr2 & CR2_TWO_STOP ? 1 : 0);
}

/* ---- sending ---- */

static void load(struct part *p, unsigned n, uint8_t byte);

static void dma_to_usart(struct part *p)
{
    struct usart *u = &p->usart[0];
    struct dma_channel *c = &p->dma[3];
    if (!(c->ccr & 1) || !(u->cr3 & CR3_DMA_TX) || u->full || c->cndtr == 0 ||
        !(u->cr1 & CR1_ENABLE))
        return;
    uint32_t at = c->cmar - RAM_AT, flash_at = c->cmar - FLASH_AT;
    uint8_t byte = 0;
    if (at < RAM_SIZE)
        byte = p->ram[at];
    else if (flash_at < FLASH_END)
        byte = p->flash[flash_at];
    else
        part_complain(p, "the DMA reads where no memory is");
    c->cmar++;
    if (--c->cndtr == 0)
        p->dma_isr |= 1u << 13;
    load(p, 0, byte);
}

static void shift_out(struct part *p, unsigned n, uint64_t at)
{
    struct usart *u = &p->usart[n];
    if (!u->full || u->busy || !(u->cr1 & CR1_TRANSMIT))
        return;
    u->shifting = u->next;
    u->full = false;
    u->busy = true;
    u->sr = (u->sr | SR_EMPTY) & ~(uint32_t)SR_SENT;
    uint64_t bit = usart_bit_ticks(p, n);
    p->due[EVENT_SEND_1 + n] = at + bit * frame_bits(u);
    bool drives = pin_is_output(p, 0, DRIVE_PIN) && pin_is_high(p, 0, DRIVE_PIN);
    if (n == 0 && p->line != NULL && drives) {
        uint16_t data = u->shifting;
        if (u->cr1 & CR1_PARITY)
            data |= (uint16_t)((__builtin_parity(data) ^ (u->cr1 & CR1_ODD ? 1 : 0)) << 8);
        line_put(p->line, p, at, bit, data, data_bits(u));
    } else if (n == 0 && p->line != NULL) {
        p->line->drive_missing++;
    }
}

static void load(struct part *p, unsigned n, uint8_t byte)
{
    struct usart *u = &p->usart[n];
    u->next = byte;
    u->full = true;
    u->sr &= ~(uint32_t)(SR_EMPTY | SR_SENT);
    shift_out(p, n, p->now);
    if (n == 0)
        dma_to_usart(p);
}

static void end_frame(struct part *p, unsigned n, uint64_t at)
{
    struct usart *u = &p->usart[n];
    u->busy = false;
    if (n == 0 && p->line != NULL &&
        !(pin_is_output(p, 0, DRIVE_PIN) && pin_is_high(p, 0, DRIVE_PIN)))
        p->line->drive_missing++; /* let go before the stop bit was over */
    shift_out(p, n, at);
    if (n == 0)
        dma_to_usart(p);
    if (!u->busy)
        u->sr |= SR_SENT | SR_EMPTY;
}

/* ---- receiving ---- */

static void dma_from_usart(struct part *p)
{
    struct usart *u = &p->usart[0];
    struct dma_channel *c = &p->dma[4];
    if (!(c->ccr & 1) || !(u->cr3 & CR3_DMA_RX) || c->cndtr == 0)
        return;
    uint32_t at = c->cmar + (c->reload - c->cndtr) - RAM_AT;
    if (at < RAM_SIZE)
        p->ram[at] = (uint8_t)u->dr;
    else
        part_complain(p, "the DMA writes where no memory is");
    u->sr &= ~(uint32_t)SR_RECEIVED;
    if (--c->cndtr == 0) {
        p->dma_isr |= 1u << 17;
        if (c->ccr & 1u << 5)
            c->cndtr = c->reload;
    }
}

static bool listens(const struct part *p)
{
    const uint32_t on = CR1_ENABLE | CR1_RECEIVE;
    bool drives = pin_is_output(p, 0, DRIVE_PIN) && pin_is_high(p, 0, DRIVE_PIN);
    return (p->usart[0].cr1 & on) == on && !drives; /* /RE is tied to DE */
}

static bool coming(const struct part *p, struct line_byte *byte)
{
    const struct usart *u = &p->usart[0];
    return p->line != NULL &&
           line_next(p->line, p, p->receiver_free, usart_bit_ticks(p, 0), data_bits(u), byte);
}

static void take(struct part *p, const struct line_byte *byte)
{
    struct usart *u = &p->usart[0];
    if (u->sr & SR_RECEIVED)
        u->sr |= SR_OVERRUN;
    else
        u->dr = byte->value & 0xFF;
    u->sr |= SR_RECEIVED | (byte->stop ? 0 : (uint32_t)SR_FRAMING) | p->noise;
    p->noise = 0;
    if (u->cr1 & CR1_PARITY) {
        unsigned wanted =
            (unsigned)__builtin_parity(byte->value & 0xFF) ^ (u->cr1 & CR1_ODD ? 1u : 0u);
        if (byte->value >> 8 != wanted)
            u->sr |= SR_PARITY;
    }
    dma_from_usart(p);
    p->heard++;
}

/* The next byte's end, and the silence after the last. A byte counts at the middle of its stop
 * bit. */
static void plan(struct part *p)
{
    struct line_byte byte;
    uint64_t bit = usart_bit_ticks(p, 0);
    p->due[EVENT_RECEIVE] = coming(p, &byte) ? byte.end - bit / 2 : NEVER;
}

static void receive(struct part *p, uint64_t at)
{
    struct line_byte byte;
    uint64_t bit = usart_bit_ticks(p, 0);
    while (coming(p, &byte) && byte.end - bit / 2 <= at) {
        bool heard = listens(p) && byte.start >= p->listens_since;
        p->receiver_free = byte.end - bit / 2;
        if (!heard)
            continue;
        take(p, &byte);
        p->due[EVENT_IDLE] = byte.end + bit * frame_bits(&p->usart[0]);
    }
    plan(p);
}

static void idle(struct part *p, uint64_t at)
{
    struct line_byte byte;
    if (coming(p, &byte) && byte.start < at)
        return; /* another one has begun: it plans its own */
    if (listens(p))
        p->usart[0].sr |= SR_IDLE;
}

void usart_event(struct part *p, enum part_event event, uint64_t at)
{
    if (event == EVENT_RECEIVE)
        receive(p, at);
    else if (event == EVENT_IDLE)
        idle(p, at);
    else
        end_frame(p, (unsigned)(event - EVENT_SEND_1), at);
}

/* ---- registers ---- */

uint32_t usart_read(struct part *p, unsigned n, uint32_t offset)
{
    struct usart *u = &p->usart[n];
    switch (offset) {
    case 0x00:
        return u->sr;
    case 0x04:
        u->sr &=
            ~(uint32_t)(SR_PARITY | SR_FRAMING | SR_NOISE | SR_OVERRUN | SR_IDLE | SR_RECEIVED);
        part_look(p);
        return u->dr;
    case 0x08:
        return u->brr;
    case 0x0C:
        return u->cr1;
    case 0x10:
        return u->cr2;
    case 0x14:
        return u->cr3;
    default:
        return 0;
    }
}

void usart_write(struct part *p, unsigned n, uint32_t offset, uint32_t value)
{
    struct usart *u = &p->usart[n];
    static const uint32_t clocks[] = {1u << 14, 1u << 17, 1u << 18};
    if (!((n == 0 ? p->apb2enr : p->apb1enr) & clocks[n]))
        return;
    bool listened = n == 0 && (u->cr1 & (CR1_ENABLE | CR1_RECEIVE)) == (CR1_ENABLE | CR1_RECEIVE);
    switch (offset) {
    case 0x00:
        u->sr &= value | ~(uint32_t)(SR_SENT | SR_RECEIVED);
        break;
    case 0x04:
        load(p, n, (uint8_t)value);
        break;
    case 0x08:
        u->brr = value & 0xFFFF;
        break;
    case 0x0C:
        u->cr1 = value;
        shift_out(p, n, p->now);
        break;
    case 0x10:
        u->cr2 = value;
        break;
    case 0x14:
        u->cr3 = value;
        if (n == 0)
            dma_to_usart(p);
        break;
    default:
        break;
    }
    bool now = n == 0 && (u->cr1 & (CR1_ENABLE | CR1_RECEIVE)) == (CR1_ENABLE | CR1_RECEIVE);
    if (now && !listened) {
        p->listens_since = p->now;
        p->receiver_free = p->now;
        p->due[EVENT_IDLE] = NEVER;
    }
    if (n == 0)
        plan(p);
}

static struct dma_channel *channel(struct part *p, uint32_t address)
{
    uint32_t offset = (address & 0xFF) - 8;
    return address & 0xFF && (address & 0xFF) >= 8 && offset / 20 < 7 ? &p->dma[offset / 20] : NULL;
}

uint32_t dma_read(struct part *p, uint32_t address)
{
    struct dma_channel *c = channel(p, address);
    if (c == NULL)
        return (address & 0xFF) == 0 ? p->dma_isr : 0;
    switch (((address & 0xFF) - 8) % 20) {
    case 0:
        return c->ccr;
    case 4:
        return c->cndtr;
    case 8:
        return c->cpar;
    default:
        return c->cmar;
    }
}

void dma_write(struct part *p, uint32_t address, uint32_t value)
{
    struct dma_channel *c = channel(p, address);
    if (!(p->ahbenr & 1))
        return;
    if (c == NULL) {
        if ((address & 0xFF) == 4)
            p->dma_isr &= ~value;
        return;
    }
    switch (((address & 0xFF) - 8) % 20) {
    case 0:
        c->ccr = value;
        dma_to_usart(p);
        break;
    case 4:
        if (!(c->ccr & 1))
            c->cndtr = c->reload = value & 0xFFFF;
        break;
    case 8:
        c->cpar = value;
        break;
    default:
        c->cmar = value;
        break;
    }
}
