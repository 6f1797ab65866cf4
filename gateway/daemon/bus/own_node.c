/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/own_node.h"

#include <stdio.h>
#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/node_log/node_log.h"
#include "protocols/node_map/node_map.h"

#define GUARD_MS          200   /* after a sample is due: age is reported in 0.1 s, clocks differ */
#define SOON_MS           300   /* the sample was not there yet */
#define SET_AGAIN_MS      60000 /* after a refusal */
#define TIME_AGAIN_MS     3600000
#define TIME_DAY_MS       86400000 /* 30 ppm of it are 2.6 s */
#define COARSE_PART       40       /* without its crystal a node's clock is off by 1/40 at most */
#define FETCH_AGAIN_MS    5000
#define IDENTIFY_AGAIN_MS 60000
#define SAMPLES_SLACK     3     /* more than the time since the last sample holds */
#define SAMPLES_ASKED     16    /* outside of the schedule: a calibration takes some by itself */
#define BOOTS_SLACK       16    /* more than .. */
#define BOOT_LEAST_MS     10000 /* .. one in so long */
#define AWAY_MOST_MS      1209600000 /* 14 days: longer than a log goes back */
#define IDENTITY_WORDS    5          /* serial number; version: major, minor, patch */
#define SERIAL_AGAIN_MS   1000
#define SERIAL_TRIES      3 /* then it is taken for the board that was there: it may not know */
#define BOOT_MASK         (UINT32_MAX >> BOARD_BOOT_BITS)
#define WRITE_ANSWER      8 /* bytes of the answer frame to a write */

enum { STEP_UNLOCK, STEP_WRITE, STEP_COMMIT };

/* A record's boot, as boots are kept. */
static uint32_t boot_of(const struct own_node *node, const struct node_log_window *window)
{
    return node->boot_base + window->boot;
}

static bool is_before(struct own_node_place a, struct own_node_place b)
{
    return a.boot < b.boot || (a.boot == b.boot && a.seq < b.seq);
}

static uint64_t codes_of(const struct field_config *field)
{
    return field->wraps != 0 ? field->wraps : UINT64_C(0x100000000);
}

/* Where the counters stand whose increments have that sum. */
static void counters_from_sums(const struct device_config *device,
                               const struct reading_boot_sums *sums,
                               struct decode_counters *counters)
{
    unsigned count = 0;
    *counters = (struct decode_counters){.boot = sums->boot};
    for (unsigned m = 0; m < device->metric_count && count < READING_COUNTERS_MAX; m++) {
        const struct field_config *field = device->metrics[m];
        if (field->role != ROLE_COUNTER)
            continue;
        double code = sums->sums[count++] / field->scale;
        if (!sums->known || !(code >= 0 && code < 1e15))
            continue;
        counters->last[m] = (uint64_t)(code + 0.5) % codes_of(field);
        counters->known[m] = true;
    }
}

void own_node_init(struct own_node *node, const struct device_config *device,
                   const struct reading_stored *before, struct decode_counters *live)
{
    *node = (struct own_node){.device = device, .live = live, .before_known = before != NULL};
    if (before == NULL)
        return;
    node->boot_base = before->boot & ~BOOT_MASK;
    node->last = (struct own_node_place){before->boot, before->seq};
    node->before = *before;
    node->whole = before->whole && before->boot_count > 0 && before->boots[0].known;
    if (live != NULL && before->boot_count > 0)
        counters_from_sums(device, &before->boots[0], live);
}

/* What readings of an earlier run of the gateway show of that boot. false: there are none. */
static bool counters_stored(const struct own_node *node, uint32_t boot,
                            struct decode_counters *counters)
{
    for (unsigned i = 0; i < node->before.boot_count; i++) {
        if (node->before.boots[i].boot != boot)
            continue;
        counters_from_sums(node->device, &node->before.boots[i], counters);
        return true;
    }
    return false;
}

