/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/config_command.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/county/command.h"

#define YAML_MOST (60u << 10) /* what a gateway takes */
#define GET_S     60

const char config_command_help[] =
    N_("Usage: baiye-county CONFIG config get SITE\n"
       "       baiye-county CONFIG config put FOLDER [--at-once] [--stop PERCENT]\n"
       "         [--confirm SECONDS]\n"
       "       baiye-county CONFIG config list | show ID\n"
       "       baiye-county CONFIG config stop ID | go ID\n"
       "The configurations of gateways. get prints what a gateway has now. put rolls\n"
       "SITE.yaml of FOLDER out, each in the place of what get got: one gateway in a\n"
       "hundred first, then one in ten, then all. A gateway runs by the new one at once,\n"
       "and goes back to its file unless it answers by it in time. list says how many\n"
       "gateways of each roll-out are where, show says it of each gateway of one. stop:\n"
       "no further gateway is begun; go: on again.\n"
       "  --at-once          all gateways in one go\n"
       "  --stop PERCENT     when so many of those begun have failed, no further one is\n"
       "                     begun: 1 to 100 (5)\n"
       "  --confirm SECONDS  how long a gateway waits to be heard: 10 to 86400 (300)\n");

static bool list(struct command *command)
{
    return command_print(command,
                         "SELECT r.id, to_char(r.at, 'YYYY-MM-DD HH24:MI'), r.state,"
                         " string_agg(w.n || ' ' || w.state, ', ' ORDER BY w.state) FROM rollout r,"
                         " LATERAL (SELECT state, count(*) AS n FROM wanted WHERE rollout = r.id"
                         "  GROUP BY state) w GROUP BY r.id ORDER BY r.id",
                         0, NULL, 0);
}

static bool show(struct command *command, const char *id)
{
    return command_print(
        command,
        "SELECT site, 'ring ' || ring, state, to_char(since, 'YYYY-MM-DD HH24:MI:SS'),"
        " why FROM wanted WHERE rollout = $1::int8 ORDER BY ring, site",
        1, &id, 1);
}

static bool set_state(struct command *command, const char *id, const char *state)
{
    const char *parameters[] = {id, state};
    int rows = command_execute(
        command, "UPDATE rollout SET state = $2 WHERE id = $1::int8 AND state <> 'done'", 2,
        parameters);
    return rows > 0 ||
           (rows == 0 && command_fail(command, "no roll-out that goes on has the number ", id));
}

/* The running program asks the gateway; this waits for what it says. */
static bool get(struct command *command, const char *site)
{
    if (command_execute(
            command,
            "INSERT INTO config_seen (site, wanted) VALUES ($1, true) ON CONFLICT (site)"
            " DO UPDATE SET wanted = true, said = NULL",
            1, &site) < 0)
        return false;
    for (int i = 0; i < GET_S * 5; i++) {
        PGresult *result = command_query(
            command, "SELECT yaml FROM config_seen WHERE site = $1 AND NOT wanted", 1, &site);
        if (result == NULL)
            return false;
        bool there = PQntuples(result) == 1;
        if (there)
            (void)fputs(PQgetvalue(result, 0, 0), stdout);
        PQclear(result);
        if (there)
            return true;
        (void)poll(NULL, 0, 200);
    }
    return command_fail(command, "no answer within a minute from ", site);
}

/* ---- put ---- */

struct put {
    const char *folder, *stop, *confirm;
    bool at_once;
    char id[24];
    unsigned count;
};

