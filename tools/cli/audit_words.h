/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the audit as people read it: it is kept as it was asked, by method and parameters. */
#ifndef BAIYE_CLI_AUDIT_WORDS_H
#define BAIYE_CLI_AUDIT_WORDS_H

#include <stddef.h>

/* What a method does, in the language of messages; the name itself where it is none of ours. */
const char *audit_method(const char *method);
/* How a request ended, from what the gateway wrote: "ok", "skipped", "busy: too many requests". */
const char *audit_result(const char *result);
/* Parameters of a method as "bus east, seconds 60"; what is no JSON as it is. */
void audit_detail(const char *detail, char *text, size_t size);

#endif
