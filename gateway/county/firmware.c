/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/firmware.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/reasons.def"

#define AGAIN_S  60   /* a request that nobody answered, and one that was put off */
#define BUDGET_S 3600 /* the month's data are used up */

/* ---- What has come of it ---- */

#define OPEN "('waiting', 'sending', 'ready', 'updating', 'soaking')"

/* Its nodes have answered with the new version for as long as is asked, the last time included. */
static const char stand[] =
    "UPDATE firmware_site s SET state = 'done', since = now(), why = '' FROM firmware_rollout r"
    " WHERE r.id = s.rollout AND s.state = 'soaking' AND NOT s.silent"
    " AND s.clean <= now() - r.soak_s * interval '1 s'";
static const char fall[] =
    "UPDATE firmware_site s SET state = 'failed', since = now() FROM firmware_rollout r"
    " WHERE r.id = s.rollout AND s.state = 'soaking'"
    " AND s.trouble < now() - greatest(r.soak_s, 30) * interval '1 s'";
/* It does not say that it has ended it, or its garden was given up. */
static const char give_up[] =
    "UPDATE firmware_site s SET state = 'aborted', since = now() WHERE (s.state = 'stopping'"
    " AND s.since < now() - interval '1 d') OR (s.state IN " OPEN " AND NOT EXISTS (SELECT FROM"
    " gateway g WHERE g.site = s.site AND g.retired IS NULL))";
/* Of a roll-out r: nobody has it yet, and nobody of its ring takes it, so that nobody would have
 * tried it before all of the next ring. So that one is asked who has such a board (`choose`), and
 * the first who has stands in for the ring that has none, with the same gate: one before many. */
#define SEEKS                                                                                      \
    "(r.state = 'going' AND NOT EXISTS (SELECT FROM firmware_site o WHERE o.rollout = r.id AND"    \
    " (o.state = 'done' OR (o.ring = r.ring AND o.state NOT IN ('none', 'aborted'))))"             \
    " AND EXISTS (SELECT FROM firmware_site n WHERE n.rollout = r.id AND n.ring = r.ring + 1"      \
    "  AND n.state IN " OPEN "))"
static const char stand_in[] =
    "WITH first AS (SELECT DISTINCT ON (r.id) s.id, r.id AS rollout, r.ring FROM firmware_rollout r"
    "  JOIN firmware_site s ON s.rollout = r.id AND s.ring = r.ring + 1 WHERE s.state IN"
    "  ('sending', 'ready', 'updating', 'soaking') AND " SEEKS " ORDER BY r.id, s.heard, s.id),"
    " moved AS (UPDATE firmware_site s SET ring = first.ring FROM first WHERE first.id = s.id)"
    " UPDATE firmware_rollout r SET ring_since = now() FROM first WHERE first.rollout = r.id";
/* The others that said so wait for their ring, and so do those that refused it: of the few that
 * were asked they would be too many. */
static const char hold[] =
    "UPDATE firmware_site s SET state = 'waiting', since = now() FROM firmware_rollout r"
    " WHERE r.id = s.rollout AND s.ring > r.ring AND (s.state IN ('sending', 'ready') OR"
    " (s.state = 'refused' AND EXISTS (SELECT FROM firmware_site o WHERE o.rollout = r.id"
    "  AND o.ring = r.ring AND o.state NOT IN ('none', 'aborted'))))";
/* Of the rings that have begun; looked at before the next begins, and with what was said there by
 * those that have been asked for their board. */
static const char stop[] =
    "UPDATE firmware_rollout r SET state = 'stopped', ring_since = now(),"
    " why = format('" REASON_FAILED "', c.failed, c.begun, c.which) FROM (SELECT s.rollout,"
    "  count(*) FILTER (WHERE s.state IN ('failed', 'refused')) AS failed,"
    "  count(*) FILTER (WHERE s.state NOT IN ('waiting', 'none', 'aborted')) AS begun,"
    "  left(min(s.site || ': ' || s.why) FILTER (WHERE s.state IN ('failed', 'refused')), 150)"
    "   AS which FROM firmware_site s JOIN firmware_rollout g ON g.id = s.rollout"
    "   AND g.state = 'going' AND s.ring <= g.ring GROUP BY s.rollout) c WHERE c.rollout = r.id "
    "AND r.state = 'going'"
    " AND c.failed > 0 AND c.failed * 100 >= c.begun * r.stop_percent";
