/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/forecast/gather.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/unit_convert.h"
#include "protocols/metric/metric.h"

#define PIECE_HOURS 500u /* of one question: three weeks */

/* ---- Hours ---- */

enum part { PART_MEAN, PART_MEAN_AND_MIN, PART_SUM };

/* Which number of a metric's hours goes where; `min` only for PART_MEAN_AND_MIN. */
static const struct source {
    const char *metric;
    enum part part;
    size_t mean, min;
} sources[] = {
    {"air_temperature", PART_MEAN_AND_MIN, offsetof(struct tea_hour, air_c),
     offsetof(struct tea_hour, air_min_c)},
    {"canopy_temperature", PART_MEAN_AND_MIN, offsetof(struct tea_hour, canopy_c),
     offsetof(struct tea_hour, canopy_min_c)},
    {"air_humidity", PART_MEAN, offsetof(struct tea_hour, humidity), 0},
    {"leaf_wetness", PART_MEAN, offsetof(struct tea_hour, leaf_wetness), 0},
    {"illuminance", PART_MEAN, offsetof(struct tea_hour, lux), 0},
    {"rainfall", PART_SUM, offsetof(struct tea_hour, rain_mm), 0},
    {"soil_moisture", PART_MEAN, offsetof(struct tea_hour, soil_moisture), 0},
};

static void put_float(struct tea_hour *hour, size_t offset, double value)
{
    float single = (float)value;
    memcpy((char *)hour + offset, &single, sizeof single);
}

static void put_point(const struct source *source, const struct store_point *point,
                      struct tea_hour *hour)
{
    if (point->n == 0) /* measured, but not to be believed */
        return;
    put_float(hour, source->mean, source->part == PART_SUM ? point->mean * point->n : point->mean);
    if (source->part == PART_MEAN_AND_MIN)
        put_float(hour, source->min, point->min);
}

/* The models count in the table's units; what cannot be converted is not known. */
static void convert_one(struct tea_hour *hour, size_t offset, const char *from, const char *to)
{
    float single = NAN;
    memcpy(&single, (char *)hour + offset, sizeof single);
    double value = (double)single;
    put_float(hour, offset, unit_convert(from, to, &value) ? value : (double)NAN);
}

static void convert(const struct config *config, const struct source *source, const char *metric,
                    struct tea_hour *hours, uint32_t count)
{
    const char *unit = config_metric_unit(config, metric);
    const struct metric_info *info = metric_find(source->metric);
    if (unit[0] == '\0' || info == NULL || strcmp(unit, info->unit) == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        convert_one(&hours[i], source->mean, unit, info->unit);
        if (source->part == PART_MEAN_AND_MIN)
            convert_one(&hours[i], source->min, unit, info->unit);
    }
}

/* The first piece of [query->from_ms, query->to_ms); *next_ms is where the next one begins. */
static enum store_result take_piece(struct store_client *client, const struct source *source,
                                    const struct store_history_query *query,
                                    struct store_point *points, int64_t first_ms,
                                    struct tea_hour *hours, int64_t *next_ms)
{
    uint32_t count = 0;
    struct store_history_query piece = *query;
    int64_t most_ms = query->from_ms + PIECE_HOURS * TEA_HOUR_MS;
    piece.to_ms = most_ms < query->to_ms ? most_ms : query->to_ms;
    piece.max_points = PIECE_HOURS;
    enum store_result result = store_client_history(client, &piece, points, &count, next_ms);
    if (*next_ms <= query->from_ms) /* it was all, or nothing of it fits */
        *next_ms = piece.to_ms;
    for (uint32_t i = 0; i < count; i++) {
        int64_t at = (points[i].t_ms - first_ms) / TEA_HOUR_MS;
        if (points[i].t_ms >= first_ms && points[i].t_ms < query->to_ms)
            put_point(source, &points[i], &hours[at]);
    }
    return result;
}

