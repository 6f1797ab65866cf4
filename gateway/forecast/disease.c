/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/disease.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/sun.h"

#define LEAF_WET     50.0
#define HUMIDITY_WET 90.0
#define SUNNY        0.4 /* of a clear sky's light */
#define SUN_LOW      5.0 /* degrees: below it hills and trees decide */
#define RAIN_WET_MM  0.2 /* in an hour: leaves are wet whatever the air says */
#define SPELL_GAP_H  2   /* so short a dry spell does not kill what germinates: an assumption */
#define KNOWN_SHARE  0.8

static const struct cardinal {
    const char *name;
    double low_c, best_c, high_c, wet_least_h;
} cardinals[DISEASE_COUNT] = {
    [DISEASE_BLISTER_BLIGHT] = {"blister_blight", 5, 17.5, 27, 8},
    [DISEASE_WHITE_STAR] = {"white_star", 8, 20, 32, 5},
    [DISEASE_ANTHRACNOSE] = {"anthracnose", 10, 25, 35, 8},
};

const char *disease_name(enum disease_kind kind)
{
    return cardinals[kind].name;
}

const char *disease_level_name(enum disease_level level)
{
    static const char *const names[] = {"low", "medium", "high"};
    return level >= DISEASE_LOW && level <= DISEASE_HIGH ? names[level] : NULL;
}

double disease_wet_needed_h(enum disease_kind kind, double temp_c)
{
    const struct cardinal *c = &cardinals[kind];
    if (!(temp_c > c->low_c && temp_c < c->high_c))
        return INFINITY;
    double warm = c->high_c - c->best_c, cool = c->best_c - c->low_c;
    double f = (c->high_c - temp_c) / warm * pow((temp_c - c->low_c) / cool, cool / warm);
    return fmin(c->wet_least_h / f, DISEASE_WET_MOST_H);
}

double disease_sunshine_h(const struct disease_input *input)
{
    unsigned light = 0, known = 0, sunny = 0;
    for (uint32_t i = 0; i < input->recent.count; i++) {
        int64_t middle_ms = input->recent.first_ms + (int64_t)i * TEA_HOUR_MS + TEA_HOUR_MS / 2;
        double height = sun_elevation(middle_ms, input->latitude, input->longitude);
        if (!(height >= SUN_LOW)) /* NAN, too: the place is not known */
            continue;
        light++;
        double lux = input->recent.hours[i].lux;
        known += isnan(lux) ? 0u : 1u;
        sunny += lux > SUNNY * sun_clear_lux(height) ? 1u : 0u; /* not for NAN */
    }
    double days = input->recent.count / 24.0;
    return light > 0 && known >= KNOWN_SHARE * light ? sunny / days * light / known : NAN;
}

/* ---- Wet periods ---- */

/* 1 wet, 0 dry, -1 not known. */
static int wet(const struct tea_hour *hour)
{
    if (hour->rain_mm >= (float)RAIN_WET_MM) /* not for NAN */
        return 1;
    if (!isnan(hour->leaf_wetness))
        return hour->leaf_wetness >= LEAF_WET;
    return isnan(hour->humidity) ? -1 : hour->humidity >= HUMIDITY_WET;
}

struct spell {
    double wet_h, temp_sum;
    unsigned gap_h;     /* since the last wet hour */
    unsigned infecting; /* spells that were long enough */
};

/* A spell has ended. */
static void take_spell(enum disease_kind kind, struct spell *spell, struct disease *worst)
{
    if (spell->wet_h > 0) {
        double temp_c = spell->temp_sum / spell->wet_h;
        double share = spell->wet_h / disease_wet_needed_h(kind, temp_c); /* 0 outside its range */
        spell->infecting += share >= 1 ? 1u : 0u;
        if (share > worst->share) {
            worst->share = share;
            worst->wet_h = spell->wet_h;
            worst->temp_c = temp_c;
        }
    }
    spell->wet_h = spell->temp_sum = 0;
    spell->gap_h = 0;
}

/* How many spells infect. An hour that is not known counts as a dry one: nobody saw it wet. */
static unsigned look_at_spells(enum disease_kind kind, const struct tea_hours *recent,
                               struct disease *worst)
{
    struct spell spell = {0};
    for (uint32_t i = 0; i < recent->count; i++) {
        const struct tea_hour *hour = &recent->hours[i];
        if (wet(hour) == 1 && !isnan(hour->air_c)) {
            spell.wet_h++;
            spell.gap_h = 0;
            spell.temp_sum += hour->air_c;
        } else if (++spell.gap_h > SPELL_GAP_H) {
            take_spell(kind, &spell, worst);
        }
    }
    take_spell(kind, &spell, worst);
    return spell.infecting;
}

