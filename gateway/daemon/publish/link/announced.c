/* SPDX-License-Identifier: Apache-2.0 */
/* What was announced is remembered: retained documents of a device, plot, metric or site that the
 * configuration no longer has are emptied at every broker, whenever that can be reached. Kept in
 * the store, FORM and then a line each: "site NAME", "device NAME METRIC…", "plot NAME". What is
 * gone stays in it until all brokers have emptied it in one run. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"

#define KEPT_MOST 60000u
#define FORM      "announced 1\n" /* the first line: this form and its version */
#define WORD_MOST (CONFIG_NAME_SIZE + 8)

/* Asked on the link thread, answered on the store's; whoever asked may be gone by then. */
struct question {
    struct announced *owner; /* under the lock; NULL: no one waits */
};

struct announced {
    struct publish *publish;
    struct question *question; /* under the lock; NULL: none is under way */
    atomic_bool known;         /* what was kept is looked at: what is written now forgets nothing */
    bool forgotten;
    uint16_t emptied; /* brokers, a bit each */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void empty(struct publish *publish, const char *topic, enum doc_class kind)
{
    (void)docs_set(&publish->docs, topic, kind, NULL, 0, true, 1);
}

static void empty_below(struct publish *publish, const char *site, const char *suffix,
                        enum doc_class kind)
{
    char topic[TOPIC_SIZE];
    if (topic_make(topic, sizeof topic, site, suffix))
        empty(publish, topic, kind);
}

static void empty_leaf(struct publish *publish, const char *site, const char *device,
                       const char *leaf, enum doc_class kind)
{
    char suffix[TOPIC_SIZE];
    if (topic_device(suffix, sizeof suffix, device, leaf))
        empty_below(publish, site, suffix, kind);
}

/* The documents of a whole device. */
static void empty_device(struct publish *publish, const char *site, const char *device)
{
    char topic[TOPIC_SIZE];
    empty_leaf(publish, site, device, "live", DOC_PLAIN);
    empty_leaf(publish, site, device, "health", DOC_PLAIN);
    int size =
        snprintf(topic, sizeof topic, "homeassistant/device/baiye-%s-%s/config", site, device);
    if (size > 0 && size < (int)sizeof topic)
        empty(publish, topic, DOC_PANEL);
}

static void empty_metric(struct publish *publish, const char *site, const char *device,
                         const char *metric)
{
    char leaf[WORD_MOST + 2];
    (void)snprintf(leaf, sizeof leaf, "v/%s", metric);
    empty_leaf(publish, site, device, leaf, DOC_PANEL);
}

static bool has_metric(const struct device_config *device, const char *metric)
{
    for (unsigned i = 0; device != NULL && i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, metric) == 0)
            return true;
    }
    return false;
}

/* ---- Lines ---- */

/* The next word of a line, "" at its end. */
static const char *next_word(const char *at, char *word, size_t size)
{
    at += strspn(at, " ");
    size_t length = strcspn(at, " \n");
    (void)snprintf(word, size, "%.*s", (int)length, at);
    return at + length;
}

/* "device NAME METRIC…": true when something of it is gone. */
static bool look_at_device(struct publish *publish, const char *site, const char *at)
{
    char name[WORD_MOST], metric[WORD_MOST];
    at = next_word(at, name, sizeof name);
    bool other = strcmp(site, publish->config->site) != 0;
    const struct device_config *device = other ? NULL : config_device(publish->config, name);
    bool gone = device == NULL;
    if (gone)
        empty_device(publish, site, name);
    for (at = next_word(at, metric, sizeof metric); metric[0] != '\0';
         at = next_word(at, metric, sizeof metric)) {
        if (has_metric(device, metric))
            continue;
        empty_metric(publish, site, name, metric);
        gone = true;
    }
    return gone;
}

static bool look_at_plot(struct publish *publish, const char *site, const char *at)
{
    char name[WORD_MOST], suffix[TOPIC_SIZE];
    (void)next_word(at, name, sizeof name);
    if (strcmp(site, publish->config->site) == 0 && config_plot(publish->config, name) != NULL)
        return false;
    if (topic_plot(suffix, sizeof suffix, name))
        empty_below(publish, site, suffix, DOC_PLAIN);
    return true;
}

static bool look_at_site(struct publish *publish, const char *site)
{
    static const char *const suffixes[] = {TOPIC_SITE, TOPIC_STATUS, TOPIC_LOG, TOPIC_FORECAST};
    if (strcmp(site, publish->config->site) == 0)
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        empty_below(publish, site, suffixes[i], DOC_PLAIN);
    return true;
}

static void keep_line(char *out, size_t size, const char *line, size_t length)
{
    size_t used = strlen(out);
    if (used + length + 2 < size)
        (void)snprintf(out + used, size - used, "%.*s\n", (int)length, line);
}

