/* SPDX-License-Identifier: Apache-2.0 */
/* What Paho's interface lacks, by wrapping functions inside of it. Publisher process only. */
#ifndef BAIYE_PUBLISH_WORKER_PAHO_H
#define BAIYE_PUBLISH_WORKER_PAHO_H

#include <stddef.h>

/* Inside of Paho's onSuccess5 of a message of QoS 1: 0, or 0x10: no one subscribes to its topic. */
int paho_puback_reason(void);

/* What this thread publishes in between goes out together, by one wake of Paho's thread, and in as
 * few packets as it fits. */
void paho_hold(void);
void paho_release(void);

/* All memory that Paho takes, as realloc() gives it. In a file of its own for tests, in which it
 * fails. */
void *paho_memory(void *old, size_t size);

#endif
