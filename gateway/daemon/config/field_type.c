/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/field_type.h"

#include <math.h>
#include <string.h>

const char *const field_type_names[] = {"u16",   "s16",   "u32",   "s32",  "f32", "bits", "bool",
                                        "u64",   "s64",   "f64",   "u8",   "s8",  "sm16", "sm32",
                                        "bcd16", "bcd32", "bcd64", "text", NULL};

static const struct {
    uint8_t kind, bits;
} types[] = {
    [FIELD_U16] = {FIELD_UNSIGNED, 16},   [FIELD_S16] = {FIELD_SIGNED, 16},
    [FIELD_U32] = {FIELD_UNSIGNED, 32},   [FIELD_S32] = {FIELD_SIGNED, 32},
    [FIELD_F32] = {FIELD_REAL, 32},       [FIELD_BITS] = {FIELD_UNSIGNED, 16},
    [FIELD_BOOL] = {FIELD_UNSIGNED, 1},   [FIELD_U64] = {FIELD_UNSIGNED, 64},
    [FIELD_S64] = {FIELD_SIGNED, 64},     [FIELD_F64] = {FIELD_REAL, 64},
    [FIELD_U8] = {FIELD_UNSIGNED, 8},     [FIELD_S8] = {FIELD_SIGNED, 8},
    [FIELD_SM16] = {FIELD_MAGNITUDE, 16}, [FIELD_SM32] = {FIELD_MAGNITUDE, 32},
    [FIELD_BCD16] = {FIELD_DECIMAL, 16},  [FIELD_BCD32] = {FIELD_DECIMAL, 32},
    [FIELD_BCD64] = {FIELD_DECIMAL, 64},  [FIELD_TEXT] = {FIELD_LETTERS, 0},
};

enum field_kind field_type_kind(const struct field_config *field)
{
    return (enum field_kind)types[field->type].kind;
}

unsigned field_type_bits(const struct field_config *field)
{
    return field->type == FIELD_BITS ? field->bit_count : types[field->type].bits;
}

unsigned field_type_words(const struct field_config *field)
{
    if (field->type == FIELD_TEXT)
        return field->text_registers;
    return (types[field->type].bits + 15u) / 16;
}

unsigned field_type_addresses(const struct field_config *field)
{
    unsigned words = field_type_words(field);
    return field->address_words > 1 ? (words + 1) / 2 : words;
}

uint64_t field_type_mask(const struct field_config *field)
{
    unsigned bits = field_type_bits(field);
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

uint64_t field_type_codes(const struct field_config *field)
{
    if (field_type_kind(field) != FIELD_DECIMAL)
        return field_type_mask(field) + 1;
    uint64_t codes = 1;
    for (unsigned digit = 0; digit < field_type_bits(field) / 4; digit++)
        codes *= 10;
    return codes;
}

bool field_type_counts(const struct field_config *field)
{
    enum field_kind kind = field_type_kind(field);
    return (kind == FIELD_UNSIGNED || kind == FIELD_DECIMAL) && types[field->type].bits >= 16 &&
           field->type != FIELD_BITS;
}

bool field_type_whole(const struct field_config *field, uint64_t code, uint64_t *number)
{
    *number = code;
    if (field_type_kind(field) != FIELD_DECIMAL)
        return true;
    *number = 0;
    for (unsigned shift = field_type_bits(field); shift > 0; shift -= 4) {
        unsigned digit = code >> (shift - 4) & 0xF;
        if (digit > 9)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static uint64_t sign_bit(const struct field_config *field)
{
    return field_type_mask(field) / 2 + 1;
}

double field_type_number(const struct field_config *field, uint64_t code)
{
    uint64_t sign, whole;
    float single;
    double real;
    uint32_t low = (uint32_t)code;
    switch (field_type_kind(field)) {
    case FIELD_SIGNED:
        sign = sign_bit(field);
        return code & sign ? -(double)(2 * sign - 1 - code) - 1 : (double)code;
    case FIELD_MAGNITUDE:
        sign = sign_bit(field);
        return code & sign ? -(double)(code - sign) : (double)code;
    case FIELD_DECIMAL:
        return field_type_whole(field, code, &whole) ? (double)whole : (double)NAN;
    case FIELD_REAL:
        memcpy(&single, &low, sizeof single);
        memcpy(&real, &code, sizeof real);
        return field->type == FIELD_F32 ? (double)single : real;
    default:
        return (double)code;
    }
}
