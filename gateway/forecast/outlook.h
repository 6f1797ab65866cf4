/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is said of one plot, made of its hours and of what was noted in the app. It joins
 * the rules of this folder and adds none of its own but these: which of a day's numbers they get,
 * and when a number is not given. Pure, but for the calendar. */
#ifndef BAIYE_FORECAST_OUTLOOK_H
#define BAIYE_FORECAST_OUTLOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/forecast/ahead.h"
#include "gateway/forecast/disease.h"
#include "gateway/forecast/frost.h"
#include "gateway/forecast/hours.h"
#include "gateway/forecast/pick.h"
#include "gateway/forecast/season.h"
#include "gateway/forecast/water.h"

#define OUTLOOK_RECENT_DAYS 6 /* hours of so many days are enough for all but the season's days */
#define OUTLOOK_MOIST_HOURS 6 /* soil moisture: the mean of the last ones */

/* What does not change while the daemon runs. */
struct outlook_plot {
    enum pick_standard standard;
    double area_m2, last_year_kg; /* NAN: not known */
    double gate_cd;               /* of the cultivar, as the file names it; 0: it does not */
    double last_opened_cd;        /* outlook_look_back() on last season; NAN: not known */
    struct trend_last last;       /* the same */
    enum water_soil soil;
    double root_m;
    double latitude, longitude; /* NAN: the place is not known */
    double alarm_chance;        /* frost_input.alarm_chance */
    double canopy_below_k;      /* the air, where no sensor measures it, 0..6 */
    uint64_t seed; /* the plot's own: the same data give the same numbers after a restart */
};

/* What was noted of one day. */
struct outlook_note {
    bool picked, was_booked;    /* there is a note of what was picked; of who will come */
    double kg, booked;          /* sums over the day's notes */
    double pickers;             /* who came, see outlook_note_add(); 0: not known */
    double crew_sum, crew_most; /* of the notes with kilograms */
    bool was_said;              /* what had been shown of the day is kept: */
    double said_kg[3];          /* 10, 50, 90 % */
    double shoots, frames;      /* ready ones, counted in so many frames of READY_FRAME_M2 */
};

/* The season of a plot: kept, since only its last days change from hour to hour. `kg`, `pickers`
 * and `booked` of the days are not used. */
struct outlook_season {
    int32_t first_date; /* of which season; 0: none yet */
    struct pick_day days[SEASON_DAYS];
    double warm_cd[SEASON_DAYS]; /* growth_day.degree_days, which neither drought nor dry air
                                  * limits: the frost's gate, and what limits may take from */
    double night_k[SEASON_DAYS]; /* frost_error_k() of the night before that day's morning */
};

#define OUTLOOK_NIGHTS 2 /* after the one that frost.h is about: tomorrow's and the day after's */

struct outlook {
    struct pick_estimate estimate;
    struct pick_score score;
    double booked;              /* pickers for tomorrow; NAN: nobody said how many */
    double usual_each_kg;       /* of one picker and day, of late; NAN: not known */
    char why[320], why_zh[400]; /* "": nothing is missing */
    struct frost frost;
    struct {
        double least_c; /* of the weather forecast; NAN: not known */
        int64_t at_ms;
    } nights[OUTLOOK_NIGHTS];
    struct disease diseases[DISEASE_COUNT];
    struct water water;
};

/* Takes the hours in: every day of the season that begins at or after the first of them is made
 * anew; the others stay. A season's first call wants all of its hours. */
void outlook_take(const struct outlook_plot *plot, const struct season *season,
                  const struct tea_hours *hours, int64_t now_ms, struct outlook_season *days);
/* What a season that is over teaches the next one: its thermal time on the eve of the first noted
 * pick (NAN: not known), and what last_season() makes of it. */
void outlook_look_back(const struct outlook_season *days, const struct outlook_note *notes,
                       double *opened_cd, struct trend_last *last);
/* `hours`: the last OUTLOOK_RECENT_DAYS days at least. `notes`: by day of the season, one more than
 * it has days. `ahead`: NULL: nobody forecasts the weather. `model` is memory only. */
void outlook_make(const struct outlook_plot *plot, const struct season *season,
                  const struct tea_hours *hours, int64_t now_ms, const struct outlook_season *days,
                  const struct outlook_note *notes, const struct ahead *ahead,
                  struct pick_model *model, struct outlook *outlook);
/* Adds one note to its day's, in any order. One of pickers but no kilograms books them: who comes,
 * not what was picked. It may arrive after midnight from a phone that had no network; from the
 * day's afternoon on it says that they found nothing, unless kilograms were noted, too. Several
 * notes with kilograms are one crew that was weighed more than once, or teams that were weighed
 * apart: `pickers` is the largest or the sum of them, whichever lies nearer to the booking; without
 * a booking the largest. */
void outlook_note_add(struct outlook_note *note, int64_t day_begins_ms, int64_t noted_ms, double kg,
                      unsigned pickers);
/* Adds a count: so many ready shoots a frame of READY_FRAME_M2, in so many frames. */
void outlook_note_count(struct outlook_note *note, double shoots, unsigned frames);

#endif
