/* SPDX-License-Identifier: Apache-2.0 */
/* A season's days, what is noted of them, and what is said of a plot and of the site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/daemon/forecast/document.h"
#include "gateway/forecast/growth.h"
#include "gateway/forecast/outlook.h"
#include "tests/unit/forecast/day_of_hours.h"

#define DAY_COUNT 100                    /* the season's first days: today is 10 April */
#define JANUARY   INT64_C(1798732800000) /* 2027-01-01 00:00 in Guizhou (UTC+8) */

static struct tea_hour hours[DAY_COUNT * 24 + 1];
static struct outlook_note notes[SEASON_DAYS + 1];
static struct outlook_season days;
static struct pick_model model;
static struct season season;
static const struct ahead *weather; /* NULL but where a test says so */

static int set_zone(void **state)
{
    (void)state;
    (void)setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    return 0;
}

/* ---- The calendar ---- */

static void a_season_begins_on_the_first_of_january(void **state)
{
    (void)state;
    assert_true(season_make(JANUARY, 26.5, &season));
    assert_int_equal(season.today, 0);
    assert_int_equal(season.date[0], 20270101);
    assert_int_equal(season.begin_ms[0], JANUARY);
    assert_int_equal(season.last_first, 20260101);
    assert_true(season_make(JANUARY - 1, 26.5, &season));
    assert_int_equal(season.today, 364);
    assert_int_equal(season.date[0], 20260101);
    assert_false(season_goes_on(&season));
    assert_true(season_make(JANUARY + 99 * TEA_DAY_MS + 5, 26.5, &season));
    assert_int_equal(season.today, 99);
    assert_int_equal(season.date[99], 20270410);
    assert_int_equal(season_index(&season, 20270411), 100);
    assert_int_equal(season_index(&season, 20261231), -1);
    assert_int_equal(season.begin_ms[SEASON_DAYS + 1] - season.begin_ms[SEASON_DAYS], TEA_DAY_MS);
}

static void south_of_the_equator_it_begins_in_july(void **state)
{
    (void)state;
    assert_true(season_make(JANUARY, -15, &season));
    assert_int_equal(season.date[0], 20260701);
    assert_int_equal(season.today, 184);
}

static void a_day_of_a_clock_change_has_23_hours(void **state)
{
    (void)setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_true(season_make(INT64_C(1806192000000), 47, &season)); /* 2027-03-28 */
    assert_int_equal(season.begin_ms[87] - season.begin_ms[86], 23 * TEA_HOUR_MS);
    (void)set_zone(state);
}

static void an_absurd_clock_has_no_season(void **state)
{
    (void)state;
    static const int64_t absurd[] = {INT64_MIN,        INT64_MIN / 1000, -1,       0,
                                     INT64_C(1) << 53, INT64_C(1) << 60, INT64_MAX};
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++)
        assert_false(season_make(absurd[i], 26.5, &season));
    assert_true(season_make(INT64_C(4102444800000), -26.5, &season)); /* the year 2100 */
    assert_int_equal(season.date[0], 20990701);
}

/* ---- Notes ---- */

static void a_note_of_nothing_before_its_day_is_a_booking(void **state)
{
    (void)state;
    struct outlook_note note = {0};
    outlook_note_add(&note, 1000, 999, 0, 4);
    assert_true(note.was_booked && !note.picked);
    assert_float_equal(note.booked, 4, 0);
    outlook_note_add(&note, 1000, 999, 2.5, 1); /* kilograms are never a booking */
    assert_true(note.picked);
    assert_float_equal(note.kg, 2.5, 0);
    assert_float_equal(note.pickers, 1, 0);
    assert_float_equal(note.booked, 4, 0);
}

