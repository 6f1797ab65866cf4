/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boards/stm32f103-rs485/stm32.h"
#include "firmware/boot/flash.h"
#include "firmware/hal.h"
#include "protocols/image/factory.h"
#include "tests/unit/boards/register_model.h"

/* The clock of these tests; boards/cortex-m3/time.c has its own. */
static uint64_t now_us;

uint64_t hal_now_us(void)
{
    return now_us;
}

void hal_delay_us(uint32_t us)
{
    now_us += us;
}

static uint32_t timer_hz;

void time_start(uint32_t hz, bool core_clock)
{
    assert_false(core_clock);
    timer_hz = hz;
}

static int setup(void **state)
{
    (void)state;
    model_reset();
    now_us = 1000000;
    return 0;
}

/* ---- clocks ---- */

static void clock_runs_at_72_mhz_from_the_crystal(void **state)
{
    (void)state;
    clock_start();
    assert_int_equal(clock_core_hz(), 72000000);
    assert_int_equal(timer_hz, 9000000);
    int waits = model_written(0, FLASH_ACR, 0x17, 0x12);
    int switched = model_written(0, RCC_CFGR, 3, 2);
    assert_true(waits >= 0 && switched > waits); /* wait states before the speed that needs them */
    /* HSE x 9, APB1 / 2, ADC / 6 */
    assert_int_equal(model_get(RCC_CFGR) & 0x003DC7F0, 0x001D8400);
}

static void flash_keeps_its_clock_in_sleep(void **state)
{
    (void)state;
    clock_start();
    assert_int_equal(model_get(RCC_AHBENR), 0x15); /* FLITF, SRAM, DMA1 */
}

static void clock_falls_back_when_the_crystal_is_dead(void **state)
{
    (void)state;
    model.crystal_dead = true;
    clock_start();
    assert_int_equal(clock_core_hz(), 64000000);
    assert_int_equal(model_get(RCC_CFGR) & 0x003D0000, 14 << 18); /* HSI / 2 x 16 */
}

/* ---- the bus ---- */

enum { BUFFER = 512, SR_IDLE = 1 << 4, SR_SENT = 1 << 6, SR_FRAMING = 1 << 1, CR1_RECEIVE = 4 };

static uint64_t arrived; /* bytes since hal_bus_open() */

static void open_bus(uint32_t baud, char parity)
{
    clock_start();
    const struct hal_line line = {baud, parity, 1};
    assert_int_equal(hal_bus_open(&line), HAL_OK);
    arrived = 0;
}

/* The DMA puts bytes where it was told to; here that is told apart by its counter only, so values
 * are read back as whatever the buffer holds: zeros. What counts is how many, when, and errors. */
static void bytes_arrive(uint32_t count)
{
    uint64_t before = arrived / BUFFER;
    arrived += count;
    model_set(DMA_RX + 4, (uint32_t)(BUFFER - arrived % BUFFER));
    if (arrived / BUFFER != before) {
        model_set(DMA_ISR, 1 << 17);
        dma_rx_handler();
        assert_int_equal(model_get(DMA_IFCR), 1 << 17);
        model_set(DMA_ISR, 0);
    }
}

static void status(uint32_t bits)
{
    model_set(USART1 + USART_SR, bits);
    usart1_handler();
}

static void line_settings_become_register_values(void **state)
{
    (void)state;
    static const struct {
        struct hal_line line;
        uint32_t brr, cr1, cr2;
    } rows[] = {
        /* RM0008 table 192: 9600 at 72 MHz is 468.75, 115200 is 39.0625. */
        {{9600, 'N', 1}, 0x1D4C, 0x201C, 0},
        {{115200, 'N', 2}, 0x0271, 0x201C, 2 << 12},
        {{19200, 'E', 1}, 0x0EA6, 0x351C, 0},
        {{1200, 'O', 1}, 0xEA60, 0x371C, 0},
    };
    clock_start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(hal_bus_open(&rows[i].line), HAL_OK);
        assert_int_equal(model_get(USART1 + USART_BRR), rows[i].brr);
        assert_int_equal(model_get(USART1 + USART_CR1), rows[i].cr1);
        assert_int_equal(model_get(USART1 + USART_CR2), rows[i].cr2);
        assert_int_equal(model_get(USART1 + USART_CR3), 0xC1); /* DMA both ways, errors */
        assert_int_equal(model_get(DMA_RX + 4), BUFFER);
        assert_int_equal(model_get(DMA_RX), 0xA3); /* circular, increment, wrap interrupt */
    }
    size_t writes = model.write_count;
    const struct hal_line wrong[] = {
        {600, 'N', 1}, {230400, 'N', 1}, {9600, 'M', 1}, {9600, 'N', 3}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(hal_bus_open(&wrong[i]), HAL_RANGE);
    assert_int_equal(model.write_count, writes); /* and the line is as it was */
}