static void add_hole(struct own_node *node, struct own_node_place from, struct own_node_place until,
                     bool counted, bool report)
{
    if (!is_before(from, until))
        return;
    if (node->hole_count == OWN_NODE_HOLES_MAX) { /* one long stretch: what is there twice is one */
        node->holes[OWN_NODE_HOLES_MAX - 1].until = until;
        return;
    }
    struct own_node_hole hole = {from, until, counted, report, {0}};
    if (node->seen && node->live != NULL)
        hole.counters = *node->live;
    else
        (void)counters_stored(node, from.boot, &hole.counters);
    node->holes[node->hole_count++] = hole;
}

/* Where what may be missing begins when sample `now` is seen. `report`: what is not in the log any
 * more was lost. */
static void find_hole(struct own_node *node, struct own_node_place now, bool report)
{
    struct own_node_place next = {node->last.boot, node->last.seq + 1};
    bool first = !node->seen && node->before_known;
    node->withhold =
        first && node->whole && node->live != NULL && next.boot == now.boot && is_before(next, now);
    if (node->seen || node->before_known)
        add_hole(node, next, now, !node->withhold, report);
    else
        add_hole(node, (struct own_node_place){now.boot, 1}, now, false, false);
}

static uint32_t wanted_period_ms(const struct own_node *node)
{
    return node->device->every_ms < 1000 ? 1000 : node->device->every_ms;
}

/* The shortest period that may have been in force until now. */
static uint32_t least_period_ms(const struct own_node *node)
{
    uint32_t wanted = wanted_period_ms(node);
    return node->period_ms != 0 && node->period_ms < wanted ? node->period_ms : wanted;
}

/* Can a node that was at `from` be at `now` after that time? Its clock may be some percent fast,
 * and it takes a sample at once when its period is set. */
static bool is_reachable(struct own_node_place from, struct own_node_place now, int64_t elapsed_ms,
                         uint32_t period_ms)
{
    uint64_t elapsed = elapsed_ms > 0 ? (uint64_t)elapsed_ms : 0;
    uint64_t samples = elapsed / period_ms;
    samples += samples / 16 + SAMPLES_SLACK;
    if (now.boot == from.boot)
        return now.seq >= from.seq && now.seq - from.seq <= samples + SAMPLES_ASKED;
    return now.boot > from.boot && now.boot - from.boot <= BOOTS_SLACK + elapsed / BOOT_LEAST_MS &&
           now.seq <= samples;
}

/* How long ago `last` was taken. For how long the gateway was away is not known: as long as a log
 * goes back at most. */
static int64_t elapsed_ms(const struct own_node *node, int64_t taken_ms)
{
    return node->seen ? taken_ms - node->taken_ms : AWAY_MOST_MS;
}

/* The line of numbers has changed: a node whose memory was lost counts from 1 again, and nothing
 * before that can be asked. What is searched behind the new place was never there. */
static void go_back_to(struct own_node *node, struct own_node_place first)
{
    node->last = (struct own_node_place){first.boot, first.seq - 1};
    for (unsigned i = node->hole_count; i-- > 0;) {
        struct own_node_hole *hole = &node->holes[i];
        if (is_before(first, hole->until))
            hole->until = first;
        if (is_before(hole->from, hole->until))
            continue;
        memmove(hole, hole + 1, (--node->hole_count - i) * sizeof *hole);
        node->unreported = node->unreported && i > 0;
    }
}

/* Is `now` not to be believed yet? Samples that go on from the one that was doubted confirm it: one
 * of a line that begins anew, two of one that is further than the time allows. */
static bool is_doubtful(struct own_node *node, struct own_node_place now, int64_t taken_ms,
                        uint32_t period_ms)
{
    struct own_node_doubt *doubt = &node->doubt;
    bool known = node->seen || node->before_known;
    bool older = is_before(now, node->last);
    if (!known || is_reachable(node->last, now, elapsed_ms(node, taken_ms), period_ms)) {
        doubt->count = 0;
        return false;
    }
    bool again = doubt->count > 0 && now.boot == doubt->last.boot && now.seq == doubt->last.seq;
    bool goes_on = doubt->count > 0 && !again && now.boot == doubt->last.boot &&
                   is_reachable(doubt->last, now, taken_ms - doubt->taken_ms, period_ms);
    if (again)
        return true; /* it was polled twice between two samples */
    if (!goes_on)
        *doubt = (struct own_node_doubt){.first = now};
    doubt->last = now;
    doubt->taken_ms = taken_ms;
    return ++doubt->count < (older ? 2 : 3);
}

