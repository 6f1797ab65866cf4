/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-county: sees which records of the gateways are missing, and asks for them again until they
 * are there or gone for good. Several may run; one leads. Stateless: kill it at any time. */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/county/admin.h"
#include "gateway/county/deadman.h"
#include "gateway/county/enrol.h"
#include "gateway/county/firmware.h"
#include "gateway/county/holes.h"
#include "gateway/county/link.h"
#include "gateway/county/page.h"
#include "gateway/county/pool.h"
#include "gateway/county/program.h"
#include "gateway/county/rollout.h"
#include "gateway/county/web.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/notifier/notifier.h"

#define STEP_MS      1000
#define ANSWERS_MOST 1000u /* beyond these one is asked for again */

struct answer {
    struct answer *next;
    char site[MESSAGE_NAME_SIZE];
    char kind; /* 0: to `resend`; else as rollout.h says */
    int64_t id;
    size_t size;
    char json[];
};

struct county {
    struct settings settings;
    char answers_topic[100];
    const char *topics[2];
    struct holes *holes;
    struct leader *rollout, *firmware;        /* one each for rollout.h and firmware.h */
    int firmware_room;                        /* requests until the next step */
    struct link *links[SETTINGS_BROKERS_MAX]; /* of each broker */
    struct enrol *enrol;                      /* NULL: nobody enrols */
    struct web *web;                          /* NULL: none is wanted, nor the next three */
    struct deadman *deadman;                  /* NULL: nobody is to be told */
    struct pool *pool;
    struct page *page;
    const struct web_route *routes[4];
    struct log_state database_log;
    struct log_rate answer_log, rollout_log, firmware_log;
    int wake_fd;
    pthread_mutex_t lock; /* ---- guards all below ---- */
    struct answer *first, **last;
    uint32_t count;
};

/* ---- Answers ---- */

/* baiye/SITE/answer/county/ID, a letter before the number if it is of another method. */
static bool parse_topic(const struct county *county, const char *topic, struct answer *answer)
{
    static const char leaf[] = "answer/county/";
    char plain[200];
    size_t prefix = strlen(county->settings.prefix);
    if (strncmp(topic, county->settings.prefix, prefix) != 0)
        return false;
    (void)snprintf(plain, sizeof plain, "%s", topic + prefix);
    char *slash = strrchr(plain, '/'), *end = NULL;
    if (slash == NULL)
        return false;
    answer->kind = (char)(rollout_is_kind(slash[1]) || slash[1] == FIRMWARE_KIND ? slash[1] : '\0');
    char *digits = slash + 1 + (answer->kind != '\0');
    answer->id = strtoll(digits, &end, 10);
    bool number = end != digits && *end == '\0';
    slash[1] = '\0';
    return number && message_site(plain, leaf, answer->site);
}

/* Paho's thread. */
static void on_message(void *context, const char *topic, MQTTAsync_message *message)
{
    struct county *county = context;
    size_t size = (size_t)message->payloadlen;
    struct answer *answer = malloc(sizeof *answer + size);
    if (answer == NULL)
        return;
    *answer = (struct answer){.size = size};
    memcpy(answer->json, message->payload, size);
    bool good = parse_topic(county, topic, answer);
    pthread_mutex_lock(&county->lock);
    good = good && county->count < ANSWERS_MOST;
    if (good) {
        *county->last = answer;
        county->last = &answer->next;
        county->count++;
    }
    pthread_mutex_unlock(&county->lock);
    if (!good)
        free(answer);
    (void)eventfd_write(county->wake_fd, 1);
}

static struct answer *next_answer(struct county *county)
{
    pthread_mutex_lock(&county->lock);
    struct answer *answer = county->first;
    if (answer != NULL) {
        county->first = answer->next;
        county->count--;
        if (county->first == NULL)
            county->last = &county->first;
    }
    pthread_mutex_unlock(&county->lock);
    return answer;
}

