/* SPDX-License-Identifier: Apache-2.0 */
/* baiye forecast replay: what would have been said of seasons that are over, and how good it would
 * have been. Evening by evening through the gateway's own models; nobody is asked, nothing is kept.
 * A season is a calendar year's first 200 days; times are taken as they stand. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/common/units.h"
#include "gateway/forecast/outlook.h"
#include "tools/cli/cli.h"
#include "tools/cli/csv.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define SEASONS_MOST 20
#define HOURS        (SEASON_DAYS * 24)
#define EVENING_MS   (22 * TEA_HOUR_MS)
#define SHOOTS_MOST  500 /* as the gateway takes them */
#define FRAMES_MOST  100
#define FRAMES_USUAL 3 /* the app's */

static const char usage[] =
    N_("Usage: baiye forecast replay [--area AREA] [--last-year KG] [--gate DEGREE-DAYS]\n"
       "         [--json] FILE.csv\n"
       "Runs past seasons of one plot and prints what would have been said each evening before a "
       "pick,\n"
       "what was picked, and the scores. The file's first line names its columns, in any order:\n"
       "  time              2027-03-28T05:00, or the day alone for notes; required\n"
       "  air_temperature   °C, hourly or more often; required\n"
       "  air_humidity, soil_moisture (%), rainfall (mm)\n"
       "  kg, pickers       what was picked that day, by how many\n"
       "  booked            pickers that were booked for that day the evening before\n"
       "  shoots, frames    ready shoots a frame of 33 cm, counted before picking, in how many "
       "frames\n"
       "                    (3); with --area it then says how much leaf was ready\n"
       "Empty fields are not known.\n");

enum column { TIME, AIR, HUMIDITY, MOISTURE, RAIN, KG, PICKERS, BOOKED, SHOOTS, FRAMES, COLUMNS };
static const char *const column_names[COLUMNS] = {
    "time", "air_temperature", "air_humidity", "soil_moisture", "rainfall",
    "kg",   "pickers",         "booked",       "shoots",        "frames"};

struct year {
    int year;
    struct tea_hour hours[HOURS];
    unsigned counts[HOURS][COLUMNS]; /* of the values in each hour's means */
    struct outlook_note notes[SEASON_DAYS + 1];
    int first_day, last_day, last_pick; /* with any value; -1: none */
};

struct replay {
    struct csv csv;
    struct year *years[SEASONS_MOST];
    int count;
    struct outlook_plot plot;
    double last_year_kg;
    struct pick_model model;
    struct outlook_season days;
    struct season season;
};

/* ---- The file ---- */

static int by_year(const void *a, const void *b)
{
    const struct year *const *x = a, *const *y = b;
    return (*x)->year - (*y)->year;
}

