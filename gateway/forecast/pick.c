/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/pick.h"

#include <string.h>

#include "gateway/forecast/particles.h"
#include "gateway/forecast/pick_record.h"

#define RAIN_DAY_MM       1.0
#define RAIN_CHANCE       0.33 /* of a spring day in Guizhou: an assumption */
#define GROWTH_DOUBT      0.35 /* ln, of "as the last three days" */
#define FORECAST_DOUBT    0.15 /* ln, of a weather forecast for tomorrow */
#define CREW_DOUBT        0.6  /* ln, of "as many as came last" */
#define GUESSED_SHARE     0.5
#define AREA_KG_M2        (48.0 / 666.7) /* 600 shoots/m2 of 0.12 g */
#define OPENING_CD        67.0           /* Baiye 1 in Liyang, on daily means (Jiang et al. 2014) */
#define OPENING_LN_SD     0.22
#define NAMED_LN_SD       0.14 /* where the file names the cultivar's gate */
#define SEEN_LN_SD        0.09 /* where last season was seen */
#define SEEN_WEIGHT       0.75
#define OPENING_LEAST_CD  10.0
#define OPENING_MOST_CD   400.0
#define SEASON_DONE_SHARE 0.95
#define SEASON_DONE_LEFT  0.02
#define SEASON_GONE_SHARE 0.999
#define SHORT_REST_DAYS   3
#define BOOKED_ALPHA      0.2 /* smooths the share of picks that were booked */
#define BOOKS_ALWAYS      0.9
#define BOOKS_ALL_SEASON  0.95
#define ODD_FACTOR        4.0  /* kg per picker so far from the last ones: a slip of the finger */
#define ODD_KG_FACTOR     8.0  /* kg, where nobody noted the crew */
#define PICKER_MOST_KG    30.0 /* a day, with nothing to compare it with: hands, no machine */
#define PICKER_LEAST_KG   0.05
#define DOOR_FACTOR       5.0
#define DOOR_MOST_KG      2000.0
#define AREA_MOST_KG_M2   0.3 /* four times what is assumed of a garden: 200 kg a mu */
#define REST_CHANCE       0.2 /* that they come all the same: an assumption */

_Static_assert(sizeof(struct pick_model) < 128 * 1024, "a plot's model has grown");

static bool above_zero(double x, double most)
{
    return x > 0.0 && x <= most; /* false for NaN */
}

struct pick_prior pick_prior_first(enum pick_standard standard, double last_year_kg, double area_m2)
{
    static const double later_cd[] = {-40.0, 0.0, 50.0, 110.0};
    static const double shoots_kg[] = {0.05e-3, 0.12e-3, 0.23e-3, 0.44e-3};
    struct pick_prior prior = {.opening_cd = OPENING_CD,
                               .opening_ln_sd = OPENING_LN_SD,
                               .spread_cd = 28.0,
                               .spread_ln_sd = 0.34,
                               .season_kg = NAN,
                               .season_ln_sd = 0.3,
                               .picker_kg = 2.75,
                               .picker_ln_sd = 0.22,
                               .shoot_kg = shoots_kg[PICK_ONE_LEAF],
                               .area_m2 = above_zero(area_m2, 1e8) ? area_m2 : NAN,
                               .last = TREND_LAST_UNKNOWN};
    if ((size_t)standard < sizeof later_cd / sizeof later_cd[0]) {
        prior.opening_cd += later_cd[standard];
        prior.shoot_kg = shoots_kg[standard];
    }
    if (above_zero(last_year_kg, 1e7)) {
        prior.season_kg = last_year_kg;
    } else if (above_zero(area_m2, 1e8)) {
        prior.season_kg = area_m2 * AREA_KG_M2;
        prior.season_ln_sd = 0.69;
    }
    return prior;
}

