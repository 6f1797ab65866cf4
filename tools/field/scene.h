/* SPDX-License-Identifier: Apache-2.0 */
/* The scene: which lines there are, what hangs on them, and the weather. One YAML file, checked
 * on reading (an unknown key is an error), then read-only. */
#ifndef BAIYE_FIELD_SCENE_H
#define BAIYE_FIELD_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unit_kind {
    UNIT_NATIVE,       /* our node as a Linux process */
    UNIT_QEMU,         /* our node's firmware on an emulated Cortex-M3 */
    UNIT_XY_MD02,      /* air temperature and humidity */
    UNIT_RS_WS_N01_TR, /* soil moisture and temperature */
    UNIT_ZTS_3001,     /* soil, seven in one */
    UNIT_RELAY,        /* eight outputs, one of which may water the garden */
    UNIT_RESPONDER,    /* plain registers with made-up values, see responder.h */
    UNIT_MASTER        /* no unit: another master, which asks the one at this address */
};

enum line_type { LINE_RTU, LINE_TCP, LINE_RTU_OVER_TCP };

enum fault_kind {
    FAULT_FLIP,      /* some bits of the answer */
    FAULT_DROP,      /* some bytes of the answer */
    FAULT_INSERT,    /* random bytes into it */
    FAULT_DOUBLE,    /* some bytes of it come twice */
    FAULT_TRUNCATE,  /* its end is missing */
    FAULT_STRAY,     /* 0x00 in front of it, as drivers make when they turn round */
    FAULT_RINGING,   /* bits of it; the probability is that of each byte: no termination */
    FAULT_SWAPPED,   /* it is heard with A and B exchanged */
    FAULT_RATE,      /* it is said at half the rate that the master listens at */
    FAULT_LATE,      /* it comes after `ms`..`max_ms` more */
    FAULT_DRIP,      /* one byte every `ms` */
    FAULT_FOREIGN,   /* a well-formed answer under another address comes first */
    FAULT_DUPLICATE, /* it comes twice, `ms` apart */
    FAULT_REQUEST,   /* bits of the request, on its way to the units */
    FAULT_BABBLE,    /* endless random bytes for `ms`, or for ever with 0 */
    FAULT_DEAD,      /* no answer */
    /* Well formed, and wrong (wrong.h); on serial lines. */
    FAULT_REFUSE, /* an exception: 1, 2, 4 or 6 */
    FAULT_SIZE,   /* the right unit with more or fewer registers than were asked for */
    FAULT_GLITCH, /* the last register is 0 this once: never first, nor twice in a row */
    FAULT_FROZEN, /* the last answer again, for `ms`..`max_ms` */
    FAULT_KIND_COUNT
};

struct scene_fault {
    enum fault_kind kind;
    double probability; /* of each answer; 0 ends the fault */
    uint32_t ms, max_ms;
};

struct scene_unit {
    enum unit_kind kind;
    uint8_t address; /* 1..247 */
    const char *name;
    uint16_t count;      /* this many units, at addresses from `address` on; 1 */
    uint16_t registers;  /* of a responder; 10 */
    uint32_t delay_us;   /* turnaround beyond t3.5 */
    double silence;      /* it hears no request sooner than so many times t3.5; 0: any */
    uint32_t baud;       /* 0: the line's */
    const char *parity;  /* NULL: the line's */
    uint32_t period_s;   /* sampling of a node; 0: what its settings say */
    uint32_t serial;     /* of a node; 0: made from its place */
    double bucket_mm;    /* rain that tips the gauge of a native node; 0: it has none */
    double waters_pct_s; /* of a relay: output 0 raises the soil's moisture by so much a second */
    uint32_t every_ms;   /* of another master: how often it asks */
    unsigned faults_count;
    struct scene_fault *faults;
};

struct scene_line {
    const char *name; /* [a-z0-9-]{1,32} */
    enum line_type type;
    uint32_t baud;       /* 9600 */
    const char *parity;  /* "none", "even", "odd" */
    uint8_t stop_bits;   /* 1 */
    uint32_t silence_ms; /* more than t3.5 before a request; 0: the standard's */
    uint16_t port;       /* TCP, on 127.0.0.1; 0: a free one */
    bool strict;         /* units do not hear a request that came before the silence was over */
    bool quiet;          /* what its units give does not go into the ledger: for benches */
    bool echo;           /* the master hears what it says, as some adapters do */
    bool swapped;        /* A and B are exchanged at the master's adapter (trouble.h) */
    bool biased;         /* somebody but the master holds the line at rest */
    bool deaf;           /* the adapter passes on nothing that it hears */
    double floating;     /* bytes of noise a second on the line at rest; 0: it is held */
    double joint;        /* share of the bytes that a bad contact damages; 0: there is none */
    uint8_t joint_after; /* it is behind the unit with this address; 0: before all */
    bool parity_blind;   /* do not compare the master's parity (for one that does not set INPCK) */
    unsigned units_count;
    struct scene_unit *units;
};

struct scene_weather {
    const char *start; /* "2026-04-01T06:00:00Z"; NULL: now */
    double latitude;   /* degrees north; 26.5 */
    double speed;      /* garden seconds a second; 1 */
    const char *csv;   /* a recorded hourly series, see weather.h; NULL: the model */
};

struct scene {
    struct scene_weather weather;
    unsigned lines_count;
    struct scene_line *lines;
};

struct scene_error {
    char text[512];
};

/* NULL and `error` filled when the file is not a scene. scene_free() takes everything back. */
struct scene *scene_load(const char *file, struct scene_error *error);
void scene_free(struct scene *scene);

const char *scene_fault_name(enum fault_kind kind);
/* False when there is no fault of that name. */
bool scene_fault_parse(const char *name, enum fault_kind *kind);
const char *scene_unit_kind_name(enum unit_kind kind);
/* 'N', 'E', 'O'; 0: none of them. */
char scene_parity(const char *name);

#endif
