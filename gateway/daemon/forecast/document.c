/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/forecast/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocols/mqtt/json.h"

#define SENT_LEAST_MS (5 * TEA_HOUR_MS / 2)  /* the third look: it is not to the second */
#define SENT_MOST_MS  (11 * TEA_HOUR_MS / 2) /* the sixth; app and screen take a day's for old */

/* So many digits behind the point; no number: null. */
static void put_number(struct json_out *o, const char *name, double value, unsigned decimals)
{
    json_out_key(o, name);
    if (isfinite(value) && fabs(value) < 1e9)
        json_out_decimal(o, llround(value * pow(10, decimals)), decimals);
    else
        json_out_null(o);
}

static void put_text_or_null(struct json_out *o, const char *name, const char *text)
{
    json_out_key(o, name);
    if (text[0] != '\0')
        json_out_string(o, text);
    else
        json_out_null(o);
}

/* What is missing, or what a level comes from; the Chinese only where there is some. */
static void put_whys(struct json_out *o, const char *why, const char *why_zh)
{
    put_text_or_null(o, "why", why);
    if (why_zh[0] == '\0')
        return;
    json_out_key_string(o, "why_zh", why_zh);
}

/* 10, 50 and 90 %, in that order also where rounding meets; null when one is missing. */
static void put_triple(struct json_out *o, const char *name, const double triple[3])
{
    json_out_key(o, name);
    if (!isfinite(triple[0]) || !isfinite(triple[1]) || !isfinite(triple[2])) {
        json_out_null(o);
        return;
    }
    json_out_open(o, '[');
    for (int i = 0; i < 3; i++)
        json_out_decimal(o, llround(fmax(0, fmin(triple[i], 1e6)) * 10), 1);
    json_out_close(o, ']');
}

static void put_score(struct json_out *o, const struct pick_score *score)
{
    json_out_key(o, "score");
    json_out_open(o, '{');
    json_out_key_unsigned(o, "days", score->days);
    put_number(o, "mae_kg", score->mae_kg, 1);
    put_number(o, "skill", score->skill, 2);
    put_number(o, "coverage", score->coverage, 2);
    json_out_key_unsigned(o, "kept_days", score->kept_days);
    put_number(o, "near_kg", score->near_kg, 1);
    json_out_key_unsigned(o, "near_days", score->near_days);
    put_text_or_null(o, "rule", pick_rule_name(score->best_rule));
    put_number(o, "rule_mae_kg",
               score->best_rule < PICK_RULE_COUNT ? score->rule_mae_kg[score->best_rule] : NAN, 1);
    json_out_close(o, '}');
}

/* What the best rule of this season says of tomorrow, beside the forecast; and whose pick_kg is. */
static void put_rule(struct json_out *o, const struct pick_estimate *estimate,
                     const struct pick_score *score)
{
    bool given = isfinite(estimate->pick_kg[1]);
    put_number(o, "rule_kg",
               score->best_rule < PICK_RULE_COUNT ? estimate->rule_kg[score->best_rule] : NAN, 1);
    put_text_or_null(o, "by", !given ? "" : estimate->by == PICK_BY_RULE ? "rule" : "forecast");
}

static void put_plots(struct json_out *o, const struct config *config,
                      const struct outlook *outlooks)
{
    json_out_key(o, "plots");
    json_out_open(o, '{');
    for (uint16_t i = 0; i < config->plot_count; i++) {
        const struct pick_estimate *estimate = &outlooks[i].estimate;
        json_out_key(o, config->plots[i].name);
        json_out_open(o, '{');
        put_number(o, "thermal_time", estimate->thermal_time, 1);
        put_number(o, "share_ready", estimate->share_ready, 2);
        put_number(o, "share_spread", estimate->spread_cd, 1);
        put_triple(o, "ready_kg", estimate->counted_kg); /* without a count it is off by two */
        put_triple(o, "pick_kg", estimate->pick_kg);
        put_rule(o, estimate, &outlooks[i].score);
        put_number(o, "pickers", NAN, 0);
        put_number(o, "booked", outlooks[i].booked, 0);
        put_whys(o, outlooks[i].why, outlooks[i].why_zh);
        put_score(o, &outlooks[i].score);
        json_out_close(o, '}');
    }
    json_out_close(o, '}');
}