/* Copies what is gone to `out`, as lines, each behind its site's. */
static void look_at_lines(struct publish *publish, const char *text, char *out, size_t size)
{
    char site[WORD_MOST] = "", kind[WORD_MOST];
    const char *site_line = "";
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        bool gone = false;
        const char *at = next_word(line, kind, sizeof kind);
        if (strcmp(kind, "site") == 0) {
            (void)next_word(at, site, sizeof site);
            site_line = line;
            gone = look_at_site(publish, site);
        } else if (strcmp(kind, "device") == 0) {
            gone = look_at_device(publish, site, at);
        } else if (strcmp(kind, "plot") == 0) {
            gone = look_at_plot(publish, site, at);
        }
        if (gone && site_line != line && site_line[0] != '\0')
            keep_line(out, size, site_line, strcspn(site_line, "\n"));
        if (gone)
            keep_line(out, size, line, length);
        if (gone)
            site_line = ""; /* it stands */
        line += length + (line[length] == '\n');
    }
}

/* ---- What there is now ---- */

static void append(char *out, size_t size, size_t *used, const char *word, const char *end)
{
    int length = snprintf(out + *used, size - *used, "%s%s", word, end);
    if (length > 0 && (size_t)length < size - *used)
        *used += (size_t)length;
    else
        out[*used] = '\0';
}

static void put_now(const struct config *config, char *out, size_t size)
{
    size_t used = strlen(out);
    append(out, size, &used, "site ", "");
    append(out, size, &used, config->site, "\n");
    for (uint16_t i = 0; i < config->device_count; i++) {
        append(out, size, &used, "device ", config->devices[i].name);
        for (unsigned m = 0; m < config->devices[i].metric_count; m++)
            append(out, size, &used, " ", config->devices[i].metrics[m]->metric);
        append(out, size, &used, "\n", "");
    }
    for (uint16_t i = 0; i < config->plot_count; i++) {
        append(out, size, &used, "plot ", config->plots[i].name);
        append(out, size, &used, "\n", "");
    }
}

static void keep(struct publish *publish, const char *gone)
{
    char *text = calloc(1, KEPT_MOST);
    if (text == NULL)
        return; /* what was kept before stays */
    (void)snprintf(text, KEPT_MOST, FORM "%s", gone);
    put_now(publish->config, text, KEPT_MOST);
    (void)store_put(publish->store, "announced", text, strlen(text), NULL, NULL);
    free(text);
}

/* false: no memory. */
static bool look_at_kept(struct publish *publish, const void *value, size_t size)
{
    char *text = calloc(1, size + 1), *gone = calloc(1, KEPT_MOST / 2);
    bool good = text != NULL && gone != NULL;
    if (good && size >= sizeof FORM - 1 && memcmp(value, FORM, sizeof FORM - 1) == 0)
        memcpy(text, (const char *)value + sizeof FORM - 1, size - (sizeof FORM - 1));
    if (good) {
        look_at_lines(publish, text, gone, KEPT_MOST / 2);
        keep(publish, gone);
    }
    free(text);
    free(gone);
    return good;
}

/* On the store thread. */
static void on_persisted(void *context, enum store_result result, const void *value, size_t size)
{
    struct question *question = context;
    pthread_mutex_lock(&lock);
    struct announced *owner = question->owner;
    if (owner != NULL) {
        owner->question = NULL;
        if (result == STORE_OK && look_at_kept(owner->publish, value, size))
            atomic_store(&owner->known, true);
    }
    pthread_mutex_unlock(&lock);
    free(question);
}

static void ask(struct announced *announced)
{
    pthread_mutex_lock(&lock);
    struct question *question = announced->question == NULL ? malloc(sizeof *question) : NULL;
    if (question != NULL) {
        question->owner = announced;
        announced->question = question;
    }
    pthread_mutex_unlock(&lock);
    if (question == NULL ||
        store_get(announced->publish->store, "announced", on_persisted, question) == STORE_OK)
        return;
    pthread_mutex_lock(&lock);
    announced->question = NULL;
    pthread_mutex_unlock(&lock);
    free(question);
}

/* ---- The outside ---- */

struct announced *announced_create(struct publish *publish)
{
    struct announced *announced = calloc(1, sizeof *announced);
    if (announced != NULL)
        announced->publish = publish;
    return announced;
}

void announced_destroy(struct announced *announced)
{
    if (announced == NULL)
        return;
    pthread_mutex_lock(&lock);
    if (announced->question != NULL)
        announced->question->owner = NULL;
    pthread_mutex_unlock(&lock);
    free(announced);
}

void announced_second(struct publish *publish, struct announced *announced)
{
    if (!atomic_load(&announced->known))
        ask(announced);
    if (announced->forgotten || !atomic_load(&announced->known))
        return;
    uint16_t all = (uint16_t)((1u << publish->broker_count) - 1u);
    uint32_t version = atomic_load(&publish->docs.version);
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        const struct broker *broker = &publish->brokers[i];
        if (broker->up && broker->docs_seen == version && broker->docs_out == 0)
            announced->emptied |= (uint16_t)(1u << i);
    }
    if (announced->emptied != all)
        return;
    keep(publish, "");
    announced->forgotten = true;
}
