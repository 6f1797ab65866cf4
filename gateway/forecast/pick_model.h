/* SPDX-License-Identifier: Apache-2.0 */
/* What pick.h's model holds between two days: for pick.c, particles.c and pick_record.c; others own
 * one and look into it by pick.h. About 80 kB. */
#ifndef BAIYE_FORECAST_PICK_MODEL_H
#define BAIYE_FORECAST_PICK_MODEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/chance.h"
#include "gateway/forecast/growth.h"
#include "gateway/forecast/nets.h"
#include "gateway/forecast/ready.h"
#include "gateway/forecast/trend.h"

#define PICK_PARTICLES     1000
#define PICK_LEARNING_DAYS 7   /* scored days until the score means something */
#define PICK_GATE_DAYS     10  /* of whose hours of temperature ... */
#define PICK_GATE_SHARE    0.2 /* ... at most this share may be missing */
#define PICK_REST_DAYS     14  /* without a pick: the season is over */
#define PICK_SCORED_MOST   250 /* more than the days of a season */
#define PICK_KG_MAX        1e5 /* a day and plot; more is a slip of the finger */
#define PICK_PICKERS_MAX   5000.0
#define PICK_GROWTH_MAX_CD 20.0

/* What is believed before the season. Standard deviations of logarithms are relative ones. */
struct pick_prior {
    double opening_cd, opening_ln_sd; /* thermal time at which 5 % of the shoots are ready, °C d */
    double spread_cd, spread_ln_sd;   /* s: 5 % to 95 % take 5.9 of it, °C d */
    double season_kg, season_ln_sd;   /* K: fresh leaf of the whole season; NaN: nobody knows */
    double picker_kg, picker_ln_sd;   /* c: the most that one picker takes in a day */
    double shoot_kg;                  /* what one that is ready weighs, for counts of them */
    double area_m2;                   /* the plot's, for the trend; NaN: not known */
    struct trend_last last;
};

/* Whose number pick_kg is. */
enum pick_source {
    PICK_BY_MODEL, /* the particles alone */
    PICK_BY_TREND, /* trend.h, which weighs the particles, too */
    PICK_BY_RULE,  /* the best rule of this season, since it was better than the trend */
    PICK_SOURCE_COUNT
};

/* What a grower can say without a gateway, and what every forecast is judged by. */
enum pick_rule {
    PICK_RULE_LAST,   /* as the last pick */
    PICK_RULE_MEAN,   /* mean of the last three picks */
    PICK_RULE_PICKER, /* kg per picker, smoothed (the logarithm, by half), x the crew */
    PICK_RULE_NORM,   /* TREND_NORM_KG x the crew */
    PICK_RULE_COUNT
};
struct pick_particle {
    double mu, s;                /* °C d */
    double season_kg, picker_kg; /* K, c */
    double stock_kg, level;      /* B; l, an AR(1) error */
    double ready;                /* F at the model's thermal time */
    double weight;               /* all add up to 1 */
};
struct pick_sample {
    double value, weight;
};
/* The last picks, newest first; unknown ones NaN. */
#define PICK_RECENT 3
struct pick_recent {
    double kg[PICK_RECENT], pickers[PICK_RECENT];
};
/* Errors of one way to estimate. */
struct pick_errors {
    double sum;
    unsigned days;
};
struct pick_model {
    struct pick_prior prior;
    struct chance chance;
    uint64_t seed;
    struct growth_passing passing;
    unsigned days;         /* fed */
    unsigned picked_days;  /* of these: learned from */
    unsigned rest_days;    /* since the last pick */
    unsigned odd_notes;    /* in a row that were doubted, or would have been */
    unsigned doubted_days; /* `days` after the last one whose note was doubted; 0: none */
    bool has_size, growing;
    bool assumed_start; /* thermal_time was set by the first pick */
    double thermal_time;
    double growth_cd[PICK_RECENT];               /* known ones, newest first */
    unsigned char missing_hours[PICK_GATE_DAYS]; /* ring */
    struct pick_recent recent;
    struct trend trend;
    struct ready ready;
    struct pick_errors rule[PICK_RULE_COUNT], source[PICK_SOURCE_COUNT], shown;
    unsigned covered;
    double booked_share; /* smoothed: of the picks that were booked the evening before */
    unsigned kept_days;
    double scored_kg;                 /* picked on the scored days */
    double miss_kg[PICK_SCORED_MOST]; /* of these: how far off; of more the first ones */
    struct pick_particle particles[PICK_PARTICLES];
    struct pick_sample scratch[PICK_PARTICLES];
};

#endif
