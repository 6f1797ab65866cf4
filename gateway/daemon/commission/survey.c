/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/commission/survey.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"

#define LOOK_MS        120 /* beside the wire: a probe answers well before, … */
#define SLOW_MS        600 /* … but for slow ones, and then */
#define BACK           5   /* so many more may have been asked meanwhile */
#define FAST_MS        500
#define FAST_BITS      (35u + 32u * 18u) /* silence, and 32 windows of at most 18 bits */
#define TRIES          3
#define ROUNDS_MAX     12
#define ROUNDS_IN_VAIN 2  /* without anybody new, until all are believed to be known */
#define FEW            10 /* addresses that people give first */

/* ---- what is tried ---- */

static void add_setting(struct serial_timing list[SURVEY_SETTINGS], unsigned *count, uint32_t baud,
                        char parity)
{
    for (unsigned i = 0; i < *count; i++) {
        if (list[i].baud == baud && list[i].parity == parity)
            return;
    }
    if (*count < SURVEY_SETTINGS)
        list[(*count)++] = (struct serial_timing){baud, parity, 1};
}

unsigned survey_settings(const struct recognise_book *book, const struct serial_timing *first,
                         struct serial_timing list[SURVEY_SETTINGS])
{
    static const struct {
        uint32_t baud;
        char parity;
    } habits[] = {{9600, 'N'}, {4800, 'N'},  {19200, 'E'},  {9600, 'E'}, {19200, 'N'},
                  {2400, 'N'}, {38400, 'N'}, {115200, 'N'}, {4800, 'E'}, {57600, 'N'}};
    unsigned count = 0;
    if (first->baud != 0)
        list[count++] = *first;
    for (size_t i = 0; i < 3; i++)
        add_setting(list, &count, habits[i].baud, habits[i].parity);
    for (unsigned i = 0; i < book->count; i++)
        add_setting(list, &count, book->profiles[i].baud, book->profiles[i].parity);
    for (size_t i = 3; i < sizeof habits / sizeof habits[0]; i++)
        add_setting(list, &count, habits[i].baud, habits[i].parity);
    return count;
}

void survey_addresses(const struct recognise_book *book, const uint8_t *also, bool every,
                      uint8_t list[SURVEY_ADDRESSES])
{
    bool in[256] = {true};
    unsigned count = 0;
    for (; also != NULL && *also != 0; also++) {
        if (!in[*also] && *also != MODBUS_FAST_UNIT)
            list[count++] = *also;
        in[*also] = true;
    }
    for (unsigned i = 0; i < book->count; i++) {
        uint8_t address = book->profiles[i].address_default;
        if (!in[address] && address != MODBUS_FAST_UNIT) /* some are delivered with 248 to 255 */
            list[count++] = address;
        in[address] = true;
    }
    for (unsigned address = 1; address <= (every ? 247 : FEW); address++) {
        if (!in[address])
            list[count++] = (uint8_t)address;
        in[address] = true;
    }
    list[count] = 0;
}

/* ---- our nodes ---- */

static bool same_place(const struct survey_found *found, const struct serial_timing *wire,
                       uint8_t unit)
{
    return found->unit == unit && found->wire.baud == wire->baud &&
           found->wire.parity == wire->parity;
}

/* NULL: it is known, or there is no room. */
static struct survey_found *add_found(struct survey *survey, const struct serial_timing *wire,
                                      uint8_t unit, uint32_t serial)
{
    for (unsigned i = 0; i < survey->count; i++) {
        const struct survey_found *found = &survey->found[i];
        if (serial != 0 ? found->serial == serial : same_place(found, wire, unit))
            return NULL;
    }
    if (survey->count == SURVEY_FOUND)
        return NULL;
    struct survey_found *found = &survey->found[survey->count++];
    *found = (struct survey_found){.wire = *wire, .unit = unit, .serial = serial};
    return found;
}

