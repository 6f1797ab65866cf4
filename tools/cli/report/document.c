/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/report/document.h"

#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "protocols/metric/metric.h"
#include "tools/cli/report/confidence.h"

#define TEXT_SIZE 160
#define NONE      "\xE2\x80\x94" /* a dash */

static const char style[] =
    "@page{size:A4;margin:14mm}*{box-sizing:border-box}"
    "body{font:10pt/1.4 \"Noto Sans\",\"Noto Sans CJK SC\",\"Microsoft YaHei\",sans-serif;"
    "color:#111;background:#fff;max-width:182mm;margin:0 auto}"
    "h1{font-size:19pt;margin:0 0 1mm}h2{font-size:13pt;margin:6mm 0 1.5mm;border-bottom:.5mm "
    "solid "
    "#0b5d3b;break-after:avoid}h3{font-size:11pt;margin:0 0 1mm;overflow-wrap:anywhere}"
    "p{margin:1mm 0;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%;margin:1mm 0}thead{display:table-header-group}"
    "tr{break-inside:avoid}th,td{text-align:left;vertical-align:top;padding:.8mm 1.5mm;"
    "border-bottom:.2mm solid "
    "#bbb;overflow-wrap:anywhere}th{font-weight:600;font-size:9pt;overflow-wrap:normal;"
    "background:#eef2ee;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".n{text-align:right;white-space:nowrap}.keep{white-space:nowrap}"
    ".verdict{border:.6mm solid;padding:2mm 3mm;font-size:12pt;font-weight:600}"
    ".good{color:#0b5d3b}.bad{color:#9c1c0c}.note{color:#6b4300}"
    ".device{break-inside:avoid;border:.3mm solid #999;padding:2.5mm 3mm;margin:3mm 0}"
    ".device::after{content:\"\";display:block;clear:both}"
    ".device img{float:right;max-width:56mm;max-height:56mm;margin:0 0 2mm 4mm;border:.2mm solid "
    "#999}"
    ".device table{width:auto;min-width:60%}"
    ".sign{break-inside:avoid}.sign td{height:14mm;vertical-align:bottom;width:34%}"
    ".sign td:first-child{width:32%}.rule{border-bottom:.2mm solid #777;height:8mm}"
    "@media screen{body{padding:6mm}}";

/* ---- pieces ---- */

void document_escape(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        case '\'':
            (void)fputs("&#39;", out);
            break;
        default:
            if ((unsigned char)*text >= ' ' && *text != 0x7F)
                (void)fputc(*text, out);
        }
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static long long integer_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* <TAG>text</TAG>; a dash for no text. `tag` may have attributes. */
static void put(FILE *out, const char *tag, const char *text)
{
    (void)fprintf(out, "<%s>", tag);
    document_escape(out, text[0] != '\0' ? text : NONE);
    (void)fprintf(out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

/* A row of two: what it is, and what is said of it. */
static void row(FILE *out, const char *what, const char *text)
{
    (void)fputs("<tr>", out);
    put(out, "th", what);
    put(out, "td", text);
    (void)fputs("</tr>\n", out);
}

static void heads(FILE *out, const char *const *texts, size_t count)
{
    (void)fputs("<thead><tr>", out);
    for (size_t i = 0; i < count; i++)
        put(out, "th", gettext(texts[i]));
    (void)fputs("</tr></thead>\n", out);
}

static const char *metric_name(const char *metric, bool chinese)
{
    const struct metric_info *info = metric_find(metric);
    return info != NULL ? info->text[chinese ? METRIC_ZH : METRIC_EN] : metric;
}

static const char *flag_text(const char *flag)
{
    static const struct {
        const char *name, *text;
    } flags[] = {{"good", N_("good")},
                 {"stale", N_("old")},
                 {"range", N_("not plausible")},
                 {"stuck", N_("does not move")},
                 {"absent", N_("no sensor")},
                 {"uncalibrated", N_("not calibrated, or calibration past its date")},
                 {"fault", N_("sensor fault")},
                 {"clock", N_("time not certain")}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, flag) == 0)
            return gettext(flags[i].text);
    }
    return flag;
}

/* ---- what is the same for all ---- */

static void percent(double share, char text[TEXT_SIZE])
{
    (void)snprintf(text, TEXT_SIZE, "%.2f %%", 100 * share);
}

