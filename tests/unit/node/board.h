/* SPDX-License-Identifier: Apache-2.0 */
/* A board in virtual time for the node's tests: what the firmware sends is noted, what it receives
 * is put in by the test, and power can fail at any byte written to the memory that stays. */
#ifndef BAIYE_TEST_NODE_BOARD_H
#define BAIYE_TEST_NODE_BOARD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/drivers/sensor.h"
#include "firmware/hal.h"

struct board {
    uint64_t now_us;
    unsigned look_us;  /* what a look at the clock takes: time passes only so, and asleep */
    uint64_t slept_us; /* in hal_sleep(), so far */
    /* Line. */
    struct hal_line line;
    unsigned opened;
    struct hal_byte received[2048];
    size_t received_count, received_at;
    uint8_t sent[512];
    size_t sent_size;     /* of the last frame */
    unsigned sent_frames; /* so far */
    uint64_t sent_us;     /* when its sending began */
    uint64_t sending_until_us;
    bool stuck_sending;
    /* Memory. */
    uint8_t nv[HAL_NV_SIZE];
    uint64_t nv_written; /* bytes so far */
    uint64_t cut_at;     /* power fails when so many are written; 0: never */
    jmp_buf cut;         /* where it goes then */
    bool nv_broken;      /* writes fail */
    uint64_t nv_reads;   /* so far */
    uint64_t nv_fails;   /* the read with this number fails, and all that follow; 0: none */
    _Alignas(8) uint8_t retained[HAL_RETAINED_SIZE];
    /* Life. */
    enum hal_reset_cause cause;
    struct hal_fault fault;
    unsigned fed;
    uint8_t rails;
    bool indicator;
    uint32_t pulses;
    uint32_t serial;
    uint8_t factory_page[1024];
    bool has_factory_page;
    bool coarse; /* runs without its crystal */
    bool rtc_set;
    uint32_t rtc_s; /* at rtc_us; the node's tests let resets take no time */
    uint16_t rtc_ms;
    uint64_t rtc_us;
    int supply_mv; /* below 0: cannot be measured */
};

extern struct board board;

/* A new board: memory empty, time 0. */
void board_init(void);
/* Power off and on: time and RAM begin anew, the memory that stays stays. */
void board_power_cycle(void);

/* A sensor that gives what the test wants. */
struct fake_sensor {
    struct sensor sensor;
    struct sensor_value value[SENSOR_VALUES_MAX];
    int32_t hundredths[SENSOR_VALUES_MAX];
    int32_t raw[SENSOR_VALUES_MAX];
    uint8_t flag[SENSOR_VALUES_MAX];
    uint32_t takes_us; /* from start to done */
    uint64_t done_us;
    unsigned starts;
    bool hangs; /* never done */
};

/* One value, 12.34, good, takes 20 ms. */
void fake_sensor_init(struct fake_sensor *fake);

#endif
