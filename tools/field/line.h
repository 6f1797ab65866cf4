/* SPDX-License-Identifier: Apache-2.0 */
/* One RS-485 line: the master on a port, units on the other side, and the ideal schedule of the
 * wire between them. Frames reach the other side whole, when their last bit would; what overlaps
 * on the wire is garbled; a unit set to another rate hears and says nothing. */
#ifndef BAIYE_FIELD_LINE_H
#define BAIYE_FIELD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/overheard.h"
#include "tools/field/port.h"
#include "tools/field/unit.h"

#define LINE_PENDING   32 /* transmissions of units under way or planned */
#define LINE_HEAR_SIZE 512

struct line_counts {
    uint64_t requests; /* frames of the master with good CRC */
    uint64_t garbled;  /* frames of the master that no unit could understand */
    uint64_t answers;  /* handed to the master */
    uint64_t broadcasts;
    uint64_t t35_violations; /* requests before the silence was over */
    uint64_t unheard;        /* requests too early for the unit that they were for */
    uint64_t collisions;     /* transmissions that overlapped another */
    uint64_t mismatched;     /* requests at a rate or parity that their unit does not use */
    uint64_t writes;         /* of registers and coils, to one address */
    uint64_t shared_writes;  /* of them: more than one unit took it */
    uint64_t overrun;        /* answers dropped because LINE_PENDING was full */
    int64_t busy_ns;         /* wire time of requests and answers */
    /* `answers` and `busy_ns` as they were at the ideal end of the last answer: between two such
     * moments lie whole exchanges. */
    int64_t mark_ns, mark_busy_ns;
    uint64_t mark_answers;
    int64_t gap_min_ns; /* shortest silence before a request; -1: none yet */
    struct fault_counts faults;
};

/* Bytes of a unit on the wire. */
struct transmission {
    bool used;
    int64_t start_ns, end_ns; /* ideal */
    int64_t step_ns;          /* hand-over byte by byte, this far apart; 0: whole at the end */
    size_t given;             /* bytes handed over so far */
    bool hit;                 /* overlapped by another */
    bool sample;              /* a whole measurement, to be counted when handed over */
    struct unit *unit;
    struct wire_rate rate; /* it is said at */
    size_t size;
    uint8_t bytes[FAULT_BYTES_SIZE];
};

#define ARBITRATION_REQUEST 5 /* bytes of the frame that asks for one */

/* An arbitration by serial number among a line's native nodes, in the line's time: it goes on when
 * every node has had its say, however late the machine lets it (boards/native/pace.h), and never
 * faster than the clock. Emulated nodes keep their own time and are not in it. */
struct arbitration {
    bool on, delivered; /* nodes are held; they have the request */
    uint32_t number;    /* of the last order */
    uint32_t at_us;     /* the line's time since they were all held */
    uint32_t byte_us;   /* how long a byte takes */
    uint32_t ends_us;   /* when the byte now on the wire ends; 0: none is */
    unsigned speakers;
    int64_t began_ns; /* of the clock; 0: not yet */
    int64_t give_up_ns;
    uint8_t request[ARBITRATION_REQUEST];
    struct loop_timer timer;
};

struct tcp;

struct line {
    struct garden *garden;
    const struct scene_line *scene;
    struct port port;
    int pty;                    /* number of the port's pseudo terminal; -1: it is none */
    struct wire_rate rate;      /* the line's own */
    struct wire_rate sent_rate; /* of the request now on the wire */
    struct wire_clock clock;
    struct loop_timer timer;
    bool saying;    /* a request is on the wire */
    bool early;     /* …and came before the silence was over */
    int64_t gap_ns; /* the silence before it; INT64_MAX: nothing was said before */
    bool sent_hit;
    uint8_t sent[LINE_HEAR_SIZE];
    size_t sent_size;
    int64_t sent_start_ns, sent_end_ns;
    struct overheard overheard;
    struct arbitration arbitration; /* of native nodes */
    int64_t arbitration_end_ns;     /* emulated nodes may be sending single bytes until then */
    int64_t delivered_late_ns;      /* the units had the last request so long after its ideal end */
    struct transmission pending[LINE_PENDING];
    struct unit *units;
    size_t unit_count;
    struct rng rng;
    struct line_counts counts;
    bool plugged;
    bool deaf;        /* nothing that is heard is passed on, until the master opens the port anew */
    int64_t noise_ns; /* a line that floats: when the next byte of noise begins; 0: it does not */
    int64_t noise_end_ns; /* … and when the last one has ended */
    struct tcp *tcp;      /* a Modbus TCP server instead of a wire; else NULL */
};

/* Opens the line of `scene` with its units; `place` counts the garden's units so far. NULL: a
 * message is on stderr. */
struct line *line_open(struct garden *garden, const struct scene_line *scene, uint32_t *place);
void line_free(struct line *line);
/* A node's whole frame, which it began to say at `ready_ns`: goes on the wire then, but not before
 * t3.5 after the request. */
void line_answer(struct line *line, struct unit *unit, const uint8_t *frame, size_t size,
                 int64_t ready_ns);
/* A byte of an emulated node in an arbitration by serial number: all others hear it at once. */
void line_dominant(struct line *line, const struct unit *unit, uint8_t byte);
/* The adapter hears nothing any more, until it is closed. False (errno): it is no pty. */
bool line_deafen(struct line *line);
/* The adapter goes, with its pty; or comes back as a new one under the same name. */
void line_unplug(struct line *line);
bool line_plug(struct line *line);
/* NULL: no unit of that address in the scene. */
struct unit *line_unit(struct line *line, uint8_t address);
/* A new fault of a unit; babbling starts at once. */
void line_fault(struct line *line, struct unit *unit, const struct scene_fault *fault);

/* One of the nodes that arbitrate has reported (line_arbitration.c). */
void line_arbitration_step(struct line *line);

/* ---- between line.c, line_open.c, line_request.c (the units) and line_arbitration.c only ---- */

/* The timer, and a port that is not open yet; line->garden is set. */
void line_begin(struct line *line);
void line_arbitration_init(struct line *line);
/* `unit`, a node, is to hear the request to scan. False: it keeps its own time. */
bool line_arbitration_take(struct line *line, struct unit *unit);
/* All were taken that are to hear it. */
void line_arbitration_begin(struct line *line);
/* Whatever is under way is over: the nodes' time is the clock's. */
void line_arbitration_end(struct line *line);

/* Puts bytes of a unit on the wire. `step_ns` 0: handed over whole. NULL: no room. */
struct transmission *line_transmit(struct line *line, struct unit *unit,
                                   const struct wire_rate *rate, const uint8_t *bytes, size_t size,
                                   int64_t start_ns, int64_t step_ns);
/* What comes out of the port. */
void line_to_master(struct line *line, const uint8_t *bytes, size_t size);
/* Sets the timer for what comes next. */
void line_schedule(struct line *line);

/* The request is over on the wire: the units have it. */
void line_deliver(struct line *line);
/* Another master's request: those that it is for have it. */
void line_pass_on(struct line *line, const struct transmission *t);
/* A unit's whole transmission is over: the others have heard it, and a node knows what it said. */
void line_answered(struct line *line, const struct transmission *t);
/* For all nodes but `except`, when they come to it. */
void line_overhear(struct line *line, const struct unit *except, const struct wire_rate *rate,
                   const uint8_t *bytes, size_t size);
/* The node hears what was said since it last did. */
void line_catch_up(struct line *line, struct unit *unit);

#endif