/* The most rain of any 24 hours on end; NAN: not measured. */
static double most_rain_mm(const struct tea_hours *recent)
{
    double most_mm = NAN;
    for (uint32_t i = 0; i < recent->count; i++) {
        double sum_mm = NAN;
        for (uint32_t k = i; k < recent->count && k < i + 24; k++) {
            double mm = recent->hours[k].rain_mm;
            if (!isnan(mm))
                sum_mm = isnan(sum_mm) ? mm : sum_mm + mm;
        }
        most_mm = fmax(most_mm, sum_mm); /* NAN is left out */
    }
    return most_mm;
}

/* ---- Levels ---- */

static enum disease_level level_of(double share, unsigned infecting)
{
    if (infecting >= 2 || share >= 2)
        return DISEASE_HIGH;
    return infecting == 1 ? DISEASE_MEDIUM : DISEASE_LOW;
}

/* Sun that keeps it down is known; where it is not measured two spells say as much as one and a
 * dull week. */
static enum disease_level blister_level(const struct disease *blister, unsigned infecting,
                                        double sun_h, double rain_mm)
{
    enum disease_level level = level_of(blister->share, infecting);
    if (isnan(sun_h))
        return level;
    if (sun_h >= DISEASE_SUN_H)
        return infecting > 0 ? DISEASE_MEDIUM : DISEASE_LOW;
    if (infecting > 0)
        return DISEASE_HIGH;
    bool dry = rain_mm < DISEASE_RAIN_MM; /* rain that is not measured may have fallen */
    return !dry && blister->share > 0 ? DISEASE_MEDIUM : level;
}

static unsigned known_hours(const struct tea_hours *recent)
{
    unsigned known = 0;
    for (uint32_t i = 0; i < recent->count; i++)
        known += wet(&recent->hours[i]) >= 0 && !isnan(recent->hours[i].air_c) ? 1u : 0u;
    return known;
}

static void explain_sun(struct disease *disease, double sun_h)
{
    size_t en = strlen(disease->why), zh = strlen(disease->why_zh);
    if (isnan(sun_h)) {
        (void)snprintf(disease->why + en, sizeof disease->why - en, "; sunshine is not measured");
        (void)snprintf(disease->why_zh + zh, sizeof disease->why_zh - zh, "；没有测光照");
        return;
    }
    (void)snprintf(disease->why + en, sizeof disease->why - en, "; %.1f h of sun a day", sun_h);
    (void)snprintf(disease->why_zh + zh, sizeof disease->why_zh - zh, "；每天日照 %.1f 小时",
                   sun_h);
}

static void tell(enum disease_kind kind, struct disease *disease, double sun_h)
{
    double needed_h = disease_wet_needed_h(kind, disease->temp_c);
    if (disease->share > 0) {
        (void)snprintf(disease->why, sizeof disease->why, "%.0f h wet at %.0f °C, %.0f h infect",
                       disease->wet_h, disease->temp_c, needed_h);
        (void)snprintf(disease->why_zh, sizeof disease->why_zh,
                       "叶面湿 %.0f 小时，%.0f °C，%.0f 小时即可侵染", disease->wet_h,
                       disease->temp_c, needed_h);
    } else {
        (void)snprintf(disease->why, sizeof disease->why,
                       "no wet hours of its temperature in %d days", DISEASE_DAYS);
        (void)snprintf(disease->why_zh, sizeof disease->why_zh, "%d 天里没有适温的湿叶时段",
                       DISEASE_DAYS);
    }
    if (kind == DISEASE_BLISTER_BLIGHT)
        explain_sun(disease, sun_h);
}

void disease_judge(const struct disease_input *input, struct disease diseases[DISEASE_COUNT])
{
    unsigned known = known_hours(&input->recent);
    double sun_h = disease_sunshine_h(input), rain_mm = most_rain_mm(&input->recent);
    for (int kind = 0; kind < DISEASE_COUNT; kind++) {
        struct disease *disease = &diseases[kind];
        *disease = (struct disease){.level = DISEASE_UNKNOWN, .temp_c = NAN};
        if (known < DISEASE_KNOWN_MIN) {
            (void)snprintf(disease->why, sizeof disease->why,
                           "wetness and temperature are known for %u of %d hours", known,
                           DISEASE_HOURS);
            (void)snprintf(disease->why_zh, sizeof disease->why_zh,
                           "%d 小时里只有 %u 小时有湿度和气温", DISEASE_HOURS, known);
            continue;
        }
        unsigned infecting = look_at_spells((enum disease_kind)kind, &input->recent, disease);
        disease->level = kind == DISEASE_BLISTER_BLIGHT
                             ? blister_level(disease, infecting, sun_h, rain_mm)
                             : level_of(disease->share, infecting);
        tell((enum disease_kind)kind, disease, sun_h);
    }
}
