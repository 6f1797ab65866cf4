/* SPDX-License-Identifier: Apache-2.0 */
/* The services by which people are told: what each is sent, and what its answers mean. Pure. */
#ifndef BAIYE_NOTIFIER_WAYS_H
#define BAIYE_NOTIFIER_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

#define WAY_TEXT_SIZE 1900 /* bytes of a message: WeCom takes 2048 */
#define WAY_WHY_SIZE  96

struct way_message {
    uint64_t id; /* the same when it is sent again: services that know keys take it once */
    uint16_t way;
    uint8_t level;   /* enum alert_level: the gravest in it */
    char title[128]; /* one line */
    char text[WAY_TEXT_SIZE];
};

/* Append only: in messages between processes. */
enum way_outcome {
    WAY_SENT,
    WAY_LATER,     /* the service has trouble: again soon */
    WAY_LIMITED,   /* too many: again after a minute */
    WAY_REFUSED,   /* for good: wrong key, muted, no such address; a person must mend it */
    WAY_UNREACHED, /* no connection: again soon */
    WAY_PARTLY     /* delivered to some of its receivers, refused for the others for good */
};

struct way_secrets {
    char token[256], secret[256]; /* without line ends; "": none */
};

/* A request by HTTP. */
struct way_request {
    char url[1024];
    char headers[4][400]; /* "": none */
    char body[8192];
    size_t body_size;
};

/* false: does not fit. Not for mail. */
bool way_request(const struct way_config *way, const struct way_secrets *secrets,
                 const struct way_message *message, int64_t wall_ms, struct way_request *request);
/* The mail as it goes out, its lines ending in CRLF; its length, 0: does not fit. */
size_t way_mail(const struct way_config *way, const struct way_message *message, int64_t wall_ms,
                char *mail, size_t size);

/* What fits into two text messages: 134 characters where one is not of the basic alphabet
 * (Chinese), else 306. */
#define WAY_SMS_SIZE 640
void way_sms_text(const struct way_message *message, char text[WAY_SMS_SIZE]);

/* `why` is for people, without a secret. */
enum way_outcome way_answer(const struct way_config *way, long status, const char *body,
                            size_t size, char why[WAY_WHY_SIZE]);
/* Of an SMTP server's last reply. */
enum way_outcome way_mail_answer(long status, char why[WAY_WHY_SIZE]);
/* Of its replies to each of `count` receivers, 0 where there was none; all of 250: sent. */
enum way_outcome way_mail_receivers(const long *replies, unsigned count, char why[WAY_WHY_SIZE]);

/* Messages that the service takes within a minute, with some left. */
unsigned way_per_minute(uint8_t kind);

#endif
