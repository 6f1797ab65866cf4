/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/farms.h"

#include <math.h>
#include <string.h>

#define COHORTS   160
#define FRAMES_M2 (3 * 0.33 * 0.33)

struct farm {
    enum farm_truth truth;
    double base_c, gate_cd, spread_cd, second_share, over_cd;
    double climate_c, warming_c;
    double season_kg, area_m2, picker_kg, sparse, rain_share, day_ln_sd, staff, noshow;
    double market_share;
    int market_every, round_days;
    bool dirty, names_gate;
    double cultivar_cd;
};

struct cohort {
    double ready_cd, over_cd, kg;
    double left; /* share that is not picked */
};

static double normal(struct chance *chance, double mean, double sd)
{
    return mean + sd * chance_normal(chance);
}

static double uniform(struct chance *chance, double low, double high)
{
    return low + (high - low) * chance_uniform(chance);
}

static bool happens(struct chance *chance, double share)
{
    return chance_uniform(chance) < share;
}

static struct farm make_farm(int number)
{
    static const double cultivars_cd[] = {45, 67, 67, 95};
    struct chance own = chance_begin((uint64_t)number * UINT64_C(0x9E3779B9) + 77);
    struct farm farm = {.truth = (enum farm_truth)(number % FARM_TRUTHS),
                        .dirty = number / FARM_TRUTHS % 2 == 1};
    farm.base_c = normal(&own, 10.0, 0.6);
    farm.cultivar_cd = cultivars_cd[(int)uniform(&own, 0, 4)];
    farm.names_gate = happens(&own, 0.5);
    farm.gate_cd = farm.cultivar_cd * chance_exp(normal(&own, 0, 0.12));
    farm.spread_cd = 28.0 * chance_exp(normal(&own, 0, 0.2));
    farm.second_share = uniform(&own, 0.0, 0.35);
    farm.over_cd = uniform(&own, 50, 95);
    farm.climate_c = uniform(&own, 3.0, 6.0);
    farm.warming_c = uniform(&own, 0.115, 0.145);
    farm.area_m2 = chance_exp(uniform(&own, chance_log(700), chance_log(14000)));
    farm.season_kg = farm.area_m2 * 0.072 * chance_exp(normal(&own, -0.3, 0.5));
    farm.picker_kg = uniform(&own, 1.7, 3.3);
    farm.sparse = uniform(&own, 0.012, 0.05);
    farm.rain_share = uniform(&own, 0.6, 0.95);
    farm.day_ln_sd = uniform(&own, 0.16, 0.34);
    farm.round_days = 1 + (int)uniform(&own, 0, 4);
    farm.noshow = uniform(&own, 0.03, 0.2);
    farm.market_every = happens(&own, 0.6) ? 5 : 0;
    farm.market_share = uniform(&own, 0.55, 0.9);
    double rounds = 26.0 / farm.round_days;
    farm.staff = farm.season_kg / rounds / (0.7 * farm.picker_kg) * uniform(&own, 0.7, 1.6);
    if (farm.truth == FARM_SATURATION)
        farm.staff *= 1.6;
    farm.staff = fmax(2, farm.staff);
    return farm;
}

static void make_weather(const struct farm *farm, struct chance *chance, struct farm_season *season)
{
    double year_c = normal(chance, 0, 1.0), spell_c = 0;
    bool rain = false;
    for (int d = 0; d < FARM_DAYS; d++) {
        struct farm_day *day = &season->days[d];
        spell_c = 0.72 * spell_c + normal(chance, 0, 2.1);
        rain = happens(chance, rain ? 0.55 : 0.24);
        day->rain_mm = rain ? chance_exp(normal(chance, 1.6, 0.8)) : 0;
        double swing_c = uniform(chance, 6, 11) * (rain ? 0.5 : 1.0);
        for (int h = 0; h < 24; h++)
            day->hourly_c[h] = farm->climate_c + farm->warming_c * d + year_c + spell_c +
                               swing_c * 0.5 * sin((h - 9) / 24.0 * 6.283185307179586) +
                               normal(chance, 0, 0.25);
    }
}

/* A day's development by the farm's own truth. */
static double develop(const struct farm *farm, const struct farm_day *day)
{
    double sum = 0, above = 0;
    for (int h = 0; h < 24; h++) {
        sum += day->hourly_c[h] / 24;
        above += fmax(0, fmin(day->hourly_c[h], 29) - farm->base_c - 0.8) / 24;
    }
    double daily = fmax(0, sum - farm->base_c);
    return farm->truth == FARM_SATURATION ? 0.5 * (above + daily) : daily;
}