/* Of the ring that is at work: `late` are those that have not begun, or are not heard of; `last` is
 * when one has come to something. */
#define RING                                                                                       \
    " FROM (SELECT g.id, count(s.id) FILTER (WHERE s.state NOT IN ('none', 'aborted')) AS total,"  \
    "  count(s.id) FILTER (WHERE s.state = 'done') AS done,"                                       \
    "  count(s.id) FILTER (WHERE s.heard > now() - interval '5 min' AND s.state IN"                \
    "   ('sending', 'ready', 'updating', 'soaking')) AS at_work,"                                  \
    "  count(s.id) FILTER (WHERE s.trouble IS NOT NULL AND s.state = 'soaking') AS troubled,"      \
    "  count(s.id) FILTER (WHERE s.state IN ('waiting', 'sending', 'ready') OR (s.state IN"        \
    "   ('updating', 'soaking') AND s.heard < now() - interval '5 min')) AS late,"                 \
    "  max(s.since) AS last"                                                                       \
    "  FROM firmware_rollout g LEFT JOIN firmware_site s ON s.rollout = g.id AND s.ring = g.ring"  \
    "  WHERE g.state = 'going' GROUP BY g.id) c WHERE c.id = r.id AND r.state = 'going'"
#define OVER "r.ring_since < now() - r.deadline_s * interval '1 s'"
static const char next_ring[] =
    "UPDATE firmware_rollout r SET ring = r.ring + 1, ring_since = now()" RING " AND r.ring < 3"
    " AND ((c.total = 0 AND NOT " SEEKS
    ") OR (c.done > 0 AND c.troubled = 0 AND (c.done * 100 >= c.total *"
    " r.share_percent OR (" OVER " AND c.done * 100 >= (c.total - c.late) * r.share_percent))))";
/* What can still come of it has come, and it is not enough. */
static const char too_few[] =
    "UPDATE firmware_rollout r SET state = 'stopped', ring_since = now(), why = CASE c.total"
    "  WHEN 0 THEN '" REASON_NOBODY "'"
    "  ELSE format('" REASON_TOO_FEW "', c.done, c.total) END" RING
    " AND (c.total > 0 OR c.last < now() - r.deadline_s * interval '1 s')"
    " AND c.at_work = 0 AND r.ring < 3 AND " OVER;
static const char finish[] =
    "UPDATE firmware_rollout r SET state = 'done' WHERE r.state = 'going' AND NOT EXISTS (SELECT"
    " FROM firmware_site s WHERE s.rollout = r.id AND s.state IN " OPEN ")";

/* ---- What is due ---- */

/* To one that is not heard of nothing is sent, and to one that does not answer only how much it
 * has is asked; with the head of the file's first image, whose place stands in the file
 * (image.h), so that a gateway without such a board says so before the image is on its way. */
static const char choose[] =
    "WITH seeking AS (SELECT r.id FROM firmware_rollout r WHERE " SEEKS "),"
    " due AS (SELECT s.id, s.silent FROM firmware_site s JOIN firmware_rollout r"
    "  ON r.id = s.rollout WHERE s.due <= now() AND (s.state IN ('updating', 'soaking', 'stopping')"
    "  OR (s.state IN ('waiting', 'sending', 'ready') AND r.state = 'going' AND s.ring <= r.ring)"
    "  OR (s.state = 'waiting' AND s.ring = r.ring + 1 AND r.id IN (SELECT id FROM seeking)))"
    "  AND EXISTS (SELECT FROM gateway g WHERE g.site = s.site AND g.retired IS NULL"
    "   AND g.seen > now() - interval '2 h') ORDER BY s.due, s.id LIMIT $1::int8),"
    " said AS (UPDATE firmware_site s SET due = now() +"
    "  interval '60 s', silent = true,"
    "  clean = CASE WHEN due.silent THEN NULL ELSE s.clean END,"
    "  state = CASE WHEN s.state = 'sending' AND due.silent THEN 'waiting' ELSE s.state END"
    "  FROM due WHERE due.id = s.id RETURNING s.*)"
    " SELECT said.id, said.site, said.state, f.sha256, f.size, said.have,"
    "  translate(encode(CASE said.state WHEN 'waiting' THEN substring(f.body FROM 1 +"
    "   ('x' || encode(substring(f.body FROM 9 FOR 4), 'hex'))::bit(32)::int FOR 128)"
    "   WHEN 'sending' THEN substring(f.body FROM said.have::int + 1 FOR 16384) END, 'base64'),"
    "  E'\\n', '')"
    " FROM said JOIN firmware_rollout r ON r.id = said.rollout JOIN firmware f USING (sha256)";

