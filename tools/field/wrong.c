/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/wrong.h"

#include <string.h>

#include "protocols/modbus/crc16.h"
#include "protocols/modbus/pdu.h"

#define NS_PER_MS  1000000
#define HEAD       3u /* unit, function, bytes that follow */
#define CRC_SIZE   2u
#define WORDS_MOST 3u /* more or fewer than asked for */
#define APART      8u /* good answers between two glitches: the master may have missed one */

static bool strikes(const struct fault_set *set, struct rng *rng, enum fault_kind kind,
                    struct fault_counts *counts)
{
    /* Nothing is drawn for what is not there: other faults' chances stay those of their seed. */
    if (!(set->of[kind].probability > 0) || !rng_chance(rng, set->of[kind].probability))
        return false;
    counts->done[kind]++;
    return true;
}

static size_t seal(uint8_t *said, size_t size)
{
    uint16_t crc = crc16_modbus(CRC16_INITIAL, said, size);
    said[size] = (uint8_t)(crc & 0xff);
    said[size + 1] = (uint8_t)(crc >> 8);
    return size + CRC_SIZE;
}

static bool holds_registers(const uint8_t *said, size_t size)
{
    return (said[1] == MODBUS_READ_HOLDING || said[1] == MODBUS_READ_INPUT) &&
           size > HEAD + CRC_SIZE && size == HEAD + said[2] + CRC_SIZE;
}

static size_t refuse(uint8_t *said, struct rng *rng)
{
    static const uint8_t codes[] = {1, 2, 4, 6};
    said[1] |= MODBUS_EXCEPTION_BIT;
    said[2] = codes[rng_below(rng, sizeof codes)];
    return seal(said, 3);
}

/* Its own first registers, or with more behind them that no one asked for. */
static size_t resize(uint8_t *said, struct rng *rng)
{
    uint32_t words = said[2] / 2u, change = 1 + rng_below(rng, WORDS_MOST);
    bool more = words <= change || (rng_chance(rng, 0.5) && words + change <= 125);
    for (uint32_t i = 0; more && i < 2 * change; i++)
        said[HEAD + said[2] + i] = (uint8_t)rng_next(rng);
    said[2] = (uint8_t)(2 * (more ? words + change : words - change));
    return seal(said, HEAD + said[2]);
}

static size_t glitch(uint8_t *said)
{
    memset(said + HEAD + said[2] - 2, 0, 2);
    return seal(said, HEAD + said[2]);
}

/* A unit that hangs repeats what it said before, to the same kind of request. */
static bool is_frozen(const struct fault_set *set, struct wrong *wrong, struct rng *rng,
                      const uint8_t *said, size_t size, int64_t now_ns, struct fault_counts *counts)
{
    const struct scene_fault *fault = &set->of[FAULT_FROZEN];
    bool like = size == wrong->size && memcmp(said, wrong->frame, HEAD) == 0;
    if (like && now_ns < wrong->until_ns)
        return true;
    if (!like || !strikes(set, rng, FAULT_FROZEN, counts))
        return false;
    uint32_t span = fault->max_ms > fault->ms ? fault->max_ms - fault->ms : 0;
    wrong->until_ns = now_ns + (int64_t)(fault->ms + rng_below(rng, span + 1)) * NS_PER_MS;
    return true;
}

size_t wrong_answer(const struct fault_set *set, struct wrong *wrong, struct rng *rng,
                    const uint8_t *frame, size_t size, int64_t now_ns, uint8_t *said,
                    struct fault_counts *counts)
{
    memcpy(said, frame, size);
    if (!set->any || !holds_registers(said, size))
        return size;
    if (is_frozen(set, wrong, rng, said, size, now_ns, counts)) {
        memcpy(said, wrong->frame, size);
        return size;
    }
    bool may_glitch = wrong->size > 0 && wrong->apart == 0;
    memcpy(wrong->frame, said, size);
    wrong->size = size;
    if (strikes(set, rng, FAULT_REFUSE, counts))
        return refuse(said, rng);
    if (strikes(set, rng, FAULT_SIZE, counts))
        return resize(said, rng);
    wrong->apart -= wrong->apart > 0;
    if (!may_glitch || !strikes(set, rng, FAULT_GLITCH, counts))
        return size;
    wrong->apart = APART;
    return glitch(said);
}
