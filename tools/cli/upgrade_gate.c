/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye upgrade-gate VERSION`: does the gateway that answers run this version, is it ready, and
 * has a broker acknowledged what it sent? Prints "ok", or what is not so. For baiye-upgrade, which
 * goes back to the version before when it is never so. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/cli/cli.h"

/* Of the county's brokers one must have acknowledged, for it is the county that wants to know;
 * where none is the county's, any; where there is none at all, nothing. */
static bool acknowledged(const json_t *brokers)
{
    size_t i;
    const json_t *broker;
    bool any = false, county = false, by_any = false, by_county = false;
    json_array_foreach (brokers, i, broker) {
        bool acked = talk_integer(broker, "acked") > 0;
        any = true;
        by_any = by_any || acked;
        if (json_is_true(json_object_get(broker, "county"))) {
            county = true;
            by_county = by_county || acked;
        }
    }
    return county ? by_county : !any || by_any;
}

static int say(const char *what, const char *detail)
{
    (void)printf("%s%s\n", what, detail);
    return EX_TEMPFAIL;
}

/* A package's version is the program's, and what the package's maker has put behind it. */
static bool is_of(const char *package, const char *program)
{
    size_t length = strlen(program);
    return length > 0 && strncmp(package, program, length) == 0 &&
           strchr("+-~", package[length]) != NULL; /* or its end */
}

static int judge(const json_t *stats, const char *version)
{
    const json_t *ready = json_object_get(stats, "ready");
    const json_t *reason = json_array_get(json_object_get(ready, "reasons"), 0);
    if (!is_of(version, talk_text(stats, "version")))
        return say("another version runs: ", talk_text(stats, "version"));
    if (!json_is_true(json_object_get(ready, "ready")))
        return say("it is not ready: ", json_is_string(reason) ? json_string_value(reason) : "");
    if (!acknowledged(json_object_get(stats, "brokers")))
        return say("no broker has acknowledged what it sent", "");
    (void)puts("ok");
    return EX_OK;
}

int cli_upgrade_gate(int argc, char **argv)
{
    struct talk talk;
    if (argc != 2)
        return EX_USAGE;
    if (!talk_try(&talk, CLI_SOCKET))
        return say("no gateway answers", "");
    json_t *answer = talk_ask_quietly(&talk, "stats", json_object());
    int code = answer != NULL ? judge(json_object_get(answer, "result"), argv[1])
                              : say("no gateway answers", "");
    json_decref(answer);
    talk_close(&talk);
    return code;
}
