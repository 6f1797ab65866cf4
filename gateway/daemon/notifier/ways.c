/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/ways.h"
#include "protocols/mqtt/alert_level.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocols/mqtt/json.h"

/* ---- Small parts ---- */

/* base64(HMAC-SHA256) */
static bool sign(const char *key, const char *text, char out[64])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), digest,
             &length) == NULL ||
        length != 32)
        return false;
    return EVP_EncodeBlock((unsigned char *)out, digest, (int)length) == 44;
}

static bool escape(char *out, size_t size, const char *text)
{
    static const char hex[] = "0123456789ABCDEF", plain[] = "-._~";
    size_t at = 0;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool keep = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    strchr(plain, c) != NULL;
        if (at + 4 > size)
            return false;
        if (keep) {
            out[at++] = (char)c;
        } else {
            out[at++] = '%';
            out[at++] = hex[c >> 4];
            out[at++] = hex[c & 15];
        }
    }
    out[at] = '\0';
    return true;
}

static void put_raw(struct json_out *o, const char *text, size_t size)
{
    if (o->failed || size >= o->size - o->at)
        o->failed = true;
    else
        memcpy(o->data + o->at, text, size);
    o->at += o->failed ? 0 : size;
}

static bool fits(int length, size_t size)
{
    return length >= 0 && (size_t)length < size;
}

/* ---- Requests ---- */

/* A message of kind "text", as the robots of the chat services take it. */
static void put_message(struct json_out *o, const char *kind, const char *body, const char *key,
                        const char *text)
{
    json_out_key_string(o, kind, "text");
    json_out_key(o, body);
    json_out_open(o, '{');
    json_out_key_string(o, key, text);
    json_out_close(o, '}');
}

static bool wecom(const struct way_config *way, const struct way_secrets *secrets,
                  const struct way_message *message, struct way_request *request,
                  struct json_out *o)
{
    char key[768];
    json_out_open(o, '{');
    put_message(o, "msgtype", "text", "content", message->text);
    json_out_close(o, '}');
    return escape(key, sizeof key, secrets->token) &&
           fits(snprintf(request->url, sizeof request->url, "%s?key=%s", way->url, key),
                sizeof request->url);
}

/* Signed: timestamp in ms and secret, by a line end between them. */
static bool dingtalk(const struct way_config *way, const struct way_secrets *secrets,
                     const struct way_message *message, int64_t wall_ms,
                     struct way_request *request, struct json_out *o)
{
    char token[768], text[320], code[64], escaped[200];
    json_out_open(o, '{');
    put_message(o, "msgtype", "text", "content", message->text);
    json_out_close(o, '}');
    if (!escape(token, sizeof token, secrets->token))
        return false;
    if (secrets->secret[0] == '\0')
        return fits(
            snprintf(request->url, sizeof request->url, "%s?access_token=%s", way->url, token),
            sizeof request->url);
    (void)snprintf(text, sizeof text, "%lld\n%s", (long long)wall_ms, secrets->secret);
    return sign(secrets->secret, text, code) && escape(escaped, sizeof escaped, code) &&
           fits(snprintf(request->url, sizeof request->url,
                         "%s?access_token=%s&timestamp=%lld&sign=%s", way->url, token,
                         (long long)wall_ms, escaped),
                sizeof request->url);
}

/* Signed: of an empty text, the key being timestamp in seconds and secret. */
static bool feishu(const struct way_config *way, const struct way_secrets *secrets,
                   const struct way_message *message, int64_t wall_ms, struct way_request *request,
                   struct json_out *o)
{
    char token[768], key[320], code[64], seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)(wall_ms / 1000));
    json_out_open(o, '{');
    if (secrets->secret[0] != '\0') {
        (void)snprintf(key, sizeof key, "%s\n%s", seconds, secrets->secret);
        if (!sign(key, "", code))
            return false;
        json_out_key_string(o, "timestamp", seconds);
        json_out_key_string(o, "sign", code);
    }
    put_message(o, "msg_type", "content", "text", message->text);
    json_out_close(o, '}');
    return escape(token, sizeof token, secrets->token) &&
           fits(snprintf(request->url, sizeof request->url, "%s/%s", way->url, token),
                sizeof request->url);
}

/* One message sent twice is one on the phone (ntfy, from its version 2.16 on; older ones ignore
 * it). */
static void put_sequence(struct json_out *o, uint64_t id)
{
    char text[32];
    (void)snprintf(text, sizeof text, "baiye-%llx", (unsigned long long)id);
    json_out_key_string(o, "sequence_id", text);
}

/* For a service of the operator's own. */
static void put_key(struct way_request *request, const struct way_config *way, uint64_t id)
{
    (void)snprintf(request->headers[3], sizeof request->headers[3],
                   "Idempotency-Key: \"baiye-%s-%llx\"", way->name, (unsigned long long)id);
}