/* How many were about firmware. */
static unsigned take_answers(struct county *county)
{
    struct answer *answer = NULL;
    unsigned firmware = 0;
    while ((answer = next_answer(county)) != NULL) {
        char why[300];
        firmware += answer->kind == FIRMWARE_KIND;
        bool good = answer->kind == '\0' ? holes_answer(county->holes, answer->site, answer->id,
                                                        answer->json, answer->size, why, sizeof why)
                    : answer->kind == FIRMWARE_KIND
                        ? firmware_answer(county->firmware, answer->site, answer->id, answer->json,
                                          answer->size, why, sizeof why)
                        : rollout_answer(county->rollout, answer->kind, answer->site, answer->id,
                                         answer->json, answer->size, why, sizeof why);
        if (!good)
            log_limited(&county->answer_log, LOG_LEVEL_WARNING,
                        "site %s: its answer is of no use: %s; it is asked again", answer->site,
                        why);
        free(answer);
    }
    return firmware;
}

/* ---- Asking ---- */

/* `kind`: of the answer; 0: to `resend`. */
static void ask(struct county *county, const char *site, const char *method, char kind, int64_t id,
                const char *payload)
{
    const char kind_text[] = {kind, '\0'};
    char topic[200], response[200];
    (void)snprintf(topic, sizeof topic, "%sbaiye/%s/rpc/county/%s", county->settings.prefix, site,
                   method);
    /* The gateway writes it below its own mount point. */
    (void)snprintf(response, sizeof response, "baiye/%s/answer/county/%s%" PRId64, site, kind_text,
                   id);
    for (uint32_t i = 0; i < county->settings.broker_count; i++) {
        if (link_is_up(county->links[i])) /* which of them the gateway is at, no one knows */
            (void)link_publish(county->links[i], topic, payload, response);
    }
}

static void ask_for_records(struct county *county, const struct hole_request *request)
{
    char payload[80];
    (void)snprintf(payload, sizeof payload, "{\"ids\":[%" PRId64 ",%" PRId64 "]}", request->first,
                   request->last);
    ask(county, request->site, "resend", '\0', request->id, payload);
    log_write(LOG_LEVEL_INFO, "site %s: records %" PRId64 " to %" PRId64 " are asked for again",
              request->site, request->first, request->last);
}

static bool any_is_up(const struct county *county)
{
    for (uint32_t i = 0; i < county->settings.broker_count; i++) {
        if (link_is_up(county->links[i]))
            return true;
    }
    return false;
}

static void look_for_holes(struct county *county)
{
    struct hole_request requests[HOLES_A_STEP];
    char why[300] = "";
    if (!any_is_up(county))
        return;
    int count = holes_due(county->holes, requests, why, sizeof why);
    log_change(&county->database_log, count >= 0, count >= 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
               count >= 0 ? "PostgreSQL: connected%s" : "PostgreSQL: %s", count >= 0 ? "" : why);
    for (int i = 0; i < count; i++)
        ask_for_records(county, &requests[i]);
}

static void ask_all(struct county *county, struct rollout_request *requests, int count)
{
    for (int i = 0; i < count; i++) {
        ask(county, requests[i].site, requests[i].method, requests[i].kind, requests[i].id,
            requests[i].payload);
        log_write(LOG_LEVEL_INFO, "site %s: %s is asked", requests[i].site, requests[i].method);
        free(requests[i].payload);
    }
}

/* `count` below 0: `why`. */
static void ask_for_firmware(struct county *county, struct rollout_request *requests, int count,
                             const char *why)
{
    if (count < 0)
        log_limited(&county->firmware_log, LOG_LEVEL_ERROR, "PostgreSQL: firmware: %s", why);
    ask_all(county, requests, count);
}