void pick_prior_open(struct pick_prior *prior, double gate_cd, double last_opened_cd)
{
    if (above_zero(gate_cd, OPENING_MOST_CD)) {
        prior->opening_cd = fmax(gate_cd, OPENING_LEAST_CD);
        prior->opening_ln_sd = NAMED_LN_SD;
    }
    if (above_zero(last_opened_cd, OPENING_MOST_CD)) {
        double seen_ln = chance_log(fmax(last_opened_cd, OPENING_LEAST_CD));
        prior->opening_cd =
            chance_exp(SEEN_WEIGHT * seen_ln + (1.0 - SEEN_WEIGHT) * chance_log(prior->opening_cd));
        prior->opening_ln_sd = SEEN_LN_SD;
    }
}

const char *pick_why_text(enum pick_why why)
{
    static const char *const texts[PICK_WHY_COUNT] = {
        [PICK_GIVEN] = "",
        [PICK_NO_DATA] = "too much air temperature is missing in ten days: see the thermometer",
        [PICK_BEFORE_SEASON] = "it has not been 10 °C long enough for the shoots to grow",
        [PICK_LATE_START] = "the thermometer came after spring had begun: note the first pick",
        [PICK_BEFORE_OPENING] = "the shoots grow, but too few are ready to be picked yet",
        [PICK_AFTER_SEASON] = "this season's picking is over",
        [PICK_NO_SIZE] = "nobody has said how large the plot is: enter last year's kg or the area",
        [PICK_NO_CREW] = "nobody has said how many pickers come: enter those booked for tomorrow",
    };
    return (size_t)why < PICK_WHY_COUNT ? texts[why] : "";
}

static void replace_unless_positive(double *value, double replacement)
{
    if (!above_zero(*value, 1e8))
        *value = replacement;
}

static struct pick_prior checked(const struct pick_prior *prior)
{
    const struct pick_prior first = pick_prior_first(PICK_ONE_LEAF, NAN, NAN);
    struct pick_prior good = *prior;
    replace_unless_positive(&good.opening_cd, first.opening_cd);
    replace_unless_positive(&good.opening_ln_sd, first.opening_ln_sd);
    replace_unless_positive(&good.spread_cd, first.spread_cd);
    replace_unless_positive(&good.spread_ln_sd, first.spread_ln_sd);
    replace_unless_positive(&good.season_kg, NAN);
    replace_unless_positive(&good.season_ln_sd, first.season_ln_sd);
    replace_unless_positive(&good.picker_kg, first.picker_kg);
    replace_unless_positive(&good.picker_ln_sd, first.picker_ln_sd);
    replace_unless_positive(&good.shoot_kg, first.shoot_kg);
    replace_unless_positive(&good.area_m2, NAN);
    replace_unless_positive(&good.last.each_kg, NAN);
    replace_unless_positive(&good.last.crew_most, NAN);
    replace_unless_positive(&good.last.gap_days, NAN);
    replace_unless_positive(&good.last.kg, NAN);
    replace_unless_positive(&good.last.middle_cd, NAN);
    replace_unless_positive(&good.last.spread_cd, NAN);
    return good;
}

static void forget_recent(struct pick_model *model)
{
    for (size_t i = 0; i < PICK_RECENT; i++)
        model->recent.kg[i] = model->recent.pickers[i] = NAN;
}

void pick_begin(struct pick_model *model, const struct pick_prior *prior, uint64_t seed)
{
    memset(model, 0, sizeof *model);
    model->prior = checked(prior);
    model->seed = seed;
    model->chance = chance_begin(seed);
    model->booked_share = 0.5;
    model->has_size = !isnan(model->prior.season_kg);
    if (!model->has_size) { /* any size, for the share that is ready; notes may narrow it */
        model->prior.season_kg = 500.0;
        model->prior.season_ln_sd = 1.0;
    }
    for (size_t i = 0; i < PICK_RECENT; i++)
        model->growth_cd[i] = NAN;
    forget_recent(model);
    model->ready = ready_begin();
    model->trend = trend_begin(model->prior.area_m2, &model->prior.last);
    memset(model->missing_hours, GROWTH_HOURS, sizeof model->missing_hours);
    particles_begin(model);
}

/* Mean of those that are known; NaN: none. */
static double known_mean(const double *values, size_t count)
{
    double sum = 0.0;
    unsigned known = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        sum += values[i];
        known++;
    }
    return known ? sum / known : NAN;
}