static bool read_yaml(struct command *command, const char *path, char yaml[YAML_MOST + 2])
{
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(yaml, 1, YAML_MOST + 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    yaml[size] = '\0';
    if (size == 0 || size > YAML_MOST || strlen(yaml) != size)
        return command_fail(command, "empty, unreadable or longer than 60 KiB: ", path);
    return true;
}

/* What is there already is left alone. */
static bool want(struct command *command, struct put *put, const char *site, const char *path)
{
    static char yaml[YAML_MOST + 2];
    const char *parameters[] = {put->id, site, yaml};
    if (!read_yaml(command, path, yaml))
        return false;
    PGresult *seen = command_query(
        command, "SELECT FROM config_seen WHERE site = $1 AND sha256 IS NOT NULL", 1, &site);
    bool known = seen != NULL && PQntuples(seen) == 1;
    PQclear(seen);
    if (!known)
        return seen != NULL && command_fail(command, "first `config get` what it has now: ", site);
    int rows =
        command_execute(command,
                        "INSERT INTO wanted (rollout, ring, site, sha256_old, sha256, yaml)"
                        " SELECT $1::int8, 1, s.site, s.sha256, h.hash, $3 FROM config_seen s,"
                        " (SELECT encode(sha256(convert_to($3, 'UTF8')), 'hex') AS hash) h"
                        " WHERE s.site = $2 AND s.sha256 <> h.hash",
                        3, parameters);
    put->count += rows > 0 ? 1 : 0;
    return rows >= 0;
}

static bool want_all(struct command *command, struct put *put)
{
    DIR *folder = opendir(put->folder);
    struct dirent *entry = NULL;
    bool good = true;
    if (folder == NULL)
        return command_fail(command, "no folder: ", put->folder);
    while (good && (entry = readdir(folder)) != NULL) {
        char site[64] = "", path[1024], rest[8] = "";
        if (sscanf(entry->d_name, "%32[a-z0-9-]%7s", site, rest) != 2 || strcmp(rest, ".yaml") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", put->folder, entry->d_name);
        good = want(command, put, site, path);
    }
    (void)closedir(folder);
    if (good && put->count == 0)
        return command_fail(command, "no SITE.yaml that changes anything: ", put->folder);
    return good;
}

/* Which gateways come first is drawn anew for each roll-out. */
static const char make_rings[] =
    "UPDATE wanted w SET ring = CASE WHEN o.n <= ceil(o.all * 0.01) THEN 1"
    " WHEN o.n <= ceil(o.all * 0.1) THEN 2 ELSE 3 END FROM (SELECT id,"
    " row_number() OVER (ORDER BY md5(site || rollout)) AS n, count(*) OVER () AS all FROM wanted"
    " WHERE rollout = $1::int8) o WHERE o.id = w.id";

static bool make(struct command *command, struct put *put)
{
    const char *parameters[] = {put->stop, put->confirm}, *id = put->id;
    if (command_execute(command, "BEGIN", 0, NULL) < 0)
        return false;
    PGresult *result =
        command_query(command,
                      "INSERT INTO rollout (stop_percent, confirm_s) VALUES ($1::int, $2::int)"
                      " RETURNING id",
                      2, parameters);
    (void)snprintf(put->id, sizeof put->id, "%s", result != NULL ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    if (result == NULL || !want_all(command, put) ||
        (!put->at_once && command_execute(command, make_rings, 1, &id) < 0))
        return false;
    return command_execute(command, "COMMIT", 0, NULL) >= 0;
}

static bool is_number(const char *text, long least, long most)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && number >= least && number <= most;
}

static bool put(struct command *command, int count, char **words)
{
    struct put put = {.folder = words[0], .stop = "5", .confirm = "300"};
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--at-once") == 0)
            put.at_once = true;
        else if (strcmp(words[i], "--stop") == 0 && i + 1 < count &&
                 is_number(words[i + 1], 1, 100))
            put.stop = words[++i];
        else if (strcmp(words[i], "--confirm") == 0 && i + 1 < count &&
                 is_number(words[i + 1], 10, 86400))
            put.confirm = words[++i];
        else
            return command_fail(
                command,
                "not understood (--at-once, --stop 1..100, --confirm 10..86400): ", words[i]);
    }
    bool good = make(command, &put);
    if (good)
        (void)printf("roll-out %s: %u gateways\n", put.id, put.count);
    return good;
}

bool config_command(PGconn *db, int count, char **words, char *why, size_t why_size)
{
    struct command command = {db, why, why_size};
    const char *verb = count > 0 ? words[0] : "";
    if (strcmp(verb, "list") == 0 && count == 1)
        return list(&command);
    if (strcmp(verb, "put") == 0 && count >= 2)
        return put(&command, count - 1, words + 1);
    if (count != 2)
        return command_fail(&command, "config: not so; see `baiye-county help config`", "");
    if (strcmp(verb, "get") == 0)
        return get(&command, words[1]);
    if (!is_number(words[1], 1, 2147483647))
        return command_fail(&command, "this is no number of a roll-out: ", words[1]);
    if (strcmp(verb, "show") == 0)
        return show(&command, words[1]);
    if (strcmp(verb, "stop") == 0 || strcmp(verb, "go") == 0)
        return set_state(&command, words[1], verb[0] == 's' ? "stopped" : "going");
    return command_fail(&command, "config has no ", verb);
}
