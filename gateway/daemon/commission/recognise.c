/* SPDX-License-Identifier: Apache-2.0 */
/* What a device answers, made evidence of. */
#include "gateway/daemon/commission/recognise.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/config/field_type.h"
#include "protocols/modbus/request.h"

#define KEPT         256  /* more than all shipped profiles ask, so that nothing is asked anew */
#define TRIES        2    /* of a question that nobody answers, … */
#define TRIES_MORE   5    /* … by a device that answers even to what it does not have */
#define TINY         1e-6 /* two whole numbers read as a float are mostly less */
#define NAME_LETTERS 4    /* of a profile's name, to be found in what a device says */

/* ---- the profiles ---- */

static bool is_known(const struct recognise_book *book, const char *name)
{
    return recognise_find(book, name) != NULL;
}

static void read_folder(struct recognise_book *book, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL && book->count < RECOGNISE_PROFILES) {
        char name[CONFIG_NAME_SIZE], path[CONFIG_PATH_SIZE + CONFIG_NAME_SIZE + 8];
        struct config_error error;
        const char *dot = strrchr(entry->d_name, '.');
        size_t size = dot != NULL ? (size_t)(dot - entry->d_name) : 0;
        if (size == 0 || size >= sizeof name || strcmp(dot, ".yaml") != 0)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)size, entry->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct profile_config *profile = &book->profiles[book->count];
        if (is_known(book, name))
            continue;
        if (profile_load(path, name, profile, &error))
            book->count++;
        else
            profile_free(profile);
    }
    if (dir != NULL)
        closedir(dir);
}

bool recognise_open(struct recognise_book *book, const char *folder)
{
    char shipped[CONFIG_PATH_SIZE];
    *book = (struct recognise_book){.profiles =
                                        calloc(RECOGNISE_PROFILES, sizeof(struct profile_config))};
    if (book->profiles == NULL)
        return false;
    if (folder != NULL && folder[0] != '\0')
        read_folder(book, folder);
    /* Where one is that the package always has, there are the others. */
    if (profile_find("baiye-node", NULL, shipped, sizeof shipped)) {
        *strrchr(shipped, '/') = '\0';
        read_folder(book, shipped);
    }
    return true;
}

void recognise_close(struct recognise_book *book)
{
    for (unsigned i = 0; i < book->count; i++)
        profile_free(&book->profiles[i]);
    free(book->profiles);
    *book = (struct recognise_book){0};
}

const struct profile_config *recognise_find(const struct recognise_book *book, const char *name)
{
    for (unsigned i = 0; i < book->count; i++) {
        if (strcmp(book->profiles[i].name, name) == 0)
            return &book->profiles[i];
    }
    return NULL;
}

/* ---- what it says of itself ---- */

static void append(char *text, size_t size, const uint8_t *bytes, size_t count)
{
    size_t used = strlen(text);
    if (used > 0 && used + 2 < size && count > 0)
        text[used++] = ' ';
    for (size_t i = 0; i < count && used + 1 < size; i++) {
        if (bytes[i] >= ' ' && bytes[i] < 127)
            text[used++] = (char)bytes[i];
    }
    text[used] = '\0';
}

/* Objects of an answer to FC 43/14: id, size, text each. */
static void read_objects(const uint8_t *pdu, size_t size, char text[RECOGNISE_IDENTITY])
{
    size_t at = 7;
    if (size < at || pdu[0] != MODBUS_ENCAPSULATED || pdu[1] != MODBUS_MEI_IDENTIFICATION)
        return;
    for (unsigned left = pdu[6]; left > 0 && at + 2 <= size && at + 2u + pdu[at + 1] <= size;
         left--) {
        append(text, RECOGNISE_IDENTITY, pdu + at + 2, pdu[at + 1]);
        at += 2u + pdu[at + 1];
    }
}

void recognise_identity(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
                        char text[RECOGNISE_IDENTITY])
{
    const uint8_t objects[] = {MODBUS_ENCAPSULATED, MODBUS_MEI_IDENTIFICATION, 1, 0},
                  report[] = {MODBUS_REPORT_ID};
    struct transact_answer answer;
    text[0] = '\0';
    bench_request(bench, wire, unit, objects, sizeof objects, BENCH_WAIT_MS, TRIES, &answer);
    if (answer.result == BUS_OK)
        read_objects(answer.pdu, answer.pdu_size, text);
    bench_request(bench, wire, unit, report, sizeof report, BENCH_WAIT_MS, TRIES, &answer);
    if (answer.result == BUS_OK && answer.pdu_size > 2 && text[0] == '\0')
        append(text, RECOGNISE_IDENTITY, answer.pdu + 2, answer.pdu_size - 2);
}