static void roll_out(struct county *county)
{
    struct rollout_request requests[ROLLOUT_A_STEP];
    char why[300] = "";
    if (!any_is_up(county))
        return;
    int count = rollout_due(county->rollout, requests, why, sizeof why);
    if (count < 0)
        log_limited(&county->rollout_log, LOG_LEVEL_ERROR, "PostgreSQL: configurations: %s", why);
    ask_all(county, requests, count);
    count = firmware_due(county->firmware, requests, ROLLOUT_A_STEP, why, sizeof why);
    ask_for_firmware(county, requests, count, why);
    county->firmware_room = ROLLOUT_A_STEP - (count > 0 ? count : 0);
}

/* Who has a part is sent the next one at once, and not a step later, as long as few are at it. */
static void send_more_firmware(struct county *county)
{
    struct rollout_request requests[ROLLOUT_A_STEP];
    char why[300] = "";
    if (county->firmware_room <= 0 || !any_is_up(county))
        return;
    int count = firmware_go_on(county->firmware, requests, county->firmware_room, why, sizeof why);
    ask_for_firmware(county, requests, count, why);
    county->firmware_room -= count > 0 ? count : 0;
}

static int run(struct county *county, int signals)
{
    int64_t step_ms = 0;
    uint32_t links = county->settings.broker_count;
    (void)sd_notify(0, "READY=1");
    for (;;) {
        int64_t now_ms = clock_now().mono_ms;
        eventfd_t count = 0;
        (void)sd_notify(0, "WATCHDOG=1");
        for (uint32_t i = 0; i < links; i++)
            link_step(county->links[i], now_ms);
        (void)eventfd_read(county->wake_fd, &count);
        if (take_answers(county) > 0)
            send_more_firmware(county);
        if (now_ms - step_ms >= STEP_MS) {
            step_ms = now_ms;
            look_for_holes(county);
            roll_out(county);
            deadman_step(county->deadman, now_ms);
        }
        struct pollfd fds[2 + SETTINGS_BROKERS_MAX] = {{.fd = signals, .events = POLLIN},
                                                       {.fd = county->wake_fd, .events = POLLIN}};
        for (uint32_t i = 0; i < links; i++)
            fds[2 + i] = (struct pollfd){.fd = link_fd(county->links[i]), .events = POLLIN};
        (void)poll(fds, 2 + links, STEP_MS);
        if (fds[0].revents != 0)
            return EX_OK;
    }
}

/* ---- HTTPS ---- */

static void alive(void *context, struct web_request *request)
{
    (void)context;
    web_reply_text(request, 200, "alive\n");
}

static const struct web_route own_routes[] = {{"GET", "/alive", 0, alive, NULL}, {.method = NULL}};

static bool make_routes(struct county *county, char *why, size_t why_size)
{
    const struct settings *settings = &county->settings;
    size_t count = 0;
    county->routes[count++] = own_routes;
    if (settings->enrol.ca_file[0] != '\0') {
        county->enrol = enrol_open(settings, county->pool, why, why_size);
        if (county->enrol == NULL)
            return false;
        county->routes[count++] = enrol_routes(county->enrol);
    }
    county->routes[count] = page_routes(county->page); /* the last: it takes what is left */
    return true;
}

/* 0, or the exit code. */
static int serve(struct county *county)
{
    struct web_settings *http = &county->settings.http;
    char why[400] = "";
    if (http->host[0] == '\0')
        return EX_OK;
    county->pool = pool_create(county->settings.database, WEB_THREADS);
    county->page = county->pool != NULL ? page_open(county->pool, &county->settings) : NULL;
    if (county->page == NULL)
        return EX_OSERR;
    if (!make_routes(county, why, sizeof why)) {
        log_write(LOG_LEVEL_ERROR, "enrol: %s", why);
        return EX_CONFIG;
    }
    (void)snprintf(http->client_ca_file, sizeof http->client_ca_file, "%s",
                   county->settings.enrol.ca_file);
    county->web = web_open(http, county->routes, why, sizeof why);
    if (county->web == NULL) {
        log_write(LOG_LEVEL_ERROR, "http: %s", why);
        return EX_CONFIG;
    }
    log_write(LOG_LEVEL_NOTICE, "http: listening on %s:%u (TLS)", http->host,
              web_port(county->web));
    return EX_OK;
}

