/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/rollout.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/reasons.def"

enum kind {
    KIND_CONFIG = 'c',
    KIND_CONFIRM = 'k',
    KIND_STATE = 's',
    KIND_READ = 'r',
    KIND_UPGRADE = 'u'
};

/* ---- What is due ---- */

/* Those that did not come back in time have failed, whatever they say later. */
static const char overdue[] =
    "UPDATE wanted w SET state = 'overdue', since = now(), why = '" REASON_NO_ANSWER "'"
    " FROM rollout r WHERE r.id = w.rollout AND w.state = 'trying'"
    " AND w.since < now() - (r.confirm_s + 60) * interval '1 s'";
/* Of those whose ring has begun, so many have failed. */
static const char stop[] =
    "UPDATE rollout r SET state = 'stopped' FROM (SELECT w.rollout,"
    "  count(*) FILTER (WHERE w.state IN ('undone', 'refused', 'overdue')) AS failed,"
    "  count(*) FILTER (WHERE w.ring <= (SELECT min(o.ring) FROM wanted o WHERE"
    "   o.rollout = w.rollout AND o.state IN ('waiting', 'asked', 'trying'))) AS begun"
    "  FROM wanted w JOIN rollout g ON g.id = w.rollout AND g.state = 'going'"
    "  GROUP BY w.rollout) c WHERE c.rollout = r.id AND r.state = 'going'"
    " AND c.failed > 0 AND c.begun > 0 AND c.failed * 100 >= c.begun * r.stop_percent";
static const char finish[] =
    "UPDATE rollout r SET state = 'done' WHERE r.state = 'going' AND NOT EXISTS (SELECT FROM"
    " wanted w WHERE w.rollout = r.id AND w.state IN ('waiting', 'asked', 'trying'))";
/* Each said again after its time, and what waits when its ring has come and the gateway is free. */
static const char choose[] =
    "WITH ring AS (SELECT w.rollout, min(w.ring) AS now FROM wanted w JOIN rollout r"
    "  ON r.id = w.rollout AND r.state = 'going' WHERE w.state IN ('waiting', 'asked', 'trying')"
    "  GROUP BY w.rollout),"
    " due AS (SELECT DISTINCT ON (w.site) w.id FROM wanted w LEFT JOIN ring"
    "  ON ring.rollout = w.rollout WHERE"
    "  (w.state = 'asked' AND w.said < now() - interval '1 min') OR"
    "  (w.state = 'trying' AND w.said < now() - interval '5 s') OR"
    "  (w.state = 'overdue' AND w.said < now() - interval '1 min') OR"
    "  (w.state = 'waiting' AND w.ring = ring.now AND NOT EXISTS (SELECT FROM wanted o"
    "   WHERE o.site = w.site AND o.state IN ('asked', 'trying')))"
    "  ORDER BY w.site, w.state = 'waiting', w.id LIMIT $1::int8),"
    " said AS (UPDATE wanted w SET said = now(),"
    "  state = CASE w.state WHEN 'waiting' THEN 'asked' ELSE w.state END FROM due"
    "  WHERE due.id = w.id RETURNING w.id, w.rollout, w.site, w.state, w.sha256_old, w.sha256,"
    "  w.yaml)"
    " SELECT said.id, site, CASE said.state WHEN 'asked' THEN 'c' WHEN 'trying' THEN 'k' ELSE 's'"
    "  END, sha256_old, sha256, yaml, r.confirm_s FROM said JOIN rollout r ON r.id = said.rollout";
static const char choose_read[] =
    "WITH due AS (SELECT site FROM config_seen WHERE wanted AND (said IS NULL OR"
    "  said < now() - interval '10 s') LIMIT $1::int8)"
    " UPDATE config_seen s SET said = now() FROM due WHERE due.site = s.site"
    " RETURNING 0, s.site, 'r', '', '', '', 0";

static const char choose_upgrade[] =
    "WITH due AS (SELECT site FROM upgrade WHERE wanted AND (said IS NULL OR"
    "  said < now() - interval '1 min') ORDER BY said NULLS FIRST LIMIT $1::int8)"
    " UPDATE upgrade u SET said = now() FROM due WHERE due.site = u.site"
    " RETURNING 0, u.site, 'u', u.suite, '', '', 0";

static const char *method_of(char kind)
{
    return kind == KIND_CONFIG    ? "config"
           : kind == KIND_UPGRADE ? "upgrade"
           : kind == KIND_CONFIRM ? "config_confirm"
                                  : "config_state";
}

