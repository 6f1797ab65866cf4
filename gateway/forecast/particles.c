/* SPDX-License-Identifier: Apache-2.0 */
/* A bootstrap particle filter (Gordon, Salmond & Smith 1993) with systematic resampling (Kitagawa
 * 1996) when the effective sample size falls below half, and a jitter that keeps resampled
 * particles apart. What needs an exp is computed for all particles at once, which takes half of
 * the time; their arrays are 8 kB each, on the stack. */
#include "gateway/forecast/particles.h"

#include <math.h>
#include <string.h>

#define OPENING_LOGIT 2.944 /* ln(0.95 / 0.05): picking opens when 5 % are ready */
#define FINDABLE      0.92  /* share of the ready shoots that a crew finds */
#define OUTGROWN_CD   170.0 /* thermal time in which a ready shoot outgrows the standard */
#define SPARSE        0.012 /* stock at which a picker spends half of the time looking */
#define RAIN_FACTOR   0.85
#define LEFT_LEAST    0.002 /* share of the season that is always still somewhere */
#define NOTE_SIGMA    0.30  /* of ln kg: weather, weighing, who came */
#define PICK_SIGMA    0.22
#define NOTE_ODD      5.0 /* sigmas from the nearest particle: a slip, or a wrong prior */
#define NOTE_FAR      8.0
#define TAIL_EVERY    5   /* one particle of so many allows for ... */
#define TAIL_WIDTH    3.0 /* ... so much more error in the season's kg: owners misremember */
#define LEVEL_KEPT    0.8
#define LEVEL_SIGMA   0.05

static double least_of(double a, double b)
{
    return a < b ? a : b;
}

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Of each particle: the share that is ready. `thermal_time`: of each, replaced by it. */
static void shares_ready(const struct pick_model *model, double thermal_time[PICK_PARTICLES])
{
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        thermal_time[i] = -(thermal_time[i] - p->mu) / p->s;
    }
    chance_exp_each(thermal_time, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        thermal_time[i] = 1.0 / (1.0 + thermal_time[i]);
}

static void shares_now(const struct pick_model *model, double shares[PICK_PARTICLES])
{
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        shares[i] = model->thermal_time;
    shares_ready(model, shares);
}

/* Keeps what chance or a stretch moved inside what a tea garden can be, and numbers finite. */
static void limit(struct pick_particle *p)
{
    p->mu = between(p->mu, 0.0, 1500.0);
    p->s = between(p->s, 5.0, 200.0);
    p->season_kg = between(p->season_kg, 1e-3, 1e8);
    p->picker_kg = between(p->picker_kg, 0.05, 50.0);
    p->stock_kg = between(p->stock_kg, LEFT_LEAST * p->season_kg, p->season_kg);
    p->level = between(p->level, -1.0, 1.0);
}

static double spread(struct chance *chance, double ln_sd)
{
    return chance_exp(ln_sd * chance_normal(chance));
}

void particles_begin(struct pick_model *model)
{
    const struct pick_prior *prior = &model->prior;
    struct chance *chance = &model->chance;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        *p = (struct pick_particle){.weight = 1.0 / PICK_PARTICLES};
        p->s = prior->spread_cd * spread(chance, prior->spread_ln_sd);
        p->mu = prior->opening_cd * spread(chance, prior->opening_ln_sd) + OPENING_LOGIT * p->s;
        double season_ln_sd = prior->season_ln_sd * (i % TAIL_EVERY ? 1.0 : TAIL_WIDTH);
        p->season_kg = prior->season_kg * spread(chance, season_ln_sd);
        p->picker_kg = prior->picker_kg * spread(chance, prior->picker_ln_sd);
        limit(p);
    }
}

void particles_open(struct pick_model *model)
{
    double ready[PICK_PARTICLES];
    shares_now(model, ready);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->ready = ready[i];
        p->stock_kg = p->season_kg * p->ready;
        limit(p);
    }
}

/* The stock when `ready` has become `then`. */
static double grown_stock(const struct pick_particle *p, double then, double growth_cd)
{
    double kept = 1.0 - growth_cd / OUTGROWN_CD;
    return (p->stock_kg + p->season_kg * (then - p->ready)) * kept;
}

void particles_grow(struct pick_model *model, double growth_cd)
{
    double ready[PICK_PARTICLES];
    model->thermal_time += growth_cd;
    shares_now(model, ready);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->stock_kg = grown_stock(p, ready[i], growth_cd);
        p->ready = ready[i];
        limit(p);
    }
}

/* Of each particle: e to its level. */
static void levels(const struct pick_model *model, double level[PICK_PARTICLES])
{
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        level[i] = model->particles[i].level;
    chance_exp_each(level, PICK_PARTICLES);
}

/* What a crew takes from a stock on a middling day. */
static double pick_of(const struct pick_particle *p, double stock_kg, double pickers, double rain,
                      double level)
{
    double density = stock_kg / p->season_kg;
    double each = p->picker_kg * density / (density + SPARSE) * (1.0 - rain * (1.0 - RAIN_FACTOR));
    return least_of(FINDABLE * stock_kg, pickers * each) * level;
}