static double usual_growth(const struct pick_model *model)
{
    double mean = known_mean(model->growth_cd, PICK_RECENT);
    return isnan(mean) ? 0.0 : mean;
}

static double known_crew(double pickers)
{
    return above_zero(pickers, PICK_PICKERS_MAX) ? pickers : NAN;
}

static double usual_crew(const struct pick_model *model)
{
    double crew = known_mean(model->recent.pickers, 2);
    return isnan(crew) ? model->recent.pickers[2] : crew;
}

static bool is_growth(double growth_cd)
{
    return growth_cd >= 0.0 && growth_cd <= PICK_GROWTH_MAX_CD;
}

double pick_rain_chance(double rain_mm)
{
    if (!(rain_mm >= 0.0))
        return RAIN_CHANCE;
    return rain_mm >= RAIN_DAY_MM ? 1.0 : 0.0;
}

static void push(double *newest_first, double value)
{
    memmove(newest_first + 1, newest_first, (PICK_RECENT - 1) * sizeof *newest_first);
    newest_first[0] = value;
}

static bool too_much_missing(const struct pick_model *model)
{
    unsigned missing = 0;
    for (size_t i = 0; i < PICK_GATE_DAYS; i++)
        missing += model->missing_hours[i];
    return missing > PICK_GATE_SHARE * (PICK_GATE_DAYS * GROWTH_HOURS);
}

static bool season_over(const struct pick_model *model, double share_ready)
{
    if (model->picked_days > 0 && model->rest_days < SHORT_REST_DAYS)
        return false; /* who picks knows better */
    bool rested = model->picked_days > 0 && model->rest_days >= PICK_REST_DAYS;
    bool empty = share_ready >= SEASON_DONE_SHARE && particles_share_left(model) < SEASON_DONE_LEFT;
    return rested || empty || share_ready >= SEASON_GONE_SHARE;
}

/* What stands in the way of every number. */
static enum pick_why closed_gate(const struct pick_model *model, double share_ready)
{
    if (too_much_missing(model))
        return PICK_NO_DATA;
    if (!model->growing)
        return PICK_BEFORE_SEASON;
    if (model->picked_days == 0 && !model->passing.from_cold)
        return PICK_LATE_START;
    if (model->picked_days == 0 && model->thermal_time < model->prior.opening_cd)
        return PICK_BEFORE_OPENING;
    return season_over(model, share_ready) ? PICK_AFTER_SEASON : PICK_GIVEN;
}

static struct pick_outlook outlook_of(const struct pick_model *model,
                                      const struct pick_tomorrow *tomorrow)
{
    struct pick_outlook outlook = {usual_growth(model), GROWTH_DOUBT, RAIN_CHANCE,
                                   usual_crew(model), CREW_DOUBT};
    if (is_growth(tomorrow->growth_cd)) {
        outlook.growth_cd = tomorrow->growth_cd;
        outlook.growth_doubt = FORECAST_DOUBT;
    }
    if (tomorrow->rain_chance >= 0.0 && tomorrow->rain_chance <= 1.0)
        outlook.rain_chance = tomorrow->rain_chance;
    if (tomorrow->pickers >= 0.0 && tomorrow->pickers <= PICK_PICKERS_MAX) {
        outlook.pickers = tomorrow->pickers;
        outlook.pickers_doubt = 0.0;
    }
    return outlook;
}

/* Of its own, and another one every evening. */
static struct chance evening_chance(const struct pick_model *model)
{
    return chance_begin(model->seed ^ (UINT64_C(0xD1B54A32D192ED03) * (model->days + 1)));
}

static struct trend_tomorrow trend_of(const struct pick_model *model,
                                      const struct pick_outlook *outlook, const double model_kg[3])
{
    struct pick_particle mean = particles_mean(model);
    return (struct trend_tomorrow){.pickers = outlook->pickers,
                                   .booked = outlook->pickers_doubt <= 0.0,
                                   .rain_chance = outlook->rain_chance,
                                   .growth_cd = outlook->growth_cd,
                                   .season_kg = model->has_size ? model->prior.season_kg : NAN,
                                   .model_kg = model->has_size ? model_kg[1] : NAN,
                                   .ready_kg = model->has_size ? mean.stock_kg : NAN,
                                   .share_ready =
                                       model->growing ? particles_share_ready(model) : NAN,
                                   .model_ln = chance_log(model_kg[2]) - chance_log(model_kg[0]),
                                   .held_share = particles_share_left(model),
                                   .hands_kg = mean.picker_kg};
}

