/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a running garden: one JSON object a line in, one a line out.
 *   {"cmd":"fault","line":"east","unit":7,"kind":"flip","probability":0.1,"ms":0,"max_ms":0}
 *        "unit" left out: every unit of the line; probability 0 ends the fault
 *   {"cmd":"counts"}         everything counted so far, per line and unit; the ledger is in its
 * file
 *   {"cmd":"stop-sampling"}  nothing answers any more
 *   {"cmd":"unplug","line":"east"}   {"cmd":"replug","line":"east"}
 *   {"cmd":"power","line":"east","unit":7,"on":false}
 * Answers: {"ok":true,…} or {"ok":false,"error":"…"}. */
#ifndef BAIYE_FIELD_CONTROL_H
#define BAIYE_FIELD_CONTROL_H

#include <stdbool.h>

#include "tools/field/garden.h"

struct control;

/* Listens on the UNIX socket `path`. NULL: errno says why. */
struct control *control_open(struct garden *garden, const char *path);
void control_close(struct control *control);

#endif
