/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast's thread against a store and a publisher that are made up: when it looks, what it
 * asks for, what it says, and that nothing it waits for holds up the end. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/forecast/forecast.h"
#include "gateway/daemon/forecast/gather.h"

#define HOUR_MS  INT64_C(3600000)
#define EVENING  INT64_C(1807363800000) /* 2027-04-10 21:30 in Guizhou (UTC+8) */
#define WAIT_S   60
#define DOC_MOST 8192

/* ---- What is made up, under the lock ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct wall_ms now;
    bool withhold;                       /* questions are not answered */
    enum store_result result;            /* of the answers */
    struct store_history_query withheld; /* of the last question that waits */
    store_history_done done;             /* it is asked for by that */
    void *context;
    unsigned looks, questions, docs, raised, lowered;
    int64_t earliest_ms; /* that was asked for since it was last set to 0 */
    double cooling;      /* K an hour from 18:00 of the last day on */
    struct store_pick picks[8];
    uint32_t pick_count;
    struct ahead ahead;     /* what came over the net */
    struct store_said said; /* what is kept of plot 0 */
    unsigned kept;
    char doc[DOC_MOST], what[192];
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct wall_ms store_now(const struct store *store)
{
    (void)store;
    pthread_mutex_lock(&world.lock);
    struct wall_ms now = world.now;
    world.looks++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
    return now;
}

const char *store_result_text(enum store_result result)
{
    (void)result;
    return "made up";
}

static double temperature(int64_t t_ms)
{
    double day = (double)(t_ms - (EVENING - 99 * 24 * HOUR_MS)) / (24.0 * HOUR_MS);
    double hour = (double)((t_ms + 8 * HOUR_MS) % (24 * HOUR_MS)) / HOUR_MS;
    double since = (double)(t_ms - (EVENING - 7 * HOUR_MS / 2)) / HOUR_MS;
    if (world.cooling > 0 && since >= 0)
        return 9 - world.cooling * since;
    return 4 + 0.13 * day + 4 * sin((hour - 8) / 24 * 6.2832);
}

/* Every hour until now, of air_temperature and air_humidity of plot 0; nothing of plot 1. */
static uint32_t make_points(const struct store_history_query *query, struct store_point *points)
{
    uint32_t count = 0;
    bool air = strcmp(query->metric, "air_temperature") == 0;
    for (int64_t t_ms = query->from_ms; t_ms < query->to_ms && t_ms < world.now.ms;
         t_ms += HOUR_MS) {
        assert_true(count < query->max_points);
        double value = air ? temperature(t_ms) : world.cooling > 0 ? 45 : 75;
        points[count++] = (struct store_point){
            .t_ms = t_ms, .n = 60, .min = value - 0.2, .mean = value, .max = value + 0.2};
    }
    return count;
}

enum store_result store_history(struct store *store, const struct store_history_query *query,
                                store_history_done done, void *context)
{
    struct store_point *points = calloc(STORE_HISTORY_MAX, sizeof *points);
    struct store_history answer = {.points = points};
    (void)store;
    pthread_mutex_lock(&world.lock);
    world.questions++;
    if (world.earliest_ms == 0 || query->from_ms < world.earliest_ms)
        world.earliest_ms = query->from_ms;
    bool withhold = world.withhold;
    if (withhold) {
        world.withheld = *query;
        world.done = done;
        world.context = context;
    }
    answer.result = query->plot == 0 ? world.result : STORE_UNKNOWN;
    answer.count = answer.result == STORE_OK ? make_points(query, points) : 0;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
    if (!withhold)
        done(context, &answer);
    free(points);
    return STORE_OK;
}

enum store_result store_picks(struct store *store, store_asker asker, const char *plot,
                              int32_t from_day, bool counted, store_picks_done done, void *context)
{
    (void)store;
    (void)asker;
    /* Last season's, the one before that's; counts of the season itself. */
    assert_true(counted || from_day == 20260101 || from_day == 20250101);
    pthread_mutex_lock(&world.lock);
    bool of_season = from_day == 20260101 && strcmp(plot, "upper") == 0 && !counted;
    uint32_t count = of_season ? world.pick_count : 0;
    pthread_mutex_unlock(&world.lock);
    done(context, STORE_OK, world.picks, count);
    return STORE_OK;
}

enum store_result store_said(struct store *store, const struct store_said_query *query,
                             store_said_done done, void *context)
{
    (void)store;
    assert_int_equal(query->from_day, 20270101);
    pthread_mutex_lock(&world.lock);
    struct store_said said = world.said;
    pthread_mutex_unlock(&world.lock);
    done(context, STORE_OK, &said, strcmp(query->plot, said.plot) == 0 ? 1 : 0);
    return STORE_OK;
}