/* A phone that had no network in the evening sends it when it is on the hill. */
static void a_booking_that_arrives_after_midnight_is_nobody_who_came(void **state)
{
    (void)state;
    static const int64_t late_ms[] = {0, 30 * 60000, 9 * TEA_HOUR_MS, 20 * TEA_HOUR_MS};
    for (size_t i = 0; i < sizeof late_ms / sizeof late_ms[0]; i++) {
        struct outlook_note note = {0}, other = {0};
        outlook_note_add(&note, JANUARY, JANUARY + late_ms[i], 0, 10);
        outlook_note_add(&note, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 22, 10);
        outlook_note_add(&other, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 22, 10);
        outlook_note_add(&other, JANUARY, JANUARY + late_ms[i], 0, 10);
        assert_true(note.picked && other.picked);
        assert_float_equal(note.pickers, 10, 0);
        assert_float_equal(other.pickers, 10, 0);
        assert_float_equal(note.kg, 22, 0);
    }
    struct outlook_note morning = {0}, evening = {0};
    outlook_note_add(&morning, JANUARY, JANUARY + TEA_HOUR_MS, 0, 10);
    assert_true(morning.was_booked && !morning.picked);
    outlook_note_add(&evening, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 0, 10);
    assert_true(evening.picked && !evening.was_booked); /* they came and found nothing */
    assert_float_equal(evening.kg, 0, 0);
}

/* Weighed at noon and in the evening, or two teams that are weighed apart: the booking tells. */
static void two_notes_of_one_crew_are_one_crew(void **state)
{
    (void)state;
    struct outlook_note once = {0}, teams = {0};
    outlook_note_add(&once, JANUARY, JANUARY + 12 * TEA_HOUR_MS, 11, 10);
    outlook_note_add(&once, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 12, 10);
    assert_float_equal(once.kg, 23, 0);
    assert_float_equal(once.pickers, 10, 0);
    outlook_note_add(&once, JANUARY, JANUARY + 19 * TEA_HOUR_MS, 2, 8); /* two went home */
    assert_float_equal(once.pickers, 10, 0);
    outlook_note_add(&teams, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 23, 10);
    outlook_note_add(&teams, JANUARY, JANUARY + 18 * TEA_HOUR_MS, 20, 9);
    outlook_note_add(&teams, JANUARY, JANUARY - 5 * TEA_HOUR_MS, 0, 20);
    assert_float_equal(teams.pickers, 19, 0);
}

/* ---- A plot ---- */

static struct outlook_plot a_plot(void)
{
    return (struct outlook_plot){
        .standard = PICK_ONE_LEAF,
        .area_m2 = 1000,
        .last_year_kg = NAN,
        .soil = WATER_LOAM,
        .root_m = 0.5,
        .latitude = 26.5,
        .longitude = 107.9,
        .seed = 7,
    };
}

/* Of a spring that warms from 4 to 17 °C; hours until 22:00 of the last day. */
static struct tea_hours spring(void)
{
    hours_unknown(hours, sizeof hours / sizeof hours[0]);
    for (size_t i = 0; i < DAY_COUNT * 24; i++) {
        double day = (double)i / 24;
        double c = 4 + 13 * day / DAY_COUNT + 4 * sin((double)(i % 24) / 24 * 6.2832 - 2.1);
        hours[i].air_c = (float)c;
        hours[i].air_min_c = (float)(c - 0.3);
        hours[i].humidity = 75;
        hours[i].soil_moisture = 18;
    }
    memset(notes, 0, sizeof notes);
    days.first_date = 0;
    return (struct tea_hours){.first_ms = JANUARY, .count = DAY_COUNT * 24 - 1, .hours = hours};
}

static int64_t evening_of(int day)
{
    return JANUARY + day * TEA_DAY_MS + 22 * TEA_HOUR_MS;
}

static struct outlook make(const struct outlook_plot *plot, const struct tea_hours *of)
{
    struct outlook outlook;
    int64_t now_ms = evening_of(DAY_COUNT - 1);
    assert_true(season_make(now_ms, plot->latitude, &season));
    outlook_take(plot, &season, of, now_ms, &days);
    outlook_make(plot, &season, of, now_ms, &days, notes, weather, &model, &outlook);
    return outlook;
}

static void assert_ordered(const double triple[3])
{
    assert_true(triple[0] >= 0 && triple[0] <= triple[1] && triple[1] <= triple[2]);
}

static void picked(int day, double kg, double pickers)
{
    notes[day] = (struct outlook_note){.picked = true, .kg = kg, .pickers = pickers};
}