/* Behind the plot's label where there are several. */
static void put_why(struct json_out *o, const struct config *config, uint16_t plot, const char *why,
                    const char *why_zh)
{
    char text[300], text_zh[300];
    const struct plot_config *of = &config->plots[plot];
    const char *label = of->label[0] != '\0' ? of->label : of->name;
    bool several = config->plot_count > 1;
    (void)snprintf(text, sizeof text, "%s%s%s", several ? label : "", several ? ": " : "", why);
    (void)snprintf(text_zh, sizeof text_zh, "%s%s%s", several ? label : "", several ? "：" : "",
                   why_zh);
    put_whys(o, text, why_zh[0] != '\0' ? text_zh : "");
}

int document_frost_plot(const struct config *config, const struct outlook *outlooks)
{
    int worst = -1;
    for (uint16_t i = 0; i < config->plot_count; i++) {
        const struct frost *frost = &outlooks[i].frost;
        const struct frost *so_far = worst >= 0 ? &outlooks[worst].frost : NULL;
        if (frost->level == FROST_UNKNOWN)
            continue;
        if (so_far == NULL || frost->level > so_far->level ||
            (frost->level == so_far->level && frost->min_c < so_far->min_c))
            worst = i;
    }
    return worst;
}

static void put_frost(struct json_out *o, const struct config *config,
                      const struct outlook *outlooks)
{
    int plot = document_frost_plot(config, outlooks);
    json_out_key(o, "frost");
    if (plot < 0) { /* no all-clear without a thermometer */
        json_out_null(o);
        return;
    }
    const struct frost *frost = &outlooks[plot].frost;
    json_out_open(o, '{');
    json_out_key_string(o, "level", frost_level_name(frost->level));
    put_number(o, "min_c", frost->min_c, 1);
    json_out_key(o, "at");
    if (frost->at_ms != 0)
        json_out_integer(o, frost->at_ms);
    else
        json_out_null(o);
    json_out_key(o, "range_c");
    if (isfinite(frost->range_c[0]) && isfinite(frost->range_c[1])) {
        json_out_open(o, '[');
        json_out_decimal(o, llround(frost->range_c[0] * 10), 1);
        json_out_decimal(o, llround(frost->range_c[1] * 10), 1);
        json_out_close(o, ']');
    } else {
        json_out_null(o);
    }
    put_number(o, "chance_alarm", frost->chance_alarm, 2);
    put_why(o, config, (uint16_t)plot, frost->why, frost->why_zh);
    json_out_close(o, '}');
}

/* Of each disease the plot that it threatens most. One of which nothing is known is left out: a
 * level would be an all-clear, and there is none that says so. */
