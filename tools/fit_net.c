/* SPDX-License-Identifier: Apache-2.0 */
/* Fits one small net for tools/fit-forecast, which compiles it: 107 features, two layers of what is
 * above 0, one number, ln of what the pick is beside the second rule. Least absolute error of the
 * kg, by Adam (Kingma 2015) with a rate that falls as a cosine.
 *
 *   fit_net ROWS WEIGHTS SEED EPOCHS
 *
 * ROWS: floats of this machine, FEATURES + 4 a row: the features, each less its mean and by its
 * spread; ln of the second rule; ln of the pick; kg in the season's mean day; the row's weight.
 * Shuffled already: what stands together is learned from together. WEIGHTS: floats, layer by layer,
 * by input; a layer's offsets after its weights. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FEATURES 107
#define FIRST    48
#define SECOND   32
#define TOGETHER 32 /* rows that stand together */
#define BATCH    32 /* of those in a step */

#define RATE    2e-3F
#define DECAY   3e-4F /* of weights, a step at full rate */
#define SLOW    500   /* steps until the rate is full */
#define SMOOTH  0.05F /* mean days: an error below is squared rather than absolute */
#define MISS_LN 3.0F
#define PI      3.14159265358979

struct row {
    float x[FEATURES], base_ln, true_ln, kg, weight;
};

#define WEIGHTS ((FEATURES + 1) * FIRST + (FIRST + 1) * SECOND + SECOND + 1)

union net {
    struct {
        float first[FEATURES][FIRST], first_at[FIRST];
        float second[FIRST][SECOND], second_at[SECOND];
        float last[SECOND], last_at;
    };
    float all[WEIGHTS];
};

/* What rows make of it, and which way it is to go. */
struct pass {
    float first[TOGETHER][FIRST], second[TOGETHER][SECOND];
    float first_slope[TOGETHER][FIRST], second_slope[TOGETHER][SECOND], slope[TOGETHER];
};

static uint64_t chance = 88172645463325252;

static double uniform(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (double)(chance >> 11) * 0x1p-53;
}

static float normal(double spread)
{
    return (float)(spread * sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * PI * uniform()));
}

static void begin(union net *net)
{
    memset(net, 0, sizeof *net);
    for (int i = 0; i < FEATURES; i++)
        for (int j = 0; j < FIRST; j++)
            net->first[i][j] = normal(0.7 * sqrt(2.0 / FEATURES));
    for (int i = 0; i < FIRST; i++)
        for (int j = 0; j < SECOND; j++)
            net->second[i][j] = normal(sqrt(2.0 / FIRST));
    for (int i = 0; i < SECOND; i++)
        net->last[i] = normal(0.01);
}

static void forward(const union net *net, const struct row *rows, struct pass *pass)
{
    for (int r = 0; r < TOGETHER; r++) {
        float first[FIRST], second[SECOND], sum = net->last_at;
        memcpy(first, net->first_at, sizeof first);
        for (int i = 0; i < FEATURES; i++)
            for (int j = 0; j < FIRST; j++)
                first[j] += rows[r].x[i] * net->first[i][j];
        for (int j = 0; j < FIRST; j++)
            pass->first[r][j] = first[j] > 0 ? first[j] : 0;
        memcpy(second, net->second_at, sizeof second);
        for (int i = 0; i < FIRST; i++)
            for (int j = 0; j < SECOND; j++)
                second[j] += pass->first[r][i] * net->second[i][j];
        for (int j = 0; j < SECOND; j++)
            pass->second[r][j] = second[j] > 0 ? second[j] : 0;
        for (int j = 0; j < SECOND; j++)
            sum += pass->second[r][j] * net->last[j];
        const struct row *row = &rows[r];
        float ln = row->base_ln + sum - row->true_ln;
        ln = ln > MISS_LN ? MISS_LN : ln < -MISS_LN ? -MISS_LN : ln;
        float kg = row->kg * expf(ln), off = kg - row->kg;
        pass->slope[r] = row->weight * kg * off / sqrtf(off * off + SMOOTH * SMOOTH);
    }
}

