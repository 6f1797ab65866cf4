/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/output.h"

const struct output_kind *output_kind_of(enum output_type type)
{
    static const struct output_kind *const kinds[] = {
#define OUTPUT_KIND(constant, name) [OUTPUT_##constant] = &output_##name,
#include "gateway/led/outputs/kinds.def"
#undef OUTPUT_KIND
    };
    return kinds[type];
}
