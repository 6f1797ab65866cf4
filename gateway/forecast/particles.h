/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of pick.h: the cloud of particles, each a garden that could be this one. Works on the
 * caller's struct pick_model; its thread. Weights add up to 1 after every call. Cost: every call
 * visits each particle once, a handful of exp each; a percentile sorts the scratch memory. */
#ifndef BAIYE_FORECAST_PARTICLES_H
#define BAIYE_FORECAST_PARTICLES_H

#include "gateway/forecast/pick_model.h"

/* Tomorrow or today as the particles see it; all are numbers here. */
struct pick_outlook {
    double growth_cd, growth_doubt; /* °C d, and the standard deviation of its logarithm */
    double rain_chance;             /* 0..1 */
    double pickers;                 /* >= 0; NaN: not known */
    double pickers_doubt;           /* as growth_doubt; 0: booked */
};

/* Draws the particles from model->prior, nothing on the bushes yet. */
void particles_begin(struct pick_model *model);
/* The season begins at model->thermal_time: what has reached the standard so far is on the
 * bushes. */
void particles_open(struct pick_model *model);
/* A day's growth after that; moves model->thermal_time on. */
void particles_grow(struct pick_model *model, double growth_cd);
/* Weighs by a note of kg > 0 and takes them off the bushes. Without `pickers` it only says that the
 * bushes bore so much. false: it was not believed, since no particle can explain it or the caller
 * finds it `odd`; the next one in a row is, whatever it says. */
bool particles_note(struct pick_model *model, double kg, double pickers, double rain_chance,
                    bool odd);
/* A day without a note: this share of the particles picks as `outlook->pickers` (a number)
 * would. */
void particles_guess(struct pick_model *model, double share, const struct pick_outlook *outlook);
/* After a day in the picking season: the level drifts, and the poor give way to the rich. */
void particles_drift(struct pick_model *model);

/* 10, 50 and 90 % of what is on the bushes tomorrow, and of what `outlook->pickers` (a number) will
 * take from it. The caller's chance, so that asking changes no day to come. */
void particles_foresee_ready(struct pick_model *model, const struct pick_outlook *outlook,
                             struct chance *chance, double ready_kg[3]);
void particles_foresee_pick(struct pick_model *model, const struct pick_outlook *outlook,
                            struct chance *chance, double pick_kg[3]);
/* Weighted means. */
double particles_share_ready(const struct pick_model *model);
double particles_share_left(const struct pick_model *model); /* stock of the season's kg */
struct pick_particle particles_mean(const struct pick_model *model);

#endif
