/* SPDX-License-Identifier: Apache-2.0 */
/* The notifier process: one transfer a way at a time, all ways side by side (libcurl's multi
 * interface), so that a service that hangs delays no other. It knows no alert; it is given
 * texts. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/boundary.h"
#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/notifier/ipc.h"
#include "gateway/daemon/notifier/libcurl.h"
#include "gateway/daemon/notifier/mail_receivers.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/notifier/sms.h"
#include "gateway/daemon/notifier/weather.h"

#define TRANSFER_MOST_S 30L
#define CONNECT_MOST_S  15L
#define ANSWER_SIZE     4096
#define MAIL_SIZE       8192
#define SMS_RETRY_MS    10000 /* so often the system bus is tried, by a process started anew */

/* What the network carries beside the bytes that libcurl counts. */
#define HANDSHAKE_BYTES 6000 /* certificates of TLS */
#define FRAMES_BYTES    400 /* headers of IP and TCP, both ways; a connection's beginning and end */

struct transfer {
    CURL *easy;
    bool busy;
    struct way_message message;
    struct way_request request;
    struct curl_slist *list; /* headers or receivers */
    char answer[ANSWER_SIZE];
    size_t answer_size;
    char mail[MAIL_SIZE];
    size_t mail_size, mail_at;
    struct mail_receivers receivers;
    uint32_t bytes; /* of mobile data, as far as is known */
};

static struct libcurl libcurl; /* of the process */

struct sender {
    struct notifier_hello hello;
    const struct child_files *files;
    struct boundary boundary;
    CURLM *multi;
    struct sms *sms;
    int64_t sms_tried_ms; /* monotonic */
    struct transfer transfers[WAYS_MAX];
    struct weather weather;
};

static void tell(const struct transfer *transfer, enum way_outcome outcome, const char *why)
{
    struct notifier_done done = {.id = transfer->message.id,
                                 .way = transfer->message.way,
                                 .outcome = (uint8_t)outcome,
                                 .bytes = transfer->bytes};
    (void)snprintf(done.why, sizeof done.why, "%s", why);
    /* A daemon that is gone is seen when it is read from. */
    (void)send(CHILD_FD, &done, sizeof done, MSG_NOSIGNAL);
}

/* ---- Secrets ---- */

/* One line. */
static bool read_secret(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
    return good && out[0] != '\0';
}

static bool read_secrets(const struct child_files *files, const struct way_config *way,
                         struct way_secrets *secrets, char why[WAY_WHY_SIZE])
{
    const char *bad = NULL;
    if (!read_secret(child_path(files, way->secret_file), secrets->secret, sizeof secrets->secret))
        bad = way->secret_file;
    if (!read_secret(child_path(files, way->token_file), secrets->token, sizeof secrets->token))
        bad = way->token_file;
    const char *slash = bad != NULL ? strrchr(bad, '/') : NULL;
    if (bad != NULL)
        (void)snprintf(why, WAY_WHY_SIZE, "its file %.50s can't be read, or is empty",
                       slash != NULL ? slash + 1 : bad);
    return bad == NULL;
}

/* ---- libcurl's callbacks ---- */

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t room = sizeof transfer->answer - transfer->answer_size, length = size * count;
    size_t taken = length < room ? length : room;
    memcpy(transfer->answer + transfer->answer_size, data, taken);
    transfer->answer_size += taken;
    return length; /* what is more is not looked at */
}

static size_t give_mail(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t left = transfer->mail_size - transfer->mail_at, room = size * count;
    size_t given = left < room ? left : room;
    memcpy(data, transfer->mail + transfer->mail_at, given);
    transfer->mail_at += given;
    return given;
}

/* ---- A transfer ---- */

static void add_line(struct transfer *transfer, const char *line)
{
    struct curl_slist *list = line[0] != '\0' ? libcurl.slist_append(transfer->list, line) : NULL;
    if (list != NULL)
        transfer->list = list;
}

static bool set_common(struct transfer *transfer, const struct way_config *way, const char *url)
{
    CURL *easy = transfer->easy;
    bool good =
        libcurl.easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_TIMEOUT, TRANSFER_MOST_S) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_MOST_S) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                            way->kind == WAY_MAIL ? "smtp,smtps" : "https,http") == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
        libcurl.easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK;
    if (good && way->ca_file[0] != '\0')
        good = libcurl.easy_setopt(easy, CURLOPT_CAINFO, way->ca_file) == CURLE_OK;
    return good;
}

static bool set_http(struct transfer *transfer, const struct way_config *way,
                     const struct way_secrets *secrets, int64_t wall_ms)
{
    struct way_request *request = &transfer->request;
    if (!way_request(way, secrets, &transfer->message, wall_ms, request) ||
        !set_common(transfer, way, request->url))
        return false;
    for (size_t i = 0; i < sizeof request->headers / sizeof request->headers[0]; i++)
        add_line(transfer, request->headers[i]);
    return libcurl.easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->list) == CURLE_OK &&
           libcurl.easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE, (long)request->body_size) ==
               CURLE_OK &&
           libcurl.easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
}