static void bytes_get_their_times_back_from_the_idle_line(void **state)
{
    (void)state;
    open_bus(9600, 'N');
    bytes_arrive(8);
    now_us += 10000; /* the idle interrupt comes one character, 1042 us, after the last byte */
    status(SR_IDLE);
    now_us += 777; /* the main loop comes by later */
    for (int i = 0; i < 8; i++) {
        struct hal_byte byte;
        assert_true(hal_bus_receive(&byte));
        assert_int_equal(byte.errors, 0);
        assert_int_equal(now_us - 777 - byte.time_us, 1042 * (8 - i));
    }
    struct hal_byte none;
    assert_false(hal_bus_receive(&none));
}

static void two_bursts_keep_the_gap_between_them(void **state)
{
    (void)state;
    open_bus(9600, 'N');
    bytes_arrive(3);
    now_us += 5000;
    status(SR_IDLE);
    uint64_t first_end = now_us - 1042;
    bytes_arrive(2);
    now_us += 20000;
    status(SR_IDLE);
    uint64_t second_end = now_us - 1042;
    struct hal_byte byte;
    for (int i = 0; i < 3; i++)
        assert_true(hal_bus_receive(&byte));
    assert_int_equal(byte.time_us, first_end);
    assert_true(hal_bus_receive(&byte));
    assert_int_equal(byte.time_us, second_end - 1042);
}

static void the_buffer_wraps_and_an_overrun_is_told(void **state)
{
    (void)state;
    open_bus(115200, 'N');
    struct hal_byte byte;
    unsigned got = 0;
    for (int burst = 0; burst < 10; burst++) {
        bytes_arrive(200);
        now_us += 20000;
        status(SR_IDLE);
        for (; hal_bus_receive(&byte); got++)
            assert_int_equal(byte.errors, 0);
    }
    assert_int_equal(got, 2000);
    bytes_arrive(300);
    bytes_arrive(300); /* nobody looked for longer than two frames */
    assert_true(hal_bus_receive(&byte));
    assert_true(byte.errors & HAL_BYTE_OVERRUN);
}

/* The buffer that the DMA was told of. Its register has the low half of a host's address; the
 * buffer lies within 2 GiB of any other variable. */
static uint8_t *dma_buffer(void)
{
    uintptr_t near = (uintptr_t)&now_us;
    int32_t away = (int32_t)(model_get(DMA_RX + DMA_CMAR) - (uint32_t)near);
    return (uint8_t *)(near + (uintptr_t)(intptr_t)away);
}

static void bytes_stay_in_step_past_four_gigabytes(void **state)
{
    (void)state;
    open_bus(115200, 'N');
    struct hal_byte byte;
    while (arrived < (UINT64_C(1) << 32) - BUFFER)
        bytes_arrive((uint32_t)(BUFFER - arrived % BUFFER));
    while (hal_bus_receive(&byte))
        ;
    for (unsigned i = 0; i < 4 * BUFFER; i++) {
        uint8_t value = (uint8_t)(i % 251); /* no place of a buffer keeps its value */
        dma_buffer()[arrived % BUFFER] = value;
        bytes_arrive(1);
        assert_true(hal_bus_receive(&byte));
        assert_int_equal(byte.value, value);
        assert_int_equal(byte.errors, 0);
        assert_false(hal_bus_receive(&byte));
    }
}

static void an_error_goes_to_the_byte_that_had_it(void **state)
{
    (void)state;
    open_bus(9600, 'E');
    bytes_arrive(3);
    status(SR_FRAMING);
    bytes_arrive(2);
    status(SR_IDLE);
    for (int i = 0; i < 5; i++) {
        struct hal_byte byte;
        assert_true(hal_bus_receive(&byte));
        assert_int_equal(byte.errors, i == 2 ? HAL_BYTE_FRAMING : 0);
    }
}

