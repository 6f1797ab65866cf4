/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/commission/move.h"

#include "gateway/common/language.h"
#include "gateway/daemon/config/profile.h"
#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"

#define LOOKS      5   /* at most, for … */
#define LOOKS_GOOD 3   /* … so many clean answers */
#define TRIES      4   /* until a device that was moved must have answered */
#define WAIT_MS    600 /* the longest that it may take */
#define FREE_LOOKS 2
#define WRAPPING   6u /* bytes before a wrapped answer */
#define NO_ADDRESS 0xFFFF
#define BAUD_CODES 8u /* of our nodes */

enum seen { SEEN_ONE, SEEN_NONE, SEEN_SEVERAL };

static bool same_wire(const struct serial_timing *a, const struct serial_timing *b)
{
    return a->baud == b->baud && a->parity == b->parity;
}

static enum bus_result read_words(struct bench *bench, const struct move_place *at,
                                  uint8_t function, uint16_t address, uint16_t count,
                                  uint32_t *value)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    struct transact_answer answer;
    size_t size = modbus_read(pdu, function, address, count);
    bench_request(bench, &at->wire, at->unit, pdu, size, WAIT_MS, 1, &answer);
    if (answer.result != BUS_OK)
        return answer.result;
    struct byte_reader r = byte_reader_init(answer.pdu, answer.pdu_size);
    (void)byte_read_u16(&r); /* function and size */
    *value = count == 2 ? byte_read_u32(&r) : byte_read_u16(&r);
    return r.failed ? BUS_GARBLED : BUS_OK;
}

/* Is one device there, and only one? `word`: what its register holds, -1: it does not say. */
static enum seen look(struct bench *bench, const struct move_place *at, uint16_t address,
                      int32_t *word)
{
    unsigned clean = 0, garbled = 0;
    *word = -1;
    for (unsigned i = 0; i < LOOKS && clean < LOOKS_GOOD; i++) {
        uint32_t value = 0;
        enum bus_result result = read_words(bench, at, MODBUS_READ_HOLDING, address, 1, &value);
        if (result == BUS_OK && clean > 0 && *word >= 0 && *word != (int32_t)value)
            garbled++; /* two that answer in turn */
        *word = result == BUS_OK ? (int32_t)value : *word;
        clean += result == BUS_OK || result == BUS_EXCEPTION;
        garbled += result == BUS_GARBLED;
    }
    if (garbled > 1 || (garbled > 0 && clean < LOOKS_GOOD))
        return SEEN_SEVERAL;
    return clean > 0 ? SEEN_ONE : SEEN_NONE;
}

static bool is_free(struct bench *bench, const struct move_place *at)
{
    uint32_t value;
    for (unsigned i = 0; i < FREE_LOOKS; i++) {
        if (read_words(bench, at, MODBUS_READ_HOLDING, 0, 1, &value) != BUS_TIMEOUT)
            return false;
    }
    return true;
}

static bool answers(struct bench *bench, const struct move_place *at, uint16_t address,
                    int32_t *word)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t value = 0;
        enum bus_result result = read_words(bench, at, MODBUS_READ_HOLDING, address, 1, &value);
        *word = result == BUS_OK ? (int32_t)value : -1;
        if (result == BUS_OK || result == BUS_EXCEPTION)
            return true;
    }
    return false;
}

/* Sent once: its answer may come from either place, or not at all; what counts is where it is
 * afterwards. false: it refused. */
static bool write_word(struct bench *bench, const struct move_place *at, uint16_t address,
                       uint16_t value)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    struct transact_answer answer;
    size_t size = modbus_write_register(pdu, address, value);
    bench_request(bench, &at->wire, at->unit, pdu, size, WAIT_MS, 1, &answer);
    bench_settle(bench);
    return answer.result != BUS_EXCEPTION;
}

/* ---- bought ones ---- */

