/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/load.h"
#include "gateway/daemon/config/access.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/write_request.h"
#include "protocols/modbus/pdu.h"

/* ---- the plan ---- */

#define MONTH_S 2592000.0

/* Of an English word; Chinese ones have none. */
static const char *plural(unsigned count, const char *ending)
{
    return count == 1 || language_chinese() ? "" : ending;
}

static void print_device(const struct device_config *device, const struct load_device *load,
                         FILE *out)
{
    (void)fprintf(out, _("  %s: address %u, %s, every %g s: %u request%s, %.1f ms\n"), device->name,
                  device->unit, device->profile->name, device->every_ms / 1000.0,
                  load->plan.read_count, plural(load->plan.read_count, "s"),
                  (double)load->poll_ns / 1e6);
    for (unsigned i = 0; i < load->plan.read_count; i++) {
        const struct plan_read *read = &load->plan.reads[i];
        char every[32] = "";
        if (read->every_ms > device->every_ms)
            (void)snprintf(every, sizeof every, _(", every %g s"), read->every_ms / 1000.0);
        (void)fprintf(out, _("    function %u, %s 0x%04X..0x%04X (%u): %.1f ms%s\n"),
                      read->function,
                      read->function <= MODBUS_READ_DISCRETE ? _("bits") : _("registers"),
                      read->address, read->address + read->count - 1, read->count,
                      (double)plan_read_ns(read, &load->cost) / 1e6, every);
    }
    for (unsigned i = 0; i < device->profile->field_count; i++) {
        if (device->profile->fields[i].not_measured)
            (void)fprintf(out, _("    %s is not measured by this device: left out\n"),
                          device->profile->fields[i].metric);
    }
    for (unsigned i = 0; device->adjusted && i < device->metric_count; i++) {
        const struct device_adjust *adjust = &device->adjust[i];
        if (adjust->scale != 1 || adjust->offset != 0)
            (void)fprintf(out, _("    %s is adjusted: times %g, plus %g\n"),
                          device->metrics[i]->metric, adjust->scale, adjust->offset);
    }
    for (unsigned i = 0; i < device->profile->write_count; i++) {
        const struct write_config *write = &device->profile->writes[i];
        char every[32] = "";
        if (write->every_ms > 0)
            (void)snprintf(every, sizeof every, _(" and every %g s"), write->every_ms / 1000.0);
        if (write->value_set)
            (void)fprintf(out,
                          _("    %s is written by the gateway: %d when the device has come%s\n"),
                          write->name, write->value, every);
    }
}

static void print_dial_in(const struct bus_config *bus, FILE *out)
{
    const struct dial_in_word *word = &bus->dial_in->registration;
    (void)fprintf(out, _("bus %s: waits at %s port %u for its converter, %s\n"), bus->name,
                  bus->port, bus->tcp_port, bus->type == BUS_TCP ? "Modbus TCP" : "RTU over TCP");
    if (word->size > 0)
        (void)fprintf(out, _("  known by %u bytes of registration%s\n"), word->size,
                      word->open ? _(" and what may follow") : "");
    if (bus->dial_in->from_count == 0)
        (void)fprintf(out, _("  from any address: who sends that is taken for it; name its network "
                             "in from: where it is known\n"));
}

