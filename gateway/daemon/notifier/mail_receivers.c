/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/mail_receivers.h"

#include <stdlib.h>
#include <string.h>

void mail_receivers_begin(struct mail_receivers *receivers, uint64_t id, unsigned count)
{
    bool any = false;
    if (receivers->id != id || receivers->count != count)
        *receivers = (struct mail_receivers){.id = id, .count = count};
    for (unsigned i = 0; i < count; i++) {
        long kind = receivers->replies[i] / 100;
        receivers->named[i] = kind != 2 && kind != 5;
        any = any || receivers->named[i];
    }
    for (unsigned i = 0; i < count; i++) {
        receivers->named[i] = receivers->named[i] || !any; /* it is wanted once more */
        if (receivers->named[i])
            receivers->replies[i] = 0;
    }
    receivers->next = 0;
    receivers->waits = false;
}

bool mail_receivers_has(const struct mail_receivers *receivers, unsigned receiver)
{
    return receivers->named[receiver];
}

void mail_receivers_command(struct mail_receivers *receivers, const char *line, size_t size)
{
    receivers->waits = size > 5 && memcmp(line, "RCPT ", 5) == 0;
    if (!receivers->waits)
        return;
    while (receivers->next < receivers->count && !receivers->named[receivers->next])
        receivers->next++;
    receivers->next++;
}

void mail_receivers_reply(struct mail_receivers *receivers, const char *line, size_t size)
{
    char code[4] = "";
    if (!receivers->waits || receivers->next > receivers->count || size < 4 || line[3] == '-')
        return; /* the last line of a reply has no dash */
    memcpy(code, line, 3);
    receivers->replies[receivers->next - 1] = strtol(code, NULL, 10);
    receivers->waits = false;
}

bool mail_receivers_end(struct mail_receivers *receivers, bool taken)
{
    bool refused = true;
    for (unsigned i = 0; i < receivers->count; i++) {
        long *reply = &receivers->replies[i];
        if (!receivers->named[i])
            continue;
        refused = refused && *reply >= 400;
        if (*reply / 100 == 2 || *reply == 0)
            *reply = taken ? 250 : 0; /* without the mail itself he has nothing */
    }
    return taken || refused;
}
