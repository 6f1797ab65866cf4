/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/holes.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/bounds.h"
#include "gateway/county/leader.h"

#define LOCK_LEAD    "7236403"
#define REQUEST_MOST 100000 /* records: as many as a gateway takes at once */

struct holes {
    char patience[16], again[16]; /* seconds */
    struct leader *leader;
};

struct holes *holes_create(const char *conninfo, uint32_t patience_s, uint32_t again_s)
{
    struct holes *holes = calloc(1, sizeof *holes);
    if (holes == NULL)
        return NULL;
    (void)snprintf(holes->patience, sizeof holes->patience, "%" PRIu32, patience_s);
    (void)snprintf(holes->again, sizeof holes->again, "%" PRIu32, again_s);
    holes->leader = leader_create(conninfo, LOCK_LEAD);
    if (holes->leader != NULL)
        return holes;
    free(holes);
    return NULL;
}

void holes_destroy(struct holes *holes)
{
    if (holes == NULL)
        return;
    leader_destroy(holes->leader);
    free(holes);
}

static const char forget[] = "DELETE FROM suspect s WHERE NOT EXISTS"
                             " (SELECT FROM hole h WHERE h.gw = s.gw AND h.first = s.first)";
/* What was asked is of use for as long as it is not asked again. */
static const char forget_asked[] =
    "DELETE FROM asked WHERE at < now() - greatest(2 * $1::int8, 3600) * interval '1 s'";
static const char notice[] = "INSERT INTO suspect (gw, first) SELECT gw, first FROM hole"
                             " ON CONFLICT DO NOTHING";
/* A hole that an answered request did not reach the end of goes on at once. Whose turn is longest
 * ago is first, so that nobody is kept waiting by those who always have a hole. */
static const char choose[] =
    "WITH first AS (SELECT DISTINCT ON (h.gw) h.gw, h.site, h.first,"
    " least(h.last, h.first + $3::int8 - 1) AS last"
    " FROM hole h JOIN suspect s ON s.gw = h.gw AND s.first = h.first"
    " WHERE (s.since <= now() - $1::int8 * interval '1 s' OR EXISTS (SELECT FROM asked a"
    "  WHERE a.gw = h.gw AND a.answered AND a.until < h.first AND h.first <= a.last))"
    " AND NOT EXISTS (SELECT FROM asked a WHERE a.gw = h.gw AND NOT a.answered"
    "  AND a.at > now() - interval '1 min')"
    " AND NOT EXISTS (SELECT FROM asked a WHERE a.gw = h.gw AND a.answered"
    "  AND a.first <= h.first AND h.first <= a.until AND a.at > now() - $2::int8 * interval '1 s')"
    " ORDER BY h.gw, h.first),"
    " due AS (SELECT * FROM first ORDER BY (SELECT max(a.at) FROM asked a WHERE a.gw = first.gw)"
    "  NULLS FIRST LIMIT $4::int8),"
    " new AS (INSERT INTO asked (gw, first, last) SELECT gw, first, last FROM due"
    "  ON CONFLICT (gw, first) DO UPDATE SET last = excluded.last, at = now(),"
    "  answered = false, until = NULL RETURNING id, gw, first, last)"
    " SELECT new.id, due.site, new.first, new.last FROM new JOIN due ON due.gw = new.gw";