static void a_spring_with_notes_has_all_numbers(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    picked(DAY_COUNT - 4, 6, 3);
    picked(DAY_COUNT - 2, 7, 3);
    notes[DAY_COUNT] = (struct outlook_note){.was_booked = true, .booked = 4};
    struct outlook outlook = make(&plot, &all);
    assert_string_equal(outlook.why, "");
    assert_ordered(outlook.estimate.ready_kg);
    assert_ordered(outlook.estimate.pick_kg);
    assert_true(outlook.estimate.thermal_time > 67);
    assert_true(outlook.estimate.share_ready > 0 && outlook.estimate.share_ready < 1);
    assert_int_equal(outlook.water.level, WATER_MEDIUM);
    assert_int_equal(outlook.frost.level, FROST_NONE);
    double before = outlook.estimate.pick_kg[1];
    notes[DAY_COUNT].booked = 1;
    outlook = make(&plot, &all);
    assert_true(outlook.estimate.pick_kg[1] < before);
}

static void the_last_days_alone_change_no_number(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    picked(DAY_COUNT - 3, 5, 2);
    struct outlook whole = make(&plot, &all);
    uint32_t skipped = (DAY_COUNT - OUTLOOK_RECENT_DAYS) * 24 - 5; /* amid a day */
    struct tea_hours last = {.first_ms = all.first_ms + skipped * TEA_HOUR_MS,
                             .count = all.count - skipped,
                             .hours = all.hours + skipped};
    struct outlook again = make(&plot, &last);
    assert_memory_equal(&again.estimate, &whole.estimate, sizeof whole.estimate);
    assert_memory_equal(again.diseases, whole.diseases, sizeof whole.diseases);
    assert_float_equal(again.frost.min_c, whole.frost.min_c, 0);
}

static void without_a_thermometer_there_is_nothing_but_a_reason(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    hours_unknown(hours, sizeof hours / sizeof hours[0]);
    struct outlook outlook = make(&plot, &all);
    assert_int_equal(outlook.estimate.why, PICK_NO_DATA);
    assert_true(strlen(outlook.why) > 0);
    assert_true(isnan(outlook.estimate.thermal_time) && isnan(outlook.estimate.pick_kg[1]));
    assert_int_equal(outlook.frost.level, FROST_UNKNOWN);
    assert_int_equal(outlook.diseases[0].level, DISEASE_UNKNOWN);
    assert_int_equal(outlook.water.level, WATER_UNKNOWN);
}

static void the_hours_of_today_that_are_yet_to_come_are_not_missing(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    int64_t now_ms = evening_of(DAY_COUNT - 1) - 14 * TEA_HOUR_MS; /* 08:00 */
    all.count -= 14;
    assert_true(season_make(now_ms, 26.5, &season));
    outlook_take(&plot, &season, &all, now_ms, &days);
    assert_int_equal(days.days[DAY_COUNT - 1].missing_hours, 0);
    hours[(DAY_COUNT - 1) * 24 + 3].air_c = NAN;
    outlook_take(&plot, &season, &all, now_ms, &days);
    assert_int_equal(days.days[DAY_COUNT - 1].missing_hours, 1);
}

/* In a dry pocket, or pulled out: the season comes late by no more than is uncertain of it. */
static void a_probe_at_the_wilting_point_stops_no_season_and_is_told(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    double moist = make(&plot, &all).estimate.thermal_time;
    for (size_t i = 0; i < DAY_COUNT * 24; i++)
        hours[i].soil_moisture = 2;
    struct outlook dry = make(&plot, &all);
    assert_true(dry.estimate.thermal_time >= moist - GROWTH_LIMITS_MOST_CD - 1e-9);
    assert_true(dry.estimate.thermal_time < moist - 10);
    assert_non_null(strstr(dry.why, "soil probe"));
    assert_non_null(strstr(dry.why_zh, "探头"));
    for (size_t i = 0; i < DAY_COUNT * 24; i++)
        hours[i].soil_moisture = i / 24 == DAY_COUNT - 3 ? 2 : 22; /* one dry day is none */
    assert_null(strstr(make(&plot, &all).why, "soil probe"));
}

static struct ahead ahead_of(double air_c, double rain_mm)
{
    struct ahead ahead = {.made_ms = 1, .first_ms = evening_of(DAY_COUNT - 1), .count = 96};
    for (int i = 0; i < 96; i++) {
        ahead.air_c[i] = (float)(i == 32 ? air_c - 5 : air_c); /* 06:00 of the day after */
        ahead.rain_mm[i] = (float)rain_mm;
        ahead.rain_chance[i] = NAN;
    }
    return ahead;
}

