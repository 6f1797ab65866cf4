/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye alert`: what stands and what was, in the language of messages and at the site's times. */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/daemon/reason.h"
#include "tools/cli/cli.h"
#include "tools/cli/replay.h"

#define SEASON_DAYS 120
#define DAYS_MOST   3660

/* ---- Printing ---- */

/* In the site's time zone. */
static void when_text(char out[32], long long ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    out[0] = '\0';
    if (ms > 0 && localtime_r(&seconds, &local) != NULL &&
        strftime(out, 32, "%Y-%m-%d %H:%M", &local) == 0)
        out[0] = '\0';
}

/* As the app calls them. */
static const char *level_word(const char *level)
{
    if (strcmp(level, "alarm") == 0)
        return _("alarm");
    if (strcmp(level, "watch") == 0)
        return _("watch");
    return strcmp(level, "info") == 0 ? _("info") : level;
}

/* What it says, below its line: each part stands on its own, so that 80 columns hold it. */
static void print_part(const char *text)
{
    if (text[0] != '\0')
        (void)printf("    %s\n", text);
}

static void print_seen(const json_t *row)
{
    char when[32];
    const char *by = talk_text(row, "acked_by");
    when_text(when, talk_integer(row, "acked_ts"));
    if (by[0] == '\0')
        return;
    (void)fputs("    ", stdout);
    (void)printf(_("%s has seen it"), by);
    (void)printf("%s%s\n", when[0] != '\0' ? ", " : "", when);
}

static void print_alerts(const json_t *result)
{
    size_t index;
    const json_t *row;
    json_array_foreach (json_object_get(result, "alerts"), index, row) {
        char since[32], ended[32];
        const json_t *words = json_object_get(row, "zh");
        words = language_chinese() && words != NULL ? words : row;
        when_text(since, talk_integer(row, "since"));
        when_text(ended, talk_integer(row, "ended"));
        (void)printf("%s %s %-16s  %-5s  %s\n", since, ended[0] ? "-" : " ", ended,
                     level_word(talk_text(row, "level")), talk_text(row, "id"));
        print_part(talk_text(words, "what"));
        print_part(talk_text(words, "place"));
        print_seen(row);
    }
    if (json_array_size(json_object_get(result, "alerts")) == 0)
        (void)puts(_("no alerts"));
}

/* Quoted as spreadsheets read it; what would be a formula there begins with a quote. */
static void print_cell(const char *text, char end)
{
    static const char *const wide[] = {"＝", "＋", "－", "＠"};
    (void)putchar('"');
    bool formula = text[0] != '\0' && strchr("=+-@\t\r\n", text[0]) != NULL;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        formula = formula || strncmp(text, wide[i], strlen(wide[i])) == 0;
    if (formula)
        (void)putchar('\'');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            (void)putchar('"');
        (void)putchar(*at);
    }
    (void)putchar('"');
    (void)putchar(end);
}

static void print_worst(const json_t *row)
{
    const json_t *extreme = json_object_get(row, "extreme");
    long long decimals = talk_integer(row, "decimals");
    if (json_is_number(extreme) && decimals >= 0 && decimals <= 9)
        (void)printf("%.*f", (int)decimals, json_number_value(extreme));
    (void)putchar(',');
}

/* The columns are those of /alerts.csv, whose times are UTC. */
static void print_csv_row(const json_t *row)
{
    char since[32], ended[32], acked[32];
    const json_t *zh = json_object_get(row, "zh");
    long long from = talk_integer(row, "since"), to = talk_integer(row, "ended");
    long long held = talk_integer(row, "held_to") - talk_integer(row, "held_from");
    when_text(since, from);
    when_text(ended, to);
    when_text(acked, talk_integer(row, "acked_ts"));
    (void)printf("%s,%s,", since, ended);
    if (to > 0)
        (void)printf("%lld", (held > 0 ? held : to - from) / 60000); /* a log knows better */
    (void)printf(",%s,%s,", talk_text(row, "level"), talk_text(row, "id"));
    print_cell(talk_text(row, "what"), ',');
    print_cell(talk_text(zh, "what"), ',');
    print_cell(talk_text(row, "place"), ',');
    print_cell(talk_text(zh, "place"), ',');
    print_worst(row);
    print_cell(talk_text(row, "unit"), ',');
    print_cell(talk_text(row, "acked_by"), ',');
    (void)printf("%s\n", acked);
}

static void print_alerts_csv(const json_t *result)
{
    size_t index;
    const json_t *alerts = json_object_get(result, "alerts"), *row;
    (void)puts("since,ended,minutes,level,id,what,what_zh,place,place_zh,worst,unit,"
               "acknowledged_by,acknowledged");
    json_array_foreach (alerts, index, row) {
        print_csv_row(row);
    }
}

static void print_ways(const json_t *result)
{
    size_t index;
    const json_t *row;
    json_array_foreach (json_object_get(result, "ways"), index, row) {
        bool delivered = json_is_true(json_object_get(row, "delivered"));
        (void)printf("%-16s %-9s %s\n", talk_text(row, "way"), talk_text(row, "service"),
                     delivered ? _("delivered")
                               : talk_text(row, language_chinese() ? "why_zh" : "why"));
    }
}

static void print_done(const json_t *result)
{
    (void)result;
    (void)puts(_("done"));
}

/* ---- Asking ---- */

static bool list_params(json_t *params, const char *word)
{
    (void)params;
    (void)word;
    return true;
}

static bool history_params(json_t *params, const char *word)
{
    char *end = NULL;
    long days = word != NULL ? strtol(word, &end, 10) : SEASON_DAYS;
    int64_t now_ms = ((int64_t)time(NULL) + 1) * 1000; /* with what began in this second */
    if (days < 1 || days > DAYS_MOST || (end != NULL && *end != '\0')) {
        cli_complain("\"%s\" is no number of days, 1 to %d", word, DAYS_MOST);
        return false;
    }
    return json_object_set_new(params, "from", json_integer(now_ms - (int64_t)days * 86400000)) ==
               0 &&
           json_object_set_new(params, "to", json_integer(now_ms)) == 0;
}

static bool ack_params(json_t *params, const char *word)
{
    return json_object_set_new(params, "id", json_string(word)) == 0;
}

static bool test_params(json_t *params, const char *word)
{
    return word == NULL || json_object_set_new(params, "way", json_string(word)) == 0;
}

static const struct alert_command {
    const char *name, *method;
    int least, most; /* words behind it */
    bool (*params)(json_t *params, const char *word);
    void (*print)(const json_t *result);
} commands[] = {
    {"list", "alerts", 0, 0, list_params, print_alerts},
    {"history", "alerts", 0, 1, history_params, print_alerts},
    {"csv", "alerts", 0, 1, history_params, print_alerts_csv},
    {"test", "alert_test", 0, 1, test_params, print_ways},
    {"ack", "ack", 1, 1, ack_params, print_done},
};

/* A page's alerts behind those of before; where the next one ends, 0: there is none, -1: it
 * failed, and `*code` says how. */
static long long ask_page(struct talk *talk, json_t *params, json_t *whole, int *code)
{
    json_t *answer = talk_ask(talk, "alerts", json_incref(params), NULL);
    const json_t *result = json_object_get(answer, "result");
    long long next = talk_integer(result, "next");
    if (answer == NULL || talk_failed(answer)) {
        *code = answer == NULL ? EX_UNAVAILABLE : 1;
        next = -1;
    }
    (void)json_array_extend(json_object_get(whole, "alerts"), json_object_get(result, "alerts"));
    json_decref(answer);
    return next;
}

/* All pages, the newest first; each ends before the one that was. */
static int ask_alerts(const struct talk_options *options, const struct alert_command *command,
                      json_t *params)
{
    struct talk talk;
    if (!talk_open(&talk, options->socket_path)) {
        json_decref(params);
        return EX_UNAVAILABLE;
    }
    json_t *whole = json_pack("{s:[]}", "alerts");
    int code = EX_OK;
    talk.raw = options->json;
    if (!options->json)
        talk_site_time(&talk);
    long long before = INT64_MAX, next = ask_page(&talk, params, whole, &code);
    while (next > 0 && next < before) {
        before = next;
        (void)json_object_set_new(params, "to", json_integer(next));
        next = ask_page(&talk, params, whole, &code);
    }
    talk_close(&talk);
    if (code == EX_OK)
        (options->json ? talk_dump : command->print)(whole);
    json_decref(params);
    json_decref(whole);
    return code;
}

static int run(const struct alert_command *command, int argc, char **argv)
{
    struct talk_options options;
    bool good = talk_options(argc, argv, &options);
    int count = argc - optind;
    if (!good || count < command->least || count > command->most)
        return EX_USAGE;
    json_t *params = json_object();
    if (!command->params(params, count > 0 ? argv[optind] : NULL)) {
        json_decref(params);
        return -EX_USAGE; /* it has been said */
    }
    if (strcmp(command->method, "alerts") == 0)
        return ask_alerts(&options, command, params);
    return talk_once(&options, command->method, params, NULL, command->print);
}

static const char usage[] =
    N_("Usage: baiye alert list | history [DAYS] | csv [DAYS]  [--json] [--socket FILE]\n"
       "       baiye alert ack ID | test [WAY]  [--json] [--socket FILE]\n"
       "       baiye alert replay FILE.csv [--config FILE] [--profiles DIR] [--json]\n"
       "list: what stands; history: also what ended within DAYS (120), csv: as a table; ack:\n"
       "somebody knows, it goes to no further group; test: a marked message by one way of\n"
       "notify, or by all, and what each answered; replay: what the rules would have said\n"
       "of an export.\n"
       "Exit 0: done; 1: the gateway said no; 69: no gateway answers.\n");

int cli_alert(int argc, char **argv)
{
    int code = EX_USAGE;
    if (argc > 1 && strcmp(argv[1], "replay") == 0)
        return replay_alerts(argc - 1, argv + 1);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            code = run(&commands[i], argc - 1, argv + 1);
    }
    if (code == EX_USAGE)
        code = cli_usage(usage);
    return code < 0 ? -code : code;
}
