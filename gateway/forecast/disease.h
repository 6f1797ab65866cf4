/* SPDX-License-Identifier: Apache-2.0 */
/* How much the weather of the last five days favours the three leaf diseases of a tea garden. It
 * says what the weather allowed, never that a leaf is ill, nor that something must be sprayed.
 * Pure.
 *
 * - Infection: the generic model of Magarey, Sutton & Thayer 2005 (Phytopathology 95:92): at a mean
 *   temperature T a leaf must stay wet for W(T) = Wmin / f(T) hours, at most Wmax, with
 *   f = ((Tmax-T)/(Tmax-Topt)) ((T-Tmin)/(Topt-Tmin))^((Topt-Tmin)/(Tmax-Topt)); outside Tmin..Tmax
 *   nothing infects. Cardinal values are this project's defaults, from what is published of:
 *     blister blight (Exobasidium vexans)  5 / 17.5 / 27 °C, Wmin 8 h   best at 15-20 °C
 *     white star (Phyllosticta theaefolia) 8 / 20 / 32 °C,   Wmin 5 h   >= 5 h wet, best 16-24 °C
 *     anthracnose (Gloeosporium, Colletotrichum) 10 / 25 / 35 °C, Wmin 8 h   >= 8 h, 20-30 °C
 *   Wmax of 48 h, and that two dry hours do not end a wet period, are assumptions.
 * - Wet hours: rain of 0.2 mm and more, leaf wetness of 50 % and more where it is measured, else
 *   humidity of 90 % and more, a common stand-in, which is T - dew point below some 1.7 K.
 * - Blister blight, by Visser 1961: sunshine of 3.75 h a day and more, in the mean of five days,
 *   keeps it below what harms the crop; 2.5 mm of rain in a day make its spores germinate well.
 *   That a dull week tells nothing without wet hours is this project's rule. */
#ifndef BAIYE_FORECAST_DISEASE_H
#define BAIYE_FORECAST_DISEASE_H

#include <stdint.h>

#include "gateway/forecast/hours.h"

#define DISEASE_DAYS       5
#define DISEASE_HOURS      (DISEASE_DAYS * 24)
#define DISEASE_KNOWN_MIN  96   /* of them: 80 % */
#define DISEASE_WET_MOST_H 48.0 /* Wmax */
#define DISEASE_SUN_H      3.75
#define DISEASE_RAIN_MM    2.5

enum disease_kind { DISEASE_BLISTER_BLIGHT = 0, DISEASE_WHITE_STAR, DISEASE_ANTHRACNOSE };
#define DISEASE_COUNT 3

/* In the order of risk. */
enum disease_level { DISEASE_UNKNOWN = -1, DISEASE_LOW = 0, DISEASE_MEDIUM, DISEASE_HIGH };

struct disease_input {
    struct tea_hours recent; /* the last DISEASE_HOURS that are over; fewer are missing ones */
    double latitude, longitude;
};

struct disease {
    enum disease_level level;
    double share; /* hours of the worst wet period, by those that infect at its temperature */
    double wet_h, temp_c; /* of that period; 0, NAN: none */
    char why[160], why_zh[200];
};

/* All three. */
void disease_judge(const struct disease_input *input, struct disease diseases[DISEASE_COUNT]);

/* "blister_blight", …; "low", "medium", "high", NULL for DISEASE_UNKNOWN. */
const char *disease_name(enum disease_kind kind);
const char *disease_level_name(enum disease_level level);
/* W(T) in hours; INFINITY where it never infects. */
double disease_wet_needed_h(enum disease_kind kind, double temp_c);
/* Mean hours of sunshine a day: hours whose light is above 0.4 of a clear sky's. NAN when less than
 * 80 % of the day's hours are known. */
double disease_sunshine_h(const struct disease_input *input);

#endif
