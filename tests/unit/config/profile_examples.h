/* SPDX-License-Identifier: Apache-2.0 */
/* One answer of a device by each shipped profile, and what it means: test_profiles.c. */
#ifndef TESTS_CONFIG_PROFILE_EXAMPLES_H
#define TESTS_CONFIG_PROFILE_EXAMPLES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#define ABSENT  NAN
#define READS   16
#define METRICS 24

/* `source`: where the frame is documented, or the register table that it was made by. `answers`:
 * unit to last data byte, in hex, one for each request of the plan; the CRC is added unless it is
 * given (`crc`). `asks`: the first request, with CRC, where the maker gives it. */
struct example {
    const char *profile, *source, *asks, *answers[READS];
    bool crc;
    struct {
        const char *metric;
        double value;
    } expected[METRICS];
};

extern const struct example meters_examples[], machines_examples[], probes_examples[];
extern const size_t meters_example_count, machines_example_count, probes_example_count;

#endif
