/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye profile import` and `baiye import`: what other programs know of devices becomes profiles
 * of ours, and of theirs buses a configuration. What was left out is said, line by line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/profile.h"
#include "tools/cli/cli.h"
#include "tools/cli/import/import.h"
#include "tools/cli/profile.h"
#include "tools/cli/screen.h"

#define FILE_MAX    (1024L * 1024)
#define NOT_ALL     1 /* written, but not all of it, or not all of it is right */
#define NOTE_COLUMN 2

static const char profile_usage[] =
    N_("Usage: baiye profile import FILE [--format NAME] [--out DIR] [--force] [--json]\n"
       "Makes profiles of what other programs know: wb-mqtt-serial's templates, Telegraf's\n"
       "inputs.modbus, mqmgateway, Home Assistant's modbus, ESPHome's modbus_controller.\n"
       "Which it is, the file says; else --format: wb-mqtt-serial, telegraf, mqmgateway,\n"
       "home-assistant or esphome. Each profile goes to DIR (here) as NAME.yaml.\n"
       "Exit 0: all was taken and is right; 1: written, but something is left out or to be\n"
       "mended; 65: nothing could be made of it; 66: no such file; 73: can't write.\n");

static const char import_usage[] =
    N_("Usage: baiye import FORMAT FILE [--out DIR] [--force] [--json]\n"
       "Makes DIR/baiye.yaml with the buses and devices of another program's configuration,\n"
       "and DIR/profiles/ with what they measure. FORMAT: telegraf, mqmgateway or\n"
       "home-assistant. What has no place here is said, line by line.\n"
       "Exit 0: all was taken and is right; 1: written, but something is left out or to be\n"
       "mended; 65: nothing could be made of it; 66: no such file; 73: can't write.\n");

struct options {
    const char *file, *folder;
    const struct import_format *format;
    bool force, json, whole; /* whole: buses and devices too */
};

/* ---- Files ---- */

/* malloc'd; NULL and an exit code. */
static char *read_file(const char *path, size_t *size, int *code)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    *code = EX_NOINPUT;
    if (file == NULL || fstat(fileno(file), &status) != 0 || S_ISDIR(status.st_mode)) {
        cli_cant_read(path, file == NULL ? errno : EISDIR);
        if (file != NULL)
            (void)fclose(file);
        return NULL;
    }
    char *text = malloc(FILE_MAX + 1);
    *size = text != NULL ? fread(text, 1, FILE_MAX + 1, file) : 0;
    (void)fclose(file);
    if (text != NULL && *size <= FILE_MAX)
        return text;
    *code = EX_DATAERR;
    if (text == NULL)
        cli_complain("out of memory");
    else
        cli_complain("%s is larger than 1 MiB", path);
    free(text);
    return NULL;
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    cli_complain("can't make %s: %s", path, strerror(errno));
    return false;
}

/* A profile, or with `device` -1 the configuration. */
static bool write_one(const struct import *import, int device, const char *path, bool force)
{
    char *text = NULL;
    size_t size = 0;
    if (!force && access(path, F_OK) == 0) {
        cli_complain("%s is there already; give another folder by --out, or --force", path);
        return false;
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        cli_complain("out of memory");
        return false;
    }
    if (device >= 0)
        import_print_profile(import, (unsigned)device, out);
    else
        import_print_config(import, out);
    bool good = fclose(out) == 0 && cli_write_file(path, text, size, 0644);
    free(text);
    return good;
}

/* ---- What is said ---- */

static void print_notes(const struct import *import, bool lost)
{
    bool any = false;
    for (unsigned i = 0; i < import->note_count; i++) {
        char text[CLI_PATH + sizeof import->notes[i].text];
        if (import->notes[i].lost != lost)
            continue;
        if (!any)
            (void)puts(lost ? _("Left out:") : _("Look at:"));
        any = true;
        (void)printf("  ");
        (void)snprintf(text, sizeof text, "%s:%d: %s", import->file, import->notes[i].line,
                       import->notes[i].text);
        screen_wrap(stdout, screen_width(stdout), NOTE_COLUMN, NOTE_COLUMN + 2, text);
    }
}

static json_t *notes_json(const struct import *import, bool lost)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < import->note_count; i++) {
        if (import->notes[i].lost == lost)
            (void)json_array_append_new(list, json_pack("{s:i,s:s}", "line", import->notes[i].line,
                                                        "text", import->notes[i].text));
    }
    return list;
}

static bool any_lost(const struct import *import)
{
    for (unsigned i = 0; i < import->note_count; i++) {
        if (import->notes[i].lost)
            return true;
    }
    return import->overflowed;
}

/* True: nothing is wrong with it. Adds to `profiles` or prints. */
static bool judge_profile(const char *path, json_t *profiles)
{
    struct profile_config profile;
    struct yaml_errors *errors = calloc(1, sizeof *errors);
    if (errors == NULL) {
        cli_complain("out of memory");
        return false;
    }
    bool good = profile_check(path, &profile, errors);
    if (profiles != NULL) {
        (void)json_array_append_new(profiles, profile_errors_json(path, errors));
    } else {
        if (good)
            profile_print_good(path, &profile);
        profile_print_errors(path, errors, stdout);
    }
    profile_free(&profile);
    free(errors);
    return good;
}

/* ---- The work ---- */

/* An exit code. */
static int write_profiles(const struct import *import, const struct options *options,
                          const char *folder, json_t *profiles)
{
    bool good = true;
    for (unsigned i = 0; i < import->device_count; i++) {
        char path[CLI_PATH];
        if (import->devices[i].same_as != i || !import_has_values(import, i))
            continue;
        if (!cli_format(path, sizeof path, "%s/%s.yaml", folder, import->devices[i].name) ||
            !write_one(import, (int)i, path, options->force))
            return EX_CANTCREAT;
        good = judge_profile(path, profiles) && good;
    }
    return good ? EX_OK : NOT_ALL;
}

/* The configuration, and whether the daemon would take it. */
static int write_config(const struct import *import, const struct options *options)
{
    char path[CLI_PATH];
    struct config_error error;
    if (!cli_format(path, sizeof path, "%s/baiye.yaml", options->folder) ||
        !write_one(import, -1, path, options->force))
        return EX_CANTCREAT;
    struct config *config = config_load(path, NULL, &error);
    if (config == NULL)
        cli_complain("%s", error.text);
    else if (!options->json)
        (void)printf(_("%s: good; `baiye check --config %s` shows the poll plan\n"), path, path);
    int code = config != NULL ? EX_OK : NOT_ALL;
    config_free(config);
    return code;
}

static int write_all(const struct import *import, const struct options *options)
{
    char folder[CLI_PATH];
    json_t *profiles = options->json ? json_array() : NULL;
    int code = EX_CANTCREAT, whole = EX_OK;
    if (make_folder(options->folder) &&
        cli_format(folder, sizeof folder, "%s%s", options->folder,
                   options->whole ? "/profiles" : "") &&
        make_folder(folder))
        code = write_profiles(import, options, folder, profiles);
    if (options->whole && code != EX_CANTCREAT)
        whole = write_config(import, options);
    if (code == EX_CANTCREAT || whole == EX_CANTCREAT) {
        json_decref(profiles);
        return EX_CANTCREAT;
    }
    if (options->json) {
        json_t *said =
            json_pack("{s:s,s:o,s:o,s:o}", "format", import->format, "profiles", profiles,
                      "left_out", notes_json(import, true), "look_at", notes_json(import, false));
        talk_dump(said);
        json_decref(said);
    } else {
        print_notes(import, true);
        print_notes(import, false);
    }
    return code != EX_OK || whole != EX_OK || any_lost(import) ? NOT_ALL : EX_OK;
}

static int run(const struct options *options)
{
    size_t size = 0;
    int code;
    char *text = read_file(options->file, &size, &code);
    struct import *import = text != NULL ? calloc(1, sizeof *import) : NULL;
    if (import == NULL) {
        if (text != NULL)
            cli_complain("out of memory");
        free(text);
        return text != NULL ? EX_OSERR : code;
    }
    code = EX_DATAERR;
    if (!import_read(import, options->file, text, size, options->format)) {
        print_notes(import, true);
        cli_complain("%s", import->error.text);
    } else {
        import_name_values(import);
        code = write_all(import, options);
    }
    import_close(import);
    free(import);
    free(text);
    return code;
}

/* ---- The commands ---- */

static const struct import_format *find_format(const char *name)
{
    const struct import_format *format = NULL;
    for (size_t i = 0; (format = import_format_at(i)) != NULL; i++) {
        if (strcmp(format->name, name) == 0)
            return format;
    }
    return NULL;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"out", required_argument, NULL, 'o'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"force", no_argument, NULL, 'F'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'o')
            options->folder = optarg;
        else if (letter == 'F')
            options->force = true;
        else if (letter == 'j')
            options->json = true;
        else if (letter != 'f' || options->whole || (options->format = find_format(optarg)) == NULL)
            return false;
    }
    return true;
}

int profile_import(int argc, char **argv)
{
    struct options options = {.folder = "."};
    if (!read_options(argc, argv, &options) || optind + 1 != argc)
        return cli_usage(profile_usage);
    options.file = argv[optind];
    return run(&options);
}

int cli_import(int argc, char **argv)
{
    struct options options = {.folder = ".", .whole = true};
    if (!read_options(argc, argv, &options) || optind + 2 != argc ||
        (options.format = find_format(argv[optind])) == NULL ||
        strcmp(options.format->name, "wb-mqtt-serial") == 0 ||
        strcmp(options.format->name, "esphome") == 0)
        return cli_usage(import_usage);
    options.file = argv[optind + 1];
    return run(&options);
}
