/* SPDX-License-Identifier: Apache-2.0 */
/* One STM32F103CB that runs the very bytes a technician flashes, and what hangs on its pins. The
 * processor is libunicorn's; everything around it is modelled here after RM0008 and PM0075, with
 * the rules that a register model on the host does not know: what can't be written while the PLL
 * runs, what a reset keeps, what a page erase stalls. README.md lists the limits.
 *
 * Time is counted in ticks of 1/576 MHz, of which 8, 16 and 72 MHz and what the PLL makes of them
 * are whole parts. A part runs until a time or until it loses its power. One thread. */
#ifndef BAIYE_SILICON_PART_H
#define BAIYE_SILICON_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

#define TICKS_S   UINT64_C(576000000)
#define TICKS_MS  (TICKS_S / 1000)
#define TICKS_US  (TICKS_S / 1000000)
#define NEVER     UINT64_MAX
#define FLASH_AT  0x08000000u
#define RAM_AT    0x20000000u
#define FLASH_END (128u * 1024)
#define RAM_SIZE  (20u * 1024)

enum part_event {
    EVENT_SYSTICK,
    EVENT_TIMER,
    EVENT_WATCHDOG,
    EVENT_CRYSTAL,
    EVENT_PLL,
    EVENT_RECEIVE, /* of USART1; the others hear nobody */
    EVENT_IDLE,
    EVENT_SEND_1, /* a frame of USART n has left */
    EVENT_SEND_2,
    EVENT_SEND_3,
    EVENT_COUNT
};

enum part_reset { RESET_POWER, RESET_PIN, RESET_SOFTWARE, RESET_WATCHDOG };

struct usart {
    uint32_t sr, dr, brr, cr1, cr2, cr3;
    bool full; /* the transmit register */
    uint8_t next, shifting;
    bool busy;
};

struct dma_channel {
    uint32_t ccr, cndtr, cpar, cmar, reload;
};

struct port {
    uint32_t crl, crh, odr;
};

/* A bus of two wires with the parts on it. */
struct wire_slave {
    uint8_t address;
    uint16_t least_mv;     /* below it does not answer */
    uint64_t silent_until; /* ticks */
    bool near;             /* on the switched rail */
    bool clamps;           /* pulls the wires down while that rail is off */
    bool shorted;          /* holds the clock down */
    void (*write)(struct wire_slave *slave, unsigned index, uint8_t byte);
    uint8_t (*read)(struct wire_slave *slave, unsigned index);
    uint8_t *memory;
    uint32_t pointer;
    uint8_t command[2];
    uint64_t writes; /* bytes */
};
#define WIRE_SLAVES  4
#define PINS_WATCHED 4
struct wires {
    unsigned scl, sda; /* pins of port B */
    struct wire_slave *slave[WIRE_SLAVES];
    unsigned count;
    bool scl_was, sda_was, sda_slave;
    int bit;             /* of the byte under way; -1: nobody is addressed */
    bool started;        /* and no clock since */
    bool reading, acked; /* the selected slave sends */
    unsigned index;      /* byte after the address */
    uint8_t shift;
    struct wire_slave *selected;
    bool addressed; /* the byte under way is no address */
};

/* A thermometer on one wire. */
enum onewire_state { ONEWIRE_IDLE, ONEWIRE_ROM, ONEWIRE_COMMAND, ONEWIRE_READING };
struct onewire {
    bool mounted, converted, low;
    uint16_t count; /* 1/16 K */
    enum onewire_state state;
    unsigned bits, out_bit;
    uint8_t in, out[9];
    uint64_t fell, pull_from, pull_to;
};

/* What the loop of a test wants to see and to set. */
struct part {
    uc_engine *uc;
    uint64_t now, limit, until, round_at;
    unsigned rounds; /* of the loop since `round_at`, when its clock stood */
    bool leave, reset_wanted;
    uint32_t block_end;
    uint64_t due[EVENT_COUNT];
    uint32_t ticks_a_cycle;
    uint8_t *flash, *ram;
    uint8_t unique[12];
    uint16_t *counts; /* instructions of the block at each half-word */
    bool powered, asleep, irq;
    unsigned handling; /* exceptions under way: the NMI and a fault come into others */
    uint32_t vtor, cfsr;
    uint64_t nvic;
    bool systick_pending, nmi_pending;
    uint64_t instructions;
    struct known *known; /* NULL: everything is computed */
    uint8_t *translated; /* the flash as libunicorn has seen it */
    char wrong[160];     /* the first rule that was broken; "" so far */
    unsigned resets, resets_by[4], faults;

    /* clocks */
    uint32_t rcc_cr, rcc_cfgr, rcc_cir, ahbenr, apb1enr, apb2enr, bdcr, csr;
    uint64_t crystal_takes; /* ticks; NEVER: there is none */
    uint64_t crystal_fails; /* at that time */

    /* supply */
    uint32_t supply_mv, pwr_cr;

    /* timers */
    uint32_t st_csr, st_rvr;
    uint64_t st_start;
    uint32_t tim_cr1, tim_dier, tim_sr, tim_psc, tim_arr;
    bool watchdog_on, watchdog_open;
    uint32_t iwdg_pr, iwdg_rlr;