static enum store_result gather_metric(struct store_client *client, const struct source *source,
                                       struct store_history_query *query,
                                       struct store_point *points, struct tea_hour *hours)
{
    int64_t first_ms = query->from_ms, next_ms = first_ms;
    for (; query->from_ms < query->to_ms; query->from_ms = next_ms) {
        enum store_result result =
            take_piece(client, source, query, points, first_ms, hours, &next_ms);
        if (result == STORE_UNKNOWN) /* nothing of it was ever stored */
            return STORE_OK;
        if (result != STORE_OK)
            return result;
    }
    return STORE_OK;
}

/* ---- Soil at several depths ---- */

#define DEPTHS_MAX 12

unsigned gather_depth_shares(const uint16_t *depths, unsigned count, double root_cm, double *shares)
{
    double top = 0;
    for (unsigned i = 0; i < count; i++) {
        double end = i + 1 < count ? (depths[i] + depths[i + 1]) / 2.0 : root_cm;
        end = end < root_cm ? end : root_cm;
        if (i > 0 && (depths[i] > root_cm || end <= top))
            return i;
        shares[i] = end > top ? end - top : root_cm;
        top = end;
    }
    return count;
}

/* Mean of the layer, of each hour of what was measured in it. */
static void mix_depth(const struct tea_hour *from, double share, uint32_t count,
                      struct tea_hour *hours, float *weights)
{
    for (uint32_t i = 0; i < count; i++) {
        if (isnan(from[i].soil_moisture))
            continue;
        double before = weights[i] > 0 ? (double)(hours[i].soil_moisture * weights[i]) : 0;
        weights[i] += (float)share;
        hours[i].soil_moisture =
            (float)((before + (double)from[i].soil_moisture * share) / (double)weights[i]);
    }
}

static enum store_result gather_depths(struct store_client *client, const struct config *config,
                                       uint16_t plot, int64_t from_ms, uint32_t count,
                                       const struct source *source, struct store_point *points,
                                       struct tea_hour *hours)
{
    const struct plot_config *of = &config->plots[plot];
    uint16_t depths[DEPTHS_MAX];
    double shares[DEPTHS_MAX];
    unsigned found = config_plot_depths(config, of, source->metric, depths, DEPTHS_MAX);
    unsigned used = gather_depth_shares(depths, found, of->root_m * 100, shares);
    struct tea_hour *own = calloc((size_t)count + 1, sizeof *own);
    float *weights = calloc((size_t)count + 1, sizeof *weights);
    enum store_result result = own != NULL && weights != NULL ? STORE_OK : STORE_BUSY;
    for (unsigned d = 0; d < used && result == STORE_OK; d++) {
        struct store_history_query query = {.device = -1,
                                            .plot = plot,
                                            .from_ms = from_ms,
                                            .to_ms = from_ms + count * TEA_HOUR_MS,
                                            .step = STORE_HOUR};
        (void)snprintf(query.metric, sizeof query.metric, "%s_%ucm", source->metric, depths[d]);
        for (uint32_t i = 0; i < count; i++)
            own[i].soil_moisture = NAN;
        result = gather_metric(client, source, &query, points, own);
        convert(config, source, query.metric, own, count);
        mix_depth(own, shares[d], count, hours, weights);
    }
    free(weights);
    free(own);
    return result;
}

