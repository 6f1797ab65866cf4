/* SPDX-License-Identifier: Apache-2.0 */
/* baiye update: gives an image file to the daemon, which updates the garden by itself, and shows
 * how far it is and what became of each node. The daemon goes on when nobody watches. */
#include <errno.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/image.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define BAR         30
#define BACK_TRIES  120 /* of finding a gateway that went away, */
#define BACK_MS     500 /* one each */
#define INTERRUPTED 130 /* as shells have it for SIGINT */

struct update_options {
    const char *socket_path, *bus, *image;
    json_t *devices; /* names, or NULL: all */
    bool dry_run, json, stop;
    int share;
};

/* ---- while it runs ---- */

/* Looked up before the signal may come: gettext() is not for its handler. */
static const char *farewell;

static void interrupted(int number)
{
    (void)number;
    ssize_t written = write(STDERR_FILENO, farewell, strlen(farewell));
    (void)written;
    _exit(INTERRUPTED);
}

static void show_progress(const json_t *body)
{
    int permille = (int)json_integer_value(json_object_get(body, "permille"));
    const json_t *left = json_object_get(body, "seconds_left");
    int left_s = (int)json_integer_value(left);
    char bar[BAR + 1], time_left[32] = "";
    if (!isatty(STDERR_FILENO))
        return;
    for (int i = 0; i < BAR; i++)
        bar[i] = i * 1000 < permille * BAR ? '#' : '.';
    bar[BAR] = '\0';
    if (left != NULL)
        (void)snprintf(time_left, sizeof time_left, _(", %d min %02d s left"), left_s / 60,
                       left_s % 60);
    (void)fprintf(stderr, "\r%79s\r[%s] %3d %%  %s: %s%s", "", bar, permille / 10,
                  talk_text(body, "bus"), talk_words(talk_text(body, "phase")), time_left);
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%79s\r", "");
}

/* ---- the request ---- */

static json_t *request_of(const struct update_options *options, const struct cli_image_file *file)
{
    json_t *params = json_object();
    if (options->stop)
        (void)json_object_set_new(params, "stop", json_true());
    if (options->bus != NULL)
        (void)json_object_set_new(params, "bus", json_string(options->bus));
    if (options->devices != NULL)
        (void)json_object_set(params, "devices", options->devices);
    if (options->dry_run)
        (void)json_object_set_new(params, "dry_run", json_true());
    if (options->share > 0)
        (void)json_object_set_new(params, "share", json_integer(options->share));
    if (file->data != NULL) {
        unsigned char *text = malloc((file->size + 2) / 3 * 4 + 1);
        if (text != NULL)
            (void)EVP_EncodeBlock(text, file->data, (int)file->size);
        (void)json_object_set_new(params, "image", json_string((const char *)text));
        free(text);
    }
    return params;
}

/* The gateway hung up in the middle: it restarts, and goes on by itself. */
static bool find_again(struct talk *talk, const char *socket_path)
{
    const struct timespec pause = {.tv_nsec = BACK_MS * 1000000L};
    talk_close(talk);
    cli_complain("waiting for the gateway, which goes on with the update by itself");
    for (int i = 0; i < BACK_TRIES; i++) {
        (void)nanosleep(&pause, NULL);
        if (talk_try(talk, socket_path))
            return true;
    }
    cli_complain("the gateway does not come back (%s); when it does, it goes on with the update",
                 strerror(errno));
    return false;
}

/* A gateway that has just started may still be reading what it was about. */
static bool is_busy_starting(const json_t *answer)
{
    return strcmp(talk_text(json_object_get(answer, "error"), "code"), "starting") == 0;
}

