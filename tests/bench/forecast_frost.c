/* SPDX-License-Identifier: Apache-2.0 */
/* The frost warning on measured nights, three hours after sunset, with what the plot has learned of
 * its own nights so far. Lines of standard input, in order of stations and time:
 *   station,UTC seconds of a full hour,air °C,humidity %
 *
 *   bench-frost LATITUDE LONGITUDE             nights of November to April; one JSON line a station
 *   bench-frost LATITUDE LONGITUDE evenings    for tools/fit-frost: what an evening shows, two to
 * ten hours after sunset, and the fall that came; one line each: °C now, drop, T - Td, h since
 * sunset, h left, fall */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/sun.h"
#include "gateway/forecast/frost.h"

#define HOURS_MOST 20000
#define NIGHT_MS   (16 * TEA_HOUR_MS)

struct verdicts {
    long nights, hits, misses, false_alarms, hits_ahead, misses_ahead, inside;
    double error_k, bias_k, line_k;
};

static struct tea_hour hours[HOURS_MOST];
static struct tea_hours all = {.hours = hours};
static bool evenings_only;

static bool is_cold_season(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm day;
    return gmtime_r(&seconds, &day) != NULL && (day.tm_mon <= 3 || day.tm_mon >= 10);
}

static void print_evenings(const struct frost_input *night)
{
    for (int64_t after_ms = 2 * TEA_HOUR_MS; after_ms <= 10 * TEA_HOUR_MS;
         after_ms += TEA_HOUR_MS) {
        struct frost_input evening = *night;
        evening.now_ms = night->sunset_ms + after_ms;
        struct frost_evening shown = frost_evening(&evening);
        double least_c = HUGE_VAL;
        for (uint32_t i = 0; i < night->recent.count; i++) {
            int64_t t_ms = night->recent.first_ms + (int64_t)i * TEA_HOUR_MS;
            double air_c = (double)night->recent.hours[i].air_c;
            if (t_ms >= evening.now_ms && t_ms <= night->sunrise_ms && air_c < least_c)
                least_c = air_c;
        }
        if (isfinite(least_c) && !isnan(shown.drop_k) && !isnan(shown.dew_k) && shown.left_h > 0)
            printf("%.3f %.3f %.3f %.3f %.3f %.3f\n", shown.air_c, shown.drop_k, shown.dew_k,
                   shown.since_h, shown.left_h, least_c - shown.now_c);
    }
}

static void judge_night(const struct frost_input *night, double bias_k, struct verdicts *verdicts)
{
    struct frost_input evening = *night;
    double error_k = frost_error_k(night); /* without the bias */
    evening.now_ms = night->sunset_ms + 3 * TEA_HOUR_MS;
    evening.bias_k = 0;
    double plain_c = frost_night(&evening).min_c, least_c = plain_c - error_k;
    evening.bias_k = bias_k;
    evening.thermal_time = 100;
    struct frost_night said = frost_night(&evening);
    struct frost frost;
    frost_judge(&evening, &frost);
    if (isnan(error_k) || isnan(said.min_c))
        return;
    bool cold = least_c <= FROST_ALARM_C, alarm = frost.level >= FROST_ALARM;
    double now_c = HUGE_VAL;
    for (uint32_t i = 0; i < evening.recent.count; i++)
        if (evening.recent.first_ms + (int64_t)(i + 1) * TEA_HOUR_MS <= evening.now_ms &&
            !isnan(evening.recent.hours[i].air_c))
            now_c = (double)evening.recent.hours[i].air_c;
    verdicts->nights++;
    verdicts->hits += cold && alarm;
    verdicts->misses += cold && !alarm;
    verdicts->false_alarms += !cold && alarm;
    verdicts->hits_ahead += cold && alarm && now_c > FROST_ALARM_C;
    verdicts->misses_ahead += cold && !alarm && now_c > FROST_ALARM_C;
    verdicts->error_k += fabs(said.min_c - least_c);
    verdicts->bias_k += said.min_c - least_c;
    verdicts->inside += fabs(said.min_c - least_c) <= 1.2816 * said.sd_k;
}

