/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/decode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/config/field_type.h"
#include "protocols/modbus/pdu.h"

/* Kept out of the way of what each field of each poll takes. */
#define RARE __attribute__((noinline))

static uint8_t add_item(struct decode_map *map, struct plan_item item)
{
    if (map->item_count == PLAN_ITEMS_MAX)
        return PLAN_NONE;
    map->items[map->item_count] = item;
    return map->item_count++;
}

/* The group of what is read so often, register by register or two words at a time. */
static uint8_t group_of(struct decode_map *map, uint32_t every_ms, uint8_t words)
{
    for (unsigned i = map->block_count; i < map->item_count; i++) {
        if (map->items[i].every_ms == every_ms && map->items[i].words == words)
            return map->items[i].group;
    }
    return map->group_count++;
}

static bool lies_in(const struct plan_item *item, uint8_t function, uint16_t address,
                    unsigned count)
{
    return item->function == function && address >= item->address &&
           address + count <= (unsigned)item->address + item->count;
}

/* Where a field's registers are: in a block, or in what is read anyway, or in an item of their
 * own. */
static struct decode_place place_of(struct decode_map *map, const struct field_config *field,
                                    uint16_t address, unsigned count)
{
    uint8_t words = field->address_words > 1 ? 2 : 1;
    for (unsigned i = 0; i < map->block_count; i++) {
        const struct plan_item *block = &map->items[i];
        if (words == 1 && lies_in(block, field->function, address, count))
            return (struct decode_place){(uint8_t)i, (uint8_t)(address - block->address)};
    }
    uint8_t group = group_of(map, field->every_ms, words);
    for (unsigned i = map->block_count; i < map->item_count; i++) {
        const struct plan_item *item = &map->items[i];
        if (item->group == group && item->address == address &&
            lies_in(item, field->function, address, count))
            return (struct decode_place){(uint8_t)i, 0};
    }
    return (struct decode_place){
        add_item(map, (struct plan_item){field->function, (uint8_t)count, address, group, words,
                                         field->every_ms}),
        0};
}

/* A block is read as often as that of its fields with the shortest period. */
static uint32_t block_every_ms(const struct profile_config *profile,
                               const struct block_config *block)
{
    uint32_t every_ms = UINT32_MAX;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        if (!field->not_measured && field->function == block->function &&
            field->address >= block->address && field->address < block->address + block->count &&
            field->every_ms < every_ms)
            every_ms = field->every_ms;
    }
    return every_ms == UINT32_MAX ? 0 : every_ms;
}

void decode_map_init(struct decode_map *map, const struct profile_config *profile)
{
    *map = (struct decode_map){.profile = profile};
    for (unsigned i = 0; i < profile->block_count; i++) {
        const struct block_config *block = &profile->blocks[i];
        (void)add_item(map,
                       (struct plan_item){block->function, block->count, block->address,
                                          map->group_count++, 1, block_every_ms(profile, block)});
    }
    map->block_count = map->item_count;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        map->has_roles = map->has_roles || field->metric[0] == '\0';
        map->fields[i].item = map->scales[i].item = PLAN_NONE;
        if (field->not_measured)
            continue;
        map->fields[i] = place_of(map, field, field->address, field_type_addresses(field));
    }
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        if (field->not_measured || field->scale_sign == 0)
            continue;
        map->scales[i] = place_of(map, field, field->scale_address, 1);
    }
}

bool decode_layout(const struct plan *plan, struct decode_image *image)
{
    unsigned at = 0;
    for (unsigned i = 0; i < plan->read_count; i++) {
        image->start[i] = (uint16_t)at;
        at += plan_read_words(&plan->reads[i]);
    }
    return at <= image->room;
}

void decode_answer(const struct plan_read *read, const uint8_t *pdu, uint16_t *words)
{
    const uint8_t *data = pdu + 2;
    unsigned count = plan_read_words(read);
    bool bits = modbus_reads_bits(read->function);
    for (unsigned i = 0; i < count; i++)
        words[i] =
            (uint16_t)(bits ? data[i / 8] >> (i % 8) & 1 : data[2 * i] << 8 | data[2 * i + 1]);
}

static uint16_t swapped(uint16_t word)
{
    return (uint16_t)(word << 8 | word >> 8);
}

static bool swaps_bytes(const struct field_config *field)
{
    return field->order == ORDER_BADC || field->order == ORDER_DCBA;
}