bool document_shows_too_little(const json_t *report, char *text, size_t size)
{
    unsigned polls = (unsigned)integer_of(report, "polls");
    double limit = number_of(report, "limit"), best = confidence_most(0, polls);
    if (best <= limit)
        return false;
    (void)snprintf(
        text, size,
        _("%u polls are too few to show an error rate of %.2f %%: even if none fails, it "
          "may be up to %.2f %% (95 %% confidence). --polls %u or more shows it"),
        polls, 100 * limit, 100 * best, confidence_polls(limit));
    return true;
}

static void write_verdict(FILE *out, const json_t *report)
{
    const json_t *device;
    size_t i, good = 0, count = json_array_size(json_object_get(report, "devices"));
    char text[TEXT_SIZE];
    json_array_foreach (json_object_get(report, "devices"), i, device) {
        good += is_true(device, "passed");
    }
    (void)snprintf(text, sizeof text,
                   good == count ? _("Passed: all %zu devices")
                                 : _("Not passed: %zu of %zu devices"),
                   good == count ? count : count - good, count);
    put(out, good == count ? "p class=\"verdict good\"" : "p class=\"verdict bad\"", text);
}

static void write_uplink(FILE *out, const json_t *report)
{
    const json_t *modem;
    size_t i;
    char text[TEXT_SIZE];
    json_array_foreach (json_object_get(report, "uplink"), i, modem) {
        const char *name = text_of(modem, "operator"), *access = text_of(modem, "access");
        (void)snprintf(text, sizeof text, _("signal %lld %%%s%.60s%s%.30s"),
                       integer_of(modem, "quality"), name[0] != '\0' ? ", " : "", name,
                       access[0] != '\0' ? ", " : "", access);
        row(out, _("Mobile uplink"), text);
    }
    if (i == 0)
        row(out, _("Mobile uplink"), _("none: no modem at this gateway"));
}

static void write_head(FILE *out, const json_t *report)
{
    const json_t *line;
    size_t i;
    char text[TEXT_SIZE], few[2 * TEXT_SIZE];
    const char *label = text_of(report, "label");
    put(out, "h1", _("Acceptance sheet"));
    write_verdict(out, report);
    if (document_shows_too_little(report, few, sizeof few))
        put(out, "p class=\"bad\"", few);
    (void)fputs("<table>", out);
    row(out, _("Garden"), label[0] != '\0' ? label : text_of(report, "site"));
    row(out, _("Tested on"), text_of(report, "made"));
    row(out, _("Tested by"), text_of(report, "operator"));
    (void)snprintf(text, sizeof text, "Baiye %.60s", text_of(report, "version"));
    row(out, _("Gateway"), text);
    json_array_foreach (json_object_get(report, "lines"), i, line) {
        char name[TEXT_SIZE];
        (void)snprintf(name, sizeof name, _("Line %.60s"), text_of(line, "bus"));
        row(out, name, text_of(line, "how"));
    }
    write_uplink(out, report);
    (void)fputs("</table>\n", out);
}

static void milliseconds(const json_t *polls, const char *key, char text[TEXT_SIZE])
{
    text[0] = '\0';
    if (integer_of(polls, "answers") > 0)
        (void)snprintf(text, TEXT_SIZE, "%.1f", (double)integer_of(polls, key) / 1000);
}

