/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/plots/plot_values.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "gateway/common/moist_air.h"
#include "gateway/common/unit_convert.h"
#include "protocols/metric/metric.h"

static struct plot_value *find(struct plot_values *plot, const char *metric)
{
    for (unsigned i = 0; i < plot->count; i++) {
        if (strcmp(plot->values[i].metric, metric) == 0)
            return &plot->values[i];
    }
    return NULL;
}

static struct plot_value *find_or_add(struct plot_values *plot, const char *metric,
                                      const char *unit)
{
    struct plot_value *value = find(plot, metric);
    if (value != NULL || plot->count == PLOT_METRICS)
        return value;
    const struct metric_info *info = metric_find(metric);
    value = &plot->values[plot->count++];
    *value = (struct plot_value){
        .metric = metric, .unit = unit, .kind = info != NULL ? info->kind : METRIC_MEAN};
    return value;
}

static bool is_believed(uint8_t flag)
{
    return flag == METRIC_GOOD || flag == METRIC_UNCALIBRATED || flag == METRIC_CLOCK;
}

static void include(struct plot_value *own, double value, uint8_t flag, uint8_t decimals,
                    int64_t time_ms)
{
    if (own->kind == METRIC_ANGLE)
        angle_add(&own->angle, value, 1);
    else if (own->kind != METRIC_LAST)
        own->sum += value;
    else if (own->n == 0 || time_ms >= own->newest_ms)
        own->sum = value;
    if (own->n == 0)
        own->flag = flag;
    if (own->n == 0 || time_ms > own->newest_ms)
        own->newest_ms = time_ms;
    own->n++;
    own->sound = own->sound || flag == METRIC_GOOD;
    own->decimals = decimals > own->decimals ? decimals : own->decimals;
}

/* Why a device's value does not count; METRIC_GOOD: it does. */
static uint8_t doubt_of(const struct reading_value *value, bool stale)
{
    if (!is_believed(value->flag))
        return value->flag;
    if (stale)
        return METRIC_STALE;
    return value->present ? METRIC_GOOD : METRIC_ABSENT;
}

static bool add_value(struct plot_values *plot, const struct plot_field *field,
                      const struct reading *reading, unsigned i, bool stale)
{
    struct plot_value *own = find_or_add(plot, field->metric, field->plot_unit);
    const struct reading_value *from = &reading->values[i];
    double value = from->value;
    uint8_t flag = from->flag, doubt = doubt_of(from, stale);
    if (own == NULL)
        return false;
    if (doubt != METRIC_GOOD) {
        own->doubt = own->doubt == METRIC_GOOD ? doubt : own->doubt;
        return false;
    }
    if (!isfinite(value) || !unit_convert(field->unit, field->plot_unit, &value))
        return false; /* of another quantity: a mean with it would be of nothing */
    if (flag == METRIC_GOOD && reading->time.trust != TIME_TRUSTED)
        flag = METRIC_CLOCK;
    include(own, value, flag, field->decimals, reading->time.ms);
    return true;
}

void plot_values_add(struct plot_values *plot, const struct plot_field *fields, unsigned count,
                     const struct reading *reading, uint32_t every_ms, int64_t wall_ms)
{
    bool stale = wall_ms - reading->time.ms > (int64_t)every_ms * 5 / 2 + 1000, any = false;
    for (unsigned i = 0; i < count && i < reading->value_count; i++)
        any = add_value(plot, &fields[i], reading, i, stale) || any;
    if (!any)
        return;
    if (plot->believed == 0 || reading->time.ms < plot->oldest_ms)
        plot->oldest_ms = reading->time.ms;
    plot->believed++;
    plot->every_ms = every_ms > plot->every_ms ? every_ms : plot->every_ms;
}

static double value_of(const struct plot_value *value)
{
    if (value->n == 0)
        return (double)NAN;
    if (value->kind == METRIC_ANGLE)
        return angle_mean(&value->angle, value->n);
    return value->kind == METRIC_LAST ? value->sum : value->sum / value->n;
}

/* One sound value is enough. With no value, why there is none; that no sensor is fitted is no news
 * of the plot. */
static enum metric_flag flag_of(const struct plot_value *value)
{
    if (value->n > 0)
        return value->sound ? METRIC_GOOD : (enum metric_flag)value->flag;
    return value->doubt == METRIC_ABSENT ? METRIC_GOOD : (enum metric_flag)value->doubt;
}

bool plot_values_get(const struct plot_values *plot, const char *metric, double *value,
                     enum metric_flag *flag)
{
    for (unsigned i = 0; i < plot->count; i++) {
        if (strcmp(plot->values[i].metric, metric) != 0)
            continue;
        *value = value_of(&plot->values[i]);
        *flag = flag_of(&plot->values[i]);
        return !isnan(*value);
    }
    return false;
}

static void derive(struct plot_values *plot, const char *metric, double value, uint8_t flag,
                   uint8_t decimals)
{
    const struct metric_info *info = metric_find(metric);
    if (info == NULL || find(plot, metric) != NULL)
        return; /* a device measures it itself */
    struct plot_value *own = find_or_add(plot, metric, info->unit);
    if (own != NULL)
        include(own, value, flag, decimals, plot->oldest_ms);
}

/* By the formulas of the models. */
void plot_values_derive(struct plot_values *plot)
{
    double t, rh;
    enum metric_flag t_flag, rh_flag;
    if (!plot_values_get(plot, "air_temperature", &t, &t_flag) ||
        !plot_values_get(plot, "air_humidity", &rh, &rh_flag) ||
        !unit_convert(find(plot, "air_temperature")->unit, "°C", &t) ||
        !unit_convert(find(plot, "air_humidity")->unit, "%RH", &rh) ||
        !(t > -40 && t < 60 && rh > 0 && rh <= 100))
        return;
    uint8_t flag = (uint8_t)(t_flag != METRIC_GOOD ? t_flag : rh_flag);
    derive(plot, "vapour_pressure_deficit", moist_air_deficit_kpa(t, rh), flag, 3);
    derive(plot, "dew_point", moist_air_dew_point_c(t, rh), flag, 2);
}

static void put_value(struct json_out *o, const struct plot_value *value)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double number = value_of(value), scaled = number * powers[value->decimals];
    if (!(fabs(scaled) < 9e15))
        return; /* NAN too: directions that cancel each other out have no mean */
    int64_t code = llround(scaled);
    if (value->kind == METRIC_ANGLE && number < 360 &&
        code >= llround(360 * powers[value->decimals]))
        code = 0;
    json_out_key(o, value->metric);
    json_out_decimal(o, code, value->decimals);
}

void plot_values_json(struct json_out *o, const struct plot_values *plot)
{
    json_out_open(o, '{');
    json_out_key_integer(o, "ts", plot->oldest_ms);
    json_out_key(o, "every_s");
    json_out_decimal(o, plot->every_ms, 3);
    json_out_key(o, "values");
    json_out_open(o, '{');
    for (unsigned i = 0; i < plot->count; i++)
        put_value(o, &plot->values[i]);
    json_out_close(o, '}');
    json_out_key(o, "flags");
    json_out_open(o, '{');
    for (unsigned i = 0; i < plot->count; i++) {
        enum metric_flag flag = flag_of(&plot->values[i]);
        if (flag == METRIC_GOOD)
            continue;
        json_out_key(o, plot->values[i].metric);
        json_out_string(o, metric_flag_name(flag));
    }
    json_out_close(o, '}');
    json_out_close(o, '}');
}
