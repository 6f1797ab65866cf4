/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye reload`: the daemon judges the changed configuration and starts anew by it; this waits
 * until the new one answers. `systemctl reload baiyed` is the same. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "tools/cli/cli.h"

#define WAIT_S  30 /* the old one commits what waits, and ends its lines' requests */
#define LOOK_NS 50000000

static long long now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* The count of starts of the daemon that answers now; -1: none does. */
static long long boot_now(const char *socket_path, char *refused, size_t size)
{
    struct talk talk;
    long long boot = -1;
    if (!talk_try(&talk, socket_path))
        return -1;
    json_t *answer = talk_ask_quietly(&talk, "stats", json_object());
    const json_t *result = json_object_get(answer, "result");
    if (result != NULL) {
        boot = talk_integer(result, "boot");
        (void)snprintf(refused, size, "%s", talk_text(result, "config_refused"));
    }
    json_decref(answer);
    talk_close(&talk);
    return boot;
}

static int wait_for_next(const struct talk_options *options, long long before)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    char refused[1024] = "";
    for (long long until = now_s() + WAIT_S; now_s() < until; (void)nanosleep(&look, NULL)) {
        long long boot = boot_now(options->socket_path, refused, sizeof refused);
        if (boot < 0 || boot == before)
            continue;
        if (refused[0] != '\0') { /* the file was changed once more in between */
            cli_complain("%s; the last good configuration is in force", refused);
            return EX_CONFIG;
        }
        if (options->json)
            (void)printf("{\"ok\":true,\"boot\":%lld}\n", boot);
        else
            (void)puts("the new configuration is in force");
        return EX_OK;
    }
    cli_complain("the gateway does not answer %d s after it took the new configuration; see "
                 "journalctl -u baiyed",
                 WAIT_S);
    return EX_UNAVAILABLE;
}

int cli_reload(int argc, char **argv)
{
    struct talk_options options;
    struct talk talk;
    if (!talk_options(argc, argv, &options) || optind < argc) {
        (void)fputs("Usage: baiye reload [--json] [--socket FILE]\n", stderr);
        return EX_USAGE;
    }
    if (!talk_open(&talk, options.socket_path))
        return EX_UNAVAILABLE;
    json_t *answer = talk_ask(&talk, "reload", json_object(), NULL);
    talk_close(&talk);
    if (answer == NULL)
        return EX_UNAVAILABLE;
    int code =
        talk_failed(answer)
            ? EX_CONFIG
            : wait_for_next(&options, talk_integer(json_object_get(answer, "result"), "boot"));
    json_decref(answer);
    return code;
}