static void write_overview(FILE *out, const json_t *report)
{
    static const char *const names[] = {N_("Device"),     N_("Place"),      N_("Address"),
                                        N_("Serial no."), N_("Error rate"), N_("Answer ms, p50"),
                                        N_("p99"),        N_("Result")};
    const json_t *device;
    size_t i;
    char text[TEXT_SIZE];
    put(out, "h2", _("Devices"));
    (void)fputs("<table>", out);
    heads(out, names, sizeof names / sizeof names[0]);
    json_array_foreach (json_object_get(report, "devices"), i, device) {
        const json_t *polls = json_object_get(device, "polls");
        bool good = is_true(device, "passed");
        (void)fputs("<tr>", out);
        put(out, "td", text_of(device, "label"));
        put(out, "td", text_of(device, "plot_label"));
        (void)snprintf(text, sizeof text, "%.60s %lld", text_of(device, "bus"),
                       integer_of(device, "unit"));
        put(out, "td", text);
        put(out, "td class=\"keep\"", text_of(device, "serial"));
        percent(number_of(polls, "error_rate"), text);
        put(out, "td class=\"n\"", text);
        milliseconds(polls, "p50_us", text);
        put(out, "td class=\"n\"", text);
        milliseconds(polls, "p99_us", text);
        put(out, "td class=\"n\"", text);
        put(out, good ? "td class=\"keep good\"" : "td class=\"keep bad\"",
            good ? _("passed") : _("NOT PASSED"));
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</table>\n", out);
}

/* ---- one device ---- */

static void write_polls(FILE *out, const json_t *polls)
{
    char text[2 * TEXT_SIZE], share[TEXT_SIZE], most[TEXT_SIZE];
    percent(number_of(polls, "error_rate"), share);
    percent(number_of(polls, "error_rate_most"), most);
    (void)snprintf(text, sizeof text, _("%lld asked, %lld answered; %lld silent, %lld garbled: %s"),
                   integer_of(polls, "polls"), integer_of(polls, "answers"),
                   integer_of(polls, "timeouts"), integer_of(polls, "garbled"), share);
    row(out, _("Polls, each tried once"), text);
    (void)snprintf(text, sizeof text, _("at most %s, with 95 %% confidence"), most);
    row(out, _("The true error rate"), text);
    if (integer_of(polls, "answers") == 0)
        return;
    (void)snprintf(text, sizeof text, _("half within %.1f ms, 99 of 100 within %.1f ms"),
                   (double)integer_of(polls, "p50_us") / 1000,
                   (double)integer_of(polls, "p99_us") / 1000);
    row(out, _("Turnaround"), text);
}

static void write_values(FILE *out, const json_t *device, bool chinese)
{
    static const char *const names[] = {N_("Measures"), N_("Value"), N_("State")};
    const json_t *value;
    size_t i;
    char text[TEXT_SIZE];
    if (json_array_size(json_object_get(device, "values")) == 0)
        return;
    (void)fputs("<table>", out);
    heads(out, names, sizeof names / sizeof names[0]);
    json_array_foreach (json_object_get(device, "values"), i, value) {
        const json_t *number = json_object_get(value, "value");
        (void)fputs("<tr>", out);
        put(out, "td", metric_name(text_of(value, "metric"), chinese));
        text[0] = '\0';
        if (json_is_number(number))
            (void)snprintf(text, sizeof text, "%.*f %.20s", (int)integer_of(value, "decimals"),
                           json_number_value(number), text_of(value, "unit"));
        put(out, "td class=\"n\"", text);
        put(out, "td", flag_text(text_of(value, "flag")));
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</table>\n", out);
}

static void write_calibration(FILE *out, const json_t *device, bool chinese)
{
    static const char *const names[] = {N_("Calibration"), N_("How"), N_("On"), N_("By"),
                                        N_("Again by")};
    const json_t *one;
    size_t i;
    if (json_array_size(json_object_get(device, "calibration")) == 0) {
        put(out, "p", _("Calibration: none noted; the sensors' own from their factory"));
        return;
    }
    (void)fputs("<table>", out);
    heads(out, names, sizeof names / sizeof names[0]);
    json_array_foreach (json_object_get(device, "calibration"), i, one) {
        (void)fputs("<tr>", out);
        put(out, "td", metric_name(text_of(one, "metric"), chinese));
        put(out, "td", text_of(one, "how"));
        put(out, "td class=\"keep\"", text_of(one, "on"));
        put(out, "td", text_of(one, "by"));
        put(out, is_true(one, "past") ? "td class=\"keep bad\"" : "td class=\"keep\"",
            text_of(one, "due"));
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</table>\n", out);
}

static const char *reason_text(const char *reason)
{
    static const struct {
        const char *name, *text;
    } reasons[] = {{"silent", N_("does not answer")},
                   {"errors", N_("more errors than allowed")},
                   {"values", N_("a value is missing or not to be trusted")},
                   {"polls", N_("not polled to the end")}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(reasons[i].name, reason) == 0)
            return gettext(reasons[i].text);
    }
    return reason;
}

static void write_reasons(FILE *out, const json_t *device, bool chinese)
{
    const json_t *reason;
    size_t i;
    const char *hint = text_of(device, chinese ? "hint_zh" : "hint");
    json_array_foreach (json_object_get(device, "reasons"), i, reason) {
        put(out, "p class=\"bad\"", reason_text(json_string_value(reason)));
    }
    if (hint[0] != '\0')
        put(out, "p class=\"note\"", hint);
}

static void write_photo(FILE *out, const json_t *device)
{
    const char *data = text_of(device, "photo_data");
    if (data[0] == '\0')
        return;
    (void)fputs("<img alt=\"", out);
    document_escape(out, _("photo of its label"));
    (void)fputs("\" src=\"", out);
    document_escape(out, data);
    (void)fputs("\">\n", out);
}

static void write_device(FILE *out, const json_t *device, bool chinese)
{
    char text[2 * TEXT_SIZE];
    (void)fputs("<div class=\"device\">\n", out);
    write_photo(out, device);
    put(out, "h3", text_of(device, "label"));
    write_reasons(out, device, chinese);
    (void)fputs("<table>", out);
    (void)snprintf(text, sizeof text, "%.60s (%.60s)", text_of(device, "name"),
                   text_of(device, "profile"));
    row(out, _("Name, profile"), text);
    row(out, _("Place"), text_of(device, "plot_label"));
    row(out, _("Serial no."), text_of(device, "serial"));
    (void)snprintf(text, sizeof text, "%.80s%s%.60s", text_of(device, "firmware"),
                   text_of(device, "model")[0] != '\0' ? ", " : "", text_of(device, "model"));
    row(out, _("Firmware, model"), text);
    write_polls(out, json_object_get(device, "polls"));
    (void)fputs("</table>\n", out);
    write_values(out, device, chinese);
    write_calibration(out, device, chinese);
    (void)fputs("</div>\n", out);
}

/* ---- all of it ---- */

static void write_tests(FILE *out, const json_t *report)
{
    char text[2 * TEXT_SIZE], limit[TEXT_SIZE];
    percent(number_of(report, "limit"), limit);
    put(out, "h2", _("What was tested"));
    (void)fputs("<ul>", out);
    (void)snprintf(
        text, sizeof text,
        _("Each device was asked %lld times for all that it measures, each time once; at "
          "most %s may fail. The gateway repeats a poll that fails."),
        integer_of(report, "polls"), limit);
    put(out, "li", text);
    percent(confidence_most(0, (unsigned)integer_of(report, "polls")), limit);
    (void)snprintf(text, sizeof text,
                   _("So many polls, none of which fails, show that less than %s do (95 %% "
                     "confidence). What was heard of each device is told below."),
                   limit);
    put(out, "li", text);
    put(out, "li", _("The turnaround: from the end of a request to the begin of its answer."));
    put(out, "li", _("What each device measures was received, plausible and of now."));
    put(out, "li", _("Serial number and firmware as the device itself says them."));
    put(out, "li",
        _("Not tested: whether the values are right; that needs a reference beside the "
          "probe."));
    (void)fputs("</ul>\n", out);
}

static void write_signatures(FILE *out)
{
    const char *const who[] = {_("Technician"), _("Customer")};
    put(out, "h2", _("Remarks"));
    (void)fputs("<div class=\"rule\"></div><div class=\"rule\"></div><div class=\"rule\"></div>\n"
                "<div class=\"sign\">",
                out);
    put(out, "h2", _("Signatures"));
    (void)fputs("<table>", out);
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        (void)fputs("<tr>", out);
        put(out, "td", who[i]);
        put(out, "td", _("Name:"));
        put(out, "td", _("Date, signature:"));
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</table></div>\n", out);
}

void document_write(FILE *out, const json_t *report, const char *html_language)
{
    const json_t *device;
    size_t i;
    bool chinese = strncmp(html_language, "zh", 2) == 0;
    const char *label = text_of(report, "label");
    (void)fprintf(out,
                  "<!doctype html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "img-src data:; style-src 'unsafe-inline'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                  html_language);
    document_escape(out, _("Acceptance sheet"));
    (void)fputs(": ", out);
    document_escape(out, label[0] != '\0' ? label : text_of(report, "site"));
    (void)fprintf(out, "</title>\n<style>%s</style></head>\n<body>\n", style);
    write_head(out, report);
    write_overview(out, report);
    write_tests(out, report);
    put(out, "h2", _("Device by device"));
    json_array_foreach (json_object_get(report, "devices"), i, device) {
        write_device(out, device, chinese);
    }
    write_signatures(out);
    (void)fputs("</body></html>\n", out);
}
