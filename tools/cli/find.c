/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye find`: who is at the other end of a port, at which rate and address, and what it is. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "gateway/common/serial.h"
#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/commission/survey.h"
#include "tools/cli/cli.h"
#include "tools/cli/show.h"

static const char usage[] =
    N_("Usage: baiye find --port PORT [--profiles DIR] [--all] [--every-address] [--json]\n"
       "Looks who is at a serial port: at every rate and parity that devices are set to,\n"
       "our nodes by serial number, others at the addresses that factories and people\n"
       "give; --every-address: at all of them (minutes a rate). Ends at the first rate at\n"
       "which somebody answers; --all: looks at every rate. A port that the gateway polls\n"
       "is had by  baiye line run BUS -- baiye find --port {port}\n"
       "Exit 0: found; 1: somebody answers, but is not recognised; 69: nobody answers.\n");

struct find {
    const char *port, *profiles;
    bool all, every_address, json;
};

static bool read_options(int argc, char **argv, struct find *find)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'},
        {"profiles", required_argument, NULL, 'f'},
        {"all", no_argument, NULL, 'a'},
        {"every-address", no_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'p')
            find->port = optarg;
        else if (letter == 'f')
            find->profiles = optarg;
        else if (letter == 'a')
            find->all = true;
        else if (letter == 'e')
            find->every_address = true;
        else if (letter == 'j')
            find->json = true;
        else if (letter != 'c')
            return false;
    }
    return optind == argc && find->port != NULL;
}

static int report(const struct survey *survey, const struct find *find)
{
    bool known = survey->count > 0;
    for (unsigned i = 0; i < survey->count; i++) {
        known = known && survey->found[i].profile != NULL;
        if (find->json)
            show_found_json(&survey->found[i]);
        else
            show_found(&survey->found[i]);
    }
    if (survey->bench->echo && !find->json)
        (void)puts(_("note: the adapter hears what it sends (echo); that does no harm"));
    if (survey->count > 0)
        return known ? EX_OK : 1;
    if (survey->bench->garbled > 0)
        cli_complain("nobody answers in one piece, but %u times something came: another master on "
                     "the line, A and B swapped, or a rate that is not tried",
                     survey->bench->garbled);
    else
        cli_complain("nobody answers: is it powered, are A and B swapped? --every-address looks at "
                     "addresses above 10");
    return EX_UNAVAILABLE;
}

static int look(struct survey *survey, const struct find *find)
{
    static const struct serial_timing none;
    struct serial_timing settings[SURVEY_SETTINGS];
    unsigned count = survey_settings(survey->book, &none, settings);
    bool going = true;
    for (unsigned i = 0; going && i < count && (find->all || survey->count == 0); i++)
        going = survey_look(survey, &settings[i]);
    if (going)
        (void)survey_recognise(survey);
    show_step_end();
    return report(survey, find);
}

int cli_find(int argc, char **argv)
{
    struct find find = {0};
    struct recognise_book book;
    struct bench bench;
    char text[BUS_OPEN_TEXT_SIZE];
    const struct serial_timing wire = {.baud = 9600, .parity = 'N', .stop_bits = 1};
    if (!read_options(argc, argv, &find))
        return cli_usage(usage);
    if (find.profiles != NULL && access(find.profiles, R_OK | X_OK) != 0)
        cli_cant_read(find.profiles, errno); /* the shipped ones are known all the same */
    int error = bench_open(&bench, find.port, &wire);
    if (error != 0) {
        cli_complain("%s: %s; a port that the gateway has: baiye line run BUS -- baiye find --port "
                     "{port}",
                     find.port, bus_open_text(error, find.port, text));
        return EX_UNAVAILABLE;
    }
    struct survey *survey = calloc(1, sizeof *survey);
    int code = EX_OSERR;
    if (survey != NULL && recognise_open(&book, find.profiles)) {
        survey->bench = &bench;
        survey->book = &book;
        survey->every_address = find.every_address;
        survey->step = show_step;
        code = look(survey, &find);
        recognise_close(&book);
    }
    free(survey);
    bench_close(&bench);
    return code;
}
