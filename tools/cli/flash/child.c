/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/clock.h"

#define GRACE_MS   3000 /* for a child that was asked to end */
#define SLICE_MS   100
#define SHOW_LINES 6
#define LINE_MAX_  512

static volatile sig_atomic_t interrupted;

void command_add(struct command *command, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof command->text - command->used;
    char *text = command->text + command->used;
    va_start(arguments, format);
    int length = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room || command->count == CHILD_ARGUMENTS_MAX) {
        command->failed = true;
        return;
    }
    command->used += (size_t)length + 1;
    command->argv[command->count++] = text;
    command->argv[command->count] = NULL;
}

void command_print(const struct command *command)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:=,@+";
    for (unsigned i = 0; i < command->count; i++) {
        const char *text = command->argv[i];
        bool quoted = text[0] == '\0' || text[strspn(text, plain)] != '\0';
        (void)fputs(i > 0 ? " " : "  ", stdout);
        if (quoted)
            (void)putchar('\'');
        for (; *text != '\0'; text++) {
            if (*text == '\'')
                (void)fputs("'\\''", stdout);
            else
                (void)putchar(*text);
        }
        if (quoted)
            (void)putchar('\'');
    }
    (void)putchar('\n');
}

bool child_there(const char *program)
{
    const char *path = getenv("PATH");
    for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0';) {
        char file[4096];
        size_t length = strcspn(at, ":");
        int made = snprintf(file, sizeof file, "%.*s/%s", (int)length, at, program);
        if (made > 0 && (size_t)made < sizeof file && access(file, X_OK) == 0)
            return true;
        at += length;
        at += *at == ':';
    }
    return false;
}

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* In the child: a process group of its own, so that Ctrl-C comes through us and once. Does not
 * return. */
static void become(const struct command *command, int output, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
        setenv("LC_ALL", "C", 1) != 0)
        _exit(127);
    execvp(command->argv[0], (char *const *)(uintptr_t)command->argv);
    _exit(127);
}

struct reader {
    char line[LINE_MAX_];
    size_t size;
    void (*call)(void *context, const char *text);
    void *context;
};

static void read_lines(struct reader *reader, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n' || data[i] == '\r' || reader->size + 1 == sizeof reader->line) {
            reader->line[reader->size] = '\0';
            if (reader->size > 0 && reader->call != NULL)
                reader->call(reader->context, reader->line);
            reader->size = 0;
        }
        if (data[i] != '\n' && data[i] != '\r')
            reader->line[reader->size++] = data[i];
    }
}

/* What is there now; false at the end of the output. */
static bool take(int fd, struct child *child, struct reader *reader)
{
    char data[4096];
    ssize_t got = read(fd, data, sizeof data);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    size_t room = sizeof child->output - 1 - child->size;
    size_t kept = (size_t)got < room ? (size_t)got : room;
    memcpy(child->output + child->size, data, kept);
    child->size += kept;
    child->output[child->size] = '\0';
    read_lines(reader, data, (size_t)got);
    return got > 0;
}

/* Reads until the child is gone, or had its time; then it is asked to end, then killed. One that
 * is gone is asked about no more, and what it left in the pipe is still read. */
static int attend(pid_t pid, int fd, int timeout_s, struct child *child, struct reader *reader)
{
    int64_t until = clock_mono_ms() + timeout_s * INT64_C(1000);
    bool open = true, asked = false, gone = false;
    int status = 0;
    for (;;) {
        pid_t waited = gone ? 0 : waitpid(pid, &status, WNOHANG);
        if (waited < 0 && errno != EINTR)
            return -1;
        gone = gone || waited == pid;
        struct pollfd poller = {.fd = open ? fd : -1, .events = POLLIN};
        if (poll(&poller, 1, gone ? 0 : SLICE_MS) > 0)
            open = take(fd, child, reader);
        else if (gone)
            return status;
        bool late = clock_mono_ms() >= until;
        if (gone && late)
            return status; /* what it started goes on talking */
        if (!asked && !gone && (interrupted || late)) {
            child->end = interrupted ? CHILD_INTERRUPTED : CHILD_LATE;
            asked = true;
            until = clock_mono_ms() + GRACE_MS;
            (void)kill(-pid, interrupted ? SIGINT : SIGTERM);
        } else if (asked && late) {
            (void)kill(-pid, SIGKILL);
            until = INT64_MAX;
        }
    }
}

void child_run(const struct command *command, int timeout_s, struct child *child,
               void (*line)(void *context, const char *text), void *context)
{
    struct sigaction note = {.sa_handler = note_interrupt}, old_int, old_term;
    struct reader reader = {.call = line, .context = context};
    int pipe_fds[2];
    child->end = CHILD_MISSING;
    child->size = 0;
    child->output[0] = '\0';
    if (command->failed || pipe2(pipe_fds, O_CLOEXEC) != 0)
        return;
    interrupted = 0;
    (void)sigaction(SIGINT, &note, &old_int);
    (void)sigaction(SIGTERM, &note, &old_term);
    (void)fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)sigaction(SIGINT, &old_int, NULL);
        (void)sigaction(SIGTERM, &old_term, NULL);
        become(command, pipe_fds[1], parent);
    }
    (void)close(pipe_fds[1]);
    if (pid > 0) {
        (void)setpgid(pid, pid);
        child->end = CHILD_DONE;
        int status = attend(pid, pipe_fds[0], timeout_s, child, &reader);
        child->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (child->end == CHILD_DONE && interrupted)
            child->end = CHILD_INTERRUPTED;
        else if (child->end == CHILD_DONE && !WIFEXITED(status))
            child->end = CHILD_KILLED;
        else if (child->end == CHILD_DONE && child->code == 127)
            child->end = CHILD_MISSING;
    }
    (void)close(pipe_fds[0]);
    (void)sigaction(SIGINT, &old_int, NULL);
    (void)sigaction(SIGTERM, &old_term, NULL);
}

void child_show(const struct child *child)
{
    size_t at = child->size;
    unsigned lines = 0;
    while (at > 0 && lines <= SHOW_LINES) {
        at--;
        if (child->output[at] == '\n' && at + 1 < child->size)
            lines++;
    }
    for (const char *line = child->output + at; *line != '\0';) {
        size_t size = strcspn(line, "\r\n");
        if (size > 0)
            (void)fprintf(stderr, "    | %.*s\n", (int)size, line);
        line += size;
        line += *line != '\0';
    }
}
