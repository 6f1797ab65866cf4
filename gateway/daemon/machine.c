/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/machine.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <systemd/sd-id128.h>

#define FILE_OF_ID "/etc/machine-id"
/* Of this program; one that is made anew stands for a new kind of name. */
#define PROGRAM_ID SD_ID128_MAKE(b2, 1e, 5c, 0d, 83, 4f, 4e, 0a, 9a, 51, 77, 2d, c6, 0b, 38, e4)

/* On a root that can't be written the service manager makes one up and lays it over the file. */
static bool is_made_up(void)
{
    struct statfs where;
    return statfs(FILE_OF_ID, &where) != 0 || where.f_type == TMPFS_MAGIC;
}

void machine_name(char name[STORE_MACHINE_SIZE])
{
    sd_id128_t id;
    name[0] = '\0';
    if (!is_made_up() && sd_id128_get_machine_app_specific(PROGRAM_ID, &id) >= 0)
        (void)sd_id128_to_string(id, name);
}