/* How many sigmas the note lies from what each particle expects; its sign tells which way. */
static void note_distances(const struct pick_model *model, double kg, double pickers, double rain,
                           double z[PICK_PARTICLES])
{
    double level[PICK_PARTICLES];
    levels(model, level);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        double most = FINDABLE * p->stock_kg * level[i];
        if (isnan(pickers)) /* of so little it says nothing: ln 1 is 0 */
            z[i] = kg <= most ? 1.0 : kg / most;
        else
            z[i] = kg / fmax(pick_of(p, p->stock_kg, pickers, rain, level[i]), 1e-3);
    }
    chance_log_each(z, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        z[i] /= NOTE_SIGMA;
}

static void take(struct pick_particle *p, double kg)
{
    p->stock_kg -= kg;
    limit(p);
}

static void normalise(struct pick_model *model)
{
    double sum = 0.0;
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        sum += model->particles[i].weight;
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        model->particles[i].weight /= sum;
}

/* The prior was far off (kg for another plot, a season ten times as good): towards the notes. */
static void stretch(struct pick_model *model, double direction)
{
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        double factor = chance_exp(direction + 0.5 * chance_normal(&model->chance));
        p->season_kg *= factor;
        p->stock_kg *= factor;
        p->picker_kg *= spread(&model->chance, 0.3);
        limit(p);
    }
}

bool particles_note(struct pick_model *model, double kg, double pickers, double rain_chance,
                    bool odd)
{
    double nearest = HUGE_VAL, z[PICK_PARTICLES], likely[PICK_PARTICLES];
    note_distances(model, kg, pickers, rain_chance, z);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        nearest = fabs(z[i]) < fabs(nearest) ? z[i] : nearest;
    bool far = fabs(nearest) > NOTE_ODD;
    model->odd_notes = far || odd ? model->odd_notes + 1 : 0;
    if (model->odd_notes == 1)
        return false;
    if (far)
        stretch(model, nearest > 0.0 ? 1.0 : -1.0);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        double near = least_of(fabs(z[i]), NOTE_FAR);
        likely[i] = -0.5 * near * near;
    }
    chance_exp_each(likely, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        if (!far)
            model->particles[i].weight *= likely[i];
        take(&model->particles[i], kg);
    }
    normalise(model);
    return true;
}

void particles_guess(struct pick_model *model, double share, const struct pick_outlook *outlook)
{
    double level[PICK_PARTICLES], noise[PICK_PARTICLES];
    bool picks[PICK_PARTICLES];
    levels(model, level);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        picks[i] = chance_uniform(&model->chance) < share;
        noise[i] = picks[i] ? PICK_SIGMA * chance_normal(&model->chance) : 0.0;
    }
    chance_exp_each(noise, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        double kg = pick_of(p, p->stock_kg, outlook->pickers, outlook->rain_chance, level[i]);
        if (picks[i])
            take(p, kg * noise[i]);
    }
}

/* Systematic resampling in place: those drawn more than once overwrite those not drawn. */
static void resample(struct pick_model *model)
{
    double offset = chance_uniform(&model->chance);
    double sum = 0.0;
    double drawn = 0.0; /* of the places (k + offset) / PICK_PARTICLES, those below sum */
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        sum += model->particles[i].weight;
        double until = ceil(sum * PICK_PARTICLES - offset);
        model->scratch[i].value = until - drawn; /* times that this one is drawn */
        drawn = until;
    }
    size_t rich = 0;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        if (model->scratch[i].value >= 1.0)
            continue;
        while (rich < PICK_PARTICLES && model->scratch[rich].value < 2.0)
            rich++;
        if (rich == PICK_PARTICLES)
            break; /* rounding: one drawn too few; this one stays */
        model->scratch[rich].value -= 1.0;
        model->particles[i] = model->particles[rich];
    }
}

static void jitter(struct pick_model *model)
{
    struct chance *chance = &model->chance;
    double s[PICK_PARTICLES], season[PICK_PARTICLES], picker[PICK_PARTICLES];
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        model->particles[i].mu += 3.0 * chance_normal(chance);
        s[i] = 0.04 * chance_normal(chance);
        season[i] = 0.06 * chance_normal(chance);
        picker[i] = 0.04 * chance_normal(chance);
    }
    chance_exp_each(s, PICK_PARTICLES);
    chance_exp_each(season, PICK_PARTICLES);
    chance_exp_each(picker, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->weight = 1.0 / PICK_PARTICLES;
        p->s *= s[i];
        p->season_kg *= season[i];
        p->picker_kg *= picker[i];
        limit(p);
    }
    shares_now(model, s);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        model->particles[i].ready = s[i];
}

