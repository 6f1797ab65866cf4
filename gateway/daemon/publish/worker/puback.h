/* SPDX-License-Identifier: Apache-2.0 */
/* The reason code of a PUBACK that says yes. Publisher process only. */
#ifndef BAIYE_PUBLISH_WORKER_PUBACK_H
#define BAIYE_PUBLISH_WORKER_PUBACK_H

/* Inside of Paho's onSuccess5 of a message of QoS 1: 0, or 0x10: nobody subscribes to its topic. */
int puback_reason(void);

#endif
