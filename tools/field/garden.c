/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/garden.h"

#include <stdarg.h>
#include <stdio.h>

#define NS_PER_MS 1000000

double garden_time_s(const struct garden *garden, int64_t at_ns)
{
    double elapsed_s = (double)(at_ns - garden->started_ns) * 1e-9;
    return (double)garden->weather_start_s + elapsed_s * garden->scene->weather.speed;
}

int64_t garden_wall_ms(int64_t at_ns)
{
    return loop_wall_ms() + (at_ns - loop_now_ns()) / NS_PER_MS;
}

void garden_log(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)fprintf(stderr, "baiye-field: %s\n", text);
}