/* One of our nodes. What was found at its address without a number was it. */
static bool add_node(struct survey *survey, const struct serial_timing *wire, uint8_t unit,
                     uint32_t serial)
{
    for (unsigned i = 0; i < survey->count; i++) {
        struct survey_found *found = &survey->found[i];
        if (found->serial == 0 && same_place(found, wire, unit)) {
            *found = (struct survey_found){.wire = *wire, .unit = unit, .serial = serial};
            return true;
        }
    }
    return add_found(survey, wire, unit, serial) != NULL;
}

static bool has_nodes(const struct survey *survey, const struct serial_timing *wire)
{
    for (unsigned i = 0; i < survey->count; i++) {
        const struct survey_found *found = &survey->found[i];
        if (found->serial != 0 && found->wire.baud == wire->baud &&
            found->wire.parity == wire->parity)
            return true;
    }
    return false;
}

/* Where nodes are expected: they are asked again though nobody was heard. */
static bool is_own_rate(const struct survey *survey, const struct serial_timing *wire)
{
    const struct bus_config *bus = &survey->bench->bus;
    return bus->baud == wire->baud && bus->parity == wire->parity;
}

/* One round of arbitration; true: it found somebody new. */
static bool arbitrate(struct survey *survey, const struct serial_timing *wire)
{
    unsigned wait_ms = FAST_MS + FAST_BITS * 1000 / wire->baud, tries = 0;
    uint8_t what = FAST_SCAN_START;
    bool fresh = false;
    for (unsigned answers = 0; answers < SURVEY_FOUND && tries < TRIES;) {
        const uint8_t pdu[2] = {MODBUS_FAST, what};
        struct transact_answer answer;
        bench_request(survey->bench, wire, MODBUS_FAST_UNIT, pdu, sizeof pdu, wait_ms, 1, &answer);
        struct byte_reader r =
            byte_reader_init(answer.pdu, answer.result == BUS_OK ? answer.pdu_size : 0);
        bool fast = byte_read_u8(&r) == MODBUS_FAST;
        uint8_t kind = byte_read_u8(&r);
        uint32_t serial = byte_read_u32(&r);
        uint8_t unit = byte_read_u8(&r);
        if (fast && kind == FAST_SCAN_END)
            break;
        if (!fast || kind != FAST_SCAN_ANSWER || r.failed) {
            if (answer.result == BUS_DOWN)
                break;
            bool silent = answer.result == BUS_TIMEOUT && !survey->bench->heard;
            if (silent && what == FAST_SCAN_START && !has_nodes(survey, wire) &&
                !is_own_rate(survey, wire))
                break; /* nobody */
            tries++;
            continue;
        }
        fresh |= add_node(survey, wire, unit, serial);
        answers++;
        tries = 0;
        what = FAST_SCAN_CONTINUE;
    }
    return fresh;
}

/* A node that was late for a round stays out of it. */
static void arbitrate_all(struct survey *survey, const struct serial_timing *wire)
{
    unsigned in_vain = 0;
    for (unsigned round = 0; round < ROUNDS_MAX && in_vain < ROUNDS_IN_VAIN; round++) {
        in_vain = arbitrate(survey, wire) ? 0 : in_vain + 1;
        if (!has_nodes(survey, wire))
            break;
    }
}

/* ---- everybody else ---- */

static bool is_ours(const struct survey *survey, const struct serial_timing *wire, uint8_t unit)
{
    for (unsigned i = 0; i < survey->count; i++) {
        if (survey->found[i].serial != 0 && same_place(&survey->found[i], wire, unit))
            return true;
    }
    return false;
}

/* Whoever is there answers a read of one register, be it by an exception. Noise is asked again: two
 * units at one address are never heard in one piece. */
static bool look_at(struct survey *survey, const struct serial_timing *wire, uint8_t unit,
                    unsigned wait_ms)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    struct transact_answer answer;
    unsigned garbled = 0;
    size_t size = modbus_read(pdu, MODBUS_READ_HOLDING, 0, 1);
    if (is_ours(survey, wire, unit))
        return true;
    for (unsigned i = 0; i < TRIES; i++) {
        bench_request(survey->bench, wire, unit, pdu, size, wait_ms, 1, &answer);
        if (answer.result == BUS_DOWN)
            return false;
        if (answer.result == BUS_OK || answer.result == BUS_EXCEPTION) {
            (void)add_found(survey, wire, unit, 0);
            return true;
        }
        garbled += answer.result == BUS_GARBLED;
        if (answer.result == BUS_TIMEOUT && garbled == 0)
            return true;
    }
    struct survey_found *found = garbled > 1 ? add_found(survey, wire, unit, 0) : NULL;
    if (found != NULL)
        found->garbled = true;
    return true;
}