/* The profile's name, or its part up to a dash that has letters enough, in what it says. */
static bool is_named(const struct profile_config *profile, const char *identity)
{
    size_t size = strlen(profile->name);
    if (identity[0] == '\0' || size < NAME_LETTERS)
        return false;
    for (const char *at = identity; *at != '\0'; at++) {
        if (strncasecmp(at, profile->name, size) == 0)
            return true;
    }
    return false;
}

/* ---- what its registers say ---- */

/* Answers to reads: profiles of one maker ask the same. A silence is kept apart from a refusal: an
 * answer that was lost or late must not speak against a profile. */
struct kept {
    struct bench *bench;
    const struct serial_timing *wire;
    uint8_t unit;
    unsigned tries;       /* at most, of each question, as long as nothing is answered */
    bool refuses, silent; /* it has refused one; it has left one unanswered, now */
    unsigned count;
    struct {
        uint8_t request[MODBUS_REQUEST_SIZE], pdu[260];
        size_t size;    /* 0: no answer, or an exception */
        unsigned tries; /* made so far */
        bool silent;
    } answers[KEPT];
};

static void ask(struct kept *kept, unsigned place)
{
    struct transact_answer answer;
    bench_request(kept->bench, kept->wire, kept->unit, kept->answers[place].request,
                  MODBUS_REQUEST_SIZE, BENCH_WAIT_MS, 1, &answer);
    bool good = answer.result == BUS_OK, refused = answer.result == BUS_EXCEPTION;
    kept->answers[place].tries++;
    kept->answers[place].silent = !good && !refused;
    kept->answers[place].size = good ? answer.pdu_size : 0;
    if (good)
        memcpy(kept->answers[place].pdu, answer.pdu, answer.pdu_size);
    kept->refuses = kept->refuses || refused;
}

static const uint8_t *ask_persisted(struct kept *kept, const uint8_t request[MODBUS_REQUEST_SIZE],
                                    size_t *size)
{
    unsigned place = 0;
    while (place < kept->count &&
           memcmp(kept->answers[place].request, request, MODBUS_REQUEST_SIZE) != 0)
        place++;
    if (place == kept->count) {
        place = kept->count < KEPT ? kept->count++ : KEPT - 1;
        memcpy(kept->answers[place].request, request, MODBUS_REQUEST_SIZE);
        kept->answers[place].tries = 0;
        kept->answers[place].silent = true;
    }
    while (kept->answers[place].silent && kept->answers[place].tries < kept->tries)
        ask(kept, place);
    kept->silent = kept->silent || kept->answers[place].silent;
    *size = kept->answers[place].size;
    return kept->answers[place].pdu;
}

static bool read_word(struct kept *kept, uint8_t function, uint16_t address, uint16_t *word)
{
    uint8_t request[MODBUS_REQUEST_SIZE];
    size_t size;
    (void)modbus_read(request, function, address, 1);
    const uint8_t *pdu = ask_persisted(kept, request, &size);
    if (size < 4 || pdu[1] != 2)
        return false;
    *word = (uint16_t)(pdu[2] << 8 | pdu[3]);
    return true;
}

/* All reads of the plan; false: it does not answer one. */
static bool read_plan(struct kept *kept, struct device *device)
{
    for (device->read = 0; device->read < device->plan.read_count; device->read++) {
        uint8_t request[MODBUS_REQUEST_SIZE];
        struct transact_request ignored;
        size_t size;
        device_request(device, request, &ignored);
        const uint8_t *pdu = ask_persisted(kept, request, &size);
        if (size == 0)
            return false;
        decode_answer(&device->plan.reads[device->read], pdu,
                      device->image.words + device->image.start[device->read]);
    }
    return device->plan.read_count > 0;
}

static void count_values(const struct device_config *config, const struct decoded *decoded,
                         struct recognise_evidence *evidence)
{
    for (unsigned i = 0; decoded->believed && i < config->metric_count; i++) {
        const struct reading_value *value = &decoded->values[i];
        bool tiny = value->value != 0 && fabs(value->value) < TINY;
        unsigned *kind = !value->present                      ? &evidence->absent
                         : value->flag != METRIC_GOOD || tiny ? &evidence->implausible
                         : value->value == 0                  ? &evidence->zero
                                                              : &evidence->good;
        *kind += field_type_words(config->metrics[i]);
    }
}

