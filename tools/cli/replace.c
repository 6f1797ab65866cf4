/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye replace DEVICE`: a new node or probe takes the place of a broken one. The daemon looks who
 * is there (survey) and does the one step that writes to a device (move), whole; what belongs to
 * that is done or undone before a signal ends this: it may be ended at any time, and called again.
 * That the history goes on under one name is the daemon's work: a board is known by its serial
 * number. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/yaml_edit.h"
#include "tools/cli/cli.h"
#include "tools/cli/commission/trial.h"
#include "tools/cli/config_lock.h"
#include "tools/cli/farewell.h"
#include "tools/cli/reload.h"
#include "tools/cli/screen.h"

#define REGISTER "replaced.csv" /* beside the configuration */
#define WAIT_S   60
#define LOOK_MS  500

static const char usage[] =
    N_("Usage: baiye replace DEVICE [--serial SERIAL] [--every-address] [--operator NAME]\n"
       "         [--json] [--config FILE] [--socket FILE]\n"
       "A new node or probe takes the place of a broken one: unplug the old one, plug the\n"
       "new one in as it came from its factory. It is found, gets the address and rate of\n"
       "the old one, and is checked; the history goes on under the same name. The old\n"
       "one's calibration goes out of the configuration, with the day into replaced.csv\n"
       "beside it. Ctrl-C at any time does no harm.\n"
       "Exit 0: it measures; 1: it does not, or something is left to do; 66: there is\n"
       "no such device; 69: nobody new is heard, or no gateway; 75: another command\n"
       "changes the configuration; 78: the configuration is wrong.\n");

struct replace {
    struct talk_options talk;
    const char *config_file, *name, *serial_text, *operator;
    bool every_address;
    const struct device_config *device;
    const struct bus_config *bus;
    struct {
        uint32_t baud;
        char parity;
    } place; /* the rate at which it belongs on the line */
    char old_serial[40];
    const json_t *found; /* the new one; borrowed of `survey` */
    bool there;          /* it is in its place already */
    char *before;        /* the configuration with the old one's calibration; NULL: not changed */
    bool left;           /* that stands there still, and people have to take it out */
    json_t *survey;
};

static void say(const struct replace *job, const char *text)
{
    if (!job->talk.json)
        screen_wrap(stdout, screen_width(stdout), 0, 2, text);
}

static void show_step(const json_t *body)
{
    if (isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%lld 8%s1: %-4lld", talk_integer(body, "baud"),
                      talk_text(body, "parity"), talk_integer(body, "unit"));
}

/* The result, a new reference; NULL and a complaint. */
static json_t *ask(const struct replace *job, const char *method, json_t *params,
                   void (*progress)(const json_t *body))
{
    struct talk talk;
    if (!talk_open(&talk, job->talk.socket_path)) {
        json_decref(params);
        return NULL;
    }
    json_t *answer = talk_ask(&talk, method, params, progress), *result = NULL;
    talk_close(&talk);
    if (progress != NULL && isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%30s\r", "");
    if (answer != NULL && !talk_failed(answer))
        result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

/* ---- who is the new one? ---- */

static bool is_of_profile(const json_t *found, const char *profile)
{
    size_t i;
    const json_t *other;
    if (strcmp(talk_text(found, "profile"), profile) == 0)
        return true;
    json_array_foreach (json_object_get(found, "or"), i, other) {
        if (strcmp(json_string_value(other), profile) == 0)
            return true;
    }
    return false;
}

/* Nobody of the configuration, and of the kind of the old one. */
static bool may_be(const struct replace *job, const json_t *found)
{
    bool node = talk_integer(found, "serial") != 0;
    if (talk_text(found, "device")[0] != '\0' || json_is_true(json_object_get(found, "garbled")))
        return false;
    return job->device->profile->node ? node
                                      : !node && is_of_profile(found, job->device->profile->name);
}

static bool is_meant(const struct replace *job, const json_t *found)
{
    uint32_t serial;
    return job->serial_text == NULL || (serial_parse(job->serial_text, &serial) == SERIAL_OK &&
                                        talk_integer(found, "serial") == serial);
}

static void name_found(const json_t *found, char text[96])
{
    char serial[SERIAL_TEXT_SIZE] = "";
    if (talk_integer(found, "serial") != 0)
        serial_print((uint32_t)talk_integer(found, "serial"), serial);
    (void)snprintf(
        text, 96, "%s, %lld 8%s1, %lld", serial[0] != '\0' ? serial : talk_text(found, "profile"),
        talk_integer(found, "baud"), talk_text(found, "parity"), talk_integer(found, "unit"));
}

static void list_candidates(const struct replace *job)
{
    size_t i;
    const json_t *one;
    char text[96];
    json_array_foreach (json_object_get(job->survey, "found"), i, one) {
        if (!may_be(job, one))
            continue;
        name_found(one, text);
        (void)fprintf(stderr, "  %s\n", text);
    }
}

/* An exit code. */
static int choose(struct replace *job)
{
    size_t i;
    unsigned count = 0;
    const json_t *one, *own = NULL;
    json_array_foreach (json_object_get(job->survey, "found"), i, one) {
        if (strcmp(talk_text(one, "device"), job->name) == 0)
            own = one;
        if (!may_be(job, one) || !is_meant(job, one))
            continue;
        job->found = one;
        count++;
    }
    if (count > 0 && own != NULL) {
        cli_complain("somebody still answers at the place of %s: unplug the old one first",
                     job->name);
        return 1;
    }
    if (count > 1) {
        cli_complain("%u could be the new one: unplug all but that one, or name a node by --serial",
                     count);
        list_candidates(job);
        return 1;
    }
    job->there = own != NULL;
    job->found = own != NULL ? own : job->found;
    if (job->found != NULL)
        return EX_OK;
    cli_complain("nobody new is heard on line %s: is the new one plugged in and powered? A bought "
                 "probe whose address was changed is found by --every-address",
                 job->bus->name);
    return EX_UNAVAILABLE;
}

/* ---- its place ---- */

static int move(const struct replace *job)
{
    const struct device_config *device = job->device;
    json_t *params = json_pack("{s:s,s:I,s:I,s:s,s:i,s:i,s:s%}", "bus", job->bus->name, "unit",
                               (json_int_t)talk_integer(job->found, "unit"), "baud",
                               (json_int_t)talk_integer(job->found, "baud"), "parity",
                               talk_text(job->found, "parity"), "to", (int)device->unit, "to_baud",
                               (int)job->place.baud, "to_parity", &job->place.parity, (size_t)1);
    if (device->profile->node)
        (void)json_object_set(params, "serial", json_object_get(job->found, "serial"));
    else
        (void)json_object_set_new(params, "profile", json_string(device->profile->name));
    json_t *result = ask(job, "move", params, NULL);
    if (result == NULL)
        return 1;
    bool good = strcmp(talk_text(result, "end"), "ok") == 0;
    if (!good)
        cli_complain("the new one is not in its place: %s", _(talk_text(result, "text")));
    json_decref(result);
    return good ? EX_OK : 1;
}

static int64_t wall_ms(void)
{
    return clock_now().wall_ms;
}

/* Heard by the gateway since `since_ms`? */
static bool is_heard(const struct replace *job, int64_t since_ms)
{
    struct talk talk;
    if (!talk_try(&talk, job->talk.socket_path))
        return false;
    json_t *answer = talk_ask_quietly(&talk, "stats", json_pack("{s:s}", "device", job->name));
    talk_close(&talk);
    bool heard = talk_integer(json_object_get(answer, "result"), "last_seen") >= since_ms;
    json_decref(answer);
    return heard;
}

static bool wait_for(const struct replace *job, int64_t since_ms)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    bool heard = is_heard(job, since_ms);
    for (int i = 0; !heard && i < WAIT_S * 1000 / LOOK_MS; i++) {
        (void)nanosleep(&look, NULL);
        heard = is_heard(job, since_ms);
    }
    return heard;
}

/* ---- what the old one was ---- */

static void write_calibration(FILE *file, const struct device_config *device)
{
    (void)fputc('"', file);
    for (unsigned m = 0; m < device->metric_count; m++) {
        const struct device_adjust *adjust = &device->adjust[m];
        if (device->adjusted && (adjust->scale != 1 || adjust->offset != 0))
            (void)fprintf(file, "%s scale %g offset %g; ", device->metrics[m]->metric,
                          adjust->scale, adjust->offset);
        if (device->due[m] != 0)
            (void)fprintf(file, "%s due %04d-%02d-%02d; ", device->metrics[m]->metric,
                          (int)(device->due[m] / 10000), (int)(device->due[m] / 100 % 100),
                          (int)(device->due[m] % 100));
    }
    (void)fputc('"', file);
}

/* One line more; false and a complaint. */
static bool archive(const struct replace *job)
{
    char folder[CLI_PATH], path[CLI_PATH], serial[SERIAL_TEXT_SIZE] = "", day[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL && strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        day[0] = '\0';
    if (!cli_folder(job->config_file, folder, sizeof folder) ||
        !cli_format(path, sizeof path, "%s/" REGISTER, folder))
        return false;
    FILE *file = fopen(path, "ae");
    if (file == NULL) {
        cli_complain("can't write %s: what the old one's calibration was is not kept", path);
        return false;
    }
    if (talk_integer(job->found, "serial") != 0)
        serial_print((uint32_t)talk_integer(job->found, "serial"), serial);
    if (ftell(file) == 0)
        (void)fputs(
            "time,device,profile,old_serial,new_serial,operator,calibrated_on,calibrated_by,"
            "calibration\n",
            file);
    const struct device_config *device = job->device;
    (void)fprintf(file, "%s,%s,%s,%s,%s,\"%s\",%s,\"%s\",", day, device->name,
                  device->profile->name, job->old_serial, serial, job->operator,
                  device->adjusted_on, device->adjusted_by);
    write_calibration(file, device);
    (void)fputc('\n', file);
    bool written = fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && written;
}

static bool has_calibration(const struct device_config *device)
{
    bool due = false;
    for (unsigned m = 0; m < device->metric_count; m++)
        due = due || device->due[m] != 0;
    return device->adjusted || due;
}

static bool put_back(struct replace *job)
{
    struct reloaded end;
    bool good = job->before == NULL ||
                (cli_write_file(job->config_file, job->before, strlen(job->before), 0640) &&
                 reload_gateway(job->talk.socket_path, &end) == EX_OK);
    free(job->before);
    job->before = NULL;
    return good;
}

/* The text without what was found out of the old one; NULL: no memory, or nothing could go. */
static char *text_without(const struct replace *job)
{
    static const char *const keys[] = {"offset", "scale", "adjusted", "calibration_due"};
    char *text = NULL, why[512];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *const steps[] = {"buses", job->bus->name, "devices", job->name, keys[i]};
        const struct yaml_path path = {steps, sizeof steps / sizeof steps[0]};
        char *next = yaml_remove(text != NULL ? text : job->before, &path, why, sizeof why);
        if (next == NULL) /* it is not there; or it can't go, which is seen in the outcome */
            continue;
        free(text);
        text = next;
    }
    return text;
}

static bool is_without(const struct replace *job)
{
    struct config_error error;
    struct config *config = config_load(job->config_file, NULL, &error);
    const struct device_config *device = config != NULL ? config_device(config, job->name) : NULL;
    bool good = device != NULL && !has_calibration(device);
    config_free(config);
    return good;
}

/* False: the file is as it was. */
static bool write_without(struct replace *job)
{
    char why[512];
    job->before = trial_read(job->config_file);
    char *text = job->before != NULL ? text_without(job) : NULL;
    bool good = text != NULL && trial_is_right(job->config_file, text, why, sizeof why) &&
                trial_keep(job->config_file, job->before) &&
                cli_write_file(job->config_file, text, strlen(text), 0640);
    free(text);
    if (good && !is_without(job)) {
        (void)cli_write_file(job->config_file, job->before, strlen(job->before), 0640);
        good = false;
    }
    if (good)
        return true;
    free(job->before);
    job->before = NULL;
    return false;
}

/* The old one's correction must not make a false value of the new one's first: it goes before the
 * new one is in its place, and comes back if that fails. */
static bool take_out_calibration(struct replace *job)
{
    struct reloaded end;
    if (!has_calibration(job->device))
        return true;
    job->left = !write_without(job); /* by anchors, for example */
    if (job->left || reload_gateway(job->talk.socket_path, &end) == EX_OK)
        return true;
    cli_complain("%s", end.why);
    (void)put_back(job);
    return false;
}

/* What follows from an old one's calibration; "": nothing. */
static void calibration_text(const struct replace *job, char *text, size_t size)
{
    text[0] = '\0';
    if (job->left)
        (void)snprintf(
            text, size,
            _("offset, scale and calibration_due at %s:%d are those of the old one (kept in "
              "%s): take them out or write the new one's, then `baiye reload`"),
            job->config_file, job->device->line, REGISTER);
    else if (job->before != NULL)
        (void)snprintf(text, size,
                       _("what stood in %s of the old one's calibration is in %s now, and the "
                         "configuration before in %s.1: the new one measures without it, until "
                         "its own is written there"),
                       job->config_file, REGISTER, job->config_file);
}

/* An exit code. */
static int show_calibration(const struct replace *job)
{
    char text[768];
    calibration_text(job, text, sizeof text);
    if (text[0] != '\0')
        say(job, text);
    return job->left && job->device->adjusted ? 1 : EX_OK;
}

/* For whoever ends this from now on. `kept`: what was known of the old one is in the register. */
static void prepare_farewell(const struct replace *job, bool in_place, bool kept)
{
    char text[1200], calibration[768] = "";
    if (kept)
        calibration_text(job, calibration, sizeof calibration);
    if (in_place)
        (void)snprintf(text, sizeof text,
                       _("ended: the new one is in the place of %s. Nobody has looked whether it "
                         "measures: `baiye values %s`"),
                       job->name, job->name);
    else
        (void)snprintf(
            text, sizeof text, "%s",
            _("ended: the configuration is as it was. The same command looks for the new "
              "one again, wherever it is now"));
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s%s", calibration[0] != '\0' ? "; " : "",
                   calibration);
    farewell_say(text);
}

/* What must be done whole: Ctrl-C waits until it is, or is undone. An exit code. */
static int put_in_place(struct replace *job)
{
    sigset_t asks, before;
    (void)sigemptyset(&asks);
    (void)sigaddset(&asks, SIGINT);
    (void)sigaddset(&asks, SIGTERM);
    (void)sigaddset(&asks, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &asks, &before);
    int code = take_out_calibration(job) ? EX_OK : 1;
    if (code == EX_OK && !job->there)
        code = move(job);
    bool in_place = code == EX_OK;
    if (in_place && !archive(job))
        code = 1;
    if (in_place || put_back(job)) {
        prepare_farewell(job, in_place, code == EX_OK);
    } else {
        farewell_say("");
        cli_complain("the configuration is in %s.1: put it back, then `baiye reload`",
                     job->config_file);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* ---- all of it ---- */

static void read_old(struct replace *job)
{
    struct talk talk;
    if (!talk_try(&talk, job->talk.socket_path))
        return;
    json_t *answer = talk_ask_quietly(&talk, "stats", json_pack("{s:s}", "device", job->name));
    talk_close(&talk);
    (void)snprintf(job->old_serial, sizeof job->old_serial, "%.39s",
                   talk_text(json_object_get(answer, "result"), "serial"));
    json_decref(answer);
}

static void print_json(const struct replace *job, bool heard)
{
    json_t *all =
        json_pack("{s:s,s:i,s:b,s:b,s:O}", "device", job->name, "unit", (int)job->device->unit,
                  "was_there", (int)job->there, "measures", (int)heard, "found", job->found);
    talk_dump(all);
    json_decref(all);
}

static int finish(struct replace *job, int64_t since_ms)
{
    char text[256];
    bool heard = wait_for(job, since_ms);
    if (job->talk.json)
        print_json(job, heard);
    (void)snprintf(text, sizeof text,
                   heard ? _("%s is replaced, and measures")
                         : _("%s is replaced; the gateway has "
                             "not polled it yet"),
                   job->name);
    say(job, text);
    int code = show_calibration(job);
    farewell_say("");
    return code;
}

static int run(struct replace *job)
{
    char text[160], who[96];
    farewell_say(
        _("ended: nothing has been changed. The same command begins anew, once the gateway "
          "has looked to the end"));
    read_old(job);
    (void)snprintf(text, sizeof text, _("looking for the new one on line %s ..."), job->bus->name);
    say(job, text);
    job->survey =
        ask(job, "survey",
            json_pack("{s:s,s:b}", "bus", job->bus->name, "every_address", (int)job->every_address),
            show_step);
    if (job->survey == NULL)
        return EX_UNAVAILABLE;
    int code = choose(job);
    int64_t since_ms = wall_ms();
    if (code == EX_OK) {
        name_found(job->found, who);
        (void)snprintf(text, sizeof text,
                       job->there ? _("%s answers in its place already") : _("found: %s"), who);
        say(job, text);
    }
    if (code == EX_OK)
        code = put_in_place(job);
    if (code == EX_OK)
        code = finish(job, since_ms);
    free(job->before);
    json_decref(job->survey);
    return code;
}

static int with_config(struct replace *job, const struct config *config)
{
    job->device = config_device(config, job->name);
    if (job->device == NULL) {
        cli_complain("there is no device \"%s\"; `baiye devices` lists them", job->name);
        return EX_NOINPUT;
    }
    job->bus = &config->buses[job->device->bus];
    if (job->bus->type != BUS_RTU) {
        cli_complain(
            "%s hangs behind a converter: set the new one to its address there, the history "
            "goes on by itself",
            job->name);
        return EX_NOINPUT;
    }
    job->place.baud = job->device->baud != 0 ? job->device->baud : job->bus->baud;
    job->place.parity = (char)(job->device->parity != 0 ? job->device->parity : job->bus->parity);
    return run(job);
}

static bool read_options(int argc, char **argv, struct replace *job)
{
    static const struct option longs[] = {{"serial", required_argument, NULL, 'n'},
                                          {"operator", required_argument, NULL, 'o'},
                                          {"every-address", no_argument, NULL, 'e'},
                                          TALK_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    int letter;
    uint32_t serial;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'n')
            job->serial_text = optarg;
        else if (letter == 'o')
            job->operator= optarg;
        else if (letter == 'e')
            job->every_address = true;
        else if (letter == 's')
            job->talk.socket_path = optarg;
        else if (letter == 'c')
            job->config_file = optarg;
        else if (letter == 'j')
            job->talk.json = true;
        else
            return false;
    }
    job->name = optind < argc ? argv[optind] : NULL;
    bool plain = strpbrk(job->operator, "\",\r\n") == NULL;
    return optind + 1 == argc && plain &&
           (job->serial_text == NULL || serial_parse(job->serial_text, &serial) == SERIAL_OK);
}

int cli_replace(int argc, char **argv)
{
    struct replace job = {
        .talk.socket_path = CLI_SOCKET, .config_file = CLI_CONFIG, .operator= "" };
    struct config_error error;
    if (!read_options(argc, argv, &job))
        return cli_usage(usage);
    if (!config_lock(job.config_file))
        return EX_TEMPFAIL;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    struct config *config = config_load(job.config_file, NULL, &error);
    if (config == NULL) {
        cli_complain("%s", error.text);
        return EX_CONFIG;
    }
    int code = with_config(&job, config);
    config_free(config);
    return code;
}