/* One register was written that takes the device from `move->now` to `to`. */
static enum move_result arrive(struct bench *bench, struct move *move, const struct move_place *to,
                               uint16_t address, uint16_t was, uint16_t is)
{
    int32_t word;
    if (answers(bench, to, address, &word) && (word < 0 || word == is)) {
        move->now = *to;
        return MOVE_OK;
    }
    if (!answers(bench, &move->now, address, &word))
        return MOVE_LOST;
    if (word == was)
        return MOVE_REFUSED;
    if (word == is && move->profile->power_cycle_after_change)
        return MOVE_POWER;
    (void)write_word(bench, &move->now, address, was);
    return answers(bench, &move->now, address, &word) ? MOVE_UNDONE : MOVE_LOST;
}

static enum move_result set_address(struct bench *bench, struct move *move)
{
    const struct profile_config *profile = move->profile;
    struct move_place to = {move->now.wire, move->to.unit};
    uint16_t was = move->now.unit;
    if (!write_word(bench, &move->now, profile->address_register, to.unit))
        return MOVE_REFUSED;
    return arrive(bench, move, &to, profile->address_register, was, to.unit);
}

/* -1: the profile knows no code of it. */
static int code_of(const struct profile_config *profile, const struct serial_timing *wire)
{
    for (unsigned i = 0; i < profile->baud_code_count; i++) {
        if (profile->baud_codes[i] == wire->baud)
            return (int)i;
    }
    return -1;
}

static enum move_result set_rate(struct bench *bench, struct move *move)
{
    const struct profile_config *profile = move->profile;
    int was = code_of(profile, &move->now.wire), is = code_of(profile, &move->to.wire);
    uint16_t address = profile->baud_register;
    if (!write_word(bench, &move->now, address, (uint16_t)is))
        return MOVE_REFUSED;
    return arrive(bench, move, &move->to, address, (uint16_t)was, (uint16_t)is);
}

/* Everything that can be known before anything is written. */
static enum move_result may_move(struct bench *bench, const struct move *move, bool address,
                                 bool rate)
{
    const struct profile_config *profile = move->profile;
    int32_t word;
    if ((address && profile->address_register == NO_ADDRESS) ||
        (rate &&
         (profile->baud_register == NO_ADDRESS || move->from.wire.parity != move->to.wire.parity ||
          code_of(profile, &move->from.wire) < 0 || code_of(profile, &move->to.wire) < 0)))
        return MOVE_FIXED;
    bool has_register = profile->address_register != NO_ADDRESS;
    enum seen seen = look(bench, &move->from, has_register ? profile->address_register : 0, &word);
    if (seen != SEEN_ONE)
        return seen == SEEN_NONE ? MOVE_NO_ANSWER : MOVE_SEVERAL;
    if (has_register && word >= 0 && word != move->from.unit)
        return MOVE_OTHER;
    struct move_place between = {move->from.wire, move->to.unit};
    if ((address && !is_free(bench, &between)) || (rate && !is_free(bench, &move->to)))
        return MOVE_TAKEN;
    return MOVE_OK;
}

static enum move_result move_by_profile(struct bench *bench, struct move *move)
{
    bool address = move->from.unit != move->to.unit;
    bool rate = !same_wire(&move->from.wire, &move->to.wire);
    enum move_result result = may_move(bench, move, address, rate);
    if (result == MOVE_OK && address)
        result = set_address(bench, move);
    if (result == MOVE_OK && rate)
        result = set_rate(bench, move);
    return result;
}

enum move_result move_take_back(struct bench *bench, struct move *move)
{
    const struct profile_config *profile = move->profile;
    int code = code_of(profile, &move->from.wire);
    int32_t word;
    move->now = move->from;
    if (profile->address_register != NO_ADDRESS)
        (void)write_word(bench, &move->now, profile->address_register, move->now.unit);
    if (profile->baud_register != NO_ADDRESS && code >= 0)
        (void)write_word(bench, &move->now, profile->baud_register, (uint16_t)code);
    return answers(bench, &move->now, 0, &word) ? MOVE_UNDONE : MOVE_LOST;
}

