/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/decode.h"

#include <math.h>
#include <string.h>

#include "gateway/daemon/config/profile.h"

void decode_map_init(struct decode_map *map, const struct profile_config *profile)
{
    *map = (struct decode_map){0};
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        map->item_of_field[i] = PLAN_NONE;
        if (field->not_measured)
            continue;
        map->item_of_field[i] = map->item_count;
        map->items[map->item_count++] = (struct plan_item){
            field->function, (uint8_t)profile_field_registers(field), field->address};
    }
}

bool decode_layout(const struct plan *plan, struct decode_image *image)
{
    unsigned at = 0;
    for (unsigned i = 0; i < plan->read_count; i++) {
        image->start[i] = (uint16_t)at;
        at += plan->reads[i].count;
    }
    return at <= DECODE_IMAGE;
}

void decode_answer(const struct plan_read *read, const uint8_t *pdu, uint16_t *words)
{
    const uint8_t *data = pdu + 2;
    for (unsigned i = 0; i < read->count; i++) {
        if (read->function <= 2)
            words[i] = data[i / 8] >> (i % 8) & 1;
        else
            words[i] = (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
    }
}

static uint16_t swapped(uint16_t word)
{
    return (uint16_t)(word << 8 | word >> 8);
}

uint32_t decode_raw(const struct field_config *field, const uint16_t *words)
{
    bool swap_bytes = field->order == ORDER_BADC || field->order == ORDER_DCBA;
    bool swap_words = field->order == ORDER_CDAB || field->order == ORDER_DCBA;
    uint16_t first = swap_bytes ? swapped(words[0]) : words[0];
    if (profile_field_registers(field) == 1)
        return field->type == FIELD_BITS
                   ? (uint32_t)first >> field->bit & ((1u << field->bit_count) - 1)
                   : first;
    uint16_t second = swap_bytes ? swapped(words[1]) : words[1];
    return swap_words ? (uint32_t)second << 16 | first : (uint32_t)first << 16 | second;
}

static double number(const struct field_config *field, uint32_t raw)
{
    float real;
    switch (field->type) {
    case FIELD_S16:
        return (double)((int32_t)(raw ^ 0x8000u) - 0x8000);
    case FIELD_S32:
        return (double)((int64_t)(raw ^ 0x80000000u) - 0x80000000LL);
    case FIELD_F32:
        memcpy(&real, &raw, sizeof real);
        return (double)real;
    default:
        return (double)raw;
    }
}

static bool is_no_value(const struct field_config *field, uint32_t raw)
{
    uint32_t mask = profile_field_registers(field) == 1 ? 0xFFFFu : 0xFFFFFFFFu;
    for (unsigned i = 0; i < field->no_value_count; i++) {
        if (((raw ^ field->no_values[i]) & mask) == 0)
            return true;
    }
    return false;
}

static struct reading_value nothing(uint8_t flag)
{
    return (struct reading_value){.flag = flag == METRIC_GOOD ? METRIC_ABSENT : flag};
}

struct reading_value decode_value(const struct field_config *field, uint32_t raw, uint8_t flag)
{
    if (is_no_value(field, raw))
        return nothing(flag);
    if (profile_field_registers(field) == 1)
        raw &= 0xFFFF;
    double value = number(field, raw);
    if (field->enum_count > 0) {
        if (raw >= field->enum_count)
            return nothing(METRIC_RANGE);
        value = field->enum_values[raw];
    } else {
        value = value * field->scale + field->offset;
    }
    if (!isfinite(value))
        return nothing(METRIC_FAULT);
    if (flag == METRIC_GOOD && (value < field->min || value > field->max))
        flag = METRIC_RANGE;
    return (struct reading_value){.value = value, .present = true, .flag = flag};
}

/* How far a counter has gone on. It may have passed its end (a plausible step remains), else it
 * was reset and counts from 0: then what it shows now has come since. */
struct reading_value decode_counter(const struct field_config *field, uint32_t raw, uint8_t flag,
                                    uint32_t *last, bool *known)
{
    if (is_no_value(field, raw))
        return nothing(flag);
    uint64_t codes = profile_field_registers(field) == 1 ? 0x10000u : UINT64_C(0x100000000);
    if (field->wraps)
        codes = field->wraps;
    uint64_t step = raw >= *last ? raw - *last : raw + codes - *last;
    bool first = !*known;
    if (raw < *last && (*last >= codes || (double)step * field->scale > field->max))
        step = raw;
    *last = raw;
    *known = true;
    if (first)
        return nothing(METRIC_ABSENT);
    double value = (double)step * field->scale;
    if (flag == METRIC_GOOD && value > field->max)
        flag = METRIC_RANGE;
    return (struct reading_value){.value = value, .present = true, .flag = flag};
}

void decode_counters_boot(struct decode_counters *counters, uint32_t boot)
{
    if (counters->boot != boot)
        memset(counters->last, 0, sizeof counters->last);
    counters->boot = boot;
}

struct answer {
    const struct profile_config *profile;
    const struct decode_map *map;
    const struct plan *plan;
    const struct decode_image *image;
};

/* False when the device lacks it. */
static bool field_raw(const struct answer *answer, unsigned field, uint32_t *raw)
{
    unsigned item = answer->map->item_of_field[field];
    if (item == PLAN_NONE || answer->plan->item_read[item] == PLAN_NONE)
        return false;
    const uint16_t *words = answer->image->words +
                            answer->image->start[answer->plan->item_read[item]] +
                            answer->plan->item_offset[item];
    *raw = decode_raw(&answer->profile->fields[field], words);
    return true;
}

/* The four bits of a channel in whichever flags field has them. */
static uint8_t channel_flag(const struct answer *answer, int channel)
{
    for (unsigned i = 0; channel >= 0 && i < answer->profile->field_count; i++) {
        const struct field_config *field = &answer->profile->fields[i];
        int at = channel - field->channel;
        uint32_t raw;
        if (field->role != ROLE_FLAGS || at < 0 || at >= 4 * (int)profile_field_registers(field) ||
            !field_raw(answer, i, &raw))
            continue;
        uint8_t flag = raw >> (4 * at) & 0xF;
        return flag < METRIC_FLAG_COUNT ? flag : (uint8_t)METRIC_FAULT;
    }
    return METRIC_GOOD;
}

static void take_role(const struct field_config *field, uint32_t raw, struct decoded *decoded)
{
    switch (field->role) {
    case ROLE_MAP_VERSION:
        decoded->believed = decoded->believed && raw == field->expect;
        break;
    case ROLE_BOOT:
        decoded->boot = raw;
        break;
    case ROLE_SEQ:
        decoded->seq = raw;
        break;
    case ROLE_AGE:
        decoded->age_ds = is_no_value(field, raw) ? DECODE_AGE_NONE : raw;
        break;
    case ROLE_STATUS:
        decoded->status = (uint16_t)raw;
        break;
    default:
        break;
    }
}

/* Does every register of a metric hold 0? */
static bool all_zero(const struct device_config *device, const struct answer *answer)
{
    bool any = false;
    for (unsigned i = 0; i < device->metric_count; i++) {
        uint32_t raw;
        if (!field_raw(answer, (unsigned)(device->metrics[i] - answer->profile->fields), &raw))
            continue;
        if (raw != 0)
            return false;
        any = true;
    }
    return any;
}

void decode_device(const struct device_config *device, const struct decode_map *map,
                   const struct plan *plan, const struct decode_image *image,
                   struct decode_counters *counters, struct counter *foreign, int64_t now_ms,
                   struct decoded *decoded)
{
    const struct profile_config *profile = device->profile;
    struct answer answer = {profile, map, plan, image};
    *decoded = (struct decoded){.believed = true, .age_ds = DECODE_AGE_NONE};
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        uint32_t raw;
        if (field->metric[0] || !field_raw(&answer, i, &raw))
            continue;
        take_role(field, raw, decoded);
    }
    if (!decoded->believed)
        return;
    decoded->boot += map->boot_base;
    decode_counters_boot(counters, decoded->boot);
    decoded->value_count = device->metric_count;
    if (profile->all_zero_is_nothing && all_zero(device, &answer)) {
        for (unsigned i = 0; i < device->metric_count; i++)
            decoded->values[i] = nothing(METRIC_ABSENT);
        return;
    }
    for (unsigned i = 0; i < device->metric_count; i++) {
        const struct field_config *field = device->metrics[i];
        uint8_t flag = channel_flag(&answer, field->channel);
        uint32_t raw;
        if (!field_raw(&answer, (unsigned)(field - profile->fields), &raw))
            decoded->values[i] = nothing(METRIC_ABSENT);
        else if (field->role == ROLE_COUNTER && foreign != NULL)
            decoded->values[i] = is_no_value(field, raw)
                                     ? nothing(flag)
                                     : counter_take(&foreign[i], field, raw, flag, now_ms);
        else if (field->role == ROLE_COUNTER)
            decoded->values[i] =
                decode_counter(field, raw, flag, &counters->last[i], &counters->known[i]);
        else
            decoded->values[i] = decode_value(field, raw, flag);
    }
}
