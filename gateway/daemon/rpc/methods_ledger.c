/* SPDX-License-Identifier: Apache-2.0 */
/* The shared ledger of picks: noted, corrected and deleted by any of the farm's people, seen by all
 * of them; and what the forecast had said of each day. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/daemon/rpc/call.h"

static void pick_ready(struct rpc_call *call)
{
    if (call->store_result == STORE_OK)
        forecast_picked(call->rpc->parts.forecast);
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, json_pack("{s:b}", "ok", 1));
}

/* "2026-04-03" or 20260403; 0 when it is no date. */
static int32_t parse_day(const json_t *value)
{
    struct tm date = {0};
    char digits[16] = "";
    const char *text = json_string_value(value), *format = "%Y-%m-%d";
    if (json_is_integer(value) &&
        snprintf(digits, sizeof digits, "%08lld", (long long)json_integer_value(value)) == 8) {
        text = digits;
        format = "%Y%m%d";
    }
    const char *rest = text != NULL ? strptime(text, format, &date) : NULL;
    if (rest == NULL || *rest != '\0' || date.tm_year < 100 || date.tm_year >= 1100)
        return 0;
    (void)timegm(&date); /* makes the 3rd of March of the 31st of February */
    char again[16];
    if (strftime(again, sizeof again, format, &date) == 0 || strcmp(again, text) != 0)
        return 0;
    return (date.tm_year + 1900) * 10000 + (date.tm_mon + 1) * 100 + date.tm_mday;
}

/* A slip of the finger is asked about while whoever made it looks on. true: answered so. */
static bool doubted(struct rpc_call *call, const struct plot_config *plot,
                    const struct store_pick *pick)
{
    uint16_t index = (uint16_t)(plot - call->rpc->config->plots);
    struct pick_known known = forecast_known(call->rpc->parts.forecast, call->rpc->config, index);
    const char *doubt = pick_doubt(&known, pick->kg, pick->pickers);
    char message[160];
    if (doubt == NULL || json_is_true(json_object_get(call->params, "sure")))
        return false;
    (void)snprintf(message, sizeof message, "kg: %.1f by %u pickers is %s", pick->kg, pick->pickers,
                   doubt);
    rpc_fail(call, "doubtful", message, "correct it, or send it again with \"sure\": true");
    return true;
}

/* What picks and counts have in common; false: answered that something of it is wrong. */
static bool begin_note(struct rpc_call *call, struct store_pick *pick)
{
    int64_t made = 0;
    const char *id = rpc_text(call, "id");
    const char *plot = id != NULL ? rpc_text(call, "plot") : NULL;
    if (plot == NULL)
        return false;
    *pick = (struct store_pick){.at_ms = store_now(call->rpc->parts.store).ms,
                                .day = parse_day(json_object_get(call->params, "day")),
                                .asker = rpc_asker(&call->caller)};
    if (strlen(id) >= sizeof pick->id) {
        rpc_fail(call, "invalid", "id: longer than 63 bytes", "a UUID will do");
    } else if (config_plot(call->rpc->config, plot) == NULL) {
        rpc_fail(call, "unknown", "there is no such plot", "the topic site lists them");
    } else if (pick->day == 0) {
        rpc_fail(call, "invalid", "day: a date is needed", "write YYYY-MM-DD");
    } else if (!rpc_has(call, "made") || rpc_integer(call, "made", 0, INT64_MAX, &made)) {
        memcpy(pick->id, id, strlen(id) + 1);
        memcpy(pick->plot, plot, strlen(plot) + 1);
        memcpy(pick->user, call->caller.user, sizeof pick->user);
        pick->made_ms = made;
        return true;
    }
    return false;
}

