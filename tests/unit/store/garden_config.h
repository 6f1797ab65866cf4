/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration made in memory: `devices` nodes of three values, one plot, `brokers` brokers. */
#ifndef BAIYE_GARDEN_CONFIG_H
#define BAIYE_GARDEN_CONFIG_H

#include "gateway/daemon/config/config.h"

struct config *garden_config(unsigned devices, unsigned brokers, const char *store_path);
/* Gives every device `values` values (1..10, three at first), also to garden_reading(). */
void garden_widen(struct config *config, unsigned values);
void garden_config_free(struct config *config);
/* A trusted reading of that device, values made from seq: air_temperature seq/100 and so on. */
struct reading garden_reading(uint16_t device, uint32_t boot, uint32_t seq, int64_t wall_ms);
/* A new folder below the temporary one; the path of a store in it. */
void garden_store_path(char *path, size_t size);
void garden_remove(const char *path);

#endif
