/* SPDX-License-Identifier: Apache-2.0 */
/* Adds devices to a bus, or a broker, in the text of a configuration. Nothing else of the text
 * changes: comments, order, blanks and line ends stay. Pure. */
#ifndef BAIYE_CLI_YAML_EDIT_H
#define BAIYE_CLI_YAML_EDIT_H

#include <stddef.h>

/* `items`: flow mappings, "{ name: plot-1, profile: baiye-node, address: 7 }". The new text, to be
 * freed; NULL: `why` not (no such bus, not YAML, no memory). */
char *yaml_add_devices(const char *text, const char *bus, const char *const *items, unsigned count,
                       char *why, size_t why_size);
/* The same for one more entry of the list `mqtt:`. */
char *yaml_add_broker(const char *text, const char *item, char *why, size_t why_size);

#endif
