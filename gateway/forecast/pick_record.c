/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/pick_record.h"
#include "gateway/forecast/pick_score.h"

#define RULE_MARGIN 1.25 /* a rule must be so much better than the trend, not by luck */
#define NEAR_SHARE  0.25 /* of a mean pick: "right" */

const char *pick_rule_name(enum pick_rule rule)
{
    static const char *const names[PICK_RULE_COUNT] = {"last", "mean", "picker", "norm"};
    return (unsigned)rule < PICK_RULE_COUNT ? names[rule] : "";
}

static double mean_error(const struct pick_errors *errors)
{
    return errors->days ? errors->sum / errors->days : NAN;
}

static void count_error(struct pick_errors *errors, double said_kg, double kg)
{
    if (isnan(said_kg))
        return;
    double error = fabs(said_kg - kg);
    errors->sum += error;
    errors->days++;
}

static double recent_kg(const struct pick_recent *recent)
{
    double sum = 0.0;
    unsigned count = 0;
    for (; count < PICK_RECENT && !isnan(recent->kg[count]); count++)
        sum += recent->kg[count];
    return count ? sum / count : NAN;
}

/* PICK_RULE_COUNT: none has been judged. */
static enum pick_rule best_rule(const struct pick_model *model)
{
    enum pick_rule best = PICK_RULE_COUNT;
    for (unsigned i = 0; i < PICK_RULE_COUNT; i++) {
        double error = mean_error(&model->rule[i]);
        if (!isnan(error) && (best == PICK_RULE_COUNT || error < mean_error(&model->rule[best])))
            best = (enum pick_rule)i;
    }
    return best;
}

struct pick_ways pick_ways(const struct pick_model *model, double model_kg, double trend_kg,
                           double pickers)
{
    struct pick_ways ways;
    enum pick_rule best = best_rule(model);
    bool picked = model->trend.picks > 0;
    ways.rule[PICK_RULE_LAST] = model->recent.kg[0];
    ways.rule[PICK_RULE_MEAN] = recent_kg(&model->recent);
    ways.rule[PICK_RULE_PICKER] = picked ? chance_exp(model->trend.each_ln) * pickers : NAN;
    ways.rule[PICK_RULE_NORM] = TREND_NORM_KG * pickers;
    ways.source[PICK_BY_MODEL] = model_kg;
    ways.source[PICK_BY_TREND] = trend_kg;
    ways.source[PICK_BY_RULE] = best < PICK_RULE_COUNT ? ways.rule[best] : NAN;
    return ways;
}

enum pick_source pick_choose(const struct pick_model *model, const struct pick_ways *ways,
                             double pick_kg[3])
{
    double rule_kg = ways->source[PICK_BY_RULE];
    double rule = mean_error(&model->source[PICK_BY_RULE]);
    double trend = mean_error(&model->source[PICK_BY_TREND]);
    bool better = model->source[PICK_BY_RULE].days >= PICK_LEARNING_DAYS &&
                  rule * RULE_MARGIN < trend && !isnan(rule_kg);
    if (!better)
        return PICK_BY_TREND;
    double factor = pick_kg[1] > 0.0 ? rule_kg / pick_kg[1] : 1.0;
    for (size_t i = 0; i < 3; i++)
        pick_kg[i] *= factor;
    return PICK_BY_RULE;
}

void pick_record(struct pick_model *model, const struct pick_ways *ways, const double shown_kg[3],
                 double kg)
{
    for (size_t i = 0; i < PICK_RULE_COUNT; i++)
        count_error(&model->rule[i], ways->rule[i], kg);
    for (size_t i = 0; i < PICK_SOURCE_COUNT; i++)
        count_error(&model->source[i], ways->source[i], kg);
    count_error(&model->shown, shown_kg[1], kg);
    model->covered += kg >= shown_kg[0] && kg <= shown_kg[2];
    if (model->shown.days <= PICK_SCORED_MOST)
        model->miss_kg[model->shown.days - 1] = fabs(shown_kg[1] - kg);
    model->scored_kg += kg;
}

void pick_score(const struct pick_model *model, struct pick_score *score)
{
    const struct pick_errors *shown = &model->shown;
    *score = (struct pick_score){.days = shown->days,
                                 .mae_kg = mean_error(shown),
                                 .kept_days = model->kept_days,
                                 .near_kg = NAN,
                                 .best_rule = best_rule(model)};
    if (shown->days > 0)
        score->near_kg = NEAR_SHARE * model->scored_kg / shown->days;
    for (unsigned i = 0; i < shown->days && i < PICK_SCORED_MOST; i++)
        score->near_days += model->miss_kg[i] <= score->near_kg;
    for (size_t i = 0; i < PICK_RULE_COUNT; i++)
        score->rule_mae_kg[i] = mean_error(&model->rule[i]);
    double best = score->best_rule < PICK_RULE_COUNT ? score->rule_mae_kg[score->best_rule] : NAN;
    for (size_t i = 0; i < PICK_SOURCE_COUNT; i++)
        score->source_mae_kg[i] = mean_error(&model->source[i]);
    score->coverage = shown->days ? (double)model->covered / shown->days : NAN;
    score->skill = best > 0.0 ? 1.0 - score->mae_kg / best : NAN;
}
