/* SPDX-License-Identifier: Apache-2.0 */
/* What a survey found, for people and for programs; its progress, on a terminal only. */
#ifndef BAIYE_CLI_SHOW_H
#define BAIYE_CLI_SHOW_H

#include "gateway/daemon/commission/survey.h"
#include "tools/cli/show.h"

/* A survey's step: says where it is. The context may be a `const volatile sig_atomic_t *` that ends
 * the survey when it is not 0. */
bool show_step(void *context, const struct serial_timing *wire, unsigned unit);
void show_step_end(void);
void show_found(const struct survey_found *found);
void show_found_json(const struct survey_found *found);
/* "9600 8N1" */
void show_wire(const struct serial_timing *wire, char text[24]);

/* "sure", … in the reader's language. */
/* A value's flag in the language of messages. */
const char *show_flag(const char *flag);
/* Why something of the gateway does not work, in the language of messages; valid until the next
 * call. */
const char *show_reason(const char *why);
const char *show_sure(const char *sure);
/* To standard output, with blanks up to so many columns of a terminal. */
void show_padded(const char *text, size_t columns);

#endif