/* Adds the slopes of the error, back from the last layer. */
static void backward(const union net *net, const struct row *rows, struct pass *pass,
                     union net *slope)
{
    for (int r = 0; r < TOGETHER; r++) {
        slope->last_at += pass->slope[r];
        for (int j = 0; j < SECOND; j++) {
            slope->last[j] += pass->slope[r] * pass->second[r][j];
            pass->second_slope[r][j] = pass->second[r][j] > 0 ? pass->slope[r] * net->last[j] : 0;
            slope->second_at[j] += pass->second_slope[r][j];
        }
        for (int i = 0; i < FIRST; i++) {
            float sum = 0;
            for (int j = 0; j < SECOND; j++)
                sum += net->second[i][j] * pass->second_slope[r][j];
            pass->first_slope[r][i] = pass->first[r][i] > 0 ? sum : 0;
            slope->first_at[i] += pass->first_slope[r][i];
        }
    }
    for (int i = 0; i < FIRST; i++)
        for (int r = 0; r < TOGETHER; r++)
            for (int j = 0; j < SECOND; j++)
                slope->second[i][j] += pass->first[r][i] * pass->second_slope[r][j];
    for (int i = 0; i < FEATURES; i++) {
        float sum[FIRST];
        memcpy(sum, slope->first[i], sizeof sum);
        for (int r = 0; r < TOGETHER; r++)
            for (int j = 0; j < FIRST; j++)
                sum[j] += rows[r].x[i] * pass->first_slope[r][j];
        memcpy(slope->first[i], sum, sizeof sum);
    }
}

static void adam_step(union net *net, const union net *slope, long number, long steps)
{
    static float mean[WEIGHTS], square[WEIGHTS];
    double n = (double)number;
    float rate = (float)(RATE * fmin(1, n / SLOW) * (1 + cos(PI * n / (double)steps)) / 2);
    float mean_by = (float)(1 / (1 - pow(0.9, n))), square_by = (float)(1 / (1 - pow(0.999, n)));
    for (int i = 0; i < WEIGHTS; i++) {
        float own = slope->all[i] / (TOGETHER * BATCH);
        mean[i] += 0.1F * (own - mean[i]);
        square[i] += 0.001F * (own * own - square[i]);
        net->all[i] -= rate * (mean[i] * mean_by / (sqrtf(square[i] * square_by) + 1e-8F) +
                               DECAY * net->all[i]);
    }
}

static void shuffle(uint32_t *order, long count)
{
    for (long i = count - 1; i > 0; i--) {
        long j = (long)(uniform() * (double)(i + 1));
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void fit(union net *net, const struct row *rows, uint32_t *order, long count, int epochs)
{
    static union net slope;
    static struct pass pass;
    long steps = count / BATCH;
    for (long number = 0; number < epochs * steps; number++) {
        if (number % steps == 0)
            shuffle(order, count);
        memset(&slope, 0, sizeof slope);
        for (int i = 0; i < BATCH; i++) {
            const struct row *some = rows + (size_t)order[number % steps * BATCH + i] * TOGETHER;
            forward(net, some, &pass);
            backward(net, some, &pass, &slope);
        }
        adam_step(net, &slope, number + 1, epochs * steps);
    }
}

static int failed(const char *what)
{
    fprintf(stderr, "fit_net: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    static union net net;
    if (argc != 5) {
        fprintf(stderr, "usage: fit_net ROWS WEIGHTS SEED EPOCHS\n");
        return 64;
    }
    struct stat size;
    int file = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &size) != 0)
        return failed(argv[1]);
    const struct row *rows = mmap(NULL, (size_t)size.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (rows == MAP_FAILED)
        return failed(argv[1]);
    long count = (long)((size_t)size.st_size / sizeof(struct row[TOGETHER]));
    uint32_t *order = calloc((size_t)count + 1, sizeof *order);
    if (order == NULL)
        return failed(argv[1]);
    for (long i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    chance += strtoull(argv[3], NULL, 10) * 7919;
    for (int i = 0; i < 50; i++)
        (void)uniform();
    begin(&net);
    fit(&net, rows, order, count, (int)strtol(argv[4], NULL, 10));
    free(order);
    FILE *out = fopen(argv[2], "wb");
    if (out == NULL || fwrite(&net, sizeof net, 1, out) != 1 || fclose(out) != 0)
        return failed(argv[2]);
    return 0;
}
