/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/outlook.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/chance.h"
#include "gateway/common/moist_air.h"
#include "gateway/common/sun.h"
#include "gateway/forecast/growth.h"
#include "gateway/forecast/last_season.h"

#define NIGHT_DAYS    (FROST_NIGHTS + 2) /* of which the frost learns; some are not known */
#define RAIN_USED     0.7                /* of rain reaches the roots: an assumption */
#define FROST_HOURS   30u                /* the night so far, and the evening before it */
#define NEAR_DAYS     10                 /* a week and a half: one warm or cold spell */
#define SLOW_DAYS     3                  /* of growth at SLOW_SHARE or less are reported */
#define DOUBTED_DAYS  7                  /* a doubted note is reported for so long */
#define SLOW_SHARE    0.5
#define SLOW_LEAST_CD 1.0
#define LATE_DAY      31 /* warmth of January is little: measured from February on, some is missing */

/* ---- The days of the season ---- */

/* Hours [*first, *end) of `hours` begin within [from_ms, to_ms). */
static void find_hours(const struct tea_hours *hours, int64_t from_ms, int64_t to_ms,
                       uint32_t *first, uint32_t *end)
{
    int64_t before = from_ms - hours->first_ms, until = to_ms - hours->first_ms;
    int64_t count = hours->count;
    int64_t a = before <= 0 ? 0 : (before + TEA_HOUR_MS - 1) / TEA_HOUR_MS;
    int64_t b = until <= 0 ? 0 : (until + TEA_HOUR_MS - 1) / TEA_HOUR_MS;
    *first = (uint32_t)(a < count ? a : count);
    *end = (uint32_t)(b < count ? b : count);
}

/* What a day's hours add up to, beside their temperature. */
struct day_sums {
    double vpd_most, moisture, rain_mm;
    unsigned moist_hours;
};

static void add_hour(struct day_sums *sums, const struct tea_hour *hour)
{
    if (!isnan(hour->air_c) && !isnan(hour->humidity))
        sums->vpd_most = fmax(sums->vpd_most, moist_air_deficit_kpa(hour->air_c, hour->humidity));
    if (!isnan(hour->rain_mm))
        sums->rain_mm = isnan(sums->rain_mm) ? hour->rain_mm : sums->rain_mm + hour->rain_mm;
    if (!isnan(hour->soil_moisture)) {
        sums->moisture += hour->soil_moisture;
        sums->moist_hours++;
    }
}

/* 1, no limit, without a probe or without knowing the soil. */
static double water_of(const struct outlook_plot *plot, const struct day_sums *sums)
{
    struct water_input input = {
        .moisture = sums->moist_hours > 0 ? sums->moisture / sums->moist_hours : NAN,
        .soil = plot->soil,
        .root_m = plot->root_m};
    return growth_water_limit(water_left(&input));
}

static struct pick_day make_day(const struct outlook_plot *plot, const struct tea_hours *hours,
                                int64_t begin_ms, int64_t end_ms, int64_t now_ms, double *warm_cd)
{
    double hourly_c[GROWTH_HOURS];
    struct day_sums sums = {.vpd_most = NAN, .rain_mm = NAN};
    struct pick_day day = PICK_DAY_UNKNOWN;
    uint32_t first, end;
    unsigned over = 0; /* hours of the day that are over and were not measured */
    for (unsigned h = 0; h < GROWTH_HOURS; h++)
        hourly_c[h] = NAN;
    find_hours(hours, begin_ms, end_ms, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        int64_t slot = (hours->first_ms + (int64_t)i * TEA_HOUR_MS - begin_ms) / TEA_HOUR_MS;
        if (slot < GROWTH_HOURS) /* the 25th of a clock change adds nothing */
            hourly_c[slot] = hours->hours[i].air_c;
        add_hour(&sums, &hours->hours[i]);
    }
    for (unsigned h = 0; h < GROWTH_HOURS; h++)
        over += isnan(hourly_c[h]) && begin_ms + (int64_t)(h + 1) * TEA_HOUR_MS <= now_ms ? 1 : 0;
    struct growth_day growth = growth_day(hourly_c);
    day.growth_cd = growth_limited(growth_daily_cd(growth.mean_c), growth_vpd_limit(sums.vpd_most),
                                   water_of(plot, &sums));
    day.mean_c = growth.mean_c;
    day.missing_hours = over;
    day.rain_mm = sums.rain_mm;
    *warm_cd = growth.degree_days;
    return day;
}