double pick_features(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                     double x[NETS_FEATURES])
{
    struct pick_outlook outlook = outlook_of(model, tomorrow);
    struct chance chance = evening_chance(model);
    double kg[3];
    if (!(outlook.pickers > 0.0))
        return NAN;
    particles_foresee_pick(model, &outlook, &chance, kg);
    struct trend_tomorrow of = trend_of(model, &outlook, kg);
    return nets_features(&model->trend, &of, x).base;
}

static struct ready_held held_now(const struct pick_model *model)
{
    return (struct ready_held){.stock_kg = particles_mean(model).stock_kg,
                               .share = particles_share_ready(model),
                               .thermal_time = model->thermal_time};
}

static struct ready_tomorrow ready_of(const struct pick_model *model, const double ready_kg[3])
{
    struct ready_tomorrow of = {.held = held_now(model),
                                .season_kg = particles_mean(model).season_kg,
                                .area_m2 = model->prior.area_m2};
    memcpy(of.model_kg, ready_kg, sizeof of.model_kg);
    return of;
}

double pick_ready_features(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                           double x[READY_FEATURES])
{
    struct pick_estimate estimate;
    pick_estimate(model, tomorrow, &estimate);
    if (isnan(estimate.ready_kg[1]) || !ready_is_counted(&model->ready))
        return NAN;
    struct ready_tomorrow of = ready_of(model, estimate.ready_kg);
    return ready_features(&model->ready, &of, x);
}

/* Who books nearly always, of late and all season, and has not: hardly anybody comes. Of late alone
 * would take a lucky row of who books three times in four for it. */
static bool is_rest(const struct pick_model *model, const struct pick_outlook *outlook)
{
    const struct trend *trend = &model->trend;
    return outlook->pickers_doubt > 0.0 && model->booked_share > BOOKS_ALWAYS &&
           trend->booked_days >= BOOKS_ALL_SEASON * trend->picked_days;
}

/* 10, 50 and 90 % of what comes by that chance only. */
static void thin_out(double chance, double pick_kg[3])
{
    static const double at[3] = {0.1, 0.5, 0.9};
    const double low = pick_kg[0], middle = pick_kg[1], high = pick_kg[2];
    for (size_t i = 0; i < 3; i++) {
        double within = 1.0 - (1.0 - at[i]) / chance; /* of the days on which they come */
        if (within <= 0.0)
            pick_kg[i] = 0.0;
        else if (within < 0.5)
            pick_kg[i] = low + (middle - low) * fmax(0.0, within - 0.1) / 0.4;
        else
            pick_kg[i] = middle + (high - middle) * fmin(1.0, (within - 0.5) / 0.4);
    }
}

/* What will be picked, by the way that is to be shown; not past the gates. `rest`: allow for nobody
 * coming. */
static enum pick_source foresee(struct pick_model *model, const struct pick_outlook *outlook,
                                bool rest, double pick_kg[3], struct pick_ways *ways)
{
    struct chance chance = evening_chance(model);
    double model_kg[3];
    particles_foresee_pick(model, outlook, &chance, model_kg);
    if (outlook->pickers > 0.0) {
        struct trend_tomorrow tomorrow = trend_of(model, outlook, model_kg);
        nets_predict(&model->trend, &tomorrow, pick_kg);
    } else {
        pick_kg[0] = pick_kg[1] = pick_kg[2] = 0.0;
    }
    *ways = pick_ways(model, model_kg[1], pick_kg[1], outlook->pickers);
    enum pick_source by = pick_choose(model, ways, pick_kg);
    if (rest && is_rest(model, outlook))
        thin_out(REST_CHANCE, pick_kg);
    return by;
}

/* Picks are noted and go on: they say more of tomorrow's than a thermometer does. */
static bool is_picking(const struct pick_model *model)
{
    return model->picked_days > 0 && model->rest_days < PICK_REST_DAYS;
}