static void print_bus(const struct config *config, const struct bus_config *bus, FILE *out)
{
    double share = load_bus(config, bus);
    if (bus->type == BUS_RTU)
        (void)fprintf(out, _("bus %s: %s, %u baud, 8%c%u\n"), bus->name, bus->port, bus->baud,
                      bus->parity, bus->stop_bits);
    else if (bus->dial_in != NULL)
        print_dial_in(bus, out);
    else
        (void)fprintf(out, _("bus %s: %s port %u, %s\n"), bus->name, bus->port, bus->tcp_port,
                      bus->type == BUS_TCP ? "Modbus TCP" : "RTU over TCP");
    if (bus->device_count == 0) {
        (void)fprintf(out, _("  no devices yet: `baiye commission %s` brings up the line\n"),
                      bus->name);
        return;
    }
    uint32_t longest_ms = 0;
    int64_t dying_ns = 0;
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        struct load_device load;
        load_device(config, device, &load);
        print_device(device, &load, out);
        longest_ms = device->every_ms > longest_ms ? device->every_ms : longest_ms;
        dying_ns = load.dying_ns > dying_ns ? load.dying_ns : dying_ns;
    }
    (void)fprintf(
        out,
        _("  load %.2f %%: %.2f s of line in %g s%s\n"
          "  a device that stops answering costs at most %.1f s of line once, then all such "
          "together less than 1 %%; each is tried again at least every 10 min\n"),
        share * 100, share * longest_ms / 1000.0, longest_ms / 1000.0,
        share > 1     ? _(", MORE THAN THERE IS (allow_overload)")
        : share > 0.8 ? _(", little is left for retries, commands and nodes' logs")
                      : "",
        (double)dying_ns / 1e9);
}

/* Bytes a month to one broker, frames of TCP and TLS included. A value in `readings` takes about
 * 14 bytes of JSON and a reading 45 more, a sixth of that deflated; a live message goes out at
 * most once a second and device, or once a batch. Each message costs its frames and PUBACK. */
static double month_bytes(const struct config *config, const struct broker_config *broker)
{
    bool sends_live = broker_sends(broker, PART_LIVE);
    double frame = broker_tls(broker) ? 240 : 150, readings = 0, live = 0, scalars = 0, rate = 0;
    for (unsigned i = 0; i < config->device_count; i++) {
        const struct device_config *device = &config->devices[i];
        double every_s = device->every_ms / 1000.0;
        double batch_s = broker->batch_ms / 1000.0;
        double live_s = every_s > 1 ? every_s : 1;
        live_s = live_s > batch_s ? live_s : batch_s;
        rate += 1 / every_s;
        readings += (45 + 14.0 * device->metric_count) / every_s;
        live += sends_live ? (frame + 90 + 24.0 * device->metric_count) / live_s : 0;
        scalars += broker->panel ? (70.0 * device->metric_count) / live_s : 0;
    }
    double batches = 1.0 / (broker->batch_ms > 1000 ? broker->batch_ms / 1000.0 : 1);
    if (rate < batches)
        batches = rate; /* no batch without a reading */
    double squeezed = broker->encoding ? readings / 6 : readings;
    double pings = 1.0 / broker->keepalive_s - 2 * batches; /* other messages keep alive as well */
    double keepalive = pings > 0 ? 160 * pings : 0;
    return (squeezed + batches * frame + live + scalars + keepalive) * MONTH_S;
}

/* As publish_spent() counts it: against the first broker with a budget. */
static bool carries_weather(const struct config *config, unsigned broker)
{
    unsigned first = 0;
    while (first < config->broker_count && config->brokers[first].budget_bytes_month == 0)
        first++;
    return config->forecast_url[0] != '\0' && broker == first;
}

static void print_for(FILE *out, uint32_t s)
{
    if (s % 3600 == 0)
        (void)fprintf(out, _("%u h"), s / 3600);
    else if (s % 60 == 0)
        (void)fprintf(out, _("%u min"), s / 60);
    else
        (void)fprintf(out, _("%u s"), s);
}

static void print_names(const struct config *config, const uint16_t *devices, uint16_t count,
                        FILE *out)
{
    for (uint16_t i = 0; i < count; i++)
        (void)fprintf(out, "%s%s", i > 0 ? ", " : "", config->devices[devices[i]].name);
}

static void print_cause(const struct config *config, const struct action_config *action, FILE *out)
{
    if (action->way >= 0) {
        (void)fprintf(out, _("an alarm that nobody has answered (way %s)"),
                      config->ways[action->way].name);
    } else if (action->rule >= 0) {
        (void)fprintf(out, _("rule %s at "), config->alerts[action->rule].name);
        print_names(config, action->rule_devices, action->rule_device_count, out);
    }
    for (uint8_t i = 0; i < action->time_count; i++)
        (void)fprintf(out, "%s%02d:%02d", i > 0 ? ", " : _("daily at "), action->times[i] / 60,
                      action->times[i] % 60);
}