/* What is said in the session: libcurl keeps the last reply alone. */
static int hear(CURL *easy, curl_infotype kind, char *data, size_t size, void *context)
{
    struct transfer *transfer = context;
    (void)easy;
    if (kind == CURLINFO_HEADER_OUT)
        mail_receivers_command(&transfer->receivers, data, size);
    else if (kind == CURLINFO_HEADER_IN)
        mail_receivers_reply(&transfer->receivers, data, size);
    return 0;
}

static bool set_mail(struct transfer *transfer, const struct way_config *way,
                     const struct way_secrets *secrets, int64_t wall_ms)
{
    CURL *easy = transfer->easy;
    transfer->mail_size =
        way_mail(way, &transfer->message, wall_ms, transfer->mail, sizeof transfer->mail);
    transfer->mail_at = 0;
    if (transfer->mail_size == 0 || !set_common(transfer, way, way->url))
        return false;
    mail_receivers_begin(&transfer->receivers, transfer->message.id, way->to_count);
    for (uint8_t i = 0; i < way->to_count; i++) {
        if (mail_receivers_has(&transfer->receivers, i))
            add_line(transfer, way->to[i]);
    }
    bool good = libcurl.easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_MAIL_FROM, way->from) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_MAIL_RCPT, transfer->list) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_DEBUGFUNCTION, hear) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_DEBUGDATA, transfer) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_READFUNCTION, give_mail) == CURLE_OK &&
                libcurl.easy_setopt(easy, CURLOPT_READDATA, transfer) == CURLE_OK;
    if (good && way->user[0] != '\0')
        good = libcurl.easy_setopt(easy, CURLOPT_USERNAME, way->user) == CURLE_OK &&
               libcurl.easy_setopt(easy, CURLOPT_PASSWORD, secrets->token) == CURLE_OK;
    return good;
}

static void end_transfer(struct sender *sender, struct transfer *transfer)
{
    if (transfer->easy != NULL) {
        (void)libcurl.multi_remove_handle(sender->multi, transfer->easy);
        libcurl.easy_cleanup(transfer->easy);
    }
    libcurl.slist_free_all(transfer->list);
    transfer->easy = NULL;
    transfer->list = NULL;
    transfer->busy = false;
    explicit_bzero(&transfer->request, sizeof transfer->request);
}

static void begin_transfer(struct sender *sender, const struct way_message *message)
{
    struct transfer *transfer = &sender->transfers[message->way];
    const struct way_config *way = &sender->hello.ways[message->way];
    struct way_secrets secrets;
    char why[WAY_WHY_SIZE] = "";
    if (boundary_is_stale(&sender->boundary))
        _exit(EX_TEMPFAIL); /* the network changed; what has no answer is sent again */
    transfer->message = *message;
    transfer->answer_size = 0;
    transfer->bytes = 0;
    if (way->kind == WAY_SMS) {
        if (!sms_is_open(sender->sms) && clock_mono_ms() - sender->sms_tried_ms >= SMS_RETRY_MS)
            _exit(EX_TEMPFAIL); /* within its bounds it can't connect any more */
        transfer->busy = true;
        sms_begin(sender->sms, way, message);
        return;
    }
    if (!read_secrets(sender->files, way, &secrets, why)) {
        tell(transfer, WAY_REFUSED, why);
        return;
    }
    int64_t wall_ms = clock_now().wall_ms;
    transfer->easy = libcurl.easy_init();
    transfer->busy = transfer->easy != NULL &&
                     (way->kind == WAY_MAIL ? set_mail(transfer, way, &secrets, wall_ms)
                                            : set_http(transfer, way, &secrets, wall_ms)) &&
                     libcurl.multi_add_handle(sender->multi, transfer->easy) == CURLM_OK;
    explicit_bzero(&secrets, sizeof secrets);
    if (transfer->busy)
        return;
    end_transfer(sender, transfer);
    tell(transfer, WAY_LATER, "the request can't be made");
}

/* What libcurl says where the service did not. Its text may hold the address with the key in it,
 * and is not reported. */
static enum way_outcome by_curl(CURLcode code, char why[WAY_WHY_SIZE])
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        (void)snprintf(why, WAY_WHY_SIZE, "its certificate can't be verified (see ca_file)");
        return WAY_LATER;
    case CURLE_USE_SSL_FAILED:
        (void)snprintf(why, WAY_WHY_SIZE, "the mail server has no TLS");
        return WAY_REFUSED;
    case CURLE_LOGIN_DENIED:
        (void)snprintf(why, WAY_WHY_SIZE, "the mail server refuses user or password");
        return WAY_REFUSED;
    default:
        (void)snprintf(why, WAY_WHY_SIZE, "not reached: %s", libcurl.easy_strerror(code));
        return WAY_UNREACHED;
    }
}

