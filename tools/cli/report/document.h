/* SPDX-License-Identifier: Apache-2.0 */
/* The sheet that a customer signs, as one HTML file: nothing is fetched, nothing runs, and it fits
 * A4. Pure: made of the JSON that `baiye report --json` prints, and "photo_data" of devices. */
#ifndef BAIYE_CLI_REPORT_DOCUMENT_H
#define BAIYE_CLI_REPORT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* In the language of messages; `html_language` is its tag. Errors stay in `out`. */
void document_write(FILE *out, const json_t *report, const char *html_language);
/* Were too few polls made to show the error rate that is allowed? In words, where it is so. */
bool document_shows_too_little(const json_t *report, char *text, size_t size);
/* A text as HTML shows it, also within an attribute; control characters are left out. */
void document_escape(FILE *out, const char *text);

#endif
