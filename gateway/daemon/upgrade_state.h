/* SPDX-License-Identifier: Apache-2.0 */
/* What has come of the gateway's own upgrades, as root's helper (gateway/packaging/baiye-upgrade)
 * leaves it in the file `state` of a folder: lines "key value". The daemon reads it, and can ask
 * for an upgrade; all else is the helper's. */
#ifndef BAIYE_UPGRADE_STATE_H
#define BAIYE_UPGRADE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#define UPGRADE_VERSION_SIZE 61
#define UPGRADE_WHY_SIZE     201

struct upgrade_state {
    char state[16]; /* current, refused, installing, trying, confirmed, undoing, undone; "" none */
    char from[UPGRADE_VERSION_SIZE], to[UPGRADE_VERSION_SIZE];
    char at[32]; /* when, as in 2026-11-30T04:00:00Z */
    char why[UPGRADE_WHY_SIZE];
};

/* The helper's folder, by the environment (baiyed.service); NULL: there is no helper. */
const char *upgrade_folder(void);
/* Pure: the file's text. */
void upgrade_state_parse(const char *text, struct upgrade_state *state);
/* All empty when there is none. */
void upgrade_state_read(struct upgrade_state *state);

/* The version `to` did not work, and the gateway has gone back, or is about to. */
bool upgrade_is_undone(const struct upgrade_state *state);

/* What may stand in an order: a version of Debian's, one of the repository's three suites. */
bool upgrade_is_version(const char *text);
bool upgrade_is_suite(const char *text);

#endif
