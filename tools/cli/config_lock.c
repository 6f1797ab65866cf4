/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/config_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tools/cli/cli.h"

bool config_lock(const char *config)
{
    char folder[CLI_PATH];
    int fd = cli_folder(config, folder, sizeof folder)
                 ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                 : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true; /* and stays open */
    if (fd >= 0 && errno == EWOULDBLOCK)
        cli_complain("another one is at work, or its configuration is on trial; try "
                     "again in a minute");
    else
        cli_complain("%s: %s", folder, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return false;
}