static void put_diseases(struct json_out *o, const struct config *config,
                         const struct outlook *outlooks)
{
    json_out_key(o, "disease");
    json_out_open(o, '[');
    for (int kind = 0; kind < DISEASE_COUNT; kind++) {
        int worst = -1;
        for (uint16_t i = 0; i < config->plot_count; i++) {
            const struct disease *disease = &outlooks[i].diseases[kind];
            const struct disease *so_far = worst >= 0 ? &outlooks[worst].diseases[kind] : NULL;
            if (disease->level != DISEASE_UNKNOWN &&
                (so_far == NULL || disease->level > so_far->level ||
                 (disease->level == so_far->level && disease->share > so_far->share)))
                worst = i;
        }
        if (worst < 0)
            continue;
        const struct disease *disease = &outlooks[worst].diseases[kind];
        json_out_open(o, '{');
        json_out_key_string(o, "name", disease_name((enum disease_kind)kind));
        json_out_key_string(o, "level", disease_level_name(disease->level));
        put_why(o, config, (uint16_t)worst, disease->why, disease->why_zh);
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
}

/* Of each plot with a probe whose soil the file names (`baiyed --check` says where it does not: no
 * farmer can mend that); what can't be judged is a note that says what is missing. */
static void put_water(struct json_out *o, const struct config *config,
                      const struct outlook *outlooks)
{
    json_out_key(o, "water");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < config->plot_count; i++) {
        const struct water *water = &outlooks[i].water;
        const char *level = water_level_name(water->level);
        if (config->plots[i].soil == SOIL_NONE ||
            !config_plot_measures(config, &config->plots[i], "soil_moisture"))
            continue;
        json_out_open(o, '{');
        json_out_key_string(o, "plot", config->plots[i].name);
        json_out_key_string(o, "level", level != NULL ? level : "info");
        json_out_key(o, "irrigate");
        if (level != NULL)
            json_out_bool(o, water->irrigate);
        else
            json_out_null(o);
        put_number(o, "deficit_mm", water->deficit_mm, 0);
        put_whys(o, water->why, water->why_zh);
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
}

/* When the weather forecast was made, and the nights in it. */
static void put_ahead(struct json_out *o, const struct outlook *outlooks, const struct ahead *ahead)
{
    json_out_key(o, "ahead");
    if (ahead->made_ms == 0) {
        json_out_null(o);
        return;
    }
    json_out_open(o, '{');
    json_out_key_integer(o, "made", ahead->made_ms);
    json_out_key(o, "nights");
    json_out_open(o, '[');
    for (int i = 0; i < OUTLOOK_NIGHTS; i++) {
        if (isnan(outlooks[0].nights[i].least_c))
            continue;
        json_out_open(o, '{');
        json_out_key_integer(o, "at", outlooks[0].nights[i].at_ms);
        put_number(o, "min_c", outlooks[0].nights[i].least_c, 1);
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
    json_out_close(o, '}');
}

static void put_picked(struct json_out *o, const struct document_picks *picks)
{
    if (picks->count == 0)
        return;
    json_out_key(o, "picked");
    json_out_open(o, '[');
    for (unsigned i = 0; i < picks->count; i++) {
        unsigned date = (unsigned)picks->days[i].date;
        char day[24];
        (void)snprintf(day, sizeof day, "%04u-%02u-%02u", date / 10000, date / 100 % 100,
                       date % 100);
        json_out_open(o, '{');
        json_out_key_string(o, "day", day);
        put_number(o, "kg", picks->days[i].kg, 1);
        put_number(o, "pickers", picks->days[i].pickers, 0);
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
}

size_t document_write(const struct config *config, const struct outlook *outlooks,
                      const struct ahead *ahead, const struct document_picks *picks, int64_t ts_ms,
                      char *json, size_t size)
{
    struct json_out o = json_out_init(json, size);
    json_out_open(&o, '{');
    json_out_key_integer(&o, "ts", ts_ms);
    put_plots(&o, config, outlooks);
    put_picked(&o, picks);
    put_frost(&o, config, outlooks);
    put_diseases(&o, config, outlooks);
    put_water(&o, config, outlooks);
    put_ahead(&o, outlooks, ahead);
    json_out_close(&o, '}');
    return o.failed ? 0 : o.at;
}

const char *document_says(const char *json, size_t size, size_t *length)
{
    const char *behind = memchr(json, ',', size);
    *length = behind != NULL ? size - (size_t)(behind - json) : 0;
    return behind;
}

bool document_is_due(bool same, bool pressing, int64_t age_ms)
{
    if (age_ms < 0 || age_ms >= SENT_MOST_MS)
        return true;
    return !same && (pressing || age_ms >= SENT_LEAST_MS);
}