static RARE uint64_t other_raw(const struct field_config *field, const uint16_t *words)
{
    bool swap_bytes = swaps_bytes(field);
    bool swap_words = field->order == ORDER_CDAB || field->order == ORDER_DCBA;
    unsigned count = field_type_words(field);
    uint64_t raw = 0;
    if (field->type == FIELD_TEXT)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        uint16_t word = words[swap_words ? count - 1 - i : i];
        raw = raw << 16 | (swap_bytes ? swapped(word) : word);
    }
    if (field->type == FIELD_BITS)
        raw >>= field->bit;
    else if (field_type_bits(field) == 8 && field->byte)
        raw >>= 8;
    return raw & field_type_mask(field);
}

static inline uint64_t raw_of(const struct field_config *field, const uint16_t *words)
{
    if (field->type != FIELD_U16 && field->type != FIELD_S16) /* these are nearly all */
        return other_raw(field, words);
    return swaps_bytes(field) ? swapped(words[0]) : words[0];
}

uint64_t decode_raw(const struct field_config *field, const uint16_t *words)
{
    return raw_of(field, words);
}

static bool is_no_value(const struct field_config *field, uint64_t raw)
{
    for (unsigned i = 0; i < field->no_value_count; i++) {
        if (((raw ^ field->no_values[i]) & field_type_mask(field)) == 0)
            return true;
    }
    return false;
}

static struct reading_value nothing(uint8_t flag)
{
    return (struct reading_value){.flag = flag == METRIC_GOOD ? METRIC_ABSENT : flag};
}

/* Exact for all that is used: a power of ten below 10^23 is a double. */
static double with_exponent(double number, int exponent)
{
    double factor = 1;
    for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--)
        factor *= 10;
    return exponent < 0 ? number / factor : number * factor;
}

#define TURN 360.0

/* Is it an angle at all, counted from north, or to both sides of it? */
static bool is_angle(const struct field_config *field, double degrees)
{
    bool both_sides = field_type_kind(field) != FIELD_UNSIGNED;
    return degrees >= (both_sides ? -TURN / 2 : 0) && degrees <= TURN;
}

/* An angle goes round: 370° is 10°, -10° is 350°. What lies within the limits stays. */
static double turned(const struct field_config *field, double value)
{
    if (value >= field->min && value <= field->max)
        return value;
    double degrees = fmod(value, TURN);
    return degrees < 0 ? degrees + TURN : degrees;
}

static struct reading_value judged(const struct field_config *field, double value, uint8_t flag)
{
    if (!isfinite(value))
        return nothing(METRIC_FAULT);
    if (flag == METRIC_GOOD && (value < field->min || value > field->max))
        flag = METRIC_RANGE;
    return (struct reading_value){.value = value, .present = true, .flag = flag};
}

/* With all that a profile may say of a code. */
static RARE struct reading_value other_value(const struct field_config *field, uint64_t raw,
                                             int exponent, uint8_t flag)
{
    if (is_no_value(field, raw))
        return nothing(flag);
    if (field->enum_count > 0 && raw >= field->enum_count)
        return nothing(METRIC_RANGE);
    if (field->enum_count > 0)
        return judged(field, field->enum_values[raw], flag);
    double shown = with_exponent(field_type_number(field, raw) * field->scale, exponent);
    double value = shown + field->offset;
    if (field->angle && is_angle(field, shown))
        value = turned(field, value);
    return judged(field, value, flag);
}

/* Of a code without bits that are not its own. Nearly all are a number, a scale and an offset. */
static struct reading_value value_of(const struct field_config *field, uint64_t raw, int exponent,
                                     uint8_t flag)
{
    if (field->type != FIELD_U16 || field->no_value_count > 0 || field->enum_count > 0 ||
        field->angle || exponent != 0)
        return other_value(field, raw, exponent, flag);
    return judged(field, (double)raw * field->scale + field->offset, flag);
}

struct reading_value decode_value(const struct field_config *field, uint64_t raw, int exponent,
                                  uint8_t flag)
{
    return value_of(field, raw & field_type_mask(field), exponent, flag);
}

/* How far a counter has gone on. It may have passed its end (a plausible step remains), else it
 * was reset and counts from 0: then what it shows now has come since. */
