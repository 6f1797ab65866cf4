/* SPDX-License-Identifier: Apache-2.0 */
/* The RS-485 line on USART1, RM0008 27: bytes come by DMA into a circular buffer without waking
 * anybody; the idle interrupt, one character time after the last byte of a burst, notes where the
 * burst ended and when, from which the time of each of its bytes is computed back. Sending goes by
 * DMA, too; the driver is let go by the transmit-complete interrupt, and only then the receiver is
 * switched on again, so that nothing of our own is heard.
 *
 * A byte of an arbitration stands for the window it falls in, 13 bits wide, and the idle mark comes
 * 20 bits after a byte began. While the line is watched, bytes therefore come by interrupt, each
 * with its own time, and the DMA has a rest.
 *
 *   buffer  … b b b b b b . . .      marks: {end of the burst, time of its last byte}
 *                 ^read   ^in        in = wraps x size + (size - CNDTR)
 *
 * Both count modulo 2^32, which the size must divide: any other would put them out of step with
 * the DMA after four gigabytes heard. */
#include "boards/stm32f103-rs485/stm32.h"
#include "boards/stm32f103-rs485/usart.h"
#include "firmware/hal.h"

enum {
    DMA_ENABLE = 1 << 0,
    DMA_WRAP_INT = 1 << 1,
    DMA_FROM_MEMORY = 1 << 4,
    DMA_CIRCULAR = 1 << 5,
    DMA_INCREMENT = 1 << 7,
    DMA_RX_WRAPPED = 1 << 17, /* transfer complete of channel 5, in ISR and IFCR */
    BUFFER = 512,             /* two of the longest frames */
    MARKS = 8,
    FAULTS = 4,
    WATCHED = 4,
};

_Static_assert(((uint64_t)UINT32_MAX + 1) % BUFFER == 0, "counters and buffer wrap together");

static uint8_t buffer[BUFFER];
static volatile uint32_t wraps;
static uint32_t read_at; /* bytes handed over so far */
static uint32_t character_us;
static bool driving;
static bool watching;

/* Of the line while it is watched; one or two wait at most. */
static struct watched {
    uint32_t time_us;
    uint8_t value;
} watched[WATCHED];
static volatile uint8_t watched_in, watched_out;

/* Ends of bursts, oldest first; indices run freely. */
static struct mark {
    uint32_t end;
    uint32_t time_us;
} marks[MARKS];
static volatile uint8_t marks_in, marks_out;

/* Bytes with errors; with DMA the flags stand alone, so they go to the byte that came last. */
static struct fault {
    uint32_t at;
    uint8_t errors;
} faults[FAULTS];
static volatile uint8_t faults_in, faults_out;

/* Bytes received so far. Interrupts off, or from one. */
static uint32_t received(void)
{
    uint32_t left = reg_read(DMA_RX + DMA_CNDTR);
    uint32_t wrapped = reg_read(DMA_ISR) & DMA_RX_WRAPPED;
    if (wrapped) /* not served yet, and maybe just after `left` was read */
        left = reg_read(DMA_RX + DMA_CNDTR);
    return (wraps + (wrapped ? 1 : 0)) * BUFFER + (BUFFER - left);
}

void dma_rx_handler(void)
{
    reg_write(DMA_IFCR, DMA_RX_WRAPPED);
    wraps = wraps + 1;
}

static void note_errors(uint32_t status)
{
    uint8_t errors = usart_errors(status);
    if (!errors)
        return;
    uint32_t in = received();
    if ((uint8_t)(faults_in - faults_out) == FAULTS)
        return; /* the frame is spoiled as it is */
    faults[faults_in % FAULTS] = (struct fault){in - 1, errors};
    faults_in = (uint8_t)(faults_in + 1);
}

static void note_end(void)
{
    struct mark mark = {received(), (uint32_t)hal_now_us() - character_us};
    if ((uint8_t)(marks_in - marks_out) == MARKS)
        marks[(uint8_t)(marks_in - 1) % MARKS] = mark; /* the last two become one */
    else {
        marks[marks_in % MARKS] = mark;
        marks_in = (uint8_t)(marks_in + 1);
    }
    sleep_end();
}