/* ---- ours ---- */

static enum bus_result ask_serial(struct bench *bench, const struct serial_timing *wire,
                                  uint32_t serial, const uint8_t *request, size_t size)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    struct transact_answer answer;
    size = modbus_fast_request(pdu, serial, request, size);
    bench_request(bench, wire, MODBUS_FAST_UNIT, pdu, size, WAIT_MS, 3, &answer);
    bool wrapped = answer.result == BUS_OK && answer.pdu_size > WRAPPING;
    return answer.result != BUS_OK                                         ? answer.result
           : wrapped && (answer.pdu[WRAPPING] & MODBUS_EXCEPTION_BIT) == 0 ? BUS_OK
                                                                           : BUS_EXCEPTION;
}

/* A plain read: spoken to at its new place, it keeps it. */
static bool is_it(struct bench *bench, const struct move_place *at, uint32_t serial)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t value = 0;
        if (read_words(bench, at, MODBUS_READ_INPUT, NODE_SERIAL, 2, &value) == BUS_OK)
            return value == serial;
    }
    return false;
}

static int node_code(uint32_t baud)
{
    for (unsigned i = 0; i < BAUD_CODES; i++) {
        if (node_baud((uint16_t)i) == baud)
            return (int)i;
    }
    return -1;
}

static enum move_result move_node(struct bench *bench, struct move *move)
{
    uint8_t request[MODBUS_PDU_MAX];
    int code = node_code(move->to.wire.baud);
    bool same = move->from.unit == move->to.unit && same_wire(&move->from.wire, &move->to.wire);
    if (code < 0)
        return MOVE_FIXED;
    if (same && is_it(bench, &move->to, move->serial))
        return MOVE_OK;
    if (!same && !is_free(bench, &move->to))
        return is_it(bench, &move->to, move->serial) ? MOVE_OK : MOVE_TAKEN;
    const uint8_t parity = move->to.wire.parity == 'E' ? 1 : move->to.wire.parity == 'O' ? 2 : 0;
    const uint8_t words[6] = {0, move->to.unit, 0, (uint8_t)code, 0, parity};
    size_t size = modbus_write_registers(request, NODE_ADDRESS, words, sizeof words);
    enum bus_result result = ask_serial(bench, &move->from.wire, move->serial, request, size);
    bench_settle(bench);
    if (result == BUS_EXCEPTION)
        return MOVE_REFUSED;
    if (is_it(bench, &move->to, move->serial)) {
        move->now = move->to;
        return MOVE_OK;
    }
    return result == BUS_OK ? MOVE_UNDONE : MOVE_NO_ANSWER;
}

enum move_result move_device(struct bench *bench, struct move *move)
{
    move->now = move->from;
    enum move_result result =
        move->profile != NULL ? move_by_profile(bench, move) : move_node(bench, move);
    if (result == MOVE_OK)
        move->now = move->to;
    return result;
}

bool move_blink(struct bench *bench, const struct serial_timing *wire, uint32_t serial, bool on)
{
    uint8_t request[MODBUS_REQUEST_SIZE];
    size_t size = modbus_write_coil(request, 0, on);
    return ask_serial(bench, wire, serial, request, size) == BUS_OK;
}

const char *move_result_text(enum move_result result)
{
    static const char *const texts[] = {
        N_("it answers at its place"),
        N_("another device answers at the new address already"),
        N_("it does not answer any more"),
        N_("more than one answers there: unplug all but one of them"),
        N_("its profile knows no register for that: set it as its maker says"),
        N_("its register for the address holds another number: another kind of device?"),
        N_("it does not take it"),
        N_("it did not answer at its new place, and is where it was"),
        N_("it was written; its supply has to be switched off and on"),
        N_("it answers nowhere any more: switch its supply off and on, then begin again")};
    size_t index = (size_t)(-(int)result);
    return index < sizeof texts / sizeof texts[0] ? texts[index] : "";
}
