/* SPDX-License-Identifier: Apache-2.0 */
/* A processor and an STM32F103 made of host memory: registers keep what is written and every write
 * is recorded in order. What reacts (the flash controller, converters, the system timer) is
 * modelled by the reference manual's words; the tests set the rest. */
#ifndef BAIYE_REGISTER_MODEL_H
#define BAIYE_REGISTER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_write {
    uint32_t address, value;
};

struct model {
    struct model_write writes[4096];
    size_t write_count;
    uint64_t now_us; /* of the fake hal_now_us(), where a test brings no clock of its own */
    bool irq_off;
    bool crystal_dead, pll_dead;
    /* Flash from 0x08004000 on, programmed and erased by the rules of PM0075. */
    uint8_t flash[112 * 1024];
    bool flash_unlocked, flash_worn; /* worn: programs nothing, and does not say so */
    unsigned flash_keys;
    uint16_t adc[18];
    unsigned read_hooks; /* reads so far */
    void (*on_read)(uint32_t address);
};

extern struct model model;

void model_reset(void);
uint32_t model_get(uint32_t address);
void model_set(uint32_t address, uint32_t value);
/* Index of the first write at or after `from` of that value (masked) to that register, or -1. */
int model_written(size_t from, uint32_t address, uint32_t mask, uint32_t value);

#endif
