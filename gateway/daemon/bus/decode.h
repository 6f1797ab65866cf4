/* SPDX-License-Identifier: Apache-2.0 */
/* From the registers of a device's answers to values with flags, by its profile. Pure. */
#ifndef BAIYE_BUS_DECODE_H
#define BAIYE_BUS_DECODE_H

#include "gateway/daemon/bus/counter.h"
#include "gateway/daemon/bus/plan.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"

#define DECODE_AGE_NONE      UINT32_MAX
#define DECODE_TEXTS         3 /* ROLE_MODEL, ROLE_SERIAL, ROLE_FIRMWARE */
#define DECODE_TEXT          READING_TEXT_SIZE
#define DECODE_EXPONENT_MOST 10  /* SunSpec's, and more than any register of decimals holds */
#define DECODE_IMAGE         512 /* registers of all reads of a device; more is refused by config */

/* What is to be read of a device, and where each profile field is among it: the same for all
 * devices of a profile. */
struct decode_map {
    const struct profile_config *profile;
    struct plan_item items[PLAN_ITEMS_MAX]; /* the profile's blocks first */
    uint8_t item_count, block_count, group_count;
    struct decode_place {
        uint8_t item;                           /* PLAN_NONE: never read (not measured) */
        uint8_t offset;                         /* words */
    } fields[PLAN_ITEMS_MAX];                   /* of each field of the profile */
    struct decode_place scales[PLAN_ITEMS_MAX]; /* of their scale registers */
    bool has_roles;                             /* the profile has fields that are no metric */
};

/* Cumulative counters as last seen; all zero at the start. Belongs to one device. */
struct decode_counters {
    uint32_t boot_base; /* boots are so much more than the device reports */
    uint32_t boot;      /* that `last` is of; always 0 for devices that do not report it */
    uint64_t last[READING_VALUES_MAX];
    bool known[READING_VALUES_MAX];
};

struct decoded {
    bool believed; /* false: the map version is not the one the profile describes */
    uint32_t boot, seq;
    uint32_t age_ds; /* DECODE_AGE_NONE: no sample yet, or the device reports none */
    uint16_t status;
    uint8_t value_count;
    struct reading_value values[READING_VALUES_MAX];
    uint8_t said;                          /* bit i: texts[i] was read */
    char texts[DECODE_TEXTS][DECODE_TEXT]; /* model, serial number, firmware: ASCII */
};

/* The registers (bits as 0 and 1) of all reads of a plan, one after the other. */
struct decode_image {
    uint64_t rests;                 /* bit i: read i was not made this time */
    uint16_t start[PLAN_ITEMS_MAX]; /* of each read in `words` */
    uint16_t *words, room;          /* the caller's memory; words that it holds */
};

void decode_map_init(struct decode_map *map, const struct profile_config *profile);
/* Lays out the image for a plan; false when it has no room. */
bool decode_layout(const struct plan *plan, struct decode_image *image);
/* Puts the answer PDU (already checked against the request) of one read into the image. */
void decode_answer(const struct plan_read *read, const uint8_t *pdu, uint16_t *words);
/* `foreign`: the counters of a device that reports no boot, one a metric; NULL: it is one of our
 * own nodes, whose counters are `counters`. */
void decode_device(const struct device_config *device, const struct decode_map *map,
                   const struct plan *plan, const struct decode_image *image,
                   struct decode_counters *counters, struct counter *foreign, int64_t now_ms,
                   struct decoded *decoded);
/* The raw code of a field from its registers, in the low bits; 0 of a text. */
uint64_t decode_raw(const struct field_config *field, const uint16_t *words);
/* One raw code to a value: enumerations, scale, no-value code, plausible range. `exponent`: of ten,
 * from its scale register; 0 where there is none. `flag`: as the device reports it. */
struct reading_value decode_value(const struct field_config *field, uint64_t raw, int exponent,
                                  uint8_t flag);
/* The codes that follow are of this boot: after a restart counters begin at 0. */
void decode_counters_boot(struct decode_counters *counters, uint32_t boot);
/* One code of a cumulative counter to its increment since the last. */
struct reading_value decode_counter(const struct field_config *field, uint64_t raw, uint8_t flag,
                                    uint64_t *last, bool *known);

#endif
