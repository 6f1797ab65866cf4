/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/common/file_help.h"
#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"

/* Fitted to a terminal. A text may have lines of its own: commands, to be copied. */
static void print_lines(FILE *out, unsigned at, char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL && (text != NULL || *line != '\0');
         at = 0) {
        size_t blanks = strspn(line, " ");
        (void)fprintf(out, "%*s", (int)blanks, "");
        screen_wrap(out, screen_width(out), at + (unsigned)blanks,
                    at > 0 ? 2 : (unsigned)blanks + 2, line + blanks);
    }
}

void cli_complain(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, gettext(format), args); /* a longer one is cut */
    va_end(args);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    text[plain_text(text, size)] = '\0';
    outcome_complain(text);
    print_lines(stderr, (unsigned)fprintf(stderr, "baiye: "), text);
}

void cli_cant_read(const char *path, int error)
{
    static const char format[] = N_("can't read %s: %s; %s");
    const struct file_reader reader = file_reader_self();
    char help[FILE_HELP_SIZE];
    file_help(&reader, path, error, gettext(format) != format, help);
    cli_complain(format, path, strerror(error), help);
}

void cli_say(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a longer one is cut */
    va_end(args);
    print_lines(stdout, 0, text);
}

bool cli_format(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(out, size, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < size)
        return true;
    cli_complain("a name or path is longer than %zu bytes", size - 1);
    return false;
}

bool cli_folder(const char *file, char *out, size_t size)
{
    const char *slash = strrchr(file, '/');
    if (slash == NULL)
        return cli_format(out, size, ".");
    return cli_format(out, size, "%.*s", slash == file ? 1 : (int)(slash - file), file);
}

int cli_run(bool quiet, const char *const *arguments)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0) {
        cli_complain("can't start %s: %s", arguments[0], strerror(errno));
        return -1;
    }
    if (pid == 0) {
        int nowhere = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
        if (nowhere >= 0) {
            (void)dup2(nowhere, STDOUT_FILENO);
            (void)dup2(nowhere, STDERR_FILENO);
        }
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
        cli_complain("%s was killed", arguments[0]);
        return -1;
    }
    if (WEXITSTATUS(status) == 127)
        cli_complain("%s can't be run: is it installed?", arguments[0]);
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

bool cli_write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool cli_write_file(const char *path, const void *data, size_t size, mode_t mode)
{
    char fresh[CLI_PATH];
    struct stat old;
    if (!cli_format(fresh, sizeof fresh, "%s.new-%d", path, (int)getpid()))
        return false;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0;
    if (ok && stat(path, &old) == 0)
        ok = fchown(fd, old.st_uid, old.st_gid) == 0 && fchmod(fd, old.st_mode & 07777) == 0;
    else if (ok)
        ok = fchmod(fd, mode) == 0;
    ok = ok && cli_write_all(fd, data, size) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) < 0)
        ok = false;
    ok = ok && rename(fresh, path) == 0;
    if (!ok) {
        cli_complain("can't write %s: %s", path, strerror(errno));
        (void)unlink(fresh);
    }
    return ok;
}

bool cli_random_text(char *out, size_t bytes)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* 31 */
    size_t at = 0;
    while (at < bytes) {
        unsigned char random;
        if (getrandom(&random, 1, 0) != 1)
            return false;
        if (random < 248) /* 8 times 31: each letter as likely as any other */
            out[at++] = letters[random % 31];
    }
    out[bytes] = '\0';
    return true;
}
