/* SPDX-License-Identifier: Apache-2.0 */
/* Everything the gateway must not forget: readings and gaps, how far each broker has them, means
 * for years of charts, picks, audit. One thread owns the one SQLite connection; everybody else
 * talks to it through this header, by message or by copying into memory taken at start.
 *
 *   bus threads ─> chunks in RAM ─> store thread ─> SQLite (WAL, FULL, group commit)
 *                                        │                  │
 *                                        └─> batch cache  ──┴─> store_feed() ─> publishers
 *
 * Nothing here ever stops polling: when the file cannot be written, chunks wait in RAM (at least
 * 30 s of the configured readings), an alarm stands, and what does not fit is counted as a gap.
 * What goes first when max_size is reached says retain.h: acknowledged readings stay at least 7
 * days as long as max_size leaves another way. */
#ifndef BAIYE_STORE_STORE_H
#define BAIYE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/angle.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/state.h"

struct store;

/* Opens or creates the file of config->store_path, brings its schema forward, and takes all the
 * memory the store will use. A damaged file is renamed and a new one started; a file that cannot
 * be opened at all raises an alarm and is tried again later. NULL only without memory. `config`
 * must outlive the store. `machine`: lower-case hexadecimal, what tells this machine from others;
 * when the file was another's, the gateway gets a new identity. "": not known, it stays as it is.
 * Main thread, once, before any thread is started. */
struct store *store_open(const struct config *config, const char *machine);
/* Starts the thread. false when it cannot be started (errno). */
bool store_start(struct store *store);
/* Commits what waits (as far as that can be done within 3 s), ends the thread, closes, frees.
 * Buses and publishers must be stopped before. */
void store_stop(struct store *store);

/* The gateway's boot count: one more with every start, never used twice. */
uint32_t store_boot(const struct store *store);
/* Identity of the file, 36 characters: `gw` of the readings topic. A pointer into the store. */
const char *store_uuid(const struct store *store);
/* Where bus threads put what they take. Valid until store_stop(). */
const struct reading_sink *store_sink(struct store *store);
/* Wall time now, with its trust. Any thread. */
struct wall_ms store_now(const struct store *store);

/* ---- State, for health, metrics and rpc `stats` ---- */

/* A copy. Any thread. */
void store_stats(struct store *store, struct store_stats *stats);
/* Milliseconds since the store thread last made a step; for the watchdog. Any thread. A thread
 * inside a slow fsync makes no step: let the watchdog's limit be 60 s or more. */
int64_t store_idle_ms(const struct store *store);

/* ---- Questions: answered on the store thread, which must not be blocked ---- */

enum store_step { STORE_RAW = 0, STORE_HOUR = 1, STORE_DAY = 2 };

#define STORE_HISTORY_MAX 1024 /* points of one answer */

struct store_history_query {
    int32_t device; /* index into config.devices, or -1 */
    int32_t plot;   /* index into config.plots when device is -1: its devices together */
    store_asker asker;
    char metric[CONFIG_NAME_SIZE];
    int64_t from_ms, to_ms; /* UTC, from <= t < to */
    enum store_step step;   /* an hour or a day of the site's time zone starts at its full hour */
    uint32_t max_points;    /* 1..STORE_HISTORY_MAX; raw answers may hold fewer and a `next_ms` */
};

struct store_point {
    int64_t t_ms; /* of the reading, or where the hour or day begins */
    uint32_t n;   /* samples in min, mean and max; 0: those mean nothing */
    uint32_t bad; /* hour and day: samples that may not be believed, and are in none of them */
    uint8_t flag; /* raw: enum metric_flag */
    double min, mean, max;    /* mean of directions: NAN where they cancel each other out */
    double sum;               /* of increments, of a plot the mean of its devices' sums */
    struct angle_sum angle;   /* of directions */
    uint16_t source, sources; /* which device of the plot it came from last, and of how many */
};

struct store_history {
    enum store_result result;
    uint32_t count;
    const struct store_point *points; /* valid inside the callback only; oldest first */
    int64_t next_ms;                  /* ask again from here; 0: that was all */
};

typedef void (*store_history_done)(void *context, const struct store_history *history);
/* STORE_OK: `done` will be called, exactly once. Any thread. */
enum store_result store_history(struct store *store, const struct store_history_query *query,
                                store_history_done done, void *context);

