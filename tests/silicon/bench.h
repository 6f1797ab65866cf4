/* SPDX-License-Identifier: Apache-2.0 */
/* A board as a technician has it on the bench: the part with loader and signed image as the build
 * made them, FRAM and sensors on its wires, a line with a master. */
#ifndef BAIYE_SILICON_BENCH_H
#define BAIYE_SILICON_BENCH_H

#include "gateway/daemon/update/update.h"
#include "tests/silicon/line.h"
#include "tests/silicon/part.h"

#define FRAM_SIZE 32768u
#define SLOT_AT   0x4800u
#define SLOT_SIZE (55u * 1024)
#define STATE_AT  0x4000u

struct board {
    struct part *part;
    uint8_t fram_bytes[FRAM_SIZE];
    struct wire_slave fram, air, light;
};

/* Files of the firmware's build; ends the test program with a word when there is none. The caller
 * frees. */
uint8_t *bench_file(const char *name, size_t *size);
/* An image file as `baiye sign` makes it from the two programs of the build. The caller frees. */
uint8_t *bench_image(const char *version, unsigned counter, size_t *size);
/* The address of a variable of the program in slot 0, by the file it is static in; 0: any. */
uint32_t bench_symbol(const char *program, const char *file, const char *name);

/* A blank chip on a board with everything mounted. */
void board_init(struct board *b, uint32_t serial);
void board_free(struct board *b);
/* Such a board alone on a line of 9600 baud without parity, not powered yet; ends the test program
 * without memory. And the end of both. */
struct line *bench_line(struct board *b, uint32_t serial);
void bench_end(struct line *l, struct board *b);
/* As `baiye flash` writes it: loader, factory page, the image of slot 0. */
void board_flash(struct board *b, uint32_t serial, const char *version, unsigned counter);

/* The image of one slot, by wire, beside what is there. */
void board_flash_slot(struct board *b, unsigned slot, const char *version, unsigned counter);

/* One request of the master and its answer: the bytes without CRC in `answer` (256 of them), their
 * count; 0: silence for a second; negative: garbled. The CRC of both is this function's. */
int bench_ask(struct line *l, const uint8_t *request, size_t size, uint8_t *answer);
/* The same, but a broadcast is not waited for. */
int bench_tell(struct line *l, const uint8_t *request, size_t size, uint8_t *answer);
/* The same for a request to scan: the answer is what ends in a good CRC after the arbitration. */
int bench_scan(struct line *l, bool first, uint8_t *answer);
/* Input registers; false when the answer was none such. */
bool bench_read(struct line *l, uint8_t unit, uint16_t address, uint16_t count, uint16_t *values);
bool bench_write(struct line *l, uint8_t unit, uint16_t address, uint16_t count,
                 const uint16_t *values);
/* What the gateway's own update asks for next goes over the wires, whatever happens to the node.
 * False: it asks for nothing more. */
bool bench_update(struct line *l, struct update *update);

#endif