int holes_due(struct holes *holes, struct hole_request requests[HOLES_A_STEP], char *why,
              size_t why_size)
{
    char most[16], count[8];
    (void)snprintf(most, sizeof most, "%d", REQUEST_MOST);
    (void)snprintf(count, sizeof count, "%d", HOLES_A_STEP);
    const char *parameters[] = {holes->patience, holes->again, most, count};
    const char *again = holes->again;
    struct leader *leader = holes->leader;
    if (!leader_step(leader, why, why_size))
        return -1;
    if (!leader->leads)
        return 0;
    if (!leader_execute(leader, forget, 0, NULL, why, why_size) ||
        !leader_execute(leader, forget_asked, 1, &again, why, why_size) ||
        !leader_execute(leader, notice, 0, NULL, why, why_size))
        return -1;
    PGresult *result = leader_query(leader, choose, 4, parameters, why, why_size);
    if (result == NULL)
        return -1;
    int found = PQntuples(result) < HOLES_A_STEP ? PQntuples(result) : HOLES_A_STEP;
    for (int i = 0; i < found; i++) {
        requests[i].id = strtoll(PQgetvalue(result, i, 0), NULL, 10);
        (void)snprintf(requests[i].site, sizeof requests[i].site, "%s", PQgetvalue(result, i, 1));
        requests[i].first = strtoll(PQgetvalue(result, i, 2), NULL, 10);
        requests[i].last = strtoll(PQgetvalue(result, i, 3), NULL, 10);
    }
    PQclear(result);
    return found;
}

/* "{[1,5],[9,9]}" of [[1,5],[9,9]]; false: it is none. */
static bool ranges_text(json_t *gone, char *text, size_t size)
{
    size_t used = 1, at = 0;
    json_t *range = NULL;
    text[0] = '{';
    json_array_foreach (gone, at, range) {
        json_int_t first = 0, last = 0;
        if (json_unpack(range, "[I,I!]", &first, &last) != 0 || first < 1 || last < first)
            return false;
        int n = snprintf(text + used, size - used, "%s[%lld,%lld]", at > 0 ? "," : "",
                         (long long)first, (long long)last);
        if (n < 0 || (size_t)n + 2 > size - used)
            return false;
        used += (size_t)n;
    }
    (void)snprintf(text + used, size - used, "}");
    return json_is_array(gone);
}

bool holes_answer(struct holes *holes, const char *site, int64_t id, const char *json, size_t size,
                  char *why, size_t why_size)
{
    char gone_text[16384], id_text[24], next_text[24];
    json_int_t next = 0;
    json_error_t error;
    const char *code = NULL;
    json_t *gone = NULL, *root = json_loadb(json, size, 0, &error);
    if (root == NULL ||
        json_unpack_ex(root, &error, 0, "{s:o,s:I}", "gone", &gone, "next", &next) != 0) {
        bool said = root != NULL && json_unpack(root, "{s:{s:s}}", "error", "code", &code) == 0;
        (void)snprintf(why, why_size, "the gateway answers: %.100s", said ? code : error.text);
        json_decref(root);
        return false;
    }
    bool good = ranges_text(gone, gone_text, sizeof gone_text);
    json_decref(root);
    if (!good) {
        (void)snprintf(why, why_size, "gone: these are no ranges");
        return false;
    }
    (void)snprintf(id_text, sizeof id_text, "%" PRId64, id);
    (void)snprintf(next_text, sizeof next_text, "%lld", (long long)next);
    /* Only of what was asked, and only by whose it is. */
    const char *parameters[] = {id_text, site, gone_text, next_text};
    return leader_connected(holes->leader, why, why_size) &&
           leader_execute(
               holes->leader,
               "WITH mine AS (UPDATE asked SET answered = true, at = now(),"
               " until = CASE WHEN $4::int8 > asked.first"
               "  THEN least(asked.last, $4::int8 - 1) ELSE asked.last END"
               " FROM gateway g WHERE asked.id = $1::int8 AND g.gw = asked.gw AND g.site = $2"
               " RETURNING asked.gw, asked.first, asked.last)"
               " UPDATE gateway SET gone = more.gone FROM (SELECT g.gw, g.gone AS had, g.gone +"
               "  ($3::int8multirange * int8multirange(int8range(mine.first, mine.last, '[]')))"
               "  AS gone FROM mine JOIN gateway g USING (gw)) more WHERE gateway.gw = more.gw"
               /* What is beyond stays a hole. */
               " AND (SELECT count(*) FROM unnest(more.gone)) <= greatest(" BOUND_RANGES ","
               "  (SELECT count(*) FROM unnest(more.had)))",
               4, parameters, why, why_size);
}
