/* SPDX-License-Identifier: Apache-2.0 */
/* Text messages by the gateway's own modem: asks ModemManager on the system bus, number by number,
 * without ever waiting. In the notifier process; one thread. */
#ifndef BAIYE_NOTIFIER_SMS_H
#define BAIYE_NOTIFIER_SMS_H

#include "gateway/daemon/notifier/ways.h"

struct sms;

/* A message has ended; `why` is for people. */
typedef void (*sms_done)(void *context, uint16_t way, enum way_outcome outcome, const char *why);

/* Opens nothing yet. NULL: no memory. */
struct sms *sms_create(sms_done done, void *context);
/* Connects to the system bus: before the process gives up what it does not need. false: it can't be
 * reached. */
bool sms_open(struct sms *sms);
/* Is there a connection? One that was lost is not made again: the process must start anew. */
bool sms_is_open(const struct sms *sms);
void sms_destroy(struct sms *sms);
/* Sends to all of way->to; `done` is called later, within 2 minutes. One message a way at a
 * time. */
void sms_begin(struct sms *sms, const struct way_config *way, const struct way_message *message);
/* What to wait for: -1 and no events when there is nothing. */
int sms_fd(const struct sms *sms, short *events);
/* So long to wait at most, in ms. */
int sms_wait_ms(const struct sms *sms);
void sms_process(struct sms *sms);

#endif
