/* SPDX-License-Identifier: Apache-2.0 */
/* What a trial of a line says, for people and as JSON. */
#ifndef BAIYE_CLI_LINE_SHOW_H
#define BAIYE_CLI_LINE_SHOW_H

#include <jansson.h>

#include "tools/cli/line/trial.h"

#define LINE_TEXT 640

/* What a frame means, in English as it stands in manuals: "1: read 2 inputs from 1". Pure. */
void line_frame_text(const uint8_t *bytes, size_t size, char *out, size_t room);
/* One line of 80 columns, `at_s` since the begin. */
void line_show_frame(double at_s, bool sent, const uint8_t *bytes, size_t size);
/* What is wrong and what to do, in the language of the terminal. */
void line_verdict_text(const struct trial *trial, const struct verdict *verdict, char *out,
                       size_t room);
void line_show(struct trial *trial, const struct verdict *verdicts, unsigned count, bool blinked);
json_t *line_json(struct trial *trial, const struct verdict *verdicts, unsigned count);

#endif
