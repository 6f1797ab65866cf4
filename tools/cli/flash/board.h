/* SPDX-License-Identifier: Apache-2.0 */
/* What `baiye flash` must know of a board, from its data file boards/<board>/flash.yaml: the chip,
 * what goes where in its flash, and the probes that can write it. One thread. */
#ifndef BAIYE_FLASH_BOARD_H
#define BAIYE_FLASH_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "protocols/node_map/calibration_table.h"

#define BOARD_PROBES_MAX  4
#define BOARD_SCRIPTS_MAX 4

enum probe_kind { PROBE_OPENOCD, PROBE_ST_LINK, PROBE_SERIAL, PROBE_DFU, PROBE_UF2, PROBE_KINDS };
/* As they are written: "openocd", "st-link", "serial", "dfu", "uf2"; NULL ends the list. */
extern const char *const probe_names[PROBE_KINDS + 1];

/* It tells the chip by a name, `memory`, and not by a number. */
bool probe_is_by_name(uint8_t kind);

struct board_probe {
    uint8_t kind;                                      /* enum probe_kind */
    char scripts[BOARD_SCRIPTS_MAX][CONFIG_PATH_SIZE]; /* openocd: its -f files, in order */
    uint16_t script_count;
    char unlock[64];  /* openocd: command that lifts readout protection */
    uint32_t baud;    /* serial */
    char usb[16];     /* dfu: vendor:product */
    char memory[96];  /* dfu: the name of the memory, which is all that tells the chip; uf2: the
                       * ROM's Board-ID */
    uint32_t family;  /* uf2: which chips take the file */
    uint32_t clear;   /* uf2: a page that is blanked beside, 0: none */
    int line;         /* in the data file */
    char before[200]; /* what to do by hand before, and after; may be "" */
    char after[200];
};

struct board_area {
    uint32_t at;
    uint64_t size;    /* 0: the board has none */
    char file[64];    /* in the firmware's folder */
    uint32_t vectors; /* boot loader: their offset; what lies before them is a second stage */
    uint32_t exports; /* boot loader: offset of struct loader_exports */
    uint8_t slot;     /* image */
    int line;         /* in the data file */
};

struct board {
    char name[CONFIG_NAME_SIZE];
    char reports[CONFIG_NAME_SIZE]; /* what its firmware calls the board; the name unless set */
    uint32_t hardware;              /* as in images */
    struct {
        char name[CONFIG_NAME_SIZE];
        uint32_t id, id_register, id_mask;
        uint32_t unique_id, unique_size;      /* bytes */
        uint32_t protection, protection_mask; /* register, and its bit that says protected */
        uint32_t flash;
        uint64_t flash_size;
        uint32_t page;
    } chip;
    struct board_area boot, factory, image; /* without a boot loader the image is a plain program */
    struct board_probe probes[BOARD_PROBES_MAX];
    uint16_t probe_count;
    struct calibration_table calibration[CHANNEL_COUNT];
};

/* Loads `folder`/`name`/flash.yaml. False and FILE:LINE, or the list of boards that there are. */
bool board_load(const char *folder, const char *name, struct board *board,
                struct config_error *error);
/* A file with calibration tables of one piece, over those of the board. */
bool board_load_calibration(const char *file, struct board *board, struct config_error *error);
/* Names, one a line with what it is for; the number of them. */
unsigned board_list(const char *folder, char *out, size_t size);

#endif