static void the_weather_ahead_is_used_where_there_is_some(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    picked(DAY_COUNT - 4, 6, 3);
    picked(DAY_COUNT - 2, 7, 3);
    notes[DAY_COUNT] = (struct outlook_note){.was_booked = true, .booked = 4};
    struct outlook without = make(&plot, &all);
    assert_true(without.water.irrigate && isnan(without.nights[0].least_c));
    struct ahead dry = ahead_of(16, 0), wet = ahead_of(16, 4);
    weather = &dry;
    struct outlook with_dry = make(&plot, &all);
    weather = &wet;
    struct outlook with_wet = make(&plot, &all);
    weather = NULL;
    assert_true(with_wet.estimate.pick_kg[1] < 0.9 * with_dry.estimate.pick_kg[1]);
    assert_true(with_dry.water.irrigate && !with_wet.water.irrigate);
    assert_non_null(strstr(with_wet.water.why, "rain are forecast"));
    assert_float_equal(with_dry.nights[0].least_c, 11, 1e-6);
    assert_int_equal(with_dry.nights[0].at_ms, dry.first_ms + 32 * TEA_HOUR_MS);
    assert_float_equal(with_dry.nights[1].least_c, 16, 1e-6);
}

static void what_was_measured_late_says_so(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    picked(DAY_COUNT - 2, 7, 3);
    hours_unknown(hours, 60 * 24);
    assert_non_null(strstr(make(&plot, &all).why, "since 2027-03-02"));
}

/* Days of 6 °C, from day 85 on of `later_c`, and a frost in the last evening; nothing was measured
 * on the days from `gap` until `gap_end`. */
static enum frost_level frost_after(double later_c, int gap, int gap_end)
{
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    for (int i = 0; i < DAY_COUNT * 24; i++) {
        bool last = i >= DAY_COUNT * 24 - 6, later = i >= 85 * 24;
        hours[i].air_c = hours[i].air_min_c = last ? 0 : later ? (float)later_c : 6;
    }
    if (gap_end > gap)
        hours_unknown(hours + (size_t)gap * 24, (size_t)(gap_end - gap) * 24);
    return make(&plot, &all).frost.level;
}

static void a_frost_is_told_where_buds_may_be_out(void **state)
{
    (void)state;
    assert_int_equal(frost_after(12.5, 0, 0), FROST_SEVERE); /* 34 °C d at least */
    assert_int_equal(frost_after(6, 0, 0), FROST_NONE);
    assert_int_equal(frost_after(12.5, 89, 98), FROST_SEVERE); /* as warm as the days around */
    assert_int_equal(frost_after(6, 89, 98), FROST_NONE);
    assert_int_equal(frost_after(6, 0, 40), FROST_NONE);   /* January was cold */
    assert_int_equal(frost_after(6, 0, 60), FROST_SEVERE); /* who knows of February? */
    assert_int_equal(frost_after(6, 45, 90), FROST_SEVERE);
}

/* A leaf is below zero long before the thermometer is. */
static void a_stated_canopy_counts_where_none_is_measured(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    for (int i = 0; i < DAY_COUNT * 24; i++)
        hours[i].air_c = hours[i].air_min_c = i >= 85 * 24 ? 14 : 6;
    for (int i = DAY_COUNT * 24 - 2; i < DAY_COUNT * 24; i++)
        hours[i].air_c = hours[i].air_min_c = 13;
    double air_c = make(&plot, &all).frost.min_c;
    plot.canopy_below_k = 3;
    assert_true(fabs(make(&plot, &all).frost.min_c - (air_c - 3)) < 1e-4);
    for (int i = DAY_COUNT * 24 - 10; i < DAY_COUNT * 24; i++)
        hours[i].canopy_c = hours[i].canopy_min_c = hours[i].air_c - 1; /* measured */
    assert_true(fabs(make(&plot, &all).frost.min_c - (air_c - 1)) < 1e-4);
}

