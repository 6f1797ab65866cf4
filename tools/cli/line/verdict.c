/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/line/verdict.h"

#define ENOUGH       4   /* requests to a device before its silence says anything */
#define MASTER_LEAST 2   /* one answer in thousands looks like a request */
#define BABBLE_SHARE 0.3 /* of all that the line could carry */
#define NOISE_LEAST  3   /* bytes, while the line was listened to */
#define MOST         0.8 /* nearly all */
/* of short answers: no bad contact leaves so many devices' frames whole */
#define TWINS_SHARE  0.3
#define AGAIN_SHARE  0.1
#define CLEAN        0.02 /* what a healthy line may have */
#define BAD          0.03
#define FEW          4u  /* errors that may be chance */
#define FAR_TIMES    4   /* so many times more errors behind a joint than before it */
#define LENGTH_SHARE 0.5 /* of the growth that errors of single bytes would have */

double verdict_share(const struct verdict_tries *tries)
{
    return tries->all > 0 ? (double)(tries->silent + tries->garbled) / tries->all : 0;
}

struct judge {
    const struct verdict_line *line;
    struct verdict *out;
    unsigned count;
    bool told[VERDICT_DEVICES]; /* something is known of this device: it says nothing of the line */
};

static void add(struct judge *judge, enum verdict_kind kind, int device, int other)
{
    if (judge->count < VERDICT_MAX)
        judge->out[judge->count++] =
            (struct verdict){.kind = kind, .device = device, .other = other};
}

static struct verdict_tries sum(const struct verdict_device *device)
{
    const struct verdict_tries *a = &device->brief, *b = &device->lengthy;
    return (struct verdict_tries){a->all + b->all, a->good + b->good, a->silent + b->silent,
                                  a->garbled + b->garbled};
}

static unsigned errors(const struct verdict_tries *tries)
{
    return tries->silent + tries->garbled;
}

static struct verdict_tries all_of(const struct judge *judge, unsigned from, unsigned to)
{
    struct verdict_tries all = {0};
    for (unsigned i = from; i < to; i++) {
        struct verdict_tries one = sum(&judge->line->devices[i]);
        if (judge->told[i])
            continue;
        all.all += one.all;
        all.good += one.good;
        all.silent += one.silent;
        all.garbled += one.garbled;
    }
    return all;
}

/* ---- what is heard without asking, and in spite of it ---- */

static void judge_others(struct judge *judge)
{
    const struct verdict_line *line = judge->line;
    double heard_s = line->listened_s > 0 ? line->noise / line->listened_s : 0;
    bool master = line->others >= MASTER_LEAST;
    if (heard_s > BABBLE_SHARE * line->bytes_s)
        add(judge, VERDICT_BABBLE, -1, -1);
    else if (!master && line->noise >= NOISE_LEAST)
        add(judge, VERDICT_BIAS, -1, -1);
    if (master)
        add(judge, VERDICT_MASTER, -1, -1);
    if (line->asked > 0 && line->echoed > MOST * line->asked)
        add(judge, VERDICT_ECHO, -1, -1);
}

/* ---- nobody answers ---- */

/* The one rate at which all that were found answer; NULL: several, or none was found. */
static const struct serial_timing *one_rate(const struct verdict_line *line)
{
    const struct serial_timing *one = NULL;
    for (unsigned i = 0; i < line->count; i++) {
        const struct serial_timing *other = &line->devices[i].other;
        if (other->baud == 0)
            continue;
        if (one != NULL && (one->baud != other->baud || one->parity != other->parity))
            return NULL;
        one = other;
    }
    return one;
}

static unsigned judge_rates(struct judge *judge)
{
    unsigned found = 0;
    for (unsigned i = 0; i < judge->line->count; i++) {
        if (judge->line->devices[i].other.baud == 0)
            continue;
        add(judge, VERDICT_RATE, (int)i, -1);
        judge->told[i] = true;
        found++;
    }
    return found;
}

static void judge_dead(struct judge *judge, const struct verdict_tries *all)
{
    const struct verdict_line *line = judge->line;
    if (one_rate(line) != NULL && line->count > 1)
        add(judge, VERDICT_RATE, -1, -1);
    else if (judge_rates(judge) > 0)
        return;
    else if (line->breaks > MOST * line->asked)
        add(judge, VERDICT_SWAPPED, -1, -1);
    else if (all->garbled * 2 > all->all)
        add(judge, VERDICT_GARBAGE, -1, -1);
    else
        add(judge, VERDICT_LINE_SILENT, -1, -1);
}

/* ---- some do ---- */

/* Are the others well? */
static bool is_alone(const struct judge *judge, unsigned device)
{
    struct verdict_tries others = {0};
    for (unsigned i = 0; i < judge->line->count; i++) {
        struct verdict_tries one = sum(&judge->line->devices[i]);
        if (i == device || judge->told[i] || one.good == 0)
            continue;
        others.all += one.all;
        others.good += one.good;
        others.garbled += one.garbled + one.silent;
    }
    return others.all >= ENOUGH && others.garbled <= BAD * others.all;
}