#define STORE_RESEND_MOST 100000u /* of one request */

struct store_resend_query {
    int32_t broker; /* index into config.brokers, -1: all */
    store_asker asker;
    uint16_t device;
    uint32_t boot, first_seq, last_seq; /* inclusive; at most 100,000 */
};
/* Queues what is kept of that range once more on `readings`. `found` is what will be sent. */
typedef void (*store_resend_done)(void *context, enum store_result result, uint32_t found);
enum store_result store_resend(struct store *store, const struct store_resend_query *query,
                               store_resend_done done, void *context);

/* The same by the numbers of records, whatever they are of. */
struct store_id_range {
    uint64_t first, last; /* inclusive */
};
struct store_resend_ids_query {
    int32_t broker; /* as above */
    store_asker asker;
    struct store_id_range ids; /* from 1 */
};
#define STORE_GONE_MAX 32
struct store_resent {
    uint64_t found; /* will be sent */
    uint64_t next;  /* the first number not looked at: that the store has not given yet, or behind
                       more gone ranges than fit */
    uint32_t gone_count;
    struct store_id_range gone[STORE_GONE_MAX]; /* no one has them any more */
};
typedef void (*store_resend_ids_done)(void *context, enum store_result result,
                                      const struct store_resent *resent);
enum store_result store_resend_ids(struct store *store, const struct store_resend_ids_query *query,
                                   store_resend_ids_done done, void *context);

typedef void (*store_done)(void *context, enum store_result result);

/* Picks and audit have their own share of the file, a 32nd of max_size each: no reading ever goes
 * for them. When it is full, the oldest rows of whoever has the most make room.
 *
 * What a farmer says was picked; a second one with the same id is the same pick, corrected, unless
 * it was made before the one that stands there, or that one was deleted: then it came late, and is
 * not taken. What is corrected or deleted is kept next to it. One of no kilograms that was made
 * before its day began books pickers for it. Committed before `done` (may be NULL) is called. */
struct store_pick {
    char id[64];
    char plot[CONFIG_NAME_SIZE];
    char user[65];
    int32_t day; /* YYYYMMDD */
    double kg;
    uint32_t pickers;
    bool counted; /* ready shoots were, nothing was weighed: so many (`kg`) a frame in `pickers`
                   * frames. Rows of the same ledger, with its limits, versions and deleting. */
    int64_t at_ms;
    int64_t made_ms;   /* when it was said, on a phone that may send it later; 0: at_ms */
    bool gone;         /* it was deleted; `user` is who did */
    char first[65];    /* who noted it; `user` is who changed it last */
    store_asker asker; /* not kept */
};
/* `gone` and `first` are the store's. */
enum store_result store_pick(struct store *store, const struct store_pick *pick, store_done done,
                             void *context);
/* Of `drop` only id, user, at_ms and asker are used. STORE_UNKNOWN: there never was such a pick. */
enum store_result store_pick_drop(struct store *store, const struct store_pick *drop,
                                  store_done done, void *context);
#define STORE_PICKS_MAX 400u
/* Of one user within 24 h, corrections included; then STORE_LIMIT. */
#define STORE_PICKS_A_DAY 500u
typedef void (*store_picks_done)(void *context, enum store_result result,
                                 const struct store_pick *picks, uint32_t count);
/* Of one plot ("" : all), picks or counts, from a day on, oldest first, at most STORE_PICKS_MAX. */
enum store_result store_picks(struct store *store, store_asker asker, const char *plot,
                              int32_t from_day, bool counted, store_picks_done done, void *context);

#define STORE_LEDGER_MOST 150u /* picks of one answer */
struct store_ledger_query {
    char id[64];                 /* not "": all versions of this one, the oldest first */
    char plot[CONFIG_NAME_SIZE]; /* "": all */
    int32_t from_day, to_day;    /* YYYYMMDD, both included */
    bool counted;                /* counts of shoots instead of picks */
    uint32_t skip;
    store_asker asker;
};
/* Of the days, the newest first, without those that were deleted. */
enum store_result store_ledger(struct store *store, const struct store_ledger_query *query,
                               store_picks_done done, void *context);

/* What the forecast said of one plot's day; what was said last stands. It is judged by that when
 * the day's pick is noted, whatever a newer program or a corrected note would make of that evening.
 * Share as that of picks: the oldest days make room. */