/* How far off the night around that midnight was computed; NAN: not over, or not known. */
static double night_error_k(const struct outlook_plot *plot, const struct tea_hours *hours,
                            int64_t midnight_ms, int64_t now_ms)
{
    struct frost_input night = {0};
    uint32_t first, end;
    if (!sun_night(midnight_ms, plot->latitude, plot->longitude, &night.sunset_ms,
                   &night.sunrise_ms) ||
        night.sunrise_ms + TEA_HOUR_MS > now_ms)
        return NAN;
    find_hours(hours, night.sunset_ms - 3 * TEA_HOUR_MS, night.sunrise_ms + TEA_HOUR_MS, &first,
               &end);
    night.recent = (struct tea_hours){.first_ms = hours->first_ms + (int64_t)first * TEA_HOUR_MS,
                                      .count = end - first,
                                      .hours = hours->hours + first};
    return frost_error_k(&night);
}

void outlook_take(const struct outlook_plot *plot, const struct season *season,
                  const struct tea_hours *hours, int64_t now_ms, struct outlook_season *days)
{
    if (days->first_date != season->date[0]) {
        for (int i = 0; i < SEASON_DAYS; i++)
            days->days[i] = PICK_DAY_UNKNOWN, days->warm_cd[i] = days->night_k[i] = NAN;
        days->first_date = season->date[0];
    }
    for (int i = 0; i < SEASON_DAYS && i <= season->today; i++) {
        if (season->begin_ms[i] >= hours->first_ms)
            days->days[i] = make_day(plot, hours, season->begin_ms[i], season->begin_ms[i + 1],
                                     now_ms, &days->warm_cd[i]);
        if (i > 0 && i > season->today - NIGHT_DAYS &&
            season->begin_ms[i - 1] + TEA_DAY_MS / 2 >= hours->first_ms)
            days->night_k[i] = night_error_k(plot, hours, season->begin_ms[i], now_ms);
    }
}

/* ---- Notes ---- */

static double who_came(const struct outlook_note *note)
{
    double sum = note->crew_sum, most = note->crew_most;
    bool teams = note->was_booked && fabs(sum - note->booked) < fabs(most - note->booked);
    return teams ? sum : most;
}

void outlook_note_count(struct outlook_note *note, double shoots, unsigned frames)
{
    note->shoots += shoots * frames;
    note->frames += frames;
}

void outlook_note_add(struct outlook_note *note, int64_t day_begins_ms, int64_t noted_ms, double kg,
                      unsigned pickers)
{
    bool early = noted_ms < day_begins_ms;
    bool by_noon = pickers > 0 && noted_ms - day_begins_ms < TEA_DAY_MS / 2;
    if (kg > 0) {
        note->kg += kg;
        note->crew_sum += pickers;
        note->crew_most = fmax(note->crew_most, pickers);
        note->picked = true;
    } else if (early || by_noon) {
        note->booked += pickers;
        note->was_booked = true;
    } else {
        note->picked = true;
    }
    note->pickers = who_came(note);
}

/* A day without a note lies between days with one: nobody picked. Before the first and after the
 * last one nothing is known of it. */
static bool was_rest(const struct outlook_note *notes, int day, int today)
{
    bool before = false, after = false;
    for (int i = 0; i < today; i++) {
        before = before || (i < day && notes[i].picked);
        after = after || (i > day && notes[i].picked);
    }
    return before && (after || notes[today].picked);
}

