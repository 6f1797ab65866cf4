/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast of the pick on made-up farms (farms.h), evening by evening, against four rules that
 * need no gateway and against who knows the farm. One JSON line a regime, then one of all with a
 * forecast of rain that is wrong on one day in seven, then one of all without.
 *
 *   bench-forecast judge FIRST COUNT     FIRST of the farms' numbers
 *   bench-forecast rows FIRST COUNT      what tools/fit-forecast fits to
 *   bench-forecast ready FIRST COUNT     the same of what is ready, by counts of shoots
 *   bench-forecast bits FIRST COUNT      a hash of what is said, to compare machines
 *   bench-forecast time PLOTS DAY        what making it costs
 *
 * Errors are shares of a season's mean day. Every real pick is judged, noted or not, on whose
 * evening before all rules had a number. The rules do not see slips of ten times: whoever counts on
 * paper notices them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/forecast/growth.h"
#include "gateway/forecast/last_season.h"
#include "gateway/forecast/outlook.h"
#include "tests/bench/farms.h"

enum rule { RULE_LAST, RULE_MEAN, RULE_PICKER, RULE_NORM, RULES };
#define NORM_KG    1.65
#define AHEAD_RAIN 0.86 /* as ahead.c takes a forecast of rain, or of none */
#define RAIN_USUAL 0.33

/* What a grower keeps on paper. */
struct paper {
    double kg[3], each_ln, crew;
    int count;
};

/* Rows for tools/fit-forecast are printed instead of judging. */
enum rows { ROWS_NONE, ROWS_PICK, ROWS_READY };
static enum rows rows;

/* How far off a way to say what is ready is: |ln| of each evening, and how often it held. */
struct misses {
    double *ln;
    long count, covered, room;
};

struct sums {
    double rule[RULES], ours, oracle;
    long days, covered, missing;
    double booked_ours, booked_best[RULES]; /* of the days on which a crew was booked */
    long booked_days;
    double first_err[2], first_kg; /* ours, crew x norm */
    long firsts;
    double rest_said;
    long rests;
    double opening_days[FARM_YEARS];
    long openings[FARM_YEARS], opening_near[FARM_YEARS];
    double shown_early;
    long shown;
    struct misses ready;              /* by the model alone */
    struct misses uncounted, counted; /* the same where there is a count to go by; and with it */
};

static struct farm_season season;
static struct pick_model kept, working;

static void misses_add(struct misses *misses, double ln)
{
    if (misses->count == misses->room) {
        misses->room = misses->room * 2 + 1000;
        misses->ln = realloc(misses->ln, (size_t)misses->room * sizeof(double));
        if (misses->ln == NULL)
            abort();
    }
    misses->ln[misses->count++] = ln;
}

