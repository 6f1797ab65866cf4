/* SPDX-License-Identifier: Apache-2.0 */
/* When the certificates end that the gateway lives by: those that it shows, to phones and to
 * brokers that know it by one, and the authorities by which phones, brokers and services are
 * believed. Blocks for one read of a small file. */
#ifndef BAIYE_HTTP_CERTIFICATE_H
#define BAIYE_HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

#define CERTIFICATE_NAME_SIZE (CONFIG_NAME_SIZE + 16)

enum certificate_kind {
    CERTIFICATE_APP,              /* shown to phones */
    CERTIFICATE_APP_AUTHORITY,    /* `baiye cert` made it; phones have taken it in */
    CERTIFICATE_CLIENT,           /* shown to a broker */
    CERTIFICATE_BROKER_AUTHORITY, /* ca_file of a broker */
    CERTIFICATE_WAY_AUTHORITY     /* ca_file of a way to people */
};

struct certificate {
    enum certificate_kind kind;
    const char *owner;                /* the broker's or the way's name, "": the app's */
    char name[CERTIFICATE_NAME_SIZE]; /* one of its own, for people */
    char path[CONFIG_PATH_SIZE + 8];
};

/* How many a configuration has. */
size_t certificate_count(const struct config *config);
/* The one with that index, below the count. */
struct certificate certificate_at(const struct config *config, size_t index);
/* When it can't be used any more, UTC milliseconds: of a chain that is shown the first end, of a
 * file of authorities the last, since one of them is enough. false: it can't be read. */
bool certificate_end(const struct certificate *certificate, int64_t *end_ms);
/* Where the app's authority lies, if there is one: beside the certificate. */
void certificate_authority_path(const struct config *config, char *path, size_t size);

#endif