enum store_result gather_hours(struct store_client *client, const struct config *config,
                               uint16_t plot, int64_t from_ms, uint32_t count,
                               struct tea_hour *hours)
{
    const struct plot_config *of = &config->plots[plot];
    struct store_point *points = calloc(PIECE_HOURS, sizeof *points);
    enum store_result result = points != NULL ? STORE_OK : STORE_BUSY;
    for (uint32_t i = 0; i < count; i++)
        hours[i] = (struct tea_hour){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0] && result == STORE_OK; i++) {
        const struct source *source = &sources[i];
        const struct device_config *device = config_plot_device(config, of, source->metric);
        if (device == NULL && source->mean == offsetof(struct tea_hour, soil_moisture))
            result = gather_depths(client, config, plot, from_ms, count, source, points, hours);
        if (device == NULL)
            continue;
        /* Two gauges would count the same rain twice; all else is the mean of the plot's
         * devices. */
        struct store_history_query query = {.device = source->part == PART_SUM ? device->index : -1,
                                            .plot = plot,
                                            .from_ms = from_ms,
                                            .to_ms = from_ms + count * TEA_HOUR_MS,
                                            .step = STORE_HOUR};
        memcpy(query.metric, source->metric, strlen(source->metric) + 1);
        result = gather_metric(client, source, &query, points, hours);
        convert(config, source, source->metric, hours, count);
    }
    free(points);
    return result;
}

/* ---- Notes ---- */

struct notes {
    const struct season *season;
    struct outlook_note *days;
    bool counts; /* of shoots, instead of picks */
    double last_kg;
    bool last_noted;
};

static void take_note(struct notes *notes, const struct store_pick *pick)
{
    int day = season_index(notes->season, pick->day);
    if (pick->counted) {
        if (day >= 0)
            outlook_note_count(&notes->days[day], pick->kg, pick->pickers);
    } else if (day >= 0) {
        outlook_note_add(&notes->days[day], notes->season->begin_ms[day], pick->at_ms, pick->kg,
                         pick->pickers);
    } else if (pick->day < notes->season->date[0]) {
        notes->last_kg += pick->kg;
        notes->last_noted = notes->last_noted || pick->kg > 0;
    }
}

/* An answer has room for some hundreds only: a full one may end amid a day, which the next one
 * begins with. */
static enum store_result take_notes(struct store_client *client, const char *plot,
                                    int32_t *from_day, bool *more, struct notes *notes)
{
    struct store_pick *picks = NULL;
    uint32_t count = 0;
    enum store_result result =
        store_client_picks(client, plot, *from_day, notes->counts, &picks, &count);
    *more = count >= STORE_PICKS_MAX && picks[count - 1].day > picks[0].day;
    for (uint32_t i = 0; i < count && !(*more && picks[i].day == picks[count - 1].day); i++)
        take_note(notes, &picks[i]);
    if (*more)
        *from_day = picks[count - 1].day;
    free(picks);
    return result;
}

enum store_result gather_notes(struct store_client *client, const char *plot,
                               const struct season *season, struct outlook_note *notes,
                               double *last_year_kg)
{
    struct notes all = {.season = season, .days = notes};
    int32_t from_day = season->last_first;
    enum store_result result = STORE_OK;
    memset(notes, 0, (SEASON_DAYS + 1) * sizeof *notes);
    for (bool more = true; more && result == STORE_OK;)
        result = take_notes(client, plot, &from_day, &more, &all);
    all.counts = true;
    from_day = season->date[0];
    for (bool more = true; more && result == STORE_OK;)
        result = take_notes(client, plot, &from_day, &more, &all);
    *last_year_kg = all.last_noted ? all.last_kg : NAN;
    return result;
}

enum store_result gather_said(struct store_client *client, const char *plot,
                              const struct season *season, struct outlook_note *notes)
{
    struct store_said_query query = {.from_day = season->date[0],
                                     .to_day = season->date[SEASON_DAYS],
                                     .asker = STORE_ASKER_GATEWAY};
    struct store_said *said = NULL;
    uint32_t count = 0;
    (void)snprintf(query.plot, sizeof query.plot, "%s", plot);
    enum store_result result = store_client_said(client, &query, &said, &count);
    for (uint32_t i = 0; i < count; i++) {
        int day = season_index(season, said[i].day);
        if (day < 0)
            continue;
        notes[day].was_said = true;
        memcpy(notes[day].said_kg, said[i].kg, sizeof said[i].kg);
    }
    free(said);
    return result;
}
