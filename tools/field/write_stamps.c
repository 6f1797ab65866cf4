/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/write_stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (WRITE_STAMPS_SLOTS * sizeof(atomic_llong))

bool write_stamps_open(struct write_stamps *stamps, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    void *slots = MAP_FAILED;
    if (ftruncate(fd, SIZE) == 0)
        slots = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    if (slots == MAP_FAILED)
        return false;
    stamps->slots = slots;
    return true;
}

void write_stamps_close(struct write_stamps *stamps)
{
    if (stamps->slots != NULL)
        (void)munmap(stamps->slots, SIZE);
    stamps->slots = NULL;
}

int64_t write_stamps_take(struct write_stamps *stamps, int pty, int64_t seen_ns)
{
    if (stamps->slots == NULL || pty < 0 || pty >= WRITE_STAMPS_SLOTS)
        return 0;
    int64_t wrote_ns = atomic_exchange(&stamps->slots[pty], 0);
    return wrote_ns <= seen_ns && wrote_ns > seen_ns - WRITE_STAMPS_MOST_NS ? wrote_ns : 0;
}
