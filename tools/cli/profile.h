/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `baiye profile`. */
#ifndef BAIYE_CLI_PROFILE_H
#define BAIYE_CLI_PROFILE_H

#include <stdio.h>

#include <jansson.h>

#include "gateway/common/yaml.h"
#include "gateway/daemon/config/config.h"

/* FILE:LINE: what is wrong, one a line, fit for a terminal. */
void profile_print_errors(const char *file, const struct yaml_errors *errors, FILE *out);
/* "FILE: good, 3 values, …" */
void profile_print_good(const char *file, const struct profile_config *profile);
/* {"file":…,"errors":[{"line":…,"text":…}]}; a new reference. */
json_t *profile_errors_json(const char *file, const struct yaml_errors *errors);
/* `try` and what follows; `import` in import.c. */
int profile_try(int argc, char **argv);
int profile_import(int argc, char **argv);

#endif
