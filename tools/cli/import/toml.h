/* SPDX-License-Identifier: Apache-2.0 */
/* TOML 1.0 as a tree of libyaml's, whose every node knows its line, so that one set of readers does
 * for all formats. Debian has no TOML library for C. Pure. */
#ifndef BAIYE_CLI_IMPORT_TOML_H
#define BAIYE_CLI_IMPORT_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

/* False: at *line is *why, and the document is deleted. */
bool toml_parse(const char *text, size_t size, yaml_document_t *document, int *line,
                const char **why);

#endif
