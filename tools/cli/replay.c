/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye alert replay`: the rules of the configuration over readings of the past, and what people
 * would have been sent when. By the gateway's own code in virtual time; nobody is asked or told. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/grow.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "gateway/daemon/alerts/cause.h"
#include "gateway/daemon/notifier/queue.h"
#include "tools/cli/cli.h"
#include "tools/cli/csv.h"
#include "tools/cli/replay.h"

#define MINUTE_MS INT64_C(60000)
#define START_MS  MINUTE_MS /* the monotonic time of the first reading; 0 would be "never" */
#define SPAN_MS   (20 * 366 * 1440 * MINUTE_MS) /* more is a slip: minute by minute it has no end */
#define AFTER_MS  (120 * MINUTE_MS) /* people are looked after for so long behind the last one */

static const char usage[] = N_(
    "Usage: baiye alert replay FILE.csv [--config FILE] [--profiles DIR] [--json]\n"
    "Runs the configuration's rules over an export (/export.csv of the app) and prints what would\n"
    "have been raised and sent when, if nobody had answered. Raw readings give what really would\n"
    "have been; of hourly and daily rows the minimum and maximum are taken.\n");

enum column { TIME, DEVICE, METRIC, COUNT, MIN, MEAN, MAX, SUM, COLUMNS };
static const char *const column_names[COLUMNS] = {"time", "device", "metric", "n",
                                                  "min",  "mean",   "max",    "sum"};

struct row {
    int64_t t_ms;
    uint32_t number; /* in the file: rows of one time keep their order */
    uint16_t device;
    uint8_t field;
    double low, high; /* the same for raw readings */
};

struct replay {
    struct csv csv;
    struct config *config;
    unsigned unknown; /* rows of others */
    unsigned empty;   /* rows without a number */
    struct row *rows;
    size_t count, room;
    struct rules *rules;
    struct active *active;
    struct queue *queue;
    int64_t now_ms; /* wall clock */
    unsigned raised, sent;
    bool chinese;
};

/* ---- The file ---- */

static bool check_header(void *context)
{
    const struct replay *r = context;
    const int *place = r->csv.place;
    const char *what = place[TIME] < 0 || place[DEVICE] < 0 || place[METRIC] < 0
                           ? N_("no columns time, device and metric")
                       : place[MEAN] < 0 ? N_("no column mean")
                                         : NULL;
    return what == NULL ||
           csv_complain(&r->csv, what, "the first line names the columns, as /export.csv has them");
}

/* "2026-04-01T05:00:00.000Z" */
static bool read_time(const struct replay *r, const char *text, int64_t *t_ms)
{
    struct tm utc = {0};
    char *end = NULL;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    double ms = rest != NULL && *rest == '.' ? strtod(rest, &end) * 1000 : 0;
    rest = end != NULL ? end : rest;
    if (rest == NULL || strcmp(rest, "Z") != 0 || utc.tm_year < 70)
        return csv_complain(&r->csv, "time: no moment in UTC", "write 2027-03-28T05:00:00Z");
    const struct tm said = utc;
    time_t t = timegm(&utc); /* makes the 3rd of March of a 31st of February */
    if (utc.tm_mday != said.tm_mday || utc.tm_mon != said.tm_mon)
        return csv_complain(&r->csv, "time: there is no such day", "see whether it is a slip");
    *t_ms = (int64_t)t * 1000 + (int64_t)ms;
    return true;
}

static double number_at(const struct replay *r, enum column column)
{
    double value = NAN;
    return units_number(csv_field(&r->csv, (int)column), &value) ? value : NAN;
}

static bool add_row(struct replay *r, const struct row *row)
{
    struct row *rows = grow_array(r->rows, &r->room, r->count + 1, sizeof *rows);
    if (rows == NULL)
        return csv_complain(&r->csv, "no memory for all of it", "give a shorter time");
    r->rows = rows;
    r->rows[r->count++] = *row;
    return true;
}

static bool read_row(void *context)
{
    struct replay *r = context;
    struct row row = {.number = r->csv.line};
    if (!csv_has(&r->csv, TIME) || !csv_has(&r->csv, DEVICE) || !csv_has(&r->csv, METRIC))
        return csv_complain(&r->csv, "too few columns", "is the file cut off?");
    if (!read_time(r, csv_field(&r->csv, TIME), &row.t_ms))
        return false;
    const struct device_config *device = config_device(r->config, csv_field(&r->csv, DEVICE));
    const char *name = csv_field(&r->csv, METRIC);
    while (device != NULL && row.field < device->metric_count &&
           strcmp(device->metrics[row.field]->metric, name) != 0)
        row.field++;
    if (device == NULL || row.field == device->metric_count) {
        r->unknown++;
        return true;
    }
    row.device = device->index;
    double n = number_at(r, COUNT), sum = number_at(r, SUM);
    row.low = row.high = isnan(sum) ? number_at(r, MEAN) : sum;
    if (n > 1 && isnan(sum)) {
        row.low = number_at(r, MIN);
        row.high = number_at(r, MAX);
    }
    if (!isnan(row.low) && !isnan(row.high))
        return add_row(r, &row);
    r->empty++;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->t_ms != y->t_ms)
        return x->t_ms < y->t_ms ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static bool read_file(struct replay *r, const char *path)
{
    if (!csv_read(&r->csv, path, column_names, COLUMNS, check_header, read_row, r))
        return false;
    if (r->csv.line == 0)
        return csv_complain(&r->csv, "the file is empty", "export it with a wider time");
    if (r->count > 0)
        qsort(r->rows, r->count, sizeof *r->rows, by_time);
    return true;
}

/* What comes once an hour is not silent in between: the gap that most readings have, by device. */
static void take_periods(struct replay *r)
{
    for (uint16_t d = 0; d < r->config->device_count; d++) {
        int64_t last_ms = -1, least_ms = INT64_MAX;
        for (size_t i = 0; i < r->count; i++) {
            if (r->rows[i].device != d)
                continue;
            int64_t gap = r->rows[i].t_ms - last_ms;
            if (last_ms >= 0 && gap > 0 && gap < least_ms)
                least_ms = gap;
            last_ms = r->rows[i].t_ms;
        }
        struct device_config *device = &r->config->devices[d];
        if (least_ms != INT64_MAX && least_ms > device->every_ms)
            device->every_ms = (uint32_t)(least_ms < UINT32_MAX ? least_ms : UINT32_MAX);
    }
}

/* ---- Virtual time ---- */

static struct active_now now_of(const struct replay *r)
{
    return (struct active_now){.mono_ms = r->now_ms - r->rows[0].t_ms + START_MS,
                               .wall = {r->now_ms, TIME_TRUSTED}};
}

static void print_when(int64_t t_ms)
{
    time_t t = (time_t)(t_ms / 1000);
    struct tm local;
    char when[32] = "";
    if (localtime_r(&t, &local) != NULL &&
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local) == 0)
        when[0] = '\0';
    (void)printf("%s  ", when);
}

static void print_alert(struct replay *r, const struct alert *alert)
{
    const struct alert_text *text = &alert->text;
    const struct alert_words *words = &text->words[r->chinese ? METRIC_ZH : METRIC_EN];
    print_when(r->now_ms);
    if (alert->ended_ms == 0) {
        r->raised++;
        (void)printf(_("raised %s (%s): %s%s%s\n"), text->id,
                     gettext(alert_level_name(text->level)), words->what,
                     words->place[0] != '\0' ? _(", ") : "", words->place);
        return;
    }
    (void)printf(_("over   %s: after %lld min"), text->id,
                 (long long)((alert->ended_ms - alert->since_ms) / MINUTE_MS));
    if (text->measured)
        (void)printf(_(", at worst %.*f %s"), text->decimals, text->extreme, text->unit);
    (void)puts("");
}

/* The store's and the broker's part: what is new is printed, and done. */
static void print_alerts(struct replay *r)
{
    for (struct alert *alert = active_first(r->active); alert != NULL; alert = alert->next) {
        if (alert->publish_now && (alert->saved_ms == 0 || alert->ended_ms != 0))
            print_alert(r, alert);
        alert->saved_ms = 1; /* its beginning has been printed */
        alert->publish = alert->publish_now = alert->save = alert->save_now = false;
    }
}

static void print_message(const struct replay *r, const struct way_message *message)
{
    const struct way_config *way = &r->config->ways[message->way];
    print_when(r->now_ms);
    (void)printf(_("sent   %s (%s): "), way->name, way_kind_name(way->kind));
    for (const char *at = message->text; *at != '\0'; at++)
        (void)putchar(*at == '\n' ? ' ' : *at);
    (void)puts("");
}

static void notify_people(struct replay *r)
{
    struct active_now at = now_of(r);
    struct queue_now now = {.mono_ms = at.mono_ms, .wall = at.wall};
    queue_look(r->queue, r->active, &now);
    for (uint16_t w = 0; w < r->config->way_count; w++) {
        struct way_message message;
        if (!queue_next(r->queue, w, &now, &message))
            continue;
        print_message(r, &message);
        queue_done(r->queue, w, message.id, WAY_SENT, "", &now);
        r->sent++;
    }
}

static void take_cause(void *context, const struct rules_cause *cause)
{
    struct replay *r = context;
    struct active_now now = now_of(r);
    (void)cause_take(r->config, r->rules, r->active, cause, &now);
}

static void look(struct replay *r)
{
    time_t t = (time_t)(r->now_ms / 1000);
    struct tm local = {0};
    (void)localtime_r(&t, &local);
    struct rules_time time = {.mono_ms = now_of(r).mono_ms,
                              .known = true,
                              .minute = local.tm_hour * 60 + local.tm_min,
                              .month = local.tm_mon};
    rules_time_is(r->rules, &time);
    rules_each(r->rules, take_cause, r);
    print_alerts(r);
    notify_people(r);
    active_sweep(r->active);
}

static void take_value(struct replay *r, const struct row *row, double value)
{
    struct reading reading = {.device = row->device,
                              .value_count = r->config->devices[row->device].metric_count,
                              .taken = {now_of(r).mono_ms},
                              .time = {r->now_ms, TIME_TRUSTED}};
    reading.values[row->field] =
        (struct reading_value){.value = value, .present = true, .flag = METRIC_GOOD};
    rules_reading(r->rules, &reading);
}

/* Minute by minute, so that hours, escalation and heartbeat come when they would have. */
static void run_until(struct replay *r, int64_t t_ms)
{
    while (r->now_ms + MINUTE_MS <= t_ms) {
        r->now_ms += MINUTE_MS;
        look(r);
    }
    r->now_ms = t_ms;
}

static void run(struct replay *r)
{
    r->now_ms = r->rows[0].t_ms;
    for (size_t i = 0; i < r->count; i++) {
        const struct row *row = &r->rows[i];
        run_until(r, row->t_ms);
        take_value(r, row, row->low);
        if (row->high > row->low)
            take_value(r, row, row->high);
        look(r);
    }
    run_until(r, r->now_ms + AFTER_MS);
}

static int replay(struct replay *r, const char *path)
{
    if (!read_file(r, path))
        return EX_DATAERR;
    if (r->unknown > 0)
        (void)printf(_("note: %u rows are of devices or metrics that the configuration has not\n"),
                     r->unknown);
    if (r->empty > 0)
        (void)printf(_("note: %u rows have no number in mean (1.5, not 1,5)\n"), r->empty);
    if (r->count == 0 && r->empty > 0) {
        cli_complain("%s: no row has a number in mean (1.5, not 1,5)", path);
        return EX_DATAERR;
    }
    if (r->count == 0) {
        cli_complain("%s: no row is of a device of this configuration", path);
        return EX_DATAERR;
    }
    if (r->rows[r->count - 1].t_ms - r->rows[0].t_ms > SPAN_MS) {
        cli_complain("%s: its rows are of more than 20 years; see whether a time is a slip", path);
        return EX_DATAERR;
    }
    take_periods(r);
    (void)setenv("TZ", r->config->timezone, 1);
    tzset();
    r->rules = rules_create(r->config, take_cause, r);
    r->active = active_create();
    r->queue = queue_create(r->config);
    int code = EX_OSERR;
    if (r->rules != NULL && r->active != NULL && r->queue != NULL) {
        run(r);
        (void)printf(_("%u alerts, %u messages\n"), r->raised, r->sent);
        code = EX_OK;
    } else {
        cli_complain("no memory");
    }
    rules_destroy(r->rules);
    if (r->active != NULL)
        active_destroy(r->active);
    queue_destroy(r->queue);
    return code;
}

int replay_alerts(int argc, char **argv)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"profiles", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    const char *file = CLI_CONFIG, *profiles = NULL;
    struct config_error error;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'c')
            file = optarg;
        else if (letter == 'p')
            profiles = optarg;
        else
            break;
    }
    if (letter != -1 || argc - optind != 1)
        return cli_usage(usage);
    struct replay r = {.config = config_load(file, profiles, &error)};
    r.chinese = language_chinese();
    if (r.config == NULL) {
        cli_complain("%s", error.text);
        return EX_CONFIG;
    }
    int code = replay(&r, argv[optind]);
    free(r.rows);
    config_free(r.config);
    return code;
}
