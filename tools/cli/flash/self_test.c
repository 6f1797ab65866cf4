/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/self_test.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "gateway/daemon/bus/transact.h"
#include "protocols/image/window.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define NS_PER_S      1000000000LL
#define ANSWER_NS     600000000LL /* a node answers within some ms; adapters hold back 16 */
#define LATE_NS       400000000LL
#define TRIES         3
#define AGAIN_NS      200000000LL
#define SAMPLE_S      30 /* the slowest probes warm up and measure for some seconds */
#define COIL_SAMPLE   1u
#define COIL_TEST     2u
#define TEST_SETTINGS 1u /* bits of NODE_SELF_TEST */
#define TEST_MEMORY   2u
#define TEST_SENSORS  4u
#define TEST_SUPPLY   8u

struct session {
    const struct self_test *test;
    struct bus_config bus;
    struct line line;
    struct transact transact;
    const char *failed; /* the first check that did */
    enum bus_result last;
};

/* One line of its table: names are looked up here, what is said of them is already. */
static void print_check(const char *verdict, const char *check, const char *text)
{
    (void)printf("  ");
    show_padded(verdict, 5);
    show_padded(gettext(check), 13);
    screen_wrap(stdout, screen_width(stdout), 20, 20, text);
    (void)fflush(stdout);
}

static void report(struct session *s, bool good, const char *check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void report(struct session *s, bool good, const char *check, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* a longer one is cut */
    va_end(arguments);
    print_check(good ? _("ok") : _("FAIL"), check, text);
    outcome_append("self_test",
                   json_pack("{s:s,s:b,s:s}", "check", check, "good", good, "what", text));
    if (!good && s->failed == NULL)
        s->failed = check;
}

/* ---- one question ---- */

static bool ask_once(struct session *s, const uint8_t *pdu, size_t size, uint16_t answer_size,
                     struct transact_answer *answer)
{
    struct transact_request request = {.pdu = pdu,
                                       .pdu_size = size,
                                       .answer_size = answer_size,
                                       .unit = s->test->unit,
                                       .timeout_ns = ANSWER_NS,
                                       .late_ns = LATE_NS};
    if (s->line.fd < 0 && line_open(&s->line) != 0)
        return false;
    transact_do(&s->transact, &request, answer);
    s->last = answer->result;
    if (answer->result == BUS_DOWN)
        line_close(&s->line);
    else if (answer->result != BUS_OK)
        (void)transact_idle(&s->transact, answer->quiet_ns, false);
    return answer->result == BUS_OK;
}

static bool ask(struct session *s, const uint8_t *pdu, size_t size, uint16_t answer_size,
                struct transact_answer *answer)
{
    *answer = (struct transact_answer){.result = BUS_DOWN};
    for (unsigned try = 0; try < TRIES; try++) {
        if (ask_once(s, pdu, size, answer_size, answer))
            return true;
        if (answer->result == BUS_EXCEPTION)
            break;
    }
    return false;
}

static bool read_words(struct session *s, uint16_t at, uint16_t count, uint16_t *words)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    size_t size = modbus_read(pdu, MODBUS_READ_INPUT, at, count);
    struct transact_answer answer;
    if (!ask(s, pdu, size, (uint16_t)(SERIAL_ANSWER_BYTES + 2 * count), &answer) ||
        answer.pdu_size != 2u + 2u * count)
        return false;
    for (size_t i = 0; i < count; i++)
        words[i] = (uint16_t)(answer.pdu[2 + 2 * i] << 8 | answer.pdu[3 + 2 * i]);
    return true;
}

static bool write_word(struct session *s, uint16_t at, uint16_t value)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    struct transact_answer answer;
    return ask(s, pdu, modbus_write_register(pdu, at, value), 8, &answer);
}

static bool set_coil(struct session *s, uint16_t coil)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    struct transact_answer answer;
    return ask(s, pdu, modbus_write_coil(pdu, coil, true), 8, &answer);
}

static void rest(struct session *s)
{
    if (s->line.fd >= 0)
        (void)transact_idle(&s->transact, line_now_ns() + AGAIN_NS, false);
    else
        (void)line_wait(&s->line, line_now_ns() + AGAIN_NS, false);
}

/* ---- the checks ---- */

