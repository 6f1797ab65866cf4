/* SPDX-License-Identifier: Apache-2.0 */
/* Readings into hourly means and gaps: every reading of a block is in exactly one gap and in the
 * means of its hour, and the cursor moves only with the last body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/publish/link/downsample.h"
#include "gateway/daemon/publish/worker/lane.h"
#include "protocols/metric/metric.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

#define HOUR   INT64_C(3600000)
#define SEQS   4000u
#define STREAM 7u

static struct stream_schema schema;

static const struct stream_schema *schema_of(void *context, uint32_t stream)
{
    (void)context;
    return stream < STREAM + 400 ? &schema : NULL;
}

static int begin(void **state)
{
    struct config *config = garden_config(1, 1, "");
    stream_schema_of_device(&config->devices[0], &schema);
    garden_config_free(config);
    *state = downsample_create(schema_of, NULL);
    downsample_begin(*state, 1);
    return *state != NULL ? 0 : -1;
}

static int end(void **state)
{
    downsample_destroy(*state);
    return 0;
}

/* ---- Bodies ---- */

struct made {
    uint8_t data[BODY_MAX];
    struct body body;
    struct feed_body feed;
};

static struct made *make(uint64_t id, int64_t taken_ms)
{
    static struct made made;
    struct body_base base = {.boot = 3, .wall_ms = taken_ms, .mono_ms = 1000};
    body_begin(&made.body, made.data, sizeof made.data, &base);
    made.feed = (struct feed_body){.first_id = id};
    return &made;
}

static void put(struct made *made, uint32_t stream, uint32_t seq, int64_t wall_ms)
{
    struct reading reading = garden_reading(0, 1, seq, wall_ms);
    assert_true(body_reading(&made->body, stream, &schema, &reading));
}

static enum downsample_result add(struct downsample *downsample, struct made *made)
{
    body_seal(&made->body);
    made->feed.count = made->body.count;
    made->feed.size = made->body.used;
    return downsample_add(downsample, &made->feed, made->data);
}

/* Readings of `count` numbers from `seq` on, a second apart. */
static enum downsample_result add_readings(struct downsample *downsample, uint64_t id, uint32_t seq,
                                           unsigned count, int64_t wall_ms)
{
    struct made *made = make(id, wall_ms);
    for (unsigned i = 0; i < count; i++)
        put(made, STREAM, seq + i, wall_ms + i * 1000);
    return add(downsample, made);
}

/* ---- What comes out ---- */

struct out {
    unsigned gone[SEQS]; /* gaps that hold it */
    unsigned bodies, gaps, other_gaps, corrections, means;
    uint64_t cursor;
    uint32_t n, bad;
    struct record_mean last;
};

static void look(struct out *out, const struct record *record)
{
    struct record_mean mean;
    out->corrections += record->kind == RECORD_CORRECTION;
    out->other_gaps += record->kind == RECORD_GAP && record->why != GAP_QUOTA;
    if (record->kind == RECORD_GAP && record->why == GAP_QUOTA) {
        out->gaps++;
        for (uint32_t seq = record->seq; seq <= record->last_seq; seq++)
            out->gone[seq]++;
    }
    if (record->kind != RECORD_MEAN)
        return;
    assert_true(record_mean(record, &mean));
    assert_int_equal(mean.t_ms % HOUR, 0);
    out->means++;
    out->n += mean.cells[0].n;
    out->bad += mean.cells[0].bad;
    out->last = mean;
}

/* Each body twice, as when the socket is full. */
static struct out *give_all(struct downsample *downsample)
{
    static struct out out;
    memset(&out, 0, sizeof out);
    assert_true(downsample_closed(downsample));
    while (downsample_closed(downsample)) {
        uint8_t data[BODY_MAX], again[BODY_MAX];
        struct body body, same;
        struct body_reader reader;
        struct record record;
        assert_int_equal(out.cursor, 0); /* not before the last */
        downsample_next(downsample, again, &same, &out.cursor);
        downsample_next(downsample, data, &body, &out.cursor);
        assert_int_equal(body.used, same.used);
        assert_memory_equal(data, again, body.used);
        assert_true(body_intact(data, body.used));
        assert_true(body_open(&reader, data, body.used));
        while (body_next(&reader, &record))
            look(&out, &record);
        assert_false(reader.failed);
        out.bodies++;
        downsample_given(downsample);
    }
    assert_true(downsample_empty(downsample));
    return &out;
}

/* ---- Tests ---- */