/* Why tomorrow's pick is not given, with or without the rest. Who books knows that it is not
 * over. */
static enum pick_why pick_gate(const struct pick_model *model, const struct pick_outlook *outlook,
                               enum pick_why why)
{
    bool booked = outlook->pickers > 0.0 && outlook->pickers_doubt <= 0.0;
    if (is_picking(model) && (why != PICK_AFTER_SEASON || booked))
        return PICK_GIVEN;
    if (why == PICK_BEFORE_OPENING && booked) /* somebody goes and looks */
        why = PICK_GIVEN;
    if (why == PICK_GIVEN && !model->has_size)
        return PICK_NO_SIZE;
    return why;
}

void pick_estimate(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                   struct pick_estimate *out)
{
    double share = particles_share_ready(model);
    struct pick_outlook outlook = outlook_of(model, tomorrow);
    struct chance chance = evening_chance(model);
    struct pick_ways ways;
    *out = (struct pick_estimate){.why = closed_gate(model, share),
                                  .thermal_time = NAN,
                                  .share_ready = NAN,
                                  .spread_cd = NAN,
                                  .ready_kg = {NAN, NAN, NAN},
                                  .counted_kg = {NAN, NAN, NAN},
                                  .pick_kg = {NAN, NAN, NAN},
                                  .pickers = NAN,
                                  .rule_kg = {NAN, NAN, NAN, NAN}};
    bool told = pick_gate(model, &outlook, out->why) == PICK_GIVEN && !isnan(outlook.pickers);
    if (out->why == PICK_GIVEN || out->why == PICK_BEFORE_OPENING) {
        out->thermal_time = model->assumed_start ? NAN : model->thermal_time;
        out->share_ready = share;
        out->spread_cd = particles_mean(model).s;
    }
    if (out->why == PICK_GIVEN) {
        if (!model->has_size)
            out->why = PICK_NO_SIZE;
        else if (!told)
            out->why = PICK_NO_CREW;
    }
    if (out->why == PICK_GIVEN || out->why == PICK_NO_CREW) {
        particles_foresee_ready(model, &outlook, &chance, out->ready_kg);
        struct ready_tomorrow of = ready_of(model, out->ready_kg);
        ready_predict(&model->ready, &of, out->counted_kg);
        out->pickers = ceil(out->ready_kg[1] / (2.0 * particles_mean(model).picker_kg));
    }
    if (!told)
        return;
    out->by = foresee(model, &outlook, true, out->pick_kg, &ways);
    memcpy(out->rule_kg, ways.rule, sizeof out->rule_kg);
}

/* What was said the evening before; `any` is false when nothing was. */
struct said {
    bool any;
    double pickers, first_kg; /* the crew that it was said for; by the trend's first rule */
    struct pick_ways ways;
    double pick_kg[3];
};

/* The first pick has no baseline yet to be compared with. */
static struct said recall(struct pick_model *model, const struct pick_day *day)
{
    struct said said = {.any = false};
    struct pick_tomorrow evening = PICK_TOMORROW_UNKNOWN;
    evening.pickers = known_crew(day->booked);
    struct pick_outlook outlook = outlook_of(model, &evening);
    enum pick_why why =
        pick_gate(model, &outlook, closed_gate(model, particles_share_ready(model)));
    if (model->picked_days == 0 || why != PICK_GIVEN || isnan(outlook.pickers))
        return said;
    foresee(model, &outlook, false, said.pick_kg, &said.ways);
    double model_kg = said.ways.source[PICK_BY_MODEL];
    const double middle_kg[3] = {model_kg, model_kg, model_kg}; /* the first rule asks no other */
    struct trend_tomorrow of = trend_of(model, &outlook, middle_kg);
    said.first_kg = outlook.pickers > 0.0 ? trend_first_kg(&model->trend, &of) : NAN;
    said.pickers = outlook.pickers;
    said.any = true;
    return said;
}

