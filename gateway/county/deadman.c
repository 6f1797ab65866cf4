/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/deadman.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/county/aside.h"
#include "gateway/county/leader.h"
#include "gateway/county/silence.h"
#include "gateway/county/stopped.h"
#include "gateway/daemon/notifier/notifier.h"

#define EVERY_MS     5000
#define LOCK_DEADMAN "7236404"

struct deadman {
    struct leader *leader;
    struct store *store;
    struct notifier *notifier;
    struct active *active;
    char silent_s[16];
    int64_t next_ms;
    struct log_state log;
};

/* The table is brought up to date, and what is silent is the answer: with the number of all
 * gardens, in a row of its own when none is. Who has seen a silence has seen that one, no later
 * one. */
static const char look_sql[] =
    "WITH heard AS (SELECT site, max(seen) AS seen FROM gateway WHERE retired IS NULL GROUP BY "
    "site),"
    " quiet AS (SELECT * FROM heard WHERE seen < now() - $1::int4 * interval '1 s'),"
    " back AS (DELETE FROM silence s WHERE NOT EXISTS (SELECT FROM quiet WHERE site = s.site)),"
    " come AS (INSERT INTO silence (site, since) SELECT site, seen FROM quiet ON CONFLICT (site)"
    "  DO UPDATE SET since = excluded.since, seen_by = NULL, seen_at = NULL"
    "  WHERE silence.since <> excluded.since)"
    " SELECT (SELECT count(*) FROM heard), q.site,"
    "  left(regexp_replace(coalesce(d.body ->> 'label', ''), '[[:cntrl:]]', ' ', 'g'), 24),"
    "  left(coalesce(g.region, ''), 24), round(extract(epoch FROM q.seen) * 1000)::int8,"
    "  coalesce(s.seen_by, ''), coalesce(round(extract(epoch FROM s.seen_at) * 1000)::int8, 0)"
    " FROM (SELECT) one LEFT JOIN quiet q ON true LEFT JOIN garden g USING (site)"
    " LEFT JOIN silence s ON s.site = q.site AND s.since = q.seen"
    " LEFT JOIN LATERAL (SELECT body FROM document WHERE site = q.site AND name = 'site'"
    "  ORDER BY at DESC LIMIT 1) d ON true ORDER BY q.seen, q.site";

static const char stopped_sql[] =
    "SELECT r.id, round(extract(epoch FROM r.ring_since) * 1000)::int8, f.version, r.why"
    " FROM firmware_rollout r JOIN firmware f USING (sha256) WHERE r.state = 'stopped'"
    " ORDER BY r.id LIMIT $1::int8";

static const char aside_sql[] =
    "SELECT site, round(extract(epoch FROM min(at)) * 1000)::int8 FROM dead"
    " WHERE at > now() - interval '1 d' AND site <> '' AND site NOT IN (SELECT site FROM retired)"
    " GROUP BY site HAVING count(*) >= " ASIDE_LEAST " ORDER BY min(at), site LIMIT $1::int8";

static void no_bytes(void *context, uint64_t bytes)
{
    (void)context;
    (void)bytes;
}

static bool start_parts(struct deadman *deadman, const struct config *config)
{
    static const struct notifier_out out = {.spent = no_bytes};
    deadman->active = active_create();
    deadman->store = store_open(config, "");
    if (deadman->active == NULL || deadman->store == NULL || !store_start(deadman->store))
        return false;
    deadman->notifier = notifier_start(config, deadman->store, &out);
    return deadman->notifier != NULL;
}

struct deadman *deadman_start(const char *conninfo, const struct config *config, uint32_t silent_s)
{
    struct deadman *deadman = calloc(1, sizeof *deadman);
    if (deadman == NULL)
        return NULL;
    (void)snprintf(deadman->silent_s, sizeof deadman->silent_s, "%u", silent_s);
    deadman->leader = leader_create(conninfo, LOCK_DEADMAN);
    if (deadman->leader != NULL && start_parts(deadman, config))
        return deadman;
    log_write(LOG_LEVEL_ERROR, "notify: can't be started with %s: %s", config->store_path,
              strerror(errno));
    deadman_stop(deadman);
    return NULL;
}

void deadman_stop(struct deadman *deadman)
{
    if (deadman == NULL)
        return;
    notifier_stop(deadman->notifier);
    if (deadman->store != NULL)
        store_stop(deadman->store);
    notifier_free(deadman->notifier);
    active_destroy(deadman->active);
    leader_destroy(deadman->leader);
    free(deadman);
}