struct reading_value decode_counter(const struct field_config *field, uint64_t raw, uint8_t flag,
                                    uint64_t *last, bool *known)
{
    if (is_no_value(field, raw))
        return nothing(flag);
    uint64_t codes = field->wraps ? field->wraps : field_type_codes(field);
    uint64_t step = raw >= *last ? raw - *last : raw + codes - *last;
    bool first = !*known;
    if (raw < *last && ((codes != 0 && *last >= codes) || (double)step * field->scale > field->max))
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

enum found { FOUND, FOUND_RESTS, FOUND_NOTHING };

/* Its registers. FOUND_RESTS: they were not read this time; FOUND_NOTHING: the device lacks
 * them. */
static enum found words_at(const struct answer *answer, struct decode_place place,
                           const uint16_t **words)
{
    if (place.item == PLAN_NONE || answer->plan->item_read[place.item] == PLAN_NONE)
        return FOUND_NOTHING;
    unsigned read = answer->plan->item_read[place.item];
    *words = answer->image->words + answer->image->start[read] +
             answer->plan->item_offset[place.item] + place.offset;
    return answer->image->rests >> read & 1 ? FOUND_RESTS : FOUND;
}

static enum found field_raw(const struct answer *answer, unsigned field, uint64_t *raw)
{
    const uint16_t *words;
    enum found found = words_at(answer, answer->map->fields[field], &words);
    if (found != FOUND_NOTHING)
        *raw = raw_of(&answer->profile->fields[field], words);
    return found;
}

/* The power of ten that a field's scale register holds; false: none that can be one. */
static bool exponent_of(const struct answer *answer, unsigned field, int *exponent)
{
    const struct field_config *config = &answer->profile->fields[field];
    const uint16_t *words;
    *exponent = 0;
    if (config->scale_sign == 0)
        return true;
    if (words_at(answer, answer->map->scales[field], &words) != FOUND)
        return false;
    /* One of two words has it in the low one. */
    *exponent = (int16_t)words[config->address_words > 1 ? 1 : 0] * config->scale_sign;
    return *exponent >= -DECODE_EXPONENT_MOST && *exponent <= DECODE_EXPONENT_MOST;
}

/* The four bits of a channel in whichever flags field has them. */
static uint8_t channel_flag(const struct answer *answer, int channel)
{
    for (unsigned i = 0; channel >= 0 && i < answer->profile->field_count; i++) {
        const struct field_config *field = &answer->profile->fields[i];
        int at = channel - field->channel;
        uint64_t raw;
        if (field->role != ROLE_FLAGS || at < 0 || at >= 4 * (int)field_type_words(field) ||
            field_raw(answer, i, &raw) != FOUND)
            continue;
        uint8_t flag = raw >> (4 * at) & 0xF;
        return flag < METRIC_FLAG_COUNT ? flag : (uint8_t)METRIC_FAULT;
    }
    return METRIC_GOOD;
}

/* Letters and digits as the registers have them, without what fills them up; anything that is no
 * printable ASCII ends the text. */
static void text_of(const struct field_config *field, const uint16_t *words, char *text)
{
    size_t used = 0;
    bool swaps = field->order == ORDER_BADC || field->order == ORDER_DCBA;
    for (unsigned i = 0; i < 2u * field->text_registers && used + 1 < DECODE_TEXT; i++) {
        uint16_t word = words[i / 2];
        unsigned high = (i % 2 == 0) != swaps;
        char letter = (char)(high ? word >> 8 : word & 0xFF);
        if (letter < ' ' || letter > '~')
            break;
        if (used > 0 || letter != ' ')
            text[used++] = letter;
    }
    while (used > 0 && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}

/* What it reports of itself: a text, or a number with the digits behind the point that its scale
 * has. */
static void take_text(const struct answer *answer, unsigned field, struct decoded *decoded)
{
    const struct field_config *config = &answer->profile->fields[field];
    const uint16_t *words;
    char *text = decoded->texts[config->role - ROLE_MODEL];
    if (words_at(answer, answer->map->fields[field], &words) != FOUND)
        return;
    uint64_t raw = decode_raw(config, words), whole;
    memset(text, 0, DECODE_TEXT);
    if (config->type == FIELD_TEXT)
        text_of(config, words, text);
    else if (is_no_value(config, raw))
        ; /* it reports nothing */
    else if (config->scale == 1 && config->offset == 0 && field_type_whole(config, raw, &whole) &&
             field_type_kind(config) != FIELD_SIGNED && field_type_kind(config) != FIELD_REAL)
        (void)snprintf(text, DECODE_TEXT, "%llu", (unsigned long long)whole);
    else
        (void)snprintf(text, DECODE_TEXT, "%.9g",
                       field_type_number(config, raw) * config->scale + config->offset);
    decoded->said |= (uint8_t)(1u << (config->role - ROLE_MODEL));
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
        uint64_t raw;
        if (field_raw(answer, (unsigned)(device->metrics[i] - answer->profile->fields), &raw) !=
            FOUND)
            continue;
        if (raw != 0)
            return false;
        any = true;
    }
    return any;
}

/* The fields that are no metric. */
static void take_roles(const struct answer *answer, struct decoded *decoded)
{
    for (unsigned i = 0; i < answer->profile->field_count; i++) {
        const struct field_config *field = &answer->profile->fields[i];
        uint64_t raw;
        if (field->metric[0])
            continue;
        if (field->role >= ROLE_MODEL)
            take_text(answer, i, decoded);
        else if (field_raw(answer, i, &raw) == FOUND)
            take_role(field, (uint32_t)raw, decoded);
    }
}

/* A counter in codes of ten to the power of what another register holds. */
static struct reading_value take_foreign(struct counter *counter, const struct field_config *field,
                                         uint64_t raw, int exponent, uint8_t flag, int64_t now_ms)
{
    struct field_config scaled = *field;
    if (is_no_value(field, raw))
        return nothing(flag);
    if (!field_type_whole(field, raw, &raw))
        return nothing(METRIC_FAULT);
    if (!counter_exponent(counter, exponent))
        return nothing(METRIC_RANGE);
    scaled.scale = with_exponent(field->scale, exponent);
    struct reading_value value = counter_take(counter, &scaled, raw, flag, now_ms);
    if (exponent < 0 && value.present) /* 7 tenths are 7 / 10, and not 7 * 0.1 */
        value.value = with_exponent(nearbyint(value.value / scaled.scale) * field->scale, exponent);
    return value;
}

static struct reading_value take_metric(const struct answer *answer,
                                        const struct field_config *field,
                                        struct decode_counters *counters, struct counter *foreign,
                                        unsigned metric, int64_t now_ms)
{
    unsigned index = (unsigned)(field - answer->profile->fields);
    uint8_t flag = channel_flag(answer, field->channel);
    uint64_t raw;
    int exponent;
    enum found found = field_raw(answer, index, &raw);
    if (found == FOUND_NOTHING)
        return nothing(METRIC_ABSENT);
    if (found == FOUND_RESTS)
        return (struct reading_value){.flag = METRIC_GOOD};
    if (!exponent_of(answer, index, &exponent))
        return nothing(is_no_value(field, raw) ? flag : (uint8_t)METRIC_FAULT);
    if (field->role == ROLE_COUNTER && foreign != NULL)
        return take_foreign(&foreign[metric], field, raw, exponent, flag, now_ms);
    if (field->role == ROLE_COUNTER)
        return decode_counter(field, raw, flag, &counters->last[metric], &counters->known[metric]);
    return value_of(field, raw, exponent, flag);
}

/* As the device's own `scale` and `offset` say, and judged anew. */
static struct reading_value adjusted(const struct device_config *device, unsigned metric,
                                     struct reading_value value)
{
    const struct field_config *field = device->metrics[metric];
    const struct device_adjust *adjust = &device->adjust[metric];
    if (!device->adjusted || !value.present)
        return value;
    value.value = value.value * adjust->scale + adjust->offset;
    if (value.flag == METRIC_GOOD && field->angle)
        value.value = turned(field, value.value);
    else if (field->angle)
        return value; /* it was no angle, and is not made one */
    bool outside = value.value > field->max || value.value < field->min;
    if (value.flag == METRIC_GOOD || value.flag == METRIC_RANGE)
        value.flag = outside ? METRIC_RANGE : METRIC_GOOD;
    return value;
}

void decode_device(const struct device_config *device, const struct decode_map *map,
                   const struct plan *plan, const struct decode_image *image,
                   struct decode_counters *counters, struct counter *foreign, int64_t now_ms,
                   struct decoded *decoded)
{
    const struct profile_config *profile = device->profile;
    struct answer answer = {profile, map, plan, image};
    decoded->believed = true;
    decoded->boot = decoded->seq = 0;
    decoded->age_ds = DECODE_AGE_NONE;
    decoded->status = 0;
    decoded->value_count = decoded->said = 0;
    if (map->has_roles)
        take_roles(&answer, decoded);
    if (!decoded->believed)
        return;
    decoded->boot += counters->boot_base;
    decode_counters_boot(counters, decoded->boot);
    decoded->value_count = device->metric_count;
    if (profile->all_zero_is_nothing && all_zero(device, &answer)) {
        for (unsigned i = 0; i < device->metric_count; i++)
            decoded->values[i] = nothing(METRIC_ABSENT);
        return;
    }
    for (unsigned i = 0; i < device->metric_count; i++)
        decoded->values[i] = adjusted(
            device, i, take_metric(&answer, device->metrics[i], counters, foreign, i, now_ms));
}
