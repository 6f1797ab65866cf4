/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye line run BUS -- COMMAND…`: another tool has the line of a bus for as long as it runs. The
 * gateway is asked for a short pause again and again: should this program be killed, polling goes
 * on by itself. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/line/look.h"
#include "tools/cli/line/pause.h"

#define WORD_MAX 1024

json_t *line_pause(const char *socket_path, const char *bus, int seconds)
{
    struct talk talk;
    if (!talk_open(&talk, socket_path))
        return NULL;
    json_t *answer =
        talk_ask(&talk, "pause", json_pack("{s:s,s:i}", "bus", bus, "seconds", seconds), NULL);
    talk_close(&talk);
    if (answer != NULL && talk_failed(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* {port} and {baud} in a word of the command. */
static bool fill_in(const char *word, const char *port, const char *baud, char out[WORD_MAX])
{
    size_t at = 0;
    while (*word != '\0') {
        const char *put = strncmp(word, "{port}", 6) == 0   ? port
                          : strncmp(word, "{baud}", 6) == 0 ? baud
                                                            : NULL;
        size_t size = put != NULL ? strlen(put) : 1;
        if (at + size >= WORD_MAX)
            return false;
        memcpy(out + at, put != NULL ? put : word, size);
        at += size;
        word += put != NULL ? 6 : 1;
    }
    out[at] = '\0';
    return true;
}

/* In the child: never comes back. */
static void become(int argc, char **argv, const json_t *line)
{
    char baud[16], stop_bits[16];
    char(*words)[WORD_MAX] = calloc((size_t)argc, sizeof *words);
    char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    if (words == NULL || arguments == NULL)
        _exit(126);
    (void)snprintf(baud, sizeof baud, "%lld", talk_integer(line, "baud"));
    (void)snprintf(stop_bits, sizeof stop_bits, "%lld", talk_integer(line, "stop_bits"));
    for (int i = 0; i < argc; i++) {
        if (!fill_in(argv[i], talk_text(line, "port"), baud, words[i]))
            _exit(126);
        arguments[i] = words[i];
    }
    if (setenv("BAIYE_PORT", talk_text(line, "port"), 1) != 0 ||
        setenv("BAIYE_BAUD", baud, 1) != 0 || setenv("BAIYE_STOP_BITS", stop_bits, 1) != 0 ||
        setenv("BAIYE_PARITY", talk_text(line, "parity"), 1) != 0)
        _exit(126);
    (void)signal(SIGINT, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* the pause ends soon after us: so must the tool */
    execvp(arguments[0], arguments);
    cli_complain("%s can't be run: %s", arguments[0], strerror(errno));
    _exit(127);
}

/* Renews the pause until the child has ended; its status. */
static int wait_for(pid_t child, const char *socket_path, const char *bus)
{
    int status = 0, fd = pidfd_open(child, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    while (fd >= 0 && poll(&ended, 1, LINE_RENEW_MS) <= 0) {
        json_t *answer = line_pause(socket_path, bus, LINE_PAUSE_S);
        json_decref(answer); /* NULL: the gateway ended; the port is free all the same */
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static int run(const char *socket_path, const char *bus, int argc, char **argv)
{
    json_t *paused = line_pause(socket_path, bus, LINE_PAUSE_S);
    const json_t *line = json_object_get(paused, "result");
    if (line == NULL)
        return EX_UNAVAILABLE;
    if (talk_integer(line, "tcp_port") == 0)
        (void)fprintf(stderr, _("baiye: %s is free, %lld baud, parity %s, %lld stop bits\n"),
                      talk_text(line, "port"), talk_integer(line, "baud"),
                      talk_text(line, "parity"), talk_integer(line, "stop_bits"));
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C is for the tool; what comes after it is ours to do */
    pid_t child = fork();
    if (child == 0)
        become(argc, argv, line);
    int status = child > 0 ? wait_for(child, socket_path, bus) : EX_OSERR << 8;
    json_decref(paused);
    json_decref(line_pause(socket_path, bus, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char usage[] =
    N_("Usage: baiye line run BUS [--socket FILE] -- COMMAND [ARGUMENT]...\n"
       "{port} and {baud} in the command are those of the bus.\n");

static int cli_line_run(int argc, char **argv)
{
    static const struct option longs[] = {TALK_OPTIONS, {NULL, 0, NULL, 0}};
    const char *socket_path = CLI_SOCKET;
    int letter;
    bool good = true;
    while ((letter = cli_option(argc, argv, "+", longs)) != -1) {
        if (letter == 's')
            socket_path = optarg;
        else if (letter != 'c')
            good = false;
    }
    /* run BUS [--socket FILE] -- COMMAND… */
    char **words = argv + optind;
    int count = argc - optind;
    good = good && count >= 2 && strcmp(words[0], "run") == 0;
    const char *bus = good ? words[1] : "";
    int at = 2;
    while (good && at + 1 < count && strcmp(words[at], "--socket") == 0) {
        socket_path = words[at + 1];
        at += 2;
    }
    if (!good || at + 1 >= count || strcmp(words[at], "--") != 0)
        return cli_usage(usage);
    return run(socket_path, bus, count - at - 1, words + at + 1);
}

/* Is "run" its first word, or behind the options that are this program's? */
static bool is_run(int argc, char **argv)
{
    int at = 1;
    while (at + 1 < argc &&
           (strcmp(argv[at], "--socket") == 0 || strcmp(argv[at], "--config") == 0))
        at += 2;
    return at < argc && strcmp(argv[at], "run") == 0;
}

int cli_line(int argc, char **argv)
{
    return is_run(argc, argv) ? cli_line_run(argc, argv) : cli_line_look(argc, argv);
}
