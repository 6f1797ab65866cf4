/* SPDX-License-Identifier: Apache-2.0 */
/* --json of the commands that tell in sentences what they did. What they print is kept, and at the
 * end one object goes to standard output:
 *
 *   {"command": "backup", "file": "x.tar", "said": ["…"], "complaints": ["…"]}
 *
 * `said` are the lines that a person would have read there, `complaints` those of cli_complain(),
 * which go to standard error as well; the members between them are what the command adds for
 * programs. Without --json nothing of this does anything. One thread. */
#ifndef BAIYE_CLI_OUTCOME_H
#define BAIYE_CLI_OUTCOME_H

#include <stdbool.h>

#include <jansson.h>

/* From now on what goes to standard output, also that of programs run, is kept. false: no memory
 * for it. */
bool outcome_begin(const char *command);
/* Was it begun? */
bool outcome_wanted(void);
/* Takes `value` over. */
void outcome_add(const char *key, json_t *value);
/* As one more of a list. */
void outcome_append(const char *key, json_t *value);
void outcome_complain(const char *text);
/* Prints the object, once; true: it has arrived, or none was wanted. */
bool outcome_print(void);

#endif
