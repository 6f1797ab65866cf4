/* SPDX-License-Identifier: Apache-2.0 */
/* Device profiles: what a device's registers mean, as data. One YAML file each, named after the
 * profile; gateway/profiles/README.md describes the keys. */
#ifndef BAIYE_CONFIG_PROFILE_H
#define BAIYE_CONFIG_PROFILE_H

#include "gateway/daemon/config/config.h"

/* Registers that a field takes up. */
unsigned profile_field_registers(const struct field_config *field);

/* The name's file in `profile_dir` (may be NULL) or else in the shipped folder; false when there
 * is none. */
bool profile_find(const char *name, const char *profile_dir, char *path, size_t size);
/* The profile's name most like `name` among those that exist, or "". */
void profile_nearest(const char *name, const char *profile_dir, char *nearest, size_t size);
/* Reads one file. False and an error when it is wrong. profile_free() in either case. */
bool profile_load(const char *path, const char *name, struct profile_config *profile,
                  struct config_error *error);
void profile_free(struct profile_config *profile);

#endif
