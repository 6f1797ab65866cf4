/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a bus thread: shared by bus.c (the steps), tcp_loop.c, connection.c, exchange.c,
 * poll.c, refused.c, nodes.c, request.c, bus_stats.c and once.c only. Everything but what stands
 * under the mutex or is atomic belongs to the thread: a serial line's own, or the loop's of all
 * Modbus TCP lines. */
#ifndef BAIYE_BUS_IMPL_H
#define BAIYE_BUS_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/daemon/bus/bus_result.h"
#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/bus/owed.h"
#include "gateway/daemon/bus/schedule.h"

struct bus;

#define BUS_UNITS 256
#define US        1000LL
#define MS        1000000LL

/* The request under way. On a serial line it is over when bus_exchange() returns; on Modbus TCP the
 * next steps take what comes. */
struct bus_exchange {
    bool waiting, numbered;
    struct device *device;
    struct transact_request request;
    struct transact_answer answer;
    enum bus_result (*ended)(struct bus *bus, struct transact_answer *answer);
    uint8_t pdu[MODBUS_PDU_MAX];
    /* What `ended` goes on with: */
    unsigned index;             /* of the device */
    unsigned write;             /* of its profile */
    enum own_node_job job;      /* of a node */
    struct bus_waiting *served; /* of others */
};

/* What other threads read and write. */
struct bus_control {
    atomic_bool stopping, paused; /* paused: and the port is closed */
    atomic_llong paused_until_ms, step_ms;
    atomic_bool woken; /* Modbus TCP: for a request of others */
    atomic_uint asked; /* requests of others that wait */
};

/* How a turn of the loop ends: bus_step() says until when to wait, whoever waits says what came. */
struct bus_pace {
    int64_t together_us; /* Modbus TCP: polls begin at multiples of this */
    int64_t due_ns;      /* … the next step is then, */
    bool heard;          /* or when something has come, and this is it */
    unsigned slot;       /* in the loop (tcp_loop.c) */
};

/* The port or connection; connection.c alone writes it. */
struct bus_link {
    bool up;
    bool dormant; /* closed with nothing to request; opened again when there is */
    bool useful;  /* since it was opened, somebody answered on this line */
    int64_t open_at_ms;
    int64_t ready_ms; /* nothing is sent on a new connection before */
};

/* Wall time at a monotonic time (bus_clock.c). */
struct bus_wall {
    int64_t offset_ms, at_ms;
    enum time_trust trust;
};

/* What the devices point into; freed with the bus. */
struct bus_memory {
    struct own_node *nodes; /* node_count of them */
    struct device_rare *rare;
    struct decode_map *maps; /* one a profile */
    uint16_t *words;         /* all images, one after the other */
};

struct bus {
    const struct config *config;
    const struct bus_config *bus;
    const struct reading_sink *sink;
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t mutex; /* of what the parts share with other threads */
    struct bus_control control;
    struct line line;
    struct transact transact;
    struct bus_exchange exchange;
    struct bus_pace pace;
    struct bus_link link;
    struct schedule schedule;
    struct schedule_unit *units; /* by place in the bus's configuration, as are the */
    struct device *devices;
    unsigned node_count; /* of the devices, those that are our own nodes */
    bool only_polls;
    struct owed *owed; /* by unit identifier; NULL: Modbus TCP, where nothing is */
    struct bus_memory memory;
    struct bus_wall wall;
    /* What belongs to one file is a private struct of that file. */
    struct connection *connection; /* connection.c */
    struct caution *caution;       /* exchange.c */
    struct polling *polling;       /* poll.c */
    struct tending *tending;       /* nodes.c */
    struct requests *requests;     /* request.c */
    struct reporting *reporting;   /* bus_stats.c */
};

/* bus_clock.c */
int64_t bus_now_ms(void);
/* Wall time at a monotonic time near now. */
struct wall_ms bus_wall(struct bus *bus, int64_t mono_ms);

/* bus.c: there is something to do before what it waits for. Any thread. */
void bus_wake(struct bus *bus);
/* Memory without a thread; NULL without memory. */
struct bus *bus_create(const struct config *config, uint16_t bus_index, uint32_t boot,
                       const struct reading_sink *sink);
void bus_destroy(struct bus *bus);
/* One turn of the loop. On Modbus TCP it never waits, but says in `due_ns` until when to. */
void bus_step(struct bus *bus);
/* What a thread does when its bus is to end. */
void bus_end(struct bus *bus);

/* tcp_loop.c: one thread for all Modbus TCP lines, there as long as one is. 0, or an errno. */
int tcp_loop_join(struct bus *bus);
/* The bus is ended. */
void tcp_loop_leave(struct bus *bus);
/* Milliseconds since it last went round. Any thread. */
int64_t tcp_loop_idle_ms(void);

/* connection.c: the port or connection, open or not. */
/* false: no memory. What it takes is freed with the bus. */
bool connection_init(struct bus *bus);
void connection_free(struct bus *bus);
/* Another process may have polled the units until now. */
void connection_after_strangers(struct bus *bus);
/* Opens, closes for a pause, opens anew what is deaf. True: it is being opened, nothing else
 * now. */