static void judge_station(const char *station, double latitude, double longitude)
{
    struct verdicts verdicts = {0};
    double errors_k[HOURS_MOST / 24 + 2];
    int nights = 0;
    int64_t last_sunset_ms = 0, end_ms = all.first_ms + (int64_t)all.count * TEA_HOUR_MS;
    for (int64_t t = all.first_ms + TEA_DAY_MS; t + TEA_DAY_MS < end_ms; t += TEA_DAY_MS) {
        struct frost_input night = {.season_day = 60};
        if (!is_cold_season(t) ||
            !sun_night(t, latitude, longitude, &night.sunset_ms, &night.sunrise_ms) ||
            night.sunset_ms == last_sunset_ms || night.sunset_ms - 6 * TEA_HOUR_MS < all.first_ms ||
            night.sunrise_ms - night.sunset_ms > NIGHT_MS)
            continue;
        last_sunset_ms = night.sunset_ms;
        uint32_t first =
            (uint32_t)((night.sunset_ms - 4 * TEA_HOUR_MS - all.first_ms) / TEA_HOUR_MS);
        uint32_t count = (uint32_t)((night.sunrise_ms - night.sunset_ms) / TEA_HOUR_MS + 7);
        if (first + count > all.count)
            break;
        night.recent =
            (struct tea_hours){all.first_ms + (int64_t)first * TEA_HOUR_MS, count, hours + first};
        if (evenings_only) {
            print_evenings(&night);
            continue;
        }
        judge_night(&night, frost_bias_k(errors_k, nights), &verdicts);
        errors_k[nights++] = frost_error_k(&night);
    }
    if (evenings_only)
        return;
    double n = (double)verdicts.nights;
    printf("{\"station\":\"%s\",\"nights\":%ld,\"mae_k\":%.3f,\"bias_k\":%.3f,\"coverage\":%.3f,"
           "\"hits\":%ld,\"misses\":%ld,\"false_alarms\":%ld,\"hits_ahead\":%ld,"
           "\"misses_ahead\":%ld}\n",
           station, verdicts.nights, verdicts.error_k / n, verdicts.bias_k / n,
           (double)verdicts.inside / n, verdicts.hits, verdicts.misses, verdicts.false_alarms,
           verdicts.hits_ahead, verdicts.misses_ahead);
}

int main(int argc, char **argv)
{
    char line[200], name[64] = "", station[64];
    double latitude = argc >= 3 ? atof(argv[1]) : NAN, longitude = argc >= 3 ? atof(argv[2]) : NAN;
    evenings_only = argc == 4 && strcmp(argv[3], "evenings") == 0;
    if (argc != 3 && !evenings_only) {
        (void)fprintf(stderr, "usage: bench-frost LATITUDE LONGITUDE [evenings] <HOURS\n");
        return 64;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        long long seconds;
        double air_c, humidity;
        if (sscanf(line, "%63[^,],%lld,%lf,%lf", station, &seconds, &air_c, &humidity) != 4)
            continue;
        if (strcmp(station, name) != 0) {
            if (all.count > 0)
                judge_station(name, latitude, longitude);
            memcpy(name, station, sizeof name);
            all.first_ms = seconds * 1000;
            all.count = 0;
        }
        int64_t index = (seconds * 1000 - all.first_ms) / TEA_HOUR_MS;
        if (index < 0 || index >= HOURS_MOST)
            continue;
        for (; all.count <= (uint32_t)index; all.count++)
            hours[all.count] = (struct tea_hour){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        hours[index].air_c = hours[index].air_min_c = (float)air_c;
        hours[index].humidity = (float)humidity;
    }
    if (all.count > 0)
        judge_station(name, latitude, longitude);
    return 0;
}
