/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/upgrade_command.h"

#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/county/command.h"
#include "gateway/daemon/upgrade_state.h"

const char upgrade_command_help[] =
    N_("Usage: baiye-county CONFIG upgrade canary|early|stable|now SITE... | all\n"
       "       baiye-county CONFIG upgrade rings | list\n"
       "Which ring of baiye-county-repo(8) a gateway is in: the sites named, or all, are\n"
       "in that one from now on, and look there for a newer version at once; now: they\n"
       "look where they are. rings says how many gateways of each ring run which\n"
       "version, and how many have gone back; list says of each its ring, its version\n"
       "and what came of the last request.\n");

#define GATEWAYS                                                                                   \
    " FROM garden_now g LEFT JOIN upgrade u USING (site) LEFT JOIN LATERAL (SELECT"                \
    " body ->> 'what' AS what, body #>> '{zh,what}' AS zh FROM document WHERE site = g.site AND "  \
    "name = 'alert/upgrade'"                                                                       \
    " ORDER BY at DESC LIMIT 1) a ON true"

static const char rings[] =
    "SELECT coalesce(nullif(u.suite, ''), '-'), coalesce(g.version, '-'), count(*) || ' gateways',"
    " count(a.what) || ' have gone back'" GATEWAYS " GROUP BY 1, 2 ORDER BY 1, 2";
static const char list[] =
    "SELECT g.site, coalesce(nullif(u.suite, ''), '-'), coalesce(g.version, '-'),"
    " CASE WHEN u.wanted THEN 'asked' WHEN u.answer <> '' THEN u.answer WHEN u.at IS NOT NULL"
    "  THEN 'asked ' || to_char(u.at, 'YYYY-MM-DD HH24:MI') ELSE '' END, "
    " coalesce(CASE WHEN $1 = 'zh' THEN a.zh END, a.what, '')" GATEWAYS " ORDER BY 2, 1";
static const char want[] = "INSERT INTO upgrade (site, suite) SELECT DISTINCT site, $1 FROM gateway"
                           " WHERE retired IS NULL AND ($2 = 'all' OR site = $2) ON CONFLICT "
                           "(site) DO UPDATE SET wanted = true, said = NULL,"
                           " answer = '', suite = CASE WHEN $1 = '' THEN upgrade.suite ELSE $1 END";

static bool want_all(struct command *command, const char *suite, int count, char **sites)
{
    long asked = 0;
    for (int i = 0; i < count; i++) {
        const char *parameters[] = {suite, sites[i]};
        int rows = command_execute(command, want, 2, parameters);
        if (rows == 0)
            return command_fail(command, "no gateway has been heard of: ", sites[i]);
        if (rows < 0)
            return false;
        asked += rows;
    }
    (void)printf("%ld gateways are asked\n", asked);
    return true;
}

bool upgrade_command(PGconn *db, int count, char **words, char *why, size_t why_size)
{
    struct command command = {db, why, why_size};
    const char *verb = count > 0 ? words[0] : "";
    const char *language = language_chinese() ? "zh" : "en";
    if (strcmp(verb, "rings") == 0 && count == 1)
        return command_print(&command, rings, 0, NULL, 0);
    if (strcmp(verb, "list") == 0 && count == 1)
        return command_print(&command, list, 1, &language, 2);
    if (count >= 2 && (strcmp(verb, "now") == 0 || upgrade_is_suite(verb)))
        return want_all(&command, strcmp(verb, "now") == 0 ? "" : verb, count - 1, words + 1);
    return command_fail(&command, "upgrade: not so; see `baiye-county help upgrade`", "");
}
