/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye node DEVICE …`: one of our nodes, through the daemon that owns its line: its lamp, its
 * self-test, its black box, what it counts beside what the gateway counts of it, and its clock. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/clock.h"
#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"
#include "protocols/node_map/node_text.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define WORDS_MAX      128
#define TRIES          4
#define COIL_LAMP      0
#define COIL_SELF_TEST 2
#define TEST_LOOKS     20
#define TEST_LOOK_NS   250000000
#define TEXT_COLUMN    26
#define TENTHS         "0.1 " /* in front of a unit */

static const char usage[] =
    N_("Usage: baiye node DEVICE blink | selftest | blackbox | counters | time\n"
       "         [--json] [--socket FILE]\n"
       "blink: its lamp, for a minute; selftest: runs it, says what failed; blackbox: what\n"
       "it remembers of resets and faults; counters: the line as the node sees it, beside\n"
       "the gateway's own; time: its clock.\n"
       "Exit 0: done, and nothing is wrong; 1: the self-test failed, or the node does not\n"
       "answer; 69: no gateway.\n");

struct look {
    struct talk_options options;
    const char *device, *bus;
    long long unit;
    json_t *devices; /* the answer that `bus` is of */
    json_t *out;     /* for --json */
};

/* ---- asking ---- */

static bool is_lost(const json_t *answer)
{
    const char *code = talk_text(json_object_get(answer, "error"), "code");
    return strcmp(code, "timeout") == 0 || strcmp(code, "garbled") == 0;
}

/* The result, a new reference; NULL and a complaint; `code` is the exit code. */
static json_t *ask(const struct look *look, const char *method, json_t *params, int *code)
{
    struct talk talk;
    *code = EX_UNAVAILABLE;
    if (!talk_open(&talk, look->options.socket_path)) {
        json_decref(params);
        return NULL;
    }
    json_t *answer = talk_ask(&talk, method, json_incref(params), NULL);
    /* A frame is lost now and then; all that is asked here may be asked twice. */
    for (int i = 1; i < TRIES && answer != NULL && is_lost(answer); i++) {
        json_decref(answer);
        answer = talk_ask(&talk, method, json_incref(params), NULL);
    }
    json_decref(params);
    talk_close(&talk);
    json_t *result = NULL;
    if (answer != NULL && talk_failed(answer))
        *code = 1;
    else if (answer != NULL)
        result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

/* The PDU of the answer; 0 and a complaint. */
static size_t send_pdu(const struct look *look, const uint8_t *pdu, size_t size, uint8_t *out,
                       int *code)
{
    char hex[2 * MODBUS_REQUEST_SIZE + 1];
    hex_write(pdu, size, hex);
    json_t *result = ask(look, "raw",
                         json_pack("{s:s,s:I,s:s,s:b}", "bus", look->bus, "unit",
                                   (json_int_t)look->unit, "pdu", hex, "read_back", 0),
                         code);
    const char *text = talk_text(result, "pdu");
    size_t bytes = strlen(text) / 2;
    for (size_t i = 0; i < bytes && i < 2 * WORDS_MAX; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    bool refused = result != NULL && talk_integer(result, "exception") != 0;
    if (refused) {
        cli_complain("the node refused: its firmware is older than this program");
        *code = 1;
    } else if (result != NULL) {
        *code = EX_OK;
    }
    json_decref(result);
    return refused ? 0 : bytes;
}

static int read_words(const struct look *look, uint8_t function, uint16_t address, uint16_t count,
                      uint16_t *words)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE], out[2 * WORDS_MAX];
    int code;
    size_t size = modbus_read(pdu, function, address, count);
    size_t got = send_pdu(look, pdu, size, out, &code);
    if (code == EX_OK && got < 2u + 2u * count) {
        cli_complain("the node's answer is too short");
        code = 1;
    }
    for (size_t i = 0; code == EX_OK && i < count; i++)
        words[i] = (uint16_t)(out[2 + 2 * i] << 8 | out[3 + 2 * i]);
    return code;
}

static int write_coil(const struct look *look, uint16_t coil)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE], out[2 * WORDS_MAX];
    int code;
    size_t size = modbus_write_coil(pdu, coil, true);
    (void)send_pdu(look, pdu, size, out, &code);
    return code;
}

/* ---- rows of the table ---- */

static const struct node_row_text *row_at(uint16_t address)
{
    for (unsigned i = 0; i < node_row_count; i++) {
        if (node_row_texts[i].address == address)
            return &node_row_texts[i];
    }
    return NULL;
}

static void lower(const char *name, char out[40])
{
    (void)snprintf(out, 40, "%s", name);
    for (char *at = out; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
}

static json_t *row_values(const struct node_row_text *row, const uint16_t *words)
{
    json_t *values = json_array();
    bool wide = row->type == NODE_U32 || row->type == NODE_S32;
    for (unsigned i = 0; i + (wide ? 1u : 0u) < row->count; i += wide ? 2 : 1) {
        int64_t value = wide ? (int64_t)node_u32_get(words + i) : words[i];
        (void)json_array_append_new(values, json_integer(value));
    }
    return values;
}

/* What it holds, and in words what that is. */
static void show_row(const struct look *look, const struct node_row_text *row,
                     const uint16_t *words)
{
    char name[40], text[512] = "";
    json_t *values = row_values(row, words);
    lower(row->name, name);
    if (look->options.json) {
        (void)json_object_set(look->out, name,
                              json_array_size(values) == 1 ? json_array_get(values, 0) : values);
        json_decref(values);
        return;
    }
    bool tenths = strncmp(row->unit, TENTHS, strlen(TENTHS)) == 0;
    const char *unit = tenths ? row->unit + strlen(TENTHS) : row->unit;
    for (size_t i = 0; i < json_array_size(values); i++) {
        long long value = json_integer_value(json_array_get(values, i));
        if (value == UINT16_MAX && unit[0] != '\0' && row->type == NODE_U16)
            (void)text_add(text, sizeof text, "-"); /* as its text says */
        else if (tenths)
            (void)text_add(text, sizeof text, "%lld.%lld", value / 10, value % 10);
        else
            (void)text_add(text, sizeof text, "%s%lld", i > 0 ? " " : "", value);
    }
    (void)text_add(text, sizeof text, "%s%s  %s", unit[0] != '\0' ? " " : "", unit,
                   gettext(row->text));
    (void)printf("%-*s", TEXT_COLUMN, name);
    screen_wrap(stdout, screen_width(stdout), TEXT_COLUMN, TEXT_COLUMN, text);
    json_decref(values);
}

static int show_rows(const struct look *look, uint16_t first, uint16_t last)
{
    uint16_t words[WORDS_MAX];
    const struct node_row_text *end = row_at(last);
    uint16_t count = (uint16_t)(last + (end != NULL ? end->count : 1) - first);
    int code = read_words(look, MODBUS_READ_INPUT, first, count, words);
    for (unsigned i = 0; code == EX_OK && i < node_row_count; i++) {
        const struct node_row_text *row = &node_row_texts[i];
        if (row->address >= first && row->address <= last)
            show_row(look, row, words + (row->address - first));
    }
    return code;
}

/* ---- the verbs ---- */

static int blink(const struct look *look)
{
    int code = write_coil(look, COIL_LAMP);
    if (code == EX_OK && !look->options.json)
        (void)puts(_("its lamp blinks for a minute"));
    return code;
}

static int self_test(const struct look *look)
{
    static const struct {
        uint16_t bit;
        const char *text;
    } parts[] = {{1, N_("settings")}, {2, N_("memory")}, {4, N_("sensors")}, {8, N_("supply")}};
    const struct timespec rest = {.tv_nsec = TEST_LOOK_NS};
    uint16_t result = 0, before = 0;
    int code = read_words(look, MODBUS_READ_INPUT, NODE_SELF_TEST, 1, &before);
    code = code == EX_OK ? write_coil(look, COIL_SELF_TEST) : code;
    /* It is done between two samples: asked until it was long enough for both. */
    for (int i = 0; code == EX_OK && i < TEST_LOOKS; i++) {
        (void)nanosleep(&rest, NULL);
        code = read_words(look, MODBUS_READ_INPUT, NODE_SELF_TEST, 1, &result);
        if (result != before)
            break;
    }
    if (code != EX_OK)
        return code;
    (void)json_object_set_new(look->out, "self_test", json_integer(result));
    for (size_t i = 0; !look->options.json && i < sizeof parts / sizeof parts[0]; i++) {
        show_padded(_(parts[i].text), 13);
        (void)puts((result & parts[i].bit) != 0 ? _("FAILED") : _("good"));
    }
    return result == 0 ? EX_OK : 1;
}

static int counters(const struct look *look)
{
    int code = show_rows(look, NODE_LINE_COUNTS, NODE_LINE_ERRORS);
    json_t *stats = code == EX_OK
                        ? ask(look, "stats", json_pack("{s:s}", "device", look->device), &code)
                        : NULL;
    if (stats == NULL)
        return code;
    if (look->options.json)
        (void)json_object_set(look->out, "gateway", stats);
    else {
        show_padded(_("the gateway's"), TEXT_COLUMN);
        (void)printf(_("%lld polls, %lld good, %lld timeouts, %lld garbled, %lld again\n"),
                     talk_integer(stats, "polls"), talk_integer(stats, "good"),
                     talk_integer(stats, "timeouts"), talk_integer(stats, "crc_errors"),
                     talk_integer(stats, "retries"));
    }
    json_decref(stats);
    return EX_OK;
}

static int send_time(const struct look *look)
{
    uint16_t words[3];
    int code = read_words(look, MODBUS_READ_HOLDING, NODE_TIME, 3, words);
    if (code != EX_OK)
        return code;
    int64_t now_ms = clock_now().wall_ms;
    uint32_t seconds = node_u32_get(words);
    double ahead = (double)(seconds * INT64_C(1000) + words[2] - now_ms) / 1e3;
    if (ahead > -0.05 && ahead < 0.05)
        ahead = 0; /* nobody is to read "-0.0" */
    (void)json_object_set_new(look->out, "known", json_boolean(seconds != 0));
    if (seconds == 0) {
        if (!look->options.json)
            (void)puts(_("it does not know the time yet; the gateway gives it to all nodes"));
        return EX_OK;
    }
    (void)json_object_set_new(look->out, "time", json_real((double)seconds + words[2] / 1e3));
    (void)json_object_set_new(look->out, "ahead_s", json_real(ahead));
    time_t at = (time_t)seconds;
    struct tm local;
    char text[32] = "";
    if (localtime_r(&at, &local) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local) == 0)
        text[0] = '\0';
    if (!look->options.json)
        (void)printf(_("%s, %+.1f s against this machine's clock\n"), text, ahead);
    return EX_OK;
}

static int black_box(const struct look *look)
{
    return show_rows(look, NODE_UPTIME, NODE_LATE_MOST);
}

/* Where it is, if it is one of ours. */
static int find_device(struct look *look)
{
    int code;
    size_t i;
    const json_t *one;
    look->devices = ask(look, "devices", json_object(), &code);
    json_array_foreach (json_object_get(look->devices, "devices"), i, one) {
        if (strcmp(talk_text(one, "name"), look->device) != 0)
            continue;
        look->bus = talk_text(one, "bus");
        look->unit = talk_integer(one, "unit");
        if (json_is_true(json_object_get(one, "node")) ||
            strcmp(talk_text(one, "profile"), "baiye-node") == 0)
            return EX_OK;
        cli_complain("%s is no node of ours; `baiye read` and `baiye stats` are for all devices",
                     look->device);
        return 1;
    }
    if (look->devices == NULL)
        return code;
    cli_complain("there is no device \"%s\"; `baiye devices` lists them", look->device);
    return 1;
}

int cli_node(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct look *look);
    } verbs[] = {{"blink", blink},
                 {"selftest", self_test},
                 {"blackbox", black_box},
                 {"counters", counters},
                 {"time", send_time}};
    struct look look = {0};
    bool good = talk_options(argc, argv, &look.options) && optind + 2 == argc;
    size_t verb = 0, count = sizeof verbs / sizeof verbs[0];
    while (good && verb < count && strcmp(argv[optind + 1], verbs[verb].name) != 0)
        verb++;
    if (!good || verb == count)
        return cli_usage(usage);
    look.device = argv[optind];
    look.out = json_object();
    int code = find_device(&look);
    if (code == EX_OK)
        code = verbs[verb].run(&look);
    if (look.options.json && code != EX_UNAVAILABLE)
        talk_dump(look.out);
    json_decref(look.out);
    json_decref(look.devices);
    return code;
}