static void judge_ready(struct misses *misses, const double said_kg[3], double kg)
{
    misses_add(misses, fabs(log(fmax(said_kg[1], 1e-3) / fmax(kg, 1e-3))));
    misses->covered += kg >= said_kg[0] && kg <= said_kg[2];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* What is known of a day's notes `hours` after it began. */
static struct outlook_note notes_of(int d, int hours)
{
    struct outlook_note note = {0};
    for (int i = 0; d < FARM_DAYS && i < season.days[d].note_count; i++) {
        const struct farm_note *of = &season.days[d].notes[i];
        if (of->hours < hours)
            outlook_note_add(&note, TEA_DAY_MS, TEA_DAY_MS + of->hours * TEA_HOUR_MS, of->kg,
                             of->pickers);
    }
    return note;
}

static struct pick_day day_of(int d, double unnoted_kg)
{
    const struct farm_day *of = &season.days[d];
    struct growth_day grown = growth_day(of->hourly_c);
    struct outlook_note note = notes_of(d, 24);
    struct pick_day day = PICK_DAY_UNKNOWN;
    day.growth_cd = growth_daily_cd(grown.mean_c);
    day.mean_c = grown.mean_c;
    day.missing_hours = grown.missing_hours;
    day.rain_mm = of->rain_mm;
    day.shoots_m2 = of->shoots_m2;
    day.kg = note.picked ? note.kg : unnoted_kg;
    day.pickers = note.picked && note.pickers > 0 ? note.pickers : NAN;
    day.booked = note.was_booked ? note.booked : NAN;
    return day;
}

static void paper_take(struct paper *paper, int d)
{
    struct outlook_note note = notes_of(d, 24);
    double truth = season.days[d].kg;
    if (!note.picked || note.kg <= 0 || note.kg > 4 * truth || note.kg < truth / 4)
        return;
    double each_ln = note.pickers > 0 ? log(note.kg / note.pickers) : NAN;
    memmove(paper->kg + 1, paper->kg, 2 * sizeof(double));
    paper->kg[0] = note.kg;
    if (!isnan(each_ln)) {
        paper->each_ln = isnan(paper->each_ln) ? each_ln : 0.5 * (paper->each_ln + each_ln);
        paper->crew = note.pickers;
    }
    paper->count++;
}

static bool paper_say(const struct paper *paper, double booked, double said[RULES])
{
    double crew = isnan(booked) ? paper->crew : booked;
    int n = paper->count < 3 ? paper->count : 3;
    if (paper->count == 0 || isnan(paper->each_ln))
        return false;
    said[RULE_LAST] = paper->kg[0];
    said[RULE_MEAN] = 0;
    for (int i = 0; i < n; i++)
        said[RULE_MEAN] += paper->kg[i] / n;
    said[RULE_PICKER] = exp(paper->each_ln) * crew;
    said[RULE_NORM] = crew * NORM_KG;
    return true;
}

static double mean_kg(void)
{
    double sum = 0;
    int count = 0;
    for (int d = 0; d < FARM_DAYS; d++) {
        sum += season.days[d].kg;
        count += season.days[d].kg > 0;
    }
    return count > 0 ? sum / count : NAN;
}

static void judge_pick(struct sums *sums, const struct paper *paper, double booked, int d,
                       const struct pick_estimate *said, double scale)
{
    const struct farm_day *next = &season.days[d];
    double rules[RULES], ours = said->pick_kg[1];
    if (paper->count == 0 && d == season.first && !isnan(booked)) {
        double kg = isnan(ours) ? 0 : ours;
        sums->first_err[0] += fabs(kg - next->kg) / scale;
        sums->first_err[1] += fabs(booked * NORM_KG - next->kg) / scale;
        sums->first_kg += next->kg / scale;
        sums->firsts++;
    }
    if (!paper_say(paper, booked, rules))
        return;
    if (isnan(ours)) {
        sums->missing++;
        return;
    }
    for (int r = 0; r < RULES; r++)
        sums->rule[r] += fabs(rules[r] - next->kg) / scale;
    sums->ours += fabs(ours - next->kg) / scale;
    sums->oracle += fabs(next->oracle_kg - next->kg) / scale;
    sums->covered += next->kg >= said->pick_kg[0] && next->kg <= said->pick_kg[2];
    sums->days++;
    if (isnan(booked))
        return;
    sums->booked_days++;
    sums->booked_ours += fabs(ours - next->kg) / scale;
    for (int r = 0; r < RULES; r++)
        sums->booked_best[r] += fabs(rules[r] - next->kg) / scale;
}

static void judge_evening(struct sums *sums, const struct paper *paper, int d,
                          const struct pick_estimate *said, double booked, double scale)
{
    const struct farm_day *next = &season.days[d + 1];
    if (next->kg > 0)
        judge_pick(sums, paper, booked, d + 1, said, scale);
    if (next->kg <= 0 && isnan(booked) && paper->count > 0 && d + 1 < season.last) {
        sums->rest_said += isnan(said->pick_kg[1]) ? 0 : said->pick_kg[1] / scale;
        sums->rests++;
    }
    if (d + 1 >= season.opening && d + 1 <= season.last && !isnan(said->ready_kg[1])) {
        judge_ready(&sums->ready, said->ready_kg, next->ready_kg);
        if (!isnan(said->counted_kg[1])) {
            judge_ready(&sums->uncounted, said->ready_kg, next->ready_kg);
            judge_ready(&sums->counted, said->counted_kg, next->ready_kg);
        }
    }
}

/* What a usual forecast says of rain: wrong on one day in seven. With chances of its own. */
static double rain_ahead(int farm, int year, int d)
{
    struct chance own = chance_begin(((uint64_t)farm << 16) + (uint64_t)(year * FARM_DAYS + d));
    bool right = chance_uniform(&own) * 7 >= 1, rain = season.days[d].rain_mm >= 1;
    return right == rain ? AHEAD_RAIN : 1 - AHEAD_RAIN;
}

enum row { ROW_EVENING, ROW_FIRST_PICK, ROW_AHEAD, ROW_UNBOOKED };

/* farm, year, truth, what kind of evening, ln of what was picked to what trend.h starts from, the
 * kg in the season's mean day, whether a crew was booked, rain_chance, the features. */
static void tell_row(int farm, int year, int d, enum row row, const struct pick_tomorrow *tomorrow)
{
    double x[NETS_FEATURES], base = pick_features(&working, tomorrow, x);
    if (isnan(base))
        return;
    printf("%d,%d,%d,%d,%.5f,%.5f,%d,%.2f", farm, year, (int)season.truth, (int)row,
           log(season.days[d].kg) - base, season.days[d].kg / mean_kg(), !isnan(tomorrow->pickers),
           isnan(tomorrow->rain_chance) ? RAIN_USUAL : tomorrow->rain_chance);
    for (int i = 0; i < NETS_FEATURES; i++)
        printf(",%.5f", x[i]);
    printf("\n");
}

/* The evening as it was; with a weather forecast; and as if nobody had booked. */
static void tell_rows(int farm, int year, int d, const struct pick_tomorrow *tomorrow)
{
    const struct pick_tomorrow unknown = PICK_TOMORROW_UNKNOWN;
    struct pick_tomorrow other = *tomorrow;
    bool first = working.trend.picks == 0;
    tell_row(farm, year, d, first ? ROW_FIRST_PICK : ROW_EVENING, &other);
    if (first)
        return;
    other.rain_chance = rain_ahead(farm, year, d);
    tell_row(farm, year, d, ROW_AHEAD, &other);
    other = unknown;
    if (!isnan(tomorrow->pickers))
        tell_row(farm, year, d, ROW_UNBOOKED, &other);
}

/* farm, ln of what was ready to what ready.h starts from, its features. */
static void tell_ready_row(int farm, int d, const struct pick_tomorrow *tomorrow)
{
    double x[READY_FEATURES], base = pick_ready_features(&working, tomorrow, x);
    if (isnan(base))
        return;
    printf("%d,%.5f", farm, log(fmax(season.days[d].ready_kg, 1e-3)) - base);
    for (int i = 0; i < READY_FEATURES; i++)
        printf(",%.5f", x[i]);
    printf("\n");
}

static void tell_evening(int farm, int year, int d, const struct pick_tomorrow *tomorrow)
{
    if (rows == ROWS_PICK)
        tell_rows(farm, year, d, tomorrow);
    else if (d >= season.opening && d <= season.last)
        tell_ready_row(farm, d, tomorrow);
}

/* What is known of the season before. */
struct before {
    double opened_cd;
    struct trend_last last;
};

static struct before look_back(double opened_cd)
{
    static struct pick_day days[FARM_DAYS];
    for (int d = 0; d < FARM_DAYS; d++)
        days[d] = day_of(d, NAN);
    struct before before = {pick_opened_cd(days, FARM_DAYS), last_season(days, FARM_DAYS)};
    before.opened_cd = isnan(before.opened_cd) ? opened_cd : before.opened_cd;
    return before;
}

/* One season; returns what was noted of it, for the next year. */
static double live_through(struct sums *sums, struct sums *ahead, int farm, int year,
                           double last_kg, struct before *before)
{
    struct paper paper = {.kg = {NAN, NAN, NAN}, .each_ln = NAN, .crew = NAN};
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, last_kg, season.area_m2);
    int fed = 0, opened = -1, shown = -1;
    prior.last = before->last;
    pick_prior_open(&prior, season.gate_cd, before->opened_cd);
    double scale = mean_kg(), noted_kg = 0;
    pick_begin(&kept, &prior, (uint64_t)farm * 8 + (uint64_t)year + 1);
    for (int d = 0; d + 1 < FARM_DAYS && d <= season.last + 20; d++) {
        struct pick_tomorrow tomorrow = PICK_TOMORROW_UNKNOWN;
        struct outlook_note next = notes_of(d + 1, 0), today = notes_of(d, 24);
        struct pick_estimate said;
        if (today.picked || paper.count == 0) {
            for (; fed < d; fed++) {
                struct pick_day day = day_of(fed, paper.count > 0 ? 0 : NAN);
                pick_learn(&kept, &day);
            }
            struct pick_day day = day_of(fed++, NAN);
            pick_learn(&kept, &day);
        }
        noted_kg += today.kg;
        paper_take(&paper, d);
        if (rows == ROWS_PICK && season.days[d + 1].kg <= 0)
            continue;
        working = kept;
        for (int i = fed; i <= d; i++) {
            struct pick_day day = day_of(i, NAN);
            pick_learn(&working, &day);
        }
        if (next.was_booked)
            tomorrow.pickers = next.booked;
        if (rows != ROWS_NONE) {
            tell_evening(farm, year, d + 1, &tomorrow);
            continue;
        }
        pick_estimate(&working, &tomorrow, &said);
        judge_evening(sums, &paper, d, &said, tomorrow.pickers, scale);
        if (season.days[d + 1].kg > 0) {
            struct pick_estimate told;
            tomorrow.rain_chance = rain_ahead(farm, year, d + 1);
            pick_estimate(&working, &tomorrow, &told);
            judge_pick(ahead, &paper, tomorrow.pickers, d + 1, &told, scale);
        }
        opened = opened < 0 && said.share_ready >= 0.05 ? d + 1 : opened;
        shown = shown < 0 && !isnan(said.ready_kg[1]) ? d + 1 : shown;
    }
    if (season.opening >= 0 && opened >= 0) {
        sums->opening_days[year] += abs(opened - season.opening);
        sums->opening_near[year] += abs(opened - season.opening) <= 5;
        sums->openings[year]++;
    }
    if (season.opening >= 0 && shown >= 0) {
        sums->shown_early += season.opening - shown;
        sums->shown++;
    }
    *before = look_back(before->opened_cd);
    return noted_kg;
}