/* After a sample that is believed: what is missing before it. */
static void go_on_to(struct own_node *node, struct own_node_place now)
{
    bool confirmed = node->doubt.count > 0;
    struct own_node_place first = node->doubt.first;
    node->doubt.count = 0;
    if (confirmed && is_before(now, node->last)) {
        go_back_to(node, first);
    } else if (confirmed && node->seen) {
        /* There was no time to take them: they are fetched if the log has them, but not missed. */
        find_hole(node, first, false);
        node->last = (struct own_node_place){first.boot, first.seq - 1};
    }
    find_hole(node, now, true);
}

void own_node_silent(struct own_node *node)
{
    node->checked = false;
    node->serial_tries = 0;
    node->identify_after_ms = 0;
}

/* Is it known which board this is? */
static bool is_checked(struct own_node *node, uint32_t own_boot)
{
    if (!node->asks_serial)
        return true;
    if (node->checked_boot != own_boot)
        own_node_silent(node);
    node->checked_boot = own_boot;
    return node->checked;
}

bool own_node_snapshot(struct own_node *node, const struct decoded *decoded, uint16_t period_s,
                       int64_t answered_ms)
{
    struct own_node_place now = {decoded->boot, decoded->seq};
    int64_t taken_ms = answered_ms - (int64_t)decoded->age_ds * 100;
    uint32_t period_ms = least_period_ms(node);
    node->period_ms = period_s * 1000u;
    node->status = decoded->status;
    if (node->time_due_ms == 0) /* who set it last, and when, is not known */
        node->time_due_ms = answered_ms + TIME_AGAIN_MS;
    if (!is_checked(node, decoded->boot & BOOT_MASK))
        return false;
    if (decoded->seq == 0 || decoded->age_ds == DECODE_AGE_NONE)
        return false;
    if (is_doubtful(node, now, taken_ms, period_ms)) {
        if (node->asks_serial && node->doubt.count == 1)
            own_node_silent(node); /* numbers of another board? */
        node->refused++;
        node->refused_ms = answered_ms;
        return false;
    }
    bool same = node->last.boot == now.boot && node->last.seq == now.seq;
    if (same && (node->seen || node->before_known)) {
        if (!node->seen)
            node->taken_ms = taken_ms;
        node->seen = true;
        return false;
    }
    bool rebooted = node->last.boot != now.boot;
    go_on_to(node, now);
    if (rebooted) { /* it may have been updated */
        node->identified = false;
        node->identify_after_ms = 0;
    }
    node->last = now;
    node->taken_ms = taken_ms;
    node->seen = true;
    return true;
}

void own_node_counters(struct own_node *node, const struct decode_counters *counters,
                       struct reading_value *values)
{
    if (!node->withhold)
        return;
    node->withhold = false;
    node->unreported = true;
    node->first = *counters;
    for (unsigned m = 0; m < node->device->metric_count; m++) {
        if (node->device->metrics[m]->role == ROLE_COUNTER)
            values[m] = (struct reading_value){.flag = METRIC_ABSENT};
    }
}

int64_t own_node_due_ms(const struct own_node *node, int64_t now_ms)
{
    if (!node->seen || node->period_ms == 0)
        return now_ms + SOON_MS;
    int64_t next = node->taken_ms + node->period_ms + GUARD_MS + node->period_ms / 200;
    return next > now_ms ? next : now_ms + SOON_MS;
}

/* ---- what to request ---- */

static size_t period_request(const struct own_node *node, uint8_t *pdu)
{
    switch (node->step) {
    case STEP_UNLOCK:
        return modbus_write_register(pdu, NODE_UNLOCK, NODE_UNLOCK_KEY);
    case STEP_WRITE:
        return modbus_write_register(pdu, NODE_SETTING_PERIOD,
                                     (uint16_t)(wanted_period_ms(node) / 1000));
    default:
        return modbus_write_register(pdu, NODE_COMMIT, 1);
    }
}

