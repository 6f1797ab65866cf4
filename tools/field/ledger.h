/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: every true value that the garden gave, one JSON object a line, for tests to compare
 * with what arrived elsewhere.
 *   {"t_ms":wall,"line":"east","unit":7,"boot":null,"seq":null,"metric":"air_temperature","value":21.3}
 * `t_ms`: for a probe the end of its answer on the wire, for a node when its sample was taken.
 * `boot` and `seq` are those of our nodes; with "cut":true behind them its power went when the node
 * may not have finished the sample: it has taken it with these values, or not at all. Responders
 * write one line an answer instead, whose values follow from responder.h:
 * {"t_ms":…,"line":…,"unit":…,"n":4711,"first":0,"count":10} */
#ifndef BAIYE_FIELD_LEDGER_H
#define BAIYE_FIELD_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ledger {
    FILE *file; /* NULL: nothing is written */
    uint64_t lines;
};

/* False: errno says why. An existing file is replaced. */
bool ledger_open(struct ledger *ledger, const char *path);
void ledger_close(struct ledger *ledger);
/* Everything written so far is in the file when this returns. */
void ledger_flush(struct ledger *ledger);

void ledger_probe(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                  const char *metric, double value);
void ledger_node(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                 uint32_t boot, uint32_t seq, bool cut, const char *metric, double value);
void ledger_responder(struct ledger *ledger, int64_t wall_ms, const char *line, uint8_t unit,
                      uint32_t answer, uint16_t first, uint16_t count);

#endif
