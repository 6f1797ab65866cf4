/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway starts anew by its changed file. */
#ifndef BAIYE_CLI_RELOAD_H
#define BAIYE_CLI_RELOAD_H

struct reloaded {
    long long boot; /* count of starts of the one that answers now */
    char why[1200]; /* it does not; for people */
};

/* EX_OK when the new one answers; EX_CONFIG: it refused the file, and goes on as before;
 * EX_UNAVAILABLE. Takes 30 s at most. */
int reload_gateway(const char *socket_path, struct reloaded *end);

#endif