void particles_drift(struct pick_model *model)
{
    double squares = 0.0;
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        squares += model->particles[i].weight * model->particles[i].weight;
    if (squares * PICK_PARTICLES > 2.0) { /* 1 / squares: the effective sample size */
        resample(model);
        jitter(model);
    }
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->level = LEVEL_KEPT * p->level + LEVEL_SIGMA * chance_normal(&model->chance);
        limit(p);
    }
}

/* As the values are ordered, those below 0, too. */
static uint64_t order_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

/* By one byte of their order after the other, the last first. No heap memory, which qsort() may
 * take, the same order with every C library, and no branch that a processor can guess wrong. */
static void sort(struct pick_sample samples[PICK_PARTICLES])
{
    struct pick_sample room[PICK_PARTICLES], *from = samples, *to = room;
    for (unsigned shift = 0; shift < 64; shift += 8) { /* eight times: the last one to `samples` */
        unsigned place[256] = {0}, before = 0;
        for (size_t i = 0; i < PICK_PARTICLES; i++)
            place[order_of(from[i].value) >> shift & 255]++;
        for (size_t digit = 0; digit < 256; digit++) {
            unsigned count = place[digit];
            place[digit] = before;
            before += count;
        }
        for (size_t i = 0; i < PICK_PARTICLES; i++)
            to[place[order_of(from[i].value) >> shift & 255]++] = from[i];
        struct pick_sample *sorted = to;
        to = from;
        from = sorted;
    }
}

/* 10, 50 and 90 % of the scratch memory, which it sorts. */
static void percentiles(struct pick_model *model, double out[3])
{
    static const double wanted[3] = {0.1, 0.5, 0.9};
    sort(model->scratch);
    double sum = 0.0;
    size_t k = 0;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        sum += model->scratch[i].weight;
        while (k < 3 && sum >= wanted[k])
            out[k++] = model->scratch[i].value;
    }
    while (k < 3)
        out[k++] = model->scratch[PICK_PARTICLES - 1].value;
}

/* Draws of tomorrow's stock. `growth_ln`: how far off the growth may be, replaced by the stock. */
static void draw_stocks(const struct pick_model *model, const struct pick_outlook *outlook,
                        double growth_ln[PICK_PARTICLES])
{
    double then[PICK_PARTICLES], *growth_cd = growth_ln;
    chance_exp_each(growth_ln, PICK_PARTICLES);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        growth_cd[i] = least_of(outlook->growth_cd * growth_ln[i], PICK_GROWTH_MAX_CD);
        then[i] = model->thermal_time + growth_cd[i];
    }
    shares_ready(model, then);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        growth_ln[i] = grown_stock(&model->particles[i], then[i], growth_cd[i]);
}

void particles_foresee_ready(struct pick_model *model, const struct pick_outlook *outlook,
                             struct chance *chance, double ready_kg[3])
{
    double stock_kg[PICK_PARTICLES];
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        stock_kg[i] = outlook->growth_doubt * chance_normal(chance);
    draw_stocks(model, outlook, stock_kg);
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        model->scratch[i] = (struct pick_sample){stock_kg[i], model->particles[i].weight};
    percentiles(model, ready_kg);
}

void particles_foresee_pick(struct pick_model *model, const struct pick_outlook *outlook,
                            struct chance *chance, double pick_kg[3])
{
    double stock_kg[PICK_PARTICLES], rain[PICK_PARTICLES], pickers[PICK_PARTICLES];
    double noise[PICK_PARTICLES], level[PICK_PARTICLES];
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        stock_kg[i] = outlook->growth_doubt * chance_normal(chance);
        rain[i] = chance_uniform(chance) < outlook->rain_chance ? 1.0 : 0.0;
        pickers[i] = outlook->pickers_doubt * chance_normal(chance);
        noise[i] = PICK_SIGMA * chance_normal(chance);
    }
    draw_stocks(model, outlook, stock_kg);
    chance_exp_each(pickers, PICK_PARTICLES);
    chance_exp_each(noise, PICK_PARTICLES);
    levels(model, level);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        double came = outlook->pickers * pickers[i];
        double kg = pick_of(p, stock_kg[i], came, rain[i], level[i]) * noise[i];
        model->scratch[i] = (struct pick_sample){kg, p->weight};
    }
    percentiles(model, pick_kg);
}

double particles_share_ready(const struct pick_model *model)
{
    double sum = 0.0;
    for (size_t i = 0; i < PICK_PARTICLES; i++)
        sum += model->particles[i].weight * model->particles[i].ready;
    return fmin(sum, 1.0);
}

double particles_share_left(const struct pick_model *model)
{
    double sum = 0.0;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        sum += p->weight * p->stock_kg / p->season_kg;
    }
    return sum;
}

struct pick_particle particles_mean(const struct pick_model *model)
{
    struct pick_particle mean = {.weight = 1.0};
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        mean.mu += p->weight * p->mu;
        mean.s += p->weight * p->s;
        mean.season_kg += p->weight * p->season_kg;
        mean.picker_kg += p->weight * p->picker_kg;
        mean.stock_kg += p->weight * p->stock_kg;
        mean.level += p->weight * p->level;
    }
    return mean;
}
