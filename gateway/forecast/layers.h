/* SPDX-License-Identifier: Apache-2.0 */
/* A small neural net (Rumelhart 1986, with rectified units: Nair 2010) in whole numbers: what it
 * says is the same to the bit on every machine, whatever a compiler makes of sums. Between the
 * layers only what is above 0 goes on. No heap; bounded by the layers' sizes. Pure. */
#ifndef BAIYE_FORECAST_LAYERS_H
#define BAIYE_FORECAST_LAYERS_H

#define LAYER_ONE         1024                           /* a value of 1; ... */
#define LAYER_WEIGHT_ONE  4096                           /* ... a weight of 1; ... */
#define LAYER_SUM_ONE     (LAYER_ONE * LAYER_WEIGHT_ONE) /* ... a sum of 1 */
#define LAYER_OUTPUTS     64                             /* of a layer, at most */
#define LAYER_INPUTS_MOST 1024
#define LAYER_VALUE_MOST  (1 << 20) /* what goes on to the next layer */

struct layer {
    int inputs, outputs;
    const short *weights; /* inputs x outputs of them: those of the first input come first */
    const int *offsets;   /* as sums */
};

/* The one output of the last of `count` layers, as a sum, limited to 32 bits. `values`: of the
 * first layer's inputs, each at most LAYER_VALUE_MOST from 0. */
int layers_output(const struct layer *layers, int count, const int *values);

#endif