static void the_driver_is_held_until_the_last_stop_bit(void **state)
{
    (void)state;
    open_bus(9600, 'N');
    static const uint8_t answer[7] = {1, 2, 3, 4, 5, 6, 7};
    size_t from = model.write_count;
    hal_bus_send(answer, sizeof answer);
    assert_true(hal_bus_sending());
    int drive = model_written(from, GPIO_A + GPIO_BSRR, UINT32_MAX, 1 << PIN_A_BUS_DRIVE);
    int begin = model_written(from, DMA_TX, 1, 1);
    assert_true(drive >= 0 && begin > drive); /* the driver first, then the first bit */
    assert_int_equal(model_get(DMA_TX + 4), sizeof answer);
    assert_int_equal(model_get(USART1 + USART_CR1) & CR1_RECEIVE, 0); /* deaf to ourselves */

    from = model.write_count;
    status(SR_SENT); /* the shifter ran empty while the DMA was late: not the end */
    assert_true(hal_bus_sending());
    model_set(DMA_TX + 4, 0);
    status(0); /* the last byte has left the DMA, not the shifter */
    assert_true(hal_bus_sending());
    assert_int_equal(model_written(from, GPIO_A + GPIO_BSRR, 1U << (PIN_A_BUS_DRIVE + 16),
                                   1U << (PIN_A_BUS_DRIVE + 16)),
                     -1);
    status(SR_SENT);
    assert_false(hal_bus_sending());
    int off = model_written(from, GPIO_A + GPIO_BSRR, UINT32_MAX, 1U << (PIN_A_BUS_DRIVE + 16));
    int hears = model_written(from, USART1 + USART_CR1, CR1_RECEIVE, CR1_RECEIVE);
    assert_true(off >= 0 && hears > off);
}

/* ---- SDI-12 ---- */

static void sdi12_turns_the_wire_round_after_the_last_character(void **state)
{
    (void)state;
    clock_start();
    sdi_start();
    assert_int_equal(model_get(USART2 + USART_BRR), 30000);           /* 36 MHz / 1200 */
    assert_int_equal(model_get(USART2 + USART_CR1) & 0x1600, 0x0400); /* 8 bits with even parity */
    hal_sdi_send("0M!", 3);
    enum { EMPTY = 1 << 7 };
    for (int i = 0; i < 3; i++) {
        model_set(USART2 + USART_SR, EMPTY);
        usart2_handler();
        assert_int_equal(model_get(USART2 + USART_DR), "0M!"[i]);
        assert_true(hal_sdi_sending());
    }
    assert_int_equal(model_get(USART2 + USART_CR1) & 0xC0, 0x40); /* waits for the end only */
    size_t from = model.write_count;
    model_set(USART2 + USART_SR, EMPTY | SR_SENT);
    usart2_handler();
    assert_false(hal_sdi_sending());
    assert_true(model_written(from, GPIO_A + GPIO_BSRR, UINT32_MAX, 1U << (PIN_A_SDI_DRIVE + 16)) >=
                0);
    model_set(USART2 + USART_SR, 1 << 5 | 1 << 0);
    model_set(USART2 + USART_DR, '0' | 0x80);
    usart2_handler();
    struct hal_byte byte;
    assert_true(hal_sdi_receive(&byte));
    assert_int_equal(byte.value, '0');
    assert_int_equal(byte.errors, HAL_BYTE_PARITY);
}

static void the_break_holds_the_wire_by_the_pin(void **state)
{
    (void)state;
    hal_sdi_break(true);
    assert_int_equal(model_get(GPIO_A + GPIO_CRL) >> 8 & 0xF, 2); /* TX is a plain output, low */
    assert_true(model_written(0, GPIO_A + GPIO_BSRR, UINT32_MAX, 1U << (PIN_A_SDI_TX + 16)) >= 0);
    hal_sdi_break(false);
    assert_int_equal(model_get(GPIO_A + GPIO_CRL) >> 8 & 0xF, 0xA);
}

/* ---- flash, converters, pins ---- */

static size_t status_reads_at; /* writes so far, when FLASH_SR was read first after the start */
static bool looked_elsewhere;

