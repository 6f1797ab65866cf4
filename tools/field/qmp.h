/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's machine protocol, as far as a garden needs it: the temperature of a TMP105, and the start
 * of the processor. */
#ifndef BAIYE_FIELD_QMP_H
#define BAIYE_FIELD_QMP_H

#include "tools/field/endpoint.h"

struct qmp {
    struct endpoint endpoint;
    bool ready;           /* greeted: commands are obeyed */
    int32_t millidegrees; /* last set */
};

void qmp_init(struct qmp *qmp, struct loop *loop, int32_t millidegrees);
/* QEMU, started with -S, connects to `path`; once it obeys, the first temperature is set and the
 * processor runs. */
bool qmp_open(struct qmp *qmp, const char *path);
void qmp_close(struct qmp *qmp);
/* Of the device with id=air. */
void qmp_set_air(struct qmp *qmp, int32_t millidegrees);

#endif
