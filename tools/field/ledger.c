/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/ledger.h"

#include <inttypes.h>

bool ledger_open(struct ledger *ledger, const char *path)
{
    ledger->lines = 0;
    ledger->file = fopen(path, "we");
    return ledger->file != NULL;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->file != NULL)
        (void)fclose(ledger->file);
    ledger->file = NULL;
}

void ledger_flush(struct ledger *ledger)
{
    if (ledger->file != NULL)
        (void)fflush(ledger->file);
}

void ledger_probe(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                  const char *metric, double value)
{
    if (ledger->file == NULL)
        return;
    ledger->lines++;
    (void)fprintf(ledger->file,
                  "{\"t_ms\":%" PRId64 ",\"line\":\"%s\",\"unit\":%u,\"boot\":null,\"seq\":null,"
                  "\"metric\":\"%s\",\"value\":%.10g}\n",
                  wall_ms, line, unit, metric, value);
}

void ledger_node(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                 uint32_t boot, uint32_t seq, bool cut, const char *metric, double value)
{
    if (ledger->file == NULL)
        return;
    ledger->lines++;
    (void)fprintf(ledger->file,
                  "{\"t_ms\":%" PRId64 ",\"line\":\"%s\",\"unit\":%u,\"boot\":%" PRIu32
                  ",\"seq\":%" PRIu32 "%s,\"metric\":\"%s\",\"value\":%.10g}\n",
                  wall_ms, line, unit, boot, seq, cut ? ",\"cut\":true" : "", metric, value);
}

void ledger_responder(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                      uint32_t answer, uint16_t first, uint16_t count)
{
    if (ledger->file == NULL)
        return;
    ledger->lines++;
    (void)fprintf(ledger->file,
                  "{\"t_ms\":%" PRId64 ",\"line\":\"%s\",\"unit\":%u,\"n\":%" PRIu32
                  ",\"first\":%u,\"count\":%u}\n",
                  wall_ms, line, unit, answer, first, count);
}