static void judge_device(struct judge *judge, unsigned i)
{
    const struct verdict_device *device = &judge->line->devices[i];
    struct verdict_tries all = sum(device);
    if (judge->told[i] || all.all < ENOUGH)
        return;
    bool twice = device->again >= ENOUGH && device->again > AGAIN_SHARE * device->waited;
    bool torn = device->brief.garbled > TWINS_SHARE * device->brief.all &&
                device->brief.garbled >= FEW && is_alone(judge, i);
    judge->told[i] = true;
    if (all.good == 0 && all.silent > MOST * all.all)
        add(judge, VERDICT_DEVICE_SILENT, (int)i, -1);
    else if (twice || torn)
        add(judge, VERDICT_TWINS, (int)i, -1);
    else
        judge->told[i] = false;
}

/* Do errors begin behind the first `near` devices? Each of those behind has its share, and were
 * those before no better, they would have had many more. */
static bool splits(const struct judge *judge, unsigned near)
{
    struct verdict_tries before = all_of(judge, 0, near),
                         behind = all_of(judge, near, judge->line->count);
    double share = verdict_share(&behind);
    if (before.all < ENOUGH || errors(&behind) <= FEW || share < BAD ||
        verdict_share(&before) > CLEAN || share * before.all < FAR_TIMES * (errors(&before) + 1.0))
        return false;
    for (unsigned i = near; i < judge->line->count; i++) {
        struct verdict_tries one = sum(&judge->line->devices[i]);
        if (!judge->told[i] && verdict_share(&one) < share / FAR_TIMES)
            return false;
    }
    return true;
}

static bool judge_joint(struct judge *judge)
{
    const struct verdict_line *line = judge->line;
    for (unsigned near = 1; near < line->count; near++) {
        unsigned behind = 0;
        for (unsigned i = near; i < line->count; i++)
            behind += !judge->told[i];
        if (judge->told[near - 1] || judge->told[near] || !splits(judge, near))
            continue;
        add(judge, behind > 1 ? VERDICT_JOINT : VERDICT_ERRORS,
            behind > 1 ? (int)near - 1 : (int)near, behind > 1 ? (int)near : -1);
        return true;
    }
    return false;
}

/* Errors of single bytes: as many times more in a long answer as it has more bytes. */
static bool grows(const struct judge *judge)
{
    struct verdict_tries brief = {0}, lengthy = {0};
    double brief_bytes = 0, lengthy_bytes = 0;
    for (unsigned i = 0; i < judge->line->count; i++) {
        const struct verdict_device *device = &judge->line->devices[i];
        if (judge->told[i])
            continue;
        brief.all += device->brief.all;
        brief.garbled += errors(&device->brief);
        brief_bytes += (double)device->brief.all * device->brief_bytes;
        lengthy.all += device->lengthy.all;
        lengthy.garbled += errors(&device->lengthy);
        lengthy_bytes += (double)device->lengthy.all * device->lengthy_bytes;
    }
    if (brief.all < ENOUGH || lengthy.all < ENOUGH || lengthy.garbled <= FEW)
        return false;
    double growth = lengthy_bytes / lengthy.all / (brief_bytes / brief.all);
    double few = brief.garbled > 0 ? brief.garbled : 0.5;
    return verdict_share(&lengthy) > growth * LENGTH_SHARE * few / brief.all;
}

/* The one device that has nearly all errors; -1: there is none. */
static int worst(const struct judge *judge)
{
    for (unsigned i = 0; i < judge->line->count; i++) {
        struct verdict_tries one = sum(&judge->line->devices[i]);
        if (!judge->told[i] && errors(&one) > FEW && verdict_share(&one) > BAD &&
            is_alone(judge, i))
            return (int)i;
    }
    return -1;
}

static void judge_errors(struct judge *judge)
{
    struct verdict_tries all = all_of(judge, 0, judge->line->count);
    int one;
    if (errors(&all) <= FEW || judge_joint(judge))
        return;
    if ((one = worst(judge)) >= 0)
        add(judge, VERDICT_ERRORS, one, -1);
    else if (verdict_share(&all) > BAD)
        add(judge, grows(judge) ? VERDICT_TERMINATION : VERDICT_ERRORS, -1, -1);
}

unsigned verdict_decide(const struct verdict_line *line, struct verdict *out)
{
    struct judge judge = {.line = line, .out = out};
    struct verdict_tries all = all_of(&judge, 0, line->count);
    judge_others(&judge);
    bool disturbed = judge.count > 0 && out[0].kind != VERDICT_ECHO;
    bool babble = disturbed && out[0].kind == VERDICT_BABBLE;
    if (all.all >= ENOUGH && all.good == 0) {
        if (!babble)
            judge_dead(&judge, &all);
    } else {
        if (line->silent_before && all.good > 0)
            add(&judge, VERDICT_DEAF, -1, -1);
        (void)judge_rates(&judge);
        for (unsigned i = 0; i < line->count; i++)
            judge_device(&judge, i);
        if (!disturbed) /* errors are those of what was heard */
            judge_errors(&judge);
    }
    if (judge.count == 0)
        add(&judge, VERDICT_FINE, -1, -1);
    return judge.count;
}

const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[VERDICT_KINDS] = {
        "fine",  "swapped",       "termination", "bias",    "joint",
        "twins", "echo",          "rate",        "master",  "babble",
        "deaf",  "device-silent", "line-silent", "garbage", "errors"};
    return names[kind];
}
