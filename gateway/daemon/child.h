/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the daemon's own: its program once more, told by one option what to be, with a
 * SOCK_SEQPACKET socket between the two. The child has that socket, the standard three and nothing
 * else of the daemon's; its signals are as at a program's start. Any thread. */
#ifndef BAIYE_CHILD_H
#define BAIYE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_FD 3 /* the child's end of the socket */

/* `option`: "--publisher". On success `*fd` is the daemon's end (close-on-exec) and `*pid` the
 * child's, whom the caller must wait for; false (errno): there is neither. */
bool child_start(const char *option, int *fd, pid_t *pid);

#endif
