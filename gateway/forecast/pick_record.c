/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/pick_record.h"

#define ERROR_LEAST_KG 1e-3 /* so that a lucky week does not divide by zero */

static double mean_error(const struct pick_errors *errors)
{
    return errors->days ? errors->sum / errors->days : NAN;
}

static double recent_error(const struct pick_errors *errors)
{
    unsigned count = errors->days < PICK_ERRORS ? errors->days : PICK_ERRORS;
    double sum = 0.0;
    for (unsigned i = 0; i < count; i++)
        sum += errors->last[i];
    return count ? sum / count : NAN;
}

static void count_error(struct pick_errors *errors, double said_kg, double kg)
{
    if (isnan(said_kg))
        return;
    double error = fabs(said_kg - kg);
    errors->sum += error;
    errors->last[errors->days % PICK_ERRORS] = error;
    errors->days++;
}

/* The last pick whose crew was noted, for tomorrow's crew. */
static double by_picker(const struct pick_recent *recent, double pickers)
{
    for (size_t i = 0; i < PICK_RECENT; i++)
        if (!isnan(recent->kg[i]) && !isnan(recent->pickers[i]))
            return recent->kg[i] / recent->pickers[i] * pickers;
    return NAN;
}

static double recent_kg(const struct pick_recent *recent)
{
    double sum = 0.0;
    unsigned count = 0;
    for (; count < PICK_RECENT && !isnan(recent->kg[count]); count++)
        sum += recent->kg[count];
    return count ? sum / count : NAN;
}

static double trust(const struct pick_errors *errors)
{
    double error = recent_error(errors) + ERROR_LEAST_KG;
    return isnan(error) ? 1.0 : 1.0 / (error * error);
}

struct pick_ways pick_ways(const struct pick_model *model, double model_kg, double pickers)
{
    struct pick_ways ways;
    double each = by_picker(&model->recent, pickers);
    ways.baseline[0] = model->recent.kg[0];
    ways.baseline[1] = recent_kg(&model->recent);
    ways.baseline[2] = each;
    ways.source[PICK_BY_MODEL] = model_kg;
    ways.source[PICK_BY_PER_PICKER] = each;
    double a = trust(&model->source[PICK_BY_MODEL]);
    double b = trust(&model->source[PICK_BY_PER_PICKER]);
    ways.source[PICK_BY_BLEND] = (a * model_kg + b * each) / (a + b);
    return ways;
}

static enum pick_source best_source(const struct pick_model *model)
{
    if (model->shown.days < PICK_LEARNING_DAYS)
        return PICK_BY_BLEND;
    enum pick_source best = PICK_BY_MODEL;
    for (int i = PICK_BY_MODEL + 1; i < PICK_SOURCE_COUNT; i++)
        if (mean_error(&model->source[i]) < mean_error(&model->source[best]))
            best = (enum pick_source)i;
    return best;
}

enum pick_source pick_choose(const struct pick_model *model, const struct pick_ways *ways,
                             double pick_kg[3])
{
    enum pick_source by = best_source(model);
    if (isnan(ways->source[by]))
        return PICK_BY_MODEL;
    double factor = pick_kg[1] > 0.0 ? ways->source[by] / pick_kg[1] : 1.0;
    for (size_t i = 0; i < 3; i++)
        pick_kg[i] *= factor;
    return by;
}

void pick_record(struct pick_model *model, const struct pick_ways *ways, const double shown_kg[3],
                 double kg)
{
    for (size_t i = 0; i < sizeof model->baseline / sizeof model->baseline[0]; i++)
        count_error(&model->baseline[i], ways->baseline[i], kg);
    for (size_t i = 0; i < PICK_SOURCE_COUNT; i++)
        count_error(&model->source[i], ways->source[i], kg);
    count_error(&model->shown, shown_kg[1], kg);
    model->covered += kg >= shown_kg[0] && kg <= shown_kg[2];
}

void pick_score(const struct pick_model *model, struct pick_score *score)
{
    const struct pick_errors *shown = &model->shown;
    double best = NAN;
    *score = (struct pick_score){.days = shown->days, .mae_kg = mean_error(shown)};
    for (size_t i = 0; i < sizeof model->baseline / sizeof model->baseline[0]; i++) {
        score->baseline_mae_kg[i] = mean_error(&model->baseline[i]);
        best = fmin(best, score->baseline_mae_kg[i]); /* passes over NaN */
    }
    for (size_t i = 0; i < PICK_SOURCE_COUNT; i++)
        score->source_mae_kg[i] = mean_error(&model->source[i]);
    score->coverage = shown->days ? (double)model->covered / shown->days : NAN;
    score->skill = best > 0.0 ? 1.0 - score->mae_kg / best : NAN;
}