static void end_sending(void)
{
    driving = false;
    pin_write(GPIO_A, PIN_A_BUS_DRIVE, false);
    reg_write(DMA_TX + DMA_CCR, 0);
    uint32_t cr1 = reg_read(USART1 + USART_CR1);
    reg_write(USART1 + USART_CR1, (cr1 & ~(uint32_t)CR1_SENT_INT) | CR1_RECEIVE);
    sleep_end();
}

static void note_watched(uint8_t value)
{
    if ((uint8_t)(watched_in - watched_out) < WATCHED) {
        watched[watched_in % WATCHED] = (struct watched){(uint32_t)hal_now_us(), value};
        watched_in = (uint8_t)(watched_in + 1);
    }
    sleep_end();
}

void usart1_handler(void)
{
    uint32_t status = reg_read(USART1 + USART_SR);
    if (watching && status & (SR_RECEIVED | SR_OVERRUN))
        note_watched((uint8_t)reg_read(USART1 + USART_DR));
    else if (status & (SR_IDLE | SR_PARITY | SR_FRAMING | SR_NOISE | SR_OVERRUN)) {
        (void)reg_read(USART1 + USART_DR); /* clears them all; the DMA has the byte */
        note_errors(status);
        if (status & SR_IDLE)
            note_end();
    }
    if (driving && status & SR_SENT && reg_read(DMA_TX + DMA_CNDTR) == 0)
        end_sending();
}

static bool line_modes(const struct hal_line *line, uint32_t *cr1, uint32_t *cr2)
{
    if (line->baud < 1200 || line->baud > 115200 || line->stop_bits < 1 || line->stop_bits > 2)
        return false;
    *cr1 = CR1_ENABLE | CR1_TRANSMIT | CR1_RECEIVE | CR1_IDLE_INT;
    *cr2 = line->stop_bits == 2 ? CR2_TWO_STOP : 0;
    if (line->parity == 'N')
        return true;
    *cr1 |= CR1_PARITY | CR1_9_BIT | CR1_PARITY_INT; /* eight bits and the parity */
    if (line->parity == 'O')
        *cr1 |= CR1_ODD;
    return line->parity == 'E' || line->parity == 'O';
}

enum hal_result hal_bus_open(const struct hal_line *line)
{
    uint32_t cr1, cr2;
    if (!line_modes(line, &cr1, &cr2))
        return HAL_RANGE;
    cpu_irq_off();
    reg_write(USART1 + USART_CR1, 0);
    reg_write(DMA_RX + DMA_CCR, 0);
    reg_write(DMA_TX + DMA_CCR, 0);
    pin_write(GPIO_A, PIN_A_BUS_DRIVE, false);
    driving = false;
    wraps = read_at = 0;
    marks_in = marks_out = faults_in = faults_out = 0;
    watched_in = watched_out = 0;
    watching = false;
    uint32_t bits = 10U + (line->parity != 'N') + (line->stop_bits == 2);
    character_us = (bits * 1000000U + line->baud / 2) / line->baud;

    reg_write(DMA_IFCR, DMA_RX_WRAPPED);
    reg_write(DMA_RX + DMA_CPAR, USART1 + USART_DR);
    reg_write(DMA_RX + DMA_CMAR, (uint32_t)(uintptr_t)buffer);
    reg_write(DMA_RX + DMA_CNDTR, BUFFER);
    reg_write(DMA_RX + DMA_CCR, DMA_ENABLE | DMA_WRAP_INT | DMA_CIRCULAR | DMA_INCREMENT);

    reg_write(USART1 + USART_BRR, (clock_core_hz() + line->baud / 2) / line->baud);
    reg_write(USART1 + USART_CR2, cr2);
    reg_write(USART1 + USART_CR3, CR3_DMA_RX | CR3_DMA_TX | CR3_ERROR_INT);
    reg_write(USART1 + USART_CR1, cr1);
    cpu_irq_enable(IRQ_USART1);
    cpu_irq_enable(IRQ_DMA_RX);
    cpu_irq_on();
    return HAL_OK;
}

