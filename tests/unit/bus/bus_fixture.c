/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bus/bus_fixture.h"

int bus_set_up(void **state)
{
    (void)state;
    bench_reset();
    for (unsigned unit = 1; unit <= 4; unit++)
        bench.units[unit].there = true;
    return 0;
}

int bus_tear_down(void **state)
{
    (void)state;
    if (bench_bus != NULL)
        (void)bench_stop();
    return 0;
}