/* Also of one that failed: it is paid for all the same. */
static uint32_t bytes_of(CURL *easy)
{
    curl_off_t up = 0, down = 0, secure_us = 0;
    long request = 0, head = 0, connects = 0;
    (void)libcurl.easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)libcurl.easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    (void)libcurl.easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request);
    (void)libcurl.easy_getinfo(easy, CURLINFO_HEADER_SIZE, &head);
    (void)libcurl.easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    (void)libcurl.easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secure_us);
    int64_t bytes = (int64_t)up + down + request + head + FRAMES_BYTES * (1 + (int64_t)connects) +
                    (secure_us > 0 ? HANDSHAKE_BYTES * (int64_t)connects : 0);
    return bytes > 0 && bytes < UINT32_MAX ? (uint32_t)bytes : 0;
}

static enum way_outcome mail_outcome(struct transfer *transfer, CURLcode code, long status,
                                     char why[WAY_WHY_SIZE])
{
    if (mail_receivers_end(&transfer->receivers, code == CURLE_OK))
        return way_mail_receivers(transfer->receivers.replies, transfer->receivers.count, why);
    /* A refused login says 5xx; 4xx is trouble of the server's own. */
    return status >= 400 && (code != CURLE_LOGIN_DENIED || status < 500)
               ? way_mail_answer(status, why)
               : by_curl(code, why);
}

static void finish_transfer(struct sender *sender, struct transfer *transfer, CURLcode code)
{
    const struct way_config *way = &sender->hello.ways[transfer->message.way];
    char why[WAY_WHY_SIZE] = "";
    long status = 0;
    (void)libcurl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->bytes = bytes_of(transfer->easy);
    enum way_outcome outcome =
        way->kind == WAY_MAIL ? mail_outcome(transfer, code, status, why)
        : code != CURLE_OK    ? by_curl(code, why)
                           : way_answer(way, status, transfer->answer, transfer->answer_size, why);
    end_transfer(sender, transfer);
    tell(transfer, outcome, why);
}

/* ---- The weather ---- */

static void send_weather(struct notifier_weather *answer)
{
    answer->done.way = NOTIFIER_WEATHER;
    answer->done.outcome = answer->ahead.count > 0 ? WAY_SENT : WAY_LATER;
    (void)send(CHILD_FD, answer, sizeof *answer, MSG_NOSIGNAL);
}

static void begin_weather(struct sender *sender)
{
    struct notifier_weather failed = {.done.why = "the request can't be made"};
    if (boundary_is_stale(&sender->boundary))
        _exit(EX_TEMPFAIL); /* the network changed; it is asked for again */
    if (weather_begin(&sender->weather, &libcurl, sender->hello.weather_url,
                      sender->hello.weather_ca_file) &&
        libcurl.multi_add_handle(sender->multi, sender->weather.easy) == CURLM_OK)
        return;
    weather_end(&sender->weather, &libcurl);
    send_weather(&failed);
}

static void finish_weather(struct sender *sender, CURLcode code)
{
    struct weather *weather = &sender->weather;
    struct notifier_weather answer = {.done.bytes = bytes_of(weather->easy)};
    long status = 0;
    (void)libcurl.easy_getinfo(weather->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK || weather->too_large)
        (void)weather_take(weather, status, &answer.ahead, answer.done.why);
    else
        (void)by_curl(code, answer.done.why);
    (void)libcurl.multi_remove_handle(sender->multi, weather->easy);
    weather_end(weather, &libcurl);
    send_weather(&answer);
}

static void collect(struct sender *sender)
{
    int left = 0, running = 0;
    (void)libcurl.multi_perform(sender->multi, &running);
    CURLMsg *message = NULL;
    while ((message = libcurl.multi_info_read(sender->multi, &left)) != NULL) {
        char *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        if (message->easy_handle == sender->weather.easy)
            finish_weather(sender, code);
        else
            finish_transfer(sender, (struct transfer *)(void *)transfer, code);
    }
}

static void sms_ended(void *context, uint16_t way, enum way_outcome outcome, const char *why)
{
    struct sender *sender = context;
    sender->transfers[way].busy = false;
    tell(&sender->transfers[way], outcome, why);
}

