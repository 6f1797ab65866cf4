/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/reading.h"

static const char *const gap_names[GAP_WHY_COUNT] = {
    "timeout", "garbled", "exception", "bus_down", "overflow", "quota", "node_log", "damaged",
};

const char *gap_why_name(enum gap_why why)
{
    return (unsigned)why < GAP_WHY_COUNT ? gap_names[why] : "unknown";
}
