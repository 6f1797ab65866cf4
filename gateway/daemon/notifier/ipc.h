/* SPDX-License-Identifier: Apache-2.0 */
/* Between the daemon and its notifier process, over a SOCK_SEQPACKET pair: structs of one program
 * image, since both are the same file. Daemon to notifier: a hello, then messages; back: what
 * became of each. */
#ifndef BAIYE_NOTIFIER_IPC_H
#define BAIYE_NOTIFIER_IPC_H

#include "gateway/daemon/notifier/ways.h"

struct notifier_hello {
    uint16_t way_count;
    struct way_config ways[WAYS_MAX];
};

struct notifier_done {
    uint64_t id;
    uint16_t way;
    uint8_t outcome; /* enum way_outcome */
    uint32_t bytes;  /* that the network carried for it, handshake and frames included */
    char why[WAY_WHY_SIZE];
};

#endif
