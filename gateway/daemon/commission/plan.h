/* SPDX-License-Identifier: Apache-2.0 */
/* What is to become of each device that a survey found; the same for who sits at a terminal and who
 * holds a phone. Pure. */
#ifndef BAIYE_COMMISSION_PLAN_H
#define BAIYE_COMMISSION_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_MAX     64
#define PLAN_ITEM    280
#define PLAN_EVERY   "60s" /* how often a new device is asked */
#define PLAN_LABEL   64
#define PLAN_OF      97  /* a profile's label: CONFIG_LABEL_SIZE */
#define PLAN_FITS    9   /* profiles: the best one, and those that fit as well */
#define PLAN_FACTORY 247 /* where our nodes are when they are new */

enum plan_kind {
    PLAN_KNOWN,   /* the configuration has it */
    PLAN_NODE,    /* one of ours */
    PLAN_PROBE,   /* bought, and recognised */
    PLAN_PERHAPS, /* bought; several profiles fit about as well */
    PLAN_UNKNOWN, /* it answers, and fits no profile */
    PLAN_GARBLED  /* never in one piece */
};

struct plan_device {
    enum plan_kind kind;
    uint32_t serial;
    uint8_t unit, to; /* `to` 0: no address is free */
    uint32_t baud;
    char parity;
    char profile[40], name[40], sure[12];
    char fits[200];              /* "a, b": profiles that fit as well, with the best in front … */
    char of[PLAN_FITS][PLAN_OF]; /* … and what each of them is of */
    char label[PLAN_LABEL];      /* what people call its place; "": nothing */
    bool skip;                   /* not wanted by who sits there */
    bool placed;                 /* it answers at its final place */
    bool given_up[256];          /* addresses at which it could not be heard */
    char rest[320];              /* why it is not brought up; "": it is */
};

struct plan {
    uint32_t baud; /* the bus's */
    char parity;
    bool used[256];    /* addresses of the configuration */
    char (*names)[40]; /* that are taken; name_count of them */
    unsigned name_count, count;
    struct plan_device devices[PLAN_MAX];
};

const char *plan_kind_name(enum plan_kind kind); /* "known", … */
enum plan_kind plan_kind_of(const char *name);   /* PLAN_UNKNOWN: no such name */
const char *plan_parity_name(char parity);       /* as the configuration has it */

/* The lowest that new devices may have; 0: none is free. */
uint8_t plan_free_address(const bool taken[256]);
/* Addresses, and names with them: who can stays where it is; our new nodes, and who shares an
 * address, get the lowest that is free. */
void plan_places(struct plan *plan);
/* Names of all that are new and have an address, by what they are and where they go. */
void plan_names(struct plan *plan);
/* It went to another address than was planned: the name that goes with that, unless people gave
 * one. */
void plan_moved(struct plan *plan, struct plan_device *device, uint8_t to);
/* A name of small letters, digits and hyphens that nobody has? */
bool plan_name_fits(const struct plan *plan, const char *name, const struct plan_device *but);
/* A text that no name could be, of letters and no signs that YAML knows? */
bool plan_label_fits(const char *text);
/* Its line of the configuration, as yaml_add_devices() wants it. false: too long. */
bool plan_item(const struct plan *plan, const struct plan_device *device, char out[PLAN_ITEM]);

#endif