/* What would switch what. */
static void print_action(const struct config *config, const struct action_config *action, FILE *out)
{
    const struct device_config *device = &config->devices[action->device];
    const struct write_config *write = action->write;
    (void)fprintf(out, _("action %s: "), action->name);
    print_cause(config, action, out);
    (void)fprintf(out,
                  _(" switches %s %s (bus %s, address %u, function %u, %s 0x%04X) to %d, for at "
                    "most "),
                  device->name, write->name, config->buses[device->bus].name, device->unit,
                  write->function,
                  write->function == MODBUS_WRITE_COIL || write->function == MODBUS_WRITE_COILS
                      ? _("coil")
                      : _("register"),
                  write->address, (int)action->on);
    print_for(out, action->for_s);
    if (action->until_metric[0] != '\0') {
        (void)fprintf(out, _(" or until %s is %s %g at "), action->until_metric,
                      action->until_above ? _("above") : _("below"), action->until_limit);
        print_names(config, action->until_devices, action->until_device_count, out);
    }
    (void)fprintf(out, _(", then to %d for at least "), (int)action->off);
    print_for(out, action->pause_s);
    if (action->rain_s > 0) {
        (void)fprintf(out, _("\n  not when %g mm of rain are forecast within "), action->rain_mm);
        print_for(out, action->rain_s);
    }
    (void)fprintf(out, _("\n  %sa person's write keeps it away for "),
                  action->rule < 0 && action->until_metric[0] == '\0' ? ""
                  : action->keep ? _("without fresh values it stays as it is; ")
                                 : _("without fresh values it goes off; "));
    print_for(out, action->override_s);
    (void)fprintf(
        out, _("; %s\n"),
        write_request_is_limited(write, action->off)
            ? _("the device counts its time on as well")
            : _("the device has no time limit of its own: a gateway that dies leaves it as "
                "it is until its next start"));
}

/* What the file names and this machine has not: no mistake of the file, but nothing works
 * without. */
static void print_access(void *out, const struct access_finding *finding)
{
    char text[1100];
    (void)snprintf(text, sizeof text, "%s", language_chinese() ? finding->zh : finding->en);
    text[plain_text(text, strlen(text))] = '\0';
    (void)fprintf(out, finding->state == ACCESS_BROKEN ? _("broken: %s\n") : _("note: %s\n"), text);
}

/* Nothing of it is a mistake: a plot may be there for its soil only. */
static void note_forecast(const struct config *config, const struct plot_config *plot, FILE *out)
{
    if (config_plot_device(config, plot, "air_temperature") == NULL)
        (void)fprintf(
            out,
            _("note: plot %s: none of its devices measures air_temperature: no forecast of "
              "pick and frost; a device may stand in several plots\n"),
            plot->name);
    else if (plot->area_m2 <= 0 && plot->last_year_kg <= 0)
        (void)fprintf(
            out, _("note: plot %s: neither area: nor last_year: the forecast has no kilograms\n"),
            plot->name);
    if (plot->soil == SOIL_NONE && config_plot_measures(config, plot, "soil_moisture"))
        (void)fprintf(out, _("note: plot %s: no soil: the forecast can't say when to irrigate\n"),
                      plot->name);
}

/* A standard probe at such an address is a slip; some devices have one all the same. */
static void note_reserved(const struct config *config, const struct bus_config *bus, FILE *out)
{
    for (unsigned i = 0; bus->type != BUS_TCP && i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        if (device->unit > 247)
            (void)fprintf(
                out,
                _("note: device %s: address %u is reserved by the standard, which ends at "
                  "247; right only if the device really answers there\n"),
                device->name, device->unit);
    }
}

