/* SPDX-License-Identifier: Apache-2.0 */
/* How well the gateway's modems hear their network, as ModemManager says. */
#ifndef BAIYE_CLI_REPORT_UPLINK_H
#define BAIYE_CLI_REPORT_UPLINK_H

#include <jansson.h>

/* [{"quality": percent, "operator": "…", "access": "LTE"}]; empty: no modem, or nobody who looks
 * after one. Takes 3 s at most. */
json_t *uplink_modems(void);

#endif
