/* SPDX-License-Identifier: Apache-2.0 */
/* What alerts are about: their ids, and how a broker can be. No functions. */
#ifndef BAIYE_ALERTS_KINDS_H
#define BAIYE_ALERTS_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#define ALERT_ID_SIZE 96

/* Ids of the other parts' alerts; rules have a hyphen in theirs. */
#define ALERTS_FROST       "frost"
#define ALERTS_GUESSES     "logins"
#define ALERTS_CONFIG      "configuration" /* ends with the next start, if it is mended */
#define ALERTS_CERTIFICATE "certificate"   /* and "-" and the broker's name of a client's */
#define ALERTS_AUTHORITY   "authority"     /* and "-" and the broker's name, or a way's after */
#define ALERTS_OF_WAY      "-notify-"      /* this */
#define ALERTS_BOARD       "board-"        /* and the device's name */
#define ALERTS_OUTPUT      "output-"       /* and <device>-<write>: it can't be switched */

enum alerts_data { ALERTS_DATA_PLENTY, ALERTS_DATA_MOST_USED, ALERTS_DATA_USED };

/* Another box that is taken for this gateway: it takes our sessions over, has the same name for its
 * site, or this gateway's identity. */
enum alerts_twin {
    ALERTS_TWIN_NONE,
    ALERTS_TWIN_SESSION,
    ALERTS_TWIN_SITE,
    ALERTS_TWIN_IDENTITY,
    ALERTS_TWINS
};

#define ALERTS_WHY_SIZE 96

/* How a broker's connection is. */
struct alerts_broker {
    bool refused;
    char why[ALERTS_WHY_SIZE];
    uint8_t data; /* enum alerts_data: of its month's budget */
    uint8_t twin; /* enum alerts_twin */
};

#endif