double pick_usual_each_kg(const struct pick_model *model)
{
    double sum = 0.0;
    unsigned known = 0;
    for (size_t i = 0; i < PICK_RECENT; i++) {
        double each = model->recent.kg[i] / model->recent.pickers[i];
        sum += isnan(each) ? 0.0 : chance_log(each);
        known += isnan(each) ? 0 : 1;
    }
    return known > 0 ? chance_exp(sum / known) : NAN;
}

static bool is_off(double value, double usual, double factor)
{
    return fabs(chance_log(value / usual)) > chance_log(factor); /* false for NaN */
}

/* Against the last picks, else against what hands can do; kg and crew as noted. */
static bool is_odd(const struct pick_model *model, double kg, double crew)
{
    double each_kg = pick_usual_each_kg(model);
    if (!isnan(crew) && !isnan(each_kg))
        return is_off(kg / crew, each_kg, ODD_FACTOR);
    if (!isnan(crew))
        return kg > PICKER_MOST_KG * crew || kg < PICKER_LEAST_KG * crew;
    return is_off(kg, known_mean(model->recent.kg, PICK_RECENT), ODD_KG_FACTOR);
}

const char *pick_doubt(const struct pick_known *known, double kg, double pickers)
{
    if (!(kg > 0.0))
        return NULL;
    if (kg > known->last_year_kg)
        return "more than all that was picked last season";
    if (kg > known->area_m2 * AREA_MOST_KG_M2)
        return "more than so much ground bears in a whole season";
    if (pickers > 0.0 && kg > pickers * PICKER_MOST_KG)
        return "more than so many hands can pick in a day";
    if (pickers > 0.0 && is_off(kg / pickers, known->usual_each_kg, DOOR_FACTOR))
        return "five times more or less a picker than in the last picks";
    bool unknown = !(pickers > 0.0) && isnan(known->last_year_kg) && isnan(known->area_m2);
    return unknown && kg > DOOR_MOST_KG ? "more than a plot gives in a day" : NULL;
}

/* A day on which some may have picked, but nobody noted how much. */
static void learn_without_kg(struct pick_model *model, const struct pick_day *day)
{
    double crew = known_crew(day->pickers);
    if (day->kg == 0.0 || (isnan(crew) && model->picked_days == 0))
        return;
    struct pick_outlook outlook = {.rain_chance = pick_rain_chance(day->rain_mm), .pickers = crew};
    if (isnan(crew))
        outlook.pickers = usual_crew(model);
    if (isnan(outlook.pickers)) /* never noted: about as many as the last kg speak of */
        outlook.pickers = model->recent.kg[0] / model->prior.picker_kg;
    if (!isnan(outlook.pickers))
        particles_guess(model, isnan(crew) ? GUESSED_SHARE : 1.0, &outlook);
}

/* false: the note is doubted; the day counts as one of which no kg were noted. */
static bool learn_kg(struct pick_model *model, const struct pick_day *day, const struct said *said)
{
    double booked = known_crew(day->booked), came = known_crew(day->pickers);
    double crew = isnan(came) ? booked : came; /* nobody noted who came: who was to */
    bool odd = is_odd(model, day->kg, crew);
    bool believed = particles_note(model, day->kg, crew, pick_rain_chance(day->rain_mm), odd);
    if (!believed) {
        struct pick_day doubted = *day;
        doubted.kg = NAN;
        learn_without_kg(model, &doubted);
        model->doubted_days = model->days + 1;
    } else {
        push(model->recent.kg, day->kg);
        push(model->recent.pickers, crew);
        struct trend_pick pick = {.kg = day->kg,
                                  .rain = pick_rain_chance(day->rain_mm),
                                  .pickers = crew,
                                  .booked = booked,
                                  .model_each_kg = NAN,
                                  .first_each_kg = NAN};
        if (said->any && said->pickers > 0.0) {
            pick.model_each_kg = said->ways.source[PICK_BY_MODEL] / said->pickers;
            pick.first_each_kg = said->first_kg / said->pickers;
        }
        trend_pick(&model->trend, &pick);
    }
    model->picked_days++;
    return believed;
}

/* A first pick with no winter before it: the plot has just been opened, whatever was summed up. */
static void assume_start(struct pick_model *model)
{
    model->thermal_time = fmax(model->thermal_time, model->prior.opening_cd);
    model->assumed_start = true;
}

