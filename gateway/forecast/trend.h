/* SPDX-License-Identifier: Apache-2.0 */
/* What the notes alone say of tomorrow's pick: kg per picker smoothed over the last picks, moved by
 * what other farms' seasons teach of crews, rain, rest and the season's course: a linear rule in
 * logarithms, and a second one (course.h) that corrects it by all of this season's picks. The
 * coefficients are in trend_table.h and course_table.h (tools/fit-forecast writes them).
 * Pure; the caller's struct, its thread. Unknown quantities are NaN. */
#ifndef BAIYE_FORECAST_TREND_H
#define BAIYE_FORECAST_TREND_H

#include <math.h>
#include <stdbool.h>

#include "gateway/forecast/usual.h"

#define TREND_FEATURES 24
#define TREND_START    8    /* features of the first pick */
#define TREND_NORM_KG  1.65 /* of a picker and day, where nothing is known */
#define TREND_ALPHA    0.5

/* A season's picks that are remembered; of more the oldest are forgotten. */
#define TREND_PICKS USUAL_PICKS_MOST

/* A believed pick with a crew. */
struct trend_past {
    unsigned day;                  /* of the days fed */
    double each_ln, dry_ln;        /* ln kg per picker; the same as if it had not rained */
    double crew_ln, crew_most_ln;  /* who came; the most of who came and who was booked so far */
    double came_ln;                /* who came to who was booked; NAN: nobody was */
    double since_cd;               /* growth since the pick before */
    double model_miss, trend_miss; /* ln kg per picker to what had been said; 0: nothing had */
    double rain;                   /* 0..1 */
};

/* Of last season, for the next one (last_season.h); NAN or 0: not known. */
struct trend_last {
    double each_kg;              /* of a picker and day, mean of the logarithm */
    double crew_most;            /* pickers */
    double gap_days;             /* from pick to pick */
    double kg;                   /* all that was picked */
    double middle_cd, spread_cd; /* growth since the first pick: when it was picked */
    struct usual_habits habits;
};
#define TREND_LAST_UNKNOWN ((struct trend_last){NAN, NAN, NAN, NAN, NAN, NAN, {{0}}})

/* Begin from trend_begin(). */
struct trend {
    double area_m2; /* of the plot */
    struct trend_last last;
    double last_each_ln;       /* of its kg per picker; NaN: none noted */
    double each_ln, crew_ln;   /* smoothed: ln kg per picker, ln pickers */
    double last_each_ln_kg;    /* of the last pick with a crew */
    double fast_ln, rain, gap; /* smoothed: kg per picker over more picks; rain 0..1; days */
    double noise;              /* smoothed absolute change of ln kg per picker */
    double cov, var;           /* of ln kg per picker with ln crew, for this farm's own slope */
    double picked_kg, warm_cd; /* since the first pick */
    double since_cd;           /* since the last pick */
    unsigned picks;            /* with a crew */
    struct trend_past past[TREND_PICKS];
    unsigned past_count;
    unsigned days, first_day, last_day; /* fed; of the first and the last pick */
    unsigned picked_days, booked_days;  /* picks of any kind; of those a crew was booked for */
    double last_kg;                     /* of the last pick of any kind */
    bool rained;                        /* today */
    unsigned rest_days;                 /* since the last pick of any kind */
    bool started;
};

/* Of tomorrow. */
struct trend_tomorrow {
    double pickers;     /* > 0 */
    bool booked;        /* else a guess */
    double rain_chance; /* 0..1 */
    double growth_cd;   /* of the day */
    double season_kg;   /* the plot's, as believed; NaN: not known */
    double model_kg;    /* the particles' median of the pick; NaN: none */
    double ready_kg;    /* and their mean of what is on the bushes tonight */
    double share_ready; /* of the season's shoots, by thermal time; NaN: not known */
    double model_ln;    /* how far apart 10 and 90 % of the particles' pick lie; NaN: none */
    double held_share;  /* of the season's leaf: on the bushes, by the particles; NaN: not known */
    double hands_kg;    /* the most that a picker takes, by the particles; NaN: not known */
};

struct trend trend_begin(double area_m2, const struct trend_last *last);
/* Each day, in order, after its pick; `rain` 0..1. */
void trend_day(struct trend *trend, double growth_cd, double rain);
/* A believed note. Before trend_day() of its day. */
struct trend_pick {
    double kg, rain;
    double pickers, booked; /* NaN: not noted */
    /* What had been said the evening before for a picker; NaN: nothing. */
    double model_each_kg, first_each_kg;
};
void trend_pick(struct trend *trend, const struct trend_pick *pick);
/* What the first rule says alone, kg; for trend_pick(). */
double trend_first_kg(const struct trend *trend, const struct trend_tomorrow *tomorrow);
/* 10 and 90 % lie so many spreads below and above the middle. */
struct trend_width {
    double low, high;
};
/* 10, 50, 90 % of tomorrow's kg around that middle. */
void trend_range(double middle_ln, double spread_ln, const struct trend_width *width,
                 double rain_chance, double kg[3]);
/* The same of a season's first pick with a crew; of later ones by nets_predict(). */
void trend_predict_first(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                         double kg[3]);
/* What is weighed, for fitting: returns ln kg of no change, or of the norm for a first
 * pick (then only TREND_START features count). `first_ln`: what the first rule makes of them. */
double trend_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                      double x[TREND_FEATURES], double *first_ln);

#endif