static void an_hour_becomes_a_mean_and_a_gap(void **state)
{
    struct downsample *downsample = *state;
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(add_readings(downsample, i * 10 + 1, i * 10 + 1, 10, NOON + i * 60000),
                         DOWNSAMPLE_TAKEN);
    assert_false(downsample_due(downsample, NOON + HOUR + 119000));
    assert_true(downsample_due(downsample, NOON + HOUR + 120000));
    assert_int_equal(add_readings(downsample, 601, 601, 10, NOON + HOUR), DOWNSAMPLE_CLOSE);
    downsample_close(downsample);
    assert_int_equal(downsample_readings(downsample), 600);
    struct out *out = give_all(downsample);
    assert_int_equal(out->cursor, 601);
    assert_int_equal(out->gaps, 1);
    for (unsigned seq = 1; seq <= 600; seq++)
        assert_int_equal(out->gone[seq], 1);
    assert_int_equal(out->gone[601], 0);
    assert_int_equal(out->means, 1);
    assert_int_equal(out->last.t_ms, NOON);
    assert_int_equal(out->last.boot, 1);
    assert_int_equal(out->last.first_seq, 1);
    assert_int_equal(out->last.last_seq, 600);
    assert_int_equal(out->last.count, 3);
    assert_int_equal(out->last.cells[0].n, 600);
    assert_true(out->last.cells[0].min == 0.01f && out->last.cells[0].max == 6.0f);
    assert_true(out->last.cells[0].mean == 3.005f);
    assert_int_equal(add_readings(downsample, 601, 601, 10, NOON + HOUR),
                     DOWNSAMPLE_TAKEN); /* and so on */
}

static void what_may_not_be_believed_is_counted_apart(void **state)
{
    struct downsample *downsample = *state;
    struct made *made = make(1, NOON);
    for (uint32_t seq = 1; seq <= 9; seq++) {
        struct reading reading = garden_reading(0, 1, seq, NOON + seq * 1000);
        reading.values[0].flag = seq % 3 == 0   ? METRIC_RANGE
                                 : seq % 3 == 1 ? METRIC_GOOD
                                                : METRIC_ABSENT;
        reading.values[0].present = seq % 3 != 2;
        assert_true(body_reading(&made->body, STREAM, &schema, &reading));
    }
    assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    assert_int_equal(out->n, 3);
    assert_int_equal(out->bad, 3);
    assert_true(out->last.cells[0].max == 0.07f);
    assert_int_equal(out->last.cells[1].n, 9);
}

static void gaps_and_corrections_pass_and_part_the_gap(void **state)
{
    struct downsample *downsample = *state;
    struct made *made = make(1, NOON);
    struct reading_gap gap = {.why = GAP_TIMEOUT, .boot = 1, .first_seq = 5, .last_seq = 6};
    for (uint32_t seq = 1; seq <= 4; seq++)
        put(made, STREAM, seq, NOON + seq);
    assert_true(body_gap(&made->body, STREAM, &gap));
    assert_true(body_correction(&made->body, 3, -500));
    for (uint32_t seq = 7; seq <= 9; seq++)
        put(made, STREAM, seq, NOON + seq);
    assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    assert_int_equal(out->gaps, 2);
    assert_int_equal(out->other_gaps, 1);
    assert_int_equal(out->corrections, 1);
    assert_int_equal(out->gone[4] + out->gone[7], 2);
    assert_int_equal(out->gone[5] + out->gone[6], 0); /* told already */
    assert_int_equal(out->means, 1);
    assert_int_equal(out->n, 7);
}

static void logs_of_other_hours_and_boots_have_their_own_means(void **state)
{
    struct downsample *downsample = *state;
    struct made *made = make(1, NOON + 10);
    for (uint32_t seq = 1; seq <= 100; seq++) /* a log of five hours, in two boots */
        put(made, STREAM, seq, NOON - (101 - seq) * (HOUR / 20));
    struct reading reading = garden_reading(0, 2, 1, NOON - 1);
    assert_true(body_reading(&made->body, STREAM, &schema, &reading));
    put(made, STREAM + 1, 200, NOON - 1);
    assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    assert_int_equal(out->means, 5 + 1 + 1);
    assert_int_equal(out->n, 102);
    assert_int_equal(out->gaps, 3);
}

static void a_block_that_takes_many_bodies_moves_the_cursor_with_the_last(void **state)
{
    struct downsample *downsample = *state;
    uint64_t id = 1;
    for (uint32_t device = 0; device < 300; device++) {
        struct made *made = make(id, NOON + device);
        for (uint32_t i = 0; i < 5; i++)
            put(made, STREAM + device, device * 5 + i + 1, NOON + device);
        assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
        id += 5;
    }
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    assert_in_range(out->bodies, 2, 10);
    assert_int_equal(out->means, 300);
    assert_int_equal(out->n, 1500);
    assert_int_equal(out->cursor, id);
    for (uint32_t seq = 1; seq <= 1500; seq++)
        assert_int_equal(out->gone[seq], 1);
}