/* In the night of the frost it would be missed. */
static void warn_of_alerts(const struct config *config, FILE *out)
{
    char why[160];
    for (unsigned i = 0; i < config->alert_count; i++) {
        const struct alert_rule *rule = &config->alerts[i];
        if (config_alert_trouble(config, rule, why, sizeof why))
            (void)fprintf(out, _("warning: line %d: alert %s: %s\n"), rule->line, rule->name, why);
    }
    for (uint16_t w = 0; w < config->way_count; w++) {
        if (!config_way_is_used(config, w))
            (void)fprintf(out,
                          _("warning: line %d: way %s is in no group of groups:, so no alert goes "
                            "to it\n"),
                          config->ways[w].line, config->ways[w].name);
    }
}

static void note_all(const struct config *config, FILE *out)
{
    const struct access_look look = {.say = print_access, .context = out};
    warn_of_alerts(config, out);
    for (unsigned i = 0; i < config->bus_count; i++)
        note_reserved(config, &config->buses[i], out);
    if (config->plot_count > 0 && !config_located(config))
        (void)fprintf(out, _("note: no location: the forecast knows neither night nor sunshine, "
                             "and its days end at midnight UTC unless timezone: is there\n"));
    for (unsigned i = 0; i < config->plot_count; i++)
        note_forecast(config, &config->plots[i], out);
    (void)access_check(config, &look);
}

void report_plan(const struct config *config, FILE *out)
{
    (void)fprintf(out, _("site %s: %u bus%s, %u device%s\n"), config->site, config->bus_count,
                  plural(config->bus_count, "es"), config->device_count,
                  plural(config->device_count, "s"));
    for (unsigned i = 0; i < config->bus_count; i++)
        print_bus(config, &config->buses[i], out);
    for (unsigned i = 0; i < config->broker_count; i++) {
        const struct broker_config *broker = &config->brokers[i];
        double bytes = month_bytes(config, broker) +
                       (carries_weather(config, i) ? NOTIFIER_WEATHER_MONTH_BYTES : 0);
        (void)fprintf(out, _("broker %s: about %.1f MB a month"), broker->name, bytes / 1e6);
        if (broker->budget_bytes_month)
            (void)fprintf(
                out, _(" of a budget of %.1f MB%s"), (double)broker->budget_bytes_month / 1e6,
                bytes > 0.8 * (double)broker->budget_bytes_month ? /* xgettext:no-c-format */
                    _(": TOO MUCH, from 80 % on only alerts, forecast and hourly means go "
                      "out; raise batch: or use encoding: deflate")
                                                                 : "");
        (void)fprintf(out, "\n");
    }
    for (unsigned i = 0; i < config->action_count; i++)
        print_action(config, &config->actions[i], out);
    note_all(config, out);
}

/* ---- once ---- */

struct once {
    const struct config *config;
    struct reading *readings; /* a device each */
    bool *got, *answered;
    uint8_t *why;
    int *errors; /* a bus each */
};

struct once_bus {
    struct once *once;
    uint16_t index;
    pthread_t thread;
    bool started;
};

/* Each device belongs to one bus and each bus to one thread: no lock is needed. */
static void keep_reading(void *context, const struct reading *reading)
{
    struct once *once = context;
    once->readings[reading->device] = *reading;
    once->got[reading->device] = true;
}

static void keep_gap(void *context, const struct reading_gap *gap)
{
    ((struct once *)context)->why[gap->device] = gap->why;
}

static void no_health(void *context, const struct device_health *health)
{
    (void)context;
    (void)health;
}

static void *poll_bus(void *context)
{
    struct once_bus *bus = context;
    struct reading_sink sink = {
        .context = bus->once, .reading = keep_reading, .gap = keep_gap, .health = no_health};
    bus->once->errors[bus->index] =
        bus_once(bus->once->config, bus->index, &sink, bus->once->answered);
    return NULL;
}

static const char *why_text(const struct once *once, const struct device_config *device,
                            char text[BUS_OPEN_TEXT_SIZE])
{
    int error = once->errors[device->bus];
    if (error)
        return bus_open_text(error, once->config->buses[device->bus].port, text);
    if (once->answered[device->index])
        return "answers, but has no sample yet";
    return device->profile->node ? "no answer"
                                 : gap_why_name((enum gap_why)once->why[device->index]);
}

