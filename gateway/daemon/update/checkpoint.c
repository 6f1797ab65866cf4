/* SPDX-License-Identifier: Apache-2.0 */
/* What makes an update outlive the daemon, as documents of the store: "update.0", "update.1" …
 * hold the image file, "update" names its size and SHA-256, what was wanted and what became of
 * each node so far. The pieces are written first: a file that does not match is no update. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/common/log.h"
#include "gateway/daemon/update/job.h"

#define KEY        "update"
#define PIECE_SIZE 49152u
#define FILE_MOST  (4u << 20)

static void piece_key(char *key, size_t size, size_t piece)
{
    (void)snprintf(key, size, KEY ".%zu", piece);
}

/* Of the record; one without a number is of version 1 as well. */
#define RECORD_VERSION 1

/* ---- out ---- */

static char *record_of(const struct update_job *job, size_t *size)
{
    char id[2 * UPDATE_ID_SIZE + 1];
    hex_write(job->id, UPDATE_ID_SIZE, id);
    json_t *rows = json_array();
    for (uint16_t i = 0; i < job->rpc->config->device_count; i++) {
        const struct update_row *row = &job->rows[i];
        if (row->wanted && row->node.version_before != 0)
            (void)json_array_append_new(
                rows, json_pack("{s:s,s:b,s:i,s:b,s:i,s:i,s:i,s:I}", "device",
                                job->rpc->config->devices[i].name, "over", (int)row->over, "state",
                                (int)row->node.state, "silent", (int)row->node.silent, "result",
                                (int)row->node.result, "checks", (int)row->node.checks,
                                "checks_before", (int)row->node.checks_before, "before",
                                (json_int_t)row->node.version_before));
    }
    json_t *record =
        json_pack("{s:i,s:I,s:s,s:s,s:O?,s:i,s:b,s:b,s:o}", "v", RECORD_VERSION, "size",
                  (json_int_t)job->file_size, "sha256", id, "bus", job->wanted.bus, "devices",
                  job->wanted.devices, "share", (int)job->wanted.share, "held", (int)job->held,
                  "afar", (int)job->wanted.afar, "rows", rows);
    char *text = json_dumps(record, JSON_COMPACT);
    *size = text != NULL ? strlen(text) : 0;
    json_decref(record);
    return text;
}

static enum store_result put_record(const struct update_job *job, store_done done, void *context)
{
    size_t size;
    char *text = record_of(job, &size);
    enum store_result result =
        text != NULL ? store_put(job->rpc->parts.store, KEY, text, size, done, context)
                     : STORE_UNAVAILABLE;
    free(text);
    return result;
}

static void keep_next(struct update_job *job);

static void kept_one(struct loop_task *task)
{
    struct update_job *job =
        (struct update_job *)((char *)task - offsetof(struct update_job, task));
    job->busy = false;
    if (job->kept == STORE_OK && job->keep_at <= job->file_size && !job->stopping) {
        keep_next(job);
        return;
    }
    if (job->kept != STORE_OK)
        log_write(LOG_LEVEL_WARNING,
                  "update: can't be kept (%s); it will not go on by itself after a restart",
                  store_result_text(job->kept));
    update_job_is_kept(job);
    update_job_start(job);
}

/* Store thread. */
static void stored(void *context, enum store_result result)
{
    struct update_job *job = context;
    job->kept = result;
    job->task = (struct loop_task){.run = kept_one};
    loop_post(job->rpc->loop, &job->task);
}

/* The piece at keep_at; behind the last one, the record. */
static void keep_next(struct update_job *job)
{
    char key[32];
    size_t at = job->keep_at, left = job->file_size - at;
    enum store_result result;
    job->busy = true;
    if (left == 0) {
        job->keep_at = at + 1;
        result = put_record(job, stored, job);
    } else {
        size_t size = left < PIECE_SIZE ? left : PIECE_SIZE;
        job->keep_at = at + size;
        piece_key(key, sizeof key, at / PIECE_SIZE);
        result = store_put(job->rpc->parts.store, key, job->file + at, size, stored, job);
    }
    if (result != STORE_OK)
        stored(job, result);
}

void update_keep_and_start(struct update_job *job)
{
    if (job->wanted.dry_run)
        update_job_start(job);
    else
        keep_next(job);
}

void update_keep_rows(struct update_job *job)
{
    job->kept_ms = loop_now_ms();
    if (!job->wanted.dry_run && put_record(job, NULL, NULL) != STORE_OK)
        log_write(LOG_LEVEL_WARNING, "update: the store does not take how far it is");
}

void update_keep_forget(struct update_job *job)
{
    char key[32];
    if (job->wanted.dry_run)
        return;
    /* A record that stays would only ask all nodes once more after the next start. */
    (void)store_put(job->rpc->parts.store, KEY, "", 0, NULL, NULL);
    for (size_t at = 0; at < job->file_size; at += PIECE_SIZE) {
        piece_key(key, sizeof key, at / PIECE_SIZE);
        (void)store_put(job->rpc->parts.store, key, "", 0, NULL, NULL);
    }
}

/* ---- in ---- */

struct update_loading {
    struct rpc *rpc;
    struct loop_task task;
    json_t *record;
    uint8_t *file;
    size_t size, at;
    bool unreadable; /* the store gave an error */
};

void update_keep_free(struct update_loading *loading)
{
    if (loading == NULL)
        return;
    json_decref(loading->record);
    free(loading->file);
    free(loading);
}