/* Half of the way to its opening, and never later than the usual plot's. */
static void an_early_cultivar_is_warned_early(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    for (int i = 0; i < DAY_COUNT * 24; i++) {
        hours[i].air_c = i >= 90 * 24 ? 12 : 6; /* 20 °C d */
        hours[i].air_c = hours[i].air_min_c = i >= DAY_COUNT * 24 - 6 ? 0 : hours[i].air_c;
    }
    assert_int_equal(make(&plot, &all).frost.level, FROST_NONE);
    plot.gate_cd = 29;
    assert_int_equal(make(&plot, &all).frost.level, FROST_SEVERE);
    plot.gate_cd = 140;
    for (int i = 80 * 24; i < 90 * 24; i++)
        hours[i].air_c = 12;
    assert_int_equal(make(&plot, &all).frost.level, FROST_SEVERE);
}

static void after_the_season_there_is_no_estimate(void **state)
{
    (void)state;
    struct outlook_plot plot = a_plot();
    struct tea_hours all = spring();
    struct outlook outlook;
    int64_t now_ms = JANUARY + 250 * TEA_DAY_MS;
    all.first_ms = now_ms - (int64_t)all.count * TEA_HOUR_MS;
    assert_true(season_make(now_ms, 26.5, &season));
    outlook_take(&plot, &season, &all, now_ms, &days);
    outlook_make(&plot, &season, &all, now_ms, &days, notes, weather, &model, &outlook);
    assert_true(isnan(outlook.estimate.ready_kg[0]));
    assert_string_equal(outlook.why, "the season of spring tea is over");
    assert_int_equal(outlook.diseases[DISEASE_WHITE_STAR].level, DISEASE_LOW);
}

/* ---- The document ---- */

static struct field_config moisture = {.metric = "soil_moisture"};
static struct device_config probe = {.name = "soil", .metric_count = 1, .metrics = {&moisture}};
static uint16_t probe_index;

static struct config a_site(struct plot_config *plots, uint16_t count)
{
    static const char *const names[] = {"lower", "upper"};
    for (uint16_t i = 0; i < count; i++) {
        plots[i] = (struct plot_config){
            .devices = &probe_index, .device_count = i == 0, .soil = SOIL_LOAM};
        (void)snprintf(plots[i].name, sizeof plots[i].name, "%s", names[i]);
        (void)snprintf(plots[i].label, sizeof plots[i].label, "%s", i == 0 ? "下坡" : "上坡");
    }
    return (struct config){
        .plots = plots, .plot_count = count, .devices = &probe, .device_count = 1};
}

static void unknown(struct outlook *outlook)
{
    *outlook = (struct outlook){.why = "no thermometer"};
    outlook->estimate.thermal_time = outlook->estimate.share_ready = NAN;
    outlook->estimate.spread_cd = NAN;
    outlook->estimate.pickers = outlook->booked = NAN;
    outlook->frost.min_c = outlook->water.deficit_mm = NAN;
    for (int i = 0; i < 3; i++)
        outlook->estimate.counted_kg[i] = outlook->estimate.pick_kg[i] = NAN;
    for (int i = 0; i < PICK_RULE_COUNT; i++)
        outlook->estimate.rule_kg[i] = NAN;
    outlook->score.best_rule = PICK_RULE_COUNT;
    outlook->score.near_kg = NAN;
    outlook->frost.range_c[0] = outlook->frost.range_c[1] = outlook->frost.chance_alarm = NAN;
    outlook->score.mae_kg = outlook->score.skill = outlook->score.coverage = NAN;
    outlook->frost.level = FROST_UNKNOWN;
    outlook->water.level = WATER_UNKNOWN;
    for (int i = 0; i < DISEASE_COUNT; i++)
        outlook->diseases[i].level = DISEASE_UNKNOWN;
}

static void assert_document(const struct config *config, const struct outlook *outlooks,
                            const char *expected)
{
    char json[2048];
    static const struct ahead ahead;
    static const struct document_picks picks;
    size_t size = document_write(config, outlooks, &ahead, &picks, 5, json, sizeof json - 1);
    json[size] = '\0';
    assert_string_equal(json, expected);
    assert_int_equal(document_write(config, outlooks, &ahead, &picks, 5, json, size - 1), 0);
}