bool connection_tend(struct bus *bus, int64_t now_ms);
/* It failed while in use: opened again with back-off. */
void connection_lost(struct bus *bus);
/* It ended while no request was under way. */
void connection_ended(struct bus *bus);
/* There is nothing to do before `until_us`: closes when that is wanted. Until when to rest. */
int64_t connection_idle(struct bus *bus, int64_t until_us);
/* Open, or closed only because nothing is to be asked. */
bool connection_fine(const struct bus *bus);
/* An errno: of the last try to open it. */
int connection_error(const struct bus *bus);
/* A request of a unit is over. */
void connection_used(struct bus *bus, const struct transact_request *request,
                     const struct transact_answer *answer);
/* Is its converter one that dials in, and has not? */
bool connection_away(const struct bus *bus);
/* May it go on after an answer that did not come? Not one of ours with Modbus TCP: what may still
 * come is told apart by its number, but a server that is stuck is not known otherwise. A converter
 * that dials in needs long to do so again. */
bool connection_outlives(const struct bus *bus, enum bus_result result);
/* What a technician should look at. */
struct hint connection_hint(const struct bus *bus);

/* exchange.c: one transaction with a device, with all its settings. `cost_max_us` limits a probe,
 * 0: no limit. `ended` is called at its end, on Modbus TCP by a later step, and says BUS_DOWN when
 * the line must be opened anew: so does this. */
enum bus_result bus_exchange(struct bus *bus, struct device *device,
                             const struct transact_request *request, int64_t cost_max_us,
                             enum bus_result (*ended)(struct bus *, struct transact_answer *));
/* Goes on with an exchange that waits, likewise; its `waiting` tells whether it is over. */
enum bus_result bus_exchange_continue(struct bus *bus);
/* What the line is left silent before a request to it, before anything is learned. */
int64_t bus_silence_ns(const struct bus *bus, const struct device *device);
/* A late answer was heard while nothing was asked: its unit is there. */
void bus_note_late(struct bus *bus);

/* poll.c: one read of a device whose turn it is. False: the line must be opened anew. */
bool bus_poll(struct bus *bus, const struct schedule_turn *turn, int64_t now_ms);

/* refused.c: how a poll goes on after an exception; `again`: with what is left of it, at once. */
enum schedule_outcome refused_judge(struct bus *bus, struct device *device, unsigned index,
                                    struct transact_answer *answer, bool *again);
/* The read that was refused is planned anew in parts, or left out. */
void refused_leave_out(struct device *device);
/* What was refused is requested again, as if nothing had been. */
void refused_forget(struct device *device);
/* Was its last exception one that ends by itself? */
bool refused_is_busy(const struct device *device);
/* An exception of a gateway that speaks for a unit, which does not? */
bool refused_by_another(const struct transact_answer *answer);
/* One line when what the device refuses has changed. */
void refused_note(struct bus *bus, struct device *device);
/* Every hour one of what was refused is requested again, alone; if it is answered, all are. What
 * the unit was busy with every minute. */
void refused_try_again(struct device *device, int64_t now_ms);
/* Everything is refused: one field a minute, each in its turn, until one is answered. */
void refused_try_one(struct device *device);
/* A unit that is silent may be so to one field alone. Where what it answers is known to be that,
 * every other probe of a dead one is for one field, another one each time. False: not this one.
 * `pdu` holds 5 bytes. */
bool refused_part(const struct bus *bus, struct device *device, uint8_t pdu[5],
                  struct transact_request *request);
/* The same of a read that is made to see whether the unit is past what it owes: from another
 * field's registers on. */
void refused_elsewhere(struct device *device, bool wide, uint8_t pdu[5]);

/* nodes.c: one request for a node's settings or log, if one is wanted and needs no more line than
 * `room_ns`. BUS_STOPPED: none was made; BUS_DOWN: the line must be opened anew. */
enum bus_result bus_tend_nodes(struct bus *bus, int64_t room_ns);
/* Have the nodes' logs not had the line for long? */
bool bus_nodes_starve(const struct bus *bus, int64_t now_ms);

/* request.c: one request of others, if any waits; the background one when `turn` yields to it, and
 * with a NULL `turn`. BUS_STOPPED: none; BUS_DOWN: the line must be opened anew. */
enum bus_result bus_serve_request(struct bus *bus);
enum bus_result bus_serve_background(struct bus *bus, const struct schedule_turn *turn);
/* When the next of those that wait for their unit can go; INT64_MAX: none waits. */
int64_t bus_requests_ready_us(struct bus *bus);
void bus_end_requests(struct bus *bus);
/* A unit has answered late: if it is no device here, from now on it may be asked again. */
void bus_request_answered_late(struct bus *bus, uint8_t unit, int64_t now_us);
bool requests_init(struct bus *bus);
void requests_free(struct bus *bus);

/* exchange.c, poll.c, nodes.c, bus_stats.c: as connection_init(). */
bool caution_init(struct bus *bus);
bool polling_init(struct bus *bus);
bool tending_init(struct bus *bus);
bool reporting_init(struct bus *bus);
/* bus_stats.c: counters for other threads, health for the sink, hints for the log; when it is
 * time. */
void bus_report(struct bus *bus, int64_t now_ms);
/* The next report comes at once. */
void bus_report_soon(struct bus *bus);
/* What is counted. */
void report_request(struct bus *bus);
/* `guest`: the unit is none of the bus, requested by people; that it is silent is no trouble. */
void report_answer(struct bus *bus, const struct transact_answer *answer, bool guest);
void report_reopened(struct bus *bus);

#endif