static double best_rule(const struct sums *sums)
{
    double best = HUGE_VAL;
    for (int r = 0; r < RULES; r++)
        best = fmin(best, sums->rule[r]);
    return best / (double)sums->days;
}

static double share(double sum, long count)
{
    return count > 0 ? sum / (double)count : -1;
}

/* The factor that half of the evenings are within. */
static double median_factor(struct misses *misses)
{
    if (misses->count == 0)
        return -1;
    qsort(misses->ln, (size_t)misses->count, sizeof(double), by_value);
    return exp(misses->ln[misses->count / 2]);
}

static void tell_ready(const char *name, struct misses *misses)
{
    printf("\"%s_days\":%ld,\"%s_factor\":%.2f,\"%s_coverage\":%.3f,", name, misses->count, name,
           median_factor(misses), name, share((double)misses->covered, misses->count));
}

static void tell(const char *regime, struct sums *sums)
{
    if (sums->days == 0 || sums->firsts == 0)
        return;
    double best = best_rule(sums), ours = share(sums->ours, sums->days);
    double oracle = share(sums->oracle, sums->days);
    printf("{\"regime\":\"%s\",\"days\":%ld,\"missing\":%ld,\"mae\":%.4f,\"last\":%.4f,"
           "\"mean3\":%.4f,\"picker\":%.4f,\"norm\":%.4f,\"oracle\":%.4f,\"skill\":%.3f,"
           "\"oracle_share\":%.3f,\"coverage\":%.3f,",
           regime, sums->days, sums->missing, ours, share(sums->rule[RULE_LAST], sums->days),
           share(sums->rule[RULE_MEAN], sums->days), share(sums->rule[RULE_PICKER], sums->days),
           share(sums->rule[RULE_NORM], sums->days), oracle, 1 - ours / best,
           (best - ours) / (best - oracle), share((double)sums->covered, sums->days));
    double booked = HUGE_VAL;
    for (int r = 0; r < RULES; r++)
        booked = fmin(booked, share(sums->booked_best[r], sums->booked_days));
    printf("\"booked_mae\":%.4f,\"booked_rule\":%.4f,", share(sums->booked_ours, sums->booked_days),
           booked);
    tell_ready("ready", &sums->ready);
    tell_ready("uncounted", &sums->uncounted);
    tell_ready("counted", &sums->counted);
    printf("\"first_mae\":%.3f,\"first_norm\":%.3f,\"rest_said\":%.3f,\"shown_early_d\":%.1f,"
           "\"opening_mae_d\":[",
           sums->first_err[0] / sums->first_kg, sums->first_err[1] / sums->first_kg,
           share(sums->rest_said, sums->rests), share(sums->shown_early, sums->shown));
    for (int y = 0; y < FARM_YEARS; y++)
        printf("%s%.2f", y > 0 ? "," : "", share(sums->opening_days[y], sums->openings[y]));
    printf("],\"opening_within_5d\":[");
    for (int y = 0; y < FARM_YEARS; y++)
        printf("%s%.2f", y > 0 ? "," : "", share((double)sums->opening_near[y], sums->openings[y]));
    printf("]}\n");
}

