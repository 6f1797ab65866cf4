/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `baiye profile`. */
#ifndef BAIYE_CLI_PROFILE_H
#define BAIYE_CLI_PROFILE_H

#include <stdio.h>

#include "gateway/common/yaml.h"

/* FILE:LINE: what is wrong, one a line, fit for a terminal. */
void profile_print_errors(const char *file, const struct yaml_errors *errors, FILE *out);
/* `try` and what follows. */
int profile_try(int argc, char **argv);

#endif