/* NULL and a complaint: there are too many, or no memory. */
static struct year *year_of(struct replay *r, int number)
{
    for (int i = 0; i < r->count; i++)
        if (r->years[i]->year == number)
            return r->years[i];
    struct year *year = r->count < SEASONS_MOST ? calloc(1, sizeof *year) : NULL;
    if (year == NULL) {
        (void)csv_complain(&r->csv, "too many years", "20 at most in one file");
        return NULL;
    }
    year->year = number;
    year->first_day = year->last_day = year->last_pick = -1;
    for (int i = 0; i < HOURS; i++)
        year->hours[i] = (struct tea_hour){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    r->years[r->count++] = year;
    return year;
}

static bool check_header(void *context)
{
    const struct replay *r = context;
    return (r->csv.place[TIME] >= 0 && r->csv.place[AIR] >= 0) ||
           csv_complain(&r->csv, "no columns time and air_temperature",
                        "the first line names the columns, see baiye forecast --help");
}

/* true: `value` is the number, or NAN when there is none. */
static bool read_field(const struct replay *r, enum column column, double *value)
{
    const char *text = csv_field(&r->csv, (int)column);
    char what[120];
    *value = NAN;
    if (text[0] == '\0' || (units_number(text, value) && isfinite(*value)))
        return true;
    (void)snprintf(what, sizeof what, _("%s: \"%.40s\" is no number"), column_names[column], text);
    return csv_complain(&r->csv, what, "leave it empty where it is not known");
}

/* Day of the year from 0 on and hour, -1 for a day alone; false and a complaint. */
static bool read_time(const struct replay *r, const char *text, struct tm *when, bool *has_hour)
{
    memset(when, 0, sizeof *when);
    const char *rest = strptime(text, "%Y-%m-%d", when);
    *has_hour = rest != NULL && (*rest == 'T' || *rest == ' ');
    if (*has_hour)
        rest = strptime(rest + 1, "%H:%M", when);
    if (rest != NULL && *rest == ':')
        rest = strptime(rest, ":%S", when);
    if (rest == NULL || *rest != '\0' || when->tm_year < 70 || when->tm_year > 8000)
        return csv_complain(&r->csv, "time: no date", "write 2027-03-28 or 2027-03-28T05:00");
    when->tm_isdst = 0;
    (void)timegm(when); /* fills the day of the year */
    return true;
}

static void mean_in(float *mean, unsigned *count, double value)
{
    *mean = *count == 0 ? (float)value : (float)((*mean * (float)*count + value) / (*count + 1.0));
    (*count)++;
}

static void take_hour(struct year *year, int index, const double values[COLUMNS])
{
    struct tea_hour *hour = &year->hours[index];
    unsigned *counts = year->counts[index];
    if (!isnan(values[AIR])) {
        mean_in(&hour->air_c, &counts[AIR], values[AIR]);
        hour->air_min_c = fminf(hour->air_min_c, (float)values[AIR]);
    }
    if (!isnan(values[HUMIDITY]))
        mean_in(&hour->humidity, &counts[HUMIDITY], values[HUMIDITY]);
    if (!isnan(values[MOISTURE]))
        mean_in(&hour->soil_moisture, &counts[MOISTURE], values[MOISTURE]);
    if (!isnan(values[RAIN]))
        hour->rain_mm = (isnan(hour->rain_mm) ? 0 : hour->rain_mm) + (float)values[RAIN];
}

static void take_note(struct year *year, int day, const double values[COLUMNS])
{
    struct outlook_note *note = &year->notes[day];
    double pickers =
        values[PICKERS] > 0 && values[PICKERS] <= PICK_PICKERS_MAX ? values[PICKERS] : 0;
    if (values[BOOKED] >= 0 && values[BOOKED] <= PICK_PICKERS_MAX)
        outlook_note_add(note, TEA_DAY_MS, 0, 0, (unsigned)values[BOOKED]);
    if (values[SHOOTS] >= 0 && values[SHOOTS] <= SHOOTS_MOST) {
        bool said = values[FRAMES] >= 1 && values[FRAMES] <= FRAMES_MOST;
        outlook_note_count(note, values[SHOOTS], said ? (unsigned)values[FRAMES] : FRAMES_USUAL);
    }
    if (values[KG] > 0 && values[KG] <= PICK_KG_MAX) {
        outlook_note_add(note, TEA_DAY_MS, TEA_DAY_MS + EVENING_MS, values[KG], (unsigned)pickers);
        year->last_pick = day > year->last_pick ? day : year->last_pick;
    }
}

static bool read_line(void *context)
{
    struct replay *r = context;
    double values[COLUMNS];
    struct tm when;
    bool has_hour;
    if (!csv_has(&r->csv, TIME))
        return csv_complain(&r->csv, "no time", "every line needs one");
    if (!read_time(r, csv_field(&r->csv, TIME), &when, &has_hour))
        return false;
    for (int c = AIR; c < COLUMNS; c++)
        if (!read_field(r, (enum column)c, &values[c]))
            return false;
    if (when.tm_yday >= SEASON_DAYS)
        return true; /* after the season of spring tea */
    struct year *year = year_of(r, when.tm_year + 1900);
    if (year == NULL)
        return false;
    if (has_hour)
        take_hour(year, when.tm_yday * 24 + when.tm_hour, values);
    take_note(year, when.tm_yday, values);
    year->first_day =
        year->first_day < 0 || when.tm_yday < year->first_day ? when.tm_yday : year->first_day;
    year->last_day = when.tm_yday > year->last_day ? when.tm_yday : year->last_day;
    return true;
}

static bool read_file(struct replay *r, const char *path)
{
    if (!csv_read(&r->csv, path, column_names, COLUMNS, check_header, read_line, r))
        return false;
    if (r->count == 0)
        return csv_complain(&r->csv, "no day of a season", "the first 200 days of a year are read");
    qsort(r->years, (size_t)r->count, sizeof r->years[0], by_year);
    return true;
}

/* ---- The seasons ---- */

/* What was known on that evening: tomorrow's booking is, its pick is not. */
static void say(struct replay *r, const struct year *year, int day, struct outlook *outlook)
{
    static const struct outlook_note none;
    struct outlook_note notes[SEASON_DAYS + 1];
    int64_t now_ms = r->season.begin_ms[day] + EVENING_MS;
    struct tea_hours hours = {r->season.begin_ms[0], (uint32_t)day * 24 + 23, year->hours};
    for (int i = 0; i <= SEASON_DAYS; i++)
        notes[i] = i <= day ? year->notes[i] : none;
    notes[day + 1].booked = year->notes[day + 1].booked;
    notes[day + 1].was_booked = year->notes[day + 1].was_booked;
    r->season.today = day;
    outlook_take(&r->plot, &r->season, &hours, now_ms, &r->days);
    outlook_make(&r->plot, &r->season, &hours, now_ms, &r->days, notes, NULL, &r->model, outlook);
}

static void print_pick(const struct replay *r, const struct year *year, int day,
                       const struct pick_estimate *said)
{
    const struct outlook_note *note = &year->notes[day];
    int32_t date = r->season.date[day];
    printf("%04d-%02d-%02d  ", date / 10000, date / 100 % 100, date % 100);
    if (isnan(said->pick_kg[1])) {
        show_padded("", 22 - screen_columns(_("nothing")));
        printf("%s", _("nothing"));
    } else
        printf("%6.1f %7.1f %7.1f", said->pick_kg[0], said->pick_kg[1], said->pick_kg[2]);
    printf("  %8.1f", note->kg);
    bool counted = r->csv.place[SHOOTS] >= 0 && !isnan(said->counted_kg[1]);
    if (note->pickers > 0)
        printf("  %5.0f", note->pickers);
    else if (counted)
        printf("%7s", "");
    if (counted)
        printf("  %6.1f-%.1f", said->counted_kg[0], said->counted_kg[2]);
    printf("\n");
}

static void print_score(const struct pick_score *score)
{
    char text[256] = "";
    if (score->days == 0)
        (void)text_add(text, sizeof text, "%s", _("no day to judge it by"));
    else
        (void)text_add(text, sizeof text, _("right within %.1f kg on %u of %u days"),
                       score->near_kg, score->near_days, score->days);
    if (score->days > 0)
        (void)text_add(text, sizeof text,
                       _("; off by %.1f kg, in the range on %.0f %% of the days"), score->mae_kg,
                       score->coverage * 100);
    cli_say("%s\n", text);
    for (int i = 0; i < PICK_RULE_COUNT && score->days > 0; i++)
        printf(_("rule %-7s off by %.1f kg%s\n"), pick_rule_name((enum pick_rule)i),
               score->rule_mae_kg[i], i == (int)score->best_rule ? _(", the best rule") : "");
    if (score->days > 0 && !isnan(score->skill))
        printf(_("skill %.2f%s\n"), score->skill,
               score->skill < 0 ? _(": the rule was better") : "");
}

static void print_heads(const struct replay *r, int year)
{
    printf(_("season %d\n"), year);
    show_padded(_("day"), 12);
    printf("%6s %7s %7s  ", "10 %", "50 %", "90 %");
    show_padded("", 8 - screen_columns(_("picked")));
    printf("%s  %s%s%s\n", _("picked"), _("pickers"), r->csv.place[SHOOTS] >= 0 ? "  " : "",
           r->csv.place[SHOOTS] >= 0 ? _("ready, 10 to 90 %") : "");
}

/* Of the season, for programs. */
static void note_pick(const struct replay *r, json_t *season, const struct year *year, int day,
                      const struct pick_estimate *said)
{
    char date[16];
    int32_t number = r->season.date[day];
    (void)snprintf(date, sizeof date, "%04d-%02d-%02d", number / 10000, number / 100 % 100,
                   number % 100);
    json_t *one = json_pack("{s:s,s:f,s:f}", "day", date, "kg", year->notes[day].kg, "pickers",
                            (double)year->notes[day].pickers);
    if (!isnan(said->pick_kg[1]))
        (void)json_object_set_new(one, "said_kg",
                                  json_pack("[f,f,f]", (double)said->pick_kg[0],
                                            (double)said->pick_kg[1], (double)said->pick_kg[2]));
    if (!isnan(said->counted_kg[1]))
        (void)json_object_set_new(one, "ready_kg",
                                  json_pack("[f,f,f]", (double)said->counted_kg[0],
                                            (double)said->counted_kg[1],
                                            (double)said->counted_kg[2]));
    (void)json_array_append_new(json_object_get(season, "picks"), one);
}

static void note_score(json_t *season, const struct pick_score *score)
{
    json_t *rules = json_object();
    for (int i = 0; i < PICK_RULE_COUNT && score->days > 0; i++)
        (void)json_object_set_new(rules, pick_rule_name((enum pick_rule)i),
                                  json_real((double)score->rule_mae_kg[i]));
    (void)json_object_update_new(season,
                                 json_pack("{s:i,s:i,s:o}", "days", (int)score->days, "near_days",
                                           (int)score->near_days, "rules_mae_kg", rules));
    if (score->days > 0) {
        (void)json_object_set_new(season, "mae_kg", json_real((double)score->mae_kg));
        (void)json_object_set_new(season, "near_kg", json_real((double)score->near_kg));
        if (!isnan(score->skill))
            (void)json_object_set_new(season, "skill", json_real((double)score->skill));
    }
    outcome_append("seasons", season);
}

static bool replay_year(struct replay *r, const struct year *year)
{
    struct tm middle = {.tm_year = year->year - 1900, .tm_mon = 1, .tm_mday = 1};
    struct outlook outlook;
    int opened = -1, first_pick = -1;
    if (!season_make((int64_t)timegm(&middle) * 1000, 1, &r->season))
        return false;
    r->days.first_date = 0;
    print_heads(r, year->year);
    json_t *json = json_pack("{s:i,s:[]}", "year", year->year, "picks");
    int end = year->last_pick > 0 ? year->last_pick : year->last_day;
    for (int d = year->first_day; d < end && d + 1 < SEASON_DAYS; d++) {
        bool picked = year->notes[d + 1].picked;
        if (!picked && opened >= 0)
            continue;
        say(r, year, d, &outlook);
        if (opened < 0 && outlook.estimate.share_ready >= 0.05)
            opened = d + 1;
        if (picked) {
            print_pick(r, year, d + 1, &outlook.estimate);
            note_pick(r, json, year, d + 1, &outlook.estimate);
        }
        first_pick = picked && first_pick < 0 ? d + 1 : first_pick;
    }
    say(r, year, end < SEASON_DAYS ? end : SEASON_DAYS - 1, &outlook);
    if (opened >= 0)
        printf(_("opening seen on %02d-%02d"), r->season.date[opened] / 100 % 100,
               r->season.date[opened] % 100);
    else
        printf("%s", _("opening not seen"));
    if (first_pick >= 0)
        printf(_(", first pick on %02d-%02d"), r->season.date[first_pick] / 100 % 100,
               r->season.date[first_pick] % 100);
    printf("\n");
    print_score(&outlook.score);
    note_score(json, &outlook.score);
    printf("\n");
    return true;
}

/* What the next season knows of this one. */
static void keep(struct replay *r, const struct year *year)
{
    double sum_kg = 0;
    for (int i = 0; i < SEASON_DAYS; i++)
        sum_kg += year->notes[i].kg;
    if (sum_kg > 0)
        r->plot.last_year_kg = sum_kg;
    outlook_look_back(&r->days, year->notes, &r->plot.last_opened_cd, &r->plot.last);
}

static int replay(struct replay *r, const char *path)
{
    bool good = read_file(r, path);
    (void)setenv("TZ", "UTC", 1); /* the file's own time, whatever it is */
    tzset();
    for (int i = 0; good && i < r->count; i++) {
        good = replay_year(r, r->years[i]);
        keep(r, r->years[i]);
    }
    for (int i = 0; i < r->count; i++)
        free(r->years[i]);
    return good ? EX_OK : EX_DATAERR;
}

static bool read_number(const char *text, bool (*read)(const char *, double *), double *value,
                        const char *option, const char *example)
{
    if (read(text, value) && *value > 0 && isfinite(*value))
        return true;
    cli_complain("%s: \"%s\" is not understood; write for example %s", option, text, example);
    return false;
}

int cli_forecast(int argc, char **argv)
{
    static const struct option options[] = {{"area", required_argument, NULL, 'a'},
                                            {"last-year", required_argument, NULL, 'l'},
                                            {"gate", required_argument, NULL, 'g'},
                                            {"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    struct outlook_plot plot = {.standard = PICK_ONE_LEAF,
                                .area_m2 = NAN,
                                .last_year_kg = NAN,
                                .gate_cd = NAN,
                                .last_opened_cd = NAN,
                                .last = TREND_LAST_UNKNOWN,
                                .root_m = 0.5,
                                .latitude = NAN,
                                .longitude = NAN,
                                .seed = 1};
    bool good = true;
    for (int option; good && (option = cli_option(argc, argv, "", options)) != -1;) {
        if (option == 'a')
            good = read_number(optarg, units_area_m2, &plot.area_m2, "--area", "2.5mu");
        else if (option == 'l')
            good = read_number(optarg, units_mass_kg, &plot.last_year_kg, "--last-year", "85kg");
        else if (option == 'g')
            good = read_number(optarg, units_number, &plot.gate_cd, "--gate", "67");
        else
            good = option == 'c';
    }
    if (!good || argc - optind != 2 || strcmp(argv[optind], "replay") != 0)
        return cli_usage(usage);
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        cli_complain("no memory");
        return EX_OSERR;
    }
    r->plot = plot;
    int code = replay(r, argv[optind + 1]);
    free(r);
    return code;
}