static bool make_parts(struct county *county)
{
    const struct settings *settings = &county->settings;
    char client[64];
    county->last = &county->first;
    pthread_mutex_init(&county->lock, NULL);
    county->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)snprintf(client, sizeof client, "baiye-county-%s", settings->instance);
    (void)snprintf(county->answers_topic, sizeof county->answers_topic, "%sbaiye/+/answer/county/#",
                   settings->prefix);
    county->topics[0] = county->answers_topic;
    county->holes = holes_create(settings->database, settings->patience_s, settings->again_s);
    county->rollout = leader_create(settings->database, ROLLOUT_LOCK);
    county->firmware = leader_create(settings->database, FIRMWARE_LOCK);
    bool good = county->wake_fd >= 0 && county->holes != NULL && county->rollout != NULL &&
                county->firmware != NULL;
    for (uint32_t i = 0; good && i < settings->broker_count; i++) {
        county->links[i] =
            link_create(settings, settings->uris[i], client, 0, county->topics, on_message, county);
        good = county->links[i] != NULL;
    }
    return good;
}

/* Started by the dead-man: the process with the secrets. */
static int be_notifier(void)
{
    static struct child_files files;
    if (!child_take(&files) || files.role != CHILD_NOTIFIER)
        return EX_USAGE;
    (void)prctl(PR_SET_NAME, "baiye-notifier");
    return notifier_main(&files);
}

/* false: people are to be told, and can't be. */
static bool watch(struct county *county)
{
    const struct settings *settings = &county->settings;
    if (settings->notify->way_count == 0)
        return true;
    county->deadman = deadman_start(settings->database, settings->notify, settings->silent_s);
    return county->deadman != NULL;
}

static const char usage[] =
    N_("Usage: baiye-county CONFIG\n"
       "       baiye-county CONFIG COMMAND [WORDS]\n"
       "Looks for records that gateways have and that did not come, and asks for them at\n"
       "all brokers, until they are there or known to be gone. Several may run; one of\n"
       "them leads. With http it serves a page of all gardens by HTTPS.\n"
       "\n"
       "It runs in the foreground. With a command it does that at the database, beside\n"
       "the running program, and ends; `baiye-county help COMMAND` says how. The manual\n"
       "page is baiye-county(8).\n");

/* --help, `help`, and commands that have too few words. Returns where it is none of these. */
static void help_or_go_on(int argc, char **argv)
{
    bool wanted = argc >= 2 && strcmp(argv[1], "help") == 0;
    bool list =
        wanted || (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0));
    if ((!wanted && admin_is(argc, argv)) || (!list && argc < 3))
        return;
    language_open();
    if (argc >= 3 && admin_help(wanted ? stdout : stderr, argv[2]))
        exit(wanted ? EX_OK : EX_USAGE);
    if (argc == 2) {
        (void)printf("%s\n%s\n", gettext(usage), _("Commands:"));
        admin_list(stdout);
        exit(EX_OK);
    }
}

int main(int argc, char **argv)
{
    static struct county county;
    if (argc == 2 && strcmp(argv[1], "--notifier") == 0)
        return be_notifier();
    help_or_go_on(argc, argv);
    if (admin_is(argc, argv))
        return admin_main(argc, argv);
    int signals = program_begin(argc, argv, usage, &county.settings);
    language_prepare(); /* an alert has both languages, the log is English */
    if (!make_parts(&county))
        return EX_OSERR;
    int status = watch(&county) ? serve(&county) : EX_OSERR;
    if (status == EX_OK)
        status = run(&county, signals);
    web_close(county.web);
    page_close(county.page);
    enrol_close(county.enrol);
    pool_destroy(county.pool);
    deadman_stop(county.deadman);
    for (uint32_t i = 0; i < county.settings.broker_count; i++)
        link_leave(county.links[i], NULL, 0);
    holes_destroy(county.holes);
    leader_destroy(county.rollout);
    leader_destroy(county.firmware);
    return status;
}
