/* SPDX-License-Identifier: Apache-2.0 */
/* How a new user gets in without typing: a picture that holds the app's address, the name, and a
 * password that is good once. The phone that scans it makes a password of its own of it. */
#ifndef BAIYE_CLI_USER_INVITE_H
#define BAIYE_CLI_USER_INVITE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/config/config.h"

/* Where phones reach the app: as `address` says ("https://garden.example:8443"; NULL: the first
 * name in the gateway's certificate that is not this machine's own, with the port of `http:`).
 * Complains when neither gives one. */
bool user_invite_address(const struct config *config, const char *address, char *out, size_t size);
/* Prints the picture and the address that it holds. `once`: the phone makes its own password of it;
 * else it goes on with this one. False: too long for a picture. */
bool user_invite_print(const char *address, const char *name, const char *password, bool once);

#endif