static void note_flash_reads(uint32_t address)
{
    bool started = model_written(0, FLASH_CR, 1 << 6, 1 << 6) >= 0;
    if (started && address == FLASH_CR)
        looked_elsewhere = true;
    if (started && address == FLASH_SR && !status_reads_at)
        status_reads_at = looked_elsewhere ? model.write_count : SIZE_MAX;
}

/* PM0075: BSY is set a cycle after STRT; a look at once takes the erase for done. */
static void erase_is_looked_at_a_cycle_after_its_start(void **state)
{
    (void)state;
    status_reads_at = 0;
    looked_elsewhere = false;
    model.on_read = note_flash_reads;
    assert_int_equal(flash_erase_page(flash_layout()->slot[1]), FLASH_OK);
    assert_int_not_equal(status_reads_at, 0);
    assert_int_not_equal(status_reads_at, SIZE_MAX);
}

static void flash_is_erased_and_programmed_by_its_rules(void **state)
{
    (void)state;
    const struct flash_layout *layout = flash_layout();
    uint32_t page = layout->slot[0];
    assert_int_equal(layout->slot[1] + layout->slot_size, 0x08020000);
    assert_int_equal(flash_program(page, "abcd", 4), FLASH_OK);
    assert_memory_equal(model.flash + (page - 0x08004000), "abcd", 4);
    assert_false(model.flash_unlocked);
    assert_int_equal(flash_program(page, "abce", 4), FLASH_FAILED); /* not twice */
    assert_int_equal(flash_program(page, "\0\0", 2), FLASH_OK);     /* but to zero */
    assert_int_equal(flash_erase_page(page), FLASH_OK);
    assert_int_equal(model.flash[page - 0x08004000], 0xFF);
    assert_false(model.flash_unlocked);
}

/* While a page is erased the core stands still, but the DMA does not: at the fastest rate, 40 ms of
 * line fit the buffer, and the interrupts come afterwards. */
static void line_goes_on_during_an_erase(uint32_t address)
{
    if (address != FLASH_SR || arrived > 300)
        return;
    now_us += 40000;
    arrived += 461;
    model_set(DMA_RX + 4, (uint32_t)(BUFFER - arrived % BUFFER));
    if (arrived >= BUFFER)
        model_set(DMA_ISR, 1 << 17);
}

static void a_page_erase_loses_no_byte_of_the_line(void **state)
{
    (void)state;
    open_bus(115200, 'N');
    struct hal_byte byte;
    bytes_arrive(300); /* so that the buffer wraps meanwhile */
    while (hal_bus_receive(&byte))
        ;
    model.on_read = line_goes_on_during_an_erase;
    assert_int_equal(flash_erase_page(flash_layout()->slot[1]), FLASH_OK);
    model.on_read = NULL;
    assert_int_equal(arrived, 761);
    dma_rx_handler();
    model_set(DMA_ISR, 0);
    status(SR_IDLE);
    unsigned got = 0;
    for (; hal_bus_receive(&byte); got++)
        assert_int_equal(byte.errors, 0);
    assert_int_equal(got, 461);
}

static void flash_outside_of_the_slots_is_never_touched(void **state)
{
    (void)state;
    assert_int_equal(flash_erase_page(0x08000000), FLASH_RANGE); /* the boot loader */
    assert_int_equal(flash_erase_page(0x08003C00), FLASH_RANGE);
    assert_int_equal(flash_erase_page(0x08020000), FLASH_RANGE);
    assert_int_equal(flash_erase_page(0x08004801), FLASH_RANGE);
    assert_int_equal(flash_program(0x0801FFFE, "abcd", 4), FLASH_RANGE);
    assert_int_equal(flash_program(0x08004801, "ab", 2), FLASH_RANGE);
    assert_int_equal(flash_program(0x08004800, "abc", 3), FLASH_RANGE);
    assert_int_equal(model.write_count, 0);
}

static void flash_that_does_not_take_it_is_noticed(void **state)
{
    (void)state;
    model.flash_worn = true;
    assert_int_equal(flash_program(0x08004800, "abcd", 4), FLASH_FAILED);
    model.flash[0x800] = 0;
    assert_int_equal(flash_erase_page(0x08004800), FLASH_FAILED);
}

