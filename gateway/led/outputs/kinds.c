/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/output.h"

const struct output_kind *output_kind_of(enum output_type type)
{
    switch (type) {
    case OUTPUT_DDP:
        return &output_ddp;
    case OUTPUT_FRAMEBUFFER:
        return &output_framebuffer;
    case OUTPUT_PNG:
        return &output_png;
    case OUTPUT_TERMINAL:
        break;
    }
    return &output_terminal;
}