static void print_values(const struct once *once, const struct device_config *device, bool json,
                         FILE *out)
{
    const struct reading *reading = &once->readings[device->index];
    for (unsigned i = 0; i < reading->value_count; i++) {
        const struct reading_value *value = &reading->values[i];
        const struct field_config *field = device->metrics[i];
        const char *flag = metric_flag_name((enum metric_flag)value->flag);
        if (json) {
            (void)fprintf(out, "%s\"%s\":", i ? "," : "", field->metric);
            if (value->present)
                (void)fprintf(out, "{\"value\":%.10g,\"flag\":\"%s\"}", value->value, flag);
            else
                (void)fprintf(out, "{\"value\":null,\"flag\":\"%s\"}", flag);
        } else if (value->present) {
            (void)fprintf(out, "  %-22s %10.6g %-8s %s\n", field->metric, value->value, field->unit,
                          value->flag == METRIC_GOOD ? "" : flag);
        } else {
            (void)fprintf(out, "  %-22s %10s %-8s %s\n", field->metric, "--", field->unit, flag);
        }
    }
}

static void print_result(const struct once *once, const struct device_config *device, bool json,
                         FILE *out)
{
    const struct bus_config *bus = &once->config->buses[device->bus];
    bool got = once->got[device->index];
    char text[BUS_OPEN_TEXT_SIZE];
    if (json) {
        (void)fprintf(out, "{\"device\":\"%s\",\"bus\":\"%s\",\"address\":%u,\"answered\":%s,",
                      device->name, bus->name, device->unit,
                      once->answered[device->index] ? "true" : "false");
        if (got) {
            (void)fprintf(out, "\"ts\":%" PRId64 ",\"values\":{",
                          once->readings[device->index].time.ms);
            print_values(once, device, true, out);
            (void)fprintf(out, "}}\n");
        } else {
            (void)fprintf(out, "\"why\":\"%s\"}\n", why_text(once, device, text));
        }
        return;
    }
    (void)fprintf(out, "%s (bus %s, address %u)%s%s\n", device->name, bus->name, device->unit,
                  got ? "" : ": ", got ? "" : why_text(once, device, text));
    if (got)
        print_values(once, device, false, out);
}

static void run_all(struct once *once, struct once_bus *buses)
{
    for (uint16_t i = 0; i < once->config->bus_count; i++) {
        buses[i] = (struct once_bus){.once = once, .index = i};
        buses[i].started = pthread_create(&buses[i].thread, NULL, poll_bus, &buses[i]) == 0;
        if (!buses[i].started)
            (void)poll_bus(&buses[i]);
    }
    for (unsigned i = 0; i < once->config->bus_count; i++) {
        if (buses[i].started)
            (void)pthread_join(buses[i].thread, NULL);
    }
}

int report_once(const struct config *config, bool json, FILE *out)
{
    unsigned count = config->device_count;
    struct once once = {.config = config,
                        .readings = calloc(count, sizeof(struct reading)),
                        .got = calloc(count, sizeof(bool)),
                        .answered = calloc(count, sizeof(bool)),
                        .why = calloc(count, 1),
                        .errors = calloc(config->bus_count, sizeof(int))};
    struct once_bus *buses = calloc(config->bus_count, sizeof *buses);
    int missing = 1;
    if (once.readings != NULL && once.got != NULL && once.answered != NULL && once.why != NULL &&
        once.errors != NULL && buses != NULL) {
        run_all(&once, buses);
        missing = 0;
        for (unsigned i = 0; i < count; i++) {
            print_result(&once, &config->devices[i], json, out);
            missing += !once.answered[i];
        }
    }
    free(once.readings);
    free(once.got);
    free(once.answered);
    free(once.why);
    free(once.errors);
    free(buses);
    return missing ? 1 : 0;
}
