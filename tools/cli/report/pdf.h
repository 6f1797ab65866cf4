/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BAIYE_CLI_REPORT_PDF_H
#define BAIYE_CLI_REPORT_PDF_H

#include <stddef.h>

/* Prints an HTML text to a file on A4, by Chromium. An exit code: EX_UNAVAILABLE and a complaint
 * without it, or when it fails. Takes two minutes at most. */
int pdf_print(const char *html, size_t size, const char *path);

#endif