enum store_result store_say(struct store *store, const struct store_said *said, uint32_t count,
                            store_done done, void *context)
{
    (void)store;
    (void)context;
    assert_null(done);
    assert_int_equal(count, 1); /* the other plot has no number */
    pthread_mutex_lock(&world.lock);
    world.said = *said;
    world.kept++;
    pthread_mutex_unlock(&world.lock);
    return STORE_OK;
}

bool publish_doc(struct publish *publish, const char *suffix, const void *payload, size_t size,
                 bool retain, uint8_t qos)
{
    (void)publish;
    assert_string_equal(suffix, "forecast");
    assert_true(retain && qos == 1 && size < DOC_MOST);
    pthread_mutex_lock(&world.lock);
    memcpy(world.doc, payload, size);
    world.doc[size] = '\0';
    world.docs++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
    return true;
}

void alerts_raise(struct alerts *alerts, const struct alerts_event *alert)
{
    (void)alerts;
    assert_string_equal(alert->id, ALERTS_FROST);
    assert_true(strlen(alert->todo) > 0 && strlen(alert->todo_zh) > 0 && alert->what_zh != NULL);
    pthread_mutex_lock(&world.lock);
    (void)snprintf(world.what, sizeof world.what, "%s %s: %s", alert->level, alert->where,
                   alert->what);
    world.raised++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

void alerts_lower(struct alerts *alerts, const char *id)
{
    (void)alerts;
    assert_string_equal(id, ALERTS_FROST);
    pthread_mutex_lock(&world.lock);
    world.lowered++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

/* ---- The garden ---- */

static struct field_config air = {.metric = "air_temperature"}, damp = {.metric = "air_humidity"};
static struct device_config devices[] = {
    {.name = "node-1", .metric_count = 2, .metrics = {&air, &damp}, .index = 0},
    {.name = "node-2", .metric_count = 2, .metrics = {&air, &damp}, .index = 1}};
static uint16_t places[] = {0, 1};
static struct plot_config plots[] = {
    {.name = "upper", .label = "upper", .area_m2 = 1000, .devices = &places[0], .device_count = 1},
    {.name = "bare", .label = "bare", .area_m2 = 1000, .devices = &places[1], .device_count = 1}};
static struct config config = {.plots = plots,
                               .plot_count = 2,
                               .devices = devices,
                               .device_count = 2,
                               .latitude = 26.5,
                               .longitude = 107.9};

static int begin(void **state)
{
    (void)state;
    (void)setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    world.now = (struct wall_ms){EVENING, TIME_TRUSTED};
    world.withhold = false;
    world.result = STORE_OK;
    world.looks = world.questions = world.docs = world.raised = world.lowered = 0;
    world.earliest_ms = 0;
    world.pick_count = world.kept = 0;
    world.said = (struct store_said){.day = 0};
    world.ahead = (struct ahead){.made_ms = 0};
    world.cooling = 0;
    return 0;
}

static bool last_weather(void *context, struct ahead *ahead)
{
    assert_ptr_equal(context, &world);
    pthread_mutex_lock(&world.lock);
    *ahead = world.ahead;
    pthread_mutex_unlock(&world.lock);
    return ahead->made_ms != 0;
}

static struct forecast *start(void)
{
    static const struct forecast_weather weather = {.context = &world, .last = last_weather};

    struct forecast *forecast = forecast_start(&config, NULL, NULL, NULL, &weather);
    assert_non_null(forecast);
    return forecast;
}

/* Until *count has reached `least`. */
static void wait_for(const unsigned *count, unsigned least)
{
    struct timespec until = clock_timespec(clock_mono_ns() + WAIT_S * INT64_C(1000000000));
    int rc = 0;
    pthread_mutex_lock(&world.lock);
    while (*count < least && rc == 0)
        rc = pthread_cond_clockwait(&world.changed, &world.lock, CLOCK_MONOTONIC, &until);
    bool came = *count >= least;
    pthread_mutex_unlock(&world.lock);
    assert_true(came);
}

static void assert_says(const char *text)
{
    pthread_mutex_lock(&world.lock);
    bool says = strstr(world.doc, text) != NULL;
    pthread_mutex_unlock(&world.lock);
    if (!says)
        fail_msg("no %s in %s", text, world.doc);
}

static void note(const char *id, int32_t day, double kg, uint32_t pickers)
{
    pthread_mutex_lock(&world.lock);
    struct store_pick *pick = &world.picks[world.pick_count++];
    *pick = (struct store_pick){.day = day, .kg = kg, .pickers = pickers, .at_ms = EVENING};
    (void)snprintf(pick->id, sizeof pick->id, "%s", id);
    pthread_mutex_unlock(&world.lock);
}

/* ---- Tests ---- */

static void a_start_reads_the_season_and_speaks(void **state)
{
    (void)state;
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    forecast_stop(forecast);
    assert_int_equal(world.docs, 1);
    assert_says("{\"ts\":1807363800000,\"plots\":{\"upper\":{\"thermal_time\":");
    assert_says("\"bare\":{\"thermal_time\":null,\"share_ready\":null,\"share_spread\":null,"
                "\"ready_kg\":null,");
    assert_says("\"frost\":{\"level\":\"none\"");
    /* 1 January 00:00 in Guizhou. */
    assert_int_equal(world.earliest_ms, INT64_C(1798732800000));
    assert_int_equal(world.raised, 0);
}

static void a_note_is_looked_at_and_only_the_last_days_are_read(void **state)
{
    (void)state;
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    assert_says("\"pick_kg\":null");
    pthread_mutex_lock(&world.lock);
    world.earliest_ms = 0;
    pthread_mutex_unlock(&world.lock);
    note("a", 20270409, 6, 3);
    note("b", 20270411, 0, 4);
    forecast_picked(forecast);
    wait_for(&world.lowered, 2);
    forecast_stop(forecast);
    assert_int_equal(world.docs, 2);
    assert_null(strstr(strstr(world.doc, "\"upper\""),
                       "\"pick_kg\":null,\"pickers\":null,\"booked\":null,\"why\":null"));
    assert_says("\"pick_kg\":[");
    assert_int_equal(world.earliest_ms / HOUR_MS, (EVENING - 6 * 24 * HOUR_MS) / HOUR_MS);
}

/* In the evening it says something of tomorrow; the day after it is judged by just that, although
 * the gateway has learned otherwise in between. */
static void what_was_sent_of_a_day_is_kept_and_judged_when_its_pick_is_noted(void **state)
{
    (void)state;
    note("a", 20270408, 6, 3);
    note("b", 20270409, 7, 3);
    note("c", 20270411, 0, 4);
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    forecast_stop(forecast);
    assert_says("\"score\":{\"days\":1,");
    assert_says("\"kept_days\":0,");
    assert_int_equal(world.kept, 1);
    assert_string_equal(world.said.plot, "upper");
    assert_int_equal(world.said.day, 20270411);
    assert_int_equal(world.said.at_ms, EVENING);
    assert_true(strlen(world.said.program) > 0);
    assert_true(world.said.booked == 4);
    assert_true(world.said.kg[0] > 0 && world.said.kg[0] < world.said.kg[1]);
    world.said.kg[0] = 998; /* whatever was kept is what counts */
    world.said.kg[1] = 1008;
    world.said.kg[2] = 1018;
    note("d", 20270411, 8, 4);
    world.picks[3].at_ms = EVENING + 24 * HOUR_MS;
    world.now.ms = EVENING + 24 * HOUR_MS;
    forecast = start();
    wait_for(&world.lowered, 2);
    forecast_stop(forecast);
    assert_says("\"score\":{\"days\":2,\"mae_kg\":50");
    assert_says("\"kept_days\":1,");
    assert_int_equal(world.said.day, 20270412);
}

static void rain_all_night(int64_t made_ms)
{
    pthread_mutex_lock(&world.lock);
    world.ahead = (struct ahead){
        .made_ms = made_ms, .first_ms = EVENING - EVENING % HOUR_MS, .count = AHEAD_HOURS};
    for (unsigned i = 0; i < AHEAD_HOURS; i++) {
        world.ahead.air_c[i] = 1.5F;
        world.ahead.rain_mm[i] = 2;
        world.ahead.rain_chance[i] = NAN;
    }
    pthread_mutex_unlock(&world.lock);
}

/* Without it all is as before; when it comes, nobody waits for the hour to be over. */
static void the_weather_is_used_when_it_comes_and_not_when_it_is_old(void **state)
{
    (void)state;
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    assert_says("\"ahead\":null");
    rain_all_night(EVENING - HOUR_MS);
    forecast_picked(forecast);
    wait_for(&world.docs, 2);
    assert_says("\"ahead\":{\"made\":1807360200000,\"nights\":[{\"at\":");
    assert_says("\"min_c\":1.5}");
    forecast_stop(forecast);
    rain_all_night(EVENING - 24 * HOUR_MS - 1);
    forecast = start();
    wait_for(&world.docs, 3);
    assert_says("\"ahead\":null");
    forecast_stop(forecast);
}

static void what_says_nothing_new_is_not_sent(void **state)
{
    (void)state;
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    forecast_picked(forecast);
    wait_for(&world.lowered, 2);
    forecast_stop(forecast);
    assert_int_equal(world.docs, 1);
}

static void a_second_start_says_the_same(void **state)
{
    (void)state;
    char before[DOC_MOST];
    note("a", 20270408, 6, 3);
    note("b", 20270409, 5, 3);
    struct forecast *forecast = start();
    wait_for(&world.lowered, 1);
    forecast_stop(forecast);
    memcpy(before, world.doc, sizeof before);
    forecast = start();
    wait_for(&world.lowered, 2);
    forecast_stop(forecast);
    assert_string_equal(world.doc, before);
}

static void a_frost_raises_an_alert(void **state)
{
    (void)state;
    world.cooling = 1.4;
    struct forecast *forecast = start();
    wait_for(&world.raised, 1);
    forecast_stop(forecast);
    assert_non_null(strstr(world.what, "alarm upper: frost: "));
    assert_non_null(strstr(world.what, "expected in the morning"));
    assert_says("upper: ");
    assert_int_equal(world.lowered, 0);
}

static void without_the_time_nothing_is_asked(void **state)
{
    (void)state;
    world.now.trust = TIME_UNTRUSTED;
    struct forecast *forecast = start();
    wait_for(&world.looks, 1);
    forecast_picked(forecast);
    wait_for(&world.looks, 2); /* the first one asked for nothing */
    forecast_stop(forecast);
    assert_int_equal(world.questions, 0);
    assert_int_equal(world.docs, 0);
}

static void a_store_that_fails_is_not_an_empty_garden(void **state)
{
    (void)state;
    world.result = STORE_UNAVAILABLE;
    struct forecast *forecast = start();
    wait_for(&world.questions, 1);
    forecast_picked(forecast);
    wait_for(&world.questions, 2); /* the first look is over, and said nothing */
    forecast_stop(forecast);
    assert_int_equal(world.docs, 0);
    assert_int_equal(world.lowered, 0);
}

static void a_store_that_does_not_answer_holds_up_no_end(void **state)
{
    (void)state;
    world.withhold = true;
    struct forecast *forecast = start();
    wait_for(&world.questions, 1);
    forecast_stop(forecast);
    struct store_history late = {.result = STORE_STOPPED};
    world.done(world.context, &late); /* nobody is there any more */
    assert_int_equal(world.docs, 0);
}

static void a_store_that_does_not_answer_is_no_progress(void **state)
{
    (void)state;
    world.withhold = true;
    int64_t begun_ms = clock_mono_ms();
    struct forecast *forecast = start();
    wait_for(&world.questions, 1);
    int64_t asked_ms = clock_mono_ms();
    while (clock_mono_ms() < asked_ms + 20)
        assert_true(forecast_idle_ms(forecast) <= clock_mono_ms() - begun_ms);
    assert_true(forecast_idle_ms(forecast) >= 20);
    pthread_mutex_lock(&world.lock);
    world.withhold = false;
    struct store_history nothing = {.result = STORE_OK};
    pthread_mutex_unlock(&world.lock);
    int64_t answered_ms = clock_mono_ms();
    world.done(world.context, &nothing);
    wait_for(&world.lowered, 1);
    assert_true(forecast_idle_ms(forecast) <= clock_mono_ms() - answered_ms);
    forecast_stop(forecast);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

static void depths_share_the_layer_of_the_roots(void **state)
{
    (void)state;
    static const struct {
        uint16_t depths[3];
        unsigned count;
        double root_cm;
        double shares[3];
        unsigned used;
    } cases[] = {
        {{20, 40, 60}, 3, 50, {30, 20, 0}, 2}, /* 60 cm is below them, and 40 reaches to 50 */
        {{10, 30}, 2, 50, {20, 30}, 2},
        {{20, 40, 60}, 3, 100, {30, 20, 50}, 3},
        {{80}, 1, 50, {50}, 1}, /* all that there is */
        {{60, 90}, 2, 50, {50}, 1},
        {{20}, 1, 50, {50}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double shares[3] = {0};
        assert_int_equal(
            gather_depth_shares(cases[i].depths, cases[i].count, cases[i].root_cm, shares),
            cases[i].used);
        for (unsigned d = 0; d < cases[i].used; d++)
            assert_true(fabs(shares[d] - cases[i].shares[d]) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_share_the_layer_of_the_roots),
        TEST(a_start_reads_the_season_and_speaks),
        TEST(a_note_is_looked_at_and_only_the_last_days_are_read),
        TEST(what_was_sent_of_a_day_is_kept_and_judged_when_its_pick_is_noted),
        TEST(the_weather_is_used_when_it_comes_and_not_when_it_is_old),
        TEST(what_says_nothing_new_is_not_sent),
        TEST(a_second_start_says_the_same),
        TEST(a_frost_raises_an_alert),
        TEST(without_the_time_nothing_is_asked),
        TEST(a_store_that_fails_is_not_an_empty_garden),
        TEST(a_store_that_does_not_answer_holds_up_no_end),
        TEST(a_store_that_does_not_answer_is_no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
