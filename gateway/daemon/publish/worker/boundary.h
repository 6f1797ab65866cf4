/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher process gives up before it talks to a broker: whoever takes it over from there
 * has its one connection and the files that it may read, and no more. */
#ifndef BAIYE_PUBLISH_WORKER_BOUNDARY_H
#define BAIYE_PUBLISH_WORKER_BOUNDARY_H

#include <stdbool.h>

/* For good, and for all threads that are started later: no other program, no new rights, no look
 * into other processes, no file written, no Unix socket (the daemon's control socket is one); and
 * no process of the same user looks into this one. false: the kernel can't (errno). */
bool boundary_close(void);

#endif