/* Something came that was no answer to whom was asked last: a slow device's, to an earlier request.
 * So these are asked once more, with time. */
static bool look_back(struct survey *survey, const struct serial_timing *wire,
                      const uint8_t *addresses, unsigned last)
{
    for (unsigned i = last < BACK ? 0 : last - BACK; i <= last; i++) {
        if (!look_at(survey, wire, addresses[i], SLOW_MS))
            return false;
    }
    survey->bench->heard = false;
    return true;
}

static bool is_found(const struct survey *survey, const struct serial_timing *wire, uint8_t unit)
{
    for (unsigned i = 0; i < survey->count; i++) {
        if (same_place(&survey->found[i], wire, unit))
            return true;
    }
    return false;
}

/* Who is known to be there is not silent for one request or answer that was lost, nor because it
 * is slow. */
static bool look_again(struct survey *survey, const struct serial_timing *wire)
{
    for (const uint8_t *unit = survey->also; unit != NULL && *unit != 0; unit++) {
        for (unsigned i = 1; i < TRIES && !is_found(survey, wire, *unit); i++) {
            if (!survey->step(survey->context, wire, *unit) ||
                !look_at(survey, wire, *unit, SLOW_MS))
                return false;
        }
    }
    return true;
}

static bool look_at_all(struct survey *survey, const struct serial_timing *wire)
{
    uint8_t addresses[SURVEY_ADDRESSES];
    survey_addresses(survey->book, survey->also, survey->every_address, addresses);
    for (unsigned i = 0; addresses[i] != 0; i++) {
        if (!survey->step(survey->context, wire, addresses[i]) ||
            !look_at(survey, wire, addresses[i], LOOK_MS))
            return false;
        if (addresses[i + 1] == 0)
            bench_settle(survey->bench);
        if (survey->bench->heard && !look_back(survey, wire, addresses, i))
            return false;
    }
    return !is_own_rate(survey, wire) || look_again(survey, wire);
}

/* Our nodes are asked twice, for one that was just switched on is woken up by what it hears
 * first. */
bool survey_look(struct survey *survey, const struct serial_timing *wire)
{
    if (!survey->step(survey->context, wire, 0))
        return false;
    arbitrate_all(survey, wire);
    if (!look_at_all(survey, wire))
        return false;
    arbitrate_all(survey, wire);
    return true;
}

static void recognise_one(struct survey *survey, struct survey_found *found,
                          struct recognise_match *matches)
{
    recognise_identity(survey->bench, &found->wire, found->unit, found->identity);
    unsigned count = recognise_device(survey->bench, survey->book, &found->wire, found->unit,
                                      found->identity, matches);
    found->sure = recognise_judge(matches, count);
    found->profile = found->sure != RECOGNISE_NONE ? matches[0].profile : NULL;
    for (unsigned i = 1, j = 0; found->sure < RECOGNISE_SURE && i < count && j < SURVEY_OTHERS;
         i++) {
        if (matches[i].points + 4 >= matches[0].points && matches[i].points > 0)
            found->others[j++] = matches[i].profile;
    }
}

bool survey_recognise(struct survey *survey)
{
    struct recognise_match matches[RECOGNISE_PROFILES];
    for (unsigned i = 0; i < survey->count; i++) {
        struct survey_found *found = &survey->found[i];
        if (!survey->step(survey->context, &found->wire, found->unit))
            return false;
        if (found->serial != 0) {
            found->profile = recognise_find(survey->book, "baiye-node");
            found->sure = RECOGNISE_SURE;
        } else if (!found->garbled && found->device == NULL) {
            recognise_one(survey, found, matches);
        }
    }
    return true;
}