/* false: the daemon is gone. */
static bool read_daemon(struct sender *sender)
{
    struct way_message message;
    for (;;) {
        ssize_t got = recv(CHILD_FD, &message, sizeof message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (got != (ssize_t)sizeof message)
            return false;
        if (message.way < sender->hello.way_count && !sender->transfers[message.way].busy)
            begin_transfer(sender, &message);
        else if (message.way == NOTIFIER_WEATHER && sender->weather.easy == NULL)
            begin_weather(sender);
    }
}

/* The port of a service's address; 0: it has none that is understood. */
static unsigned port_of(const char *url)
{
    CURLU *parts = libcurl.url();
    char *text = NULL;
    unsigned long port = 0;
    if (parts != NULL && libcurl.url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        libcurl.url_get(parts, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
        port = strtoul(text, NULL, 10);
    libcurl.free(text);
    libcurl.url_cleanup(parts);
    return port <= UINT16_MAX ? (unsigned)port : 0;
}

/* Where libcurl goes instead stands in its environment: any port then. */
static bool has_proxy(void)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                                        "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (getenv(names[i]) != NULL)
            return true;
    }
    return false;
}

/* false: it would not be reached with the ports alone that are named. */
static bool name_port(struct sender *sender, const char *url)
{
    unsigned port = url[0] != '\0' ? port_of(url) : 0;
    if (port != 0)
        boundary_port(&sender->boundary, port);
    return port != 0 || url[0] == '\0';
}

static void name_ports(struct sender *sender)
{
    bool all = name_port(sender, sender->hello.weather_url);
    for (unsigned i = 0; i < sender->hello.way_count && i < WAYS_MAX; i++)
        all = name_port(sender, sender->hello.ways[i].url) && all;
    if (!all)
        sender->boundary.port_count = 0;
}

/* libcurl has no thread of its own yet; what it looks names up by stays within. */
static void close_boundary(struct sender *sender)
{
    if (!has_proxy())
        name_ports(sender);
    sender->boundary.other_user = child_is_other_user();
    sender->boundary.leaves_user = true;
    boundary_close(&sender->boundary);
    boundary_log(&sender->boundary, "notify: its process");
}

static void take_authorities(struct sender *sender, const struct child_files *files)
{
    sender->files = files;
    for (unsigned i = 0; i < sender->hello.way_count && i < WAYS_MAX; i++) {
        char opened[CONFIG_PATH_SIZE];
        (void)snprintf(opened, sizeof opened, "%s",
                       child_path(files, sender->hello.ways[i].ca_file));
        memcpy(sender->hello.ways[i].ca_file, opened, sizeof opened);
    }
    char opened[CONFIG_PATH_SIZE];
    (void)snprintf(opened, sizeof opened, "%s", child_path(files, sender->hello.weather_ca_file));
    memcpy(sender->hello.weather_ca_file, opened, sizeof opened);
}

static void serve(struct sender *sender)
{
    while (read_daemon(sender)) {
        struct curl_waitfd wait[2] = {{.fd = CHILD_FD, .events = CURL_WAIT_POLLIN}};
        child_alive();
        collect(sender);
        sms_process(sender->sms);
        wait[1].fd = sms_fd(sender->sms, &wait[1].events);
        (void)libcurl.multi_poll(sender->multi, wait, wait[1].fd >= 0 ? 2 : 1,
                                 sms_wait_ms(sender->sms), NULL);
    }
    for (unsigned w = 0; w < WAYS_MAX; w++)
        end_transfer(sender, &sender->transfers[w]);
    if (sender->weather.easy != NULL)
        (void)libcurl.multi_remove_handle(sender->multi, sender->weather.easy);
    weather_end(&sender->weather, &libcurl);
}

static void open_bus(struct sender *sender)
{
    for (unsigned i = 0; i < sender->hello.way_count && i < WAYS_MAX; i++) {
        if (sender->hello.ways[i].kind == WAY_SMS && !sms_is_open(sender->sms))
            (void)sms_open(sender->sms); /* said with each message that can't go */
    }
    sender->sms_tried_ms = clock_mono_ms();
}

int notifier_main(const struct child_files *files)
{
    struct sender *sender = calloc(1, sizeof *sender);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool loaded = libcurl_load(&libcurl);
    if (sender != NULL && loaded && libcurl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        sender->multi = libcurl.multi_init();
    if (sender != NULL)
        sender->sms = sms_create(sms_ended, sender);
    bool good =
        sender != NULL && sender->multi != NULL && sender->sms != NULL &&
        recv(CHILD_FD, &sender->hello, sizeof sender->hello, 0) == (ssize_t)sizeof sender->hello;
    if (good) {
        take_authorities(sender, files);
        open_bus(sender);
        close_boundary(sender);
        serve(sender);
    }
    if (sender != NULL && sender->multi != NULL)
        (void)libcurl.multi_cleanup(sender->multi);
    if (sender != NULL)
        sms_destroy(sender->sms);
    if (loaded)
        libcurl.global_cleanup();
    free(sender);
    return good ? 0 : 71; /* EX_OSERR */
}