static void keep_note(struct rpc_call *call, const struct store_pick *pick)
{
    call->resume = pick_ready;
    enum store_result result = store_pick(call->rpc->parts.store, pick, rpc_store_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

static void run_pick(struct rpc_call *call)
{
    struct store_pick pick;
    int64_t pickers = 0;
    const json_t *kg = json_object_get(call->params, "kg");
    if (!begin_note(call, &pick))
        return;
    pick.kg = json_number_value(kg);
    if (!json_is_number(kg) || !(pick.kg >= 0 && pick.kg <= 100000)) {
        rpc_fail(call, "invalid", "kg: a number 0..100000 is needed", "");
    } else if (!rpc_has(call, "pickers") || rpc_integer(call, "pickers", 0, 10000, &pickers)) {
        pick.pickers = (uint32_t)pickers;
        if (!doubted(call, config_plot(call->rpc->config, pick.plot), &pick))
            keep_note(call, &pick);
    }
}

#define SHOOTS_MOST 500 /* ready ones in a frame: gardens bear 65 at most */

/* {id, plot, day, shoots, frames, made}: ready shoots a frame, a mean of so many frames */
static void run_count(struct rpc_call *call)
{
    struct store_pick count;
    int64_t frames = 0;
    const json_t *shoots = json_object_get(call->params, "shoots");
    if (!begin_note(call, &count) || !rpc_integer(call, "frames", 1, 100, &frames))
        return;
    count.counted = true;
    count.kg = json_number_value(shoots);
    count.pickers = (uint32_t)frames;
    if (!json_is_number(shoots) || !(count.kg >= 0 && count.kg <= SHOOTS_MOST))
        rpc_fail(call, "invalid", "shoots: a number 0..500 is needed",
                 "the ready ones of one frame of 33 cm");
    else
        keep_note(call, &count);
}

static void run_pick_delete(struct rpc_call *call)
{
    struct store_pick drop = {.at_ms = store_now(call->rpc->parts.store).ms,
                              .asker = rpc_asker(&call->caller)};
    const char *id = rpc_text(call, "id");
    if (id == NULL)
        return;
    if (strlen(id) >= sizeof drop.id) {
        rpc_fail(call, "invalid", "id: longer than 63 bytes", "take it from the method picks");
        return;
    }
    memcpy(drop.id, id, strlen(id) + 1);
    memcpy(drop.user, call->caller.user, sizeof drop.user);
    call->resume = pick_ready;
    enum store_result result = store_pick_drop(call->rpc->parts.store, &drop, rpc_store_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* ---- The list ---- */

struct ledger {
    json_t *rows; /* built by the store's thread */
    const char *name;
    uint32_t skip;
    bool more;
};

static void free_ledger(void *state)
{
    json_decref(((struct ledger *)state)->rows);
}

static void write_day(int32_t date, char text[16])
{
    (void)snprintf(text, 16, "%04d-%02d-%02d", (int)(date / 10000), (int)(date / 100 % 100),
                   (int)(date % 100));
}

static json_t *row_of(const struct store_pick *pick)
{
    char day[16];
    write_day(pick->day, day);
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:f,s:I,s:s,s:I,s:I}", "id", pick->id, "plot", pick->plot, "day",
                  day, pick->counted ? "shoots" : "kg", pick->kg,
                  pick->counted ? "frames" : "pickers", (json_int_t)pick->pickers, "by",
                  pick->first, "at", (json_int_t)pick->at_ms, "made", (json_int_t)pick->made_ms);
    if (strcmp(pick->first, pick->user) != 0)
        (void)json_object_set_new(row, "changed_by", json_string(pick->user));
    if (pick->gone)
        (void)json_object_set_new(row, "deleted", json_true());
    return row;
}

static void ledger_ready(struct rpc_call *call)
{
    const struct ledger *ledger = call->state;
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, json_pack("{s:O,s:o}", ledger->name, ledger->rows, "next",
                                ledger->more ? json_integer((json_int_t)ledger->skip +
                                                            (json_int_t)STORE_LEDGER_MOST)
                                             : json_null()));
}

/* Store thread. */
static void ledger_done(void *context, enum store_result result, const struct store_pick *picks,
                        uint32_t count)
{
    struct rpc_call *call = context;
    struct ledger *ledger = call->state;
    ledger->rows = json_array();
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(ledger->rows, row_of(&picks[i]));
    ledger->more = count == STORE_LEDGER_MOST;
    rpc_store_done(call, result);
}

static bool day_of(struct rpc_call *call, const char *name, int32_t *day)
{
    if (!rpc_has(call, name))
        return true;
    *day = parse_day(json_object_get(call->params, name));
    if (*day == 0)
        rpc_fail(call, "invalid", "from, to: dates are needed", "write YYYY-MM-DD");
    return *day != 0;
}

static bool name_of(struct rpc_call *call, const char *name, char *out, size_t size)
{
    const char *text = rpc_has(call, name) ? rpc_text(call, name) : "";
    if (text != NULL && strlen(text) >= size) {
        rpc_fail(call, "invalid", "id, plot: too long",
                 "the method picks and the topic site list them");
        return false;
    }
    if (text != NULL)
        (void)snprintf(out, size, "%s", text);
    return text != NULL;
}

/* {from, to, plot, skip}, or {id}: every version of one */
static void list_notes(struct rpc_call *call, bool counted)
{
    struct store_ledger_query query = {
        .to_day = 99991231, .counted = counted, .asker = rpc_asker(&call->caller)};
    int64_t skip = 0;
    if (!name_of(call, "id", query.id, sizeof query.id) ||
        !name_of(call, "plot", query.plot, sizeof query.plot) ||
        !day_of(call, "from", &query.from_day) || !day_of(call, "to", &query.to_day) ||
        (rpc_has(call, "skip") && !rpc_integer(call, "skip", 0, 1000000, &skip)))
        return;
    struct ledger *ledger = rpc_attach(call, sizeof *ledger, free_ledger);
    if (ledger == NULL)
        return;
    ledger->name = counted ? "counts" : "picks";
    ledger->skip = query.skip = (uint32_t)skip;
    call->resume = ledger_ready;
    enum store_result result = store_ledger(call->rpc->parts.store, &query, ledger_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

static void run_picks(struct rpc_call *call)
{
    list_notes(call, false);
}

static void run_counts(struct rpc_call *call)
{
    list_notes(call, true);
}

/* ---- What the forecast said ---- */

struct said_list {
    json_t *rows; /* built by the store's thread */
    int32_t last_day;
    bool more;
};

static void free_said(void *state)
{
    json_decref(((struct said_list *)state)->rows);
}

static void said_ready(struct rpc_call *call)
{
    const struct said_list *list = call->state;
    char next[16];
    write_day(list->last_day, next);
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else
        rpc_end(call, json_pack("{s:O,s:o}", "said", list->rows, "next",
                                list->more ? json_string(next) : json_null()));
}

/* To the 0.1 kg that the document has, too. */
static json_t *kilograms(double kg)
{
    return json_real(round(kg * 10) / 10);
}

/* Store thread. */
static void said_done(void *context, enum store_result result, const struct store_said *said,
                      uint32_t count)
{
    struct rpc_call *call = context;
    struct said_list *list = call->state;
    list->rows = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct store_said *one = &said[i];
        char day[16];
        write_day(one->day, day);
        (void)json_array_append_new(
            list->rows,
            json_pack("{s:s,s:I,s:s,s:[o,o,o],s:o}", "day", day, "at", (json_int_t)one->at_ms,
                      "program", one->program, "kg", kilograms(one->kg[0]), kilograms(one->kg[1]),
                      kilograms(one->kg[2]), "booked",
                      isnan(one->booked) ? json_null() : json_integer((json_int_t)one->booked)));
        list->last_day = one->day;
    }
    list->more = count == STORE_SAID_MAX;
    rpc_store_done(call, result);
}

/* {plot, from, to} */
static void run_said(struct rpc_call *call)
{
    struct store_said_query query = {.to_day = 99991231, .asker = rpc_asker(&call->caller)};
    if (rpc_text(call, "plot") == NULL || !name_of(call, "plot", query.plot, sizeof query.plot) ||
        !day_of(call, "from", &query.from_day) || !day_of(call, "to", &query.to_day))
        return;
    if (rpc_attach(call, sizeof(struct said_list), free_said) == NULL)
        return;
    call->resume = said_ready;
    enum store_result result = store_said(call->rpc->parts.store, &query, said_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

static const struct rpc_method methods[] = {
    {.name = "pick", .role = USER_FARMER, .command = true, .run = run_pick},
    {.name = "pick_delete", .role = USER_FARMER, .command = true, .run = run_pick_delete},
    {.name = "picks", .role = USER_FARMER, .run = run_picks},
    {.name = "count", .role = USER_FARMER, .command = true, .run = run_count},
    {.name = "count_delete", .role = USER_FARMER, .command = true, .run = run_pick_delete},
    {.name = "counts", .role = USER_FARMER, .run = run_counts},
    {.name = "said", .role = USER_FARMER, .run = run_said},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_ledger = {.list = methods};