/* When byte `at` ended: counted back from the end of its burst, or from now in one that goes on. */
static uint64_t time_of(uint32_t at, uint32_t in, uint64_t now_us)
{
    while (marks_in != marks_out && (int32_t)(marks[marks_out % MARKS].end - at) <= 0)
        marks_out = (uint8_t)(marks_out + 1);
    if (marks_in == marks_out)
        return now_us - (uint64_t)(in - 1 - at) * character_us;
    struct mark mark = marks[marks_out % MARKS];
    uint64_t end_us = now_us - (uint32_t)((uint32_t)now_us - mark.time_us);
    return end_us - (uint64_t)(mark.end - 1 - at) * character_us;
}

static uint8_t errors_of(uint32_t at)
{
    uint8_t errors = 0;
    while (faults_in != faults_out && (int32_t)(faults[faults_out % FAULTS].at - at) <= 0) {
        errors |= faults[faults_out % FAULTS].errors;
        faults_out = (uint8_t)(faults_out + 1);
    }
    return errors;
}

/* A byte that is there at the change is taken by whoever comes. */
void hal_bus_watch(bool on)
{
    if (on == watching)
        return;
    cpu_irq_off();
    watching = on;
    uint32_t cr1 = reg_read(USART1 + USART_CR1) & ~(uint32_t)CR1_RECEIVED_INT;
    uint32_t cr3 = CR3_DMA_RX | CR3_DMA_TX | CR3_ERROR_INT;
    reg_write(USART1 + USART_CR3, on ? cr3 & ~(uint32_t)CR3_DMA_RX : cr3);
    reg_write(USART1 + USART_CR1, on ? cr1 | CR1_RECEIVED_INT : cr1);
    cpu_irq_on();
}

static bool take_watched(struct hal_byte *byte)
{
    if (watched_in == watched_out)
        return false;
    const struct watched *from = &watched[watched_out % WATCHED];
    uint64_t now_us = hal_now_us();
    *byte = (struct hal_byte){.value = from->value,
                              .time_us = now_us - (uint32_t)((uint32_t)now_us - from->time_us)};
    watched_out = (uint8_t)(watched_out + 1);
    return true;
}

bool hal_bus_receive(struct hal_byte *byte)
{
    if (take_watched(byte))
        return true;
    cpu_irq_off();
    uint32_t in = received();
    bool lost = in - read_at > BUFFER;
    if (lost) /* the main loop was away for more than two frames */
        read_at = in - BUFFER / 2;
    bool got = in != read_at;
    if (got) {
        byte->value = buffer[read_at % BUFFER];
        byte->time_us = time_of(read_at, in, hal_now_us());
        byte->errors = (uint8_t)(errors_of(read_at) | (lost ? HAL_BYTE_OVERRUN : 0));
        read_at++;
    }
    cpu_irq_on();
    return got;
}

void hal_bus_send(const uint8_t *data, size_t size)
{
    cpu_irq_off();
    uint32_t cr1 = reg_read(USART1 + USART_CR1) & ~(uint32_t)CR1_RECEIVE;
    reg_write(USART1 + USART_CR1, cr1);
    pin_write(GPIO_A, PIN_A_BUS_DRIVE, true);
    driving = true;
    reg_write(DMA_TX + DMA_CCR, 0);
    reg_write(DMA_TX + DMA_CPAR, USART1 + USART_DR);
    reg_write(DMA_TX + DMA_CMAR, (uint32_t)(uintptr_t)data);
    reg_write(DMA_TX + DMA_CNDTR, (uint32_t)size);
    reg_write(USART1 + USART_SR, ~(uint32_t)SR_SENT); /* of the frame before */
    reg_write(DMA_TX + DMA_CCR, DMA_ENABLE | DMA_FROM_MEMORY | DMA_INCREMENT);
    reg_write(USART1 + USART_CR1, cr1 | CR1_SENT_INT);
    cpu_irq_on();
}

bool hal_bus_sending(void)
{
    return *(volatile bool *)&driving;
}

uint32_t hal_bus_silence_floor_us(void)
{
    return 0;
}