static void many_values_take_two_records(void **state)
{
    struct downsample *downsample = *state;
    struct stream_schema narrow = schema;
    schema.count = READING_VALUES_MAX;
    for (unsigned i = 0; i < schema.count; i++)
        schema.fields[i] = narrow.fields[i % 3];
    struct made *made = make(1, NOON);
    put(made, STREAM, 1, NOON);
    put(made, STREAM, 2, NOON);
    assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    schema = narrow;
    assert_int_equal(out->means, 2);
    assert_int_equal(out->last.from, 12);
    assert_int_equal(out->last.count, 12);
}

static void readings_of_an_unknown_time_go_as_they_are(void **state)
{
    struct downsample *downsample = *state;
    struct reading reading = garden_reading(0, 1, 3, 5000);
    reading.time.trust = TIME_UNTRUSTED;
    reading.taken.ms = 4000;
    assert_int_equal(add_readings(downsample, 1, 1, 2, NOON), DOWNSAMPLE_TAKEN);
    struct made *made = make(3, NOON);
    assert_true(body_reading(&made->body, STREAM, &schema, &reading));
    assert_int_equal(add(downsample, made), DOWNSAMPLE_CLOSE);
    downsample_close(downsample);
    (void)give_all(downsample);
    assert_int_equal(add(downsample, made), DOWNSAMPLE_WHOLE);
    assert_int_equal(downsample_first(downsample), 3);
    made->feed.offset_known = true; /* and now it is */
    made->feed.offset_ms = NOON;
    assert_int_equal(add(downsample, made), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    assert_int_equal(give_all(downsample)->last.t_ms, NOON);
}

static void a_block_begins_where_the_broker_is(void **state)
{
    struct downsample *downsample = *state;
    downsample_begin(downsample, 5);
    assert_int_equal(add_readings(downsample, 1, 1, 10, NOON),
                     DOWNSAMPLE_TAKEN); /* it has the first four */
    downsample_close(downsample);
    struct out *out = give_all(downsample);
    assert_int_equal(out->gone[4], 0);
    assert_int_equal(out->gone[5], 1);
    assert_int_equal(out->n, 6);
}

static void a_mean_is_written_as_the_schema_has_it(void **state)
{
    struct downsample *downsample = *state;
    struct streams *streams = streams_create();
    struct ipc_stream stream = {.stream = {.id = STREAM, .device = "plot-0"}, .schema = schema};
    struct lane lane = {0};
    struct lane_message message;
    char json[8192];
    uint8_t data[BODY_MAX];
    struct body body;
    uint64_t cursor = 0;
    assert_true(streams_add(streams, &stream));
    assert_int_equal(add_readings(downsample, 1, 1, 3, NOON), DOWNSAMPLE_TAKEN);
    downsample_close(downsample);
    downsample_next(downsample, data, &body, &cursor);
    lane_reset(&lane, 1);
    struct ipc_body head = {.count = body.count, .first_id = 1};
    assert_true(lane_add(&lane, &head, data, body.used));
    assert_true(lane_encode(&lane, streams, "gw", json, sizeof json - 1, &message));
    json[message.size] = '\0';
    assert_string_equal(
        json, "{\"v\":1,\"gw\":\"gw\",\"readings\":["
              "{\"d\":\"plot-0\",\"boot\":1,\"gap\":[1,3],\"why\":\"quota\"},"
              "{\"d\":\"plot-0\",\"boot\":1,\"of\":[1,3],\"hour\":1795233600000,\"means\":{"
              "\"air_temperature\":[3,0.01,0.02,0.03],\"soil_ph\":[3,0.1,0.2,0.3],"
              "\"soil_conductivity\":[3,1,2,3]}}]}");
    lane_reset(&lane, 1);
    streams_destroy(streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_hour_becomes_a_mean_and_a_gap, begin, end),
        cmocka_unit_test_setup_teardown(what_may_not_be_believed_is_counted_apart, begin, end),
        cmocka_unit_test_setup_teardown(gaps_and_corrections_pass_and_part_the_gap, begin, end),
        cmocka_unit_test_setup_teardown(logs_of_other_hours_and_boots_have_their_own_means, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_block_that_takes_many_bodies_moves_the_cursor_with_the_last, begin, end),
        cmocka_unit_test_setup_teardown(many_values_take_two_records, begin, end),
        cmocka_unit_test_setup_teardown(readings_of_an_unknown_time_go_as_they_are, begin, end),
        cmocka_unit_test_setup_teardown(a_block_begins_where_the_broker_is, begin, end),
        cmocka_unit_test_setup_teardown(a_mean_is_written_as_the_schema_has_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
