/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to know of each type of a profile's fields, in one table: how many registers it
 * takes, which codes it has, how a code is a number. Pure. */
#ifndef BAIYE_CONFIG_FIELD_TYPE_H
#define BAIYE_CONFIG_FIELD_TYPE_H

#include "gateway/daemon/config/config.h"

enum field_kind {
    FIELD_UNSIGNED,  /* whole numbers from 0 up */
    FIELD_SIGNED,    /* two's complement */
    FIELD_MAGNITUDE, /* the highest bit is the sign, the others the magnitude */
    FIELD_DECIMAL,   /* digits, four bits each */
    FIELD_REAL,
    FIELD_LETTERS
};

/* The types' names in their order, NULL behind the last. */
extern const char *const field_type_names[];

enum field_kind field_type_kind(const struct field_config *field);
/* Bits of a code; of a text 0. */
unsigned field_type_bits(const struct field_config *field);
/* 16-bit words that a field takes up, and register numbers: half as many where each holds two. */
unsigned field_type_words(const struct field_config *field);
unsigned field_type_addresses(const struct field_config *field);
/* All bits of a code. */
uint64_t field_type_mask(const struct field_config *field);
/* How many codes a counter of the type has before it begins again at 0; 0: 2^64. */
uint64_t field_type_codes(const struct field_config *field);
/* Can it be a counter: whole numbers from 0 up, wide enough? */
bool field_type_counts(const struct field_config *field);

/* The whole number that a code without sign is; false: it has a digit above 9. */
bool field_type_whole(const struct field_config *field, uint64_t code, uint64_t *number);
/* The number that a code is; not finite: none. Whole numbers beyond 2^53 become the nearest that a
 * double has. */
double field_type_number(const struct field_config *field, uint64_t code);

#endif