size_t own_node_time_request(struct wall_ms wall, uint8_t pdu[MODBUS_PDU_MAX])
{
    uint8_t time[6];
    struct byte_writer w = byte_writer_init(time, sizeof time);
    byte_write_u32(&w, (uint32_t)(wall.ms / 1000));
    byte_write_u16(&w, (uint16_t)(wall.ms % 1000));
    return modbus_write_registers(pdu, NODE_TIME, time, w.at);
}

static size_t fetch_request(const struct own_node *node, unsigned records_max, uint8_t *pdu,
                            uint16_t *answer_size)
{
    const struct own_node_hole *hole = &node->holes[0];
    uint32_t records =
        records_max < NODE_LOG_WINDOW_RECORDS ? records_max : NODE_LOG_WINDOW_RECORDS;
    if (hole->from.boot == hole->until.boot && hole->until.seq - hole->from.seq < records)
        records = hole->until.seq - hole->from.seq;
    uint16_t words = (uint16_t)(NODE_LOG_WINDOW_HEAD + NODE_LOG_RECORD_WORDS * records);
    uint8_t wanted[6];
    struct byte_writer w = byte_writer_init(wanted, sizeof wanted);
    byte_write_u16(&w, (uint16_t)hole->from.boot);
    byte_write_u32(&w, hole->from.seq);
    *answer_size = (uint16_t)(words * 2 + SERIAL_ANSWER_BYTES);
    return modbus_read_write(pdu, NODE_LOG_WINDOW, words, NODE_LOG_WANTED, wanted, w.at);
}

static size_t identity_request(uint8_t *pdu)
{
    return modbus_read(pdu, MODBUS_READ_INPUT, NODE_SERIAL, IDENTITY_WORDS);
}

static enum own_node_job identify(const struct own_node *node, int64_t now_ms, uint8_t *pdu,
                                  size_t *pdu_size, uint16_t *answer_size)
{
    if (now_ms < node->identify_after_ms)
        return OWN_NODE_IDLE;
    *pdu_size = identity_request(pdu);
    *answer_size = 2 * IDENTITY_WORDS + SERIAL_ANSWER_BYTES;
    return OWN_NODE_IDENTIFY;
}

bool own_node_wants_time(const struct own_node *node, int64_t now_ms, struct wall_ms wall)
{
    if (wall.trust != TIME_TRUSTED || node->period_ms == 0)
        return false;
    return now_ms >= (node->status & NODE_STATUS_TIME ? node->time_due_ms : node->time_after_ms);
}

void own_node_time_sent(struct own_node *node, int64_t now_ms)
{
    node->time_after_ms = now_ms + TIME_AGAIN_MS;
    node->time_due_ms = now_ms + (node->status & NODE_STATUS_COARSE ? TIME_AGAIN_MS : TIME_DAY_MS);
}

enum own_node_job own_node_next(struct own_node *node, int64_t now_ms, struct wall_ms wall,
                                unsigned records_max, uint8_t pdu[MODBUS_PDU_MAX], size_t *pdu_size,
                                uint16_t *answer_size)
{
    *answer_size = WRITE_ANSWER;
    if (node->period_ms == 0)
        return OWN_NODE_IDLE;   /* not heard of yet */
    if (own_node_unknown(node)) /* what else is asked of it may not be for it */
        return identify(node, now_ms, pdu, pdu_size, answer_size);
    if (node->period_ms != wanted_period_ms(node) && now_ms >= node->set_after_ms) {
        *pdu_size = period_request(node, pdu);
        return OWN_NODE_SET_PERIOD;
    }
    bool wants_time = own_node_wants_time(node, now_ms, wall);
    if (wants_time && !(node->status & NODE_STATUS_TIME)) {
        *pdu_size = own_node_time_request(wall, pdu);
        return OWN_NODE_SET_TIME;
    }
    if (node->hole_count > 0 && now_ms >= node->fetch_after_ms) {
        *pdu_size = fetch_request(node, records_max, pdu, answer_size);
        return OWN_NODE_FETCH;
    }
    if (!node->identified && now_ms >= node->identify_after_ms)
        return identify(node, now_ms, pdu, pdu_size, answer_size);
    if (wants_time) {
        *pdu_size = own_node_time_request(wall, pdu);
        return OWN_NODE_SET_TIME;
    }
    return OWN_NODE_IDLE;
}