static void make_cohorts(const struct farm *farm, struct chance *chance, struct cohort *cohorts)
{
    double gate_cd =
        farm->gate_cd * (1 + 0.22 * (10 - farm->base_c)) * chance_exp(normal(chance, 0, 0.05));
    double kg = farm->season_kg * chance_exp(normal(chance, 0, 0.2)) / COHORTS;
    double late_cd = uniform(chance, 45, 80);
    for (int i = 0; i < COHORTS; i++) {
        double p = (i + 0.5) / COHORTS, at = 0;
        if (farm->truth == FARM_STOCK) /* a skewed curve: Weibull's */
            at = 3.1 * farm->spread_cd * sqrt(-chance_log(1 - p)) - 0.7 * farm->spread_cd;
        else
            at = farm->spread_cd * chance_log(p / (1 - p)) + 2.944 * farm->spread_cd;
        if (happens(chance, farm->second_share) && p > 0.05)
            at += late_cd;
        cohorts[i] = (struct cohort){.ready_cd = gate_cd + at, .kg = kg, .left = 1};
        cohorts[i].over_cd =
            farm->truth == FARM_STOCK
                ? cohorts[i].ready_cd - chance_log(1 - chance_uniform(chance)) * farm->over_cd * 1.4
                : cohorts[i].ready_cd + fmax(20, normal(chance, farm->over_cd, 14));
    }
}

static double ready_kg(const struct cohort *cohorts, double cd)
{
    double sum = 0;
    for (int i = 0; i < COHORTS; i++)
        if (cohorts[i].ready_cd <= cd && cohorts[i].over_cd > cd)
            sum += cohorts[i].left * cohorts[i].kg;
    return sum;
}

static double ready_share(const struct cohort *cohorts, double cd)
{
    int count = 0;
    for (int i = 0; i < COHORTS; i++)
        count += cohorts[i].ready_cd <= cd;
    return (double)count / COHORTS;
}

static void take(struct cohort *cohorts, double cd, double share)
{
    for (int i = 0; i < COHORTS; i++)
        if (cohorts[i].ready_cd <= cd && cohorts[i].over_cd > cd)
            cohorts[i].left *= 1 - share;
}

/* What a crew brings home on a middling day from a stock. */
static double crew_kg(const struct farm *farm, double stock_kg, double crew, bool rain, bool market)
{
    double density = stock_kg / farm->season_kg, ease = 0;
    switch (farm->truth) {
    case FARM_STOCK:
        ease = fmin(1.15, sqrt(density / (3 * farm->sparse)));
        break;
    case FARM_SATURATION:
        ease = density / (density + farm->sparse) / (1 + 0.35 * crew / farm->staff);
        break;
    default:
        ease = 1 - chance_exp(-density / farm->sparse);
        break;
    }
    double each = farm->picker_kg * ease * (rain ? farm->rain_share : 1.0) *
                  (market ? farm->market_share : 1.0);
    return fmin(0.9 * stock_kg, crew * each);
}

static void note(struct farm_day *day, double kg, double pickers, int hours)
{
    if (day->note_count < FARM_NOTES)
        day->notes[day->note_count++] =
            (struct farm_note){.kg = kg, .pickers = (unsigned)pickers, .hours = hours};
}

/* What is written down of a pick: `booked` the evening before, `crew` that came. */
static void write_down(const struct farm *farm, struct chance *chance, struct farm_day *day,
                       double booked, double crew)
{
    bool dirty = farm->dirty;
    double kg = day->kg * chance_exp(normal(chance, 0, dirty ? 0.06 : 0.02));
    if (!dirty || happens(chance, 0.75))
        note(day, 0, booked, dirty && happens(chance, 0.12) ? 6 : -4);
    if (dirty && happens(chance, 0.08))
        return; /* forgotten */
    if (dirty && kg > 20)
        kg = round(kg / 2) * 2;
    if (dirty && happens(chance, 0.025))
        kg *= happens(chance, 0.6) ? 10 : 0.1;
    kg = fmax(0.1, round(kg * 10) / 10);
    double pickers = dirty && happens(chance, 0.12) ? 0 : crew;
    if (dirty && happens(chance, 0.15)) {
        double noon = round(kg * uniform(chance, 3, 6)) / 10;
        note(day, fmax(0.1, noon), pickers, 12);
        note(day, fmax(0.1, kg - noon), pickers, 18);
    } else {
        note(day, kg, pickers, 18);
    }
}

