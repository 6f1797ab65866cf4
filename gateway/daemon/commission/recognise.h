/* SPDX-License-Identifier: Apache-2.0 */
/* Which profile is a device of? Each profile whose every read the device answers is a candidate;
 * what its registers hold speaks for it or against it. A claim is made only when one candidate is
 * ahead of all others: devices of one maker often have the same registers, and then all that fit
 * are named. recognise_points() and recognise_judge() are pure. */
#ifndef BAIYE_COMMISSION_RECOGNISE_H
#define BAIYE_COMMISSION_RECOGNISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/commission/bench.h"
#include "gateway/daemon/config/profile.h"

#define RECOGNISE_PROFILES 256
#define RECOGNISE_IDENTITY 160

enum recognise_says { SAYS_NOTHING, SAYS_FITS, SAYS_OTHER };

struct recognise_evidence {
    /* Registers of fields whose value is in its range; is 0; is none; is out of its range. */
    unsigned good, zero, absent, implausible;
    enum recognise_says address, rate; /* what the registers for them hold */
    bool usual_line, usual_address;    /* as the profile's device leaves its factory */
    bool named;                        /* the device says the profile's name of itself */
    bool more;                         /* the device has registers behind the profile's last one */
};

struct recognise_match {
    const struct profile_config *profile;
    int points;
};

enum recognise_sure { RECOGNISE_NONE, RECOGNISE_PERHAPS, RECOGNISE_LIKELY, RECOGNISE_SURE };

/* The shipped profiles and those of `folder` (may be NULL), read once. */
struct recognise_book {
    struct profile_config *profiles;
    unsigned count;
};
bool recognise_open(struct recognise_book *book, const char *folder);
void recognise_close(struct recognise_book *book);
const struct profile_config *recognise_find(const struct recognise_book *book, const char *name);

int recognise_points(const struct recognise_evidence *evidence);
/* Sorts the matches, best first; how sure the first one is. */
enum recognise_sure recognise_judge(struct recognise_match *matches, unsigned count);
/* "sure", … */
const char *recognise_sure_name(enum recognise_sure sure);

/* What a device says of itself by FC 43/14 and FC 17, in printable ASCII; "": nothing. */
void recognise_identity(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
                        char text[RECOGNISE_IDENTITY]);
/* Reads a device by every profile. Returns the number of matches, for recognise_judge(). */
unsigned recognise_device(struct bench *bench, const struct recognise_book *book,
                          const struct serial_timing *wire, uint8_t unit, const char *identity,
                          struct recognise_match matches[RECOGNISE_PROFILES]);

#endif