/* ---- A look ---- */

static void take_text(char *out, size_t size, const PGresult *result, int row, int column)
{
    (void)snprintf(out, size, "%s", PQgetvalue(result, row, column));
}

static uint32_t take_rows(const PGresult *result, struct silence *silences)
{
    uint32_t count = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct silence *one = &silences[count];
        if (PQgetisnull(result, row, 1))
            continue;
        take_text(one->site, sizeof one->site, result, row, 1);
        take_text(one->label, sizeof one->label, result, row, 2);
        take_text(one->region, sizeof one->region, result, row, 3);
        one->since_ms = strtoll(PQgetvalue(result, row, 4), NULL, 10);
        take_text(one->seen_by, sizeof one->seen_by, result, row, 5);
        one->seen_ms = strtoll(PQgetvalue(result, row, 6), NULL, 10);
        count++;
    }
    return count;
}

static uint32_t take_stopped(const PGresult *result, struct stopped stopped[STOPPED_MOST])
{
    uint32_t count = 0;
    for (; count < STOPPED_MOST && (int)count < PQntuples(result); count++) {
        struct stopped *one = &stopped[count];
        one->id = strtoll(PQgetvalue(result, (int)count, 0), NULL, 10);
        one->since_ms = strtoll(PQgetvalue(result, (int)count, 1), NULL, 10);
        take_text(one->version, sizeof one->version, result, (int)count, 2);
        take_text(one->why, sizeof one->why, result, (int)count, 3);
    }
    return count;
}

static uint32_t take_asides(const PGresult *result, struct aside asides[ASIDE_MOST])
{
    uint32_t count = 0;
    for (; count < ASIDE_MOST && (int)count < PQntuples(result); count++) {
        take_text(asides[count].site, sizeof asides[count].site, result, (int)count, 0);
        asides[count].since_ms = strtoll(PQgetvalue(result, (int)count, 1), NULL, 10);
    }
    return count;
}

static void update_alerts(struct deadman *deadman, const PGresult *result, const PGresult *rollouts,
                          const PGresult *set_aside)
{
    struct stopped stopped[STOPPED_MOST];
    struct aside asides[ASIDE_MOST];
    struct clock_now clock = clock_now();
    struct active_now now = {.mono_ms = clock.mono_ms, .wall = store_now(deadman->store)};
    struct silence *silences = calloc((size_t)PQntuples(result) + 1, sizeof *silences);
    if (silences == NULL)
        return; /* with the next look */
    uint32_t count = take_rows(result, silences);
    uint32_t gardens = (uint32_t)strtoul(PQgetvalue(result, 0, 0), NULL, 10);
    silence_look(deadman->active, silences, count, gardens, &now);
    stopped_look(deadman->active, stopped, take_stopped(rollouts, stopped), &now);
    aside_look(deadman->active, asides, take_asides(set_aside, asides), &now);
    notifier_look(deadman->notifier, deadman->active, &now);
    free(silences);
}

static void look(struct deadman *deadman)
{
    char why[CONNECTION_WHY_SIZE] = "";
    const char *parameters[] = {deadman->silent_s}, *most[] = {"10"};
    bool good = leader_step(deadman->leader, why, sizeof why);
    if (good && !deadman->leader->leads)
        return;
    PGresult *result =
        good ? leader_query(deadman->leader, look_sql, 1, parameters, why, sizeof why) : NULL;
    PGresult *rollouts = result != NULL
                             ? leader_query(deadman->leader, stopped_sql, 1, most, why, sizeof why)
                             : NULL;
    PGresult *asides = rollouts != NULL
                           ? leader_query(deadman->leader, aside_sql, 1, most, why, sizeof why)
                           : NULL;
    good = asides != NULL;
    log_change(&deadman->log, good, good ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
               good ? "notify: silent gardens are looked for%s"
                    : "notify: nobody knows which gardens are silent: %s",
               good ? "" : why);
    if (good)
        update_alerts(deadman, result, rollouts, asides);
    PQclear(asides);
    PQclear(rollouts);
    PQclear(result);
}

void deadman_step(struct deadman *deadman, int64_t mono_ms)
{
    if (deadman == NULL || mono_ms < deadman->next_ms)
        return;
    deadman->next_ms = mono_ms + EVERY_MS;
    look(deadman);
}
