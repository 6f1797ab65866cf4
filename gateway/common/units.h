/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units as people write them in the configuration: "250ms", "10min", "512MB",
 * "30MB/month", "2.5mu"; and addresses. Pure; false when the text is none. */
#ifndef BAIYE_COMMON_UNITS_H
#define BAIYE_COMMON_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number and nothing else. Finite. */
bool units_number(const char *text, double *value);
/* A whole number, decimal or 0x…, and nothing else. */
bool units_integer(const char *text, int64_t *value);
/* us, ms, s, min, h, d. */
bool units_duration_us(const char *text, uint64_t *us);
/* B, kB, MB, GB (powers of 1000), KiB, MiB, GiB; "/month" may follow. */
bool units_bytes(const char *text, uint64_t *bytes);
/* m2, ha, mu (666.7 m²). */
bool units_area_m2(const char *text, double *m2);
bool units_length_m(const char *text, double *m); /* cm, m */
bool units_mass_kg(const char *text, double *kg); /* kg, jin, t */
/* host:port, [v6]:port; `port` keeps its value when the text names none. */
bool units_host(const char *text, char *host, size_t size, uint16_t *port);

#endif
