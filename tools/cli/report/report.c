/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye report BUS|SITE`: what a technician and a customer sign when a line is handed over. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/report/document.h"
#include "tools/cli/report/job.h"
#include "tools/cli/report/pdf.h"
#include "tools/cli/report/photo.h"

#define POLLS     1000
#define POLLS_MAX 10000

static const char usage[] =
    N_("Usage: baiye report BUS|SITE [--out FILE] [--pdf] [--photos DIR] [--operator NAME]\n"
       "         [--polls N] [--lang zh|en] [--json] [--config FILE] [--socket FILE]\n"
       "Makes an acceptance sheet to sign, of a line or of the whole site: serial numbers,\n"
       "places, firmware, calibration, values, and how each device answers 1000 polls\n"
       "(--polls N), made by the running gateway beside its own. --out: the file, else\n"
       "NAME-DATE.html here; --pdf: a PDF beside it, where Chromium is; --photos: a folder\n"
       "with DEVICE.jpg, .png or .webp of the labels; --json: all of it on standard output,\n"
       "and a file only with --out.\n"
       "Exit 0: all devices pass; 1: some do not, and the sheet says which; 69: no gateway,\n"
       "or no PDF.\n");

struct options {
    const char *name, *config, *socket_path, *out, *photos, *operator, * language;
    unsigned polls;
    bool pdf, json;
};

static bool take_option(int letter, struct options *options)
{
    char *end = NULL;
    switch (letter) {
    case 'o':
        options->out = optarg;
        return optarg[0] != '\0';
    case 'p':
        options->pdf = true;
        return true;
    case 'd':
        options->photos = optarg;
        return true;
    case 'w':
        options->operator= optarg;
        return true;
    case 'n':
        options->polls = (unsigned)strtoul(optarg, &end, 10);
        return *end == '\0' && options->polls >= 1 && options->polls <= POLLS_MAX;
    case 'l':
        options->language = optarg;
        return strcmp(optarg, "zh") == 0 || strcmp(optarg, "en") == 0;
    case 'j':
        options->json = true;
        return true;
    case 's':
        options->socket_path = optarg;
        return true;
    case 'c':
        options->config = optarg;
        return true;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"out", required_argument, NULL, 'o'},
                                          {"pdf", no_argument, NULL, 'p'},
                                          {"photos", required_argument, NULL, 'd'},
                                          {"operator", required_argument, NULL, 'w'},
                                          {"polls", required_argument, NULL, 'n'},
                                          {"lang", required_argument, NULL, 'l'},
                                          TALK_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (!take_option(letter, options))
            return false;
    }
    options->name = optind < argc ? argv[optind] : "";
    return optind + 1 == argc && !(options->pdf && options->json && options->out == NULL);
}

/* From now on all texts are in it, also complaints. */
static void speak(const char *language)
{
    if (language == NULL)
        return;
    (void)setenv("LC_ALL", language[0] == 'z' ? "zh_CN.UTF-8" : "C", 1);
    if (language[0] == 'z')
        language_open();
    else
        language_close();
}

/* False and a complaint: there is neither a bus nor a site of that name, or nobody is on it. */
static bool find_scope(struct report_job *job, const char *name)
{
    const struct config *config = job->config;
    unsigned devices = 0;
    bool found = strcmp(name, config->site) == 0;
    for (unsigned i = 0; i < config->bus_count; i++) {
        if (strcmp(name, config->buses[i].name) == 0) {
            job->bus = &config->buses[i];
            found = true;
        }
    }
    for (unsigned i = 0; i < config->device_count; i++)
        devices += job->bus == NULL || &config->buses[config->devices[i].bus] == job->bus;
    if (!found)
        cli_complain("there is no bus \"%s\" in %s, and its site is \"%s\"", name, config->file,
                     config->site);
    else if (devices == 0)
        cli_complain("%s has no devices yet; `baiye commission` brings up a line", name);
    return found && devices > 0;
}

static bool choose_file(const struct options *options, char file[CLI_PATH])
{
    char day[16] = "";
    struct tm local;
    time_t now = time(NULL);
    if (options->out != NULL)
        return cli_format(file, CLI_PATH, "%s", options->out);
    if (localtime_r(&now, &local) == NULL || strftime(day, sizeof day, "%Y-%m-%d", &local) == 0)
        day[0] = '\0';
    return cli_format(file, CLI_PATH, "%s-%s.html", options->name, day);
}

/* "x.html" becomes "x.pdf". */
static bool pdf_name(const char *file, char pdf[CLI_PATH])
{
    size_t size = strlen(file);
    bool html = size > 5 && strcmp(file + size - 5, ".html") == 0;
    return cli_format(pdf, CLI_PATH, "%.*s.pdf", (int)(html ? size - 5 : size), file);
}

static int write_files(const struct options *options, const char *html, size_t size)
{
    char file[CLI_PATH], pdf[CLI_PATH];
    if (!choose_file(options, file) || !pdf_name(file, pdf))
        return EX_CANTCREAT;
    if (!cli_write_file(file, html, size, 0644))
        return EX_CANTCREAT;
    if (!options->json)
        (void)printf("%s\n", file);
    int code = options->pdf ? pdf_print(html, size, pdf) : EX_OK;
    if (code == EX_OK && options->pdf && !options->json)
        (void)printf("%s\n", pdf);
    return code;
}

static int make_sheet(const struct options *options, const json_t *report)
{
    char *html = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&html, &size);
    if (out == NULL)
        return EX_OSERR;
    document_write(out, report, language_chinese() ? "zh-CN" : "en");
    bool good = ferror(out) == 0;
    good = fclose(out) == 0 && good;
    int code = good ? write_files(options, html, size) : EX_OSERR;
    free(html);
    return code;
}

static void say_result(const json_t *report)
{
    const json_t *device;
    size_t i;
    char few[320];
    json_array_foreach (json_object_get(report, "devices"), i, device) {
        const json_t *polls = json_object_get(device, "polls");
        (void)printf(_("%-24s %6.2f %% errors of %lld polls, %s\n"), talk_text(device, "name"),
                     100 * json_number_value(json_object_get(polls, "error_rate")),
                     talk_integer(polls, "polls"),
                     json_is_true(json_object_get(device, "passed")) ? _("passed")
                                                                     : _("NOT PASSED"));
    }
    if (document_shows_too_little(report, few, sizeof few))
        cli_say("%s", few);
}

static void dump(json_t *report)
{
    json_t *device;
    size_t i;
    json_array_foreach (json_object_get(report, "devices"), i, device) {
        (void)json_object_del(device, "photo_data");
    }
    talk_dump(report);
}

static int with_config(const struct options *options, const struct config *config)
{
    struct report_job job = {.config = config,
                             .operator= options->operator,
                             .photos = options->photos,
                             .polls = options->polls,
                             .photos_left = PHOTO_ALL};
    int code = EX_UNAVAILABLE;
    if (!find_scope(&job, options->name))
        return EX_NOINPUT;
    if (!talk_open(&job.talk, options->socket_path))
        return EX_UNAVAILABLE;
    json_t *report = report_gather(&job, &code);
    talk_close(&job.talk);
    if (report == NULL)
        return code;
    if (!options->json)
        say_result(report);
    if (!options->json || options->out != NULL) {
        int made = make_sheet(options, report);
        code = made != EX_OK ? made : code;
    }
    if (options->json)
        dump(report);
    json_decref(report);
    return code;
}

int cli_report(int argc, char **argv)
{
    struct options options = {.config = CLI_CONFIG, .socket_path = CLI_SOCKET, .polls = POLLS};
    struct config_error error;
    if (!read_options(argc, argv, &options))
        return cli_usage(usage);
    speak(options.language);
    struct config *config = config_load(options.config, NULL, &error);
    if (config == NULL) {
        cli_complain("%s", error.text);
        return EX_CONFIG;
    }
    int code = with_config(&options, config);
    config_free(config);
    return code;
}
