/* SPDX-License-Identifier: Apache-2.0 */
/* A small file beside the store, PATH.identity: "uuid boot next-id". With it a gateway whose store
 * was damaged or replaced goes on under its own name, and no boot count or id is used twice. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/daemon/store/impl.h"

void identity_new_uuid(char uuid[37])
{
    uint8_t b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        struct clock_now now = clock_now();
        memcpy(b, &now, sizeof b);
    }
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    char *at = uuid;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        (void)snprintf(at, 3, "%02x", b[i]);
        at += 2;
    }
}

static void identity_path(const char *path, const char *suffix, char *out, size_t size)
{
    (void)snprintf(out, size, "%s.identity%s", path, suffix);
}

void identity_load(const char *path, struct identity *identity)
{
    char name[DB_PATH_SIZE + 32], text[128] = {0};
    memset(identity, 0, sizeof *identity);
    identity_path(path, "", name, sizeof name);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    char *rest = NULL;
    if (got < 40 || text[36] != ' ' || strspn(text, "0123456789abcdef-") != 36)
        return;
    unsigned long boot = strtoul(text + 37, &rest, 10);
    unsigned long long next = strtoull(rest, NULL, 10);
    memcpy(identity->uuid, text, 36);
    identity->boot = boot <= UINT32_MAX ? (uint32_t)boot : 0;
    identity->next_id = next;
}

static bool write_whole(const char *name, const char *text, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool good = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    return close(fd) == 0 && good;
}

/* Makes the rename itself survive a power cut. */
static void sync_folder(const char *path)
{
    char folder[DB_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        (void)snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* best effort: some file systems do not know it */
    close(fd);
}

bool identity_save(const char *path, const struct identity *identity)
{
    char name[DB_PATH_SIZE + 32], fresh[DB_PATH_SIZE + 32], text[128];
    identity_path(path, "", name, sizeof name);
    identity_path(path, ".new", fresh, sizeof fresh);
    int size = snprintf(text, sizeof text, "%s %" PRIu32 " %" PRIu64 "\n", identity->uuid,
                        identity->boot, identity->next_id);
    if (size < 0 || !write_whole(fresh, text, (size_t)size) || rename(fresh, name) != 0)
        return false;
    sync_folder(path);
    return true;
}