static void pick(const struct farm *farm, struct chance *chance, struct cohort *cohorts, double cd,
                 bool market, struct farm_day *day)
{
    bool rain = day->rain_mm >= 1;
    double wish = 1.1 * day->ready_kg / (0.75 * farm->picker_kg) *
                  chance_exp(normal(chance, 0, 0.3)) / fmax(1, 3.0 / farm->round_days);
    double booked = fmax(1, round(fmin(farm->staff * uniform(chance, 0.8, 1.1), wish)));
    double stay = farm->noshow * (rain ? 2.5 : 1.0);
    double crew = fmax(1, round(booked * (1 - stay * chance_uniform(chance))));
    day->oracle_kg = crew_kg(farm, day->ready_kg, booked * (1 - stay / 2), rain, market);
    double kg = crew_kg(farm, day->ready_kg, crew, rain, market) *
                chance_exp(normal(chance, 0, farm->day_ln_sd));
    day->kg = fmin(kg, 0.95 * day->ready_kg);
    take(cohorts, cd, day->kg / day->ready_kg);
    write_down(farm, chance, day, booked, crew);
}

static bool has_pick_note(const struct farm_day *day)
{
    for (int i = 0; i < day->note_count; i++)
        if (day->notes[i].kg > 0)
            return true;
    return false;
}

static void live(const struct farm *farm, struct chance *chance, struct cohort *cohorts,
                 struct farm_season *season)
{
    double cd = 0;
    int due = -1, market = (int)uniform(chance, 0, 5);
    bool over = false;
    for (int d = 0; d < FARM_DAYS; d++) {
        struct farm_day *day = &season->days[d];
        cd += develop(farm, day);
        day->ready_kg = ready_kg(cohorts, cd);
        day->share_ready = ready_share(cohorts, cd);
        if (season->opening < 0 && day->share_ready >= 0.05)
            season->opening = d;
        if (due < 0 && day->share_ready >= 0.05)
            due = d + (int)uniform(chance, 0, 3);
        over = over || (day->share_ready > 0.9 && day->ready_kg < 0.01 * farm->season_kg);
        if (due < 0 || d < due || over || day->ready_kg < 0.004 * farm->season_kg)
            continue;
        if (day->rain_mm > 8 && happens(chance, 0.6))
            continue; /* put off */
        pick(farm, chance, cohorts, cd,
             farm->market_every > 0 && (d + market) % farm->market_every == 0, day);
        due = d + farm->round_days + (happens(chance, 0.2) ? 1 : 0);
        if (has_pick_note(day)) {
            season->first = season->first < 0 ? d : season->first;
            season->last = d;
        }
    }
}

/* Once a week from about the opening on, in three frames of 33 cm: an error of a quarter, and whole
 * shoots. What a shoot weighs and how much of the ground bears bushes is the farm's own. With
 * chances of its own: the farm is the same without it. */
static void count_shoots(int number, int year, struct farm_season *season)
{
    struct chance own = chance_begin((uint64_t)number * UINT64_C(0x9E3779B9) + 4711);
    struct chance chance = chance_begin(((uint64_t)number << 8) + (uint64_t)year + 54321);
    double shoot_kg = 0.12e-3 * chance_exp(normal(&own, 0, 0.15)), bushes = uniform(&own, 0.6, 0.9);
    int weekday = (int)uniform(&chance, 0, 7);
    for (int d = 0; d < FARM_DAYS; d++) {
        struct farm_day *day = &season->days[d];
        day->shoots_m2 = NAN;
        if (day->share_ready < 0.03 || d > season->last || (d + weekday) % 7 != 0)
            continue;
        double seen = day->ready_kg / season->area_m2 / bushes / shoot_kg * FRAMES_M2 *
                      chance_exp(normal(&chance, 0, 0.25));
        if (!season->dirty || !happens(&chance, 0.2)) /* else forgotten */
            day->shoots_m2 = round(seen) / FRAMES_M2;
    }
}

void farm_season_make(int number, int year, struct farm_season *season)
{
    struct cohort cohorts[COHORTS];
    struct farm farm = make_farm(number);
    struct chance chance = chance_begin(((uint64_t)number << 8) + (uint64_t)year + 12345);
    memset(season, 0, sizeof *season);
    season->truth = farm.truth;
    season->dirty = farm.dirty;
    season->area_m2 = farm.area_m2;
    season->gate_cd = farm.names_gate ? farm.cultivar_cd : NAN;
    season->told_kg = 0.8 * farm.season_kg * chance_exp(normal(&chance, 0, 0.3));
    season->opening = season->first = season->last = -1;
    make_weather(&farm, &chance, season);
    make_cohorts(&farm, &chance, cohorts);
    live(&farm, &chance, cohorts, season);
    count_shoots(number, year, season);
}