static const char *method_of(const char *state)
{
    return strcmp(state, "waiting") == 0 || strcmp(state, "sending") == 0 ? "firmware_part"
           : strcmp(state, "ready") == 0                                  ? "firmware_start"
           : strcmp(state, "stopping") == 0                               ? "firmware_stop"
                                                                          : "firmware_state";
}

static char *payload_of(const PGresult *result, int row)
{
    const char *state = PQgetvalue(result, row, 2), *sha256 = PQgetvalue(result, row, 3);
    json_int_t size = strtoll(PQgetvalue(result, row, 4), NULL, 10);
    json_int_t have = strtoll(PQgetvalue(result, row, 5), NULL, 10);
    json_t *body = NULL;
    if (strcmp(state, "waiting") == 0)
        body = json_pack("{s:s,s:I,s:s}", "sha256", sha256, "size", size, "head",
                         PQgetvalue(result, row, 6));
    else if (strcmp(state, "sending") == 0)
        body = json_pack("{s:s,s:I,s:I,s:s}", "sha256", sha256, "size", size, "at", have, "data",
                         PQgetvalue(result, row, 6));
    else if (strcmp(state, "ready") == 0 || strcmp(state, "stopping") == 0)
        body = json_pack("{s:s}", "sha256", sha256);
    else
        body = json_object();
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
        request->kind = FIRMWARE_KIND;
        (void)snprintf(request->site, sizeof request->site, "%s", PQgetvalue(result, i, 1));
        (void)snprintf(request->method, sizeof request->method, "%s",
                       method_of(PQgetvalue(result, i, 2)));
        request->payload = payload_of(result, i);
        if (request->payload != NULL) /* without memory: said again after its time */
            count++;
    }
    return count;
}

static int say(struct leader *leader, struct rollout_request *requests, int room, char *why,
               size_t why_size)
{
    char most[16];
    const char *parameters[] = {most};
    (void)snprintf(most, sizeof most, "%d", room);
    PGresult *result = leader_query(leader, choose, 1, parameters, why, why_size);
    int count = result != NULL ? take(result, requests, room) : -1;
    PQclear(result);
    return count;
}

int firmware_due(struct leader *leader, struct rollout_request *requests, int room, char *why,
                 size_t why_size)
{
    static const char *const steps[] = {stand, fall,      give_up, stand_in, hold,
                                        stop,  next_ring, stop,    too_few,  finish};
    if (!leader_step(leader, why, why_size))
        return -1;
    for (size_t i = 0; leader->leads && i < sizeof steps / sizeof steps[0]; i++) {
        if (!leader_execute(leader, steps[i], 0, NULL, why, why_size))
            return -1;
    }
    return leader->leads ? say(leader, requests, room, why, why_size) : 0;
}

int firmware_go_on(struct leader *leader, struct rollout_request *requests, int room, char *why,
                   size_t why_size)
{
    if (!leader_connected(leader, why, why_size))
        return -1;
    return leader->leads ? say(leader, requests, room, why, why_size) : 0;
}

/* ---- Answers ---- */

struct row {
    char state[16], sha256[65];
    int64_t size, have;
    long look_s; /* between two looks */
    bool was_clean;
};

struct verdict {
    const char *state;
    int64_t have;
    const char *clean; /* of one that soaks: "t" or "f" */
    long due_s;
    char why[300];
};

