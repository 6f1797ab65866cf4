/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye commission BUS`: from a box of parts to a line that measures. The daemon keeps the line
 * and does each step of it (methods survey, place, blink), whole, and says what is to become of
 * each device; this asks, and changes the configuration. It may be ended at any time: what was
 * found and not brought up is found again. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "tools/cli/cli.h"
#include "tools/cli/commission/prompt.h"
#include "tools/cli/commission/trial.h"
#include "tools/cli/config_lock.h"
#include "tools/cli/farewell.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define TRIAL_S    60
#define INDENT     4
#define ROUNDS_MAX 50 /* of looking again */

static const char usage[] =
    N_("Usage: baiye commission BUS [--yes] [--parts PROFILE,...] [--own-rate]\n"
       "         [--every-address] [--json] [--config FILE] [--socket FILE]\n"
       "Brings up a line: looks who is there at every rate, gives each device an address\n"
       "and the line's rate, adds it to the configuration, and sees to it that it\n"
       "measures; what does not work within a minute is taken out again. --yes: asks\n"
       "nothing; --parts: what is in the box, where devices of one maker look alike;\n"
       "--own-rate: looks at the line's own rate only; --every-address: looks\n"
       "at 1 to 247 at each rate (minutes). Ctrl-C at any time does no harm.\n"
       "Exit 0: everything on the line works; 1: some of it does not, and is named;\n"
       "69: nobody answers, or no gateway; 75: the configuration is as it was.\n");

struct commission {
    const char *bus, *config;
    const char *parts; /* "rs-ws-n01,xy-md02"; NULL: not said */
    struct talk_options talk;
    bool yes, own_rate, every_address;
    bool echo;
    unsigned garbled;    /* heard on the line, of no one's */
    json_t *silent;      /* devices of the configuration that did not answer */
    bool disturbed[256]; /* addresses at which nobody was found, and no device could be heard */
    struct plan plan;
};

static void say(const struct commission *job, const char *text)
{
    if (!job->talk.json)
        screen_wrap(stdout, screen_width(stdout), 0, INDENT, text);
}

static bool asks(const struct commission *job)
{
    return !job->yes && !job->talk.json;
}

/* ---- the daemon's steps ---- */

static void say_step(const json_t *body)
{
    if (isatty(STDERR_FILENO) == 0)
        return;
    long long unit = talk_integer(body, "unit");
    (void)fputc('\r', stderr);
    if (unit == 0)
        (void)fprintf(stderr, _("%lld 8%s1: serial numbers      "), talk_integer(body, "baud"),
                      talk_text(body, "parity"));
    else
        (void)fprintf(stderr, _("%lld 8%s1: address %-12lld"), talk_integer(body, "baud"),
                      talk_text(body, "parity"), unit);
}

/* The whole answer; NULL and a complaint. */
static json_t *ask_daemon(const struct commission *job, const char *method, json_t *params,
                          void (*progress)(const json_t *body))
{
    struct talk talk;
    if (!talk_open(&talk, job->talk.socket_path)) {
        json_decref(params);
        return NULL;
    }
    json_t *answer = talk_ask(&talk, method, params, progress);
    talk_close(&talk);
    if (progress != NULL && isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%40s\r", "");
    return answer;
}

static json_t *place(const struct commission *job, const struct plan_device *device)
{
    return json_pack("{s:s,s:i,s:i,s:s%}", "bus", job->bus, "unit", (int)device->unit, "baud",
                     (int)device->baud, "parity", &device->parity, (size_t)1);
}

static void blink(const struct commission *job, const struct plan_device *device, bool on)
{
    json_t *params = place(job, device);
    (void)json_object_set_new(params, "serial", json_integer(device->serial));
    (void)json_object_set_new(params, "on", json_boolean(on));
    json_decref(ask_daemon(job, "blink", params, NULL));
}

/* ---- what was found ---- */

static void list_others(const json_t *found, char *text, size_t size)
{
    size_t i;
    const json_t *one;
    (void)snprintf(text, size, "%s", talk_text(found, "profile"));
    json_array_foreach (json_object_get(found, "or"), i, one) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, ", %s", json_string_value(one));
    }
}

/* The one of what fits that is among the parts; NULL: none or several. */
static const char *part_of(const struct commission *job, const json_t *found)
{
    const char *only = NULL;
    size_t others = json_array_size(json_object_get(found, "or"));
    for (size_t i = 0; job->parts != NULL && i <= others; i++) {
        const char *name =
            i == 0 ? talk_text(found, "profile")
                   : json_string_value(json_array_get(json_object_get(found, "or"), i - 1));
        size_t size = name != NULL ? strlen(name) : 0;
        bool listed = false;
        for (const char *at = job->parts; size > 0 && *at != '\0' && !listed;) {
            size_t length = strcspn(at, ",");
            listed = length == size && strncmp(at, name, size) == 0;
            at += length + (at[length] == ',');
        }
        if (listed && only != NULL)
            return NULL;
        only = listed ? name : only;
    }
    return only;
}

static void add_found(struct commission *job, const json_t *found)
{
    struct plan *plan = &job->plan;
    size_t index;
    const json_t *label;
    if (plan->count == PLAN_MAX)
        return;
    struct plan_device *device = &plan->devices[plan->count++];
    *device = (struct plan_device){.kind = plan_kind_of(talk_text(found, "kind")),
                                   .serial = (uint32_t)talk_integer(found, "serial"),
                                   .unit = (uint8_t)talk_integer(found, "unit"),
                                   .to = (uint8_t)talk_integer(found, "to"),
                                   .baud = (uint32_t)talk_integer(found, "baud"),
                                   .parity = talk_text(found, "parity")[0]};
    list_others(found, device->fits, sizeof device->fits);
    json_array_foreach (json_object_get(found, "labels"), index, label) {
        if (index < PLAN_FITS)
            (void)snprintf(device->of[index], sizeof device->of[index], "%s",
                           json_string_value(label));
    }
    const char *part = part_of(job, found);
    if (part != NULL && device->kind == PLAN_PERHAPS)
        device->kind = PLAN_PROBE;
    (void)snprintf(device->profile, sizeof device->profile, "%.39s",
                   part != NULL ? part : talk_text(found, "profile"));
    (void)snprintf(device->sure, sizeof device->sure, "%.11s", talk_text(found, "sure"));
    switch (device->kind) {
    case PLAN_KNOWN:
        (void)snprintf(device->name, sizeof device->name, "%.39s", talk_text(found, "device"));
        break;
    case PLAN_GARBLED:
        (void)snprintf(device->rest, sizeof device->rest, "%s",
                       _("answers, but never in one piece: two devices at one address? Unplug "
                         "all but one, and begin again"));
        break;
    case PLAN_UNKNOWN:
        (void)snprintf(device->rest, sizeof device->rest,
                       _("fits no profile%s%.60s; `baiye profile try` reads it by one"),
                       talk_text(found, "identity")[0] != '\0' ? _(", says ") : "",
                       talk_text(found, "identity"));
        break;
    case PLAN_PERHAPS:
        (void)snprintf(device->rest, sizeof device->rest,
                       _("could be one of %s: say which by --parts, or without --yes"),
                       device->fits);
        break;
    case PLAN_NODE:
    case PLAN_PROBE:
        break;
    }
}

/* false: the end; `code` says which. */
static bool survey(struct commission *job, int *code)
{
    json_t *params = json_pack("{s:s,s:b,s:b}", "bus", job->bus, "own_rate", (int)job->own_rate,
                               "every_address", (int)job->every_address);
    *code = EX_UNAVAILABLE;
    if (isatty(STDERR_FILENO) != 0)
        say(job, job->own_rate ? _("Looking who is there ...")
                               : _("Looking who is there, at every rate: a minute or two ..."));
    json_t *answer = ask_daemon(job, "survey", params, say_step);
    if (answer == NULL)
        return false;
    if (talk_failed(answer)) {
        *code = 1;
        json_decref(answer);
        return false;
    }
    const json_t *result = json_object_get(answer, "result"), *one;
    struct plan *plan = &job->plan;
    size_t i;
    plan->count = 0;
    plan->baud = (uint32_t)talk_integer(result, "baud");
    plan->parity = talk_text(result, "parity")[0];
    memset(plan->used, 0, sizeof plan->used);
    memset(job->disturbed, 0, sizeof job->disturbed);
    json_array_foreach (json_object_get(result, "taken"), i, one) {
        plan->used[(uint8_t)json_integer_value(one)] = true;
    }
    json_array_foreach (json_object_get(result, "found"), i, one) {
        add_found(job, one);
    }
    job->echo = json_is_true(json_object_get(result, "echo"));
    job->garbled = (unsigned)talk_integer(result, "garbled");
    json_decref(job->silent);
    job->silent = json_incref(json_object_get(result, "silent"));
    json_decref(answer);
    return true;
}

static bool read_names(struct commission *job)
{
    json_t *answer = ask_daemon(job, "devices", json_object(), NULL);
    const json_t *list = json_object_get(json_object_get(answer, "result"), "devices"), *one;
    size_t count = json_array_size(list), i;
    free(job->plan.names);
    job->plan.names = calloc(count + 1, sizeof *job->plan.names);
    job->plan.name_count = job->plan.names != NULL ? (unsigned)count : 0;
    json_array_foreach (list, i, one) {
        if (i < job->plan.name_count)
            (void)snprintf(job->plan.names[i], sizeof job->plan.names[i], "%.39s",
                           talk_text(one, "name"));
    }
    json_decref(answer);
    return list != NULL && job->plan.names != NULL;
}

static void who(const struct plan_device *device, char *text, size_t size)
{
    char serial[SERIAL_TEXT_SIZE];
    int used = snprintf(text, size, "%6u 8%c1 %4u  ", device->baud, device->parity, device->unit);
    if (used < 0)
        return;
    if (device->serial != 0) {
        serial_print(device->serial, serial);
        (void)snprintf(text + used, size - (size_t)used, _("node %s"), serial);
    } else {
        (void)snprintf(text + used, size - (size_t)used, "%s", device->profile);
    }
}

/* Where it is, and what it is. */
static void place_text(const struct plan_device *device, char *text, size_t size)
{
    char serial[SERIAL_TEXT_SIZE] = "";
    if (device->serial != 0)
        serial_print(device->serial, serial);
    const char *what = device->serial != 0 ? serial : device->profile;
    (void)snprintf(text, size, _("%u 8%c1, address %u%s%s"), device->baud, device->parity,
                   device->unit, what[0] != '\0' ? ", " : "", what);
}

static bool is_wanted(const struct plan_device *device)
{
    return device->kind != PLAN_KNOWN && device->rest[0] == '\0' && !device->skip;
}

static void list_found(const struct commission *job)
{
    if (job->talk.json)
        return;
    (void)puts(_("  RATE      ADDR  DEVICE                        SURE      BECOMES"));
    for (unsigned i = 0; i < job->plan.count; i++) {
        const struct plan_device *device = &job->plan.devices[i];
        char text[96], becomes[64] = "-";
        who(device, text, sizeof text);
        if (device->kind == PLAN_KNOWN)
            (void)snprintf(becomes, sizeof becomes, "%s", device->name);
        else if (is_wanted(device))
            (void)snprintf(becomes, sizeof becomes, "%u %s", device->to, device->name);
        show_padded(text, 48);
        show_padded(device->kind == PLAN_KNOWN ? _("known") : show_sure(device->sure), 10);
        (void)puts(becomes);
    }
}

/* ---- one device ---- */

/* Addresses that others have or are to get. */
static json_t *avoided(const struct plan *plan)
{
    bool taken[256];
    json_t *list = json_array();
    memcpy(taken, plan->used, sizeof taken);
    for (unsigned i = 0; i < plan->count; i++)
        taken[plan->devices[i].unit] = taken[plan->devices[i].to] = true;
    for (int unit = 1; unit < 256; unit++) {
        if (taken[unit])
            (void)json_array_append_new(list, json_integer(unit));
    }
    return list;
}

/* The answer's end ("ok", …), and where it is now. */
static void place_once(struct commission *job, struct plan_device *device, bool take_back,
                       char end[16])
{
    json_t *params = place(job, device), *unit;
    size_t index;
    (void)json_object_set_new(params, "to", json_integer(device->to));
    (void)json_object_set_new(params, "avoid", avoided(&job->plan));
    if (device->serial != 0)
        (void)json_object_set_new(params, "serial", json_integer(device->serial));
    else
        (void)json_object_set_new(params, "profile", json_string(device->profile));
    if (take_back)
        (void)json_object_set_new(params, "take_back", json_true());
    json_t *answer = ask_daemon(job, "place", params, NULL);
    const json_t *result = json_object_get(answer, "result");
    (void)snprintf(end, 16, "%.15s", result != NULL ? talk_text(result, "end") : "failed");
    const char *why = result != NULL ? talk_text(result, "text")
                                     : talk_text(json_object_get(answer, "error"), "message");
    device->placed = json_is_true(json_object_get(result, "placed"));
    (void)snprintf(device->rest, sizeof device->rest, "%.300s",
                   !device->placed && why[0] != '\0' ? _(why) : "");
    if (result != NULL) {
        device->unit = (uint8_t)talk_integer(result, "unit");
        device->baud = (uint32_t)talk_integer(result, "baud");
        device->parity = talk_text(result, "parity")[0];
    }
    json_array_foreach (json_object_get(result, "given_up"), index, unit) {
        job->plan.used[(uint8_t)json_integer_value(unit)] = true;
        device->given_up[(uint8_t)json_integer_value(unit)] = true;
    }
    json_decref(answer);
}

/* Its rate was written and comes into force when its supply was off. Else it keeps its own. */
static void switch_supply(struct commission *job, struct plan_device *device)
{
    char end[16];
    plan_moved(&job->plan, device, device->unit);
    struct plan_device there = *device;
    there.baud = job->plan.baud;
    there.parity = job->plan.parity;
    if (asks(job) &&
        prompt_yes(_("Switch its supply off and on, then press Enter (n: leave it):"))) {
        place_once(job, &there, false, end);
        if (there.placed) {
            *device = there;
            return;
        }
    }
    place_once(job, device, true, end);
}

/* To its address and the line's rate; at least to its address. Somebody whom nobody can hear, with
 * its wires exchanged, may be at an address that looks free. */
static void bring_up(struct commission *job, struct plan_device *device)
{
    char end[16];
    if (device->to == 0) {
        (void)snprintf(device->rest, sizeof device->rest, "%s",
                       _("no address is free on this line"));
        return;
    }
    place_once(job, device, false, end);
    if (strcmp(end, "power") == 0)
        switch_supply(job, device);
    if (!device->placed)
        return;
    plan_moved(&job->plan, device, device->unit);
    for (unsigned unit = 1; unit < 256; unit++)
        job->disturbed[unit] = job->disturbed[unit] || device->given_up[unit];
}

/* ---- with who sits there ---- */

static void prompt_name_of(const struct commission *job, struct plan_device *device)
{
    if (device->serial != 0)
        blink(job, device, true);
    prompt_name(&job->plan, device);
    if (device->serial != 0)
        blink(job, device, false);
}

static void ask_all(struct commission *job)
{
    for (unsigned i = 0; i < job->plan.count; i++) {
        if (job->plan.devices[i].kind == PLAN_PERHAPS)
            prompt_profile(&job->plan.devices[i]);
    }
    plan_names(&job->plan);
    for (unsigned i = 0; i < job->plan.count; i++) {
        if (is_wanted(&job->plan.devices[i]))
            prompt_name_of(job, &job->plan.devices[i]);
    }
}

/* ---- all of it ---- */

static void move_all(struct commission *job)
{
    for (unsigned i = 0; i < job->plan.count; i++) {
        struct plan_device *device = &job->plan.devices[i];
        if (!is_wanted(device))
            continue;
        bring_up(job, device);
        if (job->talk.json)
            continue;
        char text[400];
        (void)snprintf(text, sizeof text, "  %-28s %s", device->name,
                       device->placed ? _("answers at its address") : device->rest);
        say(job, text);
        (void)fflush(stdout);
    }
}

/* Those that are placed, in the configuration. */
static enum trial_end configure(struct commission *job)
{
    struct trial_device devices[TRIAL_DEVICES_MAX];
    struct plan_device *of[TRIAL_DEVICES_MAX] = {NULL};
    struct trial trial = {.config = job->config,
                          .socket = job->talk.socket_path,
                          .bus = job->bus,
                          .devices = devices,
                          .wait_s = TRIAL_S};
    memset(devices, 0, sizeof devices);
    for (unsigned i = 0; i < job->plan.count && trial.count < TRIAL_DEVICES_MAX; i++) {
        struct plan_device *device = &job->plan.devices[i];
        if (!device->placed || !plan_item(&job->plan, device, devices[trial.count].item))
            continue;
        (void)snprintf(devices[trial.count].name, sizeof devices[trial.count].name, "%s",
                       device->name);
        of[trial.count++] = device;
    }
    if (trial.count == 0)
        return TRIAL_KEPT_ALL;
    say(job, _("The new configuration is on trial, for a minute at most ..."));
    enum trial_end end = trial_run(&trial);
    for (unsigned i = 0; i < trial.count; i++) {
        if (!devices[i].works && of[i] != NULL) {
            of[i]->placed = false;
            (void)snprintf(of[i]->rest, sizeof of[i]->rest, "%s",
                           _("it did not measure within a minute and was taken out again"));
        }
    }
    return end;
}

static void print_labels(const struct commission *job)
{
    bool any = false;
    for (unsigned i = 0; i < job->plan.count && !job->talk.json; i++) {
        const struct plan_device *device = &job->plan.devices[i];
        char serial[SERIAL_TEXT_SIZE] = "";
        if (!device->placed)
            continue;
        if (!any)
            (void)puts(_("\nLabels, to be written on them:"));
        any = true;
        if (device->serial != 0)
            serial_print(device->serial, serial);
        (void)printf(_("  [ %-28s  address %-3u  %6u 8%c1  %s ]\n"), device->name, device->unit,
                     device->baud, device->parity, serial[0] != '\0' ? serial : device->profile);
    }
}

static void say_rest(const struct commission *job)
{
    char text[512], at[96];
    size_t index;
    const json_t *name;
    for (unsigned i = 0; i < job->plan.count; i++) {
        const struct plan_device *device = &job->plan.devices[i];
        if (device->rest[0] == '\0')
            continue;
        place_text(device, at, sizeof at);
        (void)snprintf(text, sizeof text, "%s: %s", at, device->rest);
        say(job, text);
    }
    json_array_foreach (job->silent, index, name) {
        (void)snprintf(text, sizeof text,
                       _("%s: does not answer. Its supply, its two wires (A and B "
                         "exchanged?), its rate"),
                       json_string_value(name));
        say(job, text);
    }
    for (unsigned unit = 1; unit < 256; unit++) {
        if (!job->disturbed[unit])
            continue;
        (void)snprintf(text, sizeof text,
                       _("Address %u was given up: nobody is found there, and who was put there "
                         "could not be heard. A device whose A and B are exchanged, or at "
                         "another rate?"),
                       unit);
        say(job, text);
    }
    if (job->echo)
        say(job, _("The adapter hears what it sends (echo); that does no harm."));
    if (job->garbled > 0)
        say(job, _("Something was heard that is nobody's answer: wires exchanged at one device, "
                   "a rate that was not tried, or another master."));
}

static bool is_complete(const struct commission *job)
{
    for (unsigned i = 0; i < job->plan.count; i++) {
        if (job->plan.devices[i].rest[0] != '\0')
            return false;
    }
    for (unsigned unit = 1; unit < 256; unit++) {
        if (job->disturbed[unit])
            return false;
    }
    return json_array_size(job->silent) == 0;
}

static void print_json(const struct commission *job, enum trial_end end)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < job->plan.count; i++) {
        const struct plan_device *device = &job->plan.devices[i];
        json_t *one = json_pack("{s:s,s:i,s:i,s:s%,s:s,s:s,s:b,s:b,s:s}", "name", device->name,
                                "unit", (int)device->unit, "baud", (int)device->baud, "parity",
                                &device->parity, (size_t)1, "profile", device->profile, "sure",
                                device->sure, "known", (int)(device->kind == PLAN_KNOWN), "works",
                                (int)device->placed, "rest", device->rest);
        if (device->serial != 0) {
            char text[SERIAL_TEXT_SIZE];
            serial_print(device->serial, text);
            (void)json_object_set_new(one, "serial", json_integer(device->serial));
            (void)json_object_set_new(one, "serial_text", json_string(text));
        }
        (void)json_array_append_new(list, one);
    }
    json_t *disturbed = json_array();
    for (int unit = 1; unit < 256; unit++) {
        if (job->disturbed[unit])
            (void)json_array_append_new(disturbed, json_integer(unit));
    }
    json_t *whole = json_pack("{s:o,s:O,s:o,s:b,s:i,s:b}", "devices", list, "silent", job->silent,
                              "disturbed", disturbed, "echo", (int)job->echo, "garbled",
                              (int)job->garbled, "kept", (int)(end <= TRIAL_KEPT_SOME));
    talk_dump(whole);
    json_decref(whole);
}

/* One look and what follows from it; an exit code. */
static int round_of(struct commission *job)
{
    int code;
    farewell_say(
        _("ended: nothing has been changed. The same command begins anew, once the gateway "
          "has looked to the end"));
    if (!read_names(job) || !survey(job, &code))
        return EX_UNAVAILABLE;
    if (job->plan.count == 0 && json_array_size(job->silent) == 0) {
        cli_complain("nobody answers: is everything powered, are A and B exchanged? "
                     "--every-address looks at addresses above 10");
        return EX_UNAVAILABLE;
    }
    plan_names(&job->plan);
    list_found(job);
    enum trial_end end = TRIAL_KEPT_ALL;
    if (asks(job))
        ask_all(job);
    if (!asks(job) || prompt_yes(_("Go on? [Y/n]"))) {
        farewell_say(
            _("ended: the configuration is as it was. Who answers at its new address stays there; "
              "the same command goes on from here"));
        move_all(job);
        farewell_say(_("ended: the trial goes on by itself for a minute at most; then the new "
                       "configuration stands, or the one before"));
        end = configure(job);
        farewell_say("");
    }
    print_labels(job);
    if (job->talk.json)
        print_json(job, end);
    say_rest(job);
    return end >= TRIAL_UNDONE ? EX_TEMPFAIL : is_complete(job) ? EX_OK : 1;
}

static int run(struct commission *job)
{
    int code = round_of(job);
    for (int i = 0; code == 1 && asks(job) && i < ROUNDS_MAX; i++) {
        if (!prompt_yes(_("\nMend what is named, then press Enter to look again (n: end):")))
            break;
        code = round_of(job);
    }
    json_decref(job->silent);
    free(job->plan.names);
    return code;
}

int cli_commission(int argc, char **argv)
{
    static const struct option longs[] = {
        {"parts", required_argument, NULL, 'p'},  {"yes", no_argument, NULL, 'y'},
        {"own-rate", no_argument, NULL, 'o'},     {"every-address", no_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},         {"socket", required_argument, NULL, 's'},
        {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
    };
    struct commission *job = calloc(1, sizeof *job);
    int letter;
    bool good = job != NULL;
    if (job == NULL)
        return EX_OSERR;
    job->config = CLI_CONFIG;
    job->talk.socket_path = CLI_SOCKET;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        job->yes = job->yes || letter == 'y';
        job->own_rate = job->own_rate || letter == 'o';
        job->every_address = job->every_address || letter == 'e';
        job->talk.json = job->talk.json || letter == 'j';
        if (letter == 'p')
            job->parts = optarg;
        else if (letter == 's')
            job->talk.socket_path = optarg;
        else if (letter == 'c')
            job->config = optarg;
        good = good && letter != '?';
    }
    int code = EX_USAGE;
    if (!good || optind + 1 != argc) {
        code = cli_usage(usage);
    } else if (!job->yes && !job->talk.json && isatty(STDIN_FILENO) == 0) {
        cli_complain("nobody is there to be asked: --yes does all without questions");
    } else if (!config_lock(job->config)) {
        code = EX_TEMPFAIL;
    } else {
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        job->bus = argv[optind];
        code = run(job);
    }
    free(job);
    return code;
}