static char *payload_of(const PGresult *result, int row, char kind)
{
    json_t *body = NULL;
    if (kind == KIND_CONFIG)
        body = json_pack("{s:s,s:s,s:I}", "sha256_old", PQgetvalue(result, row, 3), "yaml",
                         PQgetvalue(result, row, 5), "confirm_s",
                         (json_int_t)strtoll(PQgetvalue(result, row, 6), NULL, 10));
    else if (kind == KIND_CONFIRM)
        body = json_pack("{s:s}", "sha256", PQgetvalue(result, row, 4));
    else if (kind == KIND_UPGRADE && PQgetvalue(result, row, 3)[0] == '\0')
        body = json_object();
    else if (kind == KIND_UPGRADE)
        body = json_pack("{s:s}", "suite", PQgetvalue(result, row, 3));
    else
        body = json_pack("{s:b}", "yaml", kind == KIND_READ);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static int take(const PGresult *result, struct rollout_request *requests, int room)
{
    int count = 0;
    for (int i = 0; i < PQntuples(result) && count < room; i++) {
        struct rollout_request *request = &requests[count];
        request->id = strtoll(PQgetvalue(result, i, 0), NULL, 10);
        request->kind = PQgetvalue(result, i, 2)[0];
        (void)snprintf(request->site, sizeof request->site, "%s", PQgetvalue(result, i, 1));
        (void)snprintf(request->method, sizeof request->method, "%s", method_of(request->kind));
        request->payload = payload_of(result, i, request->kind);
        if (request->payload != NULL) /* without memory: said again after its time */
            count++;
    }
    return count;
}

int rollout_due(struct leader *leader, struct rollout_request requests[ROLLOUT_A_STEP], char *why,
                size_t why_size)
{
    static const char *const steps[] = {overdue, stop, finish};
    static const char *const choices[] = {choose, choose_read, choose_upgrade};
    int count = 0;
    if (!leader_step(leader, why, why_size))
        return -1;
    for (size_t i = 0; leader->leads && i < 3; i++) {
        if (!leader_execute(leader, steps[i], 0, NULL, why, why_size))
            return -1;
    }
    for (size_t i = 0; leader->leads && i < 3; i++) {
        char room[16];
        (void)snprintf(room, sizeof room, "%d", ROLLOUT_A_STEP - count);
        const char *parameters[] = {room};
        PGresult *result = leader_query(leader, choices[i], 1, parameters, why, why_size);
        if (result == NULL)
            break; /* what was chosen is said again after its time */
        count += take(result, requests + count, ROLLOUT_A_STEP - count);
        PQclear(result);
    }
    return count;
}

/* ---- Answers ---- */

struct verdict {
    const char *state; /* NULL: as it is */
    char why[300];
};

static const char *text_at(const json_t *root, const char *object, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(root, object), name));
    return text != NULL ? text : "";
}

/* To `config`. Busy is who has it already, or is at another one: what follows tells. */
static void judge_config(const json_t *root, struct verdict *verdict)
{
    const char *code = text_at(root, "error", "code");
    if (json_is_string(json_object_get(root, "sha256")) || strcmp(code, "busy") == 0) {
        verdict->state = "trying";
        return;
    }
    verdict->state = "refused";
    (void)snprintf(verdict->why, sizeof verdict->why, "%.280s", text_at(root, "error", "message"));
}

/* To `config_confirm`. Who does not know it has undone it, or has never got it. */
static void judge_confirm(const json_t *root, struct verdict *verdict)
{
    if (json_is_string(json_object_get(root, "sha256")))
        verdict->state = "confirmed";
    else if (strcmp(text_at(root, "error", "code"), "unknown") == 0)
        verdict->state = "overdue";
    else
        (void)snprintf(verdict->why, sizeof verdict->why, "%.280s",
                       text_at(root, "error", "message"));
}

/* To `config_state`. */
static void judge_state(const json_t *root, const char *hash, struct verdict *verdict)
{
    const char *now = json_string_value(json_object_get(root, "sha256"));
    if (now == NULL)
        return;
    if (strcmp(now, hash) == 0) {
        verdict->state = "confirmed";
    } else if (strcmp(text_at(root, "undone", "sha256"), hash) == 0) {
        verdict->state = "undone";
        (void)snprintf(verdict->why, sizeof verdict->why, "%.280s", text_at(root, "undone", "why"));
    } else if (json_is_null(json_object_get(root, "trial"))) {
        verdict->state = "refused";
        (void)snprintf(verdict->why, sizeof verdict->why, "%s", REASON_NOT_KNOWN);
    }
}