static void supply_is_measured_against_the_reference(void **state)
{
    (void)state;
    inputs_start();
    model.adc[17] = 1489; /* 1.2 V of 3.3 V */
    model.adc[4] = 1354;  /* 12 V / 11 of 3.3 V */
    uint16_t mv = 0, value = 0;
    assert_int_equal(hal_supply_mv(&mv), HAL_OK);
    assert_in_range(mv, 11980, 12020);
    model.adc[17] = 0;
    assert_int_equal(hal_supply_mv(&mv), HAL_FAULT);
    model.adc[0] = 4095;
    assert_int_equal(hal_adc_read(0, &value), HAL_OK);
    assert_int_equal(value, 65535);
    assert_int_equal(hal_adc_read(1, &value), HAL_RANGE);
}

static void rain_contact_is_debounced(void **state)
{
    (void)state;
    uint32_t before = hal_pulse_count();
    exti1_handler();
    for (int i = 0; i < 5; i++) {
        now_us += 300;
        exti1_handler(); /* bounces */
    }
    assert_int_equal(hal_pulse_count() - before, 1);
    now_us += 100000;
    exti1_handler();
    assert_int_equal(hal_pulse_count() - before, 2);
    assert_int_equal(model_get(EXTI_PR), 1 << 1);
}

static void sleep_arms_the_timer_finely_or_coarsely(void **state)
{
    (void)state;
    clock_start();
    hal_sleep(now_us + 1750);
    assert_int_equal(model_get(TIM3 + TIM_PSC), 71);
    assert_int_equal(model_get(TIM3 + TIM_ARR), 1749);
    hal_sleep(now_us + 5000000);
    assert_int_equal(model_get(TIM3 + TIM_PSC), 7199);
    assert_int_equal(model_get(TIM3 + TIM_ARR), 49999);
    size_t writes = model.write_count;
    hal_sleep(now_us - 1);
    assert_int_equal(model.write_count, writes);
    assert_false(model.irq_off);
}

/* Where the linker script puts the real one. */
static uint8_t page[FACTORY_PAGE_SIZE];
extern const uint8_t ld_factory_page[FACTORY_PAGE_SIZE] __attribute__((alias("page")));

static void serial_number_is_the_factorys_or_else_the_parts_own(void **state)
{
    (void)state;
    const struct factory factory = {.hardware = 0x42F10301, .serial = 0x2A};
    size_t size;
    memset(page, 0xFF, sizeof page);
    model_set(UNIQUE_ID, 0x05D5FF34);
    uint32_t own = hal_serial();
    assert_true(own != 0 && own != 0x2A);
    model_set(UNIQUE_ID, 0x05D5FF35);
    assert_int_not_equal(hal_serial(), own);
    assert_int_equal(factory_write(&factory, page, sizeof page), FACTORY_OVERHEAD);
    page[FACTORY_OVERHEAD - 1] ^= 1; /* torn */
    assert_int_not_equal(hal_serial(), 0x2A);
    page[FACTORY_OVERHEAD - 1] ^= 1;
    assert_int_equal(hal_serial(), 0x2A);
    assert_ptr_equal(hal_factory_page(&size), page);
    assert_int_equal(size, sizeof page);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flash_keeps_its_clock_in_sleep),
        TEST(clock_runs_at_72_mhz_from_the_crystal),
        TEST(line_settings_become_register_values),
        TEST(bytes_get_their_times_back_from_the_idle_line),
        TEST(two_bursts_keep_the_gap_between_them),
        TEST(the_buffer_wraps_and_an_overrun_is_told),
        TEST(bytes_stay_in_step_past_four_gigabytes),
        TEST(an_error_goes_to_the_byte_that_had_it),
        TEST(the_driver_is_held_until_the_last_stop_bit),
        TEST(sdi12_turns_the_wire_round_after_the_last_character),
        TEST(the_break_holds_the_wire_by_the_pin),
        TEST(flash_is_erased_and_programmed_by_its_rules),
        TEST(erase_is_looked_at_a_cycle_after_its_start),
        TEST(a_page_erase_loses_no_byte_of_the_line),
        TEST(flash_outside_of_the_slots_is_never_touched),
        TEST(flash_that_does_not_take_it_is_noticed),
        TEST(supply_is_measured_against_the_reference),
        TEST(rain_contact_is_debounced),
        TEST(sleep_arms_the_timer_finely_or_coarsely),
        TEST(serial_number_is_the_factorys_or_else_the_parts_own),
        TEST(clock_falls_back_when_the_crystal_is_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
