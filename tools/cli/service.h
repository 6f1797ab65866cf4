/* SPDX-License-Identifier: Apache-2.0 */
/* Does something as the service would: as its user, with its groups, in a child process. */
#ifndef BAIYE_CLI_SERVICE_H
#define BAIYE_CLI_SERVICE_H

#include <stdbool.h>

#define SERVICE_USER "baiye"

enum service_view {
    SERVICE_YES,     /* the child is the service's user */
    SERVICE_NO_USER, /* there is no such user here (a checkout): as who asks */
    SERVICE_OTHER    /* only root can become it: as who asks, and what he can't read it may */
};

/* How a child of service_run() will see the machine. */
enum service_view service_view(const char *user);
/* Runs `act` in a child and waits: what it returned (0 to 125), -1 and a complaint when it could
 * not be started or was killed. */
int service_run(const char *user, int (*act)(void *context), void *context);

#endif
