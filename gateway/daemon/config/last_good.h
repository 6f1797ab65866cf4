/* SPDX-License-Identifier: Apache-2.0 */
/* The last configuration that the daemon ran with, kept among its own files: the YAML file and the
 * profiles that it used. When the file on disk is wrong at a start (somebody saved half an edit,
 * and then the power failed), the garden goes on with this one.
 *
 *   STATE/config.good     "1:N\n": this form's version, and which of the two folders counts, 1 or 2
 *                         (replaced by rename); what has another version is as if there were none
 *   STATE/config.1/, .2/  baiye.yaml, its origin (the path of the file), profiles/NAME.yaml
 *
 * Main thread. */
#ifndef BAIYE_CONFIG_LAST_GOOD_H
#define BAIYE_CONFIG_LAST_GOOD_H

#include "gateway/daemon/config/config.h"

/* Where the service manager lets the daemon keep its state; NULL: nowhere, and nothing is kept. */
const char *last_good_folder(void);

/* Keeps what `config` was read from, unless it is kept already. The copy is read back before it
 * counts. false: it can't be kept (errno, or the file was changed meanwhile); the one before
 * stays. */
bool last_good_keep(const struct config *config, const char *folder);

/* The kept one, as if it had been read from `file`; NULL when none is kept of that file, or it
 * can't be used any more. */
struct config *last_good_load(const char *file, const char *folder);

#endif