static void take_rows(struct update_job *job, const json_t *rows)
{
    size_t i;
    const json_t *one;
    json_array_foreach (rows, i, one) {
        const char *name = json_string_value(json_object_get(one, "device"));
        const struct device_config *device =
            name != NULL ? config_device(job->rpc->config, name) : NULL;
        if (device == NULL)
            continue;
        struct update_row *row = &job->rows[device->index];
        row->over = row->wanted && json_is_true(json_object_get(one, "over"));
        row->node = (struct update_node){
            .unit = device->unit,
            .state = (uint8_t)json_integer_value(json_object_get(one, "state")),
            .silent = json_is_true(json_object_get(one, "silent")),
            .result = (int16_t)json_integer_value(json_object_get(one, "result")),
            .checks = (uint8_t)json_integer_value(json_object_get(one, "checks")),
            .checks_before = (uint8_t)json_integer_value(json_object_get(one, "checks_before")),
            .version_before = (uint32_t)json_integer_value(json_object_get(one, "before"))};
    }
}

/* NULL: what the store has is no update. */
static struct update_job *job_of(struct update_loading *loading)
{
    const json_t *record = loading->record;
    json_int_t share = json_integer_value(json_object_get(record, "share"));
    const char *bus = json_string_value(json_object_get(record, "bus"));
    json_t *devices = json_object_get(record, "devices");
    struct update_options_wanted wanted = {.share =
                                               share >= 1 && share <= 100 ? (unsigned)share : 50,
                                           .afar = json_is_true(json_object_get(record, "afar"))};
    char id[2 * UPDATE_ID_SIZE + 1];
    const json_t *version = json_object_get(record, "v");
    bool known = version == NULL || json_integer_value(version) == RECORD_VERSION;
    if (!known || bus == NULL || strlen(bus) >= sizeof wanted.bus)
        return NULL;
    memcpy(wanted.bus, bus, strlen(bus) + 1);
    wanted.devices = json_is_array(devices) ? json_incref(devices) : NULL;
    uint8_t *file = loading->file;
    loading->file = NULL;
    struct update_job *job = update_job_new(loading->rpc, file, loading->size, &wanted);
    if (job == NULL)
        return NULL;
    hex_write(job->id, UPDATE_ID_SIZE, id);
    const char *kept_id = json_string_value(json_object_get(record, "sha256"));
    if (kept_id == NULL || strcmp(id, kept_id) != 0) {
        update_job_free(job);
        return NULL;
    }
    job->held = json_is_true(json_object_get(record, "held"));
    take_rows(job, json_object_get(record, "rows"));
    return job;
}

static void loaded(struct update_loading *loading)
{
    struct rpc *rpc = loading->rpc;
    bool unreadable = loading->unreadable;
    struct update_job *job = unreadable ? NULL : job_of(loading);
    rpc->updates->loading = NULL;
    update_keep_free(loading);
    if (unreadable) {
        log_write(LOG_LEVEL_ERROR, "update: the one under way can't be read; start it again");
        return;
    }
    if (job == NULL) {
        log_write(LOG_LEVEL_ERROR, "update: what was kept of one is damaged; start it again");
        (void)store_put(rpc->parts.store, KEY, "", 0, NULL, NULL);
        return;
    }
    log_write(LOG_LEVEL_NOTICE, "update: goes on after a restart of the gateway");
    rpc->updates->job = job;
    update_job_start(job);
}

static void load_piece(struct loop_task *task);

/* Store thread. */
static void got_piece(void *context, enum store_result result, const void *value, size_t size)
{
    struct update_loading *loading = context;
    if (result == STORE_OK && size <= loading->size - loading->at) {
        memcpy(loading->file + loading->at, value, size);
        loading->at += size;
    }
    loading->unreadable = result != STORE_OK;
    if (result != STORE_OK || size == 0)
        loading->size = loading->at; /* short: its hash will not match */
    loading->task = (struct loop_task){.run = load_piece};
    loop_post(loading->rpc->loop, &loading->task);
}

static void load_piece(struct loop_task *task)
{
    struct update_loading *loading =
        (struct update_loading *)((char *)task - offsetof(struct update_loading, task));
    char key[32];
    piece_key(key, sizeof key, loading->at / PIECE_SIZE);
    if (loading->record == NULL) {
        loading->rpc->updates->loading = NULL;
        update_keep_free(loading);
    } else if (loading->at == loading->size)
        loaded(loading);
    else if (store_get(loading->rpc->parts.store, key, got_piece, loading) != STORE_OK)
        got_piece(loading, STORE_BUSY, NULL, 0);
}

/* Store thread. */
static void got_record(void *context, enum store_result result, const void *value, size_t size)
{
    struct update_loading *loading = context;
    if (result == STORE_OK && size > 0)
        loading->record = json_loadb(value, size, 0, NULL);
    json_int_t file_size = json_integer_value(json_object_get(loading->record, "size"));
    loading->size = file_size > 0 && file_size <= FILE_MOST ? (size_t)file_size : 0;
    loading->file = malloc(loading->size + 1);
    if (loading->file == NULL)
        loading->size = 0;
    loading->task = (struct loop_task){.run = load_piece};
    loop_post(loading->rpc->loop, &loading->task);
}

void update_keep_load(struct rpc *rpc)
{
    rpc->updates->loading = calloc(1, sizeof *rpc->updates->loading);
    if (rpc->updates->loading == NULL)
        return;
    rpc->updates->loading->rpc = rpc;
    if (store_get(rpc->parts.store, KEY, got_record, rpc->updates->loading) != STORE_OK)
        got_record(rpc->updates->loading, STORE_UNAVAILABLE, NULL, 0);
}