static json_int_t number_at(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void judge_error(const json_t *error, const struct row *row, struct verdict *verdict)
{
    const char *code = text_at(error, "code");
    static const char *const final[] = {"refused", "forbidden", "unknown-method", "invalid"};
    (void)snprintf(verdict->why, sizeof verdict->why, "%.280s", text_at(error, "message"));
    verdict->due_s = strcmp(code, "budget") == 0 ? BUDGET_S : AGAIN_S;
    if (strcmp(code, "none") == 0)
        verdict->state = "none";
    else if (strcmp(code, "unknown") == 0 && strcmp(row->state, "ready") == 0)
        verdict->state = "waiting";
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
        if (strcmp(code, final[i]) == 0)
            verdict->state = "refused";
    }
}

struct node_words {
    char device[65], state[21], reason[151];
};

/* Of the first node that is not as it should be. */
static struct node_words node_words(const json_t *outcome)
{
    const json_t *node = json_array_get(json_object_get(outcome, "nodes"), 0);
    struct node_words words;
    (void)snprintf(words.device, sizeof words.device, "%s", text_at(node, "device"));
    (void)snprintf(words.state, sizeof words.state, "%s", text_at(node, "state"));
    (void)snprintf(words.reason, sizeof words.reason, "%s", text_at(node, "reason"));
    return words;
}

static void judge_outcome(const json_t *outcome, const struct row *row, struct verdict *verdict)
{
    const json_t *counts = json_object_get(outcome, "counts");
    json_int_t have_it = number_at(counts, "updated") + number_at(counts, "current");
    json_int_t back = number_at(counts, "fell-back"), lost = number_at(counts, "lost");
    bool failed = number_at(counts, "failed") + number_at(counts, "silent") +
                      number_at(counts, "unfinished") >
                  0;
    const struct node_words node = node_words(outcome);
    verdict->due_s = row->look_s;
    if (failed) {
        verdict->state = "failed";
        (void)snprintf(verdict->why, sizeof verdict->why, REASON_NOT_ALL, node.device, node.state,
                       node.reason);
    } else if (have_it == 0) {
        verdict->state = "none"; /* all are other boards, or were gone before */
    } else if (back > 0 && row->was_clean) {
        verdict->state = "failed";
        (void)snprintf(verdict->why, sizeof verdict->why, REASON_WENT_BACK, node.device, node.state,
                       node.reason);
    } else {
        verdict->state = "soaking";
        verdict->clean = back + lost > 0 ? "f" : "t";
        if (back + lost > 0)
            (void)snprintf(verdict->why, sizeof verdict->why, REASON_NO_NODE, node.device,
                           node.state, node.reason);
    }
}

/* What is asked next is asked at once only of who comes nearer; who goes back and forth, or stands,
 * would have all the parts for himself. */
static bool is_nearer(const struct row *row, const struct verdict *verdict)
{
    return strcmp(verdict->state, "waiting") != 0 &&
           (strcmp(row->state, "waiting") == 0 || verdict->have > row->have ||
            (strcmp(row->state, "sending") == 0 && strcmp(verdict->state, "ready") == 0));
}

static void judge(const json_t *root, const struct row *row, struct verdict *verdict)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *outcome = json_object_get(root, "outcome");
    bool it = strcmp(text_at(root, "sha256"), row->sha256) == 0;
    bool running = it && json_is_true(json_object_get(root, "running"));
    bool watched = strcmp(row->state, "updating") == 0 || strcmp(row->state, "soaking") == 0;
    verdict->have = it ? number_at(root, "have") : 0;
    if (verdict->have < 0 || verdict->have > row->size)
        verdict->have = 0;
    if (strcmp(row->state, "stopping") == 0) {
        verdict->state = error == NULL && !running ? "aborted" : "stopping";
        verdict->due_s = AGAIN_S;
    } else if (error != NULL) {
        verdict->have = row->have;
        judge_error(error, row, verdict);
    } else if (running) {
        verdict->state = "updating";
        verdict->due_s = row->look_s;
        (void)snprintf(verdict->why, sizeof verdict->why, "%" PRId64 " %%, %.60s",
                       (int64_t)number_at(root, "permille") / 10, text_at(root, "phase"));
    } else if (watched && strcmp(text_at(outcome, "sha256"), row->sha256) == 0) {
        judge_outcome(outcome, row, verdict);
    } else {
        verdict->state = !it ? "waiting" : verdict->have < row->size ? "sending" : "ready";
        verdict->due_s = is_nearer(row, verdict) ? 0 : AGAIN_S;
    }
}

