/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/last_season.h"

#include "gateway/common/chance.h"

#define SLIP_LN    1.386294361 /* ln 4 */
#define GAP_MOST   8           /* days: longer ones are no rounds */
#define FEWEST     3           /* picks that make a season's course */
#define UNKNOWN_LN (-1e9)

static bool is_pick(const struct pick_day *day)
{
    return day->kg > 0 && day->kg <= PICK_KG_MAX;
}

/* ln kg per picker; UNKNOWN_LN: nobody noted the crew. */
static double each_ln(const struct pick_day *day)
{
    bool known = is_pick(day) && day->pickers > 0 && day->pickers <= PICK_PICKERS_MAX;
    return known ? chance_log(day->kg / day->pickers) : UNKNOWN_LN;
}

struct picked {
    double each_ln, crew_most;
    int known; /* of the picks: with a crew */
};

static struct picked crews_of(const struct pick_day *days, int count, double around_ln)
{
    struct picked of = {0};
    for (int i = 0; i < count; i++) {
        double ln = each_ln(&days[i]);
        if (ln <= UNKNOWN_LN || fabs(ln - around_ln) > SLIP_LN)
            continue;
        of.each_ln += ln;
        of.crew_most = fmax(of.crew_most, days[i].pickers);
        of.known++;
    }
    of.each_ln /= of.known > 0 ? of.known : 1;
    return of;
}

/* The middle one, which slips do not move. NAN: no crew was noted. */
static double middle_ln(const struct pick_day *days, int count)
{
    double least = HUGE_VAL;
    double middle = NAN;
    for (int i = 0; i < count; i++) {
        double ln = each_ln(&days[i]), off = 0;
        for (int j = 0; j < count; j++)
            off += each_ln(&days[j]) > UNKNOWN_LN ? fabs(each_ln(&days[j]) - ln) : 0;
        if (ln > UNKNOWN_LN && off < least) {
            least = off;
            middle = ln;
        }
    }
    return middle;
}

/* Of the picks that are no slips. */
static struct usual_habits habits_of(const struct pick_day *days, int count, double around_ln)
{
    struct usual_pick picks[USUAL_PICKS_MOST];
    struct usual_habits habits = {{0}}, learned;
    unsigned known = 0;
    for (int i = 0; i < count && known < USUAL_PICKS_MOST; i++) {
        double ln = each_ln(&days[i]);
        if (ln <= UNKNOWN_LN || fabs(ln - around_ln) > SLIP_LN)
            continue;
        picks[known++] = (struct usual_pick){(unsigned)i, ln, pick_rain_chance(days[i].rain_mm)};
    }
    if (known == 0)
        return habits;
    (void)usual_look(picks, known, (unsigned)count, &habits, &learned);
    return learned;
}

struct trend_last last_season(const struct pick_day *days, int count)
{
    struct trend_last last = TREND_LAST_UNKNOWN;
    double around_ln = middle_ln(days, count), warm_cd = 0, kg = 0, sum = 0, squares = 0;
    int picks = 0, gaps = 0, before = -1;
    for (int i = 0; i < count; i++) {
        double ln = each_ln(&days[i]);
        bool slip = ln > UNKNOWN_LN && fabs(ln - around_ln) > SLIP_LN;
        if (is_pick(&days[i])) {
            int gap = before < 0 ? 0 : i - before;
            gaps += gap < GAP_MOST ? gap : GAP_MOST;
            before = i;
            picks++;
        }
        if (is_pick(&days[i]) && !slip) {
            kg += days[i].kg;
            sum += days[i].kg * warm_cd;
            squares += days[i].kg * warm_cd * warm_cd;
        }
        warm_cd += before >= 0 && days[i].growth_cd >= 0 ? days[i].growth_cd : 0;
    }
    struct picked crews = crews_of(days, count, around_ln);
    if (crews.known > 0) {
        last.each_kg = chance_exp(crews.each_ln);
        last.crew_most = crews.crew_most;
        last.habits = habits_of(days, count, around_ln);
    }
    if (picks >= FEWEST && kg > 0) {
        last.kg = kg;
        last.gap_days = (double)gaps / (picks - 1);
        last.middle_cd = sum / kg;
        last.spread_cd = sqrt(fmax(0, squares / kg - last.middle_cd * last.middle_cd));
    }
    return last;
}