static void add_notes(const struct outlook_note *notes, int index, int today, struct pick_day *day)
{
    const struct outlook_note *note = &notes[index];
    day->kg = note->picked ? note->kg : was_rest(notes, index, today) ? 0 : NAN;
    day->pickers = note->picked && note->pickers > 0 ? note->pickers : NAN;
    day->booked = note->was_booked ? note->booked : NAN;
    day->shoots_m2 = note->frames > 0 ? note->shoots / note->frames / READY_FRAME_M2 : NAN;
    for (int i = 0; i < 3; i++)
        day->said_kg[i] = note->was_said ? note->said_kg[i] : NAN;
}

void outlook_look_back(const struct outlook_season *days, const struct outlook_note *notes,
                       double *opened_cd, struct trend_last *last)
{
    struct pick_day season[SEASON_DAYS];
    for (int i = 0; i < SEASON_DAYS; i++) {
        season[i] = days->days[i];
        season[i].kg = notes[i].picked ? notes[i].kg : NAN;
        season[i].pickers = notes[i].pickers;
    }
    *opened_cd = pick_opened_cd(season, SEASON_DAYS);
    *last = last_season(season, SEASON_DAYS);
}

/* ---- The pick ---- */

static bool is_known(const struct pick_day *day)
{
    return !isnan(day->mean_c);
}

/* The first day that is worth feeding: today when there is none. */
static int first_day(const struct season *season, const struct outlook_season *days,
                     const struct outlook_note *notes)
{
    int first = 0;
    while (first < season->today && !is_known(&days->days[first]) && !notes[first].picked)
        first++;
    return first;
}

static void no_estimate(struct outlook *outlook, enum pick_why why)
{
    struct pick_estimate *estimate = &outlook->estimate;
    *estimate =
        (struct pick_estimate){.why = why, .thermal_time = NAN, .share_ready = NAN, .pickers = NAN};
    for (int i = 0; i < 3; i++)
        estimate->ready_kg[i] = estimate->counted_kg[i] = estimate->pick_kg[i] = NAN;
    for (int i = 0; i < PICK_RULE_COUNT; i++)
        estimate->rule_kg[i] = NAN;
    outlook->score = (struct pick_score){
        .mae_kg = NAN, .skill = NAN, .coverage = NAN, .near_kg = NAN, .best_rule = PICK_RULE_COUNT};
}

/* pick_why_text() for those who read Chinese. */
static const char *const whys_zh[PICK_WHY_COUNT] = {
    [PICK_GIVEN] = "",
    [PICK_NO_DATA] = "近十天的气温缺了五分之一以上：检查温度计",
    [PICK_BEFORE_SEASON] = "稳定通过 10 °C 的日子还不够，芽还没长",
    [PICK_LATE_START] = "温度计装上时春天已经开始：请记下第一次采摘",
    [PICK_BEFORE_OPENING] = "芽在长，但能采的还太少",
    [PICK_AFTER_SEASON] = "本季采摘已结束",
    [PICK_NO_SIZE] = "不知道这块地多大：请填去年产量或面积",
    [PICK_NO_CREW] = "不知道来几个人采：请填明天约好的人数",
};

static void explain_pick(const struct season *season, int first, struct outlook *outlook)
{
    enum pick_why why = outlook->estimate.why;
    int year = season->date[first] / 10000, month = season->date[first] / 100 % 100;
    int day = season->date[first] % 100;
    if (why == PICK_GIVEN && first > LATE_DAY) {
        (void)snprintf(outlook->why, sizeof outlook->why,
                       "measured since %04d-%02d-%02d only: the shoots may be further on", year,
                       month, day);
        (void)snprintf(outlook->why_zh, sizeof outlook->why_zh,
                       "%04d-%02d-%02d 起才有数据：芽叶可能长得更多", year, month, day);
        return;
    }
    (void)snprintf(outlook->why, sizeof outlook->why, "%s", pick_why_text(why));
    (void)snprintf(outlook->why_zh, sizeof outlook->why_zh, "%s", whys_zh[why]);
}

