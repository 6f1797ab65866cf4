/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye profile try`: a device on the bench is read once by a profile, with the daemon's own plan,
 * timing and decoding; what each register held is shown beside what it was taken for. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "gateway/common/text.h"
#include "gateway/common/units.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/bus/line.h"
#include "gateway/daemon/config/profile.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/cli.h"
#include "tools/cli/profile.h"
#include "tools/cli/profile_guess.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define TRIES      2
#define ROUNDS_MAX (2 * PLAN_ITEMS_MAX) /* each refusal sets a cut or gives a field up */
#define CONNECT_MS 5000
#define OPEN_NS    8000000000LL

struct trial {
    struct profile_config profile;
    struct device_config config;
    struct bus_config bus;
    struct line line;
    struct transact transact;
    struct device device;
    struct device_alone alone;
    struct decoded decoded;
    enum bus_result ends[PLAN_ITEMS_MAX]; /* of the plan's reads */
    int64_t turnaround_ns[PLAN_ITEMS_MAX];
    unsigned answered;
    uint8_t refused; /* the last exception, 0: none */
};

/* ---- Options ---- */

struct try_options {
    const char *file;
    const char *port, *type, *address, *baud, *parity, *stop_bits;
    bool json;
};

static const char usage[] =
    N_("Usage: baiye profile try FILE --port PORT [--address N] [--json]\n"
       "         [--baud RATE] [--parity none|even|odd] [--stop-bits 1|2]\n"
       "       baiye profile try FILE --type tcp|rtu-over-tcp --port HOST[:PORT] ...\n"
       "Reads a device once by a profile: what its registers hold, what that means, and\n"
       "a guess where order, type or scale look wrong. What is not said is as the\n"
       "profile says. A port that the gateway polls is taken for the time by\n"
       "  baiye line run BUS -- baiye profile try FILE --port {port} --baud {baud}\n"
       "Exit 0: all values are good and none looks wrong; 1: some do not;\n"
       "65: the profile is wrong; 69: no answer.\n");

static bool read_options(int argc, char **argv, struct try_options *options)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'},
        {"type", required_argument, NULL, 't'},
        {"address", required_argument, NULL, 'a'},
        {"baud", required_argument, NULL, 'b'},
        {"parity", required_argument, NULL, 'q'},
        {"stop-bits", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        switch (letter) {
        case 'p':
            options->port = optarg;
            break;
        case 't':
            options->type = optarg;
            break;
        case 'a':
            options->address = optarg;
            break;
        case 'b':
            options->baud = optarg;
            break;
        case 'q':
            options->parity = optarg;
            break;
        case 's':
            options->stop_bits = optarg;
            break;
        case 'j':
            options->json = true;
            break;
        case 'c':
            break;
        default:
            return false;
        }
    }
    options->file = optind < argc ? argv[optind] : NULL;
    return optind + 1 == argc && options->port != NULL;
}

/* `text` or, without one, `otherwise`; false and a complaint when it is none or out of range. */
static bool number_option(const char *name, const char *text, int64_t least, int64_t most,
                          int64_t otherwise, int64_t *number)
{
    *number = otherwise;
    if (text == NULL)
        return true;
    if (units_integer(text, number) && *number >= least && *number <= most)
        return true;
    cli_complain("--%s %s: write a whole number, %lld to %lld", name, text, (long long)least,
                 (long long)most);
    return false;
}

static bool choice_option(const char *name, const char *text, const char *const *choices,
                          const char *list, unsigned *choice)
{
    for (unsigned i = 0; text != NULL && choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *choice = i;
            return true;
        }
    }
    if (text != NULL)
        cli_complain("--%s %s: write %s", name, text, list);
    return text == NULL;
}

static bool set_line(const struct try_options *options, struct trial *trial)
{
    static const char *const types[] = {"rtu", "tcp", "rtu-over-tcp", NULL};
    static const char *const parities[] = {"none", "even", "odd", NULL};
    const struct profile_config *profile = &trial->profile;
    struct bus_config *bus = &trial->bus;
    unsigned type = BUS_RTU;
    unsigned parity = profile->parity == 'E' ? 1 : profile->parity == 'O' ? 2 : 0;
    int64_t baud, stop_bits, address;
    if (!choice_option("type", options->type, types, "rtu, tcp or rtu-over-tcp", &type) ||
        !choice_option("parity", options->parity, parities, "none, even or odd", &parity) ||
        !number_option("baud", options->baud, 300, 921600, profile->baud, &baud) ||
        !number_option("stop-bits", options->stop_bits, 1, 2, profile->stop_bits, &stop_bits) ||
        !number_option("address", options->address, type == BUS_TCP ? 0 : 1, 255,
                       profile->address_default, &address))
        return false;
    if (!config_rate_possible((uint32_t)baud)) {
        cli_complain("no serial port can do %lld baud; write for example --baud 9600",
                     (long long)baud);
        return false;
    }
    *bus = (struct bus_config){.name = "bench",
                               .tcp_port = 502,
                               .baud = (uint32_t)baud,
                               .parity = "NEO"[parity],
                               .stop_bits = (uint8_t)stop_bits,
                               .connect_ms = CONNECT_MS};
    bus->type = (uint8_t)type;
    trial->config.unit = (uint8_t)address;
    if (type == BUS_RTU)
        return cli_format(bus->port, sizeof bus->port, "%s", options->port);
    if (units_host(options->port, bus->port, sizeof bus->port, &bus->tcp_port))
        return true;
    cli_complain("--port %s: write HOST or HOST:PORT, for example 192.168.1.5:502", options->port);
    return false;
}

/* As the daemon will take it; what only profile_check() refuses is said and not minded. */
static bool load(const char *file, struct trial *trial)
{
    struct config_error error;
    struct profile_config checked;
    struct yaml_errors *errors = calloc(1, sizeof *errors);
    if (errors == NULL) {
        cli_complain("out of memory");
        return false;
    }
    if (!profile_check(file, &checked, errors))
        profile_print_errors(file, errors, stderr);
    profile_free(&checked);
    free(errors);
    return profile_load(file, "bench", &trial->profile, &error);
}

static void set_device(struct trial *trial)
{
    static const struct reading_sink nobody;
    struct device_config *config = &trial->config;
    strcpy(config->name, "bench");
    config->profile = &trial->profile;
    for (unsigned i = 0; i < trial->profile.field_count; i++) {
        const struct field_config *field = &trial->profile.fields[i];
        if (field->metric[0] && !field->not_measured)
            config->metrics[config->metric_count++] = field;
    }
    device_init_alone(&trial->device, config, &trial->bus, 1, &nobody, NULL, &trial->alone);
}

/* ---- The line ---- */

static int open_line(struct trial *trial)
{
    int64_t until_ns = line_now_ns() + OPEN_NS;
    int error;
    line_init(&trial->line, &trial->bus, -1);
    do { /* a name being resolved, a connection being made: it takes a while itself */
        error = line_open(&trial->line);
        if (error == EINPROGRESS) {
            const struct timespec moment = {.tv_nsec = 20000000};
            (void)nanosleep(&moment, NULL);
        }
    } while ((error == EINPROGRESS || error == EALREADY) && line_now_ns() < until_ns);
    transact_init(&trial->transact, &trial->line);
    return error;
}

/* The next read of the plan, once more if there is no answer. */
static void ask(struct trial *trial, struct transact_answer *answer)
{
    struct device *device = &trial->device;
    struct transact_request request;
    uint8_t pdu[5];
    device_request(device, pdu, &request);
    request.wire = &device->wire;
    request.timeout_ns = device_ceiling_ns(&trial->config, &trial->bus);
    request.late_ns = request.timeout_ns;
    request.extra_ns = trial->profile.extra_silence_us * 1000LL;
    request.fastest_ns = INT64_MIN;
    request.insists = true;
    for (unsigned i = 0; i < TRIES; i++) {
        transact_do(&trial->transact, &request, answer);
        if (answer->result == BUS_OK || answer->result == BUS_EXCEPTION ||
            answer->result == BUS_DOWN)
            return;
        (void)transact_idle(&trial->transact, answer->quiet_ns, false);
    }
}

/* What the device says that it does not have, as the daemon learns it: by halves. */
static bool is_refusal(const struct transact_answer *answer)
{
    return answer->result == BUS_EXCEPTION && answer->pdu_size > 1 &&
           (answer->pdu[1] == MODBUS_ILLEGAL_FUNCTION || answer->pdu[1] == MODBUS_ILLEGAL_ADDRESS ||
            answer->pdu[1] == MODBUS_ILLEGAL_VALUE);
}

/* Reads all. Ends when the device does not answer at all. */
static void read_device(struct trial *trial)
{
    struct device *device = &trial->device;
    struct transact_answer answer;
    for (unsigned rounds = 0; device->read < device->plan.read_count && rounds < ROUNDS_MAX;) {
        unsigned read = device->read;
        ask(trial, &answer);
        trial->answered += answer.result == BUS_OK || answer.result == BUS_EXCEPTION;
        if (answer.result == BUS_EXCEPTION && answer.pdu_size > 1)
            trial->refused = answer.pdu[1];
        if (is_refusal(&answer)) {
            plan_refuse(device->map->items, device->map->item_count, &device->plan, read,
                        &device->lessons);
            device_plan(device); /* and from its begin: what was read has other places now */
            rounds++;
            continue;
        }
        trial->ends[read] = answer.result;
        trial->turnaround_ns[read] = answer.turnaround_ns;
        if (answer.result == BUS_OK)
            decode_answer(&device->plan.reads[read], answer.pdu,
                          device->image.words + device->image.start[read]);
        if (trial->answered == 0 || answer.result == BUS_DOWN)
            return;
        device->read++;
    }
}

static void decode(struct trial *trial)
{
    struct device *device = &trial->device;
    for (unsigned i = 0; i < device->map->item_count; i++) { /* what did not come is not there */
        unsigned read = device->plan.item_read[i];
        if (read != PLAN_NONE && (read >= device->read || trial->ends[read] != BUS_OK))
            device->plan.item_read[i] = PLAN_NONE;
    }
    decode_device(&trial->config, device->map, &device->plan, &device->image, &device->counters,
                  trial->profile.node ? NULL : device->rare->foreign, line_now_ns() / 1000000,
                  &trial->decoded);
}

/* ---- What came ---- */

struct shown {
    const struct field_config *field;
    const uint16_t *words; /* NULL: it could not be read */
    bool present;
    double value;
    const char *flag; /* "" for what is no value of the reading */
    const char *text; /* what the device says of itself; NULL: it is a number */
    char guess[200];
};

static const uint16_t *words_of(const struct trial *trial, unsigned index)
{
    const struct device *device = &trial->device;
    struct decode_place place = device->map->fields[index];
    if (place.item == PLAN_NONE || device->plan.item_read[place.item] == PLAN_NONE)
        return NULL;
    return device->image.words + device->image.start[device->plan.item_read[place.item]] +
           device->plan.item_offset[place.item] + place.offset;
}

static const struct reading_value *value_of(const struct trial *trial,
                                            const struct field_config *field)
{
    for (unsigned i = 0; trial->decoded.believed && i < trial->config.metric_count; i++) {
        if (trial->config.metrics[i] == field)
            return &trial->decoded.values[i];
    }
    return NULL;
}

static void show(const struct trial *trial, unsigned index, struct shown *shown)
{
    const struct field_config *field = &trial->profile.fields[index];
    const struct reading_value *value = value_of(trial, field);
    *shown = (struct shown){.field = field, .words = words_of(trial, index), .flag = ""};
    if (shown->words == NULL) {
        shown->flag = "not read";
        return;
    }
    uint64_t raw = decode_raw(field, shown->words);
    if (field->role >= ROLE_MODEL) {
        shown->text = trial->decoded.texts[field->role - ROLE_MODEL];
    } else if (field->role == ROLE_COUNTER) { /* where it stands: a reading has what it moved by */
        shown->present = decode_value(field, raw, 0, METRIC_GOOD).present;
        shown->value = field_type_number(field, raw) * field->scale;
        shown->flag = shown->present ? N_("so far") : "absent";
    } else if (value != NULL) {
        shown->present = value->present;
        shown->value = value->value;
        shown->flag = metric_flag_name((enum metric_flag)value->flag);
        (void)profile_guess(field, shown->words, shown->guess, sizeof shown->guess);
    } else if (field->metric[0]) {
        shown->flag = N_("not believed");
    } else {
        shown->present = true;
        shown->value = (double)raw;
    }
}

static bool is_well(const struct shown *shown)
{
    return shown->words != NULL && shown->guess[0] == '\0' &&
           (shown->flag[0] == '\0' || strcmp(shown->flag, "good") == 0 ||
            strcmp(shown->flag, "so far") == 0);
}

static int decimals_of(const struct field_config *field)
{
    const struct metric_info *info = field->metric[0] ? metric_find(field->metric) : NULL;
    double step = fabs(field->scale);
    int decimals = info != NULL ? info->decimals : 0;
    while (field_type_kind(field) != FIELD_REAL && decimals < 4 && step * pow(10, decimals) < 0.999)
        decimals++; /* no digit that the register has is hidden */
    return field->metric[0] ? decimals : 0;
}

static void print_field(const struct shown *shown)
{
    const struct field_config *field = shown->field;
    char raw[40] = "", line[512];
    unsigned words = field_type_words(field);
    for (unsigned i = 0; shown->words != NULL && i < words && i < 4; i++)
        (void)text_add(raw, sizeof raw, "%s0x%04X", i > 0 ? " " : "", shown->words[i]);
    if (words > 4 && raw[0] != '\0')
        (void)text_add(raw, sizeof raw, " ...");
    (void)snprintf(line, sizeof line, "  %-24s %-13s ", profile_field_name(field),
                   raw[0] != '\0' ? raw : "--");
    if (shown->text != NULL)
        (void)text_add(line, sizeof line, "\"%s\"", shown->text);
    else if (!shown->present)
        (void)text_add(line, sizeof line, "%12s", "--");
    else if (fabs(shown->value) < 1e12)
        (void)text_add(line, sizeof line, "%12.*f %s", decimals_of(field), shown->value,
                       field->unit);
    else /* no probe means it: not all its digits */
        (void)text_add(line, sizeof line, "%12.6g %s", shown->value, field->unit);
    if (strcmp(shown->flag, "good") != 0)
        (void)text_add(line, sizeof line, "  %s", show_flag(shown->flag));
    size_t used = strlen(line);
    while (used > 0 && line[used - 1] == ' ')
        line[--used] = '\0';
    (void)printf("%.*s\n", (int)plain_text(line, strlen(line)), line);
    if (shown->guess[0]) {
        (void)printf("      ");
        screen_wrap(stdout, screen_width(stdout), 6, 6, shown->guess);
    }
}

static void print_reads(const struct trial *trial)
{
    const struct device *device = &trial->device;
    for (unsigned i = 0; i < device->read; i++) {
        const struct plan_read *read = &device->plan.reads[i];
        (void)printf(_("function %u, %s %u to %u: "), read->function,
                     read->function <= MODBUS_READ_DISCRETE ? _("bits") : _("registers"),
                     read->address, read->address + read->count - 1u);
        if (trial->ends[i] == BUS_OK && trial->turnaround_ns[i] > 0)
            (void)printf(_("answered after %.1f ms\n"), (double)trial->turnaround_ns[i] / 1e6);
        else
            (void)printf("%s\n", trial->ends[i] == BUS_OK ? _("answered")
                                                          : bus_result_text(trial->ends[i]));
    }
    if (device->lessons.bad != 0)
        (void)printf(_("the device refuses some of what the profile asks for: %s\n"),
                     gettext(modbus_exception_text(trial->refused)));
}

static bool print_trial(const struct trial *trial)
{
    bool well = true;
    struct shown shown;
    print_reads(trial);
    for (unsigned i = 0; i < trial->profile.field_count; i++) {
        if (trial->profile.fields[i].not_measured)
            continue;
        show(trial, i, &shown);
        print_field(&shown);
        well = well && is_well(&shown);
    }
    if (!trial->decoded.believed)
        (void)fputs(_("map_version is not what the profile expects: nothing of it is believed\n"),
                    stdout);
    return well;
}

static json_t *field_json(const struct shown *shown)
{
    const struct field_config *field = shown->field;
    json_t *raw = json_array();
    for (unsigned i = 0; shown->words != NULL && i < field_type_words(field); i++)
        (void)json_array_append_new(raw, json_integer(shown->words[i]));
    return json_pack("{s:s,s:i,s:i,s:o,s:o,s:s,s:s,s:s}", "name", profile_field_name(field),
                     "function", field->function, "register", field->address, "raw", raw, "value",
                     shown->text != NULL ? json_string(shown->text)
                     : shown->present    ? json_real(shown->value)
                                         : json_null(),
                     "unit", field->unit, "flag", shown->flag, "guess", shown->guess);
}

static bool dump_trial(const struct trial *trial)
{
    bool well = true;
    struct shown shown;
    json_t *fields = json_array();
    for (unsigned i = 0; i < trial->profile.field_count; i++) {
        if (trial->profile.fields[i].not_measured)
            continue;
        show(trial, i, &shown);
        (void)json_array_append_new(fields, field_json(&shown));
        well = well && is_well(&shown);
    }
    json_t *said = json_pack("{s:b,s:b,s:o}", "good", well, "believed", trial->decoded.believed,
                             "fields", fields);
    talk_dump(said);
    json_decref(said);
    return well;
}

/* ---- The command ---- */

static void complain_silent(const struct trial *trial)
{
    const char *what = bus_result_text(trial->ends[0]);
    if (trial->bus.type == BUS_RTU)
        cli_complain("address %u, %u baud, parity %c: %s; look at address, rate, parity and the "
                     "two wires (A and B)",
                     trial->config.unit, trial->bus.baud, trial->bus.parity, what);
    else
        cli_complain("address %u at %s:%u: %s; look at the address, and at the converter's rate "
                     "and parity",
                     trial->config.unit, trial->bus.port, trial->bus.tcp_port, what);
}

static int try_device(const struct try_options *options, struct trial *trial)
{
    if (!load(options->file, trial))
        return EX_DATAERR;
    if (!set_line(options, trial))
        return EX_USAGE;
    set_device(trial);
    char text[BUS_OPEN_TEXT_SIZE];
    int error = open_line(trial);
    if (error != 0) {
        cli_complain("%s: %s", options->port, bus_open_text(error, options->port, text));
        if (error == EBUSY)
            cli_complain("if it is the gateway: baiye line run BUS -- baiye profile try ... --port "
                         "{port}");
    } else {
        read_device(trial);
        if (trial->answered == 0)
            complain_silent(trial);
    }
    line_end(&trial->line);
    if (error != 0 || trial->answered == 0)
        return EX_UNAVAILABLE;
    decode(trial);
    return (options->json ? dump_trial(trial) : print_trial(trial)) ? EX_OK : 1;
}

int profile_try(int argc, char **argv)
{
    struct try_options options = {0};
    struct trial *trial = NULL;
    if (!read_options(argc, argv, &options))
        return cli_usage(usage);
    trial = calloc(1, sizeof *trial);
    if (trial == NULL) {
        cli_complain("out of memory");
        return EX_OSERR;
    }
    int code = try_device(&options, trial);
    profile_free(&trial->profile);
    free(trial);
    return code;
}