/* What the maker fills without measuring is there all the same, or it is another device. */
static void count_unmeasured(struct kept *kept, const struct profile_config *profile,
                             struct recognise_evidence *evidence)
{
    uint16_t word;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        if (!field->not_measured || field->function < MODBUS_READ_HOLDING)
            continue;
        bool there = read_word(kept, field->function, field->address, &word);
        unsigned *kind = there ? &evidence->good : &evidence->implausible;
        *kind += field_type_words(field);
    }
}

static void look_settings(struct kept *kept, const struct profile_config *profile,
                          struct recognise_evidence *evidence)
{
    uint16_t word;
    if (profile->address_register != 0xFFFF)
        evidence->address = !read_word(kept, MODBUS_READ_HOLDING, profile->address_register, &word)
                                ? SAYS_NOTHING
                            : word == kept->unit ? SAYS_FITS
                                                 : SAYS_OTHER;
    if (profile->baud_register != 0xFFFF && profile->baud_code_count > 0 &&
        read_word(kept, MODBUS_READ_HOLDING, profile->baud_register, &word))
        evidence->rate =
            word < profile->baud_code_count && profile->baud_codes[word] == kept->wire->baud
                ? SAYS_FITS
                : SAYS_OTHER;
    evidence->usual_line =
        profile->baud == kept->wire->baud && profile->parity == kept->wire->parity;
    evidence->usual_address = profile->address_default == kept->unit;
}

/* The register behind the last one that the profile knows. */
static bool has_more(struct kept *kept, const struct device *device,
                     const struct profile_config *profile)
{
    const struct plan_read *last = &device->plan.reads[device->plan.read_count - 1];
    unsigned next = last->address + (unsigned)last->count;
    uint16_t word;
    for (unsigned i = 0; i < profile->field_count; i++) {
        const struct field_config *field = &profile->fields[i];
        unsigned behind = field->address + field_type_addresses(field);
        next = field->not_measured && field->function == last->function && behind > next ? behind
                                                                                         : next;
    }
    return last->function >= MODBUS_READ_HOLDING && next <= 0xFFFF &&
           read_word(kept, last->function, (uint16_t)next, &word);
}

static bool try_profile(struct kept *kept, const struct profile_config *profile,
                        struct recognise_evidence *evidence, struct device *device)
{
    static const struct reading_sink nobody;
    struct decoded decoded;
    struct device_alone alone = {0};
    struct device_config config = {.unit = kept->unit, .profile = profile};
    *evidence = (struct recognise_evidence){0};
    for (unsigned i = 0; i < profile->field_count; i++) {
        if (profile->fields[i].metric[0] && !profile->fields[i].not_measured)
            config.metrics[config.metric_count++] = &profile->fields[i];
    }
    device_init_alone(device, &config, &kept->bench->bus, 1, &nobody, NULL, &alone);
    if (!read_plan(kept, device))
        return false;
    decode_device(&config, device->map, &device->plan, &device->image, &device->counters,
                  profile->node ? NULL : alone.rare.foreign, line_now_ns() / 1000000, &decoded);
    if (!decoded.believed)
        return false;
    count_values(&config, &decoded, evidence);
    count_unmeasured(kept, profile, evidence);
    look_settings(kept, profile, evidence);
    evidence->more = has_more(kept, device, profile);
    return true;
}

static unsigned try_all(struct kept *kept, const struct recognise_book *book, const char *identity,
                        struct device *device, struct recognise_match matches[RECOGNISE_PROFILES])
{
    unsigned count = 0;
    kept->silent = false;
    for (unsigned i = 0; i < book->count; i++) {
        struct recognise_evidence evidence;
        memset(device, 0, sizeof *device);
        if (!try_profile(kept, &book->profiles[i], &evidence, device))
            continue;
        evidence.named = is_named(&book->profiles[i], identity);
        matches[count].profile = &book->profiles[i];
        matches[count++].points = recognise_points(&evidence);
    }
    return count;
}

/* What was left unanswered is asked again when all else has been asked: who was busy then is not
 * now. A device that refuses what it does not have says something to everything, and is asked
 * longer; one that never refuses may be silent by habit. */
unsigned recognise_device(struct bench *bench, const struct recognise_book *book,
                          const struct serial_timing *wire, uint8_t unit, const char *identity,
                          struct recognise_match matches[RECOGNISE_PROFILES])
{
    struct kept *kept = calloc(1, sizeof *kept);
    struct device *device = calloc(1, sizeof *device);
    unsigned count = 0;
    if (kept != NULL && device != NULL) {
        kept->bench = bench;
        kept->wire = wire;
        kept->unit = unit;
        do {
            kept->tries++;
            count = try_all(kept, book, identity, device, matches);
        } while (kept->silent && kept->tries < (kept->refuses ? TRIES_MORE : TRIES));
    }
    free(device);
    free(kept);
    return count;
}
