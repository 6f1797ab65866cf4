/* SPDX-License-Identifier: Apache-2.0 */
/* How much leaf is ready on a plot, and how much will probably be picked tomorrow. The garden's
 * shoots reach the standard over thermal time as a logistic curve; the ready stock grows by it, is
 * emptied by picking and outgrows the standard; a day's pick is what the crew can take from that
 * stock. Six unknowns of it are carried by 1,000 particles, which every noted day weighs anew.
 *
 *   share ready    F(TT) = 1 / (1 + exp(-(TT - mu) / s))                  TT: sum of growth, °C d
 *   stock          B = (B - picked + K (F(TT) - F(TT before))) (1 - growth / 170)
 *   pick           y = min(0.92 B, P c rho / (rho + 0.012) r) exp(l),     rho = B / K, P pickers
 *
 * TT is summed from the stable passing of 10 °C on (growth.h), over daily means, as the gates of
 * opening are published: sums over hours run ahead of them by a week in spring.
 *
 * Sources: mu and s from the opening of Baiye 1 in Liyang at 67 °C d above 10 °C (Jiang et al.
 * 2014) and a season of 20-30 days; leaves 47-61 °C d apart (Jayasinghe et al. 2018); c, 2.5-3 kg
 * fresh a trained picker and day (Chun'an 2020). 0.92, 170, 0.012, r = 0.85 in rain and all spreads
 * are assumptions, tried on made-up gardens only (tests/unit/forecast): in Guizhou a starting
 * guess.
 *
 * Nothing here is kept on disk and no clock is read: the caller feeds a season's days in order, and
 * the same days, prior and seed give the same numbers on every machine. After a restart, or when a
 * note is corrected, it begins anew and feeds them again (a season costs some tens of
 * milliseconds). All memory is the caller's; a struct pick_model belongs to one thread at a time.
 * Quantities that are not known are NaN; what cannot be true (see each field) counts as not
 * known. */
#ifndef BAIYE_FORECAST_PICK_H
#define BAIYE_FORECAST_PICK_H

#include "gateway/forecast/pick_model.h"
#include "gateway/forecast/pick_score.h"

/* The standard of a plot: which shoots are picked. Later ones reach it later. */
enum pick_standard { PICK_BUD, PICK_ONE_LEAF, PICK_TWO_LEAVES, PICK_THREE_LEAVES };

/* The first season's prior: opening at 67 °C d (×/÷ 1.25) for one bud with one leaf, -40 for the
 * bud, +50 and +110 for two and three leaves; s 28 (×/÷ 1.4); c 2.75 kg (×/÷ 1.25). season_kg from
 * last year's kg (± 30 %), else from the area at 48 kg a mu (×/÷ 2; 1 mu = 666.7 m2), else NaN. A
 * shoot of two leaves weighs 0.23 g (Fuding), of three 0.44 g; 0.12 g of one and 0.05 g of the bud
 * are assumptions. */
struct pick_prior pick_prior_first(enum pick_standard standard, double last_year_kg,
                                   double area_m2);
/* When the plot is to open, from the cultivar's gate as the file names it and from last season's
 * thermal time before its first noted pick (pick_opened_cd()), °C d; NaN: not known. Last season
 * counts for three quarters: the plot's place and its pickers' habit are in it. */
void pick_prior_open(struct pick_prior *prior, double gate_cd, double last_opened_cd);

/* One day of the plot, as known in the evening. Begin from PICK_DAY_UNKNOWN. */
struct pick_day {
    double growth_cd; /* growth_limited(), 0..20 °C d; NaN: as the mean of the last three known */
    double mean_c;    /* growth_day.mean_c, for the stable passing; NaN: not known */
    unsigned missing_hours; /* growth_day.missing_hours, 0..24 */
    double rain_mm;         /* >= 0; from 1 mm on a rain day; NaN: not known */
    double kg;         /* fresh leaf picked, 0..PICK_KG_MAX; 0: it was not picked; NaN: no note */
    double pickers;    /* that came, > 0; NaN or 0: not known */
    double booked;     /* pickers booked the evening before, > 0; NaN or 0: not known then. The
                        * score judges what was said for them; they came, where `pickers` is not
                        * known. */
    double said_kg[3]; /* what had been shown of the day, 10, 50, 90 %, where that was kept: it is
                        * judged, instead of what the same evening gives now; NaN: not kept */
    double shoots_m2;  /* ready ones, counted before that day's picking, a square metre of the
                        * bushes, >= 0; NaN: nobody counted */
};
#define PICK_DAY_UNKNOWN                                                                           \
    ((struct pick_day){NAN, NAN, GROWTH_HOURS, NAN, NAN, NAN, NAN, {NAN, NAN, NAN}, NAN})

/* What is known about tomorrow. Begin from PICK_TOMORROW_UNKNOWN. */
struct pick_tomorrow {
    double growth_cd;   /* from a weather forecast; NaN: as the last three days, with doubt */
    double rain_chance; /* 0..1; NaN: 0.33 */
    double pickers; /* booked; 0: nobody will pick; NaN: the mean of the last two crews, in doubt */
};
#define PICK_TOMORROW_UNKNOWN ((struct pick_tomorrow){NAN, NAN, NAN})

