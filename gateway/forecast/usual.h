/* SPDX-License-Identifier: Apache-2.0 */
/* What a picker brings on a usual day of this farm: many guesses at what the farm is like, each
 * with a filter of its own (a local level, Kalman 1960), weighed by how well it explains the
 * season's picks (Magill 1965, "Optimal adaptive estimation"). A guess says what rain takes, how
 * far apart days lie, how fast the level goes, and whether the crew is at the market on every fifth
 * day. Pure. */
#ifndef BAIYE_FORECAST_USUAL_H
#define BAIYE_FORECAST_USUAL_H

/* How likely each guess is but for the market's day, which is another one each year. They add up to
 * 1; all 0: not known. */
#define USUAL_HABITS 72
struct usual_habits {
    double chance[USUAL_HABITS];
};

struct usual_pick {
    unsigned day;
    double each_ln, rain; /* ln kg per picker; 0..1 */
};

/* Means over the guesses. */
struct usual {
    double each_ln;   /* without rain and market */
    double market_ln; /* what the market takes from it tomorrow: 0 or less */
    double rain_ln;   /* what rain takes */
    double noise_ln;  /* standard deviation of a day */
    double speed_ln;  /* of the level, from pick to pick */
};

#define USUAL_PICKS_MOST 120

/* `picks`, in order, 1 to USUAL_PICKS_MOST of them; `tomorrow` is a day as theirs are. `learned`:
 * what they teach of the farm's habits; may be NULL. */
struct usual usual_look(const struct usual_pick *picks, unsigned count, unsigned tomorrow,
                        const struct usual_habits *before, struct usual_habits *learned);

#endif
