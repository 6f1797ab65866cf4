/* SPDX-License-Identifier: Apache-2.0 */
/* Device profiles: what a device's registers mean, as data. One YAML file each, named after the
 * profile; gateway/profiles/README.md describes the keys. */
#ifndef BAIYE_CONFIG_PROFILE_H
#define BAIYE_CONFIG_PROFILE_H

#include "gateway/common/yaml.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/field_type.h"

/* What it is called in messages: its metric, or its role. */
const char *profile_field_name(const struct field_config *field);
/* "u16", … */
const char *profile_type_name(unsigned type);

/* The name's file in `profile_dir` (may be NULL) or else in the shipped folder; false when there
 * is none. */
bool profile_find(const char *name, const char *profile_dir, char *path, size_t size);
/* The profile's name most like `name` among those that exist, or "". */
void profile_nearest(const char *name, const char *profile_dir, char *nearest, size_t size);
/* Reads one file. False and an error when it is wrong. profile_free() in either case. */
bool profile_load(const char *path, const char *name, struct profile_config *profile,
                  struct config_error *error);
void profile_free(struct profile_config *profile);
/* One item of `fields`, into a struct field_config. profile_field.c */
bool profile_read_field(struct yaml_source *source, const yaml_node_t *item, void *target);
/* One item of `writes`, into a struct write_config. profile_write.c */
bool profile_read_write(struct yaml_source *source, const yaml_node_t *item, void *target);
/* What profile_load() does with an open file. */
bool profile_read(struct yaml_source *source, const char *name, struct profile_config *profile);

/* For who writes a profile: all errors, in the order of their lines, also of what profile_load()
 * takes but no device can mean. True when there is none. profile_free() in either case. */
bool profile_check(const char *path, struct profile_config *profile, struct yaml_errors *errors);

#endif