/* Why a number is not given. */
enum pick_why {
    PICK_GIVEN,          /* all numbers are there */
    PICK_NO_DATA,        /* too much temperature is missing */
    PICK_BEFORE_SEASON,  /* no stable passing of 10 °C yet, and no pick noted lately */
    PICK_LATE_START,     /* warm from the first day fed: how warm it was before is not known; the
                          * first pick will tell, which is taken for the opening (5 % ready) */
    PICK_BEFORE_OPENING, /* too early for ready_kg and pickers; pick_kg for a crew that is booked */
    PICK_AFTER_SEASON,   /* the bushes are empty, or PICK_REST_DAYS without a pick */
    PICK_NO_SIZE,        /* neither last year's kg nor the area: share_ready only */
    PICK_NO_CREW,        /* pickers neither booked nor ever noted: no pick_kg */
    PICK_WHY_COUNT
};
/* For people, in English: what is missing, and what to do. "" for PICK_GIVEN. Static storage. */
const char *pick_why_text(enum pick_why why);

struct pick_estimate {
    enum pick_why why;
    double
        thermal_time; /* °C d since the stable passing; NaN unless the gates are open (PICK_GIVEN,
                       * NO_SIZE, NO_CREW), and all season long after a late start */
    double share_ready; /* of the season's shoots, picked ones included, 0..1; NaN as above */
    double spread_cd;   /* s of that curve, °C d; NaN as above */
    double ready_kg[3]; /* on the bushes tomorrow, 10, 50, 90 %; NaN as above or PICK_NO_SIZE. Wide,
                         * and rather too much, as long as the crew is far from clearing them: what
                         * nobody reaches shows in no note. */
    double counted_kg[3]; /* the same as ready.h says it, from a count of shoots; NaN as ready_kg,
                           * and without a count of the last READY_DAYS days or an area */
    double pick_kg[3];    /* will probably be picked, the same; NaN as above or PICK_NO_CREW. While
                           * picks  are noted it is given with PICK_NO_DATA and PICK_NO_SIZE, too: it
                           * follows  the notes and errs no more then. */
    double pickers;       /* a whole number that clears the stock in two days; NaN as ready_kg */
    enum pick_source by;
    double rule_kg[PICK_RULE_COUNT]; /* what the rules say; NaN: nothing, or pick_kg is not given */
};

/* Before the season's first day; the caller feeds from 1 January, or from the first day with
 * temperature. A prior that cannot be true (NaN, <= 0) is replaced by pick_prior_first()'s for one
 * leaf, field by field. The seed should be the plot's own and the same every time. */
void pick_begin(struct pick_model *model, const struct pick_prior *prior, uint64_t seed);
/* The next day. Days without any data are fed, too (PICK_DAY_UNKNOWN): none may be left out. */
void pick_learn(struct pick_model *model, const struct pick_day *day);
/* For the day after the last one fed. Changes nothing but scratch memory: asked twice, or not at
 * all, the days to come give the same numbers. Never NaN or negative where a number is promised. */
void pick_estimate(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                   struct pick_estimate *estimate);
/* What is weighed by the coefficients of trend_table.h, to fit them: as trend_features(), and
 * all of nets_features() after the first pick. NaN: no crew is known. `model` as in
 * pick_estimate(). */
double pick_features(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                     double x[NETS_FEATURES]);

/* The same of ready_features(). NaN: there is no count to go by, or no ready_kg. */
double pick_ready_features(struct pick_model *model, const struct pick_tomorrow *tomorrow,
                           double x[READY_FEATURES]);

/* Is it likely to be a slip, before it is stored? NaN: not known. Of a plot's day: more than all of
 * last season, or than the best gardens bear in a season on that area; of a picker: more than hands
 * can take, or five times more or less than of late (`usual_each_kg`). Kg 0 books pickers and is
 * never doubted. Returns what it is measured against, for people; NULL: nothing is wrong. */
struct pick_known {
    double area_m2, last_year_kg, usual_each_kg;
};
const char *pick_doubt(const struct pick_known *known, double kg, double pickers);
/* Kg of one picker and day over the last picks; NaN: no crew was noted. */
double pick_usual_each_kg(const struct pick_model *model);

/* How rainy a day was for who picks, 0..1, by its rain; NaN: not known, as a spring day is. */
double pick_rain_chance(double rain_mm);

/* Thermal time on the eve of the first pick of those days (in order, from a season's first on);
 * NaN: none was noted, or more than a fifth of the days before it has no temperature. */
double pick_opened_cd(const struct pick_day *days, int count);
/* The last day fed whose note was not believed (as many days ago: 0 the last one fed), -1: none. A
 * note far off the ones before it is doubted once: it teaches nothing and scores nothing; the next
 * one in a row is believed. */
int pick_doubted_ago(const struct pick_model *model);

#endif
