/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of whoever dials in, and whatever a converter sends between answers: however they
 * are cut, whose they are once it is known stays so, and nothing is taken out but whole words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/registration.h"

#define MOST 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dial_in_config text = {
    .registration = {.size = 4, .bytes = "4G-1"},
    .heartbeats = {{.size = 2, .bytes = "hi"}, {.size = 1, .bytes = {0xFE}}},
    .heartbeat_count = 2};
static const struct dial_in_config longer = {.registration = {.size = 5, .bytes = "4G-12"}};
static const struct dial_in_config open = {
    .registration = {.size = 2, .bytes = {0xAA, 0x00}, .open = true}};
static const struct dial_in_config *const known[] = {&text, NULL, &longer, &open};
#define KNOWN (sizeof known / sizeof known[0])

static void check_strip(const uint8_t *data, size_t size)
{
    uint8_t left[MOST];
    size_t kept = registration_strip(&text, data, size, left), at = 0;
    for (size_t i = 0; i < size;) {
        size_t word = registration_word(&text, data + i, size - i);
        if (word == 0 && (at == kept || left[at++] != data[i]))
            abort();
        i += word > 0 ? word : 1;
    }
    if (at != kept)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whose = 0, first = KNOWN;
    if (size > MOST)
        return 0;
    for (size_t part = 0; part <= size; part++) {
        enum registration_verdict verdict =
            registration_judge(known, KNOWN, data, part, false, &whose);
        if (verdict == REGISTRATION_UNKNOWN)
            abort(); /* more may come */
        if (verdict == REGISTRATION_KNOWN && (whose >= KNOWN || known[whose] == NULL))
            abort();
        if (first != KNOWN && (verdict != REGISTRATION_KNOWN || whose != first))
            abort();
        if (verdict == REGISTRATION_KNOWN)
            first = whose;
    }
    check_strip(data, size);
    return 0;
}