static bool bearer(const struct way_secrets *secrets, struct way_request *request)
{
    return secrets->token[0] == '\0' ||
           fits(snprintf(request->headers[1], sizeof request->headers[1],
                         "Authorization: Bearer %s", secrets->token),
                sizeof request->headers[1]);
}

static bool ntfy(const struct way_config *way, const struct way_secrets *secrets,
                 const struct way_message *message, struct way_request *request, struct json_out *o)
{
    static const int priority[] = {3, 4, 5};
    json_out_open(o, '{');
    json_out_key_string(o, "topic", way->topic);
    json_out_key_string(o, "title", message->title);
    json_out_key_string(o, "message", message->text);
    json_out_key_integer(o, "priority", priority[message->level < 3 ? message->level : 2]);
    put_sequence(o, message->id);
    json_out_close(o, '}');
    return bearer(secrets, request) &&
           fits(snprintf(request->url, sizeof request->url, "%s", way->url), sizeof request->url);
}

/* As in a JSON string, or as it is. */
static void put_value(struct json_out *o, const char *value, bool quoted)
{
    char text[4 * WAY_TEXT_SIZE];
    struct json_out inner = json_out_init(text, sizeof text);
    json_out_string(&inner, value);
    if (inner.failed || inner.at < 2)
        o->failed = true;
    else if (quoted)
        put_raw(o, text + 1, inner.at - 2);
    else
        put_raw(o, value, strlen(value));
}

/* The operator's own body; what begins as JSON stays JSON whatever the alert says. */
static bool templated(const struct way_config *way, const struct way_secrets *secrets,
                      const struct way_message *message, struct way_request *request,
                      struct json_out *o)
{
    const char *at = way->template;
    bool json = at[0] == '{' || at[0] == '[';
    if (!json)
        (void)snprintf(request->headers[0], sizeof request->headers[0],
                       "Content-Type: text/plain; charset=utf-8");
    for (size_t length = 0; *at != '\0'; at += length) {
        size_t word = at[0] == '$' ? way_template_word(at) : 0;
        length = word > 0 ? word : 1;
        if (word == 0 || at[1] == '$')
            put_raw(o, at, 1);
        else if (strncmp(at, "$title", word) == 0)
            put_value(o, message->title, json);
        else if (at[1] == 't')
            put_value(o, message->text, json);
        else
            put_value(o, at[1] == 'l' ? alert_level_name(message->level) : way->name, json);
    }
    return bearer(secrets, request) &&
           fits(snprintf(request->url, sizeof request->url, "%s", way->url), sizeof request->url);
}

static bool webhook(const struct way_config *way, const struct way_secrets *secrets,
                    const struct way_message *message, struct way_request *request,
                    struct json_out *o)
{
    json_out_open(o, '{');
    json_out_key_string(o, "title", message->title);
    json_out_key_string(o, "text", message->text);
    json_out_key_string(o, "level", alert_level_name(message->level));
    json_out_close(o, '}');
    return bearer(secrets, request) &&
           fits(snprintf(request->url, sizeof request->url, "%s", way->url), sizeof request->url);
}

bool way_request(const struct way_config *way, const struct way_secrets *secrets,
                 const struct way_message *message, int64_t wall_ms, struct way_request *request)
{
    struct json_out o = json_out_init(request->body, sizeof request->body);
    bool good = false;
    memset(request->headers, 0, sizeof request->headers);
    (void)snprintf(request->headers[0], sizeof request->headers[0],
                   "Content-Type: application/json; charset=utf-8");
    if (way->kind == WAY_WECOM)
        good = wecom(way, secrets, message, request, &o);
    else if (way->kind == WAY_DINGTALK)
        good = dingtalk(way, secrets, message, wall_ms, request, &o);
    else if (way->kind == WAY_FEISHU)
        good = feishu(way, secrets, message, wall_ms, request, &o);
    else if (way->kind == WAY_NTFY)
        good = ntfy(way, secrets, message, request, &o);
    else if (way->kind == WAY_WEBHOOK && way->template[0] != '\0')
        good = templated(way, secrets, message, request, &o);
    else if (way->kind == WAY_WEBHOOK)
        good = webhook(way, secrets, message, request, &o);
    if (way->kind == WAY_WEBHOOK)
        put_key(request, way, message->id);
    request->body_size = o.at;
    return good && !o.failed;
}

/* ---- Mail ---- */

/* Everything base64: no line is too long, none begins with a dot, no header can be broken. */
static size_t put_base64(char *out, size_t size, const char *text, size_t length)
{
    size_t at = 0;
    for (size_t from = 0; from < length; from += 57) {
        size_t part = length - from < 57 ? length - from : 57;
        if (at + 80 > size)
            return 0;
        at += (size_t)EVP_EncodeBlock((unsigned char *)out + at, (const unsigned char *)text + from,
                                      (int)part);
        out[at++] = '\r';
        out[at++] = '\n';
    }
    return at;
}