static void grow(struct pick_model *model, const struct pick_day *day, bool picked)
{
    bool known = is_growth(day->growth_cd);
    double growth_cd = known ? day->growth_cd : usual_growth(model);
    growth_passing_add(&model->passing, day->mean_c);
    /* Warmth counts from the stable passing on: what came before another cold day does not. */
    bool back_to_cold = model->passing.run == 0 && day->mean_c < GROWTH_BASE_C;
    bool late = picked && model->picked_days == 0 && !model->passing.from_cold;
    if (late)
        assume_start(model);
    if (late || (!model->growing && (model->passing.passed || picked))) {
        particles_open(model);
        model->growing = true;
    }
    if (model->growing)
        particles_grow(model, growth_cd);
    else
        model->thermal_time = back_to_cold ? 0.0 : model->thermal_time + growth_cd;
    if (known)
        push(model->growth_cd, growth_cd);
}

/* Picked once, long ago, and it has been cold ever since: a note under a wrong date. */
static void forget_winter_pick(struct pick_model *model)
{
    if (model->assumed_start)
        model->thermal_time = 0.0;
    model->assumed_start = false;
    model->growing = false;
    model->picked_days = 0;
    forget_recent(model);
}

/* Three kilograms in order; false for NaN. */
static bool is_triple(const double kg[3])
{
    return kg[0] >= 0.0 && kg[0] <= kg[1] && kg[1] <= kg[2] && kg[2] <= PICK_KG_MAX;
}

void pick_learn(struct pick_model *model, const struct pick_day *day)
{
    bool picked = above_zero(day->kg, PICK_KG_MAX);
    struct said said = {.any = false};
    if (picked)
        said = recall(model, day);
    if (!isnan(day->shoots_m2)) {
        struct ready_held eve = held_now(model);
        ready_add(&model->ready, day->shoots_m2, model->prior.shoot_kg, model->prior.area_m2, &eve);
    }
    grow(model, day, picked);
    bool believed = picked && learn_kg(model, day, &said);
    if (believed)
        model->booked_share +=
            BOOKED_ALPHA * (!isnan(known_crew(day->booked)) - model->booked_share);
    if (believed && said.any) {
        bool kept = is_triple(day->said_kg);
        model->kept_days += kept;
        pick_record(model, &said.ways, kept ? day->said_kg : said.pick_kg, day->kg);
    }
    if (!picked && model->growing)
        learn_without_kg(model, day);
    ready_day(&model->ready, believed ? day->kg : 0.0);
    trend_day(&model->trend, is_growth(day->growth_cd) ? day->growth_cd : usual_growth(model),
              pick_rain_chance(day->rain_mm));
    if (model->picked_days > 0)
        particles_drift(model);
    model->rest_days = picked ? 0 : model->rest_days + 1;
    if (model->picked_days > 0 && model->rest_days >= PICK_REST_DAYS && !model->passing.passed)
        forget_winter_pick(model);
    model->missing_hours[model->days % PICK_GATE_DAYS] =
        (unsigned char)(day->missing_hours < GROWTH_HOURS ? day->missing_hours : GROWTH_HOURS);
    model->days++;
}

int pick_doubted_ago(const struct pick_model *model)
{
    return model->doubted_days == 0 ? -1 : (int)(model->days - model->doubted_days);
}

double pick_opened_cd(const struct pick_day *days, int count)
{
    struct growth_passing passing = {.passed = false};
    double sum_cd = 0.0, last_cd = 0.0;
    int unknown = 0;
    for (int i = 0; i < count; i++) {
        if (above_zero(days[i].kg, PICK_KG_MAX))
            return unknown * 5 <= i && passing.from_cold ? sum_cd : NAN;
        growth_passing_add(&passing, days[i].mean_c);
        bool known = is_growth(days[i].growth_cd);
        unknown += !known;
        last_cd = known ? days[i].growth_cd : last_cd;
        bool back_to_cold = !passing.passed && passing.run == 0 && days[i].mean_c < GROWTH_BASE_C;
        sum_cd = back_to_cold ? 0.0 : sum_cd + last_cd;
    }
    return NAN;
}
