/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/page_sql.h"

#define MS(time) "round(extract(epoch FROM " time ") * 1000)::int8"

/* Of a garden's region; "" is where the operator has said none, seen with the right for all. */
#define MINE(region)                                                                               \
    "EXISTS (SELECT FROM login_right r WHERE r.name = $1 AND r.region IN ('*', " region "))"
#define MY_SITE(site) MINE("coalesce((SELECT region FROM garden WHERE garden.site = " site "), '')")
#define MY_ROLE(region)                                                                            \
    "(SELECT bool_or(role = 'operator') FROM login_right r WHERE r.name = $1"                      \
    " AND r.region IN ('*', " region "))"

/* Messages that did not fit, since yesterday. */
#define ASIDE(site)                                                                                \
    "((SELECT count(*) FROM dead WHERE dead.site = " site " AND at > now() - interval '1 d')"      \
    " + coalesce((SELECT sum(messages) FROM dead_more WHERE dead_more.site = " site                \
    " AND day >= current_date - 1), 0))"

const char page_gardens[] = "SELECT json_build_object('now', " MS(
    "now()") ", 'user', $1::text, 'silent_s', $2::int4,"
             " 'regions', (SELECT coalesce(json_agg(region ORDER BY region), '[]') FROM login_right"
             "  WHERE name = $1), 'gardens', (SELECT coalesce(json_agg(g), '[]') FROM"
             " (SELECT site, region, left(label, 80) AS label, lat, lon, " MS(
                 "seen") " AS seen, version, month_bytes, backlog,"
                         "  holes, gone, alarms, watches, " ASIDE(
                             "n.site") " AS aside, CASE WHEN silent_since = seen THEN "
                                       "silence_seen_by END AS seen_by,"
                                       "  " MY_ROLE("n.region") " AS operator"
                                                                "  FROM garden_now n WHERE " MINE(
                                                                    "n.region") ") g))";

const char page_garden[] = "SELECT json_build_object('now', " MS(
    "now()") ", 'site', n.site, 'region', n.region,"
             " 'label', left(n.label, 80), 'timezone', n.timezone, 'lat', n.lat, 'lon', n.lon, "
             "'gw', n.gw,"
             " 'seen', " MS(
                 "n.seen") ", 'version', n.version, 'month_bytes', n.month_bytes,"
                           " 'backlog', n.backlog, 'holes', n.holes, 'gone', n.gone, "
                           "'aside', " ASIDE(
                               "n.site") ", 'seen_by', "
                                         "CASE WHEN n.silent_since = n.seen THEN n.silence_seen_by "
                                         "END,"
                                         " 'operator', " MY_ROLE(
                                             "n.region") ","
                                                         " 'devices', (SELECT body -> 'devices' "
                                                         "FROM document "
                                                         "WHERE site = n.site AND name = 'site'"
                                                         "  ORDER BY broker = n.broker DESC NULLS "
                                                         "LAST, at DESC "
                                                         "LIMIT 1),"
                                                         " 'alerts', (SELECT "
                                                         "coalesce(json_agg(body), '[]') FROM "
                                                         "(SELECT body FROM document"
                                                         "  WHERE site = n.site AND broker = "
                                                         "n.broker AND name "
                                                         "LIKE 'alert/%'"
                                                         "  ORDER BY body ->> 'level' <> 'alarm', "
                                                         "name LIMIT "
                                                         "200) a),"
                                                         " 'firmware', (SELECT "
                                                         "coalesce(json_agg(f), '[]') FROM"
                                                         " (SELECT DISTINCT ON (i.hardware) "
                                                         "i.version, s.state"
                                                         "  FROM firmware_site s JOIN "
                                                         "firmware_rollout o ON"
                                                         "  o.id = s.rollout JOIN firmware i USING "
                                                         "(sha256)"
                                                         "  WHERE s.site = n.site AND s.state NOT "
                                                         "IN ('none',"
                                                         "  'aborted') ORDER BY i.hardware, s.id "
                                                         "DESC) f),"
                                                         /* What each device measured in the last
                                                            two days of its newest boot. */
                                                         " 'measured', (SELECT "
                                                         "coalesce(json_agg(DISTINCT "
                                                         "jsonb_build_array(s.device, m.name)), "
                                                         "'[]')"
                                                         "  FROM stream s JOIN gateway o ON o.gw = "
                                                         "s.gw JOIN "
                                                         "LATERAL (SELECT DISTINCT metric FROM "
                                                         "hourly"
                                                         "   WHERE stream = s.id AND hour >= "
                                                         "greatest(s.open_hour, "
                                                         "(SELECT max(hour) FROM hour WHERE stream "
                                                         "= s.id))"
                                                         "   - interval '2 d') h ON true JOIN "
                                                         "metric m ON m.id = "
                                                         "h.metric WHERE o.site = n.site))"
                                                         " FROM garden_now n WHERE n.site = $2 "
                                                         "AND " MINE("n.region");

/* Hours that came as single readings, or, where a short data plan sent means instead and they are
 * of more readings, those. */
