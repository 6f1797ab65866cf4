/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on a line that nobody else uses: every rate and parity that devices are set to by
 * factories and by people, our nodes by their serial numbers, all others by their addresses. */
#ifndef BAIYE_COMMISSION_SURVEY_H
#define BAIYE_COMMISSION_SURVEY_H

#include <jansson.h>

#include "gateway/daemon/commission/bench.h"
#include "gateway/daemon/commission/recognise.h"

#define SURVEY_SETTINGS  16
#define SURVEY_FOUND     64
#define SURVEY_ADDRESSES 256 /* each once, but for one; and the 0 at the end */
#define SURVEY_OTHERS    8

struct survey_found {
    struct serial_timing wire;
    uint8_t unit;
    uint32_t serial;    /* of one of our nodes; 0: another's device */
    bool garbled;       /* something answers there, never in one piece */
    const char *device; /* of the configuration, which says what it is; NULL: none */
    char identity[RECOGNISE_IDENTITY];
    enum recognise_sure sure;
    const struct profile_config *profile; /* the best match; NULL: unknown */
    const struct profile_config
        *others[SURVEY_OTHERS]; /* those that fit about as well; NULL: no more */
};

struct survey {
    struct bench *bench;
    const struct recognise_book *book;
    bool every_address;  /* 1 to 247 at each setting, not only the usual ones */
    const uint8_t *also; /* more addresses, up to 0; NULL: none */
    /* Said before each step; false: end here (Ctrl-C). */
    bool (*step)(void *context, const struct serial_timing *wire, unsigned unit);
    void *context;
    unsigned count;
    struct survey_found found[SURVEY_FOUND];
};

/* The settings to try, `first` in front; how many. Pure. */
unsigned survey_settings(const struct recognise_book *book, const struct serial_timing *first,
                         struct serial_timing list[SURVEY_SETTINGS]);
/* Addresses that are tried at once, in their order, up to 0; the rest takes its time. `also` may
 * be NULL. Pure. */
void survey_addresses(const struct recognise_book *book, const uint8_t *also, bool every,
                      uint8_t list[SURVEY_ADDRESSES]);
/* Looks at one setting; false: ended by `step`, or the port is gone. */
bool survey_look(struct survey *survey, const struct serial_timing *wire);
/* Matches what was found to profiles, but for what the configuration knows; false: ended by
 * `step`. */
bool survey_recognise(struct survey *survey);

/* {baud, parity, unit, garbled, identity, sure, profile, or, labels [, serial]}; `labels`: what the
 * profile and those of `or` are of. A new reference. */
json_t *survey_found_json(const struct survey_found *found);

#endif