static void add_misses(struct misses *to, const struct misses *from)
{
    for (long i = 0; i < from->count; i++)
        misses_add(to, from->ln[i]);
    to->covered += from->covered;
}

static void add(struct sums *to, const struct sums *from)
{
    for (int r = 0; r < RULES; r++)
        to->rule[r] += from->rule[r];
    to->ours += from->ours;
    to->oracle += from->oracle;
    to->days += from->days;
    to->covered += from->covered;
    to->missing += from->missing;
    for (int i = 0; i < 2; i++)
        to->first_err[i] += from->first_err[i];
    to->first_kg += from->first_kg;
    to->firsts += from->firsts;
    to->booked_days += from->booked_days;
    to->booked_ours += from->booked_ours;
    for (int r = 0; r < RULES; r++)
        to->booked_best[r] += from->booked_best[r];
    to->rest_said += from->rest_said;
    to->rests += from->rests;
    to->shown_early += from->shown_early;
    to->shown += from->shown;
    add_misses(&to->ready, &from->ready);
    add_misses(&to->uncounted, &from->uncounted);
    add_misses(&to->counted, &from->counted);
    for (int y = 0; y < FARM_YEARS; y++) {
        to->opening_days[y] += from->opening_days[y];
        to->openings[y] += from->openings[y];
        to->opening_near[y] += from->opening_near[y];
    }
}