/* Days in a row, up to yesterday, on which dry soil or dry air took half of the growth or more. */
static int slow_days(const struct season *season, const struct outlook_season *days)
{
    int count = 0;
    for (int i = season->today - 1; i >= 0 && i < SEASON_DAYS; i--) {
        double warm_cd = growth_daily_cd(days->days[i].mean_c), growth_cd = days->days[i].growth_cd;
        if (isnan(warm_cd) || growth_cd > SLOW_SHARE * warm_cd)
            break;
        count += warm_cd >= SLOW_LEAST_CD; /* in the cold there is nothing to slow down */
    }
    return count;
}

/* Behind what else is missing: a probe in a dry pocket must not delay a season in silence. */
static void explain_slow(int count, struct outlook *outlook)
{
    size_t at = strlen(outlook->why), at_zh = strlen(outlook->why_zh);
    (void)snprintf(outlook->why + at, sizeof outlook->why - at,
                   "%sgrowth is counted at half or less for %d days, for dry soil or air: see "
                   "whether the soil probe is right",
                   at > 0 ? "; " : "", count);
    (void)snprintf(outlook->why_zh + at_zh, sizeof outlook->why_zh - at_zh,
                   "%s因土壤或空气太干，已 %d 天按一半以下计算生长：请检查土壤探头",
                   at_zh > 0 ? "；" : "", count);
}

/* The last note, when it was not believed: whoever wrote it can mend it. */
static void explain_doubted(const struct season *season, const struct outlook_note *notes,
                            const struct pick_model *model, struct outlook *outlook)
{
    size_t at = strlen(outlook->why), at_zh = strlen(outlook->why_zh);
    int ago = pick_doubted_ago(model), day = season->today - ago;
    if (ago < 0 || ago > DOUBTED_DAYS || day < 0)
        return;
    int month = season->date[day] / 100 % 100, of_month = season->date[day] % 100;
    double jin = 2 * notes[day].kg; /* as the app and the screen weigh */
    (void)snprintf(outlook->why + at, sizeof outlook->why - at,
                   "%sthe note of %02d-%02d (%.1f jin, %.0f pickers) is doubted and not used: see "
                   "whether it is a slip",
                   at > 0 ? "; " : "", month, of_month, jin, notes[day].pickers);
    (void)snprintf(outlook->why_zh + at_zh, sizeof outlook->why_zh - at_zh,
                   "%s%02d-%02d 的记录（%.1f 斤，%.0f 人）可疑，没有采用：请看看是否写错",
                   at_zh > 0 ? "；" : "", month, of_month, jin, notes[day].pickers);
}

static void estimate_pick(const struct outlook_plot *plot, const struct season *season,
                          const struct outlook_season *days, const struct outlook_note *notes,
                          const struct ahead *ahead, struct pick_model *model,
                          struct outlook *outlook)
{
    struct pick_prior prior = pick_prior_first(plot->standard, plot->last_year_kg, plot->area_m2);
    pick_prior_open(&prior, plot->gate_cd, plot->last_opened_cd);
    prior.last = plot->last;
    struct pick_tomorrow tomorrow = PICK_TOMORROW_UNKNOWN;
    const struct outlook_note *next = &notes[season->today + 1];
    int first = first_day(season, days, notes);
    double taken_cd = 0; /* by dry soil and dry air */
    pick_begin(model, &prior, plot->seed);
    for (int i = first; i <= season->today; i++) {
        struct pick_day day = days->days[i];
        day.growth_cd = growth_limits_take(&taken_cd, growth_daily_cd(day.mean_c), day.growth_cd);
        add_notes(notes, i, season->today, &day);
        pick_learn(model, &day);
    }
    int64_t from_ms = season->begin_ms[season->today + 1];
    tomorrow.growth_cd = growth_daily_cd(ahead_mean_c(ahead, from_ms, from_ms + TEA_DAY_MS));
    tomorrow.rain_chance = ahead_rain_chance(ahead, from_ms, from_ms + TEA_DAY_MS);
    if (next->was_booked)
        outlook->booked = tomorrow.pickers = next->booked;
    pick_estimate(model, &tomorrow, &outlook->estimate);
    pick_score(model, &outlook->score);
    outlook->usual_each_kg = pick_usual_each_kg(model);
    explain_pick(season, first, outlook);
    if (slow_days(season, days) >= SLOW_DAYS)
        explain_slow(slow_days(season, days), outlook);
    explain_doubted(season, notes, model, outlook);
}

