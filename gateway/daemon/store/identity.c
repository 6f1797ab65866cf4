/* SPDX-License-Identifier: Apache-2.0 */
/* A small file next to the store, PATH.identity: "uuid boot next-id machine". With it a gateway
 * whose store was damaged or replaced goes on under its own name, and no boot count or id is used
 * twice. The machine is what tells a copied card: it is in no backup, so a restored gateway is the
 * one that was backed up. Files of before have no machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/common/hex.h"
#include "gateway/daemon/store/impl.h"

void identity_new_uuid(char uuid[37])
{
    uint8_t b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        struct clock_now now = clock_now();
        memcpy(b, &now, sizeof b);
    }
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    char *at = uuid;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        hex_write(b + i, 1, at);
        at += 2;
    }
}

void identity_load(const char *path, struct identity *identity)
{
    char text[192];
    memset(identity, 0, sizeof *identity);
    size_t got = sidecar_load(path, "identity", text, sizeof text);
    char *rest = NULL;
    if (got < 40 || text[36] != ' ' || strspn(text, "0123456789abcdef-") != 36)
        return;
    unsigned long boot = strtoul(text + 37, &rest, 10);
    unsigned long long next = strtoull(rest, &rest, 10);
    memcpy(identity->uuid, text, 36);
    identity->boot = boot <= UINT32_MAX ? (uint32_t)boot : 0;
    identity->next_id = next;
    if (*rest == ' ')
        (void)snprintf(identity->machine, sizeof identity->machine, "%.*s",
                       (int)strspn(rest + 1, "0123456789abcdef"), rest + 1);
}

bool identity_save(const char *path, const struct identity *identity)
{
    char text[192];
    int size = snprintf(text, sizeof text, "%s %" PRIu32 " %" PRIu64 "%s%s\n", identity->uuid,
                        identity->boot, identity->next_id, identity->machine[0] != '\0' ? " " : "",
                        identity->machine);
    return size > 0 && sidecar_save(path, "identity", text);
}