/* ---- what came ---- */

static void period_done(struct own_node *node, bool good, int64_t now_ms)
{
    if (!good) {
        node->step = STEP_UNLOCK;
        node->set_after_ms = now_ms + SET_AGAIN_MS;
    } else if (node->step == STEP_COMMIT) {
        node->step = STEP_UNLOCK;
        /* The next snapshot shows whether it took. */
        node->period_ms = wanted_period_ms(node);
        node->set_after_ms = now_ms + SET_AGAIN_MS;
    } else {
        node->step++;
    }
}

/* What was withheld, less what the log has reported of it, is reported by the next live reading. */
static void report_withheld(struct own_node *node)
{
    const struct decode_counters *reported = &node->holes[0].counters, *first = &node->first;
    bool same_boot = node->live->boot == first->boot && reported->boot == first->boot;
    for (unsigned m = 0; same_boot && m < node->device->metric_count; m++) {
        if (!first->known[m] || !reported->known[m])
            continue;
        uint64_t codes = codes_of(node->device->metrics[m]);
        uint64_t unreported = (first->last[m] + codes - reported->last[m]) % codes;
        node->live->last[m] = (uint32_t)((node->live->last[m] + codes - unreported) % codes);
    }
    node->unreported = false;
}

static void end_hole(struct own_node *node)
{
    if (node->unreported)
        report_withheld(node);
    node->hole_count--;
    memmove(node->holes, node->holes + 1, node->hole_count * sizeof node->holes[0]);
}

static void give_gap(const struct own_node *node, uint32_t boot, uint32_t first, uint32_t last,
                     const struct reading_sink *sink)
{
    if (first > last || !node->holes[0].report)
        return;
    struct reading_gap gap = {node->device->index, GAP_NODE_LOG, boot, first, last};
    sink->gap(sink->context, &gap);
}

/* An age that is counted without a crystal tells less than from which sampling period it is. */
static bool age_is_vague(const struct own_node *node, int64_t age_ms)
{
    return (node->status & NODE_STATUS_COARSE) != 0 && age_ms / COARSE_PART > node->period_ms;
}

/* The time of record `i`: from its age in the node's present boot, else from the node's own wall
 * clock in that boot, else not known: then it is the time of fetching, not trusted. */
static void time_record(const struct own_node *node, const struct node_log_window *window,
                        unsigned i, int64_t now_ms, struct wall_ms wall, struct reading *reading)
{
    int64_t later_ms = (int64_t)i * window->interval_ds * 100;
    reading->taken.ms = now_ms;
    if (boot_of(node, window) == node->last.boot) {
        int64_t age_ms = ((int64_t)window->now_ds - window->uptime_ds) * 100 - later_ms;
        reading->taken.ms = now_ms - age_ms;
        reading->time = (struct wall_ms){wall.ms - age_ms,
                                         age_is_vague(node, age_ms) ? TIME_UNTRUSTED : wall.trust};
    } else if (window->wall_s) {
        int64_t ms = (int64_t)window->wall_s * 1000 + window->wall_ms + later_ms;
        reading->taken.ms = now_ms - (wall.ms - ms);
        /* Without its crystal a node's clock is wrong by more than a sampling period. */
        bool coarse = node->status & NODE_STATUS_COARSE;
        reading->time = (struct wall_ms){ms, coarse ? TIME_UNTRUSTED : TIME_TRUSTED};
    } else {
        reading->time = (struct wall_ms){wall.ms, TIME_UNTRUSTED};
    }
}

/* The counters of a boot that is over go on where what is stored of it ends. */
static void counters_of_boot(struct own_node *node, uint32_t boot)
{
    struct decode_counters *reported = &node->holes[0].counters;
    if (reported->boot != boot && !counters_stored(node, boot, reported))
        decode_counters_boot(reported, boot);
}