static bool check_answers(struct session *s)
{
    uint16_t version = 0;
    int64_t until = line_now_ns() + s->test->wait_s * NS_PER_S;
    bool good = false;
    while (!(good = read_words(s, NODE_MAP_VERSION, 1, &version)) && line_now_ns() < until)
        rest(s);
    if (good)
        report(s, version == NODE_MAP_VERSION_NUMBER, N_("answer"), _("unit %u, map version %u"),
               s->test->unit, version);
    else
        report(
            s, false, N_("answer"),
            _("nothing from unit %u at %u 8N1 in %u s. Is it wired to %s (A to A, B to B, "
              "ground), powered, and BOOT0 down? A board that was in use keeps its settings: give "
              "its address with --unit"),
            s->test->unit, s->test->baud, s->test->wait_s, s->test->port);
    return good;
}

static void check_identity(struct session *s)
{
    uint16_t words[15];
    char name[17];
    const struct board *board = s->test->board;
    if (!read_words(s, NODE_SERIAL, 15, words)) {
        report(s, false, N_("identity"), _("can't be read: %s"), bus_result_text(s->last));
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        name[2 * i] = (char)(words[NODE_BOARD - NODE_SERIAL + i] >> 8);
        name[2 * i + 1] = (char)words[NODE_BOARD - NODE_SERIAL + i];
    }
    name[16] = '\0';
    for (char *c = name; *c != '\0'; c++) {
        if (*c < ' ' || *c >= 127)
            *c = '?';
    }
    report(s, strncmp(name, board->reports, 16) == 0, N_("board"), "%s%s%s", name,
           strncmp(name, board->reports, 16) == 0 ? "" : _(", and it should be "),
           strncmp(name, board->reports, 16) == 0 ? "" : board->reports);
    uint32_t serial = node_u32_get(words);
    char text[SERIAL_TEXT_SIZE], written[SERIAL_TEXT_SIZE];
    serial_print(serial, text);
    serial_print(s->test->serial, written);
    if (serial == s->test->serial)
        report(s, true, N_("serial"), "%s", text);
    else
        report(s, false, N_("serial"), _("%s, and %s was written: is another board on this line?"),
               text, written);
}

/* That it runs the image that was written, for good, under the boot loader. */
static void check_image(struct session *s)
{
    uint16_t words[WINDOW_STATUS_REGISTERS];
    uint8_t bytes[2 * WINDOW_STATUS_REGISTERS];
    struct window_status status;
    const struct image_header *image = &s->test->content->image;
    if (!s->test->content->has_header)
        return;
    bool good = read_words(s, WINDOW_STATUS, WINDOW_STATUS_REGISTERS, words);
    for (size_t i = 0; good && i < WINDOW_STATUS_REGISTERS; i++) {
        bytes[2 * i] = (uint8_t)(words[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)words[i];
    }
    if (!good || !window_status_read(bytes, sizeof bytes, &status)) {
        report(s, false, N_("image"),
               _("it knows nothing of slots: it does not run the image that was "
                 "written"));
        return;
    }
    bool same = status.hardware == image->hardware && status.version == image->version &&
                (status.bits & WINDOW_ON_TRIAL) == 0 &&
                ((status.bits & WINDOW_IN_SLOT_1) != 0) == (image->slot == 1);
    report(s, same, N_("image"), _("%u.%u.%u in slot %d%s"), status.version >> 24,
           status.version >> 16 & 255, status.version & 0xFFFF,
           (status.bits & WINDOW_IN_SLOT_1) != 0, same ? "" : _(", which is not what was written"));
}

static bool same_table(const uint16_t *words, const struct calibration_table *table)
{
    bool same = words[NODE_CALIBRATION_POINTS - NODE_CALIBRATION_CHANNEL] == table->points;
    for (size_t i = 0; i < table->points; i++) {
        const uint16_t *pair = words + (NODE_CALIBRATION_TABLE - NODE_CALIBRATION_CHANNEL) + 4 * i;
        same = same && node_u32_get(pair) == (uint32_t)table->raw[i] &&
               node_u32_get(pair + 2) == (uint32_t)table->hundredths[i];
    }
    return same;
}

static void check_calibration(struct session *s)
{
    unsigned wanted = 0, found = 0;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct calibration_table *table = &s->test->board->calibration[i];
        uint16_t words[26];
        if (table->points == 0)
            continue;
        wanted++;
        found += write_word(s, NODE_CALIBRATION_CHANNEL, (uint16_t)i) &&
                 read_words(s, NODE_CALIBRATION_CHANNEL, 26, words) && same_table(words, table);
    }
    if (wanted > 0)
        report(s, found == wanted, N_("calibration"), _("%u of %u channels as written%s"), found,
               wanted,
               found == wanted ? ""
                               : _(": its memory holds an older calibration, which counts first; "
                                   "restore the factory's (command 4 at 0x0301)"));
}

