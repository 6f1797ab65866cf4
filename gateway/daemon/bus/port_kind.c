/* SPDX-License-Identifier: Apache-2.0 */
/* DeviceAllow=char-NAME wants the name that a driver has in /proc/devices. The service can't look
 * there (ProcSubset=pid), but into sysfs: the kernel names a terminal as its driver, and numbers
 * it. */
#include "gateway/daemon/bus/port_kind.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CLASS "/tty" /* the folder that terminals are in, whatever device they belong to */

void port_kind(const char *port, char *kind, size_t size)
{
    struct stat device;
    char in_sysfs[64], target[PATH_MAX];
    ssize_t length = -1;
    if (stat(port, &device) == 0 && S_ISCHR(device.st_mode)) {
        (void)snprintf(in_sysfs, sizeof in_sysfs, "/sys/dev/char/%u:%u", major(device.st_rdev),
                       minor(device.st_rdev));
        length = readlink(in_sysfs, target, sizeof target - 1);
    }
    target[length > 0 ? length : 0] = '\0';
    const char *name = strrchr(target, '/');
    const size_t before = sizeof CLASS - 1;
    if (name == NULL || name - target < (ptrdiff_t)before ||
        memcmp(name - before, CLASS, before) != 0) {
        (void)snprintf(kind, size, "%s", port);
        return;
    }
    name++;
    size_t letters = strlen(name);
    while (letters > 0 && name[letters - 1] >= '0' && name[letters - 1] <= '9')
        letters--;
    (void)snprintf(kind, size, "char-%.*s", (int)letters, name);
}
