/* SPDX-License-Identifier: Apache-2.0 */
/* A bootstrap particle filter (Gordon, Salmond & Smith 1993) with systematic resampling (Kitagawa
 * 1996) when the effective sample size falls below half, and a jitter that keeps resampled
 * particles apart. */
#include "gateway/forecast/particles.h"

#include <math.h>

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

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double share_ready(const struct pick_particle *p, double thermal_time)
{
    return 1.0 / (1.0 + chance_exp(-(thermal_time - p->mu) / p->s));
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
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->ready = share_ready(p, model->thermal_time);
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
    model->thermal_time += growth_cd;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        double then = share_ready(p, model->thermal_time);
        p->stock_kg = grown_stock(p, then, growth_cd);
        p->ready = then;
        limit(p);
    }
}

/* What a crew takes from a stock on a middling day. */
static double pick_of(const struct pick_particle *p, double stock_kg, double pickers, double rain)
{
    double density = stock_kg / p->season_kg;
    double each = p->picker_kg * density / (density + SPARSE) * (1.0 - rain * (1.0 - RAIN_FACTOR));
    return fmin(FINDABLE * stock_kg, pickers * each) * chance_exp(p->level);
}

/* How many sigmas the note lies from what the particle expects; its sign tells which way. */
static double note_distance(const struct pick_particle *p, double kg, double pickers, double rain)
{
    if (isnan(pickers)) {
        double most = FINDABLE * p->stock_kg * chance_exp(p->level);
        return kg <= most ? 0.0 : chance_log(kg / most) / NOTE_SIGMA;
    }
    double expected = fmax(pick_of(p, p->stock_kg, pickers, rain), 1e-3);
    return chance_log(kg / expected) / NOTE_SIGMA;
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
    double nearest = HUGE_VAL;
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        double z = note_distance(&model->particles[i], kg, pickers, rain_chance);
        model->scratch[i].value = z;
        nearest = fabs(z) < fabs(nearest) ? z : nearest;
    }
    bool far = fabs(nearest) > NOTE_ODD;
    model->odd_notes = far || odd ? model->odd_notes + 1 : 0;
    if (model->odd_notes == 1)
        return false;
    if (far)
        stretch(model, nearest > 0.0 ? 1.0 : -1.0);
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        double z = fmin(fabs(model->scratch[i].value), NOTE_FAR);
        if (!far)
            model->particles[i].weight *= chance_exp(-0.5 * z * z);
        take(&model->particles[i], kg);
    }
    normalise(model);
    return true;
}

void particles_guess(struct pick_model *model, double share, const struct pick_outlook *outlook)
{
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        if (chance_uniform(&model->chance) >= share)
            continue;
        double kg = pick_of(p, p->stock_kg, outlook->pickers, outlook->rain_chance);
        take(p, kg * spread(&model->chance, PICK_SIGMA));
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
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        struct pick_particle *p = &model->particles[i];
        p->weight = 1.0 / PICK_PARTICLES;
        p->mu += 3.0 * chance_normal(chance);
        p->s *= spread(chance, 0.04);
        p->season_kg *= spread(chance, 0.06);
        p->picker_kg *= spread(chance, 0.04);
        limit(p);
        p->ready = share_ready(p, model->thermal_time);
    }
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

static void sift(struct pick_sample *heap, size_t root, size_t count)
{
    struct pick_sample moved = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child].value < heap[child + 1].value)
            child++;
        if (moved.value >= heap[child].value)
            break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

/* Heapsort: no heap memory, which qsort() may take, and the same order with every C library. */
static void sort(struct pick_sample *samples, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(samples, i, count);
    for (size_t end = count - 1; end > 0; end--) {
        struct pick_sample largest = samples[0];
        samples[0] = samples[end];
        samples[end] = largest;
        sift(samples, 0, end);
    }
}

/* 10, 50 and 90 % of the scratch memory, which it sorts. */
static void percentiles(struct pick_model *model, double out[3])
{
    static const double wanted[3] = {0.1, 0.5, 0.9};
    sort(model->scratch, PICK_PARTICLES);
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

/* One draw of tomorrow's stock. */
static double draw_stock(const struct pick_model *model, const struct pick_particle *p,
                         const struct pick_outlook *outlook, struct chance *chance)
{
    double growth_cd = outlook->growth_cd * spread(chance, outlook->growth_doubt);
    growth_cd = fmin(growth_cd, PICK_GROWTH_MAX_CD);
    return grown_stock(p, share_ready(p, model->thermal_time + growth_cd), growth_cd);
}

void particles_foresee_ready(struct pick_model *model, const struct pick_outlook *outlook,
                             struct chance *chance, double ready_kg[3])
{
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        double stock_kg = draw_stock(model, p, outlook, chance);
        model->scratch[i] = (struct pick_sample){stock_kg, p->weight};
    }
    percentiles(model, ready_kg);
}

void particles_foresee_pick(struct pick_model *model, const struct pick_outlook *outlook,
                            struct chance *chance, double pick_kg[3])
{
    for (size_t i = 0; i < PICK_PARTICLES; i++) {
        const struct pick_particle *p = &model->particles[i];
        double stock_kg = draw_stock(model, p, outlook, chance);
        double rain = chance_uniform(chance) < outlook->rain_chance ? 1.0 : 0.0;
        double pickers = outlook->pickers * spread(chance, outlook->pickers_doubt);
        double kg = pick_of(p, stock_kg, pickers, rain) * spread(chance, PICK_SIGMA);
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