static void what_is_not_known_is_null_with_a_reason(void **state)
{
    (void)state;
    struct plot_config plots[1];
    struct config config = a_site(plots, 1);
    struct outlook outlook;
    unknown(&outlook);
    strcpy(outlook.water.why, "no moisture");
    assert_document(
        &config, &outlook,
        "{\"ts\":5,\"plots\":{\"lower\":{\"thermal_time\":null,\"share_ready\":null,\"share_"
        "spread\":null,"
        "\"ready_kg\":null,\"pick_kg\":null,\"rule_kg\":null,\"by\":null,\"pickers\":null,"
        "\"booked\":null,\"why\":\"no "
        "thermometer\","
        "\"score\":{\"days\":0,\"mae_kg\":null,\"skill\":null,\"coverage\":null,\"kept_days\":0,"
        "\"near_kg\":null,\"near_days\":0,"
        "\"rule\":null,\"rule_mae_kg\":null}}},"
        "\"frost\":null,\"disease\":[],\"water\":[{\"plot\":\"lower\",\"level\":\"info\","
        "\"irrigate\":null,\"deficit_mm\":null,\"why\":\"no moisture\"}],\"ahead\":null}");
    plots[0].soil = SOIL_NONE;
    char json[2048];
    json[document_write(&config, &outlook, &(struct ahead){0}, &(struct document_picks){0}, 5, json,
                        sizeof json - 1)] = '\0';
    assert_non_null(strstr(json, "\"water\":[]"));
    assert_null(strstr(json, "picked"));
    struct document_picks picks = {2, {{20270401, 12.34, 5}, {20270402, 0, 0}}};
    json[document_write(&config, &outlook, &(struct ahead){0}, &picks, 5, json, sizeof json - 1)] =
        '\0';
    assert_non_null(strstr(json, "\"picked\":[{\"day\":\"2027-04-01\",\"kg\":12.3,\"pickers\":5},"
                                 "{\"day\":\"2027-04-02\",\"kg\":0,\"pickers\":0}]"));
}

static void the_coldest_plot_and_the_worst_disease_are_told(void **state)
{
    (void)state;
    struct plot_config plots[2];
    struct config config = a_site(plots, 2);
    struct outlook outlooks[2];
    unknown(&outlooks[0]);
    unknown(&outlooks[1]);
    plots[0].device_count = 0;
    outlooks[0].why[0] = '\0';
    outlooks[0].estimate = (struct pick_estimate){.thermal_time = 142.34,
                                                  .share_ready = 0.314,
                                                  .spread_cd = 20.5,
                                                  .ready_kg = {3, 30, 90}, /* not told */
                                                  .counted_kg = {8.04, 12, 17.26},
                                                  .by = PICK_BY_RULE,
                                                  .rule_kg = {1, 2, 8.34, 3},
                                                  .pick_kg = {6, 9, 12},
                                                  .pickers = 4};
    outlooks[0].booked = 5;
    outlooks[0].score = (struct pick_score){.days = 12,
                                            .mae_kg = 1.44,
                                            .skill = -0.125,
                                            .coverage = 0.84,
                                            .kept_days = 5,
                                            .near_kg = 2.25,
                                            .near_days = 7,
                                            .best_rule = PICK_RULE_PICKER,
                                            .rule_mae_kg = {2, 2, 1.28, 2}};
    outlooks[0].frost = (struct frost){.level = FROST_WATCH, .min_c = 3.1, .at_ms = 6, .why = "a"};
    outlooks[1].frost = (struct frost){.level = FROST_WATCH,
                                       .min_c = 2.14,
                                       .at_ms = 7,
                                       .range_c = {-0.14, 4.36},
                                       .chance_alarm = 0.437,
                                       .why = "b",
                                       .why_zh = "乙"};
    outlooks[1].diseases[0] = (struct disease){.level = DISEASE_MEDIUM, .why = "c"};
    assert_int_equal(document_frost_plot(&config, outlooks), 1);
    assert_document(
        &config, outlooks,
        "{\"ts\":5,\"plots\":{\"lower\":{\"thermal_time\":142.3,\"share_ready\":0.31,"
        "\"share_spread\":20.5,"
        "\"ready_kg\":[8,12,17.3],\"pick_kg\":[6,9,12],\"rule_kg\":8.3,\"by\":\"rule\","
        "\"pickers\":null,\"booked\":5,\"why\":null,"
        "\"score\":{\"days\":12,\"mae_kg\":1.4,\"skill\":-0.13,\"coverage\":0.84,"
        "\"kept_days\":5,\"near_kg\":2.3,\"near_days\":7,\"rule\":\"picker\",\"rule_mae_kg\":1.3}},"
        "\"upper\":{\"thermal_time\":null,\"share_ready\":null,\"share_spread\":null,"
        "\"ready_kg\":null,"
        "\"pick_kg\":null,\"rule_kg\":null,\"by\":null,\"pickers\":null,\"booked\":"
        "null,\"why\":\"no "
        "thermometer\",\"score\":{\"days\":"
        "0,\"mae_kg\":null,\"skill\":null,\"coverage\":null,"
        "\"kept_days\":0,\"near_kg\":null,\"near_days\":0,\"rule\":"
        "null,\"rule_mae_kg\":null}}},\"frost\":{\"level\":"
        "\"watch\",\"min_c\":2.1,\"at\":7,\"range_c\":[-0.1,4.4],\"chance_alarm\":0.44,"
        "\"why\":\"上坡: "
        "b\",\"why_zh\":\"上坡：乙\"},\"disease\":[{\"name\":"
        "\"blister_blight\",\"level\":\"medium\",\"why\":\"上坡: "
        "c\"}],\"water\":[],\"ahead\":null}");
}

