/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye reload`: the daemon judges the changed configuration and starts anew by it; this waits
 * until the new one answers. `systemctl reload baiyed` is the same. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/reload.h"

#define WAIT_S  30 /* the old one commits what waits, and ends its lines' requests */
#define LOOK_NS 50000000

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

/* EX_OK, or `why` not. */
static int wait_for_next(const char *socket_path, long long before, struct reloaded *end)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    char refused[sizeof end->why - 64] = "";
    for (int64_t until_ms = clock_mono_ms() + WAIT_S * INT64_C(1000); clock_mono_ms() < until_ms;
         (void)nanosleep(&look, NULL)) {
        end->boot = boot_now(socket_path, refused, sizeof refused);
        if (end->boot < 0 || end->boot == before)
            continue;
        if (refused[0] == '\0')
            return EX_OK;
        /* The file was changed once more in between. */
        (void)snprintf(end->why, sizeof end->why, _("%s; the last good configuration is in force"),
                       refused);
        return EX_CONFIG;
    }
    (void)snprintf(end->why, sizeof end->why,
                   _("the gateway does not answer %d s after it took the new configuration; see "
                     "journalctl -u baiyed"),
                   WAIT_S);
    return EX_UNAVAILABLE;
}

int reload_gateway(const char *socket_path, struct reloaded *end)
{
    struct talk talk;
    *end = (struct reloaded){.boot = -1};
    if (!talk_try(&talk, socket_path)) {
        (void)snprintf(end->why, sizeof end->why, _("no gateway answers at %s"), socket_path);
        return EX_UNAVAILABLE;
    }
    json_t *answer = talk_ask_quietly(
        &talk, "reload", language_chinese() ? json_pack("{s:s}", "lang", "zh") : json_object());
    talk_close(&talk);
    const json_t *error = json_object_get(answer, "error");
    int code = EX_UNAVAILABLE;
    if (error != NULL) {
        const char *hint = talk_text(error, "hint");
        const char *why = talk_words(talk_text(error, "message"));
        if (hint[0] != '\0')
            (void)snprintf(end->why, sizeof end->why, _("%s; %s"), why, talk_words(hint));
        else
            (void)snprintf(end->why, sizeof end->why, "%s", why);
        code = EX_CONFIG;
    } else if (answer != NULL) {
        code = wait_for_next(socket_path, talk_integer(json_object_get(answer, "result"), "boot"),
                             end);
    } else {
        (void)snprintf(end->why, sizeof end->why, "%s",
                       _("the gateway hung up before it answered"));
    }
    json_decref(answer);
    return code;
}

int cli_reload(int argc, char **argv)
{
    struct talk_options options;
    struct reloaded end;
    if (!talk_options(argc, argv, &options) || optind < argc) {
        return cli_usage(
            N_("Usage: baiye reload [--json] [--socket FILE]\n"
               "The gateway takes the changed configuration into force. Exit 0: it has; 78: it is\n"
               "wrong, and the old one stays in force; 69: no gateway answers.\n"));
    }
    struct talk talk;
    if (!talk_open(&talk, options.socket_path)) /* says what to do */
        return EX_UNAVAILABLE;
    talk_close(&talk);
    int code = reload_gateway(options.socket_path, &end);
    if (code != EX_OK)
        cli_complain("%s", end.why);
    else if (options.json)
        (void)printf("{\"ok\":true,\"boot\":%lld}\n", end.boot);
    else
        (void)puts(_("the new configuration is in force"));
    return code;
}
