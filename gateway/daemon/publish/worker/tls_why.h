/* SPDX-License-Identifier: Apache-2.0 */
/* Why does TLS to a broker fail? Paho says only that it does, so after a failure one handshake is
 * made here, with the same files and by the same rules, and nothing is sent over it. Publisher
 * process only: it blocks, for at most a few seconds. */
#ifndef BAIYE_PUBLISH_WORKER_TLS_WHY_H
#define BAIYE_PUBLISH_WORKER_TLS_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

struct tls_verdict {
    char said[96]; /* by Paho at the last failure; "": none since it was connected */
    char why[96];  /* what was found out about it; "": it is not TLS that fails */
    int64_t asked_ms;
};

/* Was it TLS, and why? Found out anew when Paho says something else, and now and then: a handshake
 * costs data. */
bool tls_failed(struct tls_verdict *verdict, const struct broker_config *broker,
                const struct broker_url *url, const char *said, int64_t now_ms);

#endif
