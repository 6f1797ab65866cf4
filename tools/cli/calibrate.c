/* SPDX-License-Identifier: Apache-2.0 */
/* baiye calibrate: what is known of a channel's calibration, and a new one from samples taken now.
 *
 *   one VALUE          the true value of what the probe is in now: an offset, or the table shifted
 *   VALUE VALUE …      two to five points of raw count and value, each sampled after a question
 *   RAW=VALUE          a point whose raw count is known from before
 *   dry, wet           the two ends of a soil probe; one of them replaces that end of the table
 *
 * The gateway measures and stores (rpc `measure`, `calibrate`); what makes sense is decided
 * here. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "protocols/node_map/node_map.h"
#include "tools/cli/cli.h"
#include "tools/cli/show.h"

enum { POINTS = NODE_CALIBRATION_POINTS_MAX };

struct point {
    bool live;     /* sampled now */
    char end;      /* 'd': dry, 'w': wet, 0: neither */
    double raw;    /* mean of the samples */
    double value;  /* true one */
    double showed; /* what the node made of it, mean; live ones only */
};

struct calibrate {
    struct talk talk;
    const char *device, *metric;
    bool yes, json, clear;
    long samples, operator_id;
    double spread; /* allowed, negative: the metric's own */
    json_t *had;   /* rpc `calibration` */
    struct point points[POINTS];
    size_t count;
    json_t *table; /* new: [[raw, value]] */
};

/* How far apart samples of what has settled may be: absolute, or part of the value. Of a value that
 * stops at its ends the raw count tells more. */
static const struct steady {
    const char *metric;
    double most, part, raw_most;
} steadies[] = {
    {"air_temperature", 0.5, 0, 0},     {"air_humidity", 2, 0, 0},
    {"soil_moisture", 1, 0, 0},         {"soil_temperature", 0.3, 0, 0},
    {"soil_conductivity", 10, 0.03, 0}, {"illuminance", 50, 0.1, 0},
    {"battery_voltage", 0.05, 0, 0},    {"soil_wetness", 2, 0, 330},
    {"canopy_temperature", 0.5, 0, 0},
};

