/* SPDX-License-Identifier: Apache-2.0 */
/* A store, a bus, a forecast and publishers that answer at once and remember what they were asked.
 * The bus has units 1 and 2 with 16 coils and 16 holding registers; unit 2 does not take what is
 * written, which the bus reports, as the real one does: it reads back itself. */
#ifndef BAIYE_SERVE_FAKES_H
#define BAIYE_SERVE_FAKES_H

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/forecast/forecast.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/store.h"

struct fakes {
    struct wall_ms now;
    struct store_audit audits[64];
    uint32_t audit_count;
    struct store_pick pick;
    uint32_t pick_count;
    struct store_pick dropped;
    struct store_ledger_query ledger;
    struct store_pick ledger_row; /* what the ledger holds */
    struct store_said_query said_asked;
    struct store_said said[2]; /* what the forecast had said */
    uint32_t picked_count;     /* forecast_picked() */
    struct store_history_query history;
    uint32_t history_points; /* an answer has so many; more than asked for: with `next` */
    struct store_resend_query resend;
    char kept_key[80], kept[65537]; /* the last store_put(); also what store_get() finds */
    enum store_result result;       /* of every question */
    uint16_t registers[16], coils;
    uint32_t bus_requests;
    enum bus_result bus_result;
    /* Answers instead of them, if set. */
    void (*answer_request)(const struct bus_request *request, struct bus_reply *reply);
    uint32_t paused_s;
    char answer_topic[PUBLISH_TOPIC_SIZE], answer[70000], correlation[65];
    uint32_t answers;
    char acked_by[65]; /* of the one alert that stands: frost-plot-1 */
    int64_t acked_ms;
    int64_t idle_ms;  /* of store, bus, forecast and publishers */
    uint32_t tests;   /* of ways to people */
    bool thrifty;     /* every broker */
    int64_t later_ms; /* then */
    char raised[160]; /* the alert that stands */
};
extern struct fakes fakes;

struct bus;
extern struct bus *const fake_buses[];
extern struct publish *const fake_publish; /* only its address means something */
extern struct alerts *const fake_alerts;
extern struct notifier *const fake_notifier;

/* The garden that is asked about: bus east with plot-1 (unit 1), broken (unit 2) and dead (unit 3),
 * broker local, plots upper (plot-1, broken) and empty. A test may name its file. */
extern struct config fake_config;

#endif