/* Of what is missing of a garden only what came since its update counts against it. */
static const char settle[] =
    "UPDATE firmware_site SET state = $4, have = $5::int8, why = $6, silent = false, heard = now(),"
    " due = now() + $7::int8 * interval '1 s',"
    " since = CASE WHEN state = $4 THEN since ELSE now() END,"
    " missing = CASE WHEN $4 = 'updating' AND state = 'ready' THEN missing_of(site)"
    "  ELSE missing END,"
    " clean = CASE WHEN $8 = 't' AND missing_of(site) <= missing THEN coalesce(clean, now()) END,"
    " trouble = CASE WHEN $8 = 'f' OR ($8 = 't' AND missing_of(site) > missing)"
    "  THEN coalesce(trouble, now()) END, counts = $9::jsonb"
    " WHERE id = $1::int8 AND site = $2 AND state = $3";

static bool find_row(struct leader *leader, const char *id, const char *site, struct row *row,
                     char *why, size_t why_size)
{
    const char *parameters[] = {id, site};
    PGresult *result = leader_query(
        leader,
        "SELECT s.state, r.sha256, f.size, s.have, least(60, greatest(1, r.soak_s / 10)),"
        " s.clean IS NOT NULL FROM firmware_site s JOIN firmware_rollout r ON r.id = s.rollout"
        " JOIN firmware f USING (sha256) WHERE s.id = $1::int8 AND s.site = $2 AND s.state IN"
        " ('waiting', 'sending', 'ready', 'updating', 'soaking', 'stopping')",
        2, parameters, why, why_size);
    bool found = result != NULL && PQntuples(result) == 1;
    if (result != NULL && !found)
        (void)snprintf(why, why_size, "nothing is asked of it by that number");
    if (found) {
        (void)snprintf(row->state, sizeof row->state, "%s", PQgetvalue(result, 0, 0));
        (void)snprintf(row->sha256, sizeof row->sha256, "%s", PQgetvalue(result, 0, 1));
        row->size = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
        row->have = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
        row->look_s = strtol(PQgetvalue(result, 0, 4), NULL, 10);
        row->was_clean = PQgetvalue(result, 0, 5)[0] == 't';
    }
    PQclear(result);
    return found;
}

static bool settle_row(struct leader *leader, const char *id, const char *site,
                       const struct row *row, const json_t *root, char *why, size_t why_size)
{
    struct verdict verdict = {.state = row->state, .clean = ""};
    char have[24], due[24];
    judge(root, row, &verdict);
    const json_t *counts = json_object_get(json_object_get(root, "outcome"), "counts");
    char *told = json_is_object(counts) ? json_dumps(counts, JSON_COMPACT) : NULL;
    (void)snprintf(have, sizeof have, "%" PRId64, verdict.have);
    (void)snprintf(due, sizeof due, "%ld", verdict.due_s);
    const char *parameters[] = {id,          site, row->state,    verdict.state, have,
                                verdict.why, due,  verdict.clean, told};
    bool good = leader_execute(leader, settle, 9, parameters, why, why_size);
    free(told);
    return good;
}

bool firmware_answer(struct leader *leader, const char *site, int64_t id, const char *json,
                     size_t size, char *why, size_t why_size)
{
    struct row row;
    char id_text[24];
    json_t *root = json_loadb(json, size, 0, NULL);
    (void)snprintf(id_text, sizeof id_text, "%" PRId64, id);
    bool good = json_is_object(root) && (json_is_object(json_object_get(root, "error")) ||
                                         json_is_string(json_object_get(root, "sha256")));
    if (!good)
        (void)snprintf(why, why_size, "its answer is not how it stands");
    good = good && leader_connected(leader, why, why_size) &&
           find_row(leader, id_text, site, &row, why, why_size) &&
           settle_row(leader, id_text, site, &row, root, why, why_size);
    json_decref(root);
    return good;
}