/* ---- All of it ---- */

/* The most that a day which was not measured may have added: as much as the warmest one near it.
 * NAN: none near it was measured either; in the season's first month it was cold. */
static double most_cd(const struct outlook_season *days, int day, int end)
{
    double most = NAN;
    for (int i = day - NEAR_DAYS; i <= day + NEAR_DAYS; i++)
        most = i >= 0 && i < end ? fmax(most, days->warm_cd[i]) : most;
    return isnan(most) && day < FROST_FIRST_DAY ? 0 : most;
}

/* Warmth since the season's beginning, whatever has been picked: of the frost's gate. The model's
 * own is given only while shoots grow. NAN: what was measured does not open the gate, but with the
 * other days it might be open. */
static double warmth(const struct season *season, const struct outlook_season *days, double gate_cd)
{
    double sum = 0, most = 0;
    int end = season->today < SEASON_DAYS ? season->today + 1 : SEASON_DAYS;
    for (int i = 0; i < end; i++) {
        double warm_cd = days->warm_cd[i];
        sum += isnan(warm_cd) ? 0 : warm_cd;
        if (i < season->today)
            most += isnan(warm_cd) ? most_cd(days, i, end) : warm_cd;
    }
    return sum >= gate_cd || most < gate_cd ? sum : NAN;
}

/* The last hours, with a canopy as far below the air as the file states where none was measured. */
static struct tea_hours with_canopy(const struct outlook_plot *plot, const struct tea_hours *hours,
                                    struct tea_hour night[FROST_HOURS])
{
    uint32_t count = hours->count < FROST_HOURS ? hours->count : FROST_HOURS;
    uint32_t skipped = hours->count - count;
    for (uint32_t i = 0; i < count; i++) {
        night[i] = hours->hours[skipped + i];
        if (!(plot->canopy_below_k > 0) || !isnan(night[i].canopy_c))
            continue;
        night[i].canopy_c = night[i].air_c - (float)plot->canopy_below_k;
        night[i].canopy_min_c = night[i].air_min_c - (float)plot->canopy_below_k;
    }
    return (struct tea_hours){.first_ms = hours->first_ms + (int64_t)skipped * TEA_HOUR_MS,
                              .count = count,
                              .hours = night};
}

static void judge_frost(const struct outlook_plot *plot, const struct season *season,
                        const struct outlook_season *days, const struct tea_hours *hours,
                        int64_t now_ms, struct outlook *outlook)
{
    struct tea_hour night[FROST_HOURS];
    struct pick_prior prior = pick_prior_first(plot->standard, NAN, NAN);
    pick_prior_open(&prior, plot->gate_cd, plot->last_opened_cd);
    double gate_cd =
        fmin(prior.opening_cd / 2, FROST_GATE_CD); /* never later than the known one's */
    struct frost_input input = {
        .recent = with_canopy(plot, hours, night),
        .now_ms = now_ms,
        .gate_cd = gate_cd,
        .thermal_time = warmth(season, days, gate_cd),
        .season_day = season->today,
        .alarm_chance = plot->alarm_chance,
        .bias_k = frost_bias_k(days->night_k,
                               season->today < SEASON_DAYS ? season->today + 1 : SEASON_DAYS),
    };
    if (!sun_night(now_ms, plot->latitude, plot->longitude, &input.sunset_ms, &input.sunrise_ms))
        input.sunset_ms = input.sunrise_ms = 0;
    frost_judge(&input, &outlook->frost);
}