/* The names of channels that have no value. */
static unsigned name_absent(const uint16_t *words, char *out, size_t size)
{
    static const char *const names[CHANNEL_COUNT] = {
#define CHANNEL(id, name, ...) [CHANNEL_##id] = (name),
#include "protocols/node_map/registers.def"
    };
    struct node_values values;
    unsigned absent = 0;
    node_values_get(words, &values);
    out[0] = '\0';
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        size_t at = strlen(out);
        if (values.value[i] != NODE_NO_VALUE)
            continue;
        (void)snprintf(out + at, size - at, "%s%s", absent > 0 ? ", " : "", names[i]);
        absent++;
    }
    return absent;
}

/* Measures, then has the node test itself: it judges its sensors by the newest sample. */
static void check_itself(struct session *s)
{
    uint16_t words[NODE_SNAPSHOT_USED] = {0}, result = 0;
    char absent[300];
    int64_t until = line_now_ns() + SAMPLE_S * NS_PER_S;
    bool good = set_coil(s, COIL_SAMPLE);
    while (good && (good = read_words(s, 0, NODE_SNAPSHOT_USED, words)) &&
           node_u32_get(words + NODE_SEQ) == 0 && line_now_ns() < until)
        rest(s);
    if (!good || node_u32_get(words + NODE_SEQ) == 0) {
        report(s, false, N_("sample"), _("none within %d s%s%s"), SAMPLE_S, good ? "" : ": ",
               good ? "" : bus_result_text(s->last));
        return;
    }
    unsigned count = name_absent(words, absent, sizeof absent);
    report(s, true, N_("sample"), _("%u channels%s%s"), CHANNEL_COUNT - count,
           count > 0 ? _("; no value: ") : "", absent);
    if (!set_coil(s, COIL_TEST) || !read_words(s, NODE_SELF_TEST, 1, &result)) {
        report(s, false, N_("self-test"), _("could not be run"));
        return;
    }
    report(s, (result & TEST_SETTINGS) == 0, N_("settings"), "%s",
           (result & TEST_SETTINGS) == 0 ? _("readable") : _("both copies damaged; set them anew"));
    report(s, (result & TEST_MEMORY) == 0, N_("memory"), "%s",
           (result & TEST_MEMORY) == 0 ? _("takes and gives back")
                                       : _("the FRAM does not: look at SCL, SDA and its supply"));
    report(s, (result & TEST_SUPPLY) == 0, N_("supply"), "%s",
           (result & TEST_SUPPLY) == 0 ? _("enough")
                                       : _("below 7 V, too little for SDI-12 probes"));
    if (s->test->no_sensors)
        print_check("--", N_("sensors"), _("not connected here, not judged"));
    else
        report(
            s, (result & TEST_SENSORS) == 0, N_("sensors"), "%s",
            (result & TEST_SENSORS) == 0
                ? _("all answer")
                : _("one gave nothing: look at its wires, or add --no-sensors when none is there"));
}

const char *self_test_run(const struct self_test *test)
{
    struct session s = {
        .test = test,
        .bus = {
            .name = "bench", .type = BUS_RTU, .baud = test->baud, .parity = 'N', .stop_bits = 1}};
    char text[BUS_OPEN_TEXT_SIZE];
    if (!cli_format(s.bus.port, sizeof s.bus.port, "%s", test->port))
        return "no port";
    line_init(&s.line, &s.bus, -1);
    transact_init(&s.transact, &s.line);
    int error = line_open(&s.line);
    (void)printf(_("self-test over %s:\n"), test->port);
    if (error != 0)
        report(&s, false, N_("port"), "%s: %s", test->port, bus_open_text(error, test->port, text));
    else if (check_answers(&s)) {
        check_identity(&s);
        check_image(&s);
        check_calibration(&s);
        check_itself(&s);
    }
    line_end(&s.line);
    return s.failed != NULL ? s.failed : "passed";
}
