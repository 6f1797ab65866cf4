/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/unit.h"

#include <stdio.h>
#include <string.h>

#include "protocols/modbus/crc16.h"

void unit_init(struct unit *unit, struct garden *garden, struct line *line,
               const struct scene_unit *scene, uint8_t address, uint32_t place,
               const struct wire_rate *rate)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "unit %u", place);
    *unit = (struct unit){.garden = garden,
                          .line = line,
                          .scene = scene,
                          .address = address,
                          .spot = place,
                          .rate = *rate,
                          .powered = true,
                          .rng = rng_named(garden->seed, name)};
    if (scene->baud)
        unit->rate.baud = scene->baud;
    if (scene->parity != NULL)
        unit->rate.parity = scene_parity(scene->parity);
    relay_init(&unit->relay, address);
    probe_init(&unit->probe, scene->kind, address, unit->rate.baud, scene->registers);
    for (unsigned i = 0; i < scene->faults_count; i++)
        fault_put(&unit->faults, &scene->faults[i]);
}

bool unit_hears(const struct unit *unit, uint8_t address)
{
    if (unit->scene->kind == UNIT_MASTER)
        return false;
    if (unit->node != NULL)
        return address == unit->address || address == 0;
    if (unit->scene->kind == UNIT_RELAY)
        return address == unit->relay.address || address == 0;
    return probe_hears(&unit->probe, address);
}

/* All its outputs in one answer are a reading; one alone is how a write is read back. */
static void give_outputs(const uint8_t *pdu, size_t size, const uint8_t *answer, size_t answer_size,
                         struct probe_given *given)
{
    static const char *const names[RELAY_OUTPUTS] = {"output_1", "output_2", "output_3",
                                                     "output_4", "output_5", "output_6",
                                                     "output_7", "output_8"};
    static const uint8_t all[] = {1, 0, 0, 0, RELAY_OUTPUTS};
    if (size != sizeof all || memcmp(pdu, all, size) != 0 || answer_size != 3)
        return;
    for (unsigned i = 0; i < RELAY_OUTPUTS; i++)
        given->values[given->count++] =
            (struct probe_value){.metric = names[i], .value = answer[2] >> i & 1};
}

size_t unit_serve_pdu(struct unit *unit, uint8_t address, const uint8_t *pdu, size_t size,
                      uint8_t *answer, struct probe_given *given)
{
    struct weather_now now;
    if (!unit->powered || !unit_hears(unit, address))
        return 0;
    if (unit->scene->kind == UNIT_RELAY) {
        *given = (struct probe_given){.count = 0};
        unit->requests++;
        size_t relay_size = relay_serve(&unit->relay, loop_now_ns() / 1000000, pdu, size, answer);
        give_outputs(pdu, size, answer, relay_size, given);
        return address == 0 ? 0 : relay_size;
    }
    if (unit->scene->kind != UNIT_RESPONDER)
        garden_weather(unit->garden, unit->spot, &now);
    unit->requests++;
    size_t answer_size = probe_serve(&unit->probe, &now, pdu, size, answer, given);
    unit->rate.baud = unit->probe.baud;
    return address == 0 ? 0 : answer_size;
}

size_t unit_serve(struct unit *unit, const uint8_t *frame, size_t size, uint8_t *answer,
                  struct probe_given *given)
{
    size_t pdu = unit_serve_pdu(unit, frame[0], frame + 1, size - 3, answer + 1, given);
    if (pdu == 0)
        return 0;
    answer[0] = frame[0];
    uint16_t crc = crc16_modbus(CRC16_INITIAL, answer, pdu + 1);
    answer[pdu + 1] = (uint8_t)(crc & 0xff);
    answer[pdu + 2] = (uint8_t)(crc >> 8);
    return pdu + 3;
}

void unit_ledger(const struct unit *unit, const struct probe_given *given, const char *line,
                 int64_t wall_ms)
{
    struct ledger *ledger = &unit->garden->ledger;
    for (size_t i = 0; i < given->count; i++)
        ledger_probe(ledger, wall_ms, line, unit->address, given->values[i].metric,
                     given->values[i].value);
    if (given->quantity)
        ledger_responder(ledger, wall_ms, line, unit->address, given->answer, given->first,
                         given->quantity);
}