static void judge_diseases(const struct outlook_plot *plot, const struct tea_hours *hours,
                           int64_t now_ms, struct outlook *outlook)
{
    int64_t over = (now_ms - hours->first_ms) / TEA_HOUR_MS; /* of them are over */
    uint32_t end = over < 0 ? 0 : over < hours->count ? (uint32_t)over : hours->count;
    uint32_t count = end < DISEASE_HOURS ? end : DISEASE_HOURS;
    struct disease_input input = {
        .recent = {.first_ms = hours->first_ms + (int64_t)(end - count) * TEA_HOUR_MS,
                   .count = count,
                   .hours = hours->hours + (end - count)},
        .latitude = plot->latitude,
        .longitude = plot->longitude,
    };
    disease_judge(&input, outlook->diseases);
}

static void judge_water(const struct outlook_plot *plot, const struct tea_hours *hours,
                        struct outlook *outlook)
{
    double sum = 0;
    unsigned n = 0;
    for (uint32_t i = hours->count; i > 0 && hours->count - i < OUTLOOK_MOIST_HOURS; i--) {
        if (isnan(hours->hours[i - 1].soil_moisture))
            continue;
        sum += hours->hours[i - 1].soil_moisture;
        n++;
    }
    struct water_input input = {
        .moisture = n > 0 ? sum / n : NAN, .soil = plot->soil, .root_m = plot->root_m};
    water_judge(&input, &outlook->water);
}

/* The coming nights, and whether rain will do what irrigating would. */
static void look_ahead(const struct outlook_plot *plot, const struct ahead *ahead, int64_t now_ms,
                       struct outlook *outlook)
{
    int64_t sunset_ms, sunrise_ms, at_ms = now_ms;
    for (int i = 0; i < OUTLOOK_NIGHTS; i++) {
        outlook->nights[i].least_c = NAN;
        if (i == 0 && sun_night(at_ms, plot->latitude, plot->longitude, &sunset_ms, &sunrise_ms))
            at_ms = sunrise_ms + TEA_HOUR_MS; /* tonight is over */
        if (!sun_night(at_ms, plot->latitude, plot->longitude, &sunset_ms, &sunrise_ms))
            continue;
        outlook->nights[i].least_c =
            ahead_least_c(ahead, sunset_ms, sunrise_ms + TEA_HOUR_MS, &outlook->nights[i].at_ms);
        at_ms = sunrise_ms + TEA_HOUR_MS;
    }
    double rain_mm = ahead_rain_mm(ahead, now_ms, now_ms + 2 * TEA_DAY_MS);
    struct water *water = &outlook->water;
    if (!water->irrigate || !(rain_mm * RAIN_USED >= water->deficit_mm))
        return;
    water->irrigate = false;
    (void)snprintf(water->why, sizeof water->why,
                   "%.0f mm are missing, and %.0f mm of rain are forecast within two days: wait",
                   water->deficit_mm, rain_mm);
    (void)snprintf(water->why_zh, sizeof water->why_zh,
                   "缺水 %.0f 毫米，预报两天内有雨 %.0f 毫米：先等等", water->deficit_mm, rain_mm);
}

void outlook_make(const struct outlook_plot *plot, const struct season *season,
                  const struct tea_hours *hours, int64_t now_ms, const struct outlook_season *days,
                  const struct outlook_note *notes, const struct ahead *ahead,
                  struct pick_model *model, struct outlook *outlook)
{
    static const struct ahead none;
    if (ahead == NULL)
        ahead = &none;
    *outlook = (struct outlook){.booked = NAN, .usual_each_kg = NAN};
    if (season_goes_on(season)) {
        estimate_pick(plot, season, days, notes, ahead, model, outlook);
    } else {
        no_estimate(outlook, PICK_AFTER_SEASON);
        (void)snprintf(outlook->why, sizeof outlook->why, "the season of spring tea is over");
        (void)snprintf(outlook->why_zh, sizeof outlook->why_zh, "春茶季已经过了");
    }
    judge_frost(plot, season, days, hours, now_ms, outlook);
    judge_diseases(plot, hours, now_ms, outlook);
    judge_water(plot, hours, outlook);
    look_ahead(plot, ahead, now_ms, outlook);
}
