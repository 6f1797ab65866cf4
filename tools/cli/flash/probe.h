/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that write a chip, behind one face. Each says what to call for a step and what came
 * of it; probe.c runs the steps. One thread. */
#ifndef BAIYE_FLASH_PROBE_H
#define BAIYE_FLASH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/cli/flash/board.h"
#include "tools/cli/flash/child.h"

#define PROBE_UNIQUE_MAX 33 /* as text, NUL included */

/* Ends of a step. */
enum probe_result {
    PROBE_OK = 0,
    PROBE_NO_TOOL,  /* its program is not installed */
    PROBE_NO_PROBE, /* no adapter plugged in */
    PROBE_NO_CHIP,  /* the adapter is there, the chip does not answer */
    PROBE_WRONG_CHIP,
    PROBE_PROTECTED, /* readout protection */
    PROBE_WRITE_PROTECTED,
    PROBE_MISMATCH,  /* does not read back as written */
    PROBE_PORT_BUSY, /* another program holds the adapter */
    PROBE_INTERRUPTED,
    PROBE_LATE,  /* the tool had to be killed */
    PROBE_FAILED /* anything else; its own words tell */
};

struct chip {
    uint32_t id;
    char memory[96];               /* dfu, uf2: all that is known of it */
    char unique[PROBE_UNIQUE_MAX]; /* hex digits */
    bool protected;
};

struct job {
    const struct board *board;
    const struct board_probe *probe;
    const char *adapter; /* serial port, or serial number of a debug probe; may be NULL */
    const char *folder;  /* for files that pass between the steps */
    const char *file;    /* what is to be written from board.chip.flash on */
    size_t size;
    bool dry_run; /* prints the commands instead */
    void (*progress)(void *context, const char *step, int percent); /* -1: not known */
    void *context;
    struct child child; /* of the last step, for its words */
};

struct probe_driver {
    const char *program, *package, *what;
    /* Fills the chip as far as it gets. */
    enum probe_result (*identify)(struct job *job, struct chip *chip);
    /* Erases everything, writes, and compares what the chip then holds. */
    enum probe_result (*write)(struct job *job);
    enum probe_result (*start)(struct job *job);
    /* A sentence: how the protection is lifted. */
    void (*unlock)(const struct job *job, char *out, size_t size);
};
extern const struct probe_driver probe_openocd, probe_st_link, probe_serial, probe_dfu, probe_uf2;

const struct probe_driver *probe_driver(const struct board_probe *probe);
/* identify(), and whether the chip is the board's and open. */
enum probe_result probe_identify(struct job *job, struct chip *chip);

/* ---- for the drivers ---- */

/* Runs, or prints with dry_run. PROBE_FAILED: it exited with another code than 0. */
enum probe_result probe_step(struct job *job, const char *step, const struct command *command,
                             int timeout_s);
/* Path of a file in the job's folder; with dry_run its name only. */
void probe_path(const struct job *job, const char *name, char *path, size_t size);
/* Bytes of a file there; false: not so many. */
bool probe_take(const struct job *job, const char *name, void *data, size_t size);
/* Compares a file there with what was to be written. */
enum probe_result probe_compare(struct job *job, const char *name);
void probe_hex(const uint8_t *data, size_t size, char *out);
bool probe_said(const struct job *job, const char *words);

#endif
