/* SPDX-License-Identifier: Apache-2.0 */
/* What other programs know of Modbus devices, as a profile of ours: one reader a format fills the
 * structs below, one writer makes YAML of them. What has no place here is noted with its line,
 * never guessed. Pure but for the file; no state outside of struct import; one thread. */
#ifndef BAIYE_CLI_IMPORT_H
#define BAIYE_CLI_IMPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/common/yaml.h"
#include "gateway/daemon/config/config.h"

#define IMPORT_BUSES   16
#define IMPORT_DEVICES 64
#define IMPORT_VALUES  1024
#define IMPORT_WRITES  256
#define IMPORT_NOTES   512
#define IMPORT_TEXT    97

struct import_bus {
    int line;
    char name[CONFIG_NAME_SIZE];
    uint8_t type; /* enum bus_type */
    char port[CONFIG_PATH_SIZE];
    unsigned baud, stop_bits; /* 0: not said */
    char parity;
};

struct import_device {
    int line;
    char name[CONFIG_NAME_SIZE]; /* also its profile's */
    char label[IMPORT_TEXT];
    int bus, unit;            /* -1: not said */
    unsigned baud, stop_bits; /* 0: not said */
    char parity;
    unsigned max_registers, read_gap, every_s; /* 0: not said */
    unsigned same_as; /* index of the first device with the same registers, often its own */
};

struct import_value {
    int line;
    unsigned device;
    char name[IMPORT_TEXT];    /* as people there read it */
    char context[IMPORT_TEXT]; /* what it stands under: more words to know its metric by */
    char unit[24];             /* as there; "": not said */
    uint8_t function, type, order, byte, bit, bits;
    uint16_t address;
    unsigned registers; /* of a text */
    double scale, offset;
    char no_value[24];
    char metric[CONFIG_NAME_SIZE]; /* ours; import_name_values() */
    bool known;                    /* it is one of metrics.def */
    uint8_t role;                  /* enum field_role */
    bool left_out;
};

struct import_write {
    int line;
    unsigned device;
    char name[IMPORT_TEXT];
    uint8_t function;
    uint16_t address;
    int32_t min, max;
    double scale; /* one step, in `unit` */
    char unit[16];
};

struct import_note {
    int line;
    bool lost; /* left out; else only to be looked at */
    char text[240];
};

struct import {
    const char *file;
    struct yaml_source source;
    struct config_error error;
    const char *format; /* as people call it */
    unsigned bus_count, device_count, value_count, write_count, note_count;
    bool overflowed;
    struct import_bus buses[IMPORT_BUSES];
    struct import_device devices[IMPORT_DEVICES];
    struct import_value values[IMPORT_VALUES];
    struct import_write writes[IMPORT_WRITES];
    struct import_note notes[IMPORT_NOTES];
};

/* ---- For the command ---- */

struct import_format {
    const char *name;  /* --format */
    const char *title; /* of the program */
    bool (*looks_so)(struct import *import, const yaml_node_t *root);
    void (*read)(struct import *import, const yaml_node_t *root);
};
/* NULL behind the last. */
const struct import_format *import_format_at(size_t index);
/* Reads a file that is wholly in memory; `format` NULL: known by its content. False and
 * import->error: it is none of them, or no text. import_close() in either case. */
bool import_read(struct import *import, const char *file, const char *text, size_t size,
                 const struct import_format *format);
void import_close(struct import *import);
/* Gives each value its metric, each device a name of its own, and finds those that are the same. */
void import_name_values(struct import *import);
/* Has the device any that was not left out? Only then it has a profile. */
bool import_has_values(const struct import *import, unsigned device);
/* The profile of a device, and a configuration with all buses and devices. */
void import_print_profile(const struct import *import, unsigned device, FILE *out);
void import_print_config(const struct import *import, FILE *out);

/* ---- For readers ---- */

/* NULL and a note: there is no more room. */
struct import_device *import_device(struct import *import, int line, const char *name);
struct import_value *import_value(struct import *import, unsigned device, int line,
                                  const char *name);
struct import_write *import_write(struct import *import, unsigned device, int line,
                                  const char *name);
/* The bus with that port; a new one when there is none. -1: no room. */
int import_bus(struct import *import, int line, const char *name, const char *port);
/* The device at an address of a bus; a new one when there is none. -1: no room. */
int import_device_at(struct import *import, int bus, int unit, int line, const char *name);
/* Something that is left out, or is to be looked at. */
void import_lose(struct import *import, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void import_remark(struct import *import, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Every key of a mapping that is not in the NULL-ended list is left out. */
void import_rest(struct import *import, const yaml_node_t *mapping, const char *const *known,
                 const char *of);
/* 0..65535 into *address; false and a note else. A number such as 40011 is remarked on: these
 * programs send it as it is. */
bool import_address(struct import *import, int line, const char *of, int64_t number,
                    uint16_t *address);
/* "9600", 'N' or "even", … of a mapping. */
char import_parity(const char *text);
void import_copy(char *out, size_t size, const char *text);
/* As small letters, digits and hyphens (or underscores), of at most CONFIG_NAME_SIZE - 1. */
void import_slug(const char *text, char joint, char out[CONFIG_NAME_SIZE]);

/* Of the tree. A scalar, or a mapping, stands for a list of one. */
const yaml_node_t *tree_get(struct import *import, const yaml_node_t *mapping, const char *key);
const yaml_node_t *tree_item(struct import *import, const yaml_node_t *list, size_t index);
const char *tree_text(struct import *import, const yaml_node_t *mapping, const char *key);
bool tree_integer(struct import *import, const yaml_node_t *mapping, const char *key,
                  int64_t *number);
bool tree_number(struct import *import, const yaml_node_t *mapping, const char *key,
                 double *number);
bool tree_true(struct import *import, const yaml_node_t *mapping, const char *key);

/* ---- The formats ---- */

bool import_is_wb(struct import *import, const yaml_node_t *root);
void import_wb(struct import *import, const yaml_node_t *root);
bool import_is_telegraf(struct import *import, const yaml_node_t *root);
void import_telegraf(struct import *import, const yaml_node_t *root);
bool import_is_mqmgateway(struct import *import, const yaml_node_t *root);
void import_mqmgateway(struct import *import, const yaml_node_t *root);
bool import_is_home_assistant(struct import *import, const yaml_node_t *root);
void import_home_assistant(struct import *import, const yaml_node_t *root);
bool import_is_esphome(struct import *import, const yaml_node_t *root);
void import_esphome(struct import *import, const yaml_node_t *root);

#endif