static void what_it_says_begins_behind_the_time(void **state)
{
    (void)state;
    static const char json[] = "{\"ts\":5,\"plots\":{}}";
    size_t length = 0;
    assert_ptr_equal(document_says(json, sizeof json - 1, &length), json + 7);
    assert_int_equal(length, sizeof json - 1 - 7);
}

static void what_is_new_waits_for_hours_unless_it_is_pressing(void **state)
{
    (void)state;
    assert_true(document_is_due(false, true, 0));
    assert_false(document_is_due(false, false, 2 * TEA_HOUR_MS));
    assert_true(document_is_due(false, false, 3 * TEA_HOUR_MS - 1000));
    assert_false(document_is_due(true, true, 3 * TEA_HOUR_MS));
    assert_true(document_is_due(true, false, 6 * TEA_HOUR_MS - 1000));
    assert_true(document_is_due(true, false, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_season_begins_on_the_first_of_january),
        cmocka_unit_test(south_of_the_equator_it_begins_in_july),
        cmocka_unit_test(a_day_of_a_clock_change_has_23_hours),
        cmocka_unit_test(an_absurd_clock_has_no_season),
        cmocka_unit_test(a_note_of_nothing_before_its_day_is_a_booking),
        cmocka_unit_test(a_booking_that_arrives_after_midnight_is_nobody_who_came),
        cmocka_unit_test(two_notes_of_one_crew_are_one_crew),
        cmocka_unit_test(a_spring_with_notes_has_all_numbers),
        cmocka_unit_test(the_last_days_alone_change_no_number),
        cmocka_unit_test(without_a_thermometer_there_is_nothing_but_a_reason),
        cmocka_unit_test(the_hours_of_today_that_are_yet_to_come_are_not_missing),
        cmocka_unit_test(a_probe_at_the_wilting_point_stops_no_season_and_is_told),
        cmocka_unit_test(the_weather_ahead_is_used_where_there_is_some),
        cmocka_unit_test(what_was_measured_late_says_so),
        cmocka_unit_test(a_frost_is_told_where_buds_may_be_out),
        cmocka_unit_test(a_stated_canopy_counts_where_none_is_measured),
        cmocka_unit_test(an_early_cultivar_is_warned_early),
        cmocka_unit_test(after_the_season_there_is_no_estimate),
        cmocka_unit_test(what_is_not_known_is_null_with_a_reason),
        cmocka_unit_test(the_coldest_plot_and_the_worst_disease_are_told),
        cmocka_unit_test(what_it_says_begins_behind_the_time),
        cmocka_unit_test(what_is_new_waits_for_hours_unless_it_is_pressing),
    };
    return cmocka_run_group_tests(tests, set_zone, NULL);
}