size_t way_mail(const struct way_config *way, const struct way_message *message, int64_t wall_ms,
                char *mail, size_t size)
{
    char date[64], subject[256];
    time_t t = (time_t)(wall_ms / 1000);
    struct tm utc;
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (gmtime_r(&t, &utc) == NULL)
        return 0;
    (void)snprintf(date, sizeof date, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[utc.tm_wday],
                   utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                   utc.tm_sec);
    (void)EVP_EncodeBlock((unsigned char *)subject, (const unsigned char *)message->title,
                          (int)strlen(message->title));
    int head =
        snprintf(mail, size,
                 "Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: =?UTF-8?B?%s?=\r\n"
                 "Message-ID: <%llx.%s@baiye>\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: base64\r\n\r\n",
                 date, way->from, way->to[0], subject, (unsigned long long)message->id, way->name);
    if (!fits(head, size))
        return 0;
    size_t body =
        put_base64(mail + head, size - (size_t)head, message->text, strlen(message->text));
    return body > 0 ? (size_t)head + body : 0;
}

enum way_outcome way_mail_answer(long status, char why[WAY_WHY_SIZE])
{
    if (status == 530 || status == 534 || status == 535) {
        (void)snprintf(why, WAY_WHY_SIZE, "the mail server refuses user or password (%ld)", status);
        return WAY_REFUSED;
    }
    if (status == 452 || status == 552) {
        (void)snprintf(why, WAY_WHY_SIZE, "the mailbox is full (%ld)", status);
        return status == 552 ? WAY_REFUSED : WAY_LATER;
    }
    if (status >= 500 && status < 600) {
        (void)snprintf(why, WAY_WHY_SIZE, "the mail server refuses the mail (%ld)", status);
        return WAY_REFUSED;
    }
    (void)snprintf(why, WAY_WHY_SIZE, "the mail server has trouble (%ld)", status);
    return WAY_LATER;
}

enum way_outcome way_mail_receivers(const long *replies, unsigned count, char why[WAY_WHY_SIZE])
{
    char of_one[WAY_WHY_SIZE];
    enum way_outcome outcome = WAY_SENT;
    unsigned taken = 0;
    why[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        taken += replies[i] / 100 == 2;
        if (replies[i] / 100 == 2 || outcome == WAY_LATER)
            continue;
        outcome = way_mail_answer(replies[i], of_one); /* who is to have it later goes first */
        memcpy(why, of_one, WAY_WHY_SIZE);
    }
    if (outcome != WAY_REFUSED || taken == 0)
        return outcome;
    (void)snprintf(why, WAY_WHY_SIZE, "only %u of %u receivers: %.50s", taken, count, of_one);
    return WAY_PARTLY;
}

/* ---- Answers ---- */

static enum way_outcome by_status(long status, char why[WAY_WHY_SIZE])
{
    if (status >= 200 && status < 300)
        return WAY_SENT;
    if (status == 429) {
        (void)snprintf(why, WAY_WHY_SIZE, "too many messages for the service");
        return WAY_LIMITED;
    }
    if (status == 401 || status == 403 || status == 404) {
        (void)snprintf(why, WAY_WHY_SIZE, "wrong key or address (HTTP %ld)", status);
        return WAY_REFUSED;
    }
    if (status >= 400 && status < 500 && status != 408) {
        (void)snprintf(why, WAY_WHY_SIZE, "the service refuses the message (HTTP %ld)", status);
        return WAY_REFUSED;
    }
    (void)snprintf(why, WAY_WHY_SIZE, "the service has trouble (HTTP %ld)", status);
    return WAY_LATER;
}

/* The robots answer 200 to everything, or 400; what they mean is in their code. Of two with the
 * same code the first counts whose `word` is in the answer. */