static int judge(int first, int count)
{
    static const char *const truths[FARM_TRUTHS] = {"cohorts", "stock", "saturation"};
    static struct sums sums[FARM_TRUTHS][2], all, ahead;
    for (int farm = first; farm < first + count; farm++) {
        double last_kg = NAN;
        struct before before = {NAN, TREND_LAST_UNKNOWN};
        for (int year = 0; year < FARM_YEARS; year++) {
            farm_season_make(farm, year, &season);
            if (season.first < 0)
                continue;
            double noted_kg = live_through(&sums[season.truth][season.dirty], &ahead, farm, year,
                                           isnan(last_kg) ? season.told_kg : last_kg, &before);
            last_kg = noted_kg > 0 ? noted_kg : last_kg;
        }
    }
    for (int truth = 0; truth < FARM_TRUTHS; truth++) {
        for (int dirty = 0; dirty < 2; dirty++) {
            char regime[40];
            (void)snprintf(regime, sizeof regime, "%s-%s", truths[truth],
                           dirty ? "dirty" : "clean");
            if (rows == ROWS_NONE)
                tell(regime, &sums[truth][dirty]);
            add(&all, &sums[truth][dirty]);
        }
    }
    if (rows == ROWS_NONE) {
        tell("all-ahead", &ahead);
        tell("all", &all);
    }
    return 0;
}

/* FNV-1a over the bits of all that is said: the same on every machine. The weather of the farms is
 * made with the machine's own sine, so it is rounded first. */