static const char settle[] =
    "UPDATE wanted SET state = COALESCE($3, state), why = $4,"
    " since = CASE WHEN COALESCE($3, state) = state THEN since ELSE now() END,"
    /* What it knows is asked at once; one that tries starts anew first. */
    " said = CASE $3 WHEN 'overdue' THEN now() - interval '1 h' WHEN 'trying' THEN now()"
    "  ELSE said END"
    " WHERE id = $1::int8 AND site = $2 AND state IN ('asked', 'trying', 'overdue')";

static bool note(struct leader *leader, const char *site, const char *id,
                 const struct verdict *verdict, char *why, size_t why_size)
{
    const char *parameters[] = {id, site, verdict->state, verdict->why};
    return leader_execute(leader, settle, 4, parameters, why, why_size);
}

/* What is wanted of that row; false: it is none of that site's. */
static bool wanted_hash(struct leader *leader, const char *site, const char *id, char hash[65],
                        char *why, size_t why_size)
{
    const char *parameters[] = {id, site};
    PGresult *result =
        leader_query(leader, "SELECT sha256 FROM wanted WHERE id = $1::int8 AND site = $2", 2,
                     parameters, why, why_size);
    bool found = result != NULL && PQntuples(result) == 1;
    (void)snprintf(hash, 65, "%s", found ? PQgetvalue(result, 0, 0) : "");
    if (result != NULL && !found)
        (void)snprintf(why, why_size, "nothing is asked of it by that number");
    PQclear(result);
    return found;
}

static bool note_read(struct leader *leader, const char *site, const json_t *root, char *why,
                      size_t why_size)
{
    const char *parameters[] = {site, json_string_value(json_object_get(root, "sha256")),
                                json_string_value(json_object_get(root, "yaml"))};
    if (parameters[1] == NULL || parameters[2] == NULL) {
        (void)snprintf(why, why_size, "it does not say its configuration: %.100s",
                       text_at(root, "error", "message"));
        return false;
    }
    return leader_execute(
        leader,
        "UPDATE config_seen SET sha256 = $2, yaml = $3, at = now(), wanted = false"
        " WHERE site = $1 AND wanted",
        3, parameters, why, why_size);
}

/* It looks, or says why not. What comes of it is its version, or an alert. */
static bool note_upgrade(struct leader *leader, const char *site, const json_t *root, char *why,
                         size_t why_size)
{
    const char *parameters[] = {site, text_at(root, "error", "message")};
    return leader_execute(leader,
                          "UPDATE upgrade SET wanted = false, at = now(), answer = left($2, 200)"
                          " WHERE site = $1 AND wanted",
                          2, parameters, why, why_size);
}

bool rollout_is_kind(char kind)
{
    return kind == KIND_UPGRADE || kind == KIND_CONFIG || kind == KIND_CONFIRM ||
           kind == KIND_STATE || kind == KIND_READ;
}

static bool judge(struct leader *leader, char kind, const char *site, const char *id,
                  const json_t *root, char *why, size_t why_size)
{
    struct verdict verdict = {.state = NULL};
    char hash[65];
    if (kind == KIND_READ)
        return note_read(leader, site, root, why, why_size);
    if (kind == KIND_UPGRADE)
        return note_upgrade(leader, site, root, why, why_size);
    if (!wanted_hash(leader, site, id, hash, why, why_size))
        return false;
    if (kind == KIND_CONFIG)
        judge_config(root, &verdict);
    else if (kind == KIND_CONFIRM)
        judge_confirm(root, &verdict);
    else
        judge_state(root, hash, &verdict);
    return note(leader, site, id, &verdict, why, why_size);
}

bool rollout_answer(struct leader *leader, char kind, const char *site, int64_t id,
                    const char *json, size_t size, char *why, size_t why_size)
{
    char id_text[24];
    json_error_t error;
    json_t *root = json_loadb(json, size, 0, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        (void)snprintf(why, why_size, "its answer is no JSON object");
        return false;
    }
    (void)snprintf(id_text, sizeof id_text, "%" PRId64, id);
    bool good = leader_connected(leader, why, why_size) &&
                judge(leader, kind, site, id_text, root, why, why_size);
    json_decref(root);
    return good;
}