    /* clock that stays */
    uint32_t rtc_crl, rtc_prl, rtc_count;
    uint64_t rtc_since,
        rtc_fraction; /* `rtc_count` and so many ticks held then; NEVER: it stands */
    uint16_t backup[11];

    /* flash */
    uint32_t acr, flash_sr, flash_cr, flash_ar;
    unsigned flash_keys;
    bool store_pending;
    uint32_t store_at, store_half;
    uint8_t store_before[4];
    uint16_t store_value;
    uint64_t flash_operations, flash_cut;     /* power fails in that operation, counted from 1 */
    void (*before_operation)(struct part *p); /* NULL: none; may set `flash_cut` */
    uint64_t stall_until; /* the core stands: the flash is busy, or it has no clock */
    uint64_t busy_until;  /* BSY */

    /* pins */
    struct port port[3];
    uint32_t exti_imr, exti_ftsr, exti_pr;
    struct wires wires[2];
    struct onewire onewire;
    unsigned wire_buses;
    uint64_t reset_at,
        low_at[PINS_WATCHED]; /* reset, and when DE, SDI drive, rail 0 and 1 were held low */
    unsigned let_go;          /* how often one of them floated again after it was held */
    uint32_t adc_cr2;
    uint16_t adc_channel;

    struct usart usart[3];
    struct dma_channel dma[7];
    uint32_t dma_isr;
    uint64_t receiver_free; /* the end of the byte heard last */
    uint64_t listens_since;
    uint32_t noise; /* SR bits that the next byte gets */
    uint64_t heard;
    struct line *line;
};

/* A blank part without power. */
struct part *part_new(void);
void part_free(struct part *p);
/* Supply on: RAM holds anything. Off: nothing but the flash, and what hangs outside, stays. */
void part_power(struct part *p, bool on);
void part_reset(struct part *p, enum part_reset why);
/* The program jumps to where nothing is. */
void part_crash(struct part *p, uint32_t pc);
/* Runs to `until`; returns early only without power. */
void part_run(struct part *p, uint64_t until);

/* From now on the function at that address runs once for each set of arguments (part_known.c). */
enum known_function { KNOWN_SIGNATURE, KNOWN_HASH };
void known_add(struct part *p, uint32_t address, enum known_function what);
/* Tells bytes from others; the first digest of a chain is any number. */
uint64_t known_digest(uint64_t digest, const void *data, size_t size);

/* ---- between the files of the model ---- */

void part_complain(struct part *p, const char *what);
/* After a register changed what interrupts or events there are. */
void part_look(struct part *p);
uint64_t part_irqs(const struct part *p);
void part_event(struct part *p, enum part_event event, uint64_t at);

uint32_t clock_read(struct part *p, uint32_t address);
void clock_write(struct part *p, uint32_t address, uint32_t value);
void clock_event(struct part *p, enum part_event event, uint64_t at);
void clock_reset(struct part *p, enum part_reset why);
bool crystal_swings(const struct part *p);
uint32_t timer_read(struct part *p, uint32_t address);
void timer_write(struct part *p, uint32_t address, uint32_t value);
void timer_event(struct part *p, enum part_event event, uint64_t at);
void timer_rebase(struct part *p, uint32_t ticks_a_cycle);
uint32_t flash_read(struct part *p, uint32_t address);
void flash_write(struct part *p, uint32_t address, uint32_t value);
/* A store of the program into the flash, before and after it happens. */
void flash_store(struct part *p, uint32_t address, unsigned size, uint32_t value);
void flash_settle(struct part *p);
uint32_t pins_read(struct part *p, uint32_t address);
void pins_write(struct part *p, uint32_t address, uint32_t value);
void pins_reset(struct part *p);
bool pin_is_output(const struct part *p, unsigned port, unsigned pin);
/* What the pin drives, if it drives. */
bool pin_is_high(const struct part *p, unsigned port, unsigned pin);
/* After a pin of port B changed; and does the thermometer hold its wire down now. */
void onewire_step(struct part *p);
bool onewire_pulls(const struct part *p);
void wires_step(struct part *p, struct wires *w);
bool wires_level(const struct part *p, const struct wires *w, bool clock);
uint32_t usart_read(struct part *p, unsigned n, uint32_t offset);
void usart_write(struct part *p, unsigned n, uint32_t offset, uint32_t value);
void usart_event(struct part *p, enum part_event event, uint64_t at);
uint32_t dma_read(struct part *p, uint32_t address);
void dma_write(struct part *p, uint32_t address, uint32_t value);
/* A call whose result is known: does the block at `address` begin it, does one begin, until when it
 * lasts (0: there is none), and its return. */
bool known_block(struct part *p, uint32_t address);
bool known_begins(struct part *p);
uint64_t known_waits_until(const struct part *p);
void known_ends(struct part *p);
void known_forget_call(struct part *p);
uint64_t usart_bit_ticks(const struct part *p, unsigned n);

#endif