static int print_bits(int first, int count)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int farm = first; farm < first + count; farm++) {
        farm_season_make(farm, 0, &season);
        struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, 500, season.area_m2);
        pick_begin(&kept, &prior, (uint64_t)farm);
        for (int d = 0; d < FARM_DAYS; d++) {
            for (int h = 0; h < 24; h++)
                season.days[d].hourly_c[h] = round(season.days[d].hourly_c[h] * 100) / 100;
            struct pick_tomorrow tomorrow = PICK_TOMORROW_UNKNOWN;
            struct pick_estimate said;
            struct pick_day day = day_of(d, NAN);
            pick_learn(&kept, &day);
            tomorrow.pickers = 7;
            pick_estimate(&kept, &tomorrow, &said);
            const double values[] = {said.pick_kg[0],    said.pick_kg[1],  said.pick_kg[2],
                                     said.counted_kg[1], said.ready_kg[1], said.share_ready,
                                     said.thermal_time};
            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                uint64_t bits = 0;
                if (!isnan(values[i]))
                    memcpy(&bits, &values[i], sizeof bits);
                hash = (hash ^ bits) * UINT64_C(1099511628211);
            }
        }
    }
    printf("{\"bits\":\"%016" PRIx64 "\"}\n", hash);
    return 0;
}

/* Processor time of all that is said of a plot on that day of the season, times `plots`. */
static int measure(int plots, int day)
{
    static struct tea_hour hours[SEASON_DAYS * 24];
    static struct outlook_note notes[SEASON_DAYS + 1];
    static struct outlook_season days;
    static struct season calendar;
    static struct outlook outlook;
    if (day < 1 || day > FARM_DAYS || plots < 1)
        return 64;
    calendar.today = day - 1;
    for (int i = 0; i < SEASON_DAYS + 2; i++)
        calendar.begin_ms[i] = TEA_DAY_MS * (365 * 50 + i);
    for (int i = 0; i <= SEASON_DAYS; i++)
        calendar.date[i] = 20270101 + i;
    farm_season_make(FARMS_JUDGE, 0, &season);
    for (int i = 0; i < day * 24; i++) {
        float air_c = (float)season.days[i / 24].hourly_c[i % 24];
        hours[i] = (struct tea_hour){air_c, air_c, NAN, NAN, 80, NAN, NAN, 0, NAN};
    }
    for (int d = 0; d < day; d++)
        notes[d] = notes_of(d, 24);
    struct tea_hours all = {calendar.begin_ms[0], (uint32_t)day * 24, hours};
    struct outlook_plot plot = {.area_m2 = season.area_m2,
                                .last_year_kg = season.told_kg,
                                .latitude = 26.5,
                                .longitude = 107.9};
    int64_t now_ms = calendar.begin_ms[day] - TEA_HOUR_MS;
    clock_t begin = clock();
    for (int i = 0; i < plots; i++) {
        plot.seed = (uint64_t)i;
        days.first_date = 0;
        outlook_take(&plot, &calendar, &all, now_ms, &days);
        outlook_make(&plot, &calendar, &all, now_ms, &days, notes, NULL, &kept, &outlook);
    }
    printf("{\"seconds\":%.3f}\n", (double)(clock() - begin) / CLOCKS_PER_SEC);
    return 0;
}

int main(int argc, char **argv)
{
    int first = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    int count = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (argc == 4 && strcmp(argv[1], "judge") == 0 && count > 0)
        return judge(first, count);
    if (argc == 4 && strcmp(argv[1], "rows") == 0)
        rows = ROWS_PICK;
    if (argc == 4 && strcmp(argv[1], "ready") == 0)
        rows = ROWS_READY;
    if (rows != ROWS_NONE && count > 0)
        return judge(first, count);
    if (argc == 4 && strcmp(argv[1], "bits") == 0 && count > 0)
        return print_bits(first, count);
    if (argc == 4 && strcmp(argv[1], "time") == 0)
        return measure(first, count);
    (void)fprintf(stderr,
                  "usage: bench-forecast judge FIRST COUNT | rows FIRST COUNT | ready FIRST "
                  "COUNT | bits FIRST COUNT | time PLOTS DAY\n");
    return 64;
}
