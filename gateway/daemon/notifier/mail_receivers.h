/* SPDX-License-Identifier: Apache-2.0 */
/* Who of a mail's receivers has it: a server takes it for some, refuses it for one whose mailbox is
 * full, and wants to be asked again for another. So each has a reply of his own, kept while the
 * mail is tried: it goes again only to those who may still get it. Pure; told what is said in the
 * session. */
#ifndef BAIYE_NOTIFIER_MAIL_RECEIVERS_H
#define BAIYE_NOTIFIER_MAIL_RECEIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

struct mail_receivers {
    uint64_t id; /* of the mail */
    unsigned count;
    long replies[WAY_RECEIVERS_MAX]; /* SMTP's; 0: none yet, or not that he has it */
    bool named[WAY_RECEIVERS_MAX];   /* in this session */
    unsigned next;                   /* who is named next */
    bool waits;                      /* for the reply to the one before that */
};

/* A session begins; of another mail than before nobody has had it. */
void mail_receivers_begin(struct mail_receivers *receivers, uint64_t id, unsigned count);
/* Is he to be named in this session? */
bool mail_receivers_has(const struct mail_receivers *receivers, unsigned receiver);
/* A line that was sent, or came. */
void mail_receivers_command(struct mail_receivers *receivers, const char *line, size_t size);
void mail_receivers_reply(struct mail_receivers *receivers, const char *line, size_t size);
/* The session is over. taken: the server took the mail for those it had not refused. true: the
 * replies say what became of it; false: something else went wrong. */
bool mail_receivers_end(struct mail_receivers *receivers, bool taken);

#endif
