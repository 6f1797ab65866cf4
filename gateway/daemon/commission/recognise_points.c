/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement alone: points for what speaks for a profile. */
#include <stdlib.h>

#include "gateway/daemon/commission/recognise.h"

#define SURE_AHEAD   3
#define SURE_LEAST   6
#define LIKELY_AHEAD 2

int recognise_points(const struct recognise_evidence *evidence)
{
    int points = 2 * (int)evidence->good + (int)evidence->zero - 4 * (int)evidence->implausible;
    points += evidence->address == SAYS_FITS ? 4 : evidence->address == SAYS_OTHER ? -6 : 0;
    points += evidence->rate == SAYS_FITS ? 3 : evidence->rate == SAYS_OTHER ? -3 : 0;
    points += evidence->usual_line + evidence->usual_address;
    points += evidence->named ? 8 : 0;
    return points - (evidence->more ? 2 : 0);
}

static int by_points(const void *a, const void *b)
{
    const struct recognise_match *left = a, *right = b;
    return right->points - left->points;
}

enum recognise_sure recognise_judge(struct recognise_match *matches, unsigned count)
{
    if (count > 1)
        qsort(matches, count, sizeof *matches, by_points);
    if (count == 0 || matches[0].points <= 0)
        return RECOGNISE_NONE;
    int ahead = count > 1 ? matches[0].points - matches[1].points : SURE_AHEAD;
    if (ahead >= SURE_AHEAD && matches[0].points >= SURE_LEAST)
        return RECOGNISE_SURE;
    return ahead >= LIKELY_AHEAD ? RECOGNISE_LIKELY : RECOGNISE_PERHAPS;
}

const char *recognise_sure_name(enum recognise_sure sure)
{
    static const char *const names[] = {"unknown", "perhaps", "likely", "sure"};
    return names[sure];
}