#define HOURS                                                                                      \
    "WITH kind AS (SELECT id, unit, kind FROM metric WHERE name = $4),"                            \
    " ours AS (SELECT s.id FROM stream s JOIN gateway g ON g.gw = s.gw WHERE g.site = $2"          \
    "  AND s.device = $3 AND " MY_SITE(                                                            \
        "$2") "),"                                                                                 \
              " span AS (SELECT to_timestamp($5::int8 / 1000.0) AS a, to_timestamp($6::int8 / "    \
              "1000.0) AS b),"                                                                     \
              " cell AS (SELECT hour, sum(n) AS n, min(min) AS min, max(max) AS max, sum(sum) AS " \
              "sum,"                                                                               \
              "   sum(x) AS x, sum(y) AS y, 1 AS way FROM hourly, span WHERE stream IN (SELECT "   \
              "id "                                                                                \
              "FROM ours)"                                                                         \
              "   AND metric = (SELECT id FROM kind) AND hour >= a AND hour < b GROUP BY hour"     \
              "  UNION ALL SELECT hour, sum(n), min(min), max(max), sum(n * mean), 0, 0, 2"        \
              "   FROM thinned, span WHERE stream IN (SELECT id FROM ours)"                        \
              "   AND metric = (SELECT id FROM kind WHERE kind <> 'angle') AND hour >= a AND "     \
              "hour < b"                                                                           \
              "   GROUP BY hour),"                                                                 \
              " best AS (SELECT DISTINCT ON (hour) hour, n, min, max, CASE (SELECT kind FROM "     \
              "kind)"                                                                              \
              "   WHEN 'sum' THEN sum WHEN 'angle' THEN"                                           \
              "   round(((degrees(atan2(y, x)) + 360)::numeric % 360), 1)::float8 ELSE sum / n "   \
              "END AS mean"                                                                        \
              "  FROM cell WHERE n > 0 ORDER BY hour, n DESC, way LIMIT 10000) "

const char page_hours[] = HOURS
    "SELECT json_build_object('unit', (SELECT unit FROM kind), 'kind', (SELECT kind FROM kind),"
    " 't', coalesce((SELECT json_agg(" MS(
        "hour") " ORDER BY hour) FROM best), '[]'),"
                " 'n', coalesce((SELECT json_agg(n ORDER BY hour) FROM best), '[]'),"
                " 'min', coalesce((SELECT json_agg(min ORDER BY hour) FROM best), '[]'),"
                " 'mean', coalesce((SELECT json_agg(mean ORDER BY hour) FROM best), '[]'),"
                " 'max', coalesce((SELECT json_agg(max ORDER BY hour) FROM best), '[]'))"
                " WHERE EXISTS (SELECT FROM ours)";

const char page_hours_table[] =
    HOURS "SELECT to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI\"Z\"') AS hour,"
          " n, min, mean, max FROM best ORDER BY hour";

#define DAYS                                                                                       \
    " FROM day WHERE day > now()::date - 60 AND ($2 = '' OR site = $2) AND " MY_SITE("day.site")

const char page_days[] =
    "SELECT coalesce(json_agg(d), '[]') FROM (SELECT day, sum(kg) AS kg, sum(pickers) AS pickers,"
    " count(*) FILTER (WHERE kg > 0) AS picked, sum(low) AS low, sum(middle) AS middle,"
    " sum(high) AS high, count(middle) AS expected" DAYS " GROUP BY day ORDER BY day) d";

const char page_days_table[] =
    "SELECT day, site, (SELECT region FROM garden WHERE garden.site = day.site) AS region,"
    " kg, pickers, low AS expected_low_kg, middle AS expected_kg,"
    " high AS expected_high_kg" DAYS " ORDER BY day, site";

const char page_gardens_table[] =
    "SELECT site, label, region, lat, lon,"
    " to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS last_heard,"
    " seen < now() - $2::int4 * interval '1 s' AS silent, version,"
    " round(month_bytes / 1e6, 2) AS month_mb, backlog AS records_waiting,"
    " holes AS records_missing, gone AS records_gone, " ASIDE(
        "n.site") " AS messages_set_aside, alarms, watches"
                  " FROM garden_now n WHERE " MINE("n.region") " ORDER BY seen";

const char page_seen[] = "INSERT INTO silence (site, since, seen_by, seen_at) SELECT $2, "
                         "max(seen), $1, now() FROM gateway"
                         " WHERE site = $2 AND"
                         " " MY_ROLE("coalesce((SELECT region FROM garden WHERE garden.site = $2), "
                                     "'')") " HAVING count(*) > 0 ON CONFLICT (site) DO UPDATE SET "
                                            "since = excluded.since,"
                                            " seen_by = excluded.seen_by, seen_at = "
                                            "excluded.seen_at RETURNING 1";

const char page_may_retire[] = "SELECT 1 FROM gateway WHERE site = $2 AND " MY_ROLE(
    "coalesce((SELECT region FROM garden WHERE garden.site = $2), '')") " LIMIT 1";
