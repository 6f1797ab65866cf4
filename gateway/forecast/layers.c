/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/layers.h"

#include <limits.h>
#include <stdint.h>

/* 1,024 values of 21 bits by weights of 16 bits are less than 2^47. */
static void add_up(const struct layer *layer, const int *values, int64_t sums[LAYER_OUTPUTS])
{
    const short *weight = layer->weights;
    for (int j = 0; j < layer->outputs; j++)
        sums[j] = layer->offsets[j];
    for (int i = 0; i < layer->inputs; i++)
        for (int j = 0; j < layer->outputs; j++)
            sums[j] += (int64_t)values[i] * *weight++;
}

static int64_t limited(int64_t sum, int64_t low, int64_t high)
{
    return sum < low ? low : sum > high ? high : sum;
}

int layers_output(const struct layer *layers, int count, const int *values)
{
    int64_t sums[LAYER_OUTPUTS] = {0};
    int between[LAYER_OUTPUTS] = {0};
    for (int l = 0; l < count; l++) {
        add_up(&layers[l], l == 0 ? values : between, sums);
        for (int j = 0; j < layers[l].outputs; j++)
            between[j] = (int)limited(sums[j] / LAYER_WEIGHT_ONE, 0, LAYER_VALUE_MOST);
    }
    return (int)limited(sums[0], INT_MIN, INT_MAX);
}