/* A code below what is reported was reported: by a live reading after it. */
static struct reading_value late_counter(const struct field_config *field, uint32_t raw,
                                         uint8_t flag, uint64_t *last, bool *known)
{
    if (*known && raw < *last &&
        (double)(raw + codes_of(field) - *last) * field->scale > field->max)
        return (struct reading_value){.flag = METRIC_ABSENT};
    return decode_counter(field, raw, flag, last, known);
}

static void fill_record(struct own_node *node, const struct node_log_window *window, unsigned i,
                        struct reading *reading)
{
    const struct device_config *device = node->device;
    bool counted = node->holes[0].counted && boot_of(node, window) == node->holes[0].until.boot;
    struct node_values values;
    node_log_unpack(window->records[i], &values);
    counters_of_boot(node, boot_of(node, window));
    for (unsigned m = 0; m < device->metric_count; m++) {
        const struct field_config *field = device->metrics[m];
        struct reading_value *value = &reading->values[m];
        *value = (struct reading_value){.flag = METRIC_ABSENT};
        if (field->channel < 0 || field->channel >= CHANNEL_COUNT)
            continue;
        uint8_t flag = values.flag[field->channel];
        int32_t raw = values.value[field->channel];
        if (raw == NODE_NO_VALUE)
            value->flag = flag == METRIC_GOOD ? (uint8_t)METRIC_ABSENT : flag;
        else if (field->role == ROLE_COUNTER && counted)
            continue; /* the live reading after the hole counts it all */
        else if (field->role == ROLE_COUNTER)
            *value = late_counter(field, (uint32_t)raw, flag, &node->holes[0].counters.last[m],
                                  &node->holes[0].counters.known[m]);
        else
            *value = decode_value(field, (uint32_t)raw, 0, flag);
    }
    reading->value_count = device->metric_count;
}

static void give_records(struct own_node *node, const struct node_log_window *window,
                         int64_t now_ms, struct wall_ms wall, const struct reading_sink *sink)
{
    struct own_node_hole *hole = &node->holes[0];
    for (unsigned i = 0; i < window->count; i++) {
        struct own_node_place place = {boot_of(node, window), window->seq + i};
        if (!is_before(place, hole->until))
            break;
        struct reading reading = {
            .device = node->device->index, .late = true, .boot = place.boot, .seq = place.seq};
        time_record(node, window, i, now_ms, wall, &reading);
        fill_record(node, window, i, &reading);
        sink->reading(sink->context, &reading);
        hole->from = (struct own_node_place){place.boot, place.seq + 1};
    }
}

/* What the log has lost can not be fetched any more, so it must report that twice: one frame is not
 * enough. `first` is where it goes on. */
static bool is_said_again(struct own_node *node, struct own_node_place first)
{
    bool again =
        node->lost_said && node->lost_until.boot == first.boot && node->lost_until.seq == first.seq;
    node->lost_said = !again;
    node->lost_until = first;
    return again;
}

static void nothing_left(struct own_node *node, const struct reading_sink *sink)
{
    const struct own_node_hole *hole = &node->holes[0];
    if (!is_said_again(node, hole->until))
        return;
    if (hole->from.boot == hole->until.boot)
        give_gap(node, hole->from.boot, hole->from.seq, hole->until.seq - 1, sink);
    else /* as far as it is known how much it was */
        give_gap(node, hole->until.boot, 1, hole->until.seq - 1, sink);
    end_hole(node);
}

static void window_came(struct own_node *node, const struct node_log_window *window, int64_t now_ms,
                        struct wall_ms wall, const struct reading_sink *sink)
{
    struct own_node_hole *hole = &node->holes[0];
    struct own_node_place first = {boot_of(node, window), window->seq};
    if (window->count == 0 || !is_before(first, hole->until)) {
        nothing_left(node, sink);
        return;
    }
    if (is_before(first, hole->from)) { /* not what was requested */
        node->fetch_after_ms = now_ms + FETCH_AGAIN_MS;
        return;
    }
    if (is_before(hole->from, first) && !is_said_again(node, first))
        return;
    node->lost_said = false;
    uint32_t lost = first.boot == hole->from.boot ? hole->from.seq : 1;
    give_records(node, window, now_ms, wall, sink);
    give_gap(node, boot_of(node, window), lost, window->seq - 1, sink); /* what is kept of a boot
                                                                  says first how far it went */
    if (!is_before(hole->from, hole->until))
        end_hole(node);
}

