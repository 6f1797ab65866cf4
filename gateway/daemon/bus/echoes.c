/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/echoes.h"

#include <string.h>

#include "gateway/daemon/bus/owed.h"

#define NS_PER_MS 1000000LL

void echoes_open(struct echoes *echoes, int64_t now_ns)
{
    *echoes = (struct echoes){.opened_ns = now_ns};
}

bool echoes_possible(const struct echoes *echoes)
{
    return echoes->silent < ECHOES_ENOUGH;
}

bool echoes_of_before(const struct echoes *echoes, int64_t now_ns)
{
    return echoes_possible(echoes) && now_ns - echoes->opened_ns < OWED_FORGET_NS;
}

static void drop(struct echoes *echoes, unsigned count)
{
    echoes->count = (uint8_t)(echoes->count - count);
    memmove(echoes->sent, echoes->sent + count, echoes->count * sizeof echoes->sent[0]);
}

void echoes_sent(struct echoes *echoes, uint8_t unit, const uint8_t *pdu, size_t pdu_size,
                 int64_t now_ns)
{
    if (!echoes_possible(echoes))
        echoes->count = 0;
    if (pdu_size != ECHOES_REQUEST - 1 || !echoes_possible(echoes))
        return;
    if (echoes->count == ECHOES_SENT)
        drop(echoes, 1);
    struct echoes_request *request = &echoes->sent[echoes->count++];
    request->bytes[0] = unit;
    memcpy(request->bytes + 1, pdu, ECHOES_REQUEST - 1);
    request->sent_ms = (uint32_t)(now_ns / NS_PER_MS);
}

bool echoes_take(struct echoes *echoes, const uint8_t *frame, int64_t now_ns)
{
    uint32_t now_ms = (uint32_t)(now_ns / NS_PER_MS);
    for (unsigned i = 0; i < echoes->count && echoes_possible(echoes); i++) {
        const struct echoes_request *request = &echoes->sent[i];
        bool late = i + ECHOES_LAST < echoes->count;
        if ((late && !echoes->known) || now_ms - request->sent_ms >= OWED_FORGET_NS / NS_PER_MS ||
            memcmp(request->bytes, frame, ECHOES_REQUEST) != 0)
            continue;
        drop(echoes, i + 1);
        return true;
    }
    return false;
}

bool echoes_ended(struct echoes *echoes, bool answered, bool heard)
{
    if (answered && heard) {
        if (echoes->heard < ECHOES_ENOUGH)
            echoes->heard++;
        echoes->silent = echoes->heard < ECHOES_ENOUGH ? echoes->silent : 0;
    } else if (answered) {
        echoes->heard = 0;
        if (echoes->silent < ECHOES_ENOUGH)
            echoes->silent++;
    }
    if (answered) /* an echo comes before it */
        echoes->count = 0;
    bool echo = heard && echoes_possible(echoes);
    echoes->known = echoes->known || echo;
    return echo;
}
