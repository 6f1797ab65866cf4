/* SPDX-License-Identifier: Apache-2.0 */
/* The alerts that stand now: what their topics say and who has seen them. All of it is kept in the
 * store, so that after a restart an alert goes on as the one it was, and one that is over by then
 * is cleared at the brokers too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"
#include "protocols/mqtt/json.h"

#define ACTIVE_MOST 1024u
#define KEPT_MOST   65000u /* bytes; what does not fit is not known after a restart */

struct raised {
    struct raised *next;
    struct alert_text text;
    char acked_by[65]; /* "" : nobody */
    int64_t acked_ms;
};

struct active_list {
    pthread_mutex_t lock;
    struct raised *first;
    uint32_t count;
    struct persisted_doc kept;
};

/* ---- Under the lock ---- */

static struct raised *find(const struct active_list *list, const char *id)
{
    struct raised *raised = list->first;
    while (raised != NULL && strcmp(raised->text.id, id) != 0)
        raised = raised->next;
    return raised;
}

static struct raised *add(struct active_list *list, const struct alert_text *text)
{
    struct raised **end = &list->first;
    struct raised *raised = list->count < ACTIVE_MOST ? calloc(1, sizeof *raised) : NULL;
    if (raised == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = raised;
    list->count++;
    raised->text = *text;
    return raised;
}

static void put_text(struct json_out *o, const char *name, const char *value)
{
    json_out_key(o, name);
    json_out_string(o, value);
}

static void put_chinese(struct json_out *o, const struct alert_text *text)
{
    if (text->what_zh[0] == '\0')
        return;
    json_out_key(o, "zh");
    json_out_open(o, '{');
    put_text(o, "what", text->what_zh);
    put_text(o, "todo", text->todo_zh);
    json_out_close(o, '}');
}

static void tell(struct publish *publish, const struct raised *raised)
{
    char json[2048], suffix[TOPIC_SIZE];
    struct json_out o = json_out_init(json, sizeof json);
    json_out_open(&o, '{');
    put_text(&o, "id", raised->text.id);
    put_text(&o, "what", raised->text.what);
    put_text(&o, "where", raised->text.where);
    json_out_key(&o, "since");
    json_out_integer(&o, raised->text.since_ms);
    put_text(&o, "level", raised->text.level);
    put_text(&o, "todo", raised->text.todo);
    put_chinese(&o, &raised->text);
    if (raised->acked_by[0] != '\0') {
        put_text(&o, "acked_by", raised->acked_by);
        json_out_key(&o, "acked_ts");
        json_out_integer(&o, raised->acked_ms);
    }
    json_out_close(&o, '}');
    (void)snprintf(suffix, sizeof suffix, TOPIC_ALERT "%s", raised->text.id);
    if (!o.failed)
        (void)publish_doc(publish, suffix, json, o.at, true, 1);
}

static void clear_topic(struct publish *publish, const char *id)
{
    char suffix[TOPIC_SIZE];
    (void)snprintf(suffix, sizeof suffix, TOPIC_ALERT "%s", id);
    (void)publish_doc(publish, suffix, NULL, 0, true, 1);
}

/* ---- In the store: the structs one after the other, without their pointers ---- */

struct kept_alert {
    struct alert_text text;
    char acked_by[65];
    int64_t acked_ms;
};

static void save(struct publish *publish, const struct active_list *list)
{
    if (!atomic_load(&list->kept.known))
        return; /* what is in the store would be lost */
    size_t most = KEPT_MOST / sizeof(struct kept_alert), count = 0;
    struct kept_alert *kept = calloc(most, sizeof *kept);
    for (const struct raised *r = list->first; kept != NULL && r != NULL && count < most;
         r = r->next) {
        struct kept_alert *to = &kept[count++];
        to->text = r->text;
        memcpy(to->acked_by, r->acked_by, sizeof to->acked_by);
        to->acked_ms = r->acked_ms;
    }
    if (kept != NULL)
        (void)store_put(publish->store, list->kept.key, kept, count * sizeof *kept, NULL, NULL);
    free(kept);
}

static bool is_whole(const struct kept_alert *kept)
{
    const struct alert_text *text = &kept->text;
    return memchr(text->id, 0, sizeof text->id) != NULL && text->id[0] != '\0' &&
           memchr(text->what, 0, sizeof text->what) != NULL &&
           memchr(text->where, 0, sizeof text->where) != NULL &&
           memchr(text->level, 0, sizeof text->level) != NULL &&
           memchr(text->todo, 0, sizeof text->todo) != NULL &&
           memchr(text->what_zh, 0, sizeof text->what_zh) != NULL &&
           memchr(text->todo_zh, 0, sizeof text->todo_zh) != NULL &&
           memchr(kept->acked_by, 0, sizeof kept->acked_by) != NULL;
}

/* Store thread. One that was raised again meanwhile is the same one. */
static void take_kept(struct publish *publish, void *context, const void *value, size_t size)
{
    struct active_list *list = context;
    struct kept_alert kept;
    if (size % sizeof kept != 0)
        return; /* of another version */
    pthread_mutex_lock(&list->lock);
    for (size_t at = 0; at < size; at += sizeof kept) {
        memcpy(&kept, (const char *)value + at, sizeof kept);
        if (!is_whole(&kept))
            continue;
        struct raised *raised = find(list, kept.text.id);
        if (raised == NULL)
            raised = add(list, &kept.text);
        if (raised == NULL)
            break;
        raised->text.since_ms = kept.text.since_ms;
        if (raised->acked_by[0] == '\0') {
            memcpy(raised->acked_by, kept.acked_by, sizeof raised->acked_by);
            raised->acked_ms = kept.acked_ms;
        }
        tell(publish, raised);
    }
    pthread_mutex_unlock(&list->lock);
}

/* ---- The outside ---- */

struct active_list *active_create(struct publish *publish)
{
    struct active_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return NULL;
    pthread_mutex_init(&list->lock, NULL);
    list->kept = (struct persisted_doc){
        .publish = publish, .key = "alerts", .take = take_kept, .context = list};
    return list;
}

void active_destroy(struct active_list *list)
{
    if (list == NULL)
        return;
    persisted_doc_forget(&list->kept);
    while (list->first != NULL) {
        struct raised *raised = list->first;
        list->first = raised->next;
        free(raised);
    }
    pthread_mutex_destroy(&list->lock);
    free(list);
}

bool active_known(struct active_list *list)
{
    persisted_doc_ask(&list->kept);
    return atomic_load(&list->kept.known);
}

static bool same_text(const struct alert_text *a, const struct alert_text *b)
{
    return strcmp(a->what, b->what) == 0 && strcmp(a->where, b->where) == 0 &&
           strcmp(a->level, b->level) == 0 && strcmp(a->todo, b->todo) == 0 &&
           strcmp(a->what_zh, b->what_zh) == 0 && strcmp(a->todo_zh, b->todo_zh) == 0;
}

void active_set(struct publish *publish, const struct alert_text *text)
{
    struct active_list *list = publish->raised;
    pthread_mutex_lock(&list->lock);
    struct raised *raised = find(list, text->id);
    struct alert_text now = *text;
    if (raised != NULL)
        now.since_ms = raised->text.since_ms;
    bool same = raised != NULL && same_text(&raised->text, &now);
    if (raised == NULL)
        raised = add(list, &now);
    if (raised != NULL && !same) {
        raised->text = now;
        tell(publish, raised);
        save(publish, list);
    }
    pthread_mutex_unlock(&list->lock);
}

void active_end(struct publish *publish, const char *id)
{
    struct active_list *list = publish->raised;
    pthread_mutex_lock(&list->lock);
    struct raised **at = &list->first;
    while (*at != NULL && strcmp((*at)->text.id, id) != 0)
        at = &(*at)->next;
    struct raised *raised = *at;
    if (raised != NULL) {
        *at = raised->next;
        list->count--;
        clear_topic(publish, id);
        save(publish, list);
    }
    pthread_mutex_unlock(&list->lock);
    free(raised);
}

bool active_find(struct publish *publish, const char *id, int64_t *since_ms)
{
    struct active_list *list = publish->raised;
    pthread_mutex_lock(&list->lock);
    const struct raised *raised = find(list, id);
    if (raised != NULL)
        *since_ms = raised->text.since_ms;
    pthread_mutex_unlock(&list->lock);
    return raised != NULL;
}

bool active_next_foreign(struct publish *publish, bool (*own)(struct publish *, const char *),
                         char *id, size_t size)
{
    struct active_list *list = publish->raised;
    bool found = false;
    pthread_mutex_lock(&list->lock);
    for (const struct raised *r = list->first; r != NULL && !found; r = r->next) {
        found = !own(publish, r->text.id);
        if (found)
            (void)snprintf(id, size, "%s", r->text.id);
    }
    pthread_mutex_unlock(&list->lock);
    return found;
}

bool publish_acknowledge(struct publish *publish, const char *id, const char *user, int64_t at_ms)
{
    struct active_list *list = publish->raised;
    pthread_mutex_lock(&list->lock);
    struct raised *raised = find(list, id);
    if (raised != NULL) {
        (void)snprintf(raised->acked_by, sizeof raised->acked_by, "%s", user);
        raised->acked_ms = at_ms;
        tell(publish, raised);
        save(publish, list);
    }
    pthread_mutex_unlock(&list->lock);
    return raised != NULL;
}