static void fetch_done(struct own_node *node, const struct transact_answer *answer, int64_t now_ms,
                       struct wall_ms wall, const struct reading_sink *sink)
{
    uint16_t words[NODE_LOG_WINDOW_WORDS];
    struct node_log_window window;
    size_t count = answer->result == BUS_OK ? (answer->pdu_size - 2) / 2 : 0;
    if (answer->result != BUS_OK || node->hole_count == 0 || count > NODE_LOG_WINDOW_WORDS) {
        node->fetch_after_ms = now_ms + FETCH_AGAIN_MS;
        return;
    }
    struct byte_reader r = byte_reader_init(answer->pdu + 2, answer->pdu_size - 2);
    for (size_t i = 0; i < count; i++)
        words[i] = byte_read_u16(&r);
    if (node_log_window_read(words, count, &window))
        window_came(node, &window, now_ms, wall, sink);
    else
        node->fetch_after_ms = now_ms + FETCH_AGAIN_MS;
}

/* Another board stands here: its numbers begin anew, behind those of all before it. */
static void begin_board(struct own_node *node, uint32_t boot_base, const struct reading_sink *sink)
{
    struct own_node old = *node;
    struct reading_stored before;
    bool known = sink->last != NULL && sink->last(sink->context, node->device->index, &before) &&
                 (before.boot & ~BOOT_MASK) == boot_base;
    if (node->live != NULL)
        *node->live = (struct decode_counters){0};
    own_node_init(node, old.device, known ? &before : NULL, old.live);
    node->boot_base = boot_base;
    node->asks_serial = old.asks_serial;
    node->checked_boot = old.checked_boot;
    node->period_ms = old.period_ms;
    node->status = old.status;
}

/* What the store knows of the board with that serial number. */
static void serial_came(struct own_node *node, uint32_t serial, int64_t now_ms,
                        const struct reading_sink *sink)
{
    struct reading_board board;
    bool known = serial != 0 && serial != UINT32_MAX;
    node->misplaced = known && !sink->board(sink->context, node->device->index, serial, &board);
    node->serial = serial;
    if (node->misplaced) {
        node->identify_after_ms = now_ms + IDENTIFY_AGAIN_MS;
        return;
    }
    if (known && board.boot_base != node->boot_base)
        begin_board(node, board.boot_base, sink);
    node->serial = serial;
    node->checked = true;
}

static void identify_done(struct own_node *node, const struct transact_answer *answer,
                          int64_t now_ms, const struct reading_sink *sink)
{
    bool unknown = own_node_unknown(node);
    bool good = answer->result == BUS_OK;
    node->identify_after_ms = now_ms + (unknown ? SERIAL_AGAIN_MS : IDENTIFY_AGAIN_MS);
    if (!good) {
        node->checked = node->checked || (unknown && ++node->serial_tries >= SERIAL_TRIES);
        return;
    }
    struct byte_reader r = byte_reader_init(answer->pdu + 2, answer->pdu_size - 2);
    uint32_t serial = byte_read_u32(&r);
    if (unknown)
        serial_came(node, serial, now_ms, sink);
    node->identified = true;
    unsigned major = byte_read_u16(&r), minor = byte_read_u16(&r), patch = byte_read_u16(&r);
    (void)snprintf(node->firmware, sizeof node->firmware, "%u.%u.%u", major, minor, patch);
}

void own_node_done(struct own_node *node, enum own_node_job job,
                   const struct transact_answer *answer, int64_t now_ms, struct wall_ms wall,
                   const struct reading_sink *sink)
{
    switch (job) {
    case OWN_NODE_SET_PERIOD:
        period_done(node, answer->result == BUS_OK, now_ms);
        break;
    case OWN_NODE_SET_TIME:
        own_node_time_sent(node, now_ms);
        break;
    case OWN_NODE_FETCH:
        fetch_done(node, answer, now_ms, wall, sink);
        break;
    case OWN_NODE_IDENTIFY:
        identify_done(node, answer, now_ms, sink);
        break;
    case OWN_NODE_IDLE:
        break;
    }
}
