/* SPDX-License-Identifier: Apache-2.0 */
/* baiye update: one image file to all nodes, or those named, through the daemon. A line takes two
 * sessions when its nodes run from different slots: each session carries one slot's variant. */
#include <getopt.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "protocols/image/image.h"
#include "tools/cli/cli.h"
#include "tools/cli/image.h"

#define BAR 30

struct update_options {
    const char *socket_path, *bus, *image;
    json_t *devices; /* names, or NULL: all */
    bool dry_run, json;
    int share;
};

static void show_progress(const json_t *body)
{
    int permille = (int)json_integer_value(json_object_get(body, "permille"));
    int left_s = (int)json_integer_value(json_object_get(body, "seconds_left"));
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++)
        bar[i] = i * 1000 < permille * BAR ? '#' : '.';
    bar[BAR] = '\0';
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r[%s] %3d %%  %d min %02d s left ", bar, permille / 10, left_s / 60,
                      left_s % 60);
}

/* One session; its result, NULL and a complaint when it could not be held. */
static json_t *hold_session(struct talk *talk, const struct update_options *options,
                            const char *bus, json_t *names, const uint8_t *image, size_t size)
{
    size_t room = (size + 2) / 3 * 4 + 1;
    unsigned char *text = malloc(room);
    if (text == NULL)
        return NULL;
    (void)EVP_EncodeBlock(text, image, (int)size);
    json_t *params = json_pack("{s:s,s:s,s:b}", "bus", bus, "image", (const char *)text, "dry_run",
                               (int)options->dry_run);
    free(text);
    if (names != NULL)
        (void)json_object_set(params, "devices", names);
    if (options->share > 0)
        (void)json_object_set_new(params, "share", json_integer(options->share));
    json_t *answer = talk_ask(talk, "update", params, options->json ? NULL : show_progress);
    if (!options->json && isatty(STDERR_FILENO))
        (void)fputs("\r\x1b[K", stderr);
    if (answer == NULL || talk_failed(answer)) {
        json_decref(answer);
        return NULL;
    }
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

static const char *text_of(const json_t *node, const char *key)
{
    const char *text = json_string_value(json_object_get(node, key));
    return text != NULL ? text : "";
}

/* What the session did for those that it was for; true: nothing failed. */
static bool print_nodes(const json_t *result, const struct update_options *options)
{
    bool good = true;
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(result, "nodes"), i, node)
    {
        const char *state = text_of(node, "state");
        if (strcmp(state, "other-slot") == 0)
            continue;
        bool fine = strcmp(state, "updated") == 0 || strcmp(state, "current") == 0;
        good = good && (fine || options->dry_run);
        if (options->json)
            (void)printf("{\"device\":\"%s\",\"state\":\"%s\"}\n", text_of(node, "device"), state);
        else
            (void)printf(
                "%-20s %-10s %8s -> %-8s %s\n", text_of(node, "device"),
                options->dry_run && strcmp(state, "unfinished") == 0 ? "would take" : state,
                text_of(node, "before"), text_of(result, "version"), text_of(node, "reason"));
    }
    return good;
}

/* Names of the nodes that run from the slot that the session wrote; a new reference. */
static json_t *left_over(const json_t *result)
{
    json_t *names = json_array();
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(result, "nodes"), i, node)
    {
        if (strcmp(text_of(node, "state"), "other-slot") == 0)
            (void)json_array_append(names, json_object_get(node, "device"));
    }
    return names;
}

/* Both sessions of one bus: the second for the nodes that the first left over. */
static int update_bus(struct talk *talk, const struct update_options *options, const char *bus,
                      const struct cli_image_file *file)
{
    int status = EX_OK;
    json_t *names = json_incref(options->devices);
    bool more = true;
    for (unsigned slot = 0; slot < IMAGE_SLOTS && more; slot++) {
        size_t size;
        const uint8_t *image = image_file_slot(file->data, file->size, slot, &size);
        json_t *result = hold_session(talk, options, bus, names, image, size);
        json_decref(names);
        names = NULL;
        if (result == NULL)
            return EX_UNAVAILABLE;
        if (!print_nodes(result, options))
            status = EX_TEMPFAIL;
        names = left_over(result);
        more = json_array_size(names) > 0;
        json_decref(result);
    }
    json_decref(names);
    return status;
}

static bool seen(const json_t *buses, const char *bus)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(buses, i, entry)
    {
        if (strcmp(json_string_value(entry), bus) == 0)
            return true;
    }
    return false;
}

static int update_all(struct talk *talk, const struct update_options *options,
                      const struct cli_image_file *file)
{
    json_t *answer = talk_ask(talk, "devices", json_object(), NULL);
    if (answer == NULL || talk_failed(answer)) {
        json_decref(answer);
        return EX_UNAVAILABLE;
    }
    int status = EX_OK;
    json_t *done = json_array();
    size_t i;
    const json_t *device;
    json_array_foreach(json_object_get(json_object_get(answer, "result"), "devices"), i, device)
    {
        const char *bus = text_of(device, "bus");
        if ((options->bus != NULL && strcmp(options->bus, bus) != 0) || seen(done, bus))
            continue;
        (void)json_array_append_new(done, json_string(bus));
        int ended = update_bus(talk, options, bus, file);
        status = ended != EX_OK ? ended : status;
    }
    if (json_array_size(done) == 0) {
        cli_complain("there is no bus %s; `baiye devices` lists them",
                     options->bus != NULL ? options->bus : "with a device");
        status = EX_USAGE;
    }
    json_decref(done);
    json_decref(answer);
    return status;
}

static bool read_options(int argc, char **argv, struct update_options *options)
{
    static const struct option longs[] = {
        {"bus", required_argument, NULL, 'b'},    {"device", required_argument, NULL, 'd'},
        {"dry-run", no_argument, NULL, 'n'},      {"share", required_argument, NULL, 'p'},
        {"socket", required_argument, NULL, 's'}, {"config", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (letter == 'b')
            options->bus = optarg;
        else if (letter == 'd') {
            if (options->devices == NULL)
                options->devices = json_array();
            (void)json_array_append_new(options->devices, json_string(optarg));
        } else if (letter == 'n')
            options->dry_run = true;
        else if (letter == 'p')
            options->share = (int)strtol(optarg, NULL, 10);
        else if (letter == 's')
            options->socket_path = optarg;
        else if (letter == 'j')
            options->json = true;
        else if (letter != 'c')
            return false;
    }
    options->image = optind + 1 == argc ? argv[optind] : NULL;
    return options->image != NULL && options->share >= 0 && options->share <= 100;
}

int cli_update(int argc, char **argv)
{
    struct update_options options = {.socket_path = CLI_SOCKET};
    struct cli_image_file file;
    struct talk talk;
    if (!read_options(argc, argv, &options)) {
        (void)fputs(
            "Usage: baiye update IMAGE [--bus B] [--device D]… [--dry-run] [--share PERCENT]"
            " [--json] [--socket FILE]\n"
            "Brings the nodes to this firmware while they go on measuring. --share: of the"
            " line's time (50).\nCtrl-C stops it; the same command goes on where it was.\n",
            stderr);
        json_decref(options.devices);
        return EX_USAGE;
    }
    int status = EX_DATAERR;
    if (cli_image_load(options.image, &file)) {
        status = EX_UNAVAILABLE;
        if (talk_open(&talk, options.socket_path)) {
            status = update_all(&talk, &options, &file);
            talk_close(&talk);
        }
        free(file.data);
    }
    json_decref(options.devices);
    return status;
}
