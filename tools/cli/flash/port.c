/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/bus/bus.h"
#include "tools/cli/cli.h"

#define NAME_MAX_ 64

static bool has_open(const char *pid, const char *device)
{
    char folder[300], link[600], target[CLI_PATH];
    (void)snprintf(folder, sizeof folder, "/proc/%.32s/fd", pid);
    DIR *fds = opendir(folder);
    bool found = false;
    for (const struct dirent *fd; fds != NULL && !found && (fd = readdir(fds)) != NULL;) {
        (void)snprintf(link, sizeof link, "%s/%.200s", folder, fd->d_name);
        ssize_t size = readlink(link, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        found = size > 0 && strcmp(target, device) == 0;
    }
    if (fds != NULL)
        (void)closedir(fds);
    return found;
}

/* "baiyed (process 123)" of who has the device open, as far as we may see; the gateway first. */
static void find_holder(const char *path, char *out, size_t size)
{
    char device[PATH_MAX], file[300], name[NAME_MAX_];
    DIR *processes = realpath(path, device) != NULL ? opendir("/proc") : NULL;
    bool found = false;
    for (const struct dirent *entry;
         processes != NULL && !found && (entry = readdir(processes)) != NULL;) {
        const char *pid = entry->d_name;
        if (pid[0] < '0' || pid[0] > '9' || strtol(pid, NULL, 10) == getpid() ||
            !has_open(pid, device))
            continue;
        (void)snprintf(file, sizeof file, "/proc/%.32s/comm", pid);
        FILE *comm = fopen(file, "re");
        bool known = comm != NULL && fgets(name, sizeof name, comm) != NULL;
        if (comm != NULL)
            (void)fclose(comm);
        if (known)
            (void)snprintf(out, size, "%.*s (process %.32s)", (int)strcspn(name, "\n"), name, pid);
        found = known && strcmp(name, "baiyed\n") == 0;
    }
    if (processes != NULL)
        (void)closedir(processes);
}

int port_take(const char *path)
{
    char holder[128] = "another program";
    char text[BUS_OPEN_TEXT_SIZE];
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
        error = errno == EWOULDBLOCK ? EBUSY : errno;
    if (error == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    if (error == EBUSY) {
        find_holder(path, holder, sizeof holder);
        cli_complain("%s is held by %s; name another adapter%s", path, holder,
                     strstr(holder, "baiyed") != NULL
                         ? _(", or stop the gateway meanwhile (systemctl stop baiyed)")
                         : _(", or end that program"));
    } else {
        cli_complain("%s: %s", path, bus_open_text(error, path, text));
    }
    return -1;
}
