/* SPDX-License-Identifier: Apache-2.0 */
/* The table of alerts: written as a whole row at each change that must survive, read at the start
 * (those that stand) and for the season's list. What a row's text means is the alerts' own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/row_task.h"

static const struct row_share share = {DB_ALERT_COUNT, DB_ALERT_COUNT, DB_ALERT_TRIM, 1024,
                                       "trimming alerts"};

struct put_task {
    struct task task;
    struct store_alert alert; /* its doc is `text` */
    store_done done;
    void *context;
    char text[];
};

struct list_task {
    struct task task;
    int64_t from_ms, to_ms;
    uint32_t limit;
    store_alerts_done done;
    void *context;
};

/* ---- Writing ---- */

static enum store_result put(struct store *store, const struct store_alert *alert)
{
    sqlite3_stmt *s = db_statement(&store->db, DB_ALERT_SET);
    if (s != NULL) {
        sqlite3_bind_text(s, 1, alert->id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, alert->begun_ms);
        sqlite3_bind_int64(s, 3, alert->ended_ms);
        sqlite3_bind_text(s, 4, alert->doc, (int)alert->size, SQLITE_STATIC);
    }
    enum store_result result = row_change(store, s, "keeping an alert");
    if (result == STORE_OK && row_share_due(&store->rows_written.alerts))
        row_keep_share(store, &share);
    return result;
}

static bool put_run(struct store *store, struct task *task, enum store_result state)
{
    struct put_task *own = (struct put_task *)task;
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (state == STORE_OK)
        state = put(store, &own->alert);
    if (own->done != NULL)
        own->done(own->context, state);
    free(own);
    return false;
}

enum store_result store_alert_put(struct store *store, const struct store_alert *alert,
                                  store_done done, void *context)
{
    if (alert->size > STORE_ALERT_MAX || alert->id[0] == '\0')
        return STORE_INVALID;
    struct put_task *own = calloc(1, sizeof *own + alert->size);
    if (own == NULL)
        return STORE_BUSY;
    own->task = (struct task){.run = put_run, .asker = STORE_ASKER_GATEWAY};
    own->alert = *alert;
    own->alert.doc = own->text;
    own->done = done;
    own->context = context;
    memcpy(own->text, alert->doc, alert->size);
    enum store_result result = task_post(store, &own->task);
    if (result != STORE_OK)
        free(own);
    return result;
}

/* ---- Reading ---- */

/* Where the next page begins, when there is a row more than fits: no two pages share the alerts of
 * one moment. */
static int64_t cut_page(const struct store_alert *alerts, uint32_t limit, uint32_t *count)
{
    if (*count <= limit)
        return 0;
    uint32_t kept = limit;
    while (kept > 0 && alerts[kept - 1].begun_ms == alerts[limit].begun_ms)
        kept--;
    *count = kept > 0 ? kept : limit; /* more than a page of one moment is cut */
    return alerts[*count - 1].begun_ms;
}

static enum store_result list(struct store *store, const struct list_task *own)
{
    uint32_t most = own->limit + 1;
    struct store_alert *alerts = calloc(most, sizeof *alerts);
    sqlite3_stmt *s = alerts != NULL ? db_statement(&store->db, DB_ALERT_LIST) : NULL;
    uint32_t count = 0;
    bool memory = alerts != NULL;
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, own->from_ms);
        sqlite3_bind_int64(s, 2, own->to_ms);
        sqlite3_bind_int64(s, 3, most);
    }
    while (s != NULL && memory && count < most && sqlite3_step(s) == SQLITE_ROW) {
        struct store_alert *alert = &alerts[count];
        const char *doc = (const char *)sqlite3_column_text(s, 3);
        const char *id = (const char *)sqlite3_column_text(s, 0);
        (void)snprintf(alert->id, sizeof alert->id, "%s", id != NULL ? id : "");
        alert->begun_ms = sqlite3_column_int64(s, 1);
        alert->ended_ms = sqlite3_column_int64(s, 2);
        alert->doc = strdup(doc != NULL ? doc : "");
        memory = alert->doc != NULL;
        alert->size = memory ? strlen(alert->doc) : 0;
        count += memory;
    }
    if (s != NULL)
        sqlite3_reset(s);
    enum store_result result = s != NULL && memory ? STORE_OK : STORE_UNAVAILABLE;
    uint32_t told = result == STORE_OK ? count : 0;
    int64_t next_ms = cut_page(alerts, own->limit, &told);
    own->done(own->context, result, alerts, told, next_ms);
    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)alerts[i].doc);
    free(alerts);
    return result;
}

static bool list_run(struct store *store, struct task *task, enum store_result state)
{
    struct list_task *own = (struct list_task *)task;
    if (state == STORE_OK && !file_ready(store))
        state = STORE_UNAVAILABLE;
    if (state == STORE_OK)
        (void)list(store, own);
    else
        own->done(own->context, state, NULL, 0, 0);
    free(own);
    return false;
}

enum store_result store_alerts(struct store *store, store_asker asker, int64_t from_ms,
                               int64_t to_ms, uint32_t limit, store_alerts_done done, void *context)
{
    if (limit == 0 || limit > STORE_ALERTS_MAX)
        return STORE_INVALID;
    struct list_task *own = calloc(1, sizeof *own);
    if (own == NULL)
        return STORE_BUSY;
    *own = (struct list_task){.task = {.run = list_run, .asker = asker},
                              .from_ms = from_ms,
                              .to_ms = to_ms,
                              .limit = limit,
                              .done = done,
                              .context = context};
    enum store_result result = task_post(store, &own->task);
    if (result != STORE_OK)
        free(own);
    return result;
}