static const struct robot_code {
    uint8_t kind;
    long code;
    enum way_outcome outcome;
    const char *why, *word;
} codes[] = {
    {WAY_WECOM, 45009, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_WECOM, 45033, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_WECOM, -1, WAY_LATER, "the service is busy", ""},
    {WAY_WECOM, 93000, WAY_REFUSED, "wrong key", ""},
    {WAY_WECOM, 93004, WAY_REFUSED, "the robot is stopped", ""},
    {WAY_WECOM, 93008, WAY_REFUSED, "the group is gone", ""},
    {WAY_WECOM, 40058, WAY_REFUSED, "the service refuses the message", ""},
    {WAY_DINGTALK, 130101, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_DINGTALK, 410100, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_DINGTALK, 90030, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_DINGTALK, -1, WAY_LATER, "the service is busy", ""},
    {WAY_DINGTALK, 300001, WAY_REFUSED, "wrong token", ""},
    {WAY_DINGTALK, 310000, WAY_REFUSED, "wrong secret, keyword or address of the robot", ""},
    {WAY_DINGTALK, 400013, WAY_REFUSED, "the group is gone", ""},
    {WAY_DINGTALK, 400101, WAY_REFUSED, "wrong token", ""},
    {WAY_DINGTALK, 400102, WAY_REFUSED, "the robot is stopped", ""},
    {WAY_FEISHU, 11232, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_FEISHU, 99991400, WAY_LIMITED, "too many messages for the service", ""},
    {WAY_FEISHU, 9499, WAY_LIMITED, "too many messages for the service", "too many"},
    {WAY_FEISHU, 9499, WAY_REFUSED, "the service refuses the message", ""},
    {WAY_FEISHU, 19001, WAY_REFUSED, "wrong token", ""},
    {WAY_FEISHU, 19007, WAY_REFUSED, "the robot is stopped", ""},
    {WAY_FEISHU, 19021, WAY_REFUSED, "wrong secret, or the gateway's clock is wrong", ""},
    {WAY_FEISHU, 19022, WAY_REFUSED, "this address is not on the robot's list", ""},
    {WAY_FEISHU, 19024, WAY_REFUSED, "the robot wants a keyword", ""},
};

static const struct robot_code *find_code(uint8_t kind, long number, const char *said)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].kind == kind && codes[i].code == number && strstr(said, codes[i].word) != NULL)
            return &codes[i];
    }
    return NULL;
}

/* false: it is no answer of that robot's. */
static bool by_code(const struct way_config *way, const char *body, size_t size,
                    enum way_outcome *outcome, char why[WAY_WHY_SIZE])
{
    bool feishu = way->kind == WAY_FEISHU;
    json_t *root = json_loadb(body, size, 0, NULL);
    const json_t *code = json_object_get(root, feishu ? "code" : "errcode");
    if (feishu && code == NULL)
        code = json_object_get(root, "StatusCode");
    const char *said = json_string_value(json_object_get(root, feishu ? "msg" : "errmsg"));
    bool known = json_is_integer(code);
    long number = known ? (long)json_integer_value(code) : 0;
    const struct robot_code *found =
        known ? find_code(way->kind, number, said != NULL ? said : "") : NULL;
    json_decref(root);
    *outcome = number == 0 ? WAY_SENT : found != NULL ? found->outcome : WAY_REFUSED;
    if (found != NULL)
        (void)snprintf(why, WAY_WHY_SIZE, "%s (%ld)", found->why, number);
    else if (number != 0)
        (void)snprintf(why, WAY_WHY_SIZE, "the service refuses the message (code %ld)", number);
    return known;
}

enum way_outcome way_answer(const struct way_config *way, long status, const char *body,
                            size_t size, char why[WAY_WHY_SIZE])
{
    bool robot = way->kind == WAY_WECOM || way->kind == WAY_DINGTALK || way->kind == WAY_FEISHU;
    enum way_outcome outcome = WAY_LATER;
    why[0] = '\0';
    if (robot && (status == 200 || status == 400) && by_code(way, body, size, &outcome, why) &&
        !(status == 400 && outcome == WAY_SENT))
        return outcome;
    outcome = by_status(status, why);
    if (!robot || outcome != WAY_SENT)
        return outcome;
    (void)snprintf(why, WAY_WHY_SIZE, "the answer is not one of %s", way_kind_name(way->kind));
    return WAY_LATER;
}

void way_sms_text(const struct way_message *message, char text[WAY_SMS_SIZE])
{
    bool plain = true;
    for (const char *at = message->text; *at != '\0'; at++)
        plain = plain && (unsigned char)*at < 0x80;
    size_t most = plain ? 306 : 134, characters = 0, size = 0;
    for (const char *at = message->text; *at != '\0' && size + 1 < WAY_SMS_SIZE; at++) {
        bool begins = ((unsigned char)*at & 0xC0) != 0x80;
        if (begins && (characters == most || size + 4 >= WAY_SMS_SIZE))
            break;
        characters += begins;
        text[size++] = *at;
    }
    text[size] = '\0';
}

unsigned way_per_minute(uint8_t kind)
{
    static const unsigned limits[WAY_KINDS] = {
        [WAY_WECOM] = 18,   [WAY_DINGTALK] = 18, [WAY_FEISHU] = 90, [WAY_NTFY] = 50,
        [WAY_WEBHOOK] = 60, [WAY_MAIL] = 20,     [WAY_SMS] = 4};
    return kind < WAY_KINDS ? limits[kind] : 1;
}
