/* SPDX-License-Identifier: Apache-2.0 */
/* Between the daemon and its notifier process, over a SOCK_SEQPACKET pair: structs of one program
 * image, since both are the same file. Daemon to notifier: a hello, then messages; back: what
 * became of each. A message whose way is NOTIFIER_WEATHER asks for the weather forecast of the
 * hello's address, and is answered by a struct notifier_weather, which its size shows. */
#ifndef BAIYE_NOTIFIER_IPC_H
#define BAIYE_NOTIFIER_IPC_H

#include "gateway/daemon/notifier/ways.h"
#include "gateway/forecast/ahead.h"

struct notifier_hello {
    uint16_t way_count;
    struct way_config ways[WAYS_MAX];
    char weather_url[CONFIG_URL_SIZE]; /* "": none */
    char weather_ca_file[CONFIG_PATH_SIZE];
};

#define NOTIFIER_WEATHER UINT16_MAX

struct notifier_done {
    uint64_t id;
    uint16_t way;
    uint8_t outcome; /* enum way_outcome */
    uint32_t bytes;  /* that the network carried for it, handshake and frames included */
    char why[WAY_WHY_SIZE];
};

/* Read and judged where it came in, so that the daemon reads no stranger's text. */
struct notifier_weather {
    struct notifier_done done; /* its way is NOTIFIER_WEATHER */
    struct ahead ahead;        /* count 0: there is none, see why */
};

#endif