struct store_said {
    char plot[CONFIG_NAME_SIZE];
    int32_t day;      /* YYYYMMDD, of which it was said */
    int64_t at_ms;    /* when */
    char program[24]; /* version of the program that said it */
    double kg[3];     /* 10, 50, 90 % */
    double booked;    /* pickers, as known then; NAN: nobody had said */
};
#define STORE_SAID_MAX 400u
/* All or none of them. */
enum store_result store_say(struct store *store, const struct store_said *said, uint32_t count,
                            store_done done, void *context);
typedef void (*store_said_done)(void *context, enum store_result result,
                                const struct store_said *said, uint32_t count);
struct store_said_query {
    char plot[CONFIG_NAME_SIZE];
    int32_t from_day, to_day; /* YYYYMMDD, both included */
    store_asker asker;
};
/* The oldest first, at most STORE_SAID_MAX. */
enum store_result store_said(struct store *store, const struct store_said_query *query,
                             store_said_done done, void *context);

/* Who asked for what, and what came of it. Kept for two years. */
struct store_audit {
    int64_t at_ms;
    char user[65], via[16]; /* broker name, "socket" or "http" */
    char method[32], id[64];
    char detail[512];  /* what was asked, as JSON */
    char result[128];  /* "ok" or why not */
    store_asker asker; /* not kept */
};
enum store_result store_audit(struct store *store, const struct store_audit *audit, store_done done,
                              void *context);
typedef void (*store_audits_done)(void *context, enum store_result result,
                                  const struct store_audit *audits, uint32_t count);
/* The newest `limit` (at most 200), newest first. */
enum store_result store_audits(struct store *store, store_asker asker, uint32_t limit,
                               store_audits_done done, void *context);

/* An alert, one row from its beginning on: those that stand are found again after a restart, those
 * that ended are the season's list. (id, begun_ms) is the row. Share as that of picks: the oldest
 * that ended make room. */
#define STORE_ALERT_ID_SIZE 96
#define STORE_ALERT_MAX     4096 /* bytes of a doc */
struct store_alert {
    char id[STORE_ALERT_ID_SIZE];
    int64_t begun_ms; /* wall time when it began, as it was then: it never changes */
    int64_t ended_ms; /* 0: it stands */
    const char *doc;  /* text with its own version; not NUL-terminated */
    size_t size;
};
/* Copies. */
enum store_result store_alert_put(struct store *store, const struct store_alert *alert,
                                  store_done done, void *context);
#define STORE_ALERTS_MAX 1024u
/* `alerts` is valid inside the callback only. */
/* `next_ms` is where to go on (to_ms of the next page), 0: that is all. */
typedef void (*store_alerts_done)(void *context, enum store_result result,
                                  const struct store_alert *alerts, uint32_t count,
                                  int64_t next_ms);
/* Those that began before `to_ms` and stand or ended at or after `from_ms`, the newest first, at
 * most `limit`. from_ms = to_ms: all that stand, whenever they began. */
enum store_result store_alerts(struct store *store, store_asker asker, int64_t from_ms,
                               int64_t to_ms, uint32_t limit, store_alerts_done done,
                               void *context);

/* Small documents that outlive the process (state of alerts, forecast, commands seen). A value
 * of size 0 removes the key. Values of at most 64 KiB. */
enum store_result store_put(struct store *store, const char *key, const void *value, size_t size,
                            store_done done, void *context);
typedef void (*store_value_done)(void *context, enum store_result result, const void *value,
                                 size_t size);
enum store_result store_get(struct store *store, const char *key, store_value_done done,
                            void *context);

/* A few lines of text in a file of their own next to the store, PATH.NAME, replaced as a whole: for
 * what must outlive even a store that is damaged. At most 999 bytes, a name of at most 15. Written
 * by the store thread, also when the store cannot be used; read at once, "" when there is none. */
enum store_result store_write_sidecar(struct store *store, const char *name, const char *text);
size_t store_read_sidecar(const struct store *store, const char *name, char *text, size_t size);

#define MONTHS_NAME "months" /* of these: how much of each broker's plan is used */

/* A consistent copy of the file under a new name (must not exist), while everything goes on; of
 * what is next to it, PATH.months. */
enum store_result store_backup(struct store *store, const char *path, store_done done,
                               void *context);

#endif
