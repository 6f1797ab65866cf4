/* SPDX-License-Identifier: Apache-2.0 */
#include "made_up_farm.h"

#include <string.h>

#define SHOOTS 4000

/* What the farm is made of: its own for all years, then the year's. */
struct farm {
    double base_c, median_cd, season_kg, picker_kg, staff;
};

struct shoot {
    double ready_cd, over_cd;
    bool left;
};

static double normal(struct chance *chance, double mean, double sd)
{
    return mean + sd * chance_normal(chance);
}

static double uniform(struct chance *chance, double low, double high)
{
    return low + (high - low) * chance_uniform(chance);
}

/* Gamma with a whole shape: as many exponential waits. */
static double gamma_whole(struct chance *chance, int shape, double scale)
{
    double sum = 0.0;
    for (int i = 0; i < shape; i++)
        sum -= chance_log(1.0 - chance_uniform(chance));
    return sum * scale;
}

static void make_weather(struct chance *chance, double hourly[FARM_DAYS][24], bool rain[FARM_DAYS])
{
    double year_c = normal(chance, 0.0, 1.0);
    double spell_c = 0.0;
    for (int d = 0; d < FARM_DAYS; d++) {
        if (d > 0)
            spell_c = 0.70 * spell_c + normal(chance, 0.0, 2.2);
        rain[d] = chance_uniform(chance) < 0.33;
        double swing_c = uniform(chance, 5.0, 9.0) * (rain[d] ? 0.55 : 1.0);
        for (int h = 0; h < 24; h++)
            hourly[d][h] = 4.0 + 0.14 * d + year_c + spell_c +
                           swing_c * 0.5 * sin((h - 9) / 24.0 * 2.0 * acos(-1.0));
    }
}

static struct farm make_farm(struct chance *own, struct chance *year)
{
    struct farm farm;
    farm.base_c = 9.0 + normal(own, 0.0, 0.5);
    farm.median_cd = 150.0 * chance_exp(normal(own, 0.0, 0.12) + normal(year, 0.0, 0.05));
    farm.season_kg = uniform(own, 1500.0, 5000.0) * chance_exp(normal(year, 0.0, 0.15));
    farm.picker_kg = uniform(own, 2.2, 3.4);
    farm.staff = farm.season_kg / 26.0 / farm.picker_kg * uniform(own, 0.8, 1.5);
    return farm;
}

static void make_shoots(const struct farm *farm, struct chance *year, struct shoot *shoots)
{
    for (int i = 0; i < SHOOTS; i++) {
        struct shoot *shoot = &shoots[i];
        shoot->ready_cd = gamma_whole(year, 12, farm->median_cd / 12.0) + 20.0;
        if (chance_uniform(year) < 0.15)
            shoot->ready_cd += normal(year, 60.0, 15.0);
        shoot->over_cd = shoot->ready_cd + normal(year, 85.0, 12.0);
        shoot->left = true;
    }
}

static bool is_ready(const struct shoot *shoot, double thermal_time)
{
    return shoot->left && shoot->ready_cd <= thermal_time && shoot->over_cd > thermal_time;
}

/* Picks `wanted` of the `ready` shoots, each with the same chance. */
static int pick_shoots(struct shoot *shoots, double thermal_time, int ready, int wanted,
                       struct chance *year)
{
    int picked = 0;
    for (int i = 0; i < SHOOTS && picked < wanted; i++) {
        if (!is_ready(&shoots[i], thermal_time))
            continue;
        if (chance_uniform(year) * ready < wanted - picked) {
            shoots[i].left = false;
            picked++;
        }
        ready--;
    }
    return picked;
}

static int count_ready(const struct shoot *shoots, double thermal_time)
{
    int ready = 0;
    for (int i = 0; i < SHOOTS; i++)
        ready += is_ready(&shoots[i], thermal_time);
    return ready;
}

/* Books pickers by an impression of what is there; many stay at home in the rain. */
static double book(const struct farm *farm, double ready_kg, bool rain, struct chance *year)
{
    double wish = 0.9 * ready_kg / farm->picker_kg * chance_exp(normal(year, 0.0, 0.25));
    double crew = fmax(2.0, round(fmin(farm->staff, wish)));
    if (rain && chance_uniform(year) < 0.45)
        crew = fmax(1.0, round(crew * 0.4));
    return crew;
}

static void pick_one_day(const struct farm *farm, struct shoot *shoots, double thermal_time,
                         int ready, bool rain, struct chance *year, struct pick_day *day)
{
    double each_kg = farm->season_kg / SHOOTS;
    double ready_kg = ready * each_kg;
    day->pickers = day->booked = book(farm, ready_kg, rain, year);
    double density = ready_kg / farm->season_kg;
    double speed = farm->picker_kg * density / (density + 0.012) *
                   chance_exp(normal(year, 0.0, 0.12)) * (rain ? 0.8 : 1.0);
    double kg = fmin(0.92 * ready_kg, day->pickers * speed);
    int picked = pick_shoots(shoots, thermal_time, ready, (int)(kg / each_kg), year);
    day->kg = picked * each_kg * chance_exp(normal(year, 0.0, 0.04));
}

static double true_growth(const double hourly[24], double base_c)
{
    double sum = 0.0;
    for (int h = 0; h < 24; h++)
        sum += fmax(0.0, fmin(hourly[h], 30.0) - base_c) / 24.0;
    return sum;
}

static void observe(struct pick_day *day, const double hourly[24], bool rain)
{
    struct growth_day grown = growth_day(hourly);
    *day = PICK_DAY_UNKNOWN;
    day->growth_cd = grown.degree_days;
    day->mean_c = grown.mean_c;
    day->missing_hours = grown.missing_hours;
    day->rain_mm = rain ? 8.0 : 0.0;
    day->kg = 0.0;
}

void made_up_farm(int farm_number, int year_number, struct farm_season *season)
{
    static double hourly[FARM_DAYS][24];
    static struct shoot shoots[SHOOTS];
    bool rain[FARM_DAYS];
    struct chance own = chance_begin((uint64_t)farm_number + 1000);
    struct chance year = chance_begin((uint64_t)(farm_number * 10 + year_number) + 50000);
    struct farm farm = make_farm(&own, &year);
    make_weather(&year, hourly, rain);
    make_shoots(&farm, &year, shoots);
    *season = (struct farm_season){.season_kg = farm.season_kg, .first = -1, .last = -1};
    season->last_year_kg = farm.season_kg * chance_exp(normal(&own, 0.0, 0.25));
    double thermal_time = 0.0;
    for (int d = 0; d < FARM_DAYS; d++) {
        struct pick_day *day = &season->days[d];
        observe(day, hourly[d], rain[d]);
        thermal_time += true_growth(hourly[d], farm.base_c);
        int ready = count_ready(shoots, thermal_time);
        bool opened = season->first >= 0;
        season->ready_kg[d] = ready * farm.season_kg / SHOOTS;
        if (!opened && ready < 0.03 * SHOOTS)
            continue;
        if (opened && ready < 0.004 * SHOOTS && thermal_time > farm.median_cd + 60.0)
            continue;
        pick_one_day(&farm, shoots, thermal_time, ready, rain[d], &year, day);
        if (day->kg > 0.0) {
            season->first = opened ? season->first : d;
            season->last = d;
        }
    }
}
