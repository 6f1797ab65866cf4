/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a line, from what was heard on it. Pure. */
#ifndef BAIYE_CLI_LINE_VERDICT_H
#define BAIYE_CLI_LINE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/serial_timing.h"

#define VERDICT_DEVICES 247
#define VERDICT_MAX     64

/* How requests of one length ended. */
struct verdict_tries {
    unsigned all, good, silent, garbled;
};

/* What one of our nodes counted while the line was tried. */
struct verdict_node {
    bool known;
    unsigned messages, crc, framing, parity, noise;
};

struct verdict_device {
    const char *name;
    struct verdict_tries brief,
        lengthy; /* of the shortest and of the longest answers that it has */
    unsigned brief_bytes, lengthy_bytes; /* of those answers */
    unsigned again, waited;     /* answers that came twice, of those after which it was listened */
    struct serial_timing other; /* it answers at this rate only; baud 0: not so */
    struct verdict_node node;
};

struct verdict_line {
    const struct verdict_device *devices; /* in the order of the cable, the nearest first */
    unsigned count;
    double listened_s; /* without asking anybody */
    double bytes_s;    /* the line's own rate in bytes a second */
    unsigned noise;    /* bytes of no frame meanwhile */
    unsigned others;   /* requests of another master, at any time */
    unsigned asked, echoed;
    unsigned breaks;    /* requests that only a break came back to */
    bool silent_before; /* nobody answered the gateway any more, before the port was opened anew */
};

/* Append only: the names are in JSON. */
enum verdict_kind {
    VERDICT_FINE,
    VERDICT_SWAPPED,     /* A and B at the adapter */
    VERDICT_TERMINATION, /* missing: errors grow with length, everywhere */
    VERDICT_BIAS,        /* missing: the line at rest makes bytes */
    VERDICT_JOINT,       /* a bad contact between `device` (-1: the gateway) and `other` */
    VERDICT_TWINS,       /* two units at the address of `device` */
    VERDICT_ECHO,
    VERDICT_RATE,   /* `device` is set to another rate; -1: all are */
    VERDICT_MASTER, /* another one asks */
    VERDICT_BABBLE, /* somebody talks without end */
    VERDICT_DEAF,   /* the adapter, until it was opened anew */
    VERDICT_DEVICE_SILENT,
    VERDICT_LINE_SILENT,
    VERDICT_GARBAGE, /* nothing else is heard */
    VERDICT_ERRORS,  /* on `device` only; -1: everywhere */
    VERDICT_KINDS
};

struct verdict {
    enum verdict_kind kind;
    int device, other; /* indices; -1: none */
};

/* All that is wrong, the gravest first; one VERDICT_FINE when nothing is. At most VERDICT_MAX. */
unsigned verdict_decide(const struct verdict_line *line, struct verdict *out);
/* "swapped", … */
const char *verdict_name(enum verdict_kind kind);
/* Share of its requests that failed, 0..1. */
double verdict_share(const struct verdict_tries *tries);

#endif