static json_t *ask(struct calibrate *c, const char *method, json_t *params,
                   void (*progress)(const json_t *body))
{
    json_t *answer = talk_ask(&c->talk, method, params, progress);
    bool failed = answer == NULL || talk_failed(answer);
    json_t *result = failed ? NULL : json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

static double real_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *unit(const struct calibrate *c)
{
    return talk_text(c->had, "unit");
}

/* ---- words ---- */

static void print_table(const json_t *table, const char *unit_text)
{
    const json_t *point, *points = json_object_get(table, "points");
    size_t i, count = json_array_size(points);
    long long date = talk_integer(table, "date");
    if (count == 0) {
        (void)fputs(_("the sensor's own conversion"), stdout);
        return;
    }
    if (count == 1)
        (void)printf(_("offset %+.2f %s"),
                     json_number_value(json_array_get(json_array_get(points, 0), 1)), unit_text);
    json_array_foreach (points, i, point) {
        if (count > 1)
            (void)printf(_("%sraw %lld = %.2f %s"), i > 0 ? ", " : "",
                         json_integer_value(json_array_get(point, 0)),
                         json_number_value(json_array_get(point, 1)), unit_text);
    }
    if (date > 0)
        (void)printf(_(" (%04lld-%02lld-%02lld, operator %lld)"), date / 10000, date / 100 % 100,
                     date % 100, talk_integer(table, "operator"));
}

static void print_value(const json_t *known)
{
    const json_t *value = json_object_get(known, "value");
    if (json_is_null(value))
        (void)printf(_("no value: %s"), show_flag(talk_text(known, "flag")));
    else
        (void)printf(_("%.*f %s, %s"), (int)talk_integer(known, "decimals"),
                     json_number_value(value), talk_text(known, "unit"),
                     show_flag(talk_text(known, "flag")));
    if (!json_is_null(json_object_get(known, "raw")))
        (void)printf(_(", raw %lld"), talk_integer(known, "raw"));
}

static void sample_progress(const json_t *body)
{
    (void)fprintf(stderr, _("  sample %lld of %lld: %g, raw %lld\n"), talk_integer(body, "sample"),
                  talk_integer(body, "of"), real_of(body, "value"), talk_integer(body, "raw"));
}

/* ---- what there is ---- */

static json_t *known_of(struct calibrate *c, const char *metric)
{
    return ask(c, "calibration", json_pack("{s:s,s:s}", "device", c->device, "metric", metric),
               NULL);
}

static int show_one(struct calibrate *c, const char *metric)
{
    json_t *known = known_of(c, metric);
    if (known == NULL)
        return 1;
    if (c->json) {
        talk_dump(known);
    } else {
        (void)printf("%-19s ", metric);
        print_table(known, talk_text(known, "unit"));
        (void)fputs(_("; now "), stdout);
        print_value(known);
        (void)putchar('\n');
    }
    json_decref(known);
    return EX_OK;
}

static int show_all(struct calibrate *c)
{
    size_t i, k;
    const json_t *device, *metric;
    json_t *all = ask(c, "devices", json_object(), NULL);
    int code = all != NULL ? EX_NOUSER : 1;
    json_array_foreach (json_object_get(all, "devices"), i, device) {
        if (strcmp(talk_text(device, "name"), c->device) != 0)
            continue;
        code = EX_OK;
        json_array_foreach (json_object_get(device, "metrics"), k, metric) {
            if (code == EX_OK)
                code = show_one(c, json_string_value(metric));
        }
    }
    if (code == EX_NOUSER)
        cli_complain("there is no device \"%s\"; `baiye devices` lists them", c->device);
    json_decref(all);
    return code == EX_NOUSER ? 1 : code;
}

/* ---- samples ---- */

struct range {
    double least, most, mean;
};

static struct range range_of(const json_t *numbers)
{
    size_t i;
    const json_t *number;
    struct range range = {INFINITY, -INFINITY, 0};
    json_array_foreach (numbers, i, number) {
        double value = json_number_value(number);
        range.least = fmin(range.least, value);
        range.most = fmax(range.most, value);
        range.mean += value / (double)json_array_size(numbers);
    }
    return range;
}

static bool is_steady(const struct calibrate *c, const struct range *raw, const struct range *value)
{
    const struct steady *steady = steadies;
    while (strcmp(steady->metric, c->metric) != 0)
        steady++;
    double own = fmax(steady->most, steady->part * fabs(value->mean));
    double most = c->spread >= 0 ? c->spread : own;
    double raw_most = steady->raw_most * most / own;
    if (value->most - value->least <= most &&
        (steady->raw_most == 0 || raw->most - raw->least <= raw_most))
        return true;
    cli_complain("not steady: %g to %g %s (raw %g to %g), %g %s apart is the most; wait until the "
                 "probe has settled, or allow more by --spread; nothing was changed",
                 value->least, value->most, unit(c), raw->least, raw->most, most, unit(c));
    return false;
}

static bool measure(struct calibrate *c, struct point *point)
{
    json_t *taken = ask(c, "measure",
                        json_pack("{s:s,s:s,s:I}", "device", c->device, "metric", c->metric,
                                  "samples", (json_int_t)c->samples),
                        sample_progress);
    if (taken == NULL)
        return false;
    struct range raw = range_of(json_object_get(taken, "raw"));
    struct range value = range_of(json_object_get(taken, "values"));
    json_decref(taken);
    point->raw = round(raw.mean);
    point->showed = value.mean;
    return is_steady(c, &raw, &value);
}

/* false: no answer, so not now. */
static bool wait_for_enter(const struct calibrate *c, const struct point *point)
{
    char line[16];
    (void)fprintf(stderr, _("Bring the probe to what is %.2f %s%s, let it settle, press Enter: "),
                  point->value, unit(c),
                  point->end == 'd'   ? _(" (dry)")
                  : point->end == 'w' ? _(" (saturated)")
                                      : "");
    return fgets(line, sizeof line, stdin) != NULL;
}

static bool measure_all(struct calibrate *c)
{
    size_t live = 0;
    for (size_t i = 0; i < c->count; i++)
        live += c->points[i].live;
    if (live > 1 && c->yes) {
        cli_complain("without questions one point is measured at a time: give the others as "
                     "RAW=VALUE; nothing was changed");
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct point *point = &c->points[i];
        if (point->live && ((live > 1 && !wait_for_enter(c, point)) || !measure(c, point)))
            return false;
    }
    return true;
}

/* ---- the new table ---- */

static void add_point(struct calibrate *c, double raw, double value)
{
    (void)json_array_append_new(c->table, json_pack("[I,f]", (json_int_t)llround(raw), value));
}

static int by_raw(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    return (p->raw > q->raw) - (p->raw < q->raw);
}

static bool make_points(struct calibrate *c)
{
    qsort(c->points, c->count, sizeof *c->points, by_raw);
    for (size_t i = 0; i < c->count; i++) {
        add_point(c, c->points[i].raw, c->points[i].value);
        if (i > 0 && (c->points[i].raw == c->points[i - 1].raw ||
                      c->points[i].value == c->points[i - 1].value)) {
            cli_complain(
                "raw %g and raw %g are to be %g and %g %s: two points must differ in both; "
                "nothing was changed",
                c->points[i - 1].raw, c->points[i].raw, c->points[i - 1].value, c->points[i].value,
                unit(c));
            return false;
        }
    }
    return true;
}

/* What it showed becomes the true value: by the offset, or by moving the whole table. */
static void make_offset(struct calibrate *c)
{
    const struct point *point = &c->points[0];
    const json_t *one, *had = json_object_get(c->had, "points");
    double by = point->value - point->showed;
    size_t i;
    if (json_array_size(had) == 0)
        add_point(c, point->raw, by);
    json_array_foreach (had, i, one) {
        add_point(c, json_number_value(json_array_get(one, 0)),
                  json_number_value(json_array_get(one, 1)) + by);
    }
}

/* One end of a table that has both: the driest or the wettest point. */
static bool make_end(struct calibrate *c)
{
    const struct point point = c->points[0];
    const json_t *one, *had = json_object_get(c->had, "points");
    size_t i, end = 0, count = json_array_size(had);
    if (count < 2 || point.end == 0)
        return false;
    json_array_foreach (had, i, one) {
        double value = json_number_value(json_array_get(one, 1));
        double other = json_number_value(json_array_get(json_array_get(had, end), 1));
        if (point.end == 'd' ? value < other : value > other)
            end = i;
    }
    json_array_foreach (had, i, one) {
        c->points[i] = i == end
                           ? point
                           : (struct point){.raw = json_number_value(json_array_get(one, 0)),
                                            .value = json_number_value(json_array_get(one, 1))};
    }
    c->count = count;
    return true;
}

/* One point alone says nothing of a probe that has no table yet. */
static int one_is_missing(const struct calibrate *c)
{
    const struct point *point = &c->points[0];
    (void)printf(
        _("raw %.0f is %.2f %s: noted nowhere yet, a second point is needed. With the probe\n"
          "there:\n  baiye calibrate %s %s %.0f=%.2f %s\n"),
        point->raw, point->value, unit(c), c->device, c->metric, point->raw, point->value,
        point->end == 'd'   ? "wet"
        : point->end == 'w' ? "dry"
                            : "VALUE");
    return EX_TEMPFAIL;
}

/* EX_OK: c->table is there. */
static int make_table(struct calibrate *c)
{
    bool uncalibrated = strcmp(talk_text(c->had, "flag"), "uncalibrated") == 0;
    c->table = json_array();
    if (c->clear)
        return EX_OK;
    if (c->count == 1 && !make_end(c)) {
        if (uncalibrated || !c->points[0].live || c->points[0].end != 0)
            return one_is_missing(c);
        make_offset(c);
        return EX_OK;
    }
    return make_points(c) ? EX_OK : 1;
}

/* ---- doing it ---- */

static bool confirmed(const struct calibrate *c)
{
    char line[16];
    if (c->yes)
        return true;
    (void)fflush(stdout);
    (void)fputs(_("Store this? [y/N] "), stderr);
    if (fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    (void)fputs(_("nothing was changed\n"), stderr);
    return false;
}

static long long today(void)
{
    struct tm local;
    time_t now = time(NULL);
    if (localtime_r(&now, &local) == NULL || local.tm_year < 126) /* a clock that was never set */
        return 0;
    return (local.tm_year + 1900) * 10000LL + (local.tm_mon + 1) * 100LL + local.tm_mday;
}

static void print_before(const struct calibrate *c)
{
    json_t *wanted = json_pack("{s:O}", "points", c->table);
    (void)printf(_("%s %s\n  before  "), c->device, c->metric);
    print_value(c->had);
    (void)fputs("\n          ", stdout);
    print_table(c->had, unit(c));
    (void)fputs(_("\n  new     "), stdout);
    print_table(wanted, unit(c));
    (void)putchar('\n');
    json_decref(wanted);
}

/* What the next sample says, with the new table. */
static void print_after(struct calibrate *c, json_t *stored)
{
    json_t *one =
        ask(c, "measure", json_pack("{s:s,s:s}", "device", c->device, "metric", c->metric), NULL);
    json_t *known = one != NULL ? known_of(c, c->metric) : NULL;
    if (c->json) {
        (void)json_object_set(stored, "now", known);
        talk_dump(stored);
    } else if (known != NULL) {
        (void)fputs(_("  now     "), stdout);
        print_value(known);
        (void)puts(_("; stored and read back"));
    } else {
        (void)puts(_("  stored and read back, but no sample came since"));
    }
    json_decref(known);
    json_decref(one);
}

static int store(struct calibrate *c)
{
    if (!c->json)
        print_before(c);
    if (!confirmed(c))
        return 1;
    json_t *stored =
        ask(c, "calibrate",
            json_pack("{s:s,s:s,s:O,s:I,s:I}", "device", c->device, "metric", c->metric, "points",
                      c->table, "date", c->clear ? 0 : (json_int_t)today(), "operator",
                      (json_int_t)c->operator_id),
            NULL);
    if (stored == NULL)
        return 1;
    print_after(c, stored);
    json_decref(stored);
    return EX_OK;
}

/* What a table can't put right. */
static bool is_possible(const struct calibrate *c)
{
    if (strcmp(c->metric, "rainfall") == 0)
        cli_complain(
            "rain is counted in tips of the bucket: pour a known amount through it slowly, "
            "and set what one tip is: `baiye settings %s tip=0.2`",
            c->device);
    else if (strcmp(c->metric, "soil_conductivity") == 0 && real_of(c->had, "compensation") != 0)
        cli_complain("this node brings conductivity to 25 °C itself: `baiye settings %s "
                     "compensation=0`, calibrate with what the liquid has at its own temperature, "
                     "then set compensation=%.2f again",
                     c->device, real_of(c->had, "compensation"));
    else
        return true;
    return false;
}

/* "dry" and "wet" as values of this channel. */
static bool set_ends(struct calibrate *c)
{
    bool soil = strcmp(c->metric, "soil_wetness") == 0 || strcmp(c->metric, "soil_moisture") == 0;
    for (size_t i = 0; i < c->count; i++) {
        struct point *point = &c->points[i];
        if (point->end != 0 && !soil) {
            cli_complain("dry and wet are for soil_moisture and soil_wetness: give a number");
            return false;
        }
        if (point->end != 0)
            point->value = point->end == 'd' ? 0 : real_of(c->had, "saturated");
    }
    return true;
}

static int run(struct calibrate *c)
{
    if (c->metric == NULL)
        return show_all(c);
    if (c->count == 0 && !c->clear)
        return show_one(c, c->metric);
    if (!c->yes && !isatty(STDIN_FILENO)) {
        cli_complain("there is no terminal to ask at: give --yes; nothing was changed");
        return EX_USAGE;
    }
    c->had = known_of(c, c->metric);
    if (c->had == NULL || !is_possible(c) || !set_ends(c) || !measure_all(c))
        return 1;
    int code = make_table(c);
    return code == EX_OK ? store(c) : code;
}

/* ---- what was asked for ---- */

/* VALUE, RAW=VALUE, dry, wet, RAW=dry … */
static bool add_argument(struct calibrate *c, const char *text)
{
    char *end = NULL;
    const char *equals = strchr(text, '='), *value = equals != NULL ? equals + 1 : text;
    struct point point = {.live = equals == NULL};
    if (equals != NULL)
        point.raw = strtod(text, &end);
    bool good = c->count < POINTS && (equals == NULL || (end == equals && end != text));
    if (strcmp(value, "dry") == 0 || strcmp(value, "wet") == 0) {
        point.end = value[0];
    } else {
        point.value = strtod(value, &end);
        good = good && end != value && *end == '\0' && fabs(point.value) <= 300000;
    }
    good = good && fabs(point.raw) <= INT32_MAX;
    if (good)
        c->points[c->count++] = point;
    else
        cli_complain("\"%s\": up to %d of VALUE, RAW=VALUE, dry or wet are possible", text, POINTS);
    return good;
}

static bool whole(const char *name, const char *text, long least, long most, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    if (end != text && *end == '\0' && *out >= least && *out <= most)
        return true;
    cli_complain("--%s: a number %ld..%ld is needed", name, least, most);
    return false;
}

static const char usage[] =
    N_("Usage: baiye calibrate DEVICE [METRIC [POINT…|--clear]] [options]\n"
       "Without a point: what is known, and what is measured now. A POINT is\n"
       "  VALUE      the true value of what the probe is in: sampled now. One alone is an offset,\n"
       "             two to five are asked for one after the other\n"
       "  dry, wet   ends of a soil probe\n"
       "  RAW=VALUE  a point whose raw count was noted before\n"
       "  --clear          the sensor's own conversion again\n"
       "  --samples N      how many samples a point takes (5)\n"
       "  --spread X       how far apart they may be, in the metric's unit\n"
       "  --operator N     your number, kept with the date\n"
       "  --yes            ask nothing, for scripts\n"
       "  --json, --socket FILE\n");

static bool read_option(struct calibrate *c, int letter, const char **socket_path)
{
    char *end;
    switch (letter) {
    case 's':
        *socket_path = optarg;
        return true;
    case 'n':
        return whole("samples", optarg, 2, 50, &c->samples);
    case 'o':
        return whole("operator", optarg, 0, 65535, &c->operator_id);
    case 'd':
        c->spread = strtod(optarg, &end);
        return end != optarg && *end == '\0' && c->spread >= 0;
    case 'x':
        return c->clear = true;
    case 'y':
        return c->yes = true;
    case 'j':
        return c->json = true;
    default:
        return letter == 'c';
    }
}

int cli_calibrate(int argc, char **argv)
{
    static const struct option longs[] = {
        TALK_OPTIONS,
        {"samples", required_argument, NULL, 'n'},
        {"spread", required_argument, NULL, 'd'},
        {"operator", required_argument, NULL, 'o'},
        {"clear", no_argument, NULL, 'x'},
        {"yes", no_argument, NULL, 'y'},
        {NULL, 0, NULL, 0},
    };
    struct calibrate c = {.samples = 5, .spread = -1};
    const char *socket_path = CLI_SOCKET;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (!read_option(&c, letter, &socket_path))
            return cli_usage(usage);
    }
    if (argc == optind)
        return cli_usage(usage);
    c.device = argv[optind++];
    c.metric = optind < argc ? argv[optind++] : NULL;
    for (; optind < argc; optind++) {
        if (!add_argument(&c, argv[optind]))
            return EX_USAGE;
    }
    if (c.clear && (c.count > 0 || c.metric == NULL))
        return cli_usage(usage);
    if (!talk_open(&c.talk, socket_path))
        return EX_UNAVAILABLE;
    int code = run(&c);
    talk_close(&c.talk);
    json_decref(c.had);
    json_decref(c.table);
    return code;
}
