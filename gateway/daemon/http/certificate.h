/* SPDX-License-Identifier: Apache-2.0 */
/* When the certificate that the gateway shows to phones ends. Blocks for one read of a small file.
 */
#ifndef BAIYE_HTTP_CERTIFICATE_H
#define BAIYE_HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

/* UTC milliseconds, of the first certificate in a PEM file. false: it can't be read. */
bool certificate_end(const char *path, int64_t *end_ms);

#endif