/* The daemon's last word; NULL after a complaint. */
static json_t *follow(const struct update_options *options, const struct cli_image_file *file)
{
    struct talk talk;
    if (!talk_open(&talk, options->socket_path))
        return NULL;
    json_t *answer = NULL;
    while (answer == NULL) {
        answer = talk_ask(&talk, "update", request_of(options, file),
                          options->json ? NULL : show_progress);
        if (answer != NULL && !is_busy_starting(answer))
            break;
        json_decref(answer);
        answer = NULL;
        if (!find_again(&talk, options->socket_path))
            break;
    }
    talk_close(&talk);
    if (!options->json)
        clear_progress();
    if (answer != NULL && talk_failed(answer)) {
        json_decref(answer);
        return NULL;
    }
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

/* ---- what became of it ---- */

static void print_node(const json_t *node, const char *version, int width)
{
    const char *state = talk_text(node, "state"), *before = talk_text(node, "before");
    char firmware[32];
    if (strcmp(state, "updated") == 0 || strcmp(state, "would-take") == 0)
        (void)snprintf(firmware, sizeof firmware, "%s -> %s", before, version);
    else
        (void)snprintf(firmware, sizeof firmware, "%s", before);
    (void)printf("%-*s  ", width, talk_text(node, "device"));
    show_padded(talk_words(state), 12);
    (void)printf("%-20s  ", firmware);
    screen_wrap(stdout, screen_width(stdout), (unsigned)width + 36, (unsigned)width + 36,
                talk_words(talk_text(node, "reason")));
}

/* "3 updated, 1 failed" in the order in which they came. */
static void print_sum(const json_t *nodes)
{
    static const char *const states[] = {N_("updated"), N_("current"),    N_("would-take"),
                                         N_("skipped"), N_("unfinished"), N_("failed"),
                                         N_("silent")};
    const char *comma = "";
    for (size_t k = 0; k < sizeof states / sizeof states[0]; k++) {
        unsigned count = 0;
        size_t i;
        const json_t *node;
        json_array_foreach (nodes, i, node) {
            count += strcmp(talk_text(node, "state"), states[k]) == 0;
        }
        if (count > 0)
            (void)printf("%s%u %s", comma, count, gettext(states[k]));
        comma = count > 0 ? ", " : comma;
    }
    (void)putchar('\n');
}

static bool is_fine(const char *state)
{
    static const char *const fine[] = {"updated", "current", "skipped", "would-take"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (strcmp(state, fine[i]) == 0)
            return true;
    }
    return false;
}

/* Not one of them takes it: the image is for other boards than those of this garden. */
static bool all_skipped(const json_t *nodes)
{
    size_t i;
    const json_t *node;
    json_array_foreach (nodes, i, node) {
        if (strcmp(talk_text(node, "state"), "skipped") != 0)
            return false;
    }
    return true;
}

static void print_heads(int width)
{
    show_padded(_("device"), (size_t)width + 2);
    show_padded(_("state"), 12);
    show_padded(_("firmware"), 22);
    (void)puts(_("remarks"));
}

/* True: every node runs what it should, or would. */
static bool print_result(const json_t *result, const struct update_options *options)
{
    const json_t *nodes = json_object_get(result, "nodes"), *node;
    const char *version = talk_text(result, "version");
    bool good = true;
    int width = 6;
    size_t i;
    json_array_foreach (nodes, i, node) {
        int length = (int)strlen(talk_text(node, "device"));
        width = length > width ? length : width;
    }
    if (!options->json)
        print_heads(width);
    json_array_foreach (nodes, i, node) {
        good = good && is_fine(talk_text(node, "state"));
        if (options->json)
            talk_dump(node);
        else
            print_node(node, version, width);
    }
    if (!options->json)
        print_sum(nodes);
    if (all_skipped(nodes)) {
        cli_complain(
            "no node takes this image: it is for another board (baiye image FILE says which)");
        return false;
    }
    return good;
}

/* ---- the command ---- */

static const char usage[] = N_(
    "Usage: baiye update IMAGE [--bus B] [--device D]... [--dry-run] [--share PERCENT] [--json]\n"
    "       baiye update [--stop]\n"
    "Brings all nodes, or those named, to this firmware while they go on measuring; without an\n"
    "image: shows the update that is under way.\n"
    "  --bus B            only the nodes of this bus\n"
    "  --device D         only this node; may be given several times\n"
    "  --dry-run          only ask who would take it\n"
    "  --share PERCENT    of the line's time, 1 to 100 (50); polls go first at any share\n"
    "  --stop             end the update that is under way; nodes keep what they have\n"
    "  --json             one object a node and line\n"
    "  --socket FILE      of the gateway (/run/baiye/control.sock)\n"
    "The gateway goes on when this command is interrupted, and after a loss of power; the same\n"
    "command shows it again.\n"
    "Exit 0: all nodes run it; 65: the image is wrong; 69: no update is under way, or no gateway;\n"
    "75: some do not, see the table.\n");

static bool take_share(const char *text, int *share)
{
    char *end;
    long value = strtol(text, &end, 10);
    *share = (int)value;
    return end != text && *end == '\0' && value >= 1 && value <= 100;
}

static bool take_option(int letter, struct update_options *options)
{
    switch (letter) {
    case 'b':
        options->bus = optarg;
        return true;
    case 'd':
        if (options->devices == NULL)
            options->devices = json_array();
        return json_array_append_new(options->devices, json_string(optarg)) == 0;
    case 'n':
        options->dry_run = true;
        return true;
    case 'p':
        return take_share(optarg, &options->share);
    case 's':
        options->socket_path = optarg;
        return true;
    case 'j':
        options->json = true;
        return true;
    case 't':
        options->stop = true;
        return true;
    default:
        return letter == 'c';
    }
}

static bool read_options(int argc, char **argv, struct update_options *options)
{
    static const struct option longs[] = {
        {"bus", required_argument, NULL, 'b'},
        {"device", required_argument, NULL, 'd'},
        {"dry-run", no_argument, NULL, 'n'},
        {"share", required_argument, NULL, 'p'},
        TALK_OPTIONS,
        {"stop", no_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (!take_option(letter, options))
            return false;
    }
    if (optind + 1 == argc)
        options->image = argv[optind];
    bool alone = options->bus == NULL && options->devices == NULL && !options->dry_run;
    return optind + 1 >= argc && (options->image != NULL ? !options->stop : alone);
}

int cli_update(int argc, char **argv)
{
    struct update_options options = {.socket_path = CLI_SOCKET};
    struct cli_image_file file = {0};
    int status = EX_USAGE;
    if (!read_options(argc, argv, &options))
        status = cli_usage(usage);
    else if (options.image != NULL && !cli_image_load(options.image, &file))
        status = EX_DATAERR;
    else {
        farewell = _("\nThe update goes on in the gateway.\n"
                     "`baiye update` shows it again, `baiye update --stop` ends it.\n");
        if (!options.dry_run && !options.stop)
            (void)signal(SIGINT, interrupted);
        json_t *result = follow(&options, &file);
        status = result == NULL                   ? EX_UNAVAILABLE
                 : print_result(result, &options) ? EX_OK
                                                  : EX_TEMPFAIL;
        json_decref(result);
    }
    free(file.data);
    json_decref(options.devices);
    return status;
}
