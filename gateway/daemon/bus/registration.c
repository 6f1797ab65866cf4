/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/registration.h"

#include <string.h>

static bool stands(const struct dial_in_word *word, const uint8_t *bytes, size_t size)
{
    return word->size > 0 && size >= word->size && memcmp(bytes, word->bytes, word->size) == 0;
}

/* The bytes are the begin of the word, but not all of it. */
static bool begins(const struct dial_in_word *word, const uint8_t *bytes, size_t size)
{
    return size < word->size && memcmp(bytes, word->bytes, size) == 0;
}

/* ---- Words in the stream ---- */

size_t registration_word(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size)
{
    size_t longest = stands(&dial_in->registration, bytes, size) ? dial_in->registration.size : 0;
    for (size_t i = 0; i < dial_in->heartbeat_count; i++) {
        const struct dial_in_word *word = &dial_in->heartbeats[i];
        if (stands(word, bytes, size) && word->size > longest)
            longest = word->size;
    }
    return longest;
}

bool registration_begins(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size)
{
    bool begun = begins(&dial_in->registration, bytes, size);
    for (size_t i = 0; i < dial_in->heartbeat_count; i++)
        begun = begun || begins(&dial_in->heartbeats[i], bytes, size);
    return begun;
}

bool registration_within(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (registration_word(dial_in, bytes + at, size - at) > 0 ||
            registration_begins(dial_in, bytes + at, size - at))
            return true;
    }
    return false;
}

size_t registration_strip(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size,
                          uint8_t *out)
{
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        size_t word = registration_word(dial_in, bytes + at, size - at);
        if (word == 0)
            out[kept++] = bytes[at];
        at += word > 0 ? word : 1;
    }
    return kept;
}

/* ---- Who it is ---- */

static bool is_text(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7F;
}

static bool is_all_text(const struct dial_in_word *word)
{
    for (size_t i = 0; i < word->size; i++) {
        if (!is_text(word->bytes[i]))
            return false;
    }
    return true;
}

enum fit { FIT_NONE, FIT_LATER, FIT_WHEN_QUIET, FIT };

/* How one registration fits the bytes. */
static enum fit fit_of(const struct dial_in_config *dial_in, const uint8_t *bytes, size_t size)
{
    const struct dial_in_word *word = &dial_in->registration;
    if (begins(word, bytes, size))
        return FIT_LATER;
    if (word->size == 0) /* alone on its port: whoever comes */
        return FIT;
    if (!stands(word, bytes, size))
        return FIT_NONE;
    const uint8_t *next = bytes + word->size;
    size_t left = size - word->size;
    if (word->open)
        return FIT;
    if (left == 0)
        return FIT_WHEN_QUIET;
    bool ends = next[0] == '\r' || next[0] == '\n' || next[0] == '\0';
    if (ends || (is_all_text(word) && !is_text(next[0])) ||
        registration_word(dial_in, next, left) > 0)
        return FIT;
    return registration_begins(dial_in, next, left) ? FIT_LATER : FIT_NONE;
}

/* Bytes before the registration: heartbeats of anyone, ends of lines. */
static size_t skip_of(const struct dial_in_config *const *known, size_t count, const uint8_t *bytes,
                      size_t size)
{
    size_t skip = size > 0 && (bytes[0] == '\r' || bytes[0] == '\n' || bytes[0] == '\0');
    for (size_t i = 0; i < count; i++) {
        if (known[i] == NULL)
            continue;
        if (fit_of(known[i], bytes, size) != FIT_NONE)
            return 0;
        for (size_t k = 0; k < known[i]->heartbeat_count; k++) {
            const struct dial_in_word *word = &known[i]->heartbeats[k];
            if (stands(word, bytes, size) && word->size > skip)
                skip = word->size;
        }
    }
    return skip;
}

static bool may_be_heartbeat(const struct dial_in_config *const *known, size_t count,
                             const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i] != NULL && registration_begins(known[i], bytes, size))
            return true;
    }
    return false;
}

enum registration_verdict registration_judge(const struct dial_in_config *const *known,
                                             size_t count, const uint8_t *bytes, size_t size,
                                             bool quiet, size_t *whose)
{
    size_t skip;
    while ((skip = skip_of(known, count, bytes, size)) > 0) {
        bytes += skip;
        size -= skip;
    }
    enum fit best = FIT_NONE;
    const struct dial_in_word *meant = NULL;
    bool longer = false; /* one may still turn out to be meant, and be longer */
    for (size_t i = 0; i < count; i++) {
        enum fit fit = known[i] != NULL ? fit_of(known[i], bytes, size) : FIT_NONE;
        const struct dial_in_word *word = fit != FIT_NONE ? &known[i]->registration : NULL;
        longer = longer || fit == FIT_LATER;
        if (fit != FIT && fit != FIT_WHEN_QUIET)
            continue;
        if (meant != NULL && (word->size < meant->size ||
                              (word->size == meant->size && (word->open || !meant->open))))
            continue;
        meant = word;
        best = fit;
        *whose = i;
    }
    if (meant != NULL)
        return quiet || (best == FIT && !longer) ? REGISTRATION_KNOWN : REGISTRATION_WAITS;
    if (longer || may_be_heartbeat(known, count, bytes, size))
        return REGISTRATION_WAITS;
    return quiet && size > 0 ? REGISTRATION_UNKNOWN : REGISTRATION_WAITS;
}

/* ---- From where ---- */

bool registration_from(const struct dial_in_config *dial_in, const uint8_t address[16])
{
    for (size_t i = 0; i < dial_in->from_count; i++) {
        const struct dial_in_network *network = &dial_in->from[i];
        size_t whole = network->bits / 8u;
        unsigned rest = network->bits % 8u;
        uint8_t mask = (uint8_t)(0xFF00u >> rest);
        if (memcmp(network->address, address, whole) == 0 &&
            (rest == 0 || ((network->address[whole] ^ address[whole]) & mask) == 0))
            return true;
    }
    return dial_in->from_count == 0;
}
